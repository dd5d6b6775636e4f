//! `cipher_suites` and `curve_preferences`: the algorithms that a handshake may use, by the names of Go's library.

use rustls::{
    NamedGroup, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{CryptoProvider, SupportedKxGroup, ring},
};
use serde::Deserialize;

use crate::config::{ConfigError, Finding, Node};

/// The keys of a client and of a server that name algorithms. They stand among the other keys of `tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlgorithmsConfig {
    /// The suites of TLS 1.2 that are allowed; empty means all. As in Go, TLS 1.3 has all its suites.
    cipher_suites: Vec<String>,
    /// The curves that are allowed, the preferred one first; empty means all.
    curve_preferences: Vec<String>,
    /// Whether `cipher_suites` may name suites that Go holds insecure. Spanloom has none of them.
    include_insecure_cipher_suites: bool,
}

/// Suites of Go's library that rustls does not have.
const MISSING: [&str; 4] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// Suites of Go's library that Go holds insecure, and that rustls does not have.
const INSECURE: [&str; 12] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

const CURVES: [(&str, NamedGroup); 5] = [
    ("X25519", NamedGroup::X25519),
    ("P256", NamedGroup::secp256r1),
    ("P384", NamedGroup::secp384r1),
    ("P521", NamedGroup::secp521r1),
    ("X25519MLKEM768", NamedGroup::X25519MLKEM768),
];

impl AlgorithmsConfig {
    /// Returns the algorithms that the config allows.
    ///
    /// # Errors
    /// Fails if a name is unknown, or if the config allows nothing that Spanloom has.
    pub(super) fn provider(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<CryptoProvider, ConfigError> {
        let mut provider = ring::default_provider();
        let (suites, curves) = (self.suites(versions, &provider), self.curves(&provider));
        match (suites, curves) {
            (Ok(suites), Ok(curves)) => (provider.cipher_suites, provider.kx_groups) = (suites, curves),
            (suites, curves) => ConfigError::all([suites.map(drop), curves.map(drop)])?,
        }
        Ok(provider)
    }

    fn suites(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        provider: &CryptoProvider,
    ) -> Result<Vec<SupportedCipherSuite>, ConfigError> {
        let mut suites = provider.cipher_suites.clone();
        if self.cipher_suites.is_empty() {
            return Ok(suites);
        }
        let is_known = |name: &&String| {
            has_suite(provider, name)
                || MISSING.contains(&name.as_str())
                || self.include_insecure_cipher_suites && INSECURE.contains(&name.as_str())
        };
        if let Some(unknown) = self.cipher_suites.iter().find(|name| !is_known(name)) {
            let known: Vec<String> = suites.iter().filter_map(name_of).collect();
            return wrong("cipher_suites", &format!("there is no `{unknown}`, but {}", known.join(", ")));
        }
        let is_named = |suite: &SupportedCipherSuite| {
            suite.tls13().is_some() || name_of(suite).is_some_and(|name| self.cipher_suites.contains(&name))
        };
        suites.retain(is_named);
        match suites.iter().any(|suite| versions.contains(&suite.version())) {
            true => Ok(suites),
            false => wrong("cipher_suites", "Spanloom has none of these, and `max_version` excludes TLS 1.3"),
        }
    }

    fn curves(&self, provider: &CryptoProvider) -> Result<Vec<&'static dyn SupportedKxGroup>, ConfigError> {
        if self.curve_preferences.is_empty() {
            return Ok(provider.kx_groups.clone());
        }
        let mut curves = Vec::new();
        for name in &self.curve_preferences {
            let Some((_, curve)) = CURVES.iter().find(|(known, _)| known == name) else {
                let known = CURVES.map(|(known, _)| known).join(", ");
                return wrong("curve_preferences", &format!("there is no `{name}`, but {known}"));
            };
            curves.extend(provider.kx_groups.iter().find(|group| group.name() == *curve));
        }
        match curves.is_empty() {
            true => wrong("curve_preferences", "Spanloom has none of these, but X25519, P256 and P384"),
            false => Ok(curves),
        }
    }
}

/// Returns a warning for each name that stands for an algorithm that Spanloom does not have.
pub(super) fn doubts(tls: &Node) -> Vec<Finding> {
    let provider = ring::default_provider();
    let has_curve = |name: &str| {
        let curve = CURVES.iter().find(|(known, _)| *known == name).map(|(_, curve)| *curve);
        provider.kx_groups.iter().any(|group| Some(group.name()) == curve)
    };
    let lacking = |key: &str, has: &dyn Fn(&str) -> bool| {
        let items = tls.get(key).map(Node::items).unwrap_or_default();
        let lacking = items.iter().filter_map(|item| Some((item, item.text().filter(|name| !has(name))?)));
        lacking
            .map(|(item, name)| {
                item.finding(format!("`{name}` is left out: Spanloom does not have it"))
                    .help("a peer that has nothing else cannot be reached")
            })
            .collect::<Vec<_>>()
    };
    let mut doubts = lacking("cipher_suites", &|name| has_suite(&provider, name));
    doubts.extend(lacking("curve_preferences", &has_curve));
    doubts
}

fn has_suite(provider: &CryptoProvider, name: &str) -> bool {
    provider.cipher_suites.iter().any(|suite| name_of(suite).is_some_and(|known| known == name))
}

/// Returns the name that Go has for a suite.
fn name_of(suite: &SupportedCipherSuite) -> Option<String> {
    Some(suite.suite().as_str()?.replace("TLS13_", "TLS_"))
}

fn wrong<T>(key: &str, message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::on(key, format!("tls.{key}: {message}")))
}

#[cfg(test)]
mod tests {
    use rustls::version::{TLS12, TLS13};
    use serde_json::{Value, json};

    use super::*;

    fn read(config: Value, versions: &[&'static SupportedProtocolVersion]) -> Result<String, String> {
        let config: AlgorithmsConfig = serde_json::from_value(config).unwrap();
        let provider = config.provider(versions).map_err(|error| error.to_string())?;
        let suites =
            provider.cipher_suites.iter().filter(|suite| suite.tls13().is_none()).filter_map(name_of);
        let curves = provider.kx_groups.iter().map(|group| format!("{:?}", group.name()));
        Ok(suites.chain(curves).collect::<Vec<_>>().join(" "))
    }

    /// Scenario: configs name suites and curves of Go's library, some of which rustls does not have.
    /// Guarantees: only those of the named that rustls has are used, curves in the order of the config; TLS 1.3 keeps
    /// its suites.
    #[test]
    fn only_what_is_named_is_used() {
        let both: &[&'static SupportedProtocolVersion] = &[&TLS13, &TLS12];
        let all = read(json!({}), both).unwrap();
        assert_eq!((all.split(' ').count(), all.contains("X25519")), (9, true), "{all}");
        let rsa = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        let cbc = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";
        let named = json!({"cipher_suites": [cbc, rsa], "curve_preferences": ["P384", "P521", "P256"]});
        assert_eq!(read(named, both).unwrap(), format!("{rsa} secp384r1 secp256r1"));
        let of_tls13 = json!({"cipher_suites": ["TLS_AES_128_GCM_SHA256"], "curve_preferences": ["X25519"]});
        assert_eq!(read(of_tls13, both).unwrap(), "X25519");
        let provider =
            AlgorithmsConfig { cipher_suites: vec![cbc.to_owned()], ..AlgorithmsConfig::default() };
        let suites = provider.provider(both).unwrap().cipher_suites;
        assert_eq!(suites.iter().filter(|suite| suite.tls13().is_some()).count(), 3);
    }

    /// Scenario: a name is unknown, or insecure, or nothing is left of what is named.
    /// Guarantees: the error names the key and what would be right.
    #[test]
    fn what_is_unknown_or_leaves_nothing_is_refused() {
        let insecure = "TLS_RSA_WITH_AES_128_GCM_SHA256";
        for (config, words) in [
            (
                json!({"cipher_suites": ["NOBODY"]}),
                "tls.cipher_suites: there is no `NOBODY`, but TLS_AES_256_GCM",
            ),
            (json!({"cipher_suites": [insecure]}), "tls.cipher_suites: there is no `TLS_RSA_WITH"),
            (
                json!({"cipher_suites": [insecure], "include_insecure_cipher_suites": true}),
                "tls.cipher_suites: Spanloom has none of these",
            ),
            (
                json!({"curve_preferences": ["p256"]}),
                "tls.curve_preferences: there is no `p256`, but X25519, P256",
            ),
            (json!({"curve_preferences": ["P521"]}), "tls.curve_preferences: Spanloom has none of these"),
        ] {
            let error = read(config.clone(), &[&TLS12]).unwrap_err();
            assert!(error.contains(words), "{config}: {error}");
        }
    }

    /// Scenario: a config names algorithms that rustls has, and others.
    /// Guarantees: there is a warning for each of the others.
    #[test]
    fn what_is_left_out_is_warned_of() {
        let yaml = "cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n\
                    curve_preferences: [P256, X25519MLKEM768]";
        let doubts = doubts(&Node::parse("config.yaml", yaml).unwrap());
        let messages: Vec<&str> = doubts.iter().map(|doubt| doubt.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA` is left out: Spanloom does not have it",
                "`X25519MLKEM768` is left out: Spanloom does not have it",
            ]
        );
    }
}
