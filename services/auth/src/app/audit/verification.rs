//! The verification of an account's audit log: of its hash chain, and by its checkpoints.

use std::time::{Duration, Instant};

use shared_models::CreatorId;
use shared_web::ApiError;

use super::checkpoints::{self, Checkpoint};
use crate::error::Error;
use crate::state::AppState;
use crate::store::audit_log::{self, SegmentCheck};

/// Entries per query of a verification: some tens of milliseconds.
const SEGMENT_SIZE: i64 = 5_000;
/// After this time a verification answers with what it has verified, and where to go on.
const VERIFICATION_TIMEOUT: Duration = Duration::from_secs(20);
/// `Retry-After` while another verification is running.
const RETRY_BACKOFF: Duration = Duration::from_secs(5);

/// Where a verification begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// After that entry, whose stored hash is trusted.
    After(i64),
    /// After the newest checkpoint; at the beginning when there is none.
    Checkpoint,
}

/// The result of a verification of the chain.
#[derive(Debug, Clone)]
pub(crate) struct ChainCheck {
    /// Entries that were verified.
    pub(crate) entries: i64,
    /// The first entry that was changed, that follows a gap, or that is missing at the end.
    pub(crate) broken_at: Option<i64>,
    /// The last entry that was verified.
    pub(crate) last_seq: i64,
    /// Its hash.
    pub(crate) last_hash: Option<Vec<u8>>,
    /// Whether that is the last entry of the log.
    pub(crate) is_complete: bool,
    /// The newest checkpoint of the log.
    pub(crate) checkpoint: Option<Checkpoint>,
}

impl ChainCheck {
    fn new(start: Start, checkpoint: Option<Checkpoint>) -> Self {
        let trusted = match start {
            Start::After(_) => None,
            Start::Checkpoint => checkpoint.as_ref(),
        };
        let broken = trusted.filter(|checkpoint| !checkpoint.agrees());
        Self {
            entries: 0,
            broken_at: broken.map(|checkpoint| checkpoint.seq),
            last_seq: match start {
                Start::After(seq) => seq,
                Start::Checkpoint => trusted.map_or(0, |checkpoint| checkpoint.seq),
            },
            last_hash: trusted.map(|checkpoint| checkpoint.hash.clone()),
            is_complete: false,
            checkpoint,
        }
    }

    /// Adds a segment, in which the checkpoints differ from the log first at `different`.
    fn add(&mut self, segment: SegmentCheck, different: Option<i64>) {
        let broken_at = [segment.broken_at, different].into_iter().flatten().min();
        self.broken_at = self.broken_at.or(broken_at);
        self.entries += segment.entries;
        self.last_seq = segment.last_seq;
        self.last_hash = segment.last_hash.or_else(|| self.last_hash.take());
        self.is_complete = segment.entries < SEGMENT_SIZE;
        let missing = self.checkpoint.as_ref().filter(|last| last.is_missing());
        if let (true, Some(missing)) = (self.is_complete, missing) {
            let first = missing.seq.min(self.last_seq + 1);
            self.broken_at = self.broken_at.or(Some(first));
        }
    }
}

/// Whether an account may have other verifications at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    /// Those of its members wait for each other.
    Refused,
    /// The platform's own work is one round at a time anyway.
    Allowed,
}

/// Verifies entries until the end or for [`VERIFICATION_TIMEOUT`]. Each segment has a connection
/// of its own, and an account one segment at a time: a long log must not keep the pool from others.
pub(crate) async fn verify(
    app: &AppState,
    tenant: CreatorId,
    start: Start,
) -> Result<ChainCheck, Error> {
    verify_segments(app, tenant, start, Overlap::Refused).await
}

/// Verifies segment by segment. One that meets another verification at its first segment is
/// refused; later it ends there, as after its time.
pub(super) async fn verify_segments(
    app: &AppState,
    tenant: CreatorId,
    start: Start,
    overlap: Overlap,
) -> Result<ChainCheck, Error> {
    let started = Instant::now();
    let mut tx = app.db.tenant_read(tenant).await?;
    let checkpoint = checkpoints::newest(app, &mut tx).await?;
    drop(tx);
    let mut check = ChainCheck::new(start, checkpoint);
    let mut is_first = true;
    while !check.is_complete && started.elapsed() < VERIFICATION_TIMEOUT {
        let after = check.last_seq;
        let mut tx = app.db.tenant_read(tenant).await?;
        if overlap == Overlap::Refused && !audit_log::try_lock_verification(&mut tx).await? {
            if is_first {
                return Err(in_progress().into());
            }
            break;
        }
        is_first = false;
        let segment = audit_log::verify_segment(&mut tx, after, SEGMENT_SIZE).await?;
        let last = segment.last_seq;
        let different = checkpoints::first_difference(app, &mut tx, after, last).await?;
        // Ends the lock before the next segment takes it on another connection.
        tx.commit().await?;
        check.add(segment, different);
    }
    Ok(check)
}

fn in_progress() -> ApiError {
    ApiError::conflict("request_in_progress")
        .detail("the audit log of this account is being verified; wait until that has ended")
        .retry_after(RETRY_BACKOFF)
}
