//! The keys that sign access tokens, as administrators of the platform manage them.

use std::sync::Arc;

use shared_web::{Caller, ClientIp};

use crate::app::{audit, platform_admins};
use crate::domain::access_token::ScheduledKey;
use crate::domain::audit::Action;
use crate::error::Error;
use crate::state::AppState;

/// Lists the published keys.
pub(crate) async fn list(app: &AppState, caller: &Caller) -> Result<Arc<[ScheduledKey]>, Error> {
    platform_admins::require(app, caller).await?;
    app.key_ring.reload().await?;
    Ok(app.signer.keys())
}

/// Why the signing key is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotationReason {
    /// Tokens of the former keys stay valid until they expire.
    Routine,
    /// The former keys may have leaked: none of their tokens stays valid.
    Compromised,
}

/// Changes the key that signs access tokens, and lists the published keys.
pub(crate) async fn rotate(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    reason: RotationReason,
) -> Result<Arc<[ScheduledKey]>, Error> {
    platform_admins::require(app, caller).await?;
    let (kid, action) = match reason {
        RotationReason::Routine => (app.key_ring.rotate().await?, Action::KeysRotated),
        RotationReason::Compromised => (app.key_ring.replace().await?, Action::KeysReplaced),
    };
    let mut tx = app.db.tenant(caller.tenant).await?;
    let audit_event = audit::event(&caller.principal, action, ip).on(kid);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    Ok(app.signer.keys())
}
