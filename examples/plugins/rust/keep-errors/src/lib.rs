//! Keeps every trace that failed or was slow, and a share of the others, chosen by their randomness.

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
        let threshold = self.threshold();
        let (randomness, errors, durations) = (traces.randomness(), traces.errors(), traces.durations_nano());
        let traces = randomness.into_iter().zip(errors).zip(durations);
        let decisions = traces.map(|((randomness, error), duration_nano)| match randomness {
            _ if error || duration_nano as f64 > self.slow_ms * 1e6 => Decision::Keep(1.0),
            randomness if threshold.keeps(randomness) => Decision::KeepConsistently(self.share),
            _ => Decision::Drop,
        });
        Ok(decisions.collect())
    }
}

impl KeepErrors {
    /// Returns the threshold of OpenTelemetry's consistent sampling. A sampler with a smaller share keeps a
    /// part of these traces.
    fn threshold(&self) -> Threshold {
        let bits = ((1.0 - self.share) * (1_u64 << 56) as f64).ceil() as u64;
        Threshold::from_bits(bits).unwrap_or(Threshold::NEVER)
    }
}

spanloom_plugin::sampler!(KeepErrors);

#[cfg(test)]
mod tests;
