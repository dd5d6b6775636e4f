//! The values of a span's attributes, by their meaning.

use spanloom_plugin::ValueRef;

use super::key::Key;

/// The value of each key of a span. If a key occurs several times, the first counts.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>([Option<ValueRef<'a>>; Key::COUNT]);

impl Default for Fields<'_> {
    fn default() -> Self {
        Fields([None; Key::COUNT])
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn set(&mut self, key: Key, value: ValueRef<'a>) {
        if let Some(field @ None) = self.0.get_mut(key as usize) {
            *field = Some(value);
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<ValueRef<'a>> {
        self.0.get(key as usize).copied().flatten()
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.get(key).is_some()
    }

    /// Returns the text, or `None` if it is empty or not a text.
    pub(crate) fn text(&self, key: Key) -> Option<&'a str> {
        match self.get(key) {
            Some(ValueRef::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Returns the text of the first of these keys that has one.
    pub(crate) fn first_text(&self, keys: &[Key]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.text(*key))
    }

    /// Returns the int. Some senders write numbers as text.
    pub(crate) fn int(&self, key: Key) -> Option<i64> {
        match self.get(key)? {
            ValueRef::Int(int) => Some(int),
            ValueRef::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns the bool, or `None` if the value is not one.
    pub(crate) fn bool(&self, key: Key) -> Option<bool> {
        if let Some(ValueRef::Bool(value)) = self.get(key) { Some(value) } else { None }
    }

    pub(crate) fn is_aws_api(&self) -> bool {
        self.text(Key::RpcSystem) == Some("aws-api")
    }
}

/// Returns the texts of a list. A text is split at `&`, which environment variables use for lists.
pub(crate) fn texts(value: ValueRef<'_>) -> Vec<String> {
    let texts: Vec<String> = match value {
        ValueRef::Text(text) => text.split('&').map(str::to_owned).collect(),
        value => list(value),
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}

/// Returns the texts of a list.
pub(crate) fn list(value: ValueRef<'_>) -> Vec<String> {
    let ValueRef::Json(json) = value else { return Vec::new() };
    let Ok(items) = serde_json::from_str::<Vec<serde_json::Value>>(json) else { return Vec::new() };
    let text = |item| if let serde_json::Value::String(text) = item { Some(text) } else { None };
    items.into_iter().filter_map(text).collect()
}
