//! API keys, as members manage them.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use shared_auth::Subject;
use shared_models::text::SingleLine;
use shared_models::{ApiKeyId, Page, PageRequest, Permission};
use shared_web::{Caller, ClientIp, Idempotent, Paging};

use crate::app::audit;
use crate::app::idempotency::{self, Execution};
use crate::domain::api_key::ApiKeySecret;
use crate::domain::audit::Action;
use crate::error::Error;
use crate::state::AppState;
use crate::store::api_keys::{self, NewApiKey};

pub(crate) use crate::store::api_keys::ApiKeyRow;

/// A requested key.
#[derive(Debug)]
pub(crate) struct KeyRequest {
    pub(crate) name: SingleLine<100>,
    pub(crate) scopes: Vec<Permission>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// A new key with its secret.
#[derive(Debug)]
pub(crate) struct CreatedApiKey {
    pub(crate) key: String,
    pub(crate) row: ApiKeyRow,
}

/// Creates a key with permissions that the caller has.
pub(crate) async fn create<B: Serialize + Sync>(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    key: KeyRequest,
    request: Idempotent,
    to_body: impl FnOnce(CreatedApiKey) -> B + Send,
) -> Result<Execution<B>, Error> {
    let (user, _, _) = caller.user()?;
    let request = request.by(user);
    let scopes = check_scopes(caller, key.scopes)?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(replayed) = idempotency::replay_encrypted(app, &mut tx, &request).await? {
        return Ok(Execution::Replayed(replayed));
    }
    if key.expires_at.is_some_and(|time| time <= Timestamp::now()) {
        return Err(Error::Field("expires_at", "must be in the future"));
    }
    let secret = ApiKeySecret::random()?;
    let new = NewApiKey {
        name: key.name.as_str(),
        prefix: secret.prefix(),
        hash: secret.hash(),
        scopes: &scopes,
        created_by: user,
        expires_at: key.expires_at,
    };
    let inserted = api_keys::insert(&mut tx, new).await?;
    let row = inserted.ok_or(Error::TooManyApiKeys)?;
    let audit_event = audit::event(&caller.principal, Action::ApiKeyCreated, ip).on(row.id);
    audit::append(&mut tx, audit_event).await?;
    let body = to_body(CreatedApiKey {
        key: secret.into_text(),
        row,
    });
    let status = StatusCode::CREATED;
    let created = idempotency::store_encrypted(app, &mut tx, &request, status, body).await?;
    tx.commit().await?;
    Ok(created)
}

/// The scopes without duplicates, if the caller has them all.
fn check_scopes(caller: &Caller, mut scopes: Vec<Permission>) -> Result<Vec<Permission>, Error> {
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Error::Field("scopes", "must name at least one permission"));
    }
    for scope in &scopes {
        caller.require(*scope)?;
    }
    Ok(scopes)
}

/// Lists keys, newest first.
pub(crate) async fn list(
    app: &AppState,
    caller: &Caller,
    paging: &Paging,
    page: &PageRequest,
) -> Result<Page<ApiKeyRow>, Error> {
    let window = paging.window(page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = api_keys::list(&mut tx, window.after, window.limit + 1).await?;
    Ok(paging.page(rows, window, |row| row.id.as_uuid()))
}

/// Revokes a key in every service.
pub(crate) async fn revoke(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    id: ApiKeyId,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !api_keys::revoke(&mut tx, id).await? {
        return Err(Error::UnknownApiKey);
    }
    let audit_event = audit::event(&caller.principal, Action::ApiKeyRevoked, ip).on(id);
    audit::append(&mut tx, audit_event).await?;
    let revoked = app.revocations.revoke([Subject::ApiKey(id)]);
    tx.apply(revoked).await?;
    Ok(tx.commit().await?)
}
