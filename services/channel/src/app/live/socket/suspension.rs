//! Closes the open sockets of an account that is suspended.

use shared_auth::{Revocations, Subject};
use shared_models::CreatorId;
use tokio::sync::watch;

use crate::state::AppState;
use crate::store::tenants;

/// Watches for the suspension of an account.
pub(super) struct SuspensionWatch {
    app: AppState,
    creator: CreatorId,
    revocations: Option<(Revocations, watch::Receiver<u64>)>,
    epoch: u64,
}

impl SuspensionWatch {
    /// Starts to watch. Admission has read the account's state from the database moments ago.
    pub(super) fn new(app: &AppState, creator: CreatorId) -> Self {
        let revocations = app.verifier.revocations().cloned().map(|revocations| {
            let mut changes = revocations.changes();
            // A change between admission and now is checked first.
            changes.mark_changed();
            (revocations, changes)
        });
        let epoch = revocations
            .as_ref()
            .map_or(0, |(_, changes)| *changes.borrow());
        Self {
            app: app.clone(),
            creator,
            revocations,
            epoch,
        }
    }

    /// Returns when the account is suspended. Safe to cancel and to call again.
    pub(super) async fn suspended(&mut self) {
        loop {
            let Some((revocations, changes)) = &mut self.revocations else {
                return std::future::pending().await;
            };
            if changes.changed().await.is_err() {
                self.revocations = None;
                continue;
            }
            if revocations.is_revoked_locally(Subject::Tenant(self.creator)) {
                return;
            }
            let epoch = *changes.borrow();
            let reconnected = epoch != self.epoch && epoch % 2 == 1;
            // A revocation may have been lost while Redis was disconnected; the database has it.
            if reconnected && self.is_suspended().await {
                return;
            }
            self.epoch = epoch;
        }
    }

    /// An unavailable database suspends nobody; the next reconnect checks again.
    async fn is_suspended(&self) -> bool {
        let read = async {
            let mut tx = self.app.db.tenant_read(self.creator).await?;
            tenants::find(&mut tx).await
        };
        read.await.is_ok_and(|settings| settings.suspended)
    }
}
