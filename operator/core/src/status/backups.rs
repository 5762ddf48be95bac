//! What is known of backups: which there are, how old the newest is, whether one was restored.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Finding, Planned, remembered};
use crate::api::backup::PlatformBackup;
use crate::api::condition::{Condition, ConditionStatus};
use crate::api::status::{BACKUPS_MAX, BackupStatus, PlatformStatus};
use crate::component::Component;
use crate::plan::{Wait, backups};
use crate::reason::Reason;
use crate::resolve::BACKUP_ANNOTATION;
use crate::rollout::{self, JobState};

/// The type of the condition about checks.
const VERIFIED: &str = "BackupVerified";

/// What a Job reports that has made a backup: this one, and all that are kept.
#[derive(Debug, Deserialize)]
struct Made {
    time: Timestamp,
    #[serde(default)]
    kept: Vec<Kept>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    name: String,
    time: Timestamp,
    size_bytes: i64,
    version: String,
}

/// What a Job reports that has restored a backup as a check.
#[derive(Debug, Deserialize)]
struct Verified {
    backup: String,
    #[serde(rename = "verified")]
    time: Timestamp,
    tenants: i64,
    rows: i64,
}

/// What the Job reports that has restored a backup into the platform.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    backup: String,
    tenants: i64,
    rows: i64,
    #[serde(default)]
    files: i64,
    #[serde(default)]
    unreadable_values: i64,
}

impl Restored {
    fn words(&self) -> String {
        let mut words = format!(
            "Backup {} was restored: {} tenants, {} rows and {} files.",
            self.backup, self.tenants, self.rows, self.files
        );
        if self.unreadable_values > 0 {
            let _ = write!(
                words,
                " {} encrypted values could not be opened with the keys of the backup, as before.",
                self.unreadable_values
            );
        }
        words
    }
}

/// The backups that there are: what the newest report says, else what is known already.
pub(super) fn list(known: &[BackupStatus], planned: &Planned<'_>) -> Vec<BackupStatus> {
    if planned.resolved.spec.backup.is_none() {
        return Vec::new();
    }
    let newest_known = known.iter().map(|backup| backup.time).max();
    let made = reports::<Made>(planned, &backups::name(&planned.resolved.name));
    let newest = made.into_iter().max_by_key(|made| made.time);
    let newest = newest.filter(|made| newest_known.is_none_or(|known| made.time >= known));
    let mut list = newest.map_or_else(|| known.to_vec(), |made| listed(made.kept, known));
    let checks = reports::<Verified>(planned, &backups::check_name(&planned.resolved.name));
    for check in checks {
        let found = list.iter_mut().find(|backup| backup.name == check.backup);
        if let Some(backup) = found.filter(|backup| backup.verified < Some(check.time)) {
            backup.verified = Some(check.time);
        }
    }
    list
}

fn listed(kept: Vec<Kept>, known: &[BackupStatus]) -> Vec<BackupStatus> {
    let verified = |name: &str| {
        let known = known.iter().find(|known| known.name == name);
        known.and_then(|known| known.verified)
    };
    let mut list: Vec<BackupStatus> = kept
        .into_iter()
        .map(|kept| BackupStatus {
            verified: verified(&kept.name),
            name: kept.name,
            time: kept.time,
            size_bytes: kept.size_bytes,
            version: kept.version,
        })
        .collect();
    list.sort_by_key(|backup| std::cmp::Reverse(backup.time));
    list.truncate(BACKUPS_MAX);
    list
}

/// The conditions of a platform with backups.
pub(super) fn findings(
    planned: &Planned<'_>,
    list: &[BackupStatus],
    previous: Option<&PlatformStatus>,
    now: Timestamp,
) -> Vec<Finding> {
    let Some(settings) = &planned.resolved.spec.backup else {
        return Vec::new();
    };
    let known = previous.map_or(&[][..], |status| &status.conditions);
    let mut findings = vec![current(planned, settings, list, now)];
    if settings.verify.is_some() {
        findings.push(verified(planned, list, known));
    }
    findings
}

/// Whether the newest backup is recent enough.
fn current(
    planned: &Planned<'_>,
    settings: &PlatformBackup,
    list: &[BackupStatus],
    now: Timestamp,
) -> Finding {
    let finding = |status, reason, message| Finding {
        kind: Component::Backups.condition(),
        status,
        reason,
        message,
    };
    let part = planned.plan.part(Component::Backups);
    if let Some(wait) = part.and_then(|part| part.gate.waits().first()) {
        return finding(ConditionStatus::False, wait.reason, wait.message.clone());
    }
    let failure = last_failure(planned, &backups::name(&planned.resolved.name));
    let newest = list.first();
    let age = newest.map(|newest| now.duration_since(newest.time));
    let limit = settings.max_age.seconds();
    let is_current = age.is_some_and(|age| limit == 0 || age <= SignedDuration::from_secs(limit));
    let status = if is_current {
        ConditionStatus::True
    } else {
        ConditionStatus::False
    };
    let newest = newest.map_or_else(
        || "There is no backup yet.".to_owned(),
        |newest| format!("The newest backup is {} of {}.", newest.name, newest.time),
    );
    if let Some(failure) = failure {
        let message = format!("The last attempt failed.{failure} {newest}");
        return finding(status, Reason::BackupFailed, message);
    }
    let (reason, advice) = match (is_current, age) {
        (true, _) => (Reason::BackupMade, String::new()),
        (false, None) => (Reason::BackupPending, next(settings)),
        (false, Some(_)) => (
            Reason::BackupTooOld,
            format!(
                " It is older than spec.backup.maxAge, {}.{}",
                settings.max_age,
                next(settings)
            ),
        ),
    };
    finding(status, reason, format!("{newest}{advice}"))
}

fn next(settings: &PlatformBackup) -> String {
    let schedule = settings.schedule.as_ref();
    let schedule = schedule.map_or_else(
        || "There is no schedule.".to_owned(),
        |schedule| format!("The schedule is {schedule} (UTC)."),
    );
    format!(
        " {schedule} To make a backup now, change the annotation {BACKUP_ANNOTATION} of the \
         platform."
    )
}

/// Whether the last check could restore a backup.
fn verified(planned: &Planned<'_>, list: &[BackupStatus], known: &[Condition]) -> Finding {
    let name = backups::check_name(&planned.resolved.name);
    let finding = |status, reason, message| Finding {
        kind: VERIFIED,
        status,
        reason,
        message,
    };
    if let Some(failure) = last_failure(planned, &name) {
        let message = format!(
            "The last check could not restore a backup.{failure} Correct what it names; the next \
             check follows by its schedule."
        );
        return finding(ConditionStatus::False, Reason::VerificationFailed, message);
    }
    let checks = reports::<Verified>(planned, &name);
    if let Some(check) = checks.into_iter().max_by_key(|check| check.time) {
        let message = format!(
            "Backup {} was restored as a check at {}: {} tenants and {} rows as they were.",
            check.backup, check.time, check.tenants, check.rows
        );
        return finding(ConditionStatus::True, Reason::BackupVerified, message);
    }
    let seen = list.iter().any(|backup| backup.verified.is_some());
    let remembered = remembered(VERIFIED, known);
    remembered
        .filter(|known| seen || known.reason == Reason::VerificationFailed)
        .unwrap_or_else(|| {
            let message = "No backup was restored as a check yet.".to_owned();
            finding(ConditionStatus::False, Reason::VerificationPending, message)
        })
}

/// Whether the platform has begun with its backup; nothing without one.
pub(super) fn restored(
    planned: &Planned<'_>,
    wait: Option<&Wait>,
    known: &[Condition],
) -> Option<Finding> {
    let resolved = planned.resolved;
    resolved.spec.restore_from.as_ref()?;
    let kind = Component::Restore.condition();
    if resolved.restored {
        return remembered(kind, known);
    }
    let prefix = resolved.object_name(Component::Restore.name());
    let report = reports::<Restored>(planned, &prefix).into_iter().next();
    let (status, reason, message) = match (wait, report) {
        (Some(wait), _) => (ConditionStatus::False, wait.reason, wait.message.clone()),
        (None, Some(report)) => (ConditionStatus::True, Reason::Restored, report.words()),
        (None, None) => (
            ConditionStatus::True,
            Reason::Restored,
            "The backup was restored.".to_owned(),
        ),
    };
    Some(Finding {
        kind,
        status,
        reason,
        message,
    })
}

/// What the Jobs with names that begin so have reported.
fn reports<T: DeserializeOwned>(planned: &Planned<'_>, name: &str) -> Vec<T> {
    let reports = planned.observed.backup_reports.iter();
    let reports = reports.filter(|(key, _)| backups::is_run_of(key, name));
    reports
        .filter_map(|(_, report)| serde_json::from_str(report).ok())
        .collect()
}

/// What the Job says that was started last, if it failed.
fn last_failure(planned: &Planned<'_>, name: &str) -> Option<String> {
    let observed = planned.observed;
    let jobs = observed
        .objects
        .keys()
        .filter(|key| backups::is_run_of(key, name));
    let bodies = jobs.filter_map(|key| Some((key, observed.body(key)?)));
    let ended = bodies.filter(|(_, body)| rollout::job(body) != JobState::Running);
    let last = ended.max_by_key(|(_, body)| {
        let started = body["status"]["startTime"].as_str();
        started.and_then(|time| time.parse::<Timestamp>().ok())
    });
    let (key, body) = last?;
    let words = observed.backup_reports.get(key);
    let words = words.map_or_else(String::new, |said| {
        format!(" {}.", said.trim_end_matches('.'))
    });
    (rollout::job(body) == JobState::Failed).then(|| format!(" {key}:{words}"))
}
