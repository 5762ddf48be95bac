//! What a change of the password and a change of the email address of a signed-in user have in
//! common.

use shared_auth::Subject;
use shared_db::TenantTx;
use shared_web::{Caller, ClientIp};

use crate::app::audit;
use crate::domain::audit::Action;
use crate::domain::email::QueuedEmail;
use crate::error::Error;
use crate::state::AppState;
use crate::store::me;
use crate::store::sessions::{self, RevocationReason};
use crate::store::users::UserRow;

/// A change that was made, and what follows from it.
pub(crate) struct CredentialChange {
    /// Why the other sessions end.
    pub(crate) reason: RevocationReason,
    pub(crate) action: Action,
    /// The notice to the user.
    pub(crate) notice: QueuedEmail,
}

/// Reads the user of the caller, whose session must still be open.
pub(crate) async fn read_user(tx: &mut TenantTx, caller: &Caller) -> Result<UserRow, Error> {
    let (user, _, session) = caller.user()?;
    let found = me::find_signed_in(tx, user, session).await?;
    Ok(found.ok_or(Error::SessionEnded)?.user)
}

/// Ends all sessions but the caller's, notifies the user, and commits.
pub(crate) async fn finish(
    app: &AppState,
    mut tx: TenantTx,
    caller: &Caller,
    ip: ClientIp,
    change: CredentialChange,
) -> Result<(), Error> {
    let CredentialChange {
        reason,
        action,
        notice,
    } = change;
    let (user, _, session) = caller.user()?;
    let ended = sessions::revoke_all(&mut tx, user, Some(session), reason).await?;
    let audit_event = audit::event(&caller.principal, action, ip).on(user);
    audit::append(&mut tx, audit_event).await?;
    app.mailer.enqueue(&mut tx, &notice).await?;
    let revoked = app
        .revocations
        .revoke(ended.into_iter().map(Subject::Session));
    tx.apply(revoked).await?;
    Ok(tx.commit().await?)
}
