//! When a credential ends whose holder is still being served: a response may outlast it.

use std::future;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use crate::identity::Validity;
use crate::revocation::Revocations;

/// How often revocations are read while none would be announced to this process.
const UNANNOUNCED_INTERVAL: Duration = Duration::from_secs(1);

/// Why a credential has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// When a verified credential ends.
#[derive(Debug, Clone)]
pub struct CredentialLifetime {
    validity: Validity,
    revocations: Option<Revocations>,
}

impl CredentialLifetime {
    pub(crate) const fn new(validity: Validity, revocations: Option<Revocations>) -> Self {
        Self {
            validity,
            revocations,
        }
    }

    /// Completes when the credential ends, in whatever way comes first.
    pub async fn ended(&self) -> End {
        tokio::select! {
            () = self.expired() => End::Expired,
            () = self.revoked() => End::Revoked,
        }
    }

    /// Completes when the time of the credential is over.
    async fn expired(&self) {
        let Some(end) = self.validity.ends_at else {
            return future::pending().await;
        };
        // Whole seconds, and a token is accepted in all of its last one.
        let left = end.saturating_mul(1000) - Timestamp::now().as_millisecond() + 1000;
        sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
    }

    /// Completes when the credential is revoked, or when so much can be read after an interruption
    /// that may have hidden it. While nothing can be read, the credential holds.
    pub async fn revoked(&self) {
        let subjects = &self.validity.subjects;
        let Some(revocations) = self.revocations.as_ref().filter(|_| !subjects.is_empty()) else {
            return future::pending().await;
        };
        let mut changes = revocations.changes();
        // The generation in which everything that was not announced has been read.
        let mut read = None;
        loop {
            // Marked as seen before it is read, so that no change falls in between.
            changes.mark_unchanged();
            let generation = revocations.generation();
            let received = revocations.received_of(subjects);
            if self.validity.ended_by(&received).is_some() {
                return;
            }
            if generation.is_none() || read != generation {
                let found = revocations.look_up(subjects).await;
                if self.validity.ended_by(&found.revoked).is_some() {
                    return;
                }
                read = generation.filter(|_| matches!(found.cacheable, Ok(true)));
            }
            let next_change = changes.changed();
            let outcome = if read.is_some() {
                next_change.await
            } else {
                timeout(UNANNOUNCED_INTERVAL, next_change)
                    .await
                    .unwrap_or(Ok(()))
            };
            if outcome.is_err() {
                return future::pending().await;
            }
        }
    }
}
