//! Requests with an `Idempotency-Key`: the response is stored in the transaction of the effect.

use serde_json::Value;
use sqlx::Row as _;

use crate::TenantTx;

/// How long a response is stored, hours.
const KEPT_HOURS: i32 = 24;

/// A request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The endpoint; keys of different endpoints are independent.
    pub route: String,
    /// The caller's `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
}

/// The response to an earlier request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` of what was created.
    pub location: Option<String>,
    /// The JSON body.
    pub body: Value,
}

/// The state of a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyState {
    /// New: this transaction executes it, and no other one until it ends.
    New,
    /// It was executed; this was the response.
    Answered(StoredResponse),
    /// Another transaction is executing it.
    Running,
    /// The key was used for another request.
    Different,
}

/// Claims a request for this transaction. The lock ends with the transaction, so a process that
/// dies leaves no request behind that seems to run. A stored response is found without the lock:
/// reading a response must not look like work in progress to the next reader.
pub async fn claim(tx: &mut TenantTx, named: &IdempotentRequest) -> sqlx::Result<IdempotencyState> {
    if let Some(answered) = find(tx, named).await? {
        return Ok(answered);
    }
    let subject = format!("{}\n{}\n{}", tx.creator(), named.route, named.key);
    let mine: bool =
        sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(subject)
            .fetch_one(tx.conn())
            .await?;
    if !mine {
        return Ok(IdempotencyState::Running);
    }
    // The previous holder of the lock may have stored a response since.
    if let Some(answered) = find(tx, named).await? {
        return Ok(answered);
    }
    sqlx::query(
        "delete from platform.idempotency_keys
         where created_at < now() - make_interval(hours => $1)",
    )
    .bind(KEPT_HOURS)
    .execute(tx.conn())
    .await?;
    Ok(IdempotencyState::New)
}

/// The stored response of that key, if any.
async fn find(
    tx: &mut TenantTx,
    named: &IdempotentRequest,
) -> sqlx::Result<Option<IdempotencyState>> {
    let row = sqlx::query(
        "select request_hash, status, location, body from platform.idempotency_keys
         where route = $1 and key = $2
           and created_at >= now() - make_interval(hours => $3)",
    )
    .bind(&named.route)
    .bind(&named.key)
    .bind(KEPT_HOURS)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let hash: Vec<u8> = row.try_get("request_hash")?;
    if hash != named.request_hash {
        return Ok(Some(IdempotencyState::Different));
    }
    let status: i16 = row.try_get("status")?;
    Ok(Some(IdempotencyState::Answered(StoredResponse {
        status: u16::try_from(status).unwrap_or(200),
        location: row.try_get("location")?,
        body: row.try_get("body")?,
    })))
}

/// Stores the response in the transaction of the effect.
pub async fn store_response(
    tx: &mut TenantTx,
    named: &IdempotentRequest,
    given: &StoredResponse,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into platform.idempotency_keys
           (creator_id, route, key, request_hash, status, location, body)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.creator())
    .bind(&named.route)
    .bind(&named.key)
    .bind(&named.request_hash[..])
    .bind(i16::try_from(given.status).unwrap_or(i16::MAX))
    .bind(&given.location)
    .bind(&given.body)
    .execute(tx.conn())
    .await?;
    Ok(())
}
