//! `spec.retention`: how long rows that are no longer needed are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared_config::Retention as Setting;

/// How long what is over is kept, in days. The content of creators is never deleted by age unless
/// `conversationsDays` is set; documents and the audit log are kept until the account is erased.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// Background jobs that succeeded. The newest job of a document stays with the document.
    #[serde(default = "finished_jobs")]
    #[schemars(range(min = 1, max = 3650))]
    pub finished_jobs_days: i32,
    /// Background jobs that failed. The newest job of a document stays with the document.
    #[serde(default = "failed_jobs")]
    #[schemars(range(min = 1, max = 3650))]
    pub failed_jobs_days: i32,
    /// Sessions, API keys and invitations after they expired, were used up or revoked.
    #[serde(default = "ended_access")]
    #[schemars(range(min = 1, max = 3650))]
    pub ended_access_days: i32,
    /// Emails that were sent or given up.
    #[serde(default = "emails")]
    #[schemars(range(min = 1, max = 3650))]
    pub emails_days: i32,
    /// Records of usage. Accounts are shown the current month and the one before.
    #[serde(default = "usage")]
    #[schemars(range(min = 62, max = 3650))]
    pub usage_days: i32,
    /// Conversations after their last message, with their messages and then their visitors. Kept
    /// for as long as the account exists if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 30, max = 3650))]
    pub conversations_days: Option<i32>,
}

impl Retention {
    /// The days of a setting; `None`: kept.
    pub(crate) const fn days(&self, setting: Setting) -> Option<i32> {
        match setting {
            Setting::FinishedJobs => Some(self.finished_jobs_days),
            Setting::FailedJobs => Some(self.failed_jobs_days),
            Setting::EndedAccess => Some(self.ended_access_days),
            Setting::Emails => Some(self.emails_days),
            Setting::Usage => Some(self.usage_days),
            Setting::Conversations => self.conversations_days,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            finished_jobs_days: finished_jobs(),
            failed_jobs_days: failed_jobs(),
            ended_access_days: ended_access(),
            emails_days: emails(),
            usage_days: usage(),
            conversations_days: None,
        }
    }
}

const fn finished_jobs() -> i32 {
    30
}

const fn failed_jobs() -> i32 {
    90
}

const fn ended_access() -> i32 {
    30
}

const fn emails() -> i32 {
    30
}

const fn usage() -> i32 {
    400
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The services read their own defaults and bounds where no operator sets them.
    #[test]
    fn services_have_the_same_defaults_and_bounds() {
        let schema = serde_json::to_value(schemars::schema_for!(Retention)).unwrap();
        for setting in Setting::ALL {
            let days = setting.days();
            assert_eq!(
                Retention::default().days(setting),
                days.default,
                "{setting:?}"
            );
            let field = &schema["properties"][setting.field()];
            assert_eq!(field["minimum"], days.min, "{setting:?}");
            assert_eq!(field["maximum"], days.max, "{setting:?}");
        }
    }
}
