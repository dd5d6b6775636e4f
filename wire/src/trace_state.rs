//! The W3C trace state, and what OpenTelemetry's samplers say in its member `ot` (OTEP 235, W3C Trace Context
//! level 2): `ot=rv:0123456789abcd;th:c`.
//!
//! A trace has a randomness of 56 bits: `rv`, or the last bits of its id. It is kept if its randomness is not
//! below the threshold `th`. Texts are read and written as the Collector does.

use std::fmt;

use smallvec::SmallVec;

/// The number of values that 56 bits have.
const ALL: u64 = 1 << 56;
/// How many hex digits 56 bits have.
const DIGITS: usize = 14;
const LIMIT_BYTES: usize = 1024;
const LIMIT_VALUE_BYTES: usize = 256;
const LIMIT_KEY_BYTES: usize = 256;
/// The Collector reads one member less than W3C allows.
const LIMIT_MEMBERS: usize = 31;

/// A number of 56 bits that is the same wherever a trace is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Randomness(u64);

/// The randomness from which on traces are kept: from 0, which keeps every trace, to 2^56, which keeps none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Threshold(u64);

/// A trace state. Members and subkeys that are not about sampling are kept as they are.
#[derive(Clone, Debug, Default)]
pub struct TraceState<'a> {
    /// With the text that was read, which may be in upper case.
    randomness: Option<(Randomness, Option<&'a str>)>,
    threshold: Option<(Threshold, Option<&'a str>)>,
    /// The other subkeys of `ot`.
    subkeys: SmallVec<[(&'a str, &'a str); 2]>,
    /// The other members.
    members: SmallVec<[(&'a str, &'a str); 4]>,
    malformed: bool,
}

impl Randomness {
    /// The randomness that every threshold but the last keeps.
    pub const MAX: Randomness = Randomness(ALL - 1);

    /// Returns the last 56 bits of a trace id.
    pub fn of_trace_id(id: &[u8; 16]) -> Randomness {
        Randomness(u128::from_be_bytes(*id) as u64 & (ALL - 1))
    }

    /// Cuts a number to its last 56 bits.
    pub fn from_bits(bits: u64) -> Randomness {
        Randomness(bits & (ALL - 1))
    }

    pub fn bits(self) -> u64 {
        self.0
    }

    /// Reads 14 hex digits.
    pub fn parse(digits: &str) -> Option<Randomness> {
        if digits.len() != DIGITS { None } else { hex(digits).map(Randomness) }
    }
}

impl Threshold {
    /// Keeps every trace.
    pub const ALWAYS: Threshold = Threshold(0);
    /// Keeps no trace.
    pub const NEVER: Threshold = Threshold(ALL);

    /// Returns a threshold of 56 bits, or `None` if there are more.
    pub fn from_bits(bits: u64) -> Option<Threshold> {
        (bits < ALL).then_some(Threshold(bits))
    }

    pub fn bits(self) -> u64 {
        self.0
    }

    /// Reads up to 14 hex digits. Last digits that are left out are zeros.
    pub fn parse(digits: &str) -> Option<Threshold> {
        if digits.is_empty() || digits.len() > DIGITS {
            return None;
        }
        Some(Threshold(hex(digits)? << (4 * (DIGITS - digits.len()))))
    }

    /// Returns the threshold that keeps a share of the traces, rounded to `precision` hex digits (1 to 14), not
    /// counting leading digits that are 0 or f. Returns `None` if the share is below 2^-56 or above 1.
    pub fn of_share(share: f64, precision: u32) -> Option<Threshold> {
        if !(1.0 / ALL as f64..=1.0).contains(&share) {
            return None;
        }
        if share >= 1.0 {
            return Some(Threshold::ALWAYS);
        }
        let digits = DIGITS as i32;
        let wanted = i32::try_from(precision).unwrap_or(digits);
        // Both the share and the rest may be near zero, where more digits are needed for the same precision.
        let leading = (exponent(share) / -4).max(exponent(1.0 - share) / -4);
        let kept_digits = wanted.saturating_add(leading).clamp(1, digits);
        let mut bits = ALL - (share * ALL as f64).round() as u64;
        let cut = 4 * (digits - kept_digits) as u32;
        if cut > 0 {
            bits = ((bits + (1 << (cut - 1))) >> cut) << cut;
        }
        Some(Threshold(bits.min(ALL)))
    }

    /// Returns the share of traces that the threshold keeps.
    pub fn share(self) -> f64 {
        (ALL - self.0) as f64 / ALL as f64
    }

    /// Returns whether a trace of this randomness is kept.
    pub fn keeps(self, randomness: Randomness) -> bool {
        self.0 <= randomness.0
    }
}

/// Returns the exponent of a normal number above 0 as a fraction from 0.5 to 1.
fn exponent(number: f64) -> i32 {
    ((number.to_bits() >> 52) & 0x7ff) as i32 - 1022
}

fn hex(digits: &str) -> Option<u64> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

impl fmt::Display for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014x}", self.0)
    }
}

/// Writes the hex digits without the last zeros; nothing for [`Threshold::NEVER`], which has no text.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Threshold::ALWAYS => f.write_str("0"),
            Threshold::NEVER => Ok(()),
            Threshold(bits) => {
                let zeros = (bits.trailing_zeros() / 4).min(DIGITS as u32 - 1);
                let width = DIGITS - zeros as usize;
                write!(f, "{:0width$x}", bits >> (4 * zeros))
            }
        }
    }
}

impl<'a> TraceState<'a> {
    /// Reads a trace state. Of a malformed one, only what could be read is there.
    pub fn parse(text: &'a str) -> TraceState<'a> {
        let text = text.strip_suffix(',').unwrap_or(text);
        let members = || text.split(',').map(|member| member.trim_matches([' ', '\t']));
        let is_member = |member: &str| {
            member.is_empty()
                || member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
        };
        if text.len() > LIMIT_BYTES || !members().all(is_member) {
            return TraceState { malformed: true, ..TraceState::default() };
        }
        let mut state = TraceState::default();
        for (number, member) in members().enumerate() {
            if number >= LIMIT_MEMBERS {
                state.malformed = true;
                break;
            }
            match member.split_once('=') {
                None => {}
                Some((key, _)) if !is_short(key) => state.malformed = true,
                Some(("ot", value)) => state.read_subkeys(value),
                Some(member) => state.members.push(member),
            }
        }
        state
    }

    /// Reads the member `ot`. If there are several, the last counts.
    fn read_subkeys(&mut self, value: &'a str) {
        (self.randomness, self.threshold) = (None, None);
        self.subkeys.clear();
        let subkeys = || value.split(';').map(|subkey| subkey.split_once(':'));
        if !subkeys().all(|subkey| subkey.is_some_and(|(key, value)| is_subkey(key) && is_subvalue(value))) {
            self.malformed = true;
            return;
        }
        for (key, value) in subkeys().flatten() {
            match key {
                "rv" => {
                    self.randomness = Randomness::parse(value).map(|randomness| (randomness, Some(value)));
                    self.malformed |= self.randomness.is_none();
                }
                "th" => {
                    self.threshold = Threshold::parse(value).map(|threshold| (threshold, Some(value)));
                    self.malformed |= self.threshold.is_none();
                }
                _ => self.subkeys.push((key, value)),
            }
        }
    }

    /// Returns whether any part of the text could not be read.
    pub fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// Returns the explicit randomness, if there is one.
    pub fn randomness(&self) -> Option<Randomness> {
        self.randomness.map(|(randomness, _)| randomness)
    }

    pub fn threshold(&self) -> Option<Threshold> {
        self.threshold.map(|(threshold, _)| threshold)
    }

    pub fn set_randomness(&mut self, randomness: Randomness) {
        self.randomness = Some((randomness, None));
    }

    /// Sets the threshold, unless a higher one is there.
    pub fn raise_threshold(&mut self, threshold: Threshold) {
        if self.threshold().is_none_or(|present| present <= threshold) {
            self.threshold = Some((threshold, None));
        }
    }

    pub fn clear_threshold(&mut self) {
        self.threshold = None;
    }
}

/// Writes the trace state with the member `ot` first, and in it `rv` and `th` first.
impl fmt::Display for TraceState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threshold = self.threshold.filter(|(threshold, _)| *threshold != Threshold::NEVER);
        let mut comma = "";
        if self.randomness.is_some() || threshold.is_some() || !self.subkeys.is_empty() {
            let mut semicolon = "";
            f.write_str("ot=")?;
            match self.randomness {
                Some((_, Some(text))) => write!(f, "rv:{text}")?,
                Some((randomness, None)) => write!(f, "rv:{randomness}")?,
                None => {}
            }
            if self.randomness.is_some() {
                semicolon = ";";
            }
            match threshold {
                Some((_, Some(text))) => write!(f, "{semicolon}th:{text}")?,
                Some((threshold, None)) => write!(f, "{semicolon}th:{threshold}")?,
                None => {}
            }
            if threshold.is_some() {
                semicolon = ";";
            }
            for (key, value) in &self.subkeys {
                write!(f, "{semicolon}{key}:{value}")?;
                semicolon = ";";
            }
            comma = ",";
        }
        for (key, value) in &self.members {
            write!(f, "{comma}{key}={value}")?;
            comma = ",";
        }
        Ok(())
    }
}

/// Returns whether this is made like the key of a member (W3C Trace Context, "key"), of whatever length.
fn is_key(key: &str) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase();
    let more = |byte: &u8| letter(byte) || byte.is_ascii_digit() || b"_-*/".contains(byte);
    match key.split_once('@') {
        None => starts(key, letter, more),
        Some((tenant, system)) => {
            starts(tenant, |byte| letter(byte) || byte.is_ascii_digit(), more) && starts(system, letter, more)
        }
    }
}

/// Returns whether a key is no longer than W3C allows.
fn is_short(key: &str) -> bool {
    key.len() <= LIMIT_KEY_BYTES
        && key.split_once('@').is_none_or(|(tenant, system)| tenant.len() <= 241 && system.len() <= 14)
}

/// Returns whether this is the value of a member (W3C Trace Context, "value").
fn is_value(value: &str) -> bool {
    let printable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    !value.is_empty()
        && value.len() <= LIMIT_VALUE_BYTES
        && value.bytes().all(printable)
        && !value.ends_with(' ')
}

fn is_subkey(key: &str) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase();
    starts(key, letter, |byte| letter(byte) || byte.is_ascii_digit())
}

fn is_subvalue(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Returns whether the text is not empty, and its first and its further bytes are what is given.
fn starts(text: &str, first: impl Fn(&u8) -> bool, more: impl Fn(&u8) -> bool) -> bool {
    text.as_bytes().split_first().is_some_and(|(head, tail)| first(head) && tail.iter().all(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_hex_with_its_last_zeros_left_out() {
        let kept = |state| TraceState::parse(state).threshold().map(|threshold| ALL - threshold.bits());
        for (state, is) in [
            ("ot=th:8", Some(ALL / 2)),
            ("a=b, ot=rv:0123456789abcd;th:c,x=y", Some(ALL / 4)),
            ("x=y,ot=th:c;p:1", Some(ALL / 4)),
            ("ot=th:0", Some(ALL)),
            ("ot=th:C", Some(ALL / 4)),
            ("ot=th:fffffffffffff0", Some(16)),
            ("ot=th:8;th:c", Some(ALL / 4)),
            ("ot=th:8,ot=p:1", None),
            ("1a-*/_@b=c,ot=th:8", Some(ALL / 2)),
            ("ot=p:1;r:2", None),
            ("", None),
        ] {
            assert_eq!(kept(state), is, "{state}");
            assert!(!TraceState::parse(state).is_malformed(), "{state}");
        }
    }

    #[test]
    fn a_malformed_trace_state_is_recognised() {
        let long = format!("ot=th:8,a={}", "x".repeat(257));
        let many = format!("ot=th:8{}", ",a=b".repeat(31));
        for state in [
            "ot=th:fffffffffffffff",
            "ot=th:zz",
            "ot=th:",
            "ot=th:8;",
            "ot=th:8;;x:1",
            "ot=th:8;rv:1",
            "ot=rv:0123456789abcg;th:8",
            "ot=th:8;X:1",
            "ot=th:8;x",
            "ot=th",
            "ot=th:8,x",
            "ot=th:8,=y",
            "ot=th:8,X=y",
            "ot=th:8,x=y=z",
            "ot=th:8,x=é",
            "ot=th:8,a@=b",
            "ot=",
            "xot",
            long.as_str(),
            many.as_str(),
        ] {
            assert!(TraceState::parse(state).is_malformed(), "{state}");
        }
        let most = format!("ot=th:8{},", ",a=b".repeat(30));
        assert!(!TraceState::parse(&most).is_malformed());
    }

    /// Scenario: trace states are read, changed and written.
    /// Guarantees: other members and subkeys stay, digits stay as they came, and a threshold only rises.
    #[test]
    fn what_is_written_has_everything_that_was_read() {
        let after = |state: &'static str, edit: fn(&mut TraceState<'_>)| {
            let mut read = TraceState::parse(state);
            edit(&mut read);
            read.to_string()
        };
        assert_eq!(
            after("a=b,, ot=x:1;th:C;rv:0123456789ABCD ,c=d", |_| ()),
            "ot=rv:0123456789ABCD;th:C;x:1,a=b,c=d"
        );
        let half = Threshold::from_bits(ALL / 2).expect("a threshold");
        assert_eq!(half.to_string(), "8");
        assert_eq!(TraceState::default().to_string(), "");
        assert_eq!(after("", |state| state.raise_threshold(Threshold(ALL / 2))), "ot=th:8");
        assert_eq!(after("ot=th:c", |state| state.raise_threshold(Threshold(ALL / 2))), "ot=th:c");
        assert_eq!(after("ot=th:4;a:b", |state| state.raise_threshold(Threshold(ALL / 2))), "ot=th:8;a:b");
        assert_eq!(after("a=b", |state| state.set_randomness(Randomness(10))), "ot=rv:0000000000000a,a=b");
        assert_eq!(after("ot=th:4,a=b", |state| state.clear_threshold()), "a=b");
    }

    #[test]
    fn a_share_becomes_a_threshold_of_the_digits_asked_for() {
        let text = |share, precision| Threshold::of_share(share, precision).expect("a share").to_string();
        assert_eq!(text(1.0, 4), "0");
        assert_eq!(text(0.5, 4), "8");
        assert_eq!(text(0.1, 4), "e666");
        assert_eq!(text(0.1, 14), "e6666666666666");
        assert_eq!(text(0.01, 4), "fd70a");
        assert_eq!(text(0.999, 2), "0042");
        assert_eq!(Threshold::of_share(0.0, 4), None);
        assert_eq!(Threshold::of_share(1.1, 4), None);
        assert_eq!(Threshold::of_share(f64::NAN, 4), None);
        assert_eq!(Threshold::of_share(1.0 / ALL as f64, 14), Some(Threshold(ALL - 1)));
        assert_eq!(Threshold(ALL / 4 * 3).share(), 0.25);
    }
}
