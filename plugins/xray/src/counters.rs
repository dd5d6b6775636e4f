//! The exporter's own metrics, which count what was lost and why.

use std::collections::BTreeMap;

use spanloom_plugin::metrics::Counter;

use crate::document::Cut;
use crate::translate::{Refused, Tally};

/// The most series of one counter, because the error codes are the service's choice.
const MAX_CODES: usize = 32;

/// Creates each counter when it first counts, because most never do.
#[derive(Default)]
pub(crate) struct Counters {
    spans: BTreeMap<Refused, Counter>,
    links: BTreeMap<Refused, Counter>,
    cuts: BTreeMap<Cut, Counter>,
    codes: BTreeMap<String, Counter>,
}

impl Counters {
    pub(crate) fn refused_span(&mut self, why: Refused) {
        let help = "Spans that X-Ray could take no document of";
        let counter = || Counter::new("awsxray_untranslatable_spans", help, &[("reason", why.reason())]);
        self.spans.entry(why).or_insert_with(counter).add(1);
    }

    /// Counts what the translation of a batch has left out.
    pub(crate) fn tally(&mut self, tally: &Tally) {
        for why in &tally.links {
            let help = "Links left out of a document";
            let counter = || Counter::new("awsxray_dropped_links", help, &[("reason", why.reason())]);
            self.links.entry(*why).or_insert_with(counter).add(1);
        }
        for worst in &tally.cuts {
            // A cut implies the cuts before it.
            for cut in Cut::ALL.into_iter().filter(|cut| cut <= worst) {
                let help = "Documents above 64 KB that something was left out of";
                let counter = || Counter::new("awsxray_trimmed_documents", help, &[("cut", cut.label())]);
                self.cuts.entry(cut).or_insert_with(counter).add(1);
            }
        }
    }

    /// Counts documents that the service did not process.
    pub(crate) fn unprocessed(&mut self, code: &str, documents: u64) {
        let known = self.codes.contains_key(code) || self.codes.len() < MAX_CODES;
        let code = if known { code } else { "other" };
        let help = "Documents that X-Ray did not process, by its error code";
        let counter = || Counter::new("awsxray_unprocessed_documents", help, &[("code", code)]);
        self.codes.entry(code.to_owned()).or_insert_with(counter).add(documents);
    }
}
