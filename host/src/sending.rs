//! Between a pipeline and an exporter: timeout, retry and the bounded sending queue.

/// How an exporter wants to be fed.
#[derive(Clone, Debug, Default)]
pub struct SendingSettings {}

impl SendingSettings {
    /// Straight to the exporter: no queue, no retry, no timeout. For what writes on this machine.
    pub fn direct() -> SendingSettings {
        SendingSettings::default()
    }
}
