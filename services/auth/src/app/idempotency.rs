//! Requests with an `Idempotency-Key`: executed once, then answered with the stored response. A
//! response that contains a secret is stored encrypted.

use axum::http::StatusCode;
use serde::Serialize;
use shared_db::TenantTx;
use shared_web::idempotency::Replayed;
use shared_web::{ApiError, Idempotent};

use crate::error::Error;
use crate::state::AppState;

/// The outcome of a request that may be a repetition.
#[derive(Debug)]
pub(crate) enum Execution<B> {
    Executed {
        status: StatusCode,
        body: B,
    },
    /// The response of the first request.
    Replayed(Replayed),
}

/// The response of an earlier request with the same key.
pub(crate) async fn replay(
    tx: &mut TenantTx,
    request: &Idempotent,
) -> Result<Option<Replayed>, Error> {
    Ok(request.replay(tx).await?)
}

/// Like [`replay`], for a response that was stored by [`store_encrypted`].
pub(crate) async fn replay_encrypted(
    app: &AppState,
    tx: &mut TenantTx,
    request: &Idempotent,
) -> Result<Option<Replayed>, Error> {
    let (Some(name), Some(stored)) = (request.name(), request.replay(tx).await?) else {
        return Ok(None);
    };
    let ciphertext = stored.body().as_str().ok_or(Error::Inconsistent)?;
    let decrypted = app.encryptor.decrypt(&context(tx, &name), ciphertext)?;
    let body = serde_json::from_slice(decrypted.plaintext.expose()).map_err(ApiError::internal)?;
    Ok(Some(stored.with_body(body)))
}

/// Stores the response in the transaction of the request.
pub(crate) async fn store<B: Serialize + Sync>(
    tx: &mut TenantTx,
    request: &Idempotent,
    status: StatusCode,
    body: B,
) -> Result<Execution<B>, Error> {
    request.store_response(tx, status, None, &body).await?;
    Ok(Execution::Executed { status, body })
}

/// Stores a response that contains a secret, encrypted.
pub(crate) async fn store_encrypted<B: Serialize + Sync>(
    app: &AppState,
    tx: &mut TenantTx,
    request: &Idempotent,
    status: StatusCode,
    body: B,
) -> Result<Execution<B>, Error> {
    if let Some(name) = request.name() {
        let plaintext = serde_json::to_vec(&body).map_err(ApiError::internal)?;
        let ciphertext = app.encryptor.encrypt(&context(tx, &name), &plaintext)?;
        request
            .store_response(tx, status, None, &ciphertext)
            .await?;
    }
    Ok(Execution::Executed { status, body })
}

/// The encryption context of a stored response.
fn context(tx: &TenantTx, name: &str) -> String {
    format!("answer {} {name}", tx.creator())
}
