//! `awsxray`: finds X-Ray's endpoint, and makes the host sign requests to it.

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Adapted;
use crate::{
    aws::{self, endpoint},
    config::{ConfigError, Duration, Node},
    plugin::outside::{
        GrantsConfig,
        http::{HttpGrantConfig, Origin, aws::AwsConfig, grant::AuthConfig},
    },
    tls::client::ClientTlsConfig,
};

/// The keys of a component's config that the host acts on. The plugin gets all keys too, and its schema has
/// checked them.
#[derive(Deserialize)]
#[serde(default)]
struct Config {
    region: Option<String>,
    endpoint: Option<String>,
    num_workers: usize,
    request_timeout_seconds: u64,
    no_verify_ssl: bool,
    local_mode: bool,
    role_arn: String,
    external_id: String,
    profile: String,
    certificate_file_path: String,
    proxy_address: String,
    shared_credentials_file: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            region: None,
            endpoint: None,
            num_workers: 8,
            request_timeout_seconds: 30,
            no_verify_ssl: false,
            local_mode: false,
            role_arn: String::new(),
            external_id: String::new(),
            profile: String::new(),
            certificate_file_path: String::new(),
            proxy_address: String::new(),
            shared_credentials_file: Vec::new(),
        }
    }
}

/// Asks for the region of the profile or of the machine.
pub(in crate::plugin) struct LacksRegion {
    profile: Option<String>,
    local_mode: bool,
}

/// The region with which a config is tried, if the region is not known before the component is built.
const TRIAL_REGION: &str = "us-east-1";
/// The time limit of a batch. It is sent by several requests, one after another, each with a limit of its
/// own.
const BATCH_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(300);

impl LacksRegion {
    /// Returns the region.
    ///
    /// # Errors
    /// There is none.
    pub(in crate::plugin) async fn ask(&self) -> Result<String, ConfigError> {
        let found = if self.local_mode { None } else { aws::region(self.profile.as_deref()).await };
        found.ok_or_else(|| ConfigError::on("region", aws::NO_REGION))
    }
}

pub(super) fn adapt(mut own: Value, of_machine: Option<&str>) -> Result<Adapted, ConfigError> {
    let config: Config = Node::from_json(own.clone()).read_part()?;
    config.refuse_what_is_not_supported()?;
    let named = filled(config.region.as_deref()).map(str::to_owned).or_else(endpoint::region_of_environment);
    let lacks_region = (named.is_none() && of_machine.is_none()).then(|| LacksRegion {
        profile: filled(Some(&config.profile)).map(str::to_owned),
        local_mode: config.local_mode,
    });
    let region = named.or(of_machine.map(str::to_owned)).unwrap_or_else(|| TRIAL_REGION.to_owned());
    let endpoint = config.endpoint(&region)?;
    if let Some(own) = own.as_object_mut() {
        own.insert("endpoint".to_owned(), json!(endpoint.as_str().trim_end_matches('/')));
        own.insert("region".to_owned(), json!(region));
    }
    Ok(Adapted {
        config: own,
        grants: GrantsConfig { http: vec![config.grant(&endpoint, region)?], store: None },
        num_consumers: Some(config.num_workers.max(1)),
        timeout: Some(BATCH_TIMEOUT),
        lacks_region,
    })
}

impl Config {
    fn refuse_what_is_not_supported(&self) -> Result<(), ConfigError> {
        if !self.proxy_address.is_empty() {
            return Err(ConfigError::on(
                "proxy_address",
                "is not supported: requests go straight to `endpoint`",
            ));
        }
        if !self.shared_credentials_file.is_empty() {
            let message = "is not supported: set AWS_SHARED_CREDENTIALS_FILE in the environment";
            return Err(ConfigError::on("shared_credentials_file", message));
        }
        Ok(())
    }

    /// Returns the endpoint of the config, or else that of the region.
    fn endpoint(&self, region: &str) -> Result<Url, ConfigError> {
        match filled(self.endpoint.as_deref()) {
            Some(written) => endpoint::parse("endpoint", written),
            None => endpoint::of_service("xray", region),
        }
    }

    fn grant(&self, endpoint: &Url, region: String) -> Result<HttpGrantConfig, ConfigError> {
        let filled = |text: &str| filled(Some(text)).map(str::to_owned);
        let aws = AwsConfig {
            service: "xray".to_owned(),
            region: Some(region),
            profile: filled(&self.profile),
            role_arn: filled(&self.role_arn),
            external_id: filled(&self.external_id),
        };
        aws.validate()?;
        let tls = json!({
            "insecure_skip_verify": self.no_verify_ssl,
            "ca_file": filled(&self.certificate_file_path),
            "include_system_ca_certs_pool": true,
        });
        let tls: ClientTlsConfig = Node::from_json(tls).read()?;
        Ok(HttpGrantConfig {
            auth: Some(AuthConfig::Aws(aws)),
            tls,
            timeout: Some(Duration::from_secs(self.request_timeout_seconds)),
            ..HttpGrantConfig::new(Origin::of(endpoint))
        })
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(own: Value, of_machine: Option<&str>) -> Result<Adapted, String> {
        adapt(own, of_machine).map_err(|error| error.to_string())
    }

    /// Scenario: configs name regions and endpoints.
    /// Guarantees: the plugin gets the right URL, and a grant for that origin alone, which signs requests.
    #[test]
    fn the_region_says_where_x_ray_is_unless_an_endpoint_does() {
        for (own, endpoint, origin) in [
            (
                json!({"region": "eu-west-1"}),
                "https://xray.eu-west-1.amazonaws.com",
                "https://xray.eu-west-1.amazonaws.com",
            ),
            (
                json!({"region": "cn-north-1"}),
                "https://xray.cn-north-1.amazonaws.com.cn",
                "https://xray.cn-north-1.amazonaws.com.cn",
            ),
            (
                json!({"region": "r", "endpoint": "http://127.0.0.1:5000/base/"}),
                "http://127.0.0.1:5000/base",
                "http://127.0.0.1:5000",
            ),
            (
                json!({"region": "r", "endpoint": "vpce-1.xray.example"}),
                "https://vpce-1.xray.example",
                "https://vpce-1.xray.example",
            ),
        ] {
            let adapted = adapted(own.clone(), None).unwrap();
            assert_eq!(adapted.config["endpoint"], endpoint, "{own}");
            let [grant] = adapted.grants.http.as_slice() else { panic!("one grant") };
            assert_eq!(grant.origin.as_str(), origin);
            let Some(AuthConfig::Aws(aws)) = &grant.auth else { panic!("signed") };
            assert_eq!((aws.service.as_str(), aws.region.as_deref()), ("xray", own["region"].as_str()));
            assert!(adapted.lacks_region.is_none());
        }
    }

    /// Scenario: the config names no region.
    /// Guarantees: the machine is asked, and its region is used.
    #[test]
    fn a_region_that_only_the_machine_knows_is_asked_for() {
        if endpoint::region_of_environment().is_some() {
            return;
        }
        assert!(adapted(json!({}), None).unwrap().lacks_region.is_some());
        let known = adapted(json!({}), Some("ap-south-1")).unwrap();
        assert_eq!(known.config["region"], "ap-south-1");
        assert!(known.lacks_region.is_none());
    }

    /// Scenario: the config has workers, a role, an external id and a profile.
    /// Guarantees: the host's settings have them.
    #[test]
    fn workers_and_roles_are_the_hosts() {
        let own = json!({"region": "r", "num_workers": 3, "role_arn": "arn:aws:iam::1:role/x",
            "external_id": "e", "profile": "p"});
        let adapted = adapted(own, None).unwrap();
        assert_eq!(adapted.num_consumers, Some(3));
        let Some(AuthConfig::Aws(aws)) = &adapted.grants.http[0].auth else { panic!("signed") };
        assert_eq!(aws.role_arn.as_deref(), Some("arn:aws:iam::1:role/x"));
        assert_eq!((aws.external_id.as_deref(), aws.profile.as_deref()), (Some("e"), Some("p")));
    }

    /// Scenario: configs cannot work.
    /// Guarantees: each message says what would be right.
    #[test]
    fn what_cannot_be_is_said_with_what_would_be_right() {
        for (own, said) in [
            (json!({"region": "not a region"}), "is no region"),
            (json!({"region": "r", "endpoint": "ftp://x"}), "write `https://host`"),
            (json!({"region": "r", "proxy_address": "http://p"}), "go straight"),
            (json!({"region": "r", "role_arn": "x"}), "arn:"),
        ] {
            let error = adapted(own.clone(), None).err().unwrap_or_default();
            assert!(error.contains(said), "{own}: {error}");
        }
    }
}
