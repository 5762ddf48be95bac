//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a repeated request gets the
//! response of the first one and has no second effect.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared_db::TenantTx;
use shared_db::idempotency::{self, IdempotencyState, IdempotentRequest, StoredResponse};
use shared_models::UserId;

use crate::body::{Body, parse, unreadable};
use crate::error::ApiError;

/// The request header.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The response header of a replayed response.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The header in OpenAPI documents.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyHeader {
    /// Identifies this request, 1 to 255 visible ASCII characters. Repeated within a day, it gets
    /// the same response and has no second effect.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    pub idempotency_key: Option<String>,
}

/// The idempotency key of a request, if it has one.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    route: String,
    key: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map(|path| path.as_str().to_owned())
            .unwrap_or_default();
        let key = parts.headers.get(KEY).map(read).transpose()?;
        Ok(Self { route, key })
    }
}

/// The draft writes the key as a quoted string; a bare one is accepted too.
fn read(value: &HeaderValue) -> Result<String, ApiError> {
    let text = value.to_str().unwrap_or_default().trim();
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(ApiError::bad_request("malformed_idempotency_key")
        .detail("Idempotency-Key is 1 to 255 visible ASCII characters"))
}

impl IdempotencyKey {
    /// Binds the key to the content of the request.
    pub fn of(self, asked: &[&[u8]]) -> Idempotent {
        let Some(key) = self.key else {
            return Idempotent(None);
        };
        let mut hash = Sha256::new();
        for part in asked {
            // The length keeps parts from running into each other.
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Idempotent(Some(IdempotentRequest {
            route: self.route,
            key,
            request_hash: hash.finalize().into(),
        }))
    }
}

/// A request that is recognised when repeated, if it has a key.
#[derive(Debug, Clone)]
pub struct Idempotent(Option<IdempotentRequest>);

impl Idempotent {
    /// Binds the key to a user: the same key of another member is another request.
    #[must_use]
    pub fn by(mut self, user: UserId) -> Self {
        if let Some(named) = &mut self.0 {
            let hash = Sha256::new_with_prefix(named.request_hash);
            let hash = hash.chain_update(user.as_uuid().as_bytes());
            named.request_hash = hash.finalize().into();
        }
        self
    }

    /// Endpoint and key, if it has one: the context in which its response may be encrypted.
    pub fn name(&self) -> Option<String> {
        let named = self.0.as_ref()?;
        Some(format!("{} {}", named.route, named.key))
    }

    /// The stored response; none when this transaction must execute the request.
    pub async fn replay(&self, tx: &mut TenantTx) -> Result<Option<Replayed>, ApiError> {
        let Some(named) = &self.0 else {
            return Ok(None);
        };
        match idempotency::claim(tx, named).await? {
            IdempotencyState::New => Ok(None),
            IdempotencyState::Answered(given) => Ok(Some(Replayed(given))),
            IdempotencyState::Running => Err(ApiError::conflict("request_in_progress")
                .detail("a request with this Idempotency-Key is being worked on")),
            IdempotencyState::Different => Err(ApiError::unprocessable("idempotency_key_reused")
                .detail("this Idempotency-Key was used for another request")),
        }
    }

    /// Stores the response of a creation with its effect; call it before the commit.
    pub async fn store<T: Serialize + Sync>(
        &self,
        tx: &mut TenantTx,
        created: &Created<T>,
    ) -> Result<(), ApiError> {
        let Created {
            status,
            location,
            body,
        } = created;
        self.store_response(tx, *status, Some(location), body).await
    }

    /// Stores the response with the effect; call it before the commit.
    pub async fn store_response(
        &self,
        tx: &mut TenantTx,
        status: StatusCode,
        location: Option<&str>,
        body: &(impl Serialize + Sync),
    ) -> Result<(), ApiError> {
        let Some(named) = &self.0 else {
            return Ok(());
        };
        let given = StoredResponse {
            status: status.as_u16(),
            location: location.map(str::to_owned),
            body: serde_json::to_value(body).map_err(ApiError::internal)?,
        };
        Ok(idempotency::store_response(tx, named, &given).await?)
    }
}

/// The stored response of an earlier request.
#[derive(Debug, Clone)]
pub struct Replayed(StoredResponse);

impl Replayed {
    /// The body as it was stored.
    pub const fn body(&self) -> &Value {
        &self.0.body
    }

    /// The same response with another body: the decrypted one.
    #[must_use]
    pub fn with_body(mut self, body: Value) -> Self {
        self.0.body = body;
        self
    }
}

impl IntoResponse for Replayed {
    fn into_response(self) -> Response {
        let StoredResponse {
            status,
            location,
            body,
        } = self.0;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let mut response = match body {
            Value::Null => status.into_response(),
            body => (status, Json(body)).into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        if let Some(Ok(location)) = location.map(HeaderValue::try_from) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}

/// The response of a request that creates something.
#[derive(Debug, Clone)]
pub struct Created<T> {
    /// 201 or 202.
    pub status: StatusCode,
    /// The path of what was created.
    pub location: String,
    /// The body.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let location = [(header::LOCATION, self.location)];
        (self.status, location, Json(self.body)).into_response()
    }
}

/// The outcome of an idempotent request: executed now, or executed before.
#[derive(Debug, Clone)]
pub enum Once<T> {
    /// This request was executed.
    New(Created<T>),
    /// An earlier request with the same key was executed; this was its response.
    Replayed(Replayed),
}

impl<T: Serialize> IntoResponse for Once<T> {
    fn into_response(self) -> Response {
        match self {
            Self::New(created) => created.into_response(),
            Self::Replayed(replayed) => replayed.into_response(),
        }
    }
}

/// A JSON body, and the idempotency key of the request.
#[derive(Debug, Clone)]
pub struct Keyed<T>(pub Idempotent, pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequest<S> for Keyed<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let key = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        if key.key.is_none() {
            let Body(value) = Body::from_request(request, state).await?;
            return Ok(Self(Idempotent(None), value));
        }
        crate::body::require_json(&request)?;
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unreadable(&rejection))?;
        let value = parse(&bytes)?;
        Ok(Self(key.of(&[&bytes]), value))
    }
}
