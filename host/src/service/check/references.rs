//! Checks the extensions that receivers and exporters name: authenticators and middlewares.

use super::Check;
use crate::{
    aws::endpoint::{self, inferred},
    config::{Node, node::Entry},
    id::{ComponentId, Kind},
};

/// The type of the extension that signs for AWS, and the type of exporter that it signs for.
const SIGNER: &str = "sigv4auth";
const OVER_HTTP: &str = "otlp_http";
/// The keys of that exporter's addresses.
const ENDPOINTS: [&str; 4] = ["endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint"];

impl Check<'_> {
    /// Checks the extensions that the keys of each component in a pipeline name. A component that will not run
    /// needs none.
    pub(super) fn references(&mut self) {
        for kind in [Kind::Receiver, Kind::Exporter] {
            let Some(section) = self.config.root.get(kind.section()) else { continue };
            for Entry { key, node, .. } in section.entries() {
                let Ok(id) = key.parse::<ComponentId>() else { continue };
                let Some(known) = self.registry.find(kind, &id.component_type) else { continue };
                // An exporter that is a plugin has keys of its own there.
                let is_hosts = kind == Kind::Receiver || known.plugin().is_none();
                if !is_hosts || !self.is_used(kind, &id) {
                    continue;
                }
                for place in places(node) {
                    let authenticator = place.get("auth").and_then(|auth| auth.get("authenticator"));
                    // The middlewares of an exporter have no effect, which is a warning.
                    let middlewares = place.get("middlewares").filter(|_| kind == Kind::Receiver);
                    let middlewares = middlewares.map(Node::items).unwrap_or_default();
                    let middlewares = middlewares.iter().filter_map(|middleware| middleware.get("id"));
                    authenticator.into_iter().chain(middlewares).for_each(|named| self.runs(named));
                }
                if known.name() == OVER_HTTP {
                    self.says_its_service(node);
                }
            }
        }
    }

    /// Checks that an extension is defined, and in `service.extensions`.
    fn runs(&mut self, named: &Node) {
        let Some(id) = extension(named) else { return };
        if !self.config.extensions.contains_key(&id) {
            return self.reference(Kind::Extension, &id, named);
        }
        if !self.config.service.extensions.contains(&id) {
            let message = format!("the extension `{id}` does not run");
            self.errors.push(named.finding(message).help("add it to `service.extensions`"));
        }
    }

    /// Checks that the signer of an exporter knows for which AWS service it signs.
    fn says_its_service(&mut self, exporter: &Node) {
        let named = exporter.get("auth").and_then(|auth| auth.get("authenticator"));
        let Some(id) = named.and_then(extension).filter(|id| id.component_type == SIGNER) else { return };
        let Some(signer) = self.config.extensions.get(&id) else { return };
        if signer.get("service").and_then(Node::text).is_some_and(|service| !service.is_empty()) {
            return;
        }
        for key in ENDPOINTS {
            let Some((place, text)) = exporter.get(key).and_then(|place| Some((place, place.text()?))) else {
                continue;
            };
            // An address that cannot be read has been reported already.
            let Ok(url) = endpoint::parse(key, text) else { continue };
            if inferred(&url).service.is_none() {
                let host = url.host_str().unwrap_or_default();
                let message =
                    format!("`{host}` does not say which AWS service it is, and `{id}` signs for one");
                let help = format!("write `service: xray`, or which it is, in `extensions::{id}`");
                self.errors.push(place.finding(message).help(help));
            }
        }
    }
}

/// Returns the extension that a value names.
fn extension(named: &Node) -> Option<ComponentId> {
    named.text()?.parse().ok()
}

/// Returns the maps that may have the keys of a server or a client: the component's own, and each of its `protocols`.
fn places(component: &Node) -> impl Iterator<Item = &Node> {
    let protocols = component.get("protocols").map(Node::entries).unwrap_or_default();
    std::iter::once(component).chain(protocols.iter().map(|entry| &entry.node))
}

#[cfg(test)]
mod tests {
    use crate::{
        builtin,
        config::{Config, Node},
        service::check::check,
    };

    /// Returns what is said of a config whose exporter, receiver and extensions are these.
    fn said(exporter: &str, receiver: &str, extensions: &str, running: &str) -> String {
        let text = format!(
            "receivers: {{otlp: {{protocols: {{http: {{{receiver}}}}}}}}}\nexporters: {{otlp_http: {{{exporter}}}}}\n\
             extensions: {{{extensions}}}\nservice:\n  extensions: [{running}]\n  pipelines:\n    \
             traces: {{receivers: [otlp], exporters: [otlp_http]}}\n"
        );
        let (config, wrong) = Config::read(&Node::parse("otel.yaml", &text).unwrap());
        assert!(wrong.is_empty(), "{text}: {wrong:?}");
        match check(&config, &builtin::registry()) {
            Ok(_) => String::new(),
            Err(error) => error.render(false),
        }
    }

    const PLAIN: &str = "endpoint: 'http://back.example'";
    const TOKEN: &str = "bearertokenauth: {token: t}";

    /// Scenario: a receiver and an exporter name extensions that run, do not run, and are not defined.
    /// Guarantees: only those that run are accepted, and the message says what to do.
    #[test]
    fn an_extension_that_is_named_has_to_run() {
        let auth = "auth: {authenticator: bearertokenauth}";
        let exporter = format!("{PLAIN}, {auth}");
        assert_eq!(said(&exporter, auth, TOKEN, "bearertokenauth"), "");
        let without_effect = format!("{PLAIN}, middlewares: [{{id: x}}]");
        assert_eq!(said(&without_effect, "", "", ""), "");
        for (exporter, receiver, extensions, expected) in [
            (exporter.as_str(), "", "", "`bearertokenauth` is not defined"),
            (PLAIN, auth, "", "`bearertokenauth` is not defined"),
            (PLAIN, auth, TOKEN, "`bearertokenauth` does not run"),
            (PLAIN, "middlewares: [{id: memory_limiter}]", "", "`memory_limiter` is not defined"),
        ] {
            let said = said(exporter, receiver, extensions, "");
            assert!(said.contains(expected), "{exporter} {receiver}: {said}");
        }
    }

    /// Scenario: requests are signed for hosts of AWS and for others, with and without a service.
    /// Guarantees: without a service, only a host that says it is accepted.
    #[test]
    fn a_signer_knows_its_service() {
        for (endpoint, signer, is_known) in [
            ("endpoint: 'https://xray.eu-west-1.amazonaws.com'", "", true),
            ("traces_endpoint: 'https://vpce.example/v1/traces'", "service: xray", true),
            ("traces_endpoint: 'https://vpce.example/v1/traces'", "", false),
            ("endpoint: 'http://127.0.0.1:1'", "service: ''", false),
        ] {
            let exporter = format!("{endpoint}, auth: {{authenticator: sigv4auth}}");
            let said = said(&exporter, "", &format!("sigv4auth: {{{signer}}}"), "sigv4auth");
            assert_eq!(
                said.contains("does not say which AWS service it is"),
                !is_known,
                "{endpoint}: {said}"
            );
            assert!(is_known == said.is_empty(), "{said}");
        }
    }
}
