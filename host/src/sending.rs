//! Between a pipeline and an exporter: timeout, retry and the bounded sending queue.

/// How an exporter wants to be fed.
#[derive(Clone, Debug, Default)]
pub struct SendingSettings {}
