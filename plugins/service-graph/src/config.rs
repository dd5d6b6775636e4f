//! The config that users write. Names and defaults are those of the Collector's `service_graph`.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use spanloom_aggregate::{Buckets, null_is_default};
use spanloom_plugin::{ConfigError, Duration};

use crate::shape::Shape;

/// The default bounds, in seconds.
const DEFAULT_BOUNDS: [f64; 16] =
    [0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1., 1.4, 2., 5., 10., 15.];

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    metrics_exporter: IgnoredAny,
    latency_histogram_buckets: Option<Vec<Duration>>,
    /// Above zero: the buckets are exponential.
    exponential_histogram_max_size: u32,
    dimensions: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) store: StoreConfig,
    /// Zero: a minute.
    cache_loop: Duration,
    /// Zero: two seconds.
    store_expiration_loop: Duration,
    /// The attributes that name a server without a span; the first that the client has counts. Empty: no
    /// virtual nodes.
    #[serde(deserialize_with = "peers")]
    pub(crate) virtual_node_peer_attributes: Vec<String>,
    virtual_node_extra_label: bool,
    /// Zero: after each batch.
    pub(crate) metrics_flush_interval: Duration,
    pub(crate) metrics_timestamp_offset: Duration,
    database_name_attribute: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    database_name_attributes: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreConfig {
    pub(crate) max_items: usize,
    pub(crate) ttl: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            metrics_exporter: IgnoredAny,
            latency_histogram_buckets: None,
            exponential_histogram_max_size: 0,
            dimensions: Vec::new(),
            store: StoreConfig::default(),
            cache_loop: Duration::from_secs(60),
            store_expiration_loop: Duration::from_secs(2),
            virtual_node_peer_attributes: default_peers(),
            virtual_node_extra_label: false,
            metrics_flush_interval: Duration::from_secs(60),
            metrics_timestamp_offset: Duration::ZERO,
            database_name_attribute: None,
            database_name_attributes: Vec::new(),
        }
    }
}

fn default_peers() -> Vec<String> {
    ["peer.service", "db.name", "db.system"].map(str::to_owned).into()
}

/// Reads the attributes of peers. A key without a value has the default, as in the Collector.
fn peers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_else(default_peers))
}

impl Default for StoreConfig {
    fn default() -> StoreConfig {
        StoreConfig { max_items: 1000, ttl: Duration::from_secs(2) }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let exponential = self.exponential_histogram_max_size;
        if exponential == 1 || exponential > 16_384 {
            return Err(ConfigError::new(
                "exponential_histogram_max_size",
                "has to be from 2 to 16384, or 0",
            ));
        }
        let Some(buckets) = &self.latency_histogram_buckets else { return Ok(()) };
        if exponential > 0 {
            let message = "use either `latency_histogram_buckets` or `exponential_histogram_max_size`";
            return Err(ConfigError::new("latency_histogram_buckets", message));
        }
        if !buckets.is_sorted_by(|a, b| a < b) {
            return Err(ConfigError::new("latency_histogram_buckets", "have to ascend"));
        }
        Ok(())
    }

    /// Returns how often stale series are removed.
    pub(crate) fn forget_loop(&self) -> Duration {
        if self.cache_loop.is_zero() { Duration::from_secs(60) } else { self.cache_loop }
    }

    /// Returns how often waiting edges are checked for expiration.
    pub(crate) fn expiration_loop(&self) -> Duration {
        if self.store_expiration_loop.is_zero() { Duration::from_secs(2) } else { self.store_expiration_loop }
    }

    /// Returns the attributes that name a client's database, in order of precedence.
    pub(crate) fn database_attributes(&self) -> Vec<String> {
        if !self.database_name_attributes.is_empty() {
            return self.database_name_attributes.clone();
        }
        vec![self.database_name_attribute.clone().unwrap_or_else(|| "db.name".to_owned())]
    }

    /// Returns the part of the config that decides which series there are and what each counts.
    pub(crate) fn shape(&self) -> Shape {
        let seconds = |buckets: &Vec<Duration>| buckets.iter().map(|bucket| bucket.as_secs_f64()).collect();
        let buckets = match &self.latency_histogram_buckets {
            _ if self.exponential_histogram_max_size > 0 => {
                Buckets::exponential(self.exponential_histogram_max_size)
            }
            Some(buckets) => Buckets::explicit(seconds(buckets)),
            None => Buckets::explicit(DEFAULT_BOUNDS.to_vec()),
        };
        Shape {
            buckets: Some(buckets),
            dimensions: self.dimensions.clone(),
            virtual_label: self.virtual_node_extra_label,
        }
    }
}
