//! The audit log: appended within the transaction of the change, read by members of the account.

pub(crate) mod checkpoints;
pub(crate) mod verification;

use futures_util::stream::{self, Stream};
use shared_db::{Db, Effect, TenantTx};
use shared_models::{CreatorId, Page, PageRequest};
use shared_web::{ClientIp, Paging, access_log};
use uuid::Uuid;

use crate::domain::audit::{Action, Actor, AuditEvent};
use crate::error::Error;
use crate::state::AppState;
use crate::store::audit_log;

pub(crate) use crate::store::audit_log::{EntryRow, Filter, Period};

/// Entries per query of an export.
const EXPORT_BATCH_SIZE: i64 = 500;

/// An event of the current request.
pub(crate) fn event(actor: impl Into<Actor>, action: Action, ip: ClientIp) -> AuditEvent {
    AuditEvent {
        ip: Some(ip.0),
        ..event_without_ip(actor, action)
    }
}

/// An event that the operator or another service has caused.
pub(crate) fn service_event(action: Action) -> AuditEvent {
    event_without_ip(Actor::Service, action)
}

fn event_without_ip(actor: impl Into<Actor>, action: Action) -> AuditEvent {
    AuditEvent {
        actor: actor.into(),
        action,
        target: None,
        ip: None,
        request_id: access_log::current_request_id(),
    }
}

/// Appends an entry in the transaction of the change, so that both are stored or neither is. A
/// refused request commits its entry before it is answered.
pub(crate) async fn append(tx: &mut TenantTx, event: AuditEvent) -> sqlx::Result<()> {
    tx.apply(event).await
}

/// Takes as long as [`append`], for a failed sign-in that belongs to no account.
pub(crate) async fn append_nowhere(tx: &mut TenantTx, event: AuditEvent) -> sqlx::Result<()> {
    audit_log::append_nowhere(tx, &event).await
}

impl Effect for AuditEvent {
    type Output = ();

    async fn write(self, tx: &mut TenantTx) -> sqlx::Result<()> {
        audit_log::append(tx, &self).await
    }
}

/// Lists entries, newest first. The log is ordered by sequence number, so its cursor carries one.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    filter: Filter,
    paging: &Paging,
    page: &PageRequest,
) -> Result<Page<EntryRow>, Error> {
    let window = paging.window(page)?;
    let before = window
        .after
        .map(|cursor| i64::try_from(cursor.as_u128()).unwrap_or(i64::MAX));
    let mut tx = app.db.tenant_read(tenant).await?;
    let rows = audit_log::list(&mut tx, filter, before, window.limit + 1).await?;
    Ok(paging.page(rows, window, |row| {
        Uuid::from_u128(u128::from(row.seq.unsigned_abs()))
    }))
}

/// Streams the entries of a period in batches, oldest first. The first batch is read before this
/// returns, so that an early failure still becomes an error response. A later failure breaks the
/// stream off: half a log must not look like a complete one.
pub(crate) async fn export(
    app: &AppState,
    tenant: CreatorId,
    period: Period,
) -> Result<impl Stream<Item = Result<Vec<EntryRow>, Error>> + use<>, Error> {
    let db = app.db.clone();
    let first = read_batch(&db, tenant, period, 0).await?;
    Ok(stream::try_unfold(Some(first), move |batch| {
        let db = db.clone();
        async move {
            let Some(rows) = batch.filter(|rows| !rows.is_empty()) else {
                return Ok(None);
            };
            let last_seq = rows.last().map_or(0, |row| row.seq);
            let is_full = i64::try_from(rows.len()) == Ok(EXPORT_BATCH_SIZE);
            let next = if is_full {
                Some(read_batch(&db, tenant, period, last_seq).await?)
            } else {
                None
            };
            Ok(Some((rows, next)))
        }
    }))
}

async fn read_batch(
    db: &Db,
    tenant: CreatorId,
    period: Period,
    after: i64,
) -> Result<Vec<EntryRow>, Error> {
    let mut tx = db.tenant_read(tenant).await?;
    Ok(audit_log::list_after(&mut tx, period, after, EXPORT_BATCH_SIZE).await?)
}
