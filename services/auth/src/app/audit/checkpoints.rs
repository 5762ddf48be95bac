//! Checkpoints of the audit log: the hash of an entry, sealed with the key that encrypts secrets at
//! rest. That key is not in the database, so that no role of it can make a checkpoint.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared_crypto::EncryptionError;
use shared_db::TenantTx;
use shared_models::CreatorId;
use uuid::Uuid;

use super::verification::{self, Overlap, Start};
use crate::domain::audit;
use crate::error::Error;
use crate::state::AppState;
use crate::store::audit_checkpoints::{self, CheckpointRow, HeadRow};

/// The newest checkpoints among which a valid one is sought.
const MAX_SOUGHT: i64 = 100;
/// Checkpoints that are compared in one segment of a verification: more than one for each entry.
const MAX_COMPARED: i64 = 10_000;
/// Accounts whose heads one query reads.
const HEADS_PER_QUERY: u16 = 500;
/// A round that has taken this long goes on in the next one.
const ROUND_TIMEOUT: Duration = Duration::from_mins(5);

/// A checkpoint that this platform has sealed.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub(crate) seq: i64,
    /// The hash that the entry had.
    pub(crate) hash: Vec<u8>,
    pub(crate) created_at: Timestamp,
    /// The hash that the entry has now; none if the entry is gone.
    entry_hash: Option<Vec<u8>>,
}

impl Checkpoint {
    /// Whether the entry is still the one that was sealed.
    pub(super) fn agrees(&self) -> bool {
        self.entry_hash.as_ref() == Some(&self.hash)
    }

    pub(super) const fn is_missing(&self) -> bool {
        self.entry_hash.is_none()
    }
}

/// The checkpoint of a row; none when it has no seal of this platform, such as one that was
/// written by a role of the database, or that was sealed with a key that is no longer configured.
fn open(app: &AppState, tenant: CreatorId, row: CheckpointRow) -> Option<Checkpoint> {
    let CheckpointRow {
        seq,
        sealed_hash,
        created_at,
        entry_hash,
    } = row;
    match app
        .encryptor
        .decrypt(&audit::seal_context(tenant, seq), &sealed_hash)
    {
        Ok(opened) => Some(Checkpoint {
            seq,
            hash: opened.plaintext.expose().clone(),
            created_at,
            entry_hash,
        }),
        Err(EncryptionError::UnknownKey(_)) => None,
        Err(error) => {
            tracing::warn!(%error, seq, "checkpoint of an audit log ignored: its seal is invalid");
            None
        }
    }
}

/// The newest checkpoint of the account.
pub(super) async fn newest(app: &AppState, tx: &mut TenantTx) -> sqlx::Result<Option<Checkpoint>> {
    let tenant = tx.creator();
    let rows = audit_checkpoints::list(tx, 0, i64::MAX, MAX_SOUGHT).await?;
    Ok(rows.into_iter().find_map(|row| open(app, tenant, row)))
}

/// The first entry after `after` and up to `last` that is not the one that was sealed.
pub(super) async fn first_difference(
    app: &AppState,
    tx: &mut TenantTx,
    after: i64,
    last: i64,
) -> sqlx::Result<Option<i64>> {
    let tenant = tx.creator();
    let rows = audit_checkpoints::list(tx, after, last, MAX_COMPARED).await?;
    let checkpoints = rows.into_iter().filter_map(|row| open(app, tenant, row));
    let different = checkpoints.filter(|checkpoint| !checkpoint.agrees());
    Ok(different.map(|checkpoint| checkpoint.seq).min())
}

/// Seals the last entries of all logs that have grown since they were sealed; false when the time
/// was used up.
pub(crate) async fn seal_all(app: &AppState) -> Result<bool, Error> {
    let began = Instant::now();
    let mut after = CreatorId::from(Uuid::nil());
    let mut failure = None;
    loop {
        let mut system = app.db.system().await?;
        let heads = audit_checkpoints::list_heads(&mut system, after, HEADS_PER_QUERY.into());
        let heads = heads.await?;
        drop(system);
        let Some(last) = heads.last() else {
            // A log that cannot be sealed does not keep the others from it.
            return failure.map_or(Ok(true), Err);
        };
        after = last.tenant;
        for head in heads.iter().filter(|head| !is_sealed(app, head)) {
            if began.elapsed() >= ROUND_TIMEOUT {
                return Ok(false);
            }
            failure = seal(app, head.tenant).await.err().or(failure);
        }
    }
}

/// Whether the current key has sealed the entry.
fn is_sealed(app: &AppState, head: &HeadRow) -> bool {
    let context = audit::seal_context(head.tenant, head.seq);
    let opens = |seal: &String| {
        let opened = app.encryptor.decrypt(&context, seal);
        opened.is_ok_and(|opened| opened.reencrypted.is_none())
    };
    head.seals.iter().any(opens)
}

/// Verifies what was added since the newest checkpoint, and seals its last entry. The seal is also
/// logged: a copy of the log of the process shows that it existed, without naming the account.
async fn seal(app: &AppState, tenant: CreatorId) -> Result<(), Error> {
    let check = verification::verify_segments(app, tenant, Start::Checkpoint, Overlap::Allowed);
    let check = check.await?;
    if let Some(broken_at) = check.broken_at {
        metrics::counter!("auth_audit_logs_broken_total").increment(1);
        tracing::error!(
            broken_at,
            "audit log is not intact; it is not sealed any more"
        );
        return Ok(());
    }
    let Some(hash) = check.last_hash else {
        return Ok(());
    };
    let context = audit::seal_context(tenant, check.last_seq);
    let sealed_hash = app.encryptor.encrypt(&context, &hash)?;
    let mut tx = app.db.tenant(tenant).await?;
    audit_checkpoints::insert(&mut tx, check.last_seq, &sealed_hash).await?;
    tx.commit().await?;
    metrics::counter!("auth_audit_checkpoints_total").increment(1);
    tracing::info!(seq = check.last_seq, seal = %sealed_hash, "audit log sealed");
    Ok(())
}
