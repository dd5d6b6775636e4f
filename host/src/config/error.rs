//! What is wrong with a config, where, and what would be right.

use std::fmt;

use super::{
    KeyPath, Location, Node,
    render::{Severity, render},
};

/// One thing that is wrong, or doubtful (a warning).
#[derive(Clone, Debug, Default)]
pub struct Finding {
    pub message: String,
    pub at: Option<Location>,
    pub path: KeyPath,
    /// Stands beside the place it points at: `did you mean …?`.
    pub label: Option<String>,
    /// Stands below: the known keys, what to do.
    pub help: Option<String>,
    severity: Severity,
    /// It is about what a value says, not about what may stand there.
    pub(crate) is_of_value: bool,
    /// Keys below the node that [`ConfigError::within`] will be given, joined by `::`.
    key: Option<String>,
}

/// Everything that was found wrong in one reading, and the warnings that came before; never empty.
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

    /// As a warning is shown to the user; several lines.
    pub fn warning(&self, colour: bool) -> String {
        render(self, Severity::Warning, colour)
    }

    pub(super) fn into_warning(self) -> Finding {
        Finding { severity: Severity::Warning, ..self }
    }

    /// The keys that lead to it, as far as they are known.
    pub(super) fn keys(&self) -> String {
        match &self.key {
            Some(key) => key.replace("::", " › "),
            None => self.path.to_string(),
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

    /// For a config's `validate()`, which does not know its place: `key` is below the config, as `tls::cert_file`.
    pub fn on(key: &str, message: impl Into<String>) -> ConfigError {
        Finding { key: Some(key.to_owned()), ..Finding::new(message) }.into()
    }

    /// What was found; `Err` unless there is nothing.
    pub fn from_findings(findings: Vec<Finding>) -> Result<(), ConfigError> {
        if findings.is_empty() { Ok(()) } else { Err(ConfigError(findings)) }
    }

    /// For what holds several configs: `key` leads to the one that the findings are about.
    pub fn below(mut self, key: &str) -> ConfigError {
        for finding in self.0.iter_mut().filter(|finding| !finding.has_place()) {
            finding.key = Some(match finding.key.take() {
                Some(below) => format!("{key}::{below}"),
                None => key.to_owned(),
            });
        }
        self
    }

    /// Gives a place to every finding that has none yet: the node that was read, or what its key names below it. A
    /// message that begins with keys, as `tls.cert_file: …` or `tls: cert_file: …`, is placed by them too.
    ///
    /// Whoever wrote the message knew the values, and not which of them are secret: those below the node are left out.
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

    /// In the order of the lines, so that the user reads the file downward; before them the warnings, which may name
    /// the cause.
    pub(crate) fn after(mut self, warnings: Vec<Finding>) -> ConfigError {
        self.0.extend(warnings.into_iter().map(Finding::into_warning));
        self.0.sort_by_cached_key(|finding| {
            let place = finding.at.as_ref().map(|at| (at.source.name.clone(), at.line, at.column));
            (finding.severity, place.is_none(), place)
        });
        self
    }

    /// What all parts of a validation found.
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

    /// What was found, without where: for one line of a log.
    pub fn in_a_line(&self) -> String {
        let messages: Vec<&str> = self.0.iter().map(|finding| finding.message.as_str()).collect();
        messages.join("; ")
    }

    /// As it is shown to the user; several lines a finding, a blank line between two.
    pub fn render(&self, colour: bool) -> String {
        let shown: Vec<String> =
            self.0.iter().map(|finding| render(finding, finding.severity, colour)).collect();
        shown.join("\n\n")
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
