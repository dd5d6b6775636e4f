//! What a new plugin of each role is, in every language.

use crate::plugin::Role;

/// The texts that differ by role.
#[derive(Debug)]
pub(super) struct RoleTexts {
    pub(super) summary: &'static str,
    /// What the fixture holds.
    pub(super) fixture_is: &'static str,
    /// What the config of `spanloom.yaml` receives.
    pub(super) receives: &'static str,
    /// The command that sends something to receive. `{{folder}}` is the way to the plugin's folder, with a slash at
    /// its end, or empty in the folder itself.
    send: &'static str,
}

const OF_SPANS: RoleTexts = RoleTexts {
    summary: "",
    fixture_is: "spans",
    receives: "OTLP in on 4317 and 4318",
    send: "spanloom generate traces --rate 2",
};

const PROCESSOR: RoleTexts = RoleTexts { summary: "Sets an attribute on every span", ..OF_SPANS };
const SAMPLER: RoleTexts = RoleTexts { summary: "Keeps traces with an error and slow ones", ..OF_SPANS };
const EXPORTER: RoleTexts = RoleTexts { summary: "Posts a JSON line for each span", ..OF_SPANS };
const CONNECTOR: RoleTexts = RoleTexts { summary: "Counts spans by service", ..OF_SPANS };
const RECEIVER: RoleTexts = RoleTexts {
    summary: "Takes JSON events over HTTP, each as a log record",
    fixture_is: "a request",
    receives: "events in on 8088",
    send: "curl --data @{{folder}}fixtures/events.json localhost:8088/events",
};

impl RoleTexts {
    pub(super) const fn of(role: Role) -> RoleTexts {
        match role {
            Role::Processor => PROCESSOR,
            Role::Sampler => SAMPLER,
            Role::Exporter => EXPORTER,
            Role::Connector => CONNECTOR,
            Role::Receiver => RECEIVER,
        }
    }

    /// Returns the command that sends something to a new plugin's Spanloom.
    pub(super) fn send(&self, folder: &str) -> String {
        self.send.replace("{{folder}}", folder)
    }
}

/// Returns the version of the interface that a new plugin is built against: the frozen one, if it has the role.
pub(super) fn interface_version(role: Role) -> &'static str {
    match role {
        Role::Processor | Role::Sampler | Role::Exporter | Role::Connector => "0.1.0",
        Role::Receiver => "0.2.0",
    }
}
