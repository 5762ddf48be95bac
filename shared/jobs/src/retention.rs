//! Retention: what becomes of the rows of every table, and the scheduled work that deletes those
//! that are over. The declaration is [`TABLES`]; a test compares it with the real schema.

mod tables;

use std::time::{Duration, Instant};

use shared_config::{Reader, Retention, Service};
use shared_db::Db;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use crate::rows::interval;
use crate::schedule::{Progress, ScheduleError, ScheduledWork};

pub use tables::{After, By, Kept, Owner, Rule, TABLES, Table};

/// Rows that one transaction deletes: few enough to hold no lock for long.
const BATCH: i32 = 1_000;
/// A run that has taken this long goes on in the next one.
const RUN_TIMEOUT: Duration = Duration::from_mins(1);
const DAY_PERIOD: Duration = Duration::from_hours(24);

/// How long the service keeps what is over.
#[derive(Debug, Clone)]
pub struct RetentionSettings {
    days: Vec<(Retention, Option<i32>)>,
}

impl RetentionSettings {
    /// Reads the settings that concern a service.
    pub fn from_reader(reader: &mut Reader, service: Service) -> Self {
        let concerned = Retention::ALL.into_iter().filter(|r| r.concerns(service));
        let days = concerned.map(|r| (r, r.read(reader))).collect();
        Self { days }
    }

    /// The settings of a service when none is given.
    pub fn defaults(service: Service) -> Self {
        let concerned = Retention::ALL.into_iter().filter(|r| r.concerns(service));
        let days = concerned.map(|r| (r, r.days().default)).collect();
        Self { days }
    }

    /// The age at which rows are deleted; `None`: never.
    fn age(&self, after: After) -> Option<Duration> {
        match after {
            After::Hours(hours) => Some(Duration::from_hours(u64::from(hours))),
            After::Setting(wanted) => {
                let found = self.days.iter().find(|(setting, _)| *setting == wanted);
                let days = found.and_then(|(_, days)| *days)?;
                Some(DAY_PERIOD.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX)))
            }
        }
    }
}

/// Deletes the rows of one service that are over.
#[derive(Debug, Clone)]
pub struct CleanUp {
    db: Db,
    service: Service,
    settings: RetentionSettings,
}

impl CleanUp {
    /// The clean-up of a service, whose role `db` has.
    pub const fn new(db: Db, service: Service, settings: RetentionSettings) -> Self {
        Self {
            db,
            service,
            settings,
        }
    }

    /// Deletes batch after batch of one rule; [`Progress::More`] when the time was used up.
    async fn apply(&self, table: &Table, rule: &Rule, began: Instant) -> sqlx::Result<Progress> {
        let Some(age) = self.settings.age(rule.after) else {
            return Ok(Progress::Done);
        };
        loop {
            let deleted = self.delete_batch(rule.by, age).await?;
            metrics::counter!("retention_deleted_total", "table" => table.name)
                .increment(deleted.unsigned_abs());
            if deleted < i64::from(BATCH) {
                return Ok(Progress::Done);
            }
            if began.elapsed() >= RUN_TIMEOUT {
                return Ok(Progress::More);
            }
        }
    }
}

impl CleanUp {
    async fn delete_batch(&self, by: By, age: Duration) -> sqlx::Result<i64> {
        let mut tx = self.db.system().await?;
        let query = match by {
            By::Rule(name) => {
                sqlx::query_scalar("select platform.delete_expired($3, $1, $2)".into_sql_str())
                    .bind(interval(age))
                    .bind(BATCH)
                    .bind(name)
            }
            // A name of the declaration, never of a caller.
            By::Function(name) => {
                let call = AssertSqlSafe(format!("select {name}($1, $2)")).into_sql_str();
                sqlx::query_scalar(call).bind(interval(age)).bind(BATCH)
            }
        };
        let deleted = query.fetch_one(tx.conn()).await?;
        tx.commit().await?;
        Ok(deleted)
    }
}

impl ScheduledWork for CleanUp {
    const NAME: &'static str = "clean_up";
    const INTERVAL: Duration = Duration::from_hours(1);
    const TIMEOUT: Duration = Duration::from_mins(5);

    /// A rule that fails does not keep the others from their work.
    async fn run(&self) -> Result<Progress, ScheduleError> {
        let began = Instant::now();
        let mut progress = Progress::Done;
        let mut failure = None;
        for (table, rule) in tables::rules(self.service) {
            match self.apply(table, rule, began).await {
                Ok(Progress::Done) => {}
                Ok(Progress::More) => progress = Progress::More,
                Err(error) => {
                    let by = rule.by;
                    failure.get_or_insert_with(|| format!("{by:?}: {error}"));
                }
            }
        }
        failure.map_or(Ok(progress), |error| Err(error.into()))
    }
}
