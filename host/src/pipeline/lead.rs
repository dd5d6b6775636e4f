//! Who leads to a stage. It may close once nobody does.

use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// Kept beside a stage.
#[derive(Clone, Debug, Default)]
pub struct Leads(TaskTracker);

/// A way to a stage: as long as there is one, batches may come.
#[derive(Clone)]
pub struct Lead {
    _held: TaskTrackerToken,
}

impl Leads {
    pub fn lead(&self) -> Lead {
        Lead { _held: self.0.token() }
    }

    /// Resolves when no way to the stage is left. Called when nobody makes a new one.
    pub async fn ended(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stage_is_led_to_until_the_last_way_is_gone() {
        let leads = Leads::default();
        let lead = leads.lead();
        let another = lead.clone();
        let mut ended = Box::pin(leads.ended());
        drop(lead);
        assert!(futures::poll!(ended.as_mut()).is_pending());
        drop(another);
        assert!(futures::poll!(ended.as_mut()).is_ready());
    }
}
