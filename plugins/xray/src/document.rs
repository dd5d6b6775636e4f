//! Makes segment documents fit, because X-Ray refuses documents above 64 KB.

use spanloom_plugin::json::Writer;

/// The largest document, in bytes of UTF-8. "A segment document can be up to 64 kB" (X-Ray developer guide,
/// segment documents).
pub(crate) const MAX_DOCUMENT_BYTES: usize = 64_000;

/// How much of a span goes into its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Detail {
    /// The most bytes of one value of the metadata. 0 leaves out all metadata.
    pub(crate) metadata_bytes: usize,
    pub(crate) annotations: bool,
    /// The most stack frames of one exception.
    pub(crate) frames: usize,
    /// The most bytes of one text.
    pub(crate) text_bytes: usize,
    /// The most entries of a list: links, exceptions, tables, log groups.
    pub(crate) items: usize,
}

/// The part of a document that was left out, wholly or partly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    Metadata,
    Annotations,
    Stacks,
    Texts,
}

impl Cut {
    /// All cuts, in the order in which they are made.
    pub(crate) const ALL: [Cut; 4] = [Cut::Metadata, Cut::Annotations, Cut::Stacks, Cut::Texts];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Cut::Metadata => "metadata",
            Cut::Annotations => "annotations",
            Cut::Stacks => "stacks",
            Cut::Texts => "texts",
        }
    }
}

impl Detail {
    pub(crate) const FULL: Detail = Detail {
        metadata_bytes: usize::MAX,
        annotations: true,
        frames: usize::MAX,
        text_bytes: usize::MAX,
        items: usize::MAX,
    };

    const SHORT_METADATA: Detail = Detail { metadata_bytes: 1024, ..Detail::FULL };
    const NO_METADATA: Detail = Detail { metadata_bytes: 0, ..Detail::FULL };
    const NO_ANNOTATIONS: Detail = Detail { annotations: false, ..Detail::NO_METADATA };
    const SHORT_STACKS: Detail = Detail { frames: 32, ..Detail::NO_ANNOTATIONS };
    const NO_STACKS: Detail = Detail { frames: 0, ..Detail::NO_ANNOTATIONS };
    /// This detail always fits: at most 80 texts, with at most six bytes written for each of theirs.
    const SHORT_TEXTS: Detail = Detail { text_bytes: 100, items: 8, ..Detail::NO_STACKS };

    /// Writes a key with its text, unless the text is empty.
    pub(crate) fn text(&self, json: &mut Writer, key: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            json.field(key, self.cut(text));
        }
    }

    /// Returns as much of a text as this detail allows.
    pub(crate) fn cut<'t>(&self, text: &'t str) -> &'t str {
        text.get(..text.floor_char_boundary(self.text_bytes)).unwrap_or_default()
    }
}

/// The next details to try, and the name of what each leaves out.
const STEPS: [(Detail, Cut); 6] = [
    (Detail::SHORT_METADATA, Cut::Metadata),
    (Detail::NO_METADATA, Cut::Metadata),
    (Detail::NO_ANNOTATIONS, Cut::Annotations),
    (Detail::SHORT_STACKS, Cut::Stacks),
    (Detail::NO_STACKS, Cut::Stacks),
    (Detail::SHORT_TEXTS, Cut::Texts),
];

/// Writes a document in as much detail as fits. Returns the last cut that was needed, which implies the cuts
/// before it.
pub(crate) fn fit(json: &mut Writer, mut write: impl FnMut(&mut Writer, Detail)) -> Option<Cut> {
    json.clear();
    write(json, Detail::FULL);
    let mut worst = None;
    for (detail, cut) in STEPS {
        // The escaped length is the greater one, and is already known.
        if json.as_bytes().len() <= MAX_DOCUMENT_BYTES || json.document_len() <= MAX_DOCUMENT_BYTES {
            break;
        }
        json.clear();
        write(json, detail);
        worst = Some(cut);
    }
    worst
}
