use std::cell::OnceCell;

/// Columns by key. Few keys are asked for, so a list is searched. An entry stays where it is, so that a
/// reference to it outlives later entries.
pub(super) struct Memo<T>(OnceCell<Box<Entry<T>>>);

struct Entry<T> {
    key: String,
    value: T,
    next: Memo<T>,
}

impl<T> Default for Memo<T> {
    fn default() -> Memo<T> {
        Memo(OnceCell::new())
    }
}

impl<T> Memo<T> {
    /// Returns the value of `key`. Calls `make` only the first time.
    pub(super) fn get(&self, key: &str, make: impl Fn() -> T) -> &T {
        let mut memo = self;
        loop {
            let first = || Box::new(Entry { key: key.to_owned(), value: make(), next: Memo::default() });
            let entry = memo.0.get_or_init(first);
            if entry.key == key {
                return &entry.value;
            }
            memo = &entry.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_value_is_made_once_for_each_key() {
        let (memo, made) = (Memo::default(), Cell::new(0));
        let get = |key: &str| {
            memo.get(key, || {
                made.set(made.get() + 1);
                key.len()
            })
        };
        assert_eq!([get("a"), get("bcd"), get("a"), get("bcd")], [&1, &3, &1, &3]);
        assert_eq!(made.get(), 2);
    }
}
