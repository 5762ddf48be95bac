//! Whether search can go by meaning, as the models Job found out with the embedding model.

use serde::Deserialize;

use super::{Finding, Planned, remembered};
use crate::api::condition::{Condition, ConditionStatus};
use crate::reason::Reason;

/// The type of the condition.
const CONDITION: &str = "RetrievalCalibrated";

/// The part of the Job's report that is read here. A Job of an earlier version reports neither.
#[derive(Debug, Deserialize)]
struct Report {
    calibrated: Option<bool>,
    #[serde(default)]
    languages: Vec<String>,
}

/// What the Job reports; if it was not read in this look, what is known already.
pub(super) fn finding(planned: &Planned<'_>, known: &[Condition]) -> Option<Finding> {
    let report = planned.observed.models_report.as_deref();
    let reported = report.and_then(reported);
    reported.or_else(|| remembered(CONDITION, known))
}

fn reported(report: &str) -> Option<Finding> {
    let report: Report = serde_json::from_str(report).ok()?;
    let (status, reason, message) = if report.calibrated? {
        let languages = report.languages.join(", ");
        let message = format!(
            "The embedding model finds answers by meaning in: {languages}. In other languages, \
             search may depend on words."
        );
        (ConditionStatus::True, Reason::Calibrated, message)
    } else {
        let message = "The embedding model does not tell passages that answer a question from \
            others, so search goes by words. Choose another model of use embedding in \
            spec.ollama.models.";
        (
            ConditionStatus::False,
            Reason::NotCalibrated,
            message.to_owned(),
        )
    };
    Some(Finding {
        kind: CONDITION,
        status,
        reason,
        message,
    })
}
