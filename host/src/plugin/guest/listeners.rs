//! Checks what a receiver asks the host to listen to.

use super::{
    failure::{CallError, CallErrorKind},
    interface::{Listener, Takes},
};

/// The most listeners of a receiver, and the most routes or methods of one of them.
const LISTENERS_LIMIT: usize = 16;
const ROUTES_LIMIT: usize = 256;
/// The limit of a name, an endpoint, a path or a method.
const TEXT_LIMIT_BYTES: usize = 1 << 10;

/// Checks the listeners.
///
/// # Errors
/// There are too many, two have one name, one of several has none, or a text is not what it should be.
pub(in crate::plugin) fn checked(said: Vec<Listener>) -> Result<Vec<Listener>, CallError> {
    let names: Vec<&str> = said.iter().map(|listener| listener.name.as_str()).collect();
    let twice =
        (1..).zip(&names).find(|(number, name)| names.iter().skip(*number).any(|other| other == *name));
    let wrong = match (said.len(), twice) {
        (LISTENERS_LIMIT.., _) => Some(format!("there may be less than {LISTENERS_LIMIT}")),
        (2.., _) if names.contains(&"") => Some("one of several has no name".to_owned()),
        (_, Some((_, name))) => Some(format!("two have the name `{name}`")),
        _ => said.iter().find_map(mistake),
    };
    match wrong {
        Some(why) => Err(CallError::new(CallErrorKind::WrongAnswer, format!("its listeners: {why}"))),
        None => Ok(said),
    }
}

/// Returns what is wrong with a listener, if anything is.
fn mistake(Listener { name, endpoint, takes }: &Listener) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.chars().all(is_name) {
        return Some(format!("{name:?} has other characters than letters, digits, `_` and `-`"));
    }
    let (paths, methods): (Vec<&str>, Vec<&str>) = match takes {
        Takes::Http(routes) => routes.iter().map(|route| (&*route.path, &*route.method)).unzip(),
        Takes::Grpc(methods) => (methods.iter().map(String::as_str).collect(), Vec::new()),
        Takes::Datagrams | Takes::Frames(_) => Default::default(),
    };
    if paths.len() > ROUTES_LIMIT {
        return Some(format!("`{name}` has more than {ROUTES_LIMIT} routes"));
    }
    let is_path = |path: &str| {
        let fixed = path.strip_suffix("/*").unwrap_or(path);
        path.starts_with('/') && !fixed.contains('*')
    };
    if let Some(path) = paths.iter().find(|path| !is_path(path)) {
        return Some(format!("{path:?} is no path: it begins with a slash, and may end with `/*`"));
    }
    let mut texts = paths.into_iter().chain(methods).chain([&**name, &**endpoint]);
    texts
        .any(|text| text.len() > TEXT_LIMIT_BYTES)
        .then(|| format!("a text has more than {TEXT_LIMIT_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::guest::interface::Route;

    fn listener(name: &str, path: &str) -> Listener {
        let route = Route { method: String::new(), path: path.to_owned() };
        Listener {
            name: name.to_owned(),
            endpoint: "localhost:1".to_owned(),
            takes: Takes::Http(vec![route]),
        }
    }

    fn check(said: &[Listener], expected: &str) {
        let error = checked(said.to_vec()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    /// Scenario: a plugin asks for good listeners, and for such as cannot be.
    /// Guarantees: the good ones stay, and each mistake is named.
    #[test]
    fn listeners_that_cannot_be_are_refused() {
        let good = vec![listener("a", "/"), listener("b-2", "/events/*"), listener("c", "/*")];
        assert_eq!(checked(good.clone()).unwrap(), good);
        assert_eq!(checked(Vec::new()).unwrap(), []);
        check(&[listener("a", "/"), listener("b", "/"), listener("a", "/")], "two have the name `a`");
        check(&[listener("a", "/"), listener("", "/")], "one of several has no name");
        check(&[listener("a b", "/")], "other characters");
        for path in ["", "events", "/*/events", "/events*"] {
            check(&[listener("", path)], "is no path");
        }
        check(&[listener("", &"/x".repeat(600))], "more than 1024 bytes");
        check(&vec![listener("", "/"); 16], "less than 16");
        let routes = vec![Route { method: String::new(), path: "/".to_owned() }; 257];
        check(&[Listener { takes: Takes::Http(routes), ..listener("", "/") }], "more than 256 routes");
    }
}
