use super::convert::{number_column, text_column};
use super::spans::SpanBatch;
use crate::{IncomingRates, NumberColumn, TextColumn};

pub(crate) struct TraceBatch(pub(crate) wire::Traces);

impl TraceBatch {
    pub(crate) fn len(&self) -> u32 {
        self.0.len() as u32
    }

    pub(crate) fn ids(&self) -> Vec<u8> {
        self.0.ids().as_flattened().to_vec()
    }

    pub(crate) fn span_counts(&self) -> Vec<u32> {
        self.0.span_counts().collect()
    }

    pub(crate) fn durations_nano(&self) -> Vec<u64> {
        self.0.durations_nano().collect()
    }

    pub(crate) fn start_times_unix_nano(&self) -> Vec<u64> {
        self.0.start_times_unix_nano().collect()
    }

    pub(crate) fn errors(&self) -> Vec<bool> {
        self.0.errors().collect()
    }

    pub(crate) fn root_names(&self) -> TextColumn {
        text_column(self.0.root_names())
    }

    pub(crate) fn text_column(&self, key: &str) -> TextColumn {
        text_column(self.0.text(key))
    }

    pub(crate) fn number_column(&self, key: &str) -> NumberColumn {
        number_column(&self.0.numbers(key))
    }

    pub(crate) fn resource_texts(&self, key: &str) -> Vec<Option<String>> {
        self.0.resource_texts(key).into_iter().map(|text| text.map(str::to_owned)).collect()
    }

    pub(crate) fn root_text_column(&self, key: &str) -> TextColumn {
        text_column(self.0.root_text(key))
    }

    pub(crate) fn root_number_column(&self, key: &str) -> NumberColumn {
        number_column(&self.0.root_numbers(key))
    }

    pub(crate) fn any_text_column(&self, key: &str) -> TextColumn {
        text_column(self.0.any_text(key))
    }

    pub(crate) fn any_number_column(&self, key: &str) -> NumberColumn {
        number_column(&self.0.any_numbers(key))
    }

    pub(crate) fn any_resource_text_column(&self, key: &str) -> TextColumn {
        text_column(self.0.any_resource_text(key))
    }

    pub(crate) fn root_services(&self) -> TextColumn {
        text_column(self.0.root_services())
    }

    pub(crate) fn service_counts(&self) -> Vec<u32> {
        self.0.service_counts()
    }

    pub(crate) fn exceptions(&self) -> Vec<bool> {
        self.0.exceptions()
    }

    pub(crate) fn encoded_lens(&self) -> Vec<u64> {
        self.0.encoded_lens().collect()
    }

    pub(crate) fn randomness(&self) -> Vec<u64> {
        self.0.randomness().into_iter().map(wire::Randomness::bits).collect()
    }

    pub(crate) fn thresholds(&self) -> Vec<Option<u64>> {
        self.0.thresholds().into_iter().map(|threshold| threshold.map(wire::Threshold::bits)).collect()
    }

    pub(crate) fn incoming(&self) -> IncomingRates {
        let (traces, spans) = super::world::with(|world| world.incoming);
        IncomingRates { traces, spans }
    }

    pub(crate) fn traces_of_spans(&self) -> Vec<u32> {
        self.0.of_spans().to_vec()
    }

    pub(crate) fn spans(&self) -> SpanBatch {
        SpanBatch::new(self.0.spans().clone())
    }
}

impl std::fmt::Debug for TraceBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TraceBatch({} traces)", self.0.len())
    }
}
