//! Answers to requests that named themselves, given again. One with a secret is kept sealed, so
//! that the database cannot tell it, and is told to nobody but who asked.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use shared_db::TenantTx;
use shared_web::idempotency::Replayed;
use shared_web::{ApiError, Idempotent};

use crate::error::Error;
use crate::state::AppState;

/// The answer that was given before, no cache's to keep.
pub(super) async fn replay(
    tx: &mut TenantTx,
    request: &Idempotent,
) -> Result<Option<Response>, Error> {
    Ok(request.replay(tx).await?.map(confidential))
}

/// The answer that was given before, with its secret.
pub(super) async fn replay_sealed(
    app: &AppState,
    tx: &mut TenantTx,
    request: &Idempotent,
) -> Result<Option<Response>, Error> {
    let (Some(name), Some(given)) = (request.name(), request.replay(tx).await?) else {
        return Ok(None);
    };
    let sealed = given.body().as_str().ok_or(Error::Inconsistent)?;
    let decrypted = app.encryptor.decrypt(&place(tx, &name), sealed)?;
    let body = serde_json::from_slice(decrypted.plaintext.expose()).map_err(ApiError::internal)?;
    Ok(Some(confidential(given.with_body(body))))
}

/// Keeps an answer with a secret beside what it tells of.
pub(super) async fn keep_sealed(
    app: &AppState,
    tx: &mut TenantTx,
    request: &Idempotent,
    status: StatusCode,
    answer: &(impl Serialize + Sync),
) -> Result<(), Error> {
    let Some(name) = request.name() else {
        return Ok(());
    };
    let plain = serde_json::to_vec(answer).map_err(ApiError::internal)?;
    let sealed = app.encryptor.encrypt(&place(tx, &name), &plain)?;
    Ok(request.store_response(tx, status, None, &sealed).await?)
}

/// The place that an answer is sealed for.
fn place(tx: &TenantTx, name: &str) -> String {
    format!("answer {} {name}", tx.creator())
}

fn confidential(given: Replayed) -> Response {
    let mut response = given.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
