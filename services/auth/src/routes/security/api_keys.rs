//! API keys: created, listed, revoked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;
use shared_models::{ApiKeyId, Page, PageRequest, Permission, UserId};
use shared_web::{ClientIp, Id, IdempotencyHeader, Keyed, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use crate::app::idempotency::Execution;
use crate::app::security::api_keys::{self, ApiKeyRow, CreatedApiKey, KeyRequest};
use crate::error::Error;
use crate::routes::openapi_responses::{
    BodyErrors, IdempotencyErrors, TokenErrors, UnavailableErrors,
};
use crate::routes::response::page_of;
use crate::state::AppState;

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyRequest {
    /// What the key is for.
    name: SingleLine<100>,
    /// The permissions of the key; you need to have them yourself.
    #[schema(min_items = 1)]
    scopes: Vec<Permission>,
    /// When the key expires; without a time it is valid until it is revoked.
    expires_at: Option<Timestamp>,
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    id: ApiKeyId,
    name: String,
    /// The visible beginning of the key.
    #[schema(example = "cpk_3f9A0bXy")]
    prefix: String,
    scopes: Vec<Permission>,
    /// The creator of the key. The key never has more permissions than this member.
    created_by: UserId,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// Accurate to a minute.
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

/// A new key; `key` is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeApiKey {
    /// For the header `Authorization: Bearer`.
    key: String,
    api_key: ApiKey,
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        let ApiKeyRow {
            id,
            name,
            prefix,
            scopes,
            created_by,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
        } = row;
        Self {
            id,
            name,
            prefix,
            scopes,
            created_by,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
        }
    }
}

impl From<CreatedApiKey> for MadeApiKey {
    fn from(created: CreatedApiKey) -> Self {
        Self {
            key: created.key,
            api_key: created.row.into(),
        }
    }
}

/// Create an API key.
///
/// The key is shown once. It works wherever an access token does, within its scopes. Only signed-in
/// users can create keys.
#[utoipa::path(post, path = "/api-keys", tag = "api-keys", request_body = ApiKeyRequest,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 201, description = "The key, shown once", body = MadeApiKey),
        (status = 409, description = "too_many_api_keys or request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, BodyErrors, IdempotencyErrors, UnavailableErrors))]
pub(crate) async fn create_api_key(
    State(app): State<AppState>,
    caller: Permit<permit::ApiKeysManage>,
    ip: ClientIp,
    Keyed(request, key): Keyed<ApiKeyRequest>,
) -> Result<Execution<MadeApiKey>, Error> {
    let key = KeyRequest {
        name: key.name,
        scopes: key.scopes,
        expires_at: key.expires_at,
    };
    api_keys::create(&app, &caller, ip, key, request, Into::into).await
}

/// List API keys, newest first; revoked ones stay in the list.
#[utoipa::path(get, path = "/api-keys", tag = "api-keys", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of keys", body = Page<ApiKey>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn list_api_keys(
    State(app): State<AppState>,
    caller: Permit<permit::ApiKeysManage>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<ApiKey>>, Error> {
    let rows = api_keys::list(&app, &caller, &paging, &page).await?;
    Ok(page_of(rows))
}

/// Revoke an API key. Every service refuses it within a second; revoking it again is not an error.
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "api-keys",
    params(("id" = ApiKeyId, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "The key is revoked"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_api_key", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn revoke_api_key(
    State(app): State<AppState>,
    caller: Permit<permit::ApiKeysManage>,
    ip: ClientIp,
    Id(id): Id<ApiKeyId>,
) -> Result<StatusCode, Error> {
    api_keys::revoke(&app, &caller, ip, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
