//! Keeps every trace that failed or was slow, and a share of the others, chosen by trace id.

use spanloom_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KeepErrors {
    /// Traces that took longer are kept.
    slow_ms: f64,
    /// The share of the other traces that is kept: 0 to 1.
    share: f64,
}

impl Default for KeepErrors {
    fn default() -> Self {
        KeepErrors { slow_ms: 500.0, share: 0.05 }
    }
}

impl Sampler for KeepErrors {
    fn describe(of_crate: Description) -> Description {
        of_crate.with_schema(include_str!("../config.schema.json"))
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        match self.share {
            0.0..=1.0 => Ok(()),
            other => Err(ConfigError::new("share", format!("{other} is no share: it is from 0 to 1"))),
        }
    }

    fn sample(&mut self, traces: &TraceBatch) -> Result<Vec<Decision>, Failure> {
        let (ids, errors, durations) = (traces.ids(), traces.errors(), traces.durations_nano());
        let traces = ids.iter().zip(errors).zip(durations);
        let decisions = traces.map(|((id, error), duration_nano)| match id {
            _ if error || duration_nano as f64 > self.slow_ms * 1e6 => Decision::Keep(1.0),
            id if randomness(id) >= self.threshold() => Decision::Keep(self.share),
            _ => Decision::Drop,
        });
        Ok(decisions.collect())
    }
}

impl KeepErrors {
    /// Returns the threshold of OpenTelemetry's consistent sampling. A sampler with a smaller share keeps a
    /// part of these traces.
    fn threshold(&self) -> u64 {
        ((1.0 - self.share) * (1_u64 << 56) as f64).ceil() as u64
    }
}

/// Returns the last 56 bits of a trace id, which should be random by W3C trace context.
fn randomness(id: &[u8; 16]) -> u64 {
    u128::from_be_bytes(*id) as u64 & ((1 << 56) - 1)
}

spanloom_plugin::sampler!(KeepErrors);

#[cfg(test)]
mod tests;
