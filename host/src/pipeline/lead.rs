//! Leads count the ways to a stage. A stage may close when no lead is left.

use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// The counter of the leads to one stage. It is kept beside the stage.
#[derive(Clone, Debug, Default)]
pub struct Leads(TaskTracker);

/// A way to a stage. As long as a lead exists, batches may arrive.
#[derive(Clone)]
pub struct Lead {
    _held: TaskTrackerToken,
}

impl Leads {
    pub fn lead(&self) -> Lead {
        Lead { _held: self.0.token() }
    }

    /// Resolves when no lead to the stage is left. Must be called when no new lead will be made.
    pub async fn ended(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a stage has two leads, which are dropped one after the other.
    /// Guarantees: the wait ends with the second.
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
