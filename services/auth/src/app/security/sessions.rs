//! The sessions of the signed-in user.

use shared_auth::Subject;
use shared_models::{Page, PageRequest, SessionId};
use shared_web::{Caller, ClientIp, Paging};

use crate::app::audit;
use crate::domain::audit::Action;
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::sessions::{self, RevocationReason};

pub(crate) use crate::store::sessions::SessionRow;

/// Lists the open sessions, newest first.
pub(crate) async fn list(
    app: &AppState,
    caller: &Caller,
    paging: &Paging,
    page: &PageRequest,
) -> Result<Page<SessionRow>, Error> {
    let (user, _, _) = caller.user()?;
    let window = paging.window(page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = sessions::list(&mut tx, user, window.after, window.limit + 1).await?;
    Ok(paging.page(rows, window, |row| row.id.as_uuid()))
}

/// Ends one session.
pub(crate) async fn revoke(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    id: SessionId,
) -> Result<(), Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !sessions::revoke_own(&mut tx, user, id).await? {
        return Err(Denied::UnknownSession.into());
    }
    let audit_event = audit::event(&caller.principal, Action::SessionRevoked, ip).on(id);
    audit::append(&mut tx, audit_event).await?;
    let revoked = app.revocations.revoke([Subject::Session(id)]);
    tx.apply(revoked).await?;
    Ok(tx.commit().await?)
}

/// Ends all sessions.
pub(crate) async fn revoke_all(app: &AppState, caller: &Caller, ip: ClientIp) -> Result<(), Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    sessions::revoke_all(&mut tx, user, None, RevocationReason::LogoutAll).await?;
    let audit_event = audit::event(&caller.principal, Action::SessionsRevoked, ip).on(user);
    audit::append(&mut tx, audit_event).await?;
    let revoked = app.revocations.revoke([Subject::User(user)]);
    tx.apply(revoked).await?;
    Ok(tx.commit().await?)
}
