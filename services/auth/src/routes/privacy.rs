//! Export and erasure of the account, requested by its owner.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;
use shared_models::{ExportRecord, Page, PageRequest, UserId};
use shared_web::{
    ApiError, Body, ClientIp, Id, IdempotencyHeader, IdempotencyKey, Paging, Permit, Problem,
    Query, permit,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::openapi_responses::{BodyErrors, IdempotencyErrors, TokenErrors, UnavailableErrors};
use super::response::page_of;
use crate::app::idempotency::Execution;
use crate::app::privacy::{
    self, ErasureConfirmation, Failure, Kind, PrivacyRow, Progress, State as Progressing, download,
};
use crate::domain::credentials::PasswordText;
use crate::error::Error;
use crate::state::AppState;

/// The owner's confirmation of an erasure.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasureRequest {
    /// The display name or id of the account.
    confirmation: SingleLine<200>,
    /// Your own password.
    password: PasswordText,
}

/// The owner's confirmation of an export.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportRequest {
    /// Your own password: an export has everything that the account has.
    password: PasswordText,
}

/// A request for an export or an erasure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PrivacyRequest {
    id: Uuid,
    state: Progressing,
    /// Null when a Tenant resource was deleted.
    requested_by: Option<UserId>,
    /// The progress of each service, by name.
    progress: Progress,
    /// Why the request failed.
    error: Option<Failure>,
    /// When the request begins; an erasure can be cancelled until then.
    due_at: Timestamp,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    /// Until when an export can be downloaded.
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

/// Request an export of everything that the platform stores about the account.
///
/// Returns the open request if an export is being prepared already.
#[utoipa::path(post, path = "/privacy/exports", tag = "privacy", request_body = ExportRequest,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 202, description = "The export is being prepared", body = PrivacyRequest),
        (status = 409, description = "request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, BodyErrors, IdempotencyErrors, UnavailableErrors))]
pub(crate) async fn create_export(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    ip: ClientIp,
    key: IdempotencyKey,
    Body(ExportRequest { password }): Body<ExportRequest>,
) -> Result<Execution<PrivacyRequest>, Error> {
    privacy::request_export(&app, &caller, ip, password, key.of(&[]), Into::into).await
}

/// List exports, newest first.
#[utoipa::path(get, path = "/privacy/exports", tag = "privacy", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of requests", body = Page<PrivacyRequest>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn list_exports(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<PrivacyRequest>>, Error> {
    let rows = privacy::list(&app, &caller, Kind::Export, &paging, &page).await?;
    Ok(page_of(rows))
}

/// Read the state of an export.
#[utoipa::path(get, path = "/privacy/exports/{id}", tag = "privacy",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, description = "The request", body = PrivacyRequest),
        (status = 404, description = "unknown_privacy_request", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn read_export(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    Id(id): Id<Uuid>,
) -> Result<Json<PrivacyRequest>, Error> {
    let row = privacy::find(&app, &caller, Kind::Export, id).await?;
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
        (status = 200, description = "One record per line", body = ExportRecord,
            content_type = "application/x-ndjson"),
        (status = 404, description = "unknown_privacy_request", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "export_not_ready or download_in_progress", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "export_expired", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn download_export(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    ip: ClientIp,
    Id(id): Id<Uuid>,
) -> Result<Response, Error> {
    caller.user()?;
    let row = privacy::find(&app, &caller, Kind::Export, id).await?;
    if row.state != Progressing::Succeeded {
        let refused = ApiError::conflict("export_not_ready");
        return Err(refused
            .detail("the export is being prepared, or has failed; read the request")
            .into());
    }
    if row.expires_at.is_some_and(|end| end <= Timestamp::now()) {
        let refused = ApiError::new(StatusCode::GONE, "export_expired");
        return Err(refused.detail("request a new export").into());
    }
    let mut response = download::download(app, &caller, ip, row.id).await?;
    let disposition = format!("attachment; filename=\"account-{id}.ndjson\"");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Request the erasure of the account and all of its data.
///
/// The erasure begins after a grace period, in which it can be cancelled. Then the account is
/// suspended at once, and every service erases its data. What stays is an anonymous record of the
/// erasure.
#[utoipa::path(post, path = "/privacy/erasures", tag = "privacy", request_body = ErasureRequest,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 202, description = "The erasure waits for the end of the grace period",
            body = PrivacyRequest),
        (status = 409, description = "managed_by_resource: delete the resource; or \
            request_in_progress", body = Problem, content_type = "application/problem+json"),
        TokenErrors, BodyErrors, IdempotencyErrors, UnavailableErrors))]
pub(crate) async fn create_erasure(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    ip: ClientIp,
    key: IdempotencyKey,
    Body(body): Body<ErasureRequest>,
) -> Result<Execution<PrivacyRequest>, Error> {
    let request = key.of(&[body.confirmation.as_str().as_bytes()]);
    let confirmation = ErasureConfirmation {
        account: body.confirmation,
        password: body.password,
    };
    privacy::request_erasure(&app, &caller, ip, confirmation, request, Into::into).await
}

/// List erasures, newest first.
#[utoipa::path(get, path = "/privacy/erasures", tag = "privacy", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of requests", body = Page<PrivacyRequest>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn list_erasures(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<PrivacyRequest>>, Error> {
    let rows = privacy::list(&app, &caller, Kind::Erasure, &paging, &page).await?;
    Ok(page_of(rows))
}

/// Read the state of an erasure.
#[utoipa::path(get, path = "/privacy/erasures/{id}", tag = "privacy",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, description = "The request", body = PrivacyRequest),
        (status = 404, description = "unknown_privacy_request", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn read_erasure(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    Id(id): Id<Uuid>,
) -> Result<Json<PrivacyRequest>, Error> {
    let row = privacy::find(&app, &caller, Kind::Erasure, id).await?;
    Ok(Json(row.into()))
}

/// Cancel an erasure that has not begun.
#[utoipa::path(delete, path = "/privacy/erasures/{id}", tag = "privacy",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "The erasure is cancelled"),
        (status = 404, description = "unknown_privacy_request", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "erasure_not_waiting", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn cancel_erasure(
    State(app): State<AppState>,
    caller: Permit<permit::PrivacyManage>,
    ip: ClientIp,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, Error> {
    privacy::cancel_erasure(&app, &caller, ip, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
