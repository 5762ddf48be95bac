//! How long rows that are over are kept: the settings of `spec.retention`, their bounds and
//! defaults. Which rows of which table each one concerns stands in `shared/jobs`.

use crate::{Reader, Service, keys};

/// One setting of `spec.retention`, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retention {
    /// Jobs that succeeded.
    FinishedJobs,
    /// Jobs that failed.
    FailedJobs,
    /// Sessions, API keys and invitations that have expired, were used up or revoked.
    EndedAccess,
    /// Emails that were sent or given up.
    Emails,
    /// What was used, event by event.
    Usage,
    /// Conversations since their last message.
    Conversations,
}

/// Bounds of a setting, days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// Fewest.
    pub min: i32,
    /// Most.
    pub max: i32,
    /// Without a setting; `None`: nothing is deleted.
    pub default: Option<i32>,
}

/// Most days of every setting: ten years.
const MAX: i32 = 3_650;

impl Retention {
    /// Every setting.
    pub const ALL: [Self; 6] = [
        Self::FinishedJobs,
        Self::FailedJobs,
        Self::EndedAccess,
        Self::Emails,
        Self::Usage,
        Self::Conversations,
    ];

    /// The environment variable.
    pub const fn key(self) -> &'static str {
        match self {
            Self::FinishedJobs => keys::RETENTION_FINISHED_JOBS_DAYS,
            Self::FailedJobs => keys::RETENTION_FAILED_JOBS_DAYS,
            Self::EndedAccess => keys::RETENTION_ENDED_ACCESS_DAYS,
            Self::Emails => keys::RETENTION_EMAILS_DAYS,
            Self::Usage => keys::RETENTION_USAGE_DAYS,
            Self::Conversations => keys::RETENTION_CONVERSATIONS_DAYS,
        }
    }

    /// The field of `spec.retention`.
    pub const fn field(self) -> &'static str {
        match self {
            Self::FinishedJobs => "finishedJobsDays",
            Self::FailedJobs => "failedJobsDays",
            Self::EndedAccess => "endedAccessDays",
            Self::Emails => "emailsDays",
            Self::Usage => "usageDays",
            Self::Conversations => "conversationsDays",
        }
    }

    /// Bounds and default. The least values are those that the database enforces, too: a tenant is
    /// shown the usage of this month and of the one before.
    pub const fn days(self) -> Days {
        let (min, default) = match self {
            Self::FinishedJobs | Self::EndedAccess | Self::Emails => (1, Some(30)),
            Self::FailedJobs => (1, Some(90)),
            Self::Usage => (62, Some(400)),
            Self::Conversations => (30, None),
        };
        Days {
            min,
            max: MAX,
            default,
        }
    }

    /// Whether a service cleans up what the setting is about.
    pub const fn concerns(self, service: Service) -> bool {
        match self {
            Self::FinishedJobs | Self::FailedJobs => true,
            Self::EndedAccess | Self::Emails => matches!(service, Service::Auth),
            Self::Usage => matches!(service, Service::Auth | Service::AiEngine),
            Self::Conversations => matches!(service, Service::Channel),
        }
    }

    /// Reads the setting of a service; `None`: nothing is deleted.
    pub fn read(self, reader: &mut Reader) -> Option<i32> {
        let Days { min, max, default } = self.days();
        let Some(default) = default else {
            let given = reader.optional(self.key(), "");
            return (!given.is_empty()).then(|| reader.bounded(self.key(), max, min, max));
        };
        Some(reader.bounded(self.key(), default, min, max))
    }
}
