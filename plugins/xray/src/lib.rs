//! Sends spans to AWS X-Ray as segment documents.

mod answer;
mod config;
mod counters;
mod delivery;
mod document;
mod failures;
mod ids;
mod telemetry;
mod translate;

use spanloom_plugin::clock;
use spanloom_plugin::prelude::*;

use config::Config;
use counters::Counters;
use delivery::Delivery;
use telemetry::Telemetry;
use translate::{Rules, Translation};

/// The exporter `awsxray`.
#[derive(Deserialize)]
#[serde(from = "Config")]
pub struct XRay {
    config: Config,
    rules: Rules,
    counters: Counters,
    telemetry: Telemetry,
}

impl From<Config> for XRay {
    fn from(config: Config) -> XRay {
        let telemetry = Telemetry::new(&config);
        XRay { rules: Rules::new(&config), counters: Counters::default(), telemetry, config }
    }
}

impl Exporter for XRay {
    fn describe(of_crate: Description) -> Description {
        let described = of_crate.with_schema(include_str!("../config.schema.json"));
        Description { name: "awsxray".to_owned(), grants: vec![Grant::Http], ..described }
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        self.config.validate()?;
        self.telemetry.start();
        Ok(())
    }

    /// Applies the new config and keeps the counts.
    fn reconfigure(&mut self, new: XRay) -> Result<(), ConfigError> {
        self.telemetry.reconfigure(new.telemetry);
        self.config = new.config;
        self.rules = new.rules;
        Ok(())
    }

    fn export_spans(&mut self, spans: SpanBatch) -> Result<(), ExportError> {
        let flat = spans.flat();
        let rules = self.rules.at(clock::now_unix_nano());
        let mut translation = Translation::new(&flat, &rules);
        let mut delivery = Delivery::new(&self.config, &mut self.counters, &mut self.telemetry);
        for (row, span) in flat.spans().enumerate() {
            let translated = translation.span(row, span, |document| delivery.add(row as u32, &document));
            if let Err(refused) = translated {
                delivery.refuse(row as u32, refused);
            }
        }
        let failures = delivery.finish();
        self.counters.tally(&translation.into_tally());
        failures.into_result(flat.names.len())
    }
}

impl Timer for XRay {
    fn wake(&mut self, _out: &mut Output) -> Result<(), Failure> {
        self.telemetry.send(&self.config);
        self.telemetry.start();
        Ok(())
    }
}

impl Flush for XRay {
    fn flush(&mut self, _out: &mut Output) -> Result<(), Failure> {
        self.telemetry.send(&self.config);
        Ok(())
    }
}

spanloom_plugin::exporter!(XRay: Timer, Flush);

/// Returns the documents of spans as they would be sent, for tests and tools.
#[cfg(not(target_family = "wasm"))]
pub fn documents(config_json: &str, spans: &SpanBatch) -> Result<Vec<String>, String> {
    let config: Config =
        spanloom_plugin::serde_json::from_str(config_json).map_err(|error| error.to_string())?;
    let flat = spans.flat();
    let rules = Rules::new(&config).at(clock::now_unix_nano());
    let mut translation = Translation::new(&flat, &rules);
    let mut documents = json::Writer::default();
    for (row, span) in flat.spans().enumerate() {
        // A span that is refused has no document.
        let _ = translation.span(row, span, |document| {
            documents.embed(document.json);
        });
    }
    let list = format!("[{}]", documents.as_str());
    spanloom_plugin::serde_json::from_str(&list).map_err(|error| error.to_string())
}
