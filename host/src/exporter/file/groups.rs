//! Writes one file for each value of a resource attribute (`group_by`).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    path::PathBuf,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::{common::v1::any_value::Value, resource::v1::Resource};
use prost::Message;

use super::{
    config::FileConfig,
    output::Output,
    record::{Encoding, encode},
};
use crate::component::Exported;

/// The most files that are known to have been opened before. If there are more, no file is emptied any more.
const KNOWN_LIMIT: usize = 10_000;

/// The files of an exporter, of which the last used are open.
pub(super) struct Groups {
    config: FileConfig,
    encoding: Encoding,
    /// The parts of the path before and after its `*`.
    before: String,
    after: String,
    open: HashMap<PathBuf, Open>,
    /// The number of records written so far.
    writes: u64,
    /// Files that were opened before. They are appended to when they are opened again.
    known: HashSet<PathBuf>,
}

struct Open {
    output: Output,
    /// When the file was last used, as a number of [`Groups::writes`].
    used: u64,
}

/// A request of any signal, of which only the envelopes are known.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    envelopes: Vec<Bytes>,
}

/// A `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`.
#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
}

impl Groups {
    pub(super) fn new(config: &FileConfig) -> Groups {
        let (before, after) = config.path.split_once('*').unwrap_or((&config.path, ""));
        Groups {
            encoding: Encoding::of(config),
            before: before.to_owned(),
            after: after.to_owned(),
            config: config.clone(),
            open: HashMap::new(),
            writes: 0,
            known: HashSet::new(),
        }
    }

    /// Writes each resource to its file. Resources without the attribute, and those whose file cannot be
    /// written to while others can, are rejected.
    ///
    /// # Errors
    /// Nothing was written.
    pub(super) fn write(&mut self, data: &wire::Batch) -> io::Result<Exported> {
        let Parts { without, by_value } = self.parts(data)?;
        let mut written = 0;
        let mut exported = Exported::default();
        if let Some(without) = without {
            exported.rejected += without.items();
            exported.message = format!("no attribute `{}`", self.config.group_by.resource_attribute);
        }
        for (value, part) in by_value {
            match self.write_one(self.path_of(&value), &part) {
                Ok(()) => written += 1,
                Err(error) if written == 0 && may_pass(&error) => return Err(error),
                Err(error) => {
                    exported.rejected += part.items();
                    exported.message = error.to_string();
                }
            }
        }
        Ok(exported)
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.open.values_mut().try_for_each(|open| open.output.sync())
    }

    fn write_one(&mut self, path: PathBuf, part: &wire::Batch) -> io::Result<()> {
        let record = encode(part, self.encoding)?;
        self.output(path)?.write(&record)
    }

    fn output(&mut self, path: PathBuf) -> io::Result<&mut Output> {
        self.writes += 1;
        if !self.open.contains_key(&path) {
            while self.open.len() >= self.config.group_by.max_open_files {
                let oldest = self.open.iter().min_by_key(|(_, open)| open.used);
                let Some(oldest) = oldest.map(|(path, _)| path.clone()) else { break };
                self.open.remove(&oldest);
            }
            // A file that was closed to make room must not be emptied.
            let keep = self.known.contains(&path) || self.known.len() >= KNOWN_LIMIT;
            let output = Output::open(path.clone(), &self.config, keep)?;
            if !keep {
                self.known.insert(path.clone());
            }
            self.open.insert(path.clone(), Open { output, used: 0 });
        }
        let open = self.open.get_mut(&path).ok_or_else(|| io::Error::other("the file was closed"))?;
        open.used = self.writes;
        Ok(&mut open.output)
    }

    /// Returns the path for a value of the attribute. The value never leads out of the folder that the
    /// config's path names.
    fn path_of(&self, value: &str) -> PathBuf {
        let mut names: Vec<&str> = Vec::new();
        for name in value.split('/') {
            match name {
                "" | "." => {}
                ".." => drop(names.pop()),
                name => names.push(name),
            }
        }
        PathBuf::from(format!("{}{}{}", self.before, names.join("/"), self.after))
    }

    fn parts(&self, data: &wire::Batch) -> io::Result<Parts> {
        let malformed =
            |error: &dyn std::error::Error| io::Error::other(format!("cannot be divided: {error}"));
        let request = Request::decode(Bytes::from(data.chunks().concat()));
        let request = request.map_err(|error| malformed(&error))?;
        let (mut without, mut by_value) = (Vec::new(), BTreeMap::<String, Vec<Bytes>>::new());
        for bytes in request.envelopes {
            let envelope = Envelope::decode(bytes.clone()).map_err(|error| malformed(&error))?;
            match value(envelope, &self.config.group_by.resource_attribute) {
                Some(value) => by_value.entry(value).or_default().push(bytes),
                None => without.push(bytes),
            }
        }
        let batch = |envelopes: Vec<Bytes>| {
            let bytes = Bytes::from(Request { envelopes }.encode_to_vec());
            wire::Batch::decode(data.signal(), bytes).map_err(|error| malformed(&error))
        };
        let without = (!without.is_empty()).then(|| batch(without)).transpose()?;
        let by_value =
            by_value.into_iter().map(|(value, envelopes)| Ok::<_, io::Error>((value, batch(envelopes)?)));
        Ok(Parts { without, by_value: by_value.collect::<io::Result<_>>()? })
    }
}

/// A batch divided by the attribute.
struct Parts {
    /// The resources that do not have the attribute as a text.
    without: Option<wire::Batch>,
    by_value: Vec<(String, wire::Batch)>,
}

/// Returns the text that the resource has for the attribute.
fn value(envelope: Envelope, attribute: &str) -> Option<String> {
    let attributes = envelope.resource?.attributes;
    let found = attributes.into_iter().find(|known| known.key == attribute)?;
    match found.value?.value? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Returns whether another attempt may succeed: not if the value cannot be a file's name.
fn may_pass(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename)
}
