//! `xray_sampler`: finds X-Ray or the proxy whose sampling rules it follows, and lets the plugin reach it.

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Adapted, awsxray};
use crate::{
    config::{ConfigError, Node},
    plugin::outside::{
        GrantsConfig,
        http::{HttpGrantConfig, Origin},
    },
};

/// The keys of a component's config that the host acts on. The plugin gets all keys too, and its schema has
/// checked them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    source: Source,
    endpoint: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    #[default]
    Service,
    Proxy,
    Local,
}

/// Where an X-Ray daemon listens.
const DAEMON: &str = "http://127.0.0.1:2000";

pub(super) fn adapt(own: Value, of_machine: Option<&str>) -> Result<Adapted, ConfigError> {
    let config: Config = Node::from_json(own.clone()).read_part()?;
    match config.source {
        Source::Service => service(own, of_machine),
        Source::Proxy => proxy(own, &config.endpoint),
        Source::Local => Ok(Adapted::plain(own, GrantsConfig::default())),
    }
}

/// Finds X-Ray as the exporter does, by keys of the same names.
fn service(mut own: Value, of_machine: Option<&str>) -> Result<Adapted, ConfigError> {
    let of_exporter: Value = ["endpoint", "region", "profile", "role_arn", "external_id"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), own.get(key)?.clone())))
        .collect();
    let Adapted { config: found, grants, lacks_region, .. } = awsxray::adapt(of_exporter, of_machine)?;
    if let (Some(own), Value::Object(found)) = (own.as_object_mut(), found) {
        own.extend(found);
    }
    Ok(Adapted { lacks_region, ..Adapted::plain(own, grants) })
}

fn proxy(mut own: Value, endpoint: &str) -> Result<Adapted, ConfigError> {
    let endpoint = if endpoint.is_empty() { DAEMON } else { endpoint };
    let url = Url::parse(endpoint).ok();
    let url =
        url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(|| {
            let message = format!("`{endpoint}` is not a URL: write `{DAEMON}`, say");
            ConfigError::on("endpoint", message)
        })?;
    if let Some(own) = own.as_object_mut() {
        own.insert("endpoint".to_owned(), json!(url.as_str().trim_end_matches('/')));
    }
    let grants = GrantsConfig { http: vec![HttpGrantConfig::new(Origin::of(&url))], store: None };
    Ok(Adapted::plain(own, grants))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(own: Value) -> Result<Adapted, String> {
        adapt(own, Some("ap-south-1")).map_err(|error| error.to_string())
    }

    /// Scenario: configs name each source.
    /// Guarantees: the plugin gets the URL and a grant for that origin alone, which signs requests to X-Ray and no
    /// others.
    #[test]
    fn each_source_has_the_grant_that_it_needs() {
        for (own, endpoint, origin, is_signed) in [
            (
                json!({"region": "eu-west-1", "rules": {"version": 2}}),
                "https://xray.eu-west-1.amazonaws.com",
                "https://xray.eu-west-1.amazonaws.com",
                true,
            ),
            (
                json!({"region": "r", "endpoint": "http://127.0.0.1:5000/base/"}),
                "http://127.0.0.1:5000/base",
                "http://127.0.0.1:5000",
                true,
            ),
            (json!({"source": "proxy"}), DAEMON, DAEMON, false),
            (
                json!({"source": "proxy", "endpoint": "http://xray-daemon.internal:2000/"}),
                "http://xray-daemon.internal:2000",
                "http://xray-daemon.internal:2000",
                false,
            ),
        ] {
            let adapted = adapted(own.clone()).unwrap();
            assert_eq!(adapted.config["endpoint"], endpoint, "{own}");
            assert_eq!(adapted.config["rules"], own["rules"]);
            let [grant] = adapted.grants.http.as_slice() else { panic!("one grant") };
            assert_eq!((grant.origin.as_str(), grant.auth.is_some()), (origin, is_signed));
            assert!(adapted.lacks_region.is_none());
        }
        let local = adapted(json!({"source": "local"})).unwrap();
        assert!(local.grants.http.is_empty() && local.lacks_region.is_none());
    }

    /// Scenario: configs cannot work.
    /// Guarantees: each message says what would be right.
    #[test]
    fn what_cannot_be_is_said_with_what_would_be_right() {
        for (own, said) in [
            (json!({"source": "proxy", "endpoint": "127.0.0.1:2000"}), "write `http://127.0.0.1:2000`"),
            (json!({"region": "r", "endpoint": "ftp://x"}), "write `https://host`"),
            (json!({"region": "r", "role_arn": "x"}), "arn:"),
        ] {
            let error = adapted(own.clone()).err().unwrap_or_default();
            assert!(error.contains(said), "{own}: {error}");
        }
    }
}
