//! Backups of a platform, the platform that one is restored into, and what the status says of both.

use jiff::Timestamp;
use operator_core::api::condition::ConditionStatus;
use operator_core::api::{Condition, CreatorPlatform, PlatformStatus};
use operator_core::component::Component;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::{Live, View};
use operator_core::plan::{Change, Gate, is_backup_job};
use operator_core::reason::Reason;
use operator_core::resolve;
use operator_core::resolve::BACKUP_ANNOTATION;
use operator_core::status::{Applied, Outcome, Planned, status};
use serde_json::{Value, json};
use shared_config::Service;

use crate::fixtures::{resolved, sample};
use crate::world::{World, at_rest};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn look(world: &World, platform: &CreatorPlatform, now: &str) -> PlatformStatus {
    let resolved = resolved(platform);
    let plan = world.plan(platform);
    let planned = Planned {
        resolved: &resolved,
        observed: &world.observed,
        plan: &plan,
    };
    let outcome = Outcome::Applied(planned, &Applied::default());
    status(platform.status.as_ref(), 1, &outcome, time(now))
}

fn condition<'a>(status: &'a PlatformStatus, kind: &str) -> &'a Condition {
    let mut all = status.conditions.iter();
    all.find(|found| found.kind == kind)
        .unwrap_or_else(|| panic!("no condition {kind}"))
}

fn said(status: &PlatformStatus, kind: &str) -> (ConditionStatus, String) {
    let found = condition(status, kind);
    (found.status, found.reason.clone())
}

/// A Job of a schedule has ended: it belongs to its `CronJob`, and its pod has said something.
fn ended(world: &mut World, name: &str, started: &str, end: &str, report: &str) {
    let key = ObjectKey::new(Kind::Job, name);
    let body = json!({
        "metadata": {"name": name},
        "status": {"startTime": started, "conditions": [{"type": end, "status": "True"}]},
    });
    let live = Live::new(
        format!("uid-{name}"),
        "1".to_owned(),
        false,
        View::Body(body),
    );
    world.observed.objects.insert(key.clone(), live);
    world.observed.backup_reports.insert(key, report.to_owned());
}

fn made(backups: &[(&str, i64)]) -> String {
    let kept = backups.iter().map(|(name, size)| {
        let time = format!(
            "{}-{}-{}T{}:{}:{}Z",
            &name[..4],
            &name[4..6],
            &name[6..8],
            &name[9..11],
            &name[11..13],
            &name[13..15]
        );
        json!({"name": name, "time": time, "sizeBytes": size, "version": "0.1.0"})
    });
    let kept: Vec<Value> = kept.collect();
    let newest = kept[0].clone();
    json!({
        "backup": newest["name"], "time": newest["time"], "sizeBytes": newest["sizeBytes"],
        "version": "0.1.0", "tenants": 3, "rows": 100, "kept": kept,
    })
    .to_string()
}

fn job_of<'a>(world: &'a World, part: &str) -> Vec<(&'a ObjectKey, &'a Value)> {
    let prefix = format!("demo-{part}-");
    let jobs = world.bodies.iter();
    jobs.filter(|(key, _)| key.kind == Kind::Job && key.name.starts_with(&prefix))
        .collect()
}

#[test]
fn jobs_of_backups_are_known_by_their_names() {
    let is = |name: &str| is_backup_job("demo", &ObjectKey::new(Kind::Job, name));
    for name in [
        "demo-backups-29412345",
        "demo-backups-0a1b2c3d",
        "demo-verify-29412345",
        "demo-restore-0a1b2c3d",
    ] {
        assert!(is(name), "{name}");
    }
    for name in [
        "demo-backup-29412345",
        "demo-migrate-0a1b2c3d",
        "demo-backups",
        "demo-verify-",
    ] {
        assert!(!is(name), "{name}");
    }
    assert!(!is_backup_job(
        "demo",
        &ObjectKey::new(Kind::Job, "demo-backups-verify-1")
    ));
}

#[test]
fn the_status_lists_what_the_newest_backup_found_and_what_was_checked() {
    let mut platform = sample("backup");
    let mut world = at_rest(&platform);
    let status = look(&world, &platform, "2026-11-30T00:00:00Z");
    assert_eq!(
        said(&status, "BackupCurrent"),
        (ConditionStatus::False, "BackupPending".to_owned())
    );
    assert_eq!(
        said(&status, "BackupVerified"),
        (ConditionStatus::False, "VerificationPending".to_owned())
    );
    assert_eq!(
        said(&status, "Ready").0,
        ConditionStatus::True,
        "it works without"
    );

    let two = made(&[("20261130T030000Z", 7000), ("20261129T030000Z", 6000)]);
    let (start, end) = ("2026-11-30T03:00:00Z", "Complete");
    ended(&mut world, "demo-backups-29412345", start, end, &two);
    let check = r#"{"backup": "20261129T030000Z", "verified": "2026-11-29T05:00:00Z",
        "tenants": 3, "rows": 100}"#;
    ended(&mut world, "demo-verify-29410000", start, end, check);
    let status = look(&world, &platform, "2026-11-30T12:00:00Z");
    let names: Vec<&str> = status.backups.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["20261130T030000Z", "20261129T030000Z"]);
    assert_eq!(status.backups[0].size_bytes, 7000);
    assert_eq!(status.backups[0].verified, None);
    assert_eq!(
        status.backups[1].verified,
        Some(time("2026-11-29T05:00:00Z"))
    );
    assert_eq!(
        said(&status, "BackupCurrent"),
        (ConditionStatus::True, "BackupMade".to_owned())
    );
    assert_eq!(
        said(&status, "BackupVerified"),
        (ConditionStatus::True, "BackupVerified".to_owned())
    );

    // The Jobs go, what they found stays; the age counts on.
    platform.status = Some(status);
    world.observed.backup_reports.clear();
    world
        .observed
        .objects
        .retain(|key, _| !is_backup_job("demo", key));
    let status = look(&world, &platform, "2026-12-01T14:59:00Z");
    assert_eq!(status.backups.len(), 2);
    assert_eq!(said(&status, "BackupCurrent").0, ConditionStatus::True);
    assert_eq!(said(&status, "BackupVerified").0, ConditionStatus::True);
    let status = look(&world, &platform, "2026-12-01T15:01:00Z");
    assert_eq!(
        said(&status, "BackupCurrent"),
        (ConditionStatus::False, "BackupTooOld".to_owned())
    );
    // The next backup pushes one out, and keeps what is known of the other.
    let next = made(&[("20261202T030000Z", 8000), ("20261129T030000Z", 6000)]);
    ended(
        &mut world,
        "demo-backups-29414000",
        "2026-12-02T03:00:00Z",
        end,
        &next,
    );
    let status = look(&world, &platform, "2026-12-02T04:00:00Z");
    assert_eq!(status.backups[0].name, "20261202T030000Z");
    assert_eq!(
        status.backups[1].verified,
        Some(time("2026-11-29T05:00:00Z"))
    );
    // Without backups nothing is said of them.
    platform.status = Some(status);
    platform.spec.backup = None;
    world.converge(&platform);
    let status = look(&world, &platform, "2026-12-02T04:00:00Z");
    assert!(status.backups.is_empty());
    assert!(
        status
            .conditions
            .iter()
            .all(|one| !one.kind.starts_with("Backup"))
    );
}

#[test]
fn a_failed_backup_or_check_is_named_until_the_next_one_succeeds() {
    let platform = sample("backup");
    let mut world = at_rest(&platform);
    let good = made(&[("20261130T030000Z", 7000)]);
    ended(
        &mut world,
        "demo-backups-1",
        "2026-11-30T03:00:00Z",
        "Complete",
        &good,
    );
    let words = "container backup: Error, exit code 1: target_full: no space is left";
    ended(
        &mut world,
        "demo-backups-2",
        "2026-12-01T03:00:00Z",
        "Failed",
        words,
    );
    ended(
        &mut world,
        "demo-verify-3",
        "2026-12-01T05:00:00Z",
        "Failed",
        "backup_foreign: x",
    );
    let status = look(&world, &platform, "2026-12-01T06:00:00Z");
    let found = condition(&status, "BackupCurrent");
    assert_eq!(found.reason, "BackupFailed");
    assert_eq!(
        found.status,
        ConditionStatus::True,
        "the one before is recent enough"
    );
    assert!(found.message.contains("target_full"), "{}", found.message);
    assert!(
        found.message.contains("20261130T030000Z"),
        "{}",
        found.message
    );
    let found = condition(&status, "BackupVerified");
    assert_eq!(
        (found.status, found.reason.as_str()),
        (ConditionStatus::False, "VerificationFailed")
    );
    assert_eq!(said(&status, "Ready").0, ConditionStatus::True);
    let status = look(&world, &platform, "2026-12-02T06:00:00Z");
    let found = condition(&status, "BackupCurrent");
    assert_eq!(
        (found.status, found.reason.as_str()),
        (ConditionStatus::False, "BackupFailed")
    );
    let good = made(&[("20261202T030000Z", 7000)]);
    ended(
        &mut world,
        "demo-backups-4",
        "2026-12-02T03:00:00Z",
        "Complete",
        &good,
    );
    let status = look(&world, &platform, "2026-12-02T06:00:00Z");
    assert_eq!(said(&status, "BackupCurrent").1, "BackupMade");
}

#[test]
fn each_request_makes_one_backup_whatever_else_changes() {
    let mut platform = sample("backup");
    let mut world = at_rest(&platform);
    assert!(job_of(&world, "backups").is_empty());
    let ask = |platform: &mut CreatorPlatform, value: &str| {
        let annotation = (BACKUP_ANNOTATION.to_owned(), value.to_owned());
        platform.metadata.annotations = Some([annotation].into());
    };
    ask(&mut platform, "before the move");
    world.converge(&platform);
    let name = job_of(&world, "backups")[0].0.clone();
    // Another version makes no other backup.
    platform.spec.version = "0.1.1".to_owned();
    platform.spec.backup.as_mut().expect("it").retain = 3;
    world.converge(&platform);
    let jobs = job_of(&world, "backups");
    assert_eq!(
        jobs.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
        [&name]
    );
    ask(&mut platform, "after the move");
    world.converge(&platform);
    let jobs = job_of(&world, "backups");
    assert_eq!(jobs.len(), 1, "the one before has done its work");
    assert_ne!(*jobs[0].0, name);
}

#[test]
fn a_backup_that_fails_does_not_make_the_platform_unready() {
    let mut platform = sample("backup");
    let annotation = (BACKUP_ANNOTATION.to_owned(), "now".to_owned());
    platform.metadata.annotations = Some([annotation].into());
    let mut world = at_rest(&platform);
    let job = job_of(&world, "backups")[0].0.clone();
    let failed = json!({"conditions": [{"type": "Failed", "status": "True"}]});
    world.set_status(&job, failed);
    assert!(world.plan(&platform).is_complete());
}

#[test]
fn a_missing_key_is_named_and_holds_up_backups_only() {
    for (sample_name, secret, key) in [
        ("backup", "backup-keys", "identity"),
        ("restore", "backup-storage", "ca.crt"),
        ("restore", "backup-storage", "accessKeyId"),
    ] {
        let mut platform = sample(sample_name);
        platform.spec.restore_from = None;
        let mut world = World::rich();
        let facts = world.observed.secrets.get_mut(secret).expect("facts");
        facts.keys.remove(key);
        for _ in 0..8 {
            world.step(&platform);
        }
        let plan = world.plan(&platform);
        let Gate::Waiting(waits) = &plan.part(Component::Backups).expect("a part").gate else {
            panic!("{secret}/{key}: the gate is open");
        };
        assert_eq!(waits[0].reason, Reason::SecretNotFound);
        assert!(waits[0].message.contains(secret) && waits[0].message.contains(key));
        let others = plan
            .parts
            .iter()
            .filter(|part| part.component != Component::Backups);
        assert!(others.into_iter().all(|part| part.gate == Gate::Open));
    }
}

#[test]
fn a_restored_platform_migrates_and_serves_only_what_was_restored() {
    let platform = sample("restore");
    let mut world = World::rich();
    for _ in 0..3 {
        world.step(&platform);
    }
    let jobs = world
        .bodies
        .keys()
        .filter(|key| key.name.contains("-restore-"));
    let restore = jobs.into_iter().next().expect("a Job").clone();
    let running = json!({"active": 1, "ready": 1});
    world.set_status(&restore, running.clone());
    for _ in 0..4 {
        world.step(&platform);
        world.set_status(&restore, running.clone());
    }
    let migrates = |world: &World| {
        world
            .bodies
            .keys()
            .any(|key| key.name.contains("-migrate-"))
    };
    let serves = |world: &World| {
        let service = |service: Service| format!("demo2-{}", service.name());
        let deployed = |name: String| {
            world
                .bodies
                .contains_key(&ObjectKey::new(Kind::Deployment, name))
        };
        Service::ALL.into_iter().any(|one| deployed(service(one)))
    };
    assert!(!migrates(&world) && !serves(&world));
    let schedule = &world.bodies[&ObjectKey::new(Kind::CronJob, "demo2-backups")];
    assert_eq!(
        schedule["spec"]["suspend"], true,
        "half a database is no backup"
    );
    let status = look(&world, &platform, "2026-11-30T00:00:00Z");
    assert_eq!(
        said(&status, "Restored"),
        (ConditionStatus::False, "RestoreRunning".to_owned())
    );
    let report = r#"{"backup": "20261130T030000Z", "restored": "2026-11-30T12:00:00Z",
        "tenants": 3, "rows": 4711, "files": 12}"#;
    world
        .observed
        .backup_reports
        .insert(restore.clone(), report.to_owned());
    let done = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    world.set_status(&restore, done);
    world.converge(&platform);
    assert!(migrates(&world) && serves(&world));
    let schedule = &world.bodies[&ObjectKey::new(Kind::CronJob, "demo2-backups")];
    assert_eq!(schedule["spec"]["suspend"], false);

    // It is restored once: neither a lost Job nor another version asks for it again.
    let mut platform = platform;
    let status = look(&world, &platform, "2026-11-30T13:00:00Z");
    let found = condition(&status, "Restored");
    assert_eq!(found.status, ConditionStatus::True);
    assert!(found.message.contains("4711 rows"), "{}", found.message);
    platform.status = Some(status);
    platform.spec.version = "0.1.1".to_owned();
    world.observed.secrets.remove("backup-keys");
    world.converge(&platform);
    assert!(world.bodies.keys().all(|key| !key.name.contains("restore")));
    let status = look(&world, &platform, "2026-11-30T14:00:00Z");
    assert_eq!(said(&status, "Restored").0, ConditionStatus::True);
    assert_eq!(said(&status, "Ready").0, ConditionStatus::True);
}

#[test]
fn a_restore_that_fails_stops_the_platform_and_is_tried_again_on_request() {
    let mut platform = sample("restore");
    let mut world = World::rich();
    for _ in 0..3 {
        world.step(&platform);
    }
    let mut jobs = world
        .bodies
        .keys()
        .filter(|key| key.name.contains("-restore-"));
    let first = jobs.next().expect("a Job").clone();
    let failed = json!({"conditions": [{"type": "Failed", "status": "True"}]});
    world.set_status(&first, failed);
    world.broken.insert(first.clone());
    world.observed.words.insert(
        first.clone(),
        "backup_foreign: sealed for another key".to_owned(),
    );
    for _ in 0..3 {
        world.step(&platform);
    }
    let status = look(&world, &platform, "2026-11-30T00:00:00Z");
    let found = condition(&status, "Restored");
    assert_eq!(found.reason, "RestoreFailed");
    assert!(
        found.message.contains("backup_foreign"),
        "{}",
        found.message
    );
    assert_eq!(said(&status, "Stalled").0, ConditionStatus::True);
    let retry = ("creatorplatform.io/retry".to_owned(), "1".to_owned());
    platform.metadata.annotations = Some([retry].into());
    world.converge(&platform);
    assert!(!world.bodies.contains_key(&first));
}

#[test]
fn a_platform_is_not_restored_from_its_own_data() {
    for claim in ["demo2-postgres", "demo2-files", "demo2-chroma"] {
        let mut platform = sample("restore");
        let from = platform.spec.restore_from.as_mut().expect("it");
        from.s3 = None;
        from.volume_claim = Some(claim.to_owned());
        let refused = resolve(&platform, &operator_core::Observed::default());
        let refused = refused.expect_err(claim).to_string();
        assert!(
            refused.contains("spec.restoreFrom.volumeClaim"),
            "{refused}"
        );
        assert!(refused.contains("demo2-backups"), "{refused}");
    }
}

#[test]
fn a_backup_reads_the_files_and_only_a_restore_writes_them() {
    let platform = sample("backup");
    let mut asking = platform.clone();
    let annotation = (BACKUP_ANNOTATION.to_owned(), "now".to_owned());
    asking.metadata.annotations = Some([annotation].into());
    let world = at_rest(&asking);
    let (_, job) = job_of(&world, "backups")[0];
    let volumes = job["spec"]["template"]["spec"]["volumes"]
        .as_array()
        .expect("volumes");
    let files = volumes
        .iter()
        .find(|volume| volume["name"] == "files")
        .expect("it");
    assert_eq!(files["persistentVolumeClaim"]["readOnly"], true);
    // What reads backups to check them cannot change them.
    let check = &world.bodies[&ObjectKey::new(Kind::CronJob, "demo-verify")];
    let pod = &check["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    for list in ["initContainers", "containers"] {
        for container in pod[list].as_array().expect("containers") {
            for mount in container["volumeMounts"].as_array().expect("mounts") {
                let backups = mount["name"] == "backups";
                assert!(!backups || mount["readOnly"] == true, "{mount}");
            }
            // It opens backups with its own key, and has none of the platform's.
            let env = container["env"].to_string();
            assert!(
                !env.contains("DATA_KEY") && !env.contains("ADMIN_PASSWORD"),
                "{env}"
            );
        }
    }
}

#[test]
fn the_alert_on_age_follows_the_spec() {
    let mut platform = sample("backup");
    let rules = |platform: &CreatorPlatform| {
        let world = at_rest(platform);
        let plan = world.plan(platform);
        let mut items = plan.items();
        let rule = items.find(|item| item.key.kind == Kind::PrometheusRule);
        rule.expect("a rule").desired.body().to_string()
    };
    assert!(rules(&platform).contains("> 129600"), "36 hours");
    platform.spec.backup.as_mut().expect("it").schedule = None;
    assert!(!rules(&platform).contains("CreatorPlatformBackupTooOld"));
}

#[test]
fn an_unchanged_platform_with_backups_is_left_alone() {
    for name in ["backup", "restore"] {
        let platform = sample(name);
        let world = at_rest(&platform);
        let plan = world.plan(&platform);
        let changed = plan.items().filter(|item| item.change != Change::None);
        assert_eq!(changed.count(), 0, "{name}");
    }
}
