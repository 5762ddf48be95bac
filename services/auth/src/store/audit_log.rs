//! `auth.audit_log`: a hash chain of entries for each tenant.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use shared_db::TenantTx;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row as _};
use uuid::Uuid;

use crate::domain::audit::{Action, AuditEvent};

#[derive(Debug, Clone)]
pub(crate) struct EntryRow {
    pub(crate) seq: i64,
    pub(crate) at: Timestamp,
    pub(crate) actor_kind: String,
    pub(crate) actor: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) target: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) hash: Vec<u8>,
}

impl TryFrom<PgRow> for EntryRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let at: jiff_sqlx::Timestamp = row.try_get("at")?;
        Ok(Self {
            seq: row.try_get("seq")?,
            at: at.to_jiff(),
            actor_kind: row.try_get("actor_kind")?,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            target: row.try_get("target")?,
            ip: row.try_get("ip")?,
            request_id: row.try_get("request_id")?,
            hash: row.try_get("hash")?,
        })
    }
}

/// Appends an entry. Concurrent transactions of a tenant wait for each other here.
pub(crate) async fn append(tx: &mut TenantTx, event: &AuditEvent) -> sqlx::Result<()> {
    let query = sqlx::query("select auth.append_audit($1, $2, $3, $4, $5, $6::inet, $7)");
    bind_event(query.bind(tx.creator()), event)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes as much as [`append`] does, but into the log of PostgreSQL alone: the failed sign-in of
/// an unknown address belongs to no tenant, and must take as long as that of a known one. A
/// transaction that has written nothing commits without waiting for the disk.
pub(crate) async fn append_nowhere(tx: &mut TenantTx, event: &AuditEvent) -> sqlx::Result<()> {
    let query = sqlx::query(
        "select pg_logical_emit_message(true, 'sign_in_failed', concat($7, ' ', encode(
           auth.audit_hash('', $1, 0, now(), $2, $3, $4, $5, $6::inet, $7), 'hex')))",
    );
    bind_event(query.bind(tx.creator()), event)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Binds the six arguments of `auth.append_audit` after the tenant.
pub(super) fn bind_event<'q>(
    query: Query<'q, Postgres, PgArguments>,
    event: &'q AuditEvent,
) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(event.actor.kind())
        .bind(event.actor.id())
        .bind(event.action.as_str())
        .bind(event.target.as_deref())
        .bind(event.ip.map(|ip| ip.to_string()))
        .bind(&event.request_id)
}

/// Entries at or after `from` and before `to`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Period {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filter {
    pub(crate) action: Option<Action>,
    pub(crate) actor: Option<Uuid>,
    pub(crate) period: Period,
}

/// Lists entries, newest first, before a sequence number.
pub(crate) async fn list(
    tx: &mut TenantTx,
    filter: Filter,
    before: Option<i64>,
    limit: i64,
) -> sqlx::Result<Vec<EntryRow>> {
    let rows = sqlx::query(
        "select seq, at, actor_kind, actor, action, target, host(ip) as ip, request_id, hash
         from auth.audit_log
         where creator_id = $1 and ($2::text[] is null or action = any($2))
           and ($3::uuid is null or actor = $3) and ($4::bigint is null or seq < $4)
           and ($5::timestamptz is null or at >= $5) and ($6::timestamptz is null or at < $6)
         order by seq desc limit $7",
    )
    .bind(tx.creator())
    .bind(filter.action.map(Action::names))
    .bind(filter.actor)
    .bind(before)
    .bind(filter.period.from.map(Timestamp::to_sqlx))
    .bind(filter.period.to.map(Timestamp::to_sqlx))
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Reads entries for an export, oldest first, after a sequence number.
pub(crate) async fn list_after(
    tx: &mut TenantTx,
    period: Period,
    seq: i64,
    limit: i64,
) -> sqlx::Result<Vec<EntryRow>> {
    let rows = sqlx::query(
        "select seq, at, actor_kind, actor, action, target, host(ip) as ip, request_id, hash
         from auth.audit_log
         where creator_id = $1 and seq > $2
           and ($3::timestamptz is null or at >= $3) and ($4::timestamptz is null or at < $4)
         order by seq limit $5",
    )
    .bind(tx.creator())
    .bind(seq)
    .bind(period.from.map(Timestamp::to_sqlx))
    .bind(period.to.map(Timestamp::to_sqlx))
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// What was found in one segment of the chain.
#[derive(Debug, Clone)]
pub(crate) struct SegmentCheck {
    pub(crate) entries: i64,
    /// The first entry that was changed or that follows a gap.
    pub(crate) broken_at: Option<i64>,
    /// The last entry of the segment, or the one before it if it is empty.
    pub(crate) last_seq: i64,
    /// The hash of the last entry of the segment; none if it is empty.
    pub(crate) last_hash: Option<Vec<u8>>,
}

/// Keeps other verifications of this account out until the transaction ends; false if there is one.
pub(crate) async fn try_lock_verification(tx: &mut TenantTx) -> sqlx::Result<bool> {
    let sql = "select pg_try_advisory_xact_lock(hashtextextended('audit verification ' || $1, 0))";
    let tenant = tx.creator().to_string();
    let row = sqlx::query(sql).bind(tenant).fetch_one(tx.conn()).await?;
    row.try_get(0)
}

/// Verifies up to `limit` entries after that one, whose stored hash is trusted. The chain alone
/// does not show that entries were removed at its end: the checkpoints do.
pub(crate) async fn verify_segment(
    tx: &mut TenantTx,
    after: i64,
    limit: i64,
) -> sqlx::Result<SegmentCheck> {
    let row = sqlx::query(
        "select count(*) as entries, min(seq) filter (where not good) as broken_at,
                coalesce(max(seq), $2) as last_seq,
                (array_agg(hash order by seq desc))[1] as last_hash
         from (
           select seq, hash, coalesce(
             seq = $2 + row_number() over chain
             and previous = coalesce(
               lag(hash) over chain,
               (select hash from auth.audit_log where creator_id = $1 and seq = $2),
               case when $2 = 0 then decode(repeat('00', 32), 'hex') end)
             and hash = auth.audit_hash(previous, creator_id, seq, at, actor_kind, actor, action,
                                        target, ip, request_id), false) as good
           from (select * from auth.audit_log where creator_id = $1 and seq > $2
                 order by seq limit $3) segment
           window chain as (order by seq)) walked",
    )
    .bind(tx.creator())
    .bind(after)
    .bind(limit)
    .fetch_one(tx.conn())
    .await?;
    Ok(SegmentCheck {
        entries: row.try_get("entries")?,
        broken_at: row.try_get("broken_at")?,
        last_seq: row.try_get("last_seq")?,
        last_hash: row.try_get("last_hash")?,
    })
}
