//! `platform.quota_usage`: the check of an addition, and what is used.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use shared_config::{Reader, keys};
use shared_db::TenantTx;
use sqlx::Row as _;
use sqlx::types::Json;

use crate::{Quota, Quotas};

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
    /// than it may since its quota was lowered keeps what it has.
    pub async fn charge(
        &self,
        tx: &mut TenantTx,
        quota: Quota,
        amount: u64,
    ) -> Result<(), ChargeError> {
        let Some(limit) = self.quotas(tx).await?.limit(quota) else {
            return Ok(());
        };
        let used: i64 = sqlx::query("select platform.lock_use($1)")
            .bind(quota.as_str())
            .fetch_one(tx.conn())
            .await?
            .try_get(0)?;
        let used = used.unsigned_abs();
        if used.saturating_add(amount) <= limit {
            return Ok(());
        }
        let now = Timestamp::now();
        let resets_in = resets_at(quota, now).map(|at| at.duration_since(now).unsigned_abs());
        Err(ChargeError::Exceeded(Exceeded {
            quota,
            limit,
            used,
            resets_in,
        }))
    }

    /// What the transaction's account uses of each quota.
    pub async fn list(&self, tx: &mut TenantTx) -> sqlx::Result<Vec<QuotaUse>> {
        let quotas = self.quotas(tx).await?;
        let now = Timestamp::now();
        let mut list = Vec::with_capacity(Quota::ALL.len());
        for quota in Quota::ALL {
            list.push(QuotaUse {
                quota,
                used: used(tx, quota).await?.unsigned_abs(),
                limit: quotas.limit(quota),
                resets_at: resets_at(quota, now),
            });
        }
        Ok(list)
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

/// What the transaction's account uses of a quota, of a monthly one in this month.
pub async fn used(tx: &mut TenantTx, quota: Quota) -> sqlx::Result<i64> {
    sqlx::query("select platform.use_of($1)")
        .bind(quota.as_str())
        .fetch_one(tx.conn())
        .await?
        .try_get(0)
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
