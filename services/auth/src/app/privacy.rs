//! Exports of everything that the platform stores about an account, and its erasure.
//!
//! Both are jobs: they survive restarts, wait for an unavailable service, and report which one.

pub(crate) mod download;
pub(crate) mod setup;

use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use shared_db::TenantTx;
use shared_models::text::SingleLine;
use shared_models::{CreatorId, Page, PageRequest, UserId};
use shared_web::{ApiError, Caller, ClientIp, Idempotent, Paging};
use uuid::Uuid;

use super::idempotency::{self, Execution};
use super::security::password;
use crate::app::audit;
use crate::domain::audit::{Action, AuditEvent};
use crate::domain::credentials::PasswordText;
use crate::error::Error;
use crate::jobs;
use crate::state::AppState;
use crate::store::{privacy_requests, tenants};

pub(crate) use crate::store::privacy_requests::{Failure, Kind, PrivacyRow, Progress, State};

/// Requests an export, or returns the open request. A stolen token alone must not be enough for
/// everything that the account has. The password is not part of the stored request.
pub(crate) async fn request_export<B: Serialize + Sync>(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    password: PasswordText,
    request: Idempotent,
    to_body: impl FnOnce(PrivacyRow) -> B + Send,
) -> Result<Execution<B>, Error> {
    let (user, _, _) = caller.user()?;
    password::reauthenticate(app, caller.tenant, user, ip, password).await?;
    let audit_event = audit::event(&caller.principal, Action::ExportRequested, ip);
    let new = NewRequest {
        kind: Kind::Export,
        user,
        delay: Duration::ZERO,
    };
    create(app, caller, new, audit_event, &request.by(user), to_body).await
}

/// The owner's confirmation of an erasure.
#[derive(Debug)]
pub(crate) struct ErasureConfirmation {
    /// The display name or id of the account.
    pub(crate) account: SingleLine<200>,
    pub(crate) password: PasswordText,
}

/// Requests the erasure of the account after the grace time, or returns the open request. The
/// password is not part of the stored request: a fast hash of it could be guessed.
pub(crate) async fn request_erasure<B: Serialize + Sync>(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    confirmation: ErasureConfirmation,
    request: Idempotent,
    to_body: impl FnOnce(PrivacyRow) -> B + Send,
) -> Result<Execution<B>, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let account = tenants::read(&mut tx).await?.ok_or(Error::Inconsistent)?;
    drop(tx);
    if let Some(resource) = account.resource {
        return Err(Error::ManagedByResource(resource));
    }
    let ErasureConfirmation {
        account: named,
        password,
    } = confirmation;
    let tenant = caller.tenant.to_string();
    if ![account.display_name.as_str(), &tenant].contains(&named.as_str()) {
        let message = "must be the account's name or its id";
        return Err(Error::Field("confirmation", message));
    }
    password::reauthenticate(app, caller.tenant, user, ip, password).await?;
    let audit_event = audit::event(&caller.principal, Action::ErasureRequested, ip);
    let new = NewRequest {
        kind: Kind::Erasure,
        user,
        delay: app.privacy.settings.grace,
    };
    create(app, caller, new, audit_event, &request.by(user), to_body).await
}

#[derive(Debug)]
struct NewRequest {
    kind: Kind,
    user: UserId,
    delay: Duration,
}

async fn create<B: Serialize + Sync>(
    app: &AppState,
    caller: &Caller,
    new: NewRequest,
    audit_event: AuditEvent,
    request: &Idempotent,
    to_body: impl FnOnce(PrivacyRow) -> B + Send,
) -> Result<Execution<B>, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(replayed) = idempotency::replay(&mut tx, request).await? {
        return Ok(Execution::Replayed(replayed));
    }
    let row = find_or_enqueue(app, &mut tx, new.kind, Some(new.user), new.delay).await?;
    audit::append(&mut tx, audit_event.on(row.id)).await?;
    let status = StatusCode::ACCEPTED;
    let created = idempotency::store(&mut tx, request, status, to_body(row)).await?;
    tx.commit().await?;
    Ok(created)
}

/// Reads a request of the account.
pub(crate) async fn find(
    app: &AppState,
    caller: &Caller,
    kind: Kind,
    id: Uuid,
) -> Result<PrivacyRow, Error> {
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = privacy_requests::find(&mut tx, kind, id).await?;
    row.ok_or_else(|| ApiError::not_found("unknown_privacy_request").into())
}

/// Lists requests, newest first.
pub(crate) async fn list(
    app: &AppState,
    caller: &Caller,
    kind: Kind,
    paging: &Paging,
    page: &PageRequest,
) -> Result<Page<PrivacyRow>, Error> {
    let window = paging.window(page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = privacy_requests::list(&mut tx, kind, window.after, window.limit + 1).await?;
    Ok(paging.page(rows, window, |row| row.id))
}

/// Cancels an erasure that has not begun.
pub(crate) async fn cancel_erasure(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    id: Uuid,
) -> Result<(), Error> {
    caller.user()?;
    find(app, caller, Kind::Erasure, id).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !privacy_requests::cancel(&mut tx, id).await? {
        let refused = ApiError::conflict("erasure_not_waiting");
        return Err(refused.detail("the erasure has begun, or has ended").into());
    }
    let audit_event = audit::event(&caller.principal, Action::ErasureCancelled, ip).on(id);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    Ok(())
}

/// An erasure that is running or finished. After its end the account is gone, so this names no
/// account.
#[derive(Debug, Clone)]
pub(crate) struct Erasure {
    pub(crate) request: Uuid,
    pub(crate) finished_at: Option<Timestamp>,
    /// What each service has erased, or which one the erasure waits for.
    pub(crate) progress: Progress,
}

/// Starts erasure immediately; used by the operator's tenants API. Idempotent: returns the id of
/// the existing request, also after the erasure has finished.
pub(crate) async fn erase_tenant(app: &AppState, tenant: CreatorId) -> Result<Uuid, Error> {
    let known = find_erasure(app, tenant).await?;
    if let Some(finished) = known.filter(|erasure| erasure.finished_at.is_some()) {
        return Ok(finished.request);
    }
    let mut tx = app.db.tenant(tenant).await?;
    let row = find_or_enqueue(app, &mut tx, Kind::Erasure, None, Duration::ZERO).await?;
    // Also of one that has begun: a version before ran it without making it due, and the database
    // erases only what is.
    privacy_requests::make_due(&mut tx, row.id).await?;
    if row.state == State::Waiting {
        privacy_requests::run_now(&mut tx, row.id).await?;
    }
    tx.commit().await?;
    Ok(row.id)
}

/// The erasure of an account, running or finished.
pub(crate) async fn find_erasure(
    app: &AppState,
    tenant: CreatorId,
) -> Result<Option<Erasure>, Error> {
    if let Some(finished) = privacy_requests::find_erasure(&app.db, tenant).await? {
        return Ok(Some(Erasure {
            request: finished.request,
            finished_at: Some(finished.finished_at),
            progress: finished.progress,
        }));
    }
    let mut tx = app.db.tenant_read(tenant).await?;
    let open = privacy_requests::find_open(&mut tx, Kind::Erasure).await?;
    Ok(open.map(|row| Erasure {
        request: row.id,
        finished_at: None,
        progress: row.progress,
    }))
}

/// Returns the open request of a kind, or creates one with its job.
async fn find_or_enqueue(
    app: &AppState,
    tx: &mut TenantTx,
    kind: Kind,
    requested_by: Option<UserId>,
    delay: Duration,
) -> Result<PrivacyRow, Error> {
    privacy_requests::lock(tx).await?;
    if let Some(open) = privacy_requests::find_open(tx, kind).await? {
        return Ok(open);
    }
    let row = privacy_requests::insert(tx, kind, requested_by, delay).await?;
    let job = jobs::of_request(kind, row.id, delay);
    app.jobs.enqueue(tx, job).await?;
    Ok(row)
}
