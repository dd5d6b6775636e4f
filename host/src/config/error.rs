//! Errors of a config: what is wrong, where, and what would be right.

use std::fmt;

use super::{
    KeyPath, Location, Node,
    render::{Severity, render},
};

/// One error or warning about a config.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    pub message: String,
    pub at: Option<Location>,
    pub path: KeyPath,
    /// A text beside the place, such as `did you mean …?`.
    pub label: Option<String>,
    /// A text below the place: the known keys, or what to do.
    pub help: Option<String>,
    severity: Severity,
    /// Whether the finding is about the content of a value, and not about its type or its key.
    pub(crate) is_of_value: bool,
    /// The keys below the node that [`ConfigError::within`] is given, joined by `::`.
    key: Option<String>,
}

/// All errors of one reading, and the warnings that came before. Never empty.
#[derive(Clone)]
pub struct ConfigError(Vec<Finding>);

impl Finding {
    pub fn new(message: impl Into<String>) -> Finding {
        Finding { message: message.into(), ..Finding::default() }
    }

    pub fn at(mut self, at: Option<Location>, path: KeyPath) -> Finding {
        (self.at, self.path) = (at, path);
        self
    }

    pub fn label(mut self, label: impl Into<String>) -> Finding {
        self.label = Some(label.into());
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    /// Renders the finding as a warning for the user, in several lines.
    pub fn warning(&self, colour: bool) -> String {
        render(self, Severity::Warning, colour)
    }

    pub(super) fn into_warning(self) -> Finding {
        Finding { severity: Severity::Warning, ..self }
    }

    /// Returns the keys that lead to the place, as far as they are known.
    pub(super) fn keys(&self) -> String {
        match &self.key {
            Some(key) => key.replace("::", " › "),
            None => self.path.to_string(),
        }
    }

    fn in_a_line(&self) -> String {
        match &self.at {
            Some(at) => format!("{at}: {}", self.message),
            None => self.message.clone(),
        }
    }

    fn has_place(&self) -> bool {
        self.at.is_some() || !self.path.is_empty()
    }
}

impl ConfigError {
    pub fn new(message: impl Into<String>) -> ConfigError {
        Finding::new(message).into()
    }

    /// Returns an error for a config's `validate()`, which does not know the config's place. `key` is
    /// relative to the config, such as `tls::cert_file`.
    pub fn on(key: &str, message: impl Into<String>) -> ConfigError {
        Finding { key: Some(key.to_owned()), ..Finding::new(message) }.into()
    }

    /// Returns `Ok` if there are no findings, and all of them as the error otherwise.
    pub fn from_findings(findings: Vec<Finding>) -> Result<(), ConfigError> {
        if findings.is_empty() { Ok(()) } else { Err(ConfigError(findings)) }
    }

    /// Prefixes the keys of all findings without a place with `key`. A config that holds other configs calls
    /// this.
    pub fn below(mut self, key: &str) -> ConfigError {
        for finding in self.0.iter_mut().filter(|finding| !finding.has_place()) {
            finding.key = Some(match finding.key.take() {
                Some(below) => format!("{key}::{below}"),
                None => key.to_owned(),
            });
        }
        self
    }

    /// Gives every finding without a place the place of the node, or of the value below the node that the
    /// finding's key names. If the finding has no key, the message's own prefix counts: `tls.cert_file: …` or
    /// `tls: cert_file: …`.
    ///
    /// The author of a message does not know which values are secret. So secret values below the node are
    /// removed from the texts.
    pub fn within(mut self, node: &Node) -> ConfigError {
        for finding in self.0.iter_mut().filter(|finding| !finding.has_place()) {
            let place = match finding.key.take() {
                Some(key) => node.nearest(key.split("::")),
                None => node.nearest(finding.message.split(": ").flat_map(|keys| keys.split('.'))),
            };
            (finding.at, finding.path) = (place.at().cloned(), place.path().clone());
            finding.message = node.scrub(&finding.message);
            finding.label = finding.label.take().map(|label| node.scrub(&label));
            finding.help = finding.help.take().map(|help| node.scrub(&help));
        }
        self
    }

    /// Adds the warnings and sorts: first the warnings, which may name the cause, then the errors. Both stand
    /// in the order of their lines, so that the user reads the file downward.
    pub(crate) fn after(mut self, warnings: Vec<Finding>) -> ConfigError {
        self.0.extend(warnings.into_iter().map(Finding::into_warning));
        self.0.sort_by_cached_key(|finding| {
            let place = finding.at.as_ref().map(|at| (at.source.name.clone(), at.line, at.column));
            (finding.severity, place.is_none(), place)
        });
        self
    }

    /// Collects the findings of several parts of a validation.
    pub fn all(parts: impl IntoIterator<Item = Result<(), ConfigError>>) -> Result<(), ConfigError> {
        let findings = parts.into_iter().filter_map(Result::err).flat_map(ConfigError::into_findings);
        ConfigError::from_findings(findings.collect())
    }

    pub(super) fn has_no_place(&self) -> bool {
        self.0.iter().all(|finding| !finding.has_place())
    }

    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    pub fn into_findings(self) -> Vec<Finding> {
        self.0
    }

    /// Returns the messages, each behind its place, for one line of a log: `otel.yaml:12:7: …; otel.yaml:14:3: …`.
    pub fn in_a_line(&self) -> String {
        let messages: Vec<String> = self.0.iter().map(Finding::in_a_line).collect();
        messages.join("; ")
    }

    /// Renders all findings for the user. Each takes several lines, with a blank line between two.
    pub fn render(&self, colour: bool) -> String {
        let shown: Vec<String> =
            self.0.iter().map(|finding| render(finding, finding.severity, colour)).collect();
        shown.join("\n\n")
    }
}

/// Converts the error of reading a file that a config names.
impl From<std::io::Error> for ConfigError {
    fn from(error: std::io::Error) -> ConfigError {
        ConfigError::new(format!("a file that this names cannot be read: {error}"))
    }
}

impl From<Finding> for ConfigError {
    fn from(finding: Finding) -> ConfigError {
        ConfigError(vec![finding])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}
