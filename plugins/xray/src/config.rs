//! The config that users write under `exporters: awsxray:`.

use std::time::Duration;

use serde::Deserialize;
use spanloom_plugin::ConfigError;

/// The keys of the Collector's exporter and, at the end, our own. `config.schema.json` describes them. Some
/// keys are for the host and only read here so that they are known.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The URL of the API, which the host always sets.
    pub(crate) endpoint: String,
    region: Option<String>,
    num_workers: Option<u32>,
    pub(crate) request_timeout_seconds: u32,
    max_retries: Option<u32>,
    no_verify_ssl: bool,
    proxy_address: String,
    local_mode: bool,
    resource_arn: String,
    role_arn: String,
    external_id: String,
    profile: String,
    shared_credentials_file: Vec<String>,
    certificate_file_path: String,
    imds_retries: Option<u32>,
    pub(crate) indexed_attributes: Vec<String>,
    pub(crate) index_all_attributes: bool,
    /// The names of log groups, for resources that name none.
    pub(crate) aws_log_groups: Vec<String>,
    pub(crate) telemetry: TelemetryConfig,
    /// The Collector's feature gate `exporter.awsxray.skiptimestampvalidation`.
    pub(crate) skip_timestamp_validation: bool,
    /// The Collector's feature gate `exporter.xray.allowDot`.
    pub(crate) allow_dot: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TelemetryConfig {
    pub(crate) enabled: bool,
    pub(crate) include_metadata: bool,
    contributors: Vec<String>,
    pub(crate) hostname: String,
    pub(crate) instance_id: String,
    pub(crate) resource_arn: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            endpoint: String::new(),
            region: None,
            num_workers: None,
            request_timeout_seconds: 30,
            max_retries: None,
            no_verify_ssl: false,
            proxy_address: String::new(),
            local_mode: false,
            resource_arn: String::new(),
            role_arn: String::new(),
            external_id: String::new(),
            profile: String::new(),
            shared_credentials_file: Vec::new(),
            certificate_file_path: String::new(),
            imds_retries: None,
            indexed_attributes: Vec::new(),
            index_all_attributes: false,
            aws_log_groups: Vec::new(),
            telemetry: TelemetryConfig::default(),
            skip_timestamp_validation: true,
            allow_dot: true,
        }
    }
}

impl Config {
    /// Checks what types cannot express.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if !self.endpoint.starts_with("http://") && !self.endpoint.starts_with("https://") {
            let message = format!("{:?} is not a URL: write http:// or https:// and a host", self.endpoint);
            return Err(ConfigError::new("endpoint", message));
        }
        if self.request_timeout_seconds == 0 {
            return Err(ConfigError::new("request_timeout_seconds", "0 leaves no time: 1 or more"));
        }
        Ok(())
    }

    /// Returns the URL of an operation of the service, like `/TraceSegments`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint.trim_end_matches('/'))
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.request_timeout_seconds))
    }

    /// Returns the ARN for telemetry: that of `telemetry`, otherwise that of the exporter.
    pub(crate) fn telemetry_resource_arn(&self) -> &str {
        if self.telemetry.resource_arn.is_empty() { &self.resource_arn } else { &self.telemetry.resource_arn }
    }
}
