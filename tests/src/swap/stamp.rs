//! Many versions of one plugin without as many builds: copies of the `marker` guest with another stamp.

/// A letter for the concurrency, one for the mode, and eight digits for the mark. `tests/guests/examples/marker.rs` has it once.
const PLACEHOLDER: &[u8] = b"spanloom-guests:stamp:aw00000000";
const CONCURRENCY_AT: usize = 22;
const MODE_AT: usize = CONCURRENCY_AT + 1;
const MARK_AT: usize = MODE_AT + 1;

/// What the `marker` declares.
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
    /// After a hundred batches that each instance does well.
    TrapsLater,
    LoopsLater,
}

/// Files that must not come to be what runs, or not for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    Truncated,
    /// A version of the interface that this host does not have.
    UnknownVersion,
    /// A world of somebody else's.
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

    /// A file of this kind. No two marks give the same bytes.
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

    /// Whether it comes to run before it is found out.
    pub fn runs(self) -> bool {
        matches!(self, Broken::Plugin(Mode::TrapsLater | Mode::LoopsLater))
    }
}

/// A component with nothing but an empty interface of this name.
fn exporting(interface: &str, mark: u32) -> Vec<u8> {
    let text = format!("(component (instance $i) (export \"{interface}\" (instance $i)))");
    padded(&wat::parse_str(text).expect("a component"), 16, mark)
}

/// The version `1.0.MARK` of the `marker`.
pub fn stamp(marker: &[u8], mode: Mode, mark: u32) -> Vec<u8> {
    let mut bytes = marker.to_vec();
    let at = placeholder(marker);
    let digits = format!("{mark:08}");
    bytes[at + MODE_AT] = mode.letter();
    bytes[at + MARK_AT..at + PLACEHOLDER.len()].copy_from_slice(digits.as_bytes());
    bytes
}

/// A `marker` to stamp versions from, that declares this.
pub fn with_concurrency(marker: &[u8], concurrency: Concurrency) -> Vec<u8> {
    let mut bytes = marker.to_vec();
    bytes[placeholder(marker) + CONCURRENCY_AT] = match concurrency {
        Concurrency::Stateless => b'a',
        Concurrency::ByTrace => b't',
        Concurrency::Single => b's',
    };
    bytes
}

/// Where it is, but for what may be stamped already.
fn placeholder(marker: &[u8]) -> usize {
    let fixed = &PLACEHOLDER[..CONCURRENCY_AT];
    let windows = marker.windows(fixed.len()).enumerate().filter(|(_, window)| *window == fixed);
    let places: Vec<usize> = windows.map(|(at, _)| at).collect();
    let [at] = places[..] else { panic!("the component has {} places for a stamp", places.len()) };
    at
}

/// The same component as other bytes, so many more: it has a custom section that nobody reads.
pub fn padded(component: &[u8], len: usize, seed: u32) -> Vec<u8> {
    let mut content = vec![7];
    content.extend_from_slice(b"padding");
    content.extend(std::iter::repeat_n(seed.to_le_bytes(), len.div_ceil(4)).flatten());
    let mut section = vec![0];
    prost::encoding::encode_varint(content.len() as u64, &mut section);
    [component, &section, &content].concat()
}

/// The component with code of another one in it, as often as it takes to be so long. Nobody calls it, but it is compiled.
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

/// Each top-level section: its id, and all of its bytes.
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

    #[test]
    fn a_stamp_takes_the_place_of_the_placeholder_and_nothing_else() {
        let component = [b"before".as_slice(), PLACEHOLDER, b"after"].concat();
        let stamped = stamp(&with_concurrency(&component, Concurrency::Single), Mode::TrapsLater, 42);
        assert_eq!(stamped, b"beforespanloom-guests:stamp:st00000042after");
    }

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

    #[test]
    fn what_is_padded_is_longer_and_differs_by_its_seed() {
        let empty = wat::parse_str("(component)").expect("a component");
        let (one, other) = (padded(&empty, 1000, 1), padded(&empty, 1000, 2));
        assert!(one.len() > empty.len() + 1000);
        assert_eq!(one.len(), other.len());
        assert_ne!(one, other);
    }
}
