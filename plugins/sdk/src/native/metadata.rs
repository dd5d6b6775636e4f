use std::cell::RefCell;
use std::collections::BTreeMap;

/// The headers of the request. As in the host, merged batches keep only the headers that all of them share.
#[derive(Debug, Default)]
pub(crate) struct Metadata(RefCell<BTreeMap<String, Vec<String>>>);

impl Metadata {
    /// Returns the values of a header, whatever the case of its name.
    pub(crate) fn get(&self, key: &str) -> Vec<String> {
        self.0.borrow().get(&key.to_ascii_lowercase()).cloned().unwrap_or_default()
    }

    pub(crate) fn add(&self, key: &str, value: &str) {
        self.0.borrow_mut().entry(key.to_ascii_lowercase()).or_default().push(value.to_owned());
    }

    pub(crate) fn share(&self) -> Metadata {
        Metadata(self.0.clone())
    }

    pub(crate) fn merge(&self, other: &Metadata) {
        let theirs = other.0.borrow();
        self.0.borrow_mut().retain(|key, values| theirs.get(key) == Some(values));
    }
}
