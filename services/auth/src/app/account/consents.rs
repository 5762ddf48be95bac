//! Consents of the signed-in user.

use axum::http::StatusCode;
use shared_models::text::SingleLine;
use shared_web::{Caller, ClientIp, Idempotent};

use crate::app::audit;
use crate::app::idempotency::{self, Execution};
use crate::domain::audit::Action;
use crate::error::Error;
use crate::state::AppState;
use crate::store::consents;

pub(crate) use crate::store::consents::ConsentRow;

/// A decision about one purpose.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) purpose: &'static str,
    /// The version of the text that the user has seen.
    pub(crate) version: &'a SingleLine<40>,
    pub(crate) granted: bool,
}

/// The latest decision about each purpose.
pub(crate) async fn list(app: &AppState, caller: &Caller) -> Result<Vec<ConsentRow>, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    Ok(consents::latest(&mut tx, user).await?)
}

/// Records a decision.
pub(crate) async fn record(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    decision: &Decision<'_>,
    request: Idempotent,
) -> Result<Execution<()>, Error> {
    let (user, _, _) = caller.user()?;
    let request = request.by(user);
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(replayed) = idempotency::replay(&mut tx, &request).await? {
        return Ok(Execution::Replayed(replayed));
    }
    let Decision {
        purpose,
        version,
        granted,
    } = *decision;
    consents::insert(&mut tx, user, purpose, version.as_str(), granted).await?;
    let action = if granted {
        Action::ConsentGiven
    } else {
        Action::ConsentWithdrawn
    };
    let audit_event = audit::event(&caller.principal, action, ip).on(purpose);
    audit::append(&mut tx, audit_event).await?;
    let recorded = idempotency::store(&mut tx, &request, StatusCode::NO_CONTENT, ()).await?;
    tx.commit().await?;
    Ok(recorded)
}
