//! Logs the progress of a pull or an import, but not every line of it.

use std::time::{Duration, Instant};

use crate::clients::ollama::PullProgress;

/// Between two log lines of the same step.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

pub(super) struct ProgressLog {
    model: String,
    status: String,
    logged_at: Option<Instant>,
}

impl ProgressLog {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            status: String::new(),
            logged_at: None,
        }
    }

    pub(super) fn record(&mut self, progress: &PullProgress) {
        let is_due = self
            .logged_at
            .is_none_or(|logged_at| logged_at.elapsed() >= LOG_INTERVAL);
        if !is_due && progress.status == self.status {
            return;
        }
        let percent = (progress.completed * 100).checked_div(progress.total);
        tracing::info!(
            model = self.model,
            status = progress.status,
            percent,
            "fetching the model"
        );
        self.status.clone_from(&progress.status);
        self.logged_at = Some(Instant::now());
    }
}
