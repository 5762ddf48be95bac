//! Ends the sockets of an account that is shut while they are open.

use shared_auth::{Revocations, Subject};
use shared_models::CreatorId;
use tokio::sync::watch;

use crate::state::AppState;
use crate::store::tenants;

/// Waits for an account to be shut.
pub(super) struct Suspension {
    app: AppState,
    creator: CreatorId,
    told: Option<(Revocations, watch::Receiver<u64>)>,
    epoch: u64,
}

impl Suspension {
    /// Begins to wait; admission has asked the database a moment ago.
    pub(super) fn of(app: &AppState, creator: CreatorId) -> Self {
        let revocations = app.verifier.revocations().cloned();
        let told = revocations.map(|revocations| {
            let mut changes = revocations.changes();
            // What came between admission and now is looked at first.
            changes.mark_changed();
            (revocations, changes)
        });
        let epoch = told.as_ref().map_or(0, |(_, changes)| *changes.borrow());
        Self {
            app: app.clone(),
            creator,
            told,
            epoch,
        }
    }

    /// Returns when the account is shut. May be dropped and called again.
    pub(super) async fn begins(&mut self) {
        loop {
            let Some((revocations, changes)) = &mut self.told else {
                return std::future::pending().await;
            };
            if changes.changed().await.is_err() {
                self.told = None;
                continue;
            }
            if revocations.is_revoked_locally(Subject::Tenant(self.creator)) {
                return;
            }
            let epoch = *changes.borrow();
            let missed = epoch != self.epoch && epoch % 2 == 1;
            // After a break a notice may have been missed: the database knows.
            if missed && self.is_shut().await {
                return;
            }
            self.epoch = epoch;
        }
    }

    /// A database that is away shuts nobody out; the next break asks again.
    async fn is_shut(&self) -> bool {
        let read = async {
            let mut tx = self.app.db.tenant_read(self.creator).await?;
            tenants::bounds(&mut tx).await
        };
        read.await.is_ok_and(|bounds| bounds.suspended)
    }
}
