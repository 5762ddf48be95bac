//! `platform.quota_usage`: the check of an addition, and what is used.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use shared_config::{Reader, keys};
use shared_db::{Effect, TenantTx};
use shared_models::Quota;
use shared_models::event::QuotaReached;
use sqlx::Row as _;
use sqlx::types::Json;

use crate::{QuotaState, Quotas};

/// Checks the quotas of accounts.
#[derive(Debug, Clone, Default)]
pub struct QuotaGuard {
    /// Of an account for which the platform has set nothing.
    defaults: Quotas,
}

/// An addition would exceed a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account uses {used} of its quota of {limit} ({})", quota.as_str())]
pub struct Exceeded {
    /// Which one.
    pub quota: Quota,
    /// What the account may use.
    pub limit: u64,
    /// What it uses.
    pub used: u64,
    /// When use is counted from nothing again, if that is so.
    pub resets_in: Option<Duration>,
}

/// Why an addition is not possible.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// It would exceed a quota.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What an account uses of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUse {
    /// Which one.
    pub quota: Quota,
    /// What it uses, of a monthly one in this month.
    pub used: u64,
    /// What it may use; none if that is unlimited.
    pub limit: Option<u64>,
    /// When use is counted from nothing again, if that is so.
    pub resets_at: Option<Timestamp>,
}

impl QuotaGuard {
    /// A guard with the quotas of accounts for which the platform has set nothing.
    pub const fn new(defaults: Quotas) -> Self {
        Self { defaults }
    }

    /// Reads those quotas; without the setting nothing is limited.
    pub fn from_reader(reader: &mut Reader) -> Self {
        Self::new(reader.parsed(keys::DEFAULT_QUOTAS, Quotas::default()))
    }

    /// Refuses an addition that would exceed a quota of the transaction's account. Call it in the
    /// transaction of the addition and before it: the counter stays locked until the end.
    ///
    /// The addition itself moves the counter, by a trigger of its table. An account that uses more
    /// than it may since its quota was lowered keeps what it has. `announce` makes the effect that
    /// publishes that a quota is nearly or fully used; it is called once in a month for each share.
    pub async fn charge<E>(
        &self,
        tx: &mut TenantTx,
        quota: Quota,
        amount: u64,
        announce: impl FnOnce(QuotaReached) -> E + Send,
    ) -> Result<(), ChargeError>
    where
        E: Effect<Output = ()>,
    {
        let locked = self.lock(tx, quota).await?;
        locked.check(amount)?;
        if let Some(reached) = locked.reached_with(amount)
            && mark_announced(tx, &reached).await?
        {
            tx.apply(announce(reached)).await?;
        }
        Ok(())
    }

    /// What the transaction's account uses of a quota. Additions of other transactions wait until
    /// this one ends, unless the quota is unlimited.
    pub async fn lock(&self, tx: &mut TenantTx, quota: Quota) -> sqlx::Result<LockedQuota> {
        let limit = self.quotas(tx).await?.limit(quota);
        let mut used = 0;
        if limit.is_some() {
            let row = sqlx::query("select platform.lock_use($1)")
                .bind(quota.as_str())
                .fetch_one(tx.conn())
                .await?;
            used = row.try_get::<i64, _>(0)?.unsigned_abs();
        }
        Ok(LockedQuota { quota, limit, used })
    }

    /// What the transaction's account uses of each quota.
    pub async fn list(&self, tx: &mut TenantTx) -> sqlx::Result<Vec<QuotaUse>> {
        let quotas = self.quotas(tx).await?;
        let uses = uses(tx).await?;
        let now = Timestamp::now();
        let list = Quota::ALL.into_iter().map(|quota| QuotaUse {
            quota,
            used: uses.of(quota),
            limit: quotas.limit(quota),
            resets_at: resets_at(quota, now),
        });
        Ok(list.collect())
    }

    async fn quotas(&self, tx: &mut TenantTx) -> sqlx::Result<Quotas> {
        let tenant = tx.creator();
        let row = sqlx::query("select quotas from platform.tenant_settings where creator_id = $1")
            .bind(tenant)
            .fetch_optional(tx.conn())
            .await?;
        let Some(row) = row else {
            return Ok(self.defaults);
        };
        let Json(quotas) = row.try_get(0)?;
        Ok(quotas)
    }
}

/// What an account uses of a quota, as nothing changes it until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockedQuota {
    quota: Quota,
    limit: Option<u64>,
    used: u64,
}

impl LockedQuota {
    /// Counts what is promised already and will be added later.
    #[must_use]
    pub const fn with_reserved(mut self, amount: u64) -> Self {
        self.used = self.used.saturating_add(amount);
        self
    }

    /// Refuses an addition that would exceed the quota.
    pub fn check(self, amount: u64) -> Result<(), Exceeded> {
        let Self { quota, limit, used } = self;
        let Some(limit) = limit.filter(|limit| used.saturating_add(amount) > *limit) else {
            return Ok(());
        };
        let now = Timestamp::now();
        Err(Exceeded {
            quota,
            limit,
            used,
            resets_in: resets_at(quota, now).map(|at| at.duration_since(now).unsigned_abs()),
        })
    }

    /// What there is to announce once that much is added.
    fn reached_with(self, amount: u64) -> Option<QuotaReached> {
        let limit = self.limit.filter(|_| amount > 0)?;
        let used = self.used.saturating_add(amount);
        let percent = QuotaState::of(used, Some(limit)).percent();
        (percent > 0).then_some(QuotaReached {
            quota: self.quota,
            percent,
            used,
            limit,
        })
    }
}

/// Notes that so much of a quota is announced; false if that, or more, was announced this month.
async fn mark_announced(tx: &mut TenantTx, reached: &QuotaReached) -> sqlx::Result<bool> {
    let marked = sqlx::query(
        "update platform.quota_usage set announced = $3, announced_in = this.month
         from (select date_trunc('month', now() at time zone 'UTC')::date as month) this
         where creator_id = $1 and quota = $2 and period = platform.quota_period($2)
           and (announced < $3 or announced_in is distinct from this.month)",
    )
    .bind(tx.creator())
    .bind(reached.quota.as_str())
    .bind(i16::from(reached.percent))
    .execute(tx.conn())
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// What an account uses of each quota.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses(BTreeMap<Quota, u64>);

impl Uses {
    /// What it uses of one.
    pub fn of(&self, quota: Quota) -> u64 {
        self.0.get(&quota).copied().unwrap_or(0)
    }
}

/// What the transaction's account uses of each quota, of monthly ones in this month.
pub async fn uses(tx: &mut TenantTx) -> sqlx::Result<Uses> {
    let rows = sqlx::query(
        "select quota, used from platform.quota_usage
         where creator_id = $1 and period = platform.quota_period(quota)",
    )
    .bind(tx.creator())
    .fetch_all(tx.conn())
    .await?;
    let mut uses = BTreeMap::new();
    for row in &rows {
        // A quota that only a newer version knows is none of ours.
        if let Some(quota) = Quota::from_name(row.try_get("quota")?) {
            uses.insert(quota, row.try_get::<i64, _>("used")?.unsigned_abs());
        }
    }
    Ok(Uses(uses))
}

/// The first moment of the next month (UTC).
fn resets_at(quota: Quota, now: Timestamp) -> Option<Timestamp> {
    if !quota.is_monthly() {
        return None;
    }
    let today = now.to_zoned(TimeZone::UTC).date();
    let next = today.first_of_month().checked_add(1.month()).ok()?;
    Some(next.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn locked(used: u64, limit: Option<u64>) -> LockedQuota {
        LockedQuota {
            quota: Quota::Members,
            limit,
            used,
        }
    }

    #[test]
    fn what_is_reserved_counts_as_used() {
        assert_eq!(locked(2, Some(4)).with_reserved(1).check(1), Ok(()));
        let exceeded = locked(2, Some(4)).with_reserved(2).check(1).unwrap_err();
        assert_eq!((exceeded.used, exceeded.limit), (4, 4));
        assert_eq!(locked(9, None).with_reserved(9).check(9), Ok(()));
        let lowered = locked(9, Some(4)).check(1).unwrap_err();
        assert_eq!((lowered.used, lowered.limit), (9, 4));
    }

    #[test]
    fn only_what_is_added_is_announced_and_the_highest_share_alone() {
        let percent = |used, limit, amount| {
            let reached = locked(used, limit).reached_with(amount);
            reached.map(|reached| (reached.percent, reached.used))
        };
        assert_eq!(percent(6, Some(10), 1), None);
        assert_eq!(percent(7, Some(10), 1), Some((80, 8)));
        assert_eq!(percent(2, Some(10), 8), Some((100, 10)));
        assert_eq!(percent(9, Some(10), 0), None);
        assert_eq!(percent(9, None, 9), None);
    }

    #[test]
    fn a_month_ends_at_midnight_of_its_last_day() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let resets = |text| resets_at(Quota::MessagesPerMonth, at(text));
        assert_eq!(
            resets("2026-11-29T22:00:00Z"),
            Some(at("2026-12-01T00:00:00Z"))
        );
        assert_eq!(
            resets("2026-12-31T23:59:59Z"),
            Some(at("2027-01-01T00:00:00Z"))
        );
        assert_eq!(
            resets("2028-02-01T00:00:00Z"),
            Some(at("2028-03-01T00:00:00Z"))
        );
        assert_eq!(
            resets_at(Quota::Documents, at("2026-11-29T22:00:00Z")),
            None
        );
    }
}
