//! Copies of everything, and erasure of the account: the owner's to ask for.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::text::Line;
use shared_models::{DataLine, Page, PageRequest, UserId};
use shared_web::{
    ApiError, Body, ClientIp, Id, IdempotencyHeader, IdempotencyKey, Idempotent, Paging, Permit,
    Problem, Query, permit,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::Confidential;
use super::refusals::{BodyRefused, RepeatRefused, TokenRefused, Unavailable};
use super::repeat;
use crate::audit::{self, Action, Event};
use crate::domain::password_text::PasswordText;
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{
    self, Failure, Kind, PrivacyRow, Progress, State as Progressing,
};
use crate::store::tenants;
use crate::{privacy, reauthentication};

/// What an owner says to erase the account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasureRequest {
    /// The account's name or its id, as a sign that this account is meant.
    confirmation: Line<200>,
    /// Your own.
    password: PasswordText,
}

/// A request for a copy or an erasure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PrivacyRequest {
    id: Uuid,
    state: Progressing,
    /// Nobody in particular where a resource asked.
    requested_by: Option<UserId>,
    /// How far each service is, by its name, and which one is waited for.
    progress: Progress,
    /// Why it failed.
    error: Option<Failure>,
    /// When it begins; an erasure can be cancelled until then.
    due_at: Timestamp,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    /// Until when a copy may be fetched.
    expires_at: Option<Timestamp>,
}

impl From<PrivacyRow> for PrivacyRequest {
    fn from(row: PrivacyRow) -> Self {
        let PrivacyRow {
            id,
            state,
            requested_by,
            progress,
            error,
            due_at,
            created_at,
            finished_at,
            expires_at,
        } = row;
        Self {
            id,
            state,
            requested_by,
            progress,
            error,
            due_at,
            created_at,
            finished_at,
            expires_at,
        }
    }
}

/// Ask for a copy of everything that the platform keeps of the account.
///
/// Asked for again while one is being prepared, it answers with that one.
#[utoipa::path(post, path = "/privacy/exports", tag = "privacy", params(IdempotencyHeader),
    security(("bearer" = [])),
    responses(
        (status = 202, description = "It is being prepared", body = PrivacyRequest),
        (status = 400, description = "malformed_idempotency_key", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "idempotency_key_reused", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn create_export(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    ip: ClientIp,
    key: IdempotencyKey,
) -> Result<Response, Error> {
    let (user, _, _) = caller.user()?;
    let noted = Event::new((&caller.caller).into(), Action::ExportAsked, ip);
    let request = key.of(&[]).by(user);
    ask(&app, &caller, Kind::Export, user, noted, &request).await
}

/// List copies, newest first.
#[utoipa::path(get, path = "/privacy/exports", tag = "privacy", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Page<PrivacyRequest>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_exports(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<PrivacyRequest>>, Error> {
    list(&app, &caller, Kind::Export, &paging, page).await
}

/// Read how far a copy is.
#[utoipa::path(get, path = "/privacy/exports/{id}", tag = "privacy",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = PrivacyRequest),
        (status = 404, description = "unknown_privacy_request", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn read_export(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    Id(id): Id<Uuid>,
) -> Result<Json<PrivacyRequest>, Error> {
    let row = find(&app, &caller, Kind::Export, id).await?;
    Ok(Json(row.into()))
}

/// Download an export: NDJSON, one object `{kind, data}` a line of at most 1 MiB.
///
/// It is produced while it is downloaded. The last line has the kind `end` and the number of lines
/// of each kind; without it the export is incomplete, and has to be downloaded again. A last line
/// of the kind `failed` says in `data` what went wrong (`code`, `reason`).
///
/// Uploaded files come in pieces: each line of the kind `hub.files` has `document_id`, `filename`,
/// `size` (bytes of the whole file), `offset` (where in the file this piece begins, from 0) and
/// `content_base64`. The pieces of a file follow each other in order and without gaps, and their
/// Base64 texts, joined, are the Base64 text of the file.
///
/// An account has one download at a time.
#[utoipa::path(get, path = "/privacy/exports/{id}/download", tag = "privacy",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, description = "One row a line", body = DataLine,
            content_type = "application/x-ndjson"),
        (status = 404, description = "unknown_privacy_request", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "export_not_ready or download_in_progress", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "export_expired", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn download_export(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    Id(id): Id<Uuid>,
) -> Result<Response, Error> {
    caller.user()?;
    let row = find(&app, &caller, Kind::Export, id).await?;
    if row.state != Progressing::Succeeded {
        let refused = ApiError::conflict("export_not_ready");
        return Err(refused
            .detail("the copy is being prepared, or could not be; read the request")
            .into());
    }
    if row.expires_at.is_some_and(|end| end <= Timestamp::now()) {
        let refused = ApiError::new(StatusCode::GONE, "export_expired");
        return Err(refused.detail("ask for a new copy").into());
    }
    let mut response = privacy::download(app, caller.id, row.id).await?;
    let name = format!("attachment; filename=\"account-{id}.ndjson\"");
    let headers = response.headers_mut();
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Ask for the erasure of the account and of everything in it.
///
/// It begins after a time of grace, in which it can be cancelled. Then the account is shut at
/// once, and every service erases what it has; what stays is a proof that names nobody.
#[utoipa::path(post, path = "/privacy/erasures", tag = "privacy", request_body = ErasureRequest,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 202, description = "It waits for its time", body = PrivacyRequest),
        (status = 409, description = "managed_by_resource: delete the resource; or \
            request_in_progress", body = Problem, content_type = "application/problem+json"),
        TokenRefused, BodyRefused, RepeatRefused, Unavailable))]
pub(crate) async fn create_erasure(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    ip: ClientIp,
    key: IdempotencyKey,
    Body(wanted): Body<ErasureRequest>,
) -> Result<Response, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.id).await?;
    let account = tenants::read(&mut tx).await?.ok_or(Error::Inconsistent)?;
    drop(tx);
    if let Some(resource) = account.resource {
        return Err(Error::ManagedByResource(resource));
    }
    let said = wanted.confirmation.as_str();
    if said != account.display_name && said != caller.id.to_string() {
        let message = "must be the account's name or its id";
        return Err(Error::Field("confirmation", message));
    }
    reauthentication::check(&app, caller.id, user, wanted.password).await?;
    let noted = Event::new((&caller.caller).into(), Action::ErasureAsked, ip);
    // The password is checked each time and not part of what is kept: a fast hash would tell it.
    let request = key.of(&[said.as_bytes()]).by(user);
    ask(&app, &caller, Kind::Erasure, user, noted, &request).await
}

async fn ask(
    app: &AppState,
    caller: &Permit<permit::PrivacyManage>,
    kind: Kind,
    user: UserId,
    noted: Event,
    request: &Idempotent,
) -> Result<Response, Error> {
    let mut tx = app.db.tenant(caller.id).await?;
    if let Some(given) = repeat::replay(&mut tx, request).await? {
        return Ok(given);
    }
    let row = privacy::ask_for(app, &mut tx, kind, user, noted).await?;
    let (status, asked) = (StatusCode::ACCEPTED, PrivacyRequest::from(row));
    request.keep(&mut tx, status, None, &asked).await?;
    tx.commit().await?;
    app.privacy.wake();
    Ok(Confidential(status, asked).into_response())
}

/// List erasures, newest first.
#[utoipa::path(get, path = "/privacy/erasures", tag = "privacy", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Page<PrivacyRequest>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_erasures(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<PrivacyRequest>>, Error> {
    list(&app, &caller, Kind::Erasure, &paging, page).await
}

/// Read how far an erasure is.
#[utoipa::path(get, path = "/privacy/erasures/{id}", tag = "privacy",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = PrivacyRequest),
        (status = 404, description = "unknown_privacy_request", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn read_erasure(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    Id(id): Id<Uuid>,
) -> Result<Json<PrivacyRequest>, Error> {
    let row = find(&app, &caller, Kind::Erasure, id).await?;
    Ok(Json(row.into()))
}

/// Cancel an erasure that has not begun.
#[utoipa::path(delete, path = "/privacy/erasures/{id}", tag = "privacy",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "The account stays"),
        (status = 404, description = "unknown_privacy_request", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "erasure_not_waiting", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn cancel_erasure(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    ip: ClientIp,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, Error> {
    caller.user()?;
    find(&app, &caller, Kind::Erasure, id).await?;
    let mut tx = app.db.tenant(caller.id).await?;
    if !privacy_requests::cancel(&mut tx, id).await? {
        let refused = ApiError::conflict("erasure_not_waiting");
        return Err(refused.detail("it has begun, or has ended").into());
    }
    let cancelled = Event::new((&caller.caller).into(), Action::ErasureCancelled, ip);
    audit::append(&mut tx, cancelled.on(id)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(
    app: &AppState,
    caller: &Permit<permit::PrivacyManage>,
    kind: Kind,
    id: Uuid,
) -> Result<PrivacyRow, Error> {
    let mut tx = app.db.tenant_read(caller.id).await?;
    let row = privacy_requests::find(&mut tx, kind, id).await?;
    row.ok_or_else(|| ApiError::not_found("unknown_privacy_request").into())
}

async fn list(
    app: &AppState,
    caller: &Permit<permit::PrivacyManage>,
    kind: Kind,
    paging: &Paging,
    page: PageRequest,
) -> Result<Json<Page<PrivacyRequest>>, Error> {
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.id).await?;
    let rows = privacy_requests::list(&mut tx, kind, window.after, window.limit + 1).await?;
    let rows = rows.into_iter().map(PrivacyRequest::from).collect();
    Ok(Json(paging.page(
        rows,
        window,
        |request: &PrivacyRequest| request.id,
    )))
}
