//! API keys: made, listed, revoked; and asked about by the other services.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_auth::Subject;
use shared_auth::api_key::{KeyIdentity, KeyQuestion};
use shared_models::text::SingleLine;
use shared_models::{ApiKeyId, Page, PageRequest, Permission, UserId};
use shared_web::auth::AnyServiceCall;
use shared_web::{
    ApiError, Body, ClientIp, Id, IdempotencyHeader, Keyed, Paging, Permit, Problem, Query, permit,
};
use utoipa::ToSchema;

use super::answer::Confidential;
use super::refusals::{BodyRefused, RepeatRefused, TokenRefused, Unavailable};
use super::repeat;
use crate::audit::{self, Action, Event};
use crate::domain::api_key::{NewKey, parse_hash};
use crate::error::Error;
use crate::state::AppState;
use crate::store::api_keys::{self, ApiKeyRow, NewApiKey};

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyRequest {
    /// What it is for.
    name: SingleLine<100>,
    /// What it may be used for: permissions that you have yourself.
    #[schema(min_items = 1)]
    scopes: Vec<Permission>,
    /// When it ends; without a time it works until it is revoked.
    expires_at: Option<Timestamp>,
}

/// A key, without what would open anything.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    id: ApiKeyId,
    name: String,
    /// The beginning of the key.
    #[schema(example = "cpk_3f9A0bXy")]
    prefix: String,
    scopes: Vec<Permission>,
    /// Who made it. It never may do more than that member may.
    created_by: UserId,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

/// A new key; `key` is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeApiKey {
    /// Send it as `Authorization: Bearer`.
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

/// Make an API key.
///
/// Its text is shown this once. A key works wherever an access token does, for its scopes; it
/// cannot make keys, since that needs a signed-in person.
#[utoipa::path(post, path = "/api-keys", tag = "api-keys", request_body = ApiKeyRequest,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 201, description = "The key, in words once", body = MadeApiKey),
        (status = 409, description = "too_many_api_keys or request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, BodyRefused, RepeatRefused, Unavailable))]
pub(crate) async fn create_api_key(
    State(app): State<AppState>,
    caller: Permit<permit::ApiKeysManage>,
    ip: ClientIp,
    Keyed(request, wanted): Keyed<ApiKeyRequest>,
) -> Result<Response, Error> {
    let (user, _, _) = caller.user()?;
    let (request, scopes) = (request.by(user), within(&caller, wanted.scopes)?);
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(given) = repeat::replay_sealed(&app, &mut tx, &request).await? {
        return Ok(given);
    }
    if wanted
        .expires_at
        .is_some_and(|time| time <= Timestamp::now())
    {
        return Err(Error::Field("expires_at", "lies in the past"));
    }
    let key = NewKey::random()?;
    let new = NewApiKey {
        name: wanted.name.as_str(),
        prefix: key.prefix(),
        hash: key.hash(),
        scopes: &scopes,
        created_by: user,
        expires_at: wanted.expires_at,
    };
    let row = api_keys::insert(&mut tx, new).await?;
    let row = row.ok_or(Error::TooManyApiKeys)?;
    let made = Event::new((&caller.principal).into(), Action::ApiKeyMade, ip).on(row.id);
    audit::append(&mut tx, made).await?;
    let (key, api_key) = (key.into_text(), row.into());
    let (status, answer) = (StatusCode::CREATED, MadeApiKey { key, api_key });
    repeat::keep_sealed(&app, &mut tx, &request, status, &answer).await?;
    tx.commit().await?;
    Ok(Confidential(status, answer).into_response())
}

/// The scopes, each once, if the caller has them all.
fn within(
    caller: &Permit<permit::ApiKeysManage>,
    mut scopes: Vec<Permission>,
) -> Result<Vec<Permission>, Error> {
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

/// List API keys, newest first; revoked ones stay in the list.
#[utoipa::path(get, path = "/api-keys", tag = "api-keys", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Page<ApiKey>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_api_keys(
    State(app): State<AppState>,
    caller: Permit<permit::ApiKeysManage>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<ApiKey>>, Error> {
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = api_keys::list(&mut tx, window.after, window.limit + 1).await?;
    let rows = rows.into_iter().map(ApiKey::from).collect();
    Ok(Json(
        paging.page(rows, window, |key: &ApiKey| key.id.as_uuid()),
    ))
}

/// Revoke an API key. Every service refuses it within a second; revoking it again is no error.
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "api-keys",
    params(("id" = ApiKeyId, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "It opens nothing any more"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_api_key", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn revoke_api_key(
    State(app): State<AppState>,
    caller: Permit<permit::ApiKeysManage>,
    ip: ClientIp,
    Id(id): Id<ApiKeyId>,
) -> Result<StatusCode, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !api_keys::revoke(&mut tx, id).await? {
        return Err(Error::UnknownApiKey);
    }
    let revoked = Event::new((&caller.principal).into(), Action::ApiKeyRevoked, ip).on(id);
    audit::append(&mut tx, revoked).await?;
    tx.commit().await?;
    app.revoke(Subject::ApiKey(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom a key speaks for; for services only.
pub(crate) async fn introspect(
    State(app): State<AppState>,
    _: AnyServiceCall,
    Body(question): Body<KeyQuestion>,
) -> Result<Json<KeyIdentity>, Error> {
    let unknown = || ApiError::not_found("unknown_api_key");
    let hash = parse_hash(&question.key_hash).ok_or_else(unknown)?;
    let identity = app.api_keys.identity(hash).await?;
    Ok(Json(identity.ok_or_else(unknown)?))
}
