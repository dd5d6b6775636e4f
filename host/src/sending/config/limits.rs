//! `limits`: what a destination takes in one request, as a preset's name or as a map.

use std::time::Duration as StdDuration;

use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, Visitor,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};

use crate::{
    component::{RequestLimits, TimeWindow, WINDOW_MARGIN},
    config::{ConfigError, Duration},
};

const HOUR: StdDuration = StdDuration::from_secs(60 * 60);

/// The value of `limits`. The other keys have precedence over those of the preset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsConfig(LimitsMap);

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LimitsMap {
    preset: Option<Preset>,
    /// The protobuf of one request, before compression.
    request_bytes: Option<usize>,
    /// Spans, data points or log records.
    request_items: Option<usize>,
    /// One span or log record.
    item_bytes: Option<usize>,
    /// A resource and its scope.
    resource_bytes: Option<usize>,
    time_window: TimeWindowConfig,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TimeWindowConfig {
    past: Option<Duration>,
    future: Option<Duration>,
    spread: Option<Duration>,
}

/// The limits of a service that publishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Preset {
    AwsXray,
    AwsLogs,
}

impl Preset {
    /// Returns the figures of the tables "endpoint limits and restrictions for traces" and "… for logs" in
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html>, read in November
    /// 2026, a KB taken for 1000 bytes.
    ///
    /// Logs: AWS takes 1,048,576 bytes a request in every region (20 MiB in some), and 1 MB a log record together with
    /// its resource and scope, of which a request has room for no more anyway. It counts them as decoded texts, and 26
    /// bytes for each record, so a request of very short records may be above its limit and within this one.
    fn limits(self) -> RequestLimits {
        let (request_bytes, item_bytes) = match self {
            Preset::AwsXray => (5_000_000, 200_000),
            Preset::AwsLogs => (1_000_000, 1_000_000),
        };
        RequestLimits {
            request_bytes: Some(request_bytes),
            request_items: Some(10_000),
            item_bytes: Some(item_bytes),
            resource_bytes: Some(16_000),
            window: Some(TimeWindow {
                past: Some(14 * 24 * HOUR),
                future: Some(2 * HOUR),
                spread: Some(24 * HOUR),
            }),
        }
    }
}

impl LimitsConfig {
    /// Returns the limits.
    ///
    /// # Errors
    /// A limit is so low that nothing could be sent. The keys of the error are below `limits`.
    pub fn settings(&self) -> Result<RequestLimits, ConfigError> {
        let LimitsConfig(own) = self;
        let preset = own.preset.map(Preset::limits).unwrap_or_default();
        let sizes = [
            ("request_bytes", own.request_bytes),
            ("request_items", own.request_items),
            ("item_bytes", own.item_bytes),
            ("resource_bytes", own.resource_bytes),
        ];
        let times = own.time_window;
        ConfigError::all(sizes.into_iter().map(|(key, size)| match size {
            Some(0) => Err(ConfigError::on(key, "must be above zero; leave it out for no limit")),
            _ => Ok(()),
        }))?;
        ConfigError::all([
            times.past.map_or(Ok(()), |time| above_margin("time_window::past", time)),
            times.future.map_or(Ok(()), |time| above_margin("time_window::future", time)),
            match times.spread {
                Some(time) if time.0.is_zero() => Err(ConfigError::on(
                    "time_window::spread",
                    "must be above zero; leave it out for no limit",
                )),
                _ => Ok(()),
            },
        ])?;
        let before = preset.window.unwrap_or_default();
        let time = |own: Option<Duration>, preset| own.map(|own| own.0).or(preset);
        let window = TimeWindow {
            past: time(times.past, before.past),
            future: time(times.future, before.future),
            spread: time(times.spread, before.spread),
        };
        Ok(RequestLimits {
            request_bytes: own.request_bytes.or(preset.request_bytes),
            request_items: own.request_items.or(preset.request_items),
            item_bytes: own.item_bytes.or(preset.item_bytes),
            resource_bytes: own.resource_bytes.or(preset.resource_bytes),
            window: Some(window).filter(|window| *window != TimeWindow::default()),
        })
    }
}

/// Refuses a limit that would be reached by items of this moment.
fn above_margin(key: &str, time: Duration) -> Result<(), ConfigError> {
    if time.0 > WINDOW_MARGIN {
        return Ok(());
    }
    Err(ConfigError::on(
        key,
        "must be above 1m: it is reached a minute early, since a request takes a while; leave it out for no limit",
    ))
}

impl<'de> Deserialize<'de> for LimitsConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<LimitsConfig, D::Error> {
        struct TextOrMap;

        impl<'de> Visitor<'de> for TextOrMap {
            type Value = LimitsConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a preset (`aws_xray`, `aws_logs`), or a map")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<LimitsConfig, E> {
                let preset = Preset::deserialize(StrDeserializer::<E>::new(text))?;
                Ok(LimitsConfig(LimitsMap { preset: Some(preset), ..LimitsMap::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LimitsConfig, A::Error> {
                LimitsMap::deserialize(MapAccessDeserializer::new(map)).map(LimitsConfig)
            }
        }

        from.deserialize_any(TextOrMap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Node;

    fn read(yaml: &str) -> Result<RequestLimits, ConfigError> {
        let node = Node::parse("otel.yaml", yaml).unwrap();
        node.read::<LimitsConfig>()?.settings().map_err(|error| error.within(&node))
    }

    /// Scenario: `limits` is a preset's name, a map with one, and a map without.
    /// Guarantees: the map's keys replace the preset's, and what no key names has no limit.
    #[test]
    fn the_keys_replace_those_of_the_preset() {
        let preset = read("aws_xray").unwrap();
        assert_eq!((preset.request_bytes, preset.request_items), (Some(5_000_000), Some(10_000)));
        assert_eq!((preset.item_bytes, preset.resource_bytes), (Some(200_000), Some(16_000)));
        assert_eq!(preset.window.unwrap().past, Some(14 * 24 * HOUR));
        let other = read("{ preset: aws_xray, item_bytes: 5, time_window: { future: 1h } }").unwrap();
        let window = TimeWindow { future: Some(HOUR), ..preset.window.unwrap() };
        assert_eq!(other, RequestLimits { item_bytes: Some(5), window: Some(window), ..preset });
        let own = read("{ request_items: 7 }").unwrap();
        assert_eq!(own, RequestLimits { request_items: Some(7), ..RequestLimits::default() });
        assert_eq!(read("aws_logs").unwrap().request_bytes, Some(1_000_000));
    }

    /// Scenario: values that cannot be meant.
    /// Guarantees: each is refused with what would be right.
    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (yaml, said) in [
            ("gcp", "aws_logs"),
            ("7", "the name of a preset"),
            ("{ request_items: 0 }", "must be above zero"),
            ("{ request_size: 1 }", "unknown key `request_size`"),
            ("{ time_window: { past: soon } }", "soon"),
            ("{ time_window: { past: 60s } }", "must be above 1m"),
            ("{ time_window: { future: 30s } }", "must be above 1m"),
            ("{ time_window: { spread: 0s } }", "must be above zero"),
        ] {
            let error = read(yaml).unwrap_err().to_string();
            assert!(error.contains(said), "{yaml}: {error}");
        }
    }
}
