use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the request said of its sender; as in the host, what all have in common once batches are merged.
#[derive(Debug, Default)]
pub(crate) struct Metadata(RefCell<BTreeMap<String, Vec<String>>>);

impl Metadata {
    /// By the names of headers, in lower case.
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
