//! Makes many versions of one plugin from one build: copies of the `marker` guest, each with another stamp.

/// The stamp in the built component, which `tests/guests/examples/marker.rs` contains once.
///
/// The stamp ends with a letter for the concurrency, a letter for the mode, and eight digits for the mark.
const PLACEHOLDER: &[u8] = b"spanloom-guests:stamp:aw00000000";
const CONCURRENCY_AT: usize = 22;
const MODE_AT: usize = CONCURRENCY_AT + 1;
const MARK_AT: usize = MODE_AT + 1;

/// The concurrency that the `marker` declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    #[default]
    Stateless,
    ByTrace,
    Single,
}

/// What a version of the `marker` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Works,
    TrapsInConfigure,
    LoopsInConfigure,
    PanicsInDescribe,
    LoopsInProcess,
    /// Each instance traps after it has processed a hundred batches.
    TrapsLater,
    /// Each instance runs for ever after it has processed a hundred batches.
    LoopsLater,
}

/// Files that must not run, or not for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    Truncated,
    /// A component of an interface version that this host does not have.
    UnknownVersion,
    /// A component of an interface that is not Spanloom's.
    WrongWorld,
    NotWasm,
    Plugin(Mode),
}

impl Mode {
    fn letter(self) -> u8 {
        match self {
            Mode::Works => b'w',
            Mode::TrapsInConfigure => b'c',
            Mode::LoopsInConfigure => b'C',
            Mode::PanicsInDescribe => b'd',
            Mode::LoopsInProcess => b'l',
            Mode::TrapsLater => b't',
            Mode::LoopsLater => b'L',
        }
    }
}

impl Broken {
    pub const ALL: [Broken; 10] = [
        Broken::Plugin(Mode::TrapsLater),
        Broken::Truncated,
        Broken::Plugin(Mode::TrapsInConfigure),
        Broken::WrongWorld,
        Broken::Plugin(Mode::LoopsLater),
        Broken::Plugin(Mode::PanicsInDescribe),
        Broken::NotWasm,
        Broken::UnknownVersion,
        Broken::Plugin(Mode::LoopsInProcess),
        Broken::Plugin(Mode::LoopsInConfigure),
    ];

    /// Makes a file of this kind. Different marks give different bytes.
    pub fn file(self, marker: &[u8], mark: u32) -> Vec<u8> {
        match self {
            Broken::Truncated => {
                let mut bytes = padded(&stamp(marker, Mode::Works, mark), 16, mark);
                bytes.truncate(bytes.len() - 1);
                bytes
            }
            Broken::UnknownVersion => exporting("spanloom:plugin/processing@0.9.0", mark),
            Broken::WrongWorld => exporting("somebody:else/processing@0.1.0", mark),
            Broken::NotWasm => format!("#!/bin/sh\necho {mark}\n").into_bytes(),
            Broken::Plugin(mode) => stamp(marker, mode, mark),
        }
    }

    /// Returns whether the version runs before its fault is found.
    pub fn runs(self) -> bool {
        matches!(self, Broken::Plugin(Mode::TrapsLater | Mode::LoopsLater))
    }
}

/// Makes a component that exports one empty interface of this name.
fn exporting(interface: &str, mark: u32) -> Vec<u8> {
    let text = format!("(component (instance $i) (export \"{interface}\" (instance $i)))");
    padded(&wat::parse_str(text).expect("a component"), 16, mark)
}

/// Makes the version `1.0.MARK` of the `marker`.
pub fn stamp(marker: &[u8], mode: Mode, mark: u32) -> Vec<u8> {
    let mut bytes = marker.to_vec();
    let at = placeholder(marker);
    let digits = format!("{mark:08}");
    bytes[at + MODE_AT] = mode.letter();
    bytes[at + MARK_AT..at + PLACEHOLDER.len()].copy_from_slice(digits.as_bytes());
    bytes
}

/// Makes a `marker` that declares this concurrency and from which versions can be stamped.
pub fn with_concurrency(marker: &[u8], concurrency: Concurrency) -> Vec<u8> {
    let mut bytes = marker.to_vec();
    bytes[placeholder(marker) + CONCURRENCY_AT] = match concurrency {
        Concurrency::Stateless => b'a',
        Concurrency::ByTrace => b't',
        Concurrency::Single => b's',
    };
    bytes
}

/// Finds the placeholder by its fixed part, because the rest may be stamped already.
fn placeholder(marker: &[u8]) -> usize {
    let fixed = &PLACEHOLDER[..CONCURRENCY_AT];
    let windows = marker.windows(fixed.len()).enumerate().filter(|(_, window)| *window == fixed);
    let places: Vec<usize> = windows.map(|(at, _)| at).collect();
    let [at] = places[..] else { panic!("the component has {} places for a stamp", places.len()) };
    at
}

/// Makes the component longer by at least `len` bytes: adds a custom section that no reader uses.
pub fn padded(component: &[u8], len: usize, seed: u32) -> Vec<u8> {
    let mut content = vec![7];
    content.extend_from_slice(b"padding");
    content.extend(std::iter::repeat_n(seed.to_le_bytes(), len.div_ceil(4)).flatten());
    let mut section = vec![0];
    prost::encoding::encode_varint(content.len() as u64, &mut section);
    [component, &section, &content].concat()
}

/// Adds code of another component until the component has at least `len` bytes. The code is compiled but
/// never called.
pub fn grown(component: &[u8], other: &[u8], len: usize) -> Vec<u8> {
    let modules = sections(other).filter(|(id, _)| *id == CORE_MODULE).map(|(_, section)| section);
    let module = modules.max_by_key(|section| section.len()).expect("a core module");
    let mut grown = component.to_vec();
    while grown.len() < len {
        grown.extend_from_slice(module);
    }
    grown
}

const HEADER_LEN: usize = 8;
const CORE_MODULE: u8 = 1;

/// Returns each top-level section: its id, and all of its bytes.
fn sections(component: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = &component[HEADER_LEN..];
    std::iter::from_fn(move || {
        let (id, mut content) = rest.split_first()?;
        let len = prost::encoding::decode_varint(&mut content).expect("a length") as usize;
        let header_len = rest.len() - content.len();
        let (section, next) = rest.split_at(header_len + len);
        rest = next;
        Some((*id, section))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a component that contains the placeholder is stamped.
    /// Guarantees: the stamp replaces the placeholder and changes nothing else.
    #[test]
    fn a_stamp_takes_the_place_of_the_placeholder_and_nothing_else() {
        let component = [b"before".as_slice(), PLACEHOLDER, b"after"].concat();
        let stamped = stamp(&with_concurrency(&component, Concurrency::Single), Mode::TrapsLater, 42);
        assert_eq!(stamped, b"beforespanloom-guests:stamp:st00000042after");
    }

    /// Scenario: an empty component grows by the code of another one.
    /// Guarantees: the result is long enough and contains the largest core module several times.
    #[test]
    fn what_has_grown_has_another_ones_code_several_times() {
        let module = |component: &[u8]| sections(component).filter(|(id, _)| *id == CORE_MODULE).count();
        let other = wat::parse_str("(component (core module) (core module (func (export \"f\"))))");
        let other = other.expect("a component");
        let empty = wat::parse_str("(component)").expect("a component");
        let grown = grown(&empty, &other, empty.len() + 50);
        assert!(grown.len() >= empty.len() + 50);
        assert!(module(&grown) > 1, "{}", module(&grown));
        assert_eq!(module(&other), 2);
    }

    /// Scenario: one component is padded with two seeds.
    /// Guarantees: the results are longer, equally long, and different.
    #[test]
    fn what_is_padded_is_longer_and_differs_by_its_seed() {
        let empty = wat::parse_str("(component)").expect("a component");
        let (one, other) = (padded(&empty, 1000, 1), padded(&empty, 1000, 2));
        assert!(one.len() > empty.len() + 1000);
        assert_eq!(one.len(), other.len());
        assert_ne!(one, other);
    }
}
