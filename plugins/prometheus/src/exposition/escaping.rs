//! Escapes names for scrapers that do not read UTF-8 names:
//! <https://prometheus.io/docs/instrumenting/escaping_schemes/>.

use crate::{labels::is_plain_label, name::is_plain};

/// The escaping scheme of a scrape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Escaping {
    /// Names stay as they are.
    AllowUtf8,
    /// A character that is not allowed becomes `_`.
    #[default]
    Underscores,
    /// `.` becomes `_dot_`, and `_` becomes `__`.
    Dots,
    /// The name begins with `U__`, and each character that is not allowed is written in hexadecimal digits.
    /// Different names stay different.
    Values,
}

impl Escaping {
    pub(crate) fn of(text: &str) -> Option<Escaping> {
        let all = [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Dots, Escaping::Values];
        all.into_iter().find(|escaping| escaping.text() == text)
    }

    /// Returns the name of the scheme in requests.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Escaping::AllowUtf8 => "allow-utf-8",
            Escaping::Underscores => "underscores",
            Escaping::Dots => "dots",
            Escaping::Values => "values",
        }
    }

    /// Returns whether the scheme leaves all names as they are. `utf8` says that the names were not escaped
    /// before.
    pub(crate) fn is_idle(self, utf8: bool) -> bool {
        self == Escaping::AllowUtf8 || (!utf8 && self != Escaping::Dots)
    }

    pub(crate) fn metric(self, name: &str) -> String {
        self.escaped(name, is_plain(name), true)
    }

    pub(crate) fn label(self, name: &str) -> String {
        self.escaped(name, is_plain_label(name), false)
    }

    fn escaped(self, name: &str, plain: bool, colons: bool) -> String {
        let mut out = String::with_capacity(name.len() + 8);
        if self == Escaping::AllowUtf8 || (plain && self != Escaping::Dots) {
            out.push_str(name);
            return out;
        }
        if self == Escaping::Values {
            out.push_str("U__");
        }
        for (at, c) in name.char_indices() {
            let digit_first = at == 0 && c.is_ascii_digit() && self != Escaping::Values;
            let stays = (c.is_ascii_alphanumeric() && !digit_first) || (c == ':' && colons);
            match (self, c) {
                _ if stays => out.push(c),
                (Escaping::Dots | Escaping::Values, '_') => out.push_str("__"),
                (Escaping::Dots, '.') => out.push_str("_dot_"),
                (Escaping::Dots, _) => out.push_str("__"),
                (Escaping::Values, _) => out.push_str(&format!("_{:x}_", u32::from(c))),
                _ => out.push('_'),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_makes_a_name_that_everyone_reads() {
        let metric =
            |name| [Escaping::Underscores, Escaping::Dots, Escaping::Values].map(|by| by.metric(name));
        assert_eq!(metric("a.b_c"), ["a_b_c", "a_dot_b__c", "U__a_2e_b__c"]);
        assert_eq!(metric("größe:x"), ["gr__e:x", "gr____e:x", "U__gr_f6__df_e:x"]);
        assert_eq!(metric("a_b"), ["a_b", "a__b", "a_b"]);
        assert_eq!(metric("2x"), ["_x", "__x", "U__2x"]);
        assert_eq!(Escaping::Underscores.label("a:b"), "a_b");
        assert_eq!(Escaping::AllowUtf8.metric("größe"), "größe");
    }
}
