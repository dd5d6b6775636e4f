//! Colours for the output.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorMode {
    /// Colour on a terminal, unless `NO_COLOR` is set; elsewhere only if `CLICOLOR_FORCE` is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// The role of a piece of text, which decides its look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Dim,
    Bold,
    Error,
    Warning,
    /// The colour of a service.
    Service(u8),
}

/// Wraps text in escape sequences if colour is on.
#[derive(Clone, Copy, Debug)]
pub(in crate::exporter::debug) struct Paint {
    on: bool,
}

/// Twelve of the 256 colours: legible on dark and on light backgrounds, and none similar to the red of
/// errors.
const SERVICE_COLORS: [u8; 12] = [33, 37, 64, 67, 71, 98, 100, 132, 136, 139, 166, 173];

impl ColorMode {
    /// Returns whether to use colour, by <https://no-color.org> and <https://bixense.com/clicolors>.
    pub(in crate::exporter::debug) fn is_on(
        self,
        is_terminal: bool,
        environment: impl Fn(&str) -> Option<String>,
    ) -> bool {
        let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
        match self {
            ColorMode::Always => true,
            ColorMode::Never => false,
            ColorMode::Auto if is_set("NO_COLOR") => false,
            ColorMode::Auto
                if environment("CLICOLOR_FORCE").is_some_and(|force| !force.is_empty() && force != "0") =>
            {
                true
            }
            ColorMode::Auto => is_terminal && environment("TERM").as_deref() != Some("dumb"),
        }
    }
}

impl Style {
    /// Returns the colour of a service, which is the same in every run.
    pub(super) fn service(name: &str) -> Style {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let slot = hasher.finish() as usize % SERVICE_COLORS.len();
        Style::Service(SERVICE_COLORS.get(slot).copied().unwrap_or_default())
    }
}

impl Paint {
    pub(in crate::exporter::debug) fn new(on: bool) -> Paint {
        Paint { on }
    }

    pub(super) fn apply(self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.on || text.is_empty() => return text.to_owned(),
            Style::Plain => return text.to_owned(),
            Style::Dim => "2".to_owned(),
            Style::Bold => "1".to_owned(),
            Style::Error => "31".to_owned(),
            Style::Warning => "33".to_owned(),
            Style::Service(color) => format!("38;5;{color}"),
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the terminal, the environment's variables and the config disagree on colour.
    /// Guarantees: variables outweigh the terminal, and the config outweighs both.
    #[test]
    fn no_color_outweighs_the_terminal_and_the_config_outweighs_both() {
        let check = |mode: ColorMode, is_terminal, set: &[(&str, &str)]| {
            let value =
                |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            mode.is_on(is_terminal, value)
        };
        assert!(check(ColorMode::Auto, true, &[]));
        assert!(!check(ColorMode::Auto, false, &[]));
        assert!(!check(ColorMode::Auto, true, &[("TERM", "dumb")]));
        assert!(check(ColorMode::Auto, true, &[("NO_COLOR", "")]));
        assert!(check(ColorMode::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!check(ColorMode::Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!check(ColorMode::Auto, true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(check(ColorMode::Always, false, &[("NO_COLOR", "1")]));
        assert!(!check(ColorMode::Never, true, &[("CLICOLOR_FORCE", "1")]));
    }
}
