//! Translates units from UCUM's notation to Prometheus's words.

/// A unit in words. Either word may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnitName {
    /// Like `bytes`.
    pub(crate) main: String,
    /// Like `per_second`.
    pub(crate) per: String,
}

const WORDS: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("kBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

/// The words after a `/`, in the singular.
const PER_WORDS: &[(&str, &str)] = &[
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

impl UnitName {
    /// Reads a unit. Text in braces names what is counted and is not a unit. An unknown unit stays as it is.
    pub(crate) fn of(unit: &str) -> UnitName {
        let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
        let per = word(per, PER_WORDS);
        UnitName {
            main: word(main, WORDS).to_owned(),
            per: if per.is_empty() { String::new() } else { format!("per_{per}") },
        }
    }

    /// Removes the characters that names must not have.
    pub(crate) fn compliant(self) -> UnitName {
        let per = plain(&self.per);
        UnitName { main: plain(&self.main), per: if per == "per" { String::new() } else { per } }
    }

    pub(crate) fn joined(&self) -> String {
        let words = [self.main.as_str(), self.per.as_str()];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
    }
}

fn word<'a>(unit: &'a str, words: &[(&str, &'static str)]) -> &'a str {
    let unit = unit.trim();
    if unit.contains(['{', '}']) {
        return "";
    }
    words.iter().find(|(short, _)| *short == unit).map_or(unit, |(_, word)| word)
}

fn plain(word: &str) -> String {
    let parts = word.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_words() {
        let joined = |unit: &str| UnitName::of(unit).compliant().joined();
        let cases = [
            ("s", "seconds"),
            ("By/s", "bytes_per_second"),
            ("m/m", "meters_per_minute"),
            ("1", ""),
            ("1/d", "per_day"),
            ("{request}", ""),
            ("By/{request}", "bytes"),
            ("foo/bar", "foo_per_bar"),
            ("a__b", "a_b"),
            ("/", ""),
            ("s/@", "seconds"),
            ("", ""),
        ];
        for (unit, expected) in cases {
            assert_eq!(joined(unit), expected, "{unit}");
        }
    }
}
