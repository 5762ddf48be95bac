//! What the status says after each kind of outcome.

use jiff::Timestamp;
use operator_core::api::condition::ConditionStatus::{False, True};
use operator_core::api::{Condition, CreatorPlatform, PlatformStatus};
use operator_core::object::{Kind, ObjectKey};
use operator_core::status::{Applied, Failure, Outcome, Planned, status};
use operator_core::{Observed, resolve};
use serde_json::json;

use crate::fixtures::{resolved, sample};
use crate::world::{World, at_rest};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

/// The status after one look at a world.
fn look(
    world: &World,
    platform: &CreatorPlatform,
    previous: Option<&PlatformStatus>,
    applied: &Applied,
    now: Timestamp,
) -> PlatformStatus {
    let resolved = resolved(platform);
    let plan = world.plan(platform);
    let planned = Planned {
        resolved: &resolved,
        observed: &world.observed,
        plan: &plan,
    };
    status(previous, 1, &Outcome::Applied(planned, applied), now)
}

fn condition<'a>(status: &'a PlatformStatus, kind: &str) -> &'a Condition {
    let mut all = status.conditions.iter();
    all.find(|found| found.kind == kind)
        .unwrap_or_else(|| panic!("no condition {kind}"))
}

fn summary(status: &PlatformStatus) -> [(bool, &str); 3] {
    ["Ready", "Reconciling", "Stalled"].map(|kind| {
        let found = condition(status, kind);
        (found.status == True, found.reason.as_str())
    })
}

#[test]
fn a_platform_at_rest_is_ready_and_every_component_too() {
    for name in crate::fixtures::SAMPLES {
        let platform = sample(name);
        let status = look(
            &at_rest(&platform),
            &platform,
            None,
            &Applied::default(),
            at(0),
        );
        let reason = "Reconciled";
        assert_eq!(
            summary(&status),
            [(true, reason), (false, reason), (false, reason)],
            "{name}"
        );
        for found in &status.conditions {
            let kind = found.kind.as_str();
            let before_the_first = ["BackupCurrent", "BackupVerified", "DeletesData"];
            if before_the_first.contains(&kind) {
                continue;
            }
            let normal = !matches!(kind, "Reconciling" | "Stalled");
            assert_eq!(found.status == True, normal, "{name}: {}", found.kind);
            assert_eq!(found.observed_generation, 1);
        }
        let version = status.version.expect("a version");
        assert_eq!(version.running.as_deref(), Some("0.1.0"), "{name}");
        assert!(
            status
                .components
                .iter()
                .all(|part| part.ready == part.desired),
            "{name}"
        );
    }
}

#[test]
fn a_proxy_that_is_not_trusted_is_reported_and_does_not_stop_the_platform() {
    let status_of = |platform: &CreatorPlatform| {
        look(
            &at_rest(platform),
            platform,
            None,
            &Applied::default(),
            at(0),
        )
    };
    let kind = "ClientAddressesKnown";
    let minimal = status_of(&sample("minimal"));
    assert!(minimal.conditions.iter().all(|found| found.kind != kind));

    let mut platform = sample("full");
    assert_eq!(condition(&status_of(&platform), kind).status, True);
    platform.spec.gateway.trusted_proxies.clear();
    for section in ["ingress", "httpRoute"] {
        let status = status_of(&platform);
        let found = condition(&status, kind);
        assert_eq!(
            (found.status, found.reason.as_str()),
            (False, "NoTrustedProxies")
        );
        let words = format!("spec.gateway.{section} is set");
        assert!(found.message.contains(&words), "{}", found.message);
        assert!(found.message.contains("spec.gateway.trustedProxies"));
        assert_eq!(summary(&status)[0], (true, "Reconciled"));
        platform.spec.gateway.ingress = None;
    }
}

#[test]
fn a_fresh_platform_reconciles_and_names_what_it_waits_for() {
    let platform = sample("minimal");
    let mut world = World::rich();
    let fresh = look(&world, &platform, None, &Applied::default(), at(0));
    assert_eq!(summary(&fresh)[1], (true, "GeneratingSecrets"));
    world.step(&platform);
    let key = ObjectKey::new(Kind::StatefulSet, "demo-postgres");
    world.step(&platform);
    world.set_status(
        &key,
        json!({"observedGeneration": 9_999, "readyReplicas": 0}),
    );
    world
        .observed
        .words
        .insert(key, "ImagePullBackOff: no such image.".to_owned());
    let status = look(&world, &platform, None, &Applied::default(), at(0));
    assert_eq!(summary(&status)[0], (false, "RollingOut"));
    let postgres = condition(&status, "PostgresReady");
    assert_eq!(
        (postgres.status, postgres.reason.as_str()),
        (False, "RollingOut")
    );
    assert!(
        postgres.message.contains("no such image"),
        "{}",
        postgres.message
    );
    assert_eq!(condition(&status, "RedisReady").status, True);
    let auth = condition(&status, "AuthReady");
    assert_eq!(
        (auth.status, auth.reason.as_str()),
        (False, "DependencyNotReady")
    );
    assert!(
        auth.message.contains("waits for postgres"),
        "{}",
        auth.message
    );
}

#[test]
fn services_stay_ready_while_their_migrations_run() {
    let mut platform = sample("minimal");
    let mut world = at_rest(&platform);
    let before = look(&world, &platform, None, &Applied::default(), at(0));
    platform.spec.version = "0.1.7".to_owned();
    world.step(&platform);
    let plan = world.plan(&platform);
    let mut items = plan.items();
    let job = items
        .find(|item| item.key.kind == Kind::Job)
        .expect("a Job")
        .key
        .clone();
    world.set_status(&job, json!({"active": 1}));
    let during = look(
        &world,
        &platform,
        Some(&before),
        &Applied::default(),
        at(10),
    );
    assert_eq!(summary(&during)[1], (true, "MigrationRunning"));
    assert_eq!(condition(&during, "MigrationsApplied").status, False);
    assert_eq!(
        condition(&during, "AuthReady").status,
        True,
        "the old version serves"
    );
    let version = during.version.clone().expect("a version");
    assert_eq!(
        (version.running.as_deref(), version.target.as_str()),
        (Some("0.1.0"), "0.1.7")
    );
    let migrations = during.migrations.expect("migrations");
    assert_eq!(migrations.current.as_deref(), Some("0.1.0"));
}

#[test]
fn a_failed_migration_stalls_the_platform() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let plan = world.plan(&platform);
    let mut items = plan.items();
    let job = items
        .find(|item| item.key.kind == Kind::Job)
        .expect("a Job")
        .key
        .clone();
    world.set_status(
        &job,
        json!({"conditions": [{"type": "Failed", "status": "True"}]}),
    );
    world.observed.words.insert(job, "lock timeout".to_owned());
    let status = look(&world, &platform, None, &Applied::default(), at(0));
    assert_eq!(summary(&status)[2], (true, "MigrationFailed"));
    assert!(
        condition(&status, "MigrationsApplied")
            .message
            .contains("lock timeout")
    );
}

#[test]
fn a_wrong_spec_stalls_and_says_what_to_do_and_components_keep_their_state() {
    let mut platform = sample("minimal");
    let good = look(
        &at_rest(&platform),
        &platform,
        None,
        &Applied::default(),
        at(0),
    );
    platform.spec.version = "9.9.9".to_owned();
    let invalid = resolve(&platform, &Observed::default()).expect_err("another operator's version");
    let status = status(Some(&good), 2, &Outcome::Invalid(&invalid), at(5));
    assert_eq!(
        summary(&status),
        [
            (false, "InvalidSpec"),
            (false, "InvalidSpec"),
            (true, "InvalidSpec")
        ]
    );
    let message = &condition(&status, "Stalled").message;
    assert!(
        message.contains("spec.version") && message.contains("install"),
        "{message}"
    );
    assert_eq!(
        condition(&status, "AuthReady"),
        condition(&good, "AuthReady")
    );
    assert_eq!(status.observed_generation, Some(2));
}

#[test]
fn failures_are_told_apart_by_whether_trying_again_helps() {
    let platform = sample("minimal");
    let world = at_rest(&platform);
    let failed = |transient| {
        let key = ObjectKey::new(Kind::Service, "demo-auth");
        let failure = Failure {
            key,
            text: "quota exceeded".to_owned(),
            transient,
        };
        let applied = Applied {
            written: Vec::new(),
            failures: vec![failure],
        };
        look(&world, &platform, None, &applied, at(0))
    };
    assert_eq!(summary(&failed(true))[1], (true, "ApplyFailed"));
    assert_eq!(summary(&failed(false))[2], (true, "ApplyFailed"));
    assert!(
        condition(&failed(false), "Ready")
            .message
            .contains("quota exceeded")
    );
    let unread = status(None, 1, &Outcome::Unobserved("timed out"), at(0));
    assert_eq!(summary(&unread)[1], (true, "ObserveFailed"));
}

#[test]
fn what_the_models_job_reports_about_retrieval_stays_when_it_is_not_read_again() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let applied = Applied::default();
    let before = look(&world, &platform, None, &applied, at(0));
    let kinds = |status: &PlatformStatus| -> Vec<String> {
        status
            .conditions
            .iter()
            .map(|known| known.kind.clone())
            .collect()
    };
    assert!(!kinds(&before).contains(&"RetrievalCalibrated".to_owned()));
    for (report, status, reason) in [
        (
            r#"{"calibrated":true,"languages":["en","de"]}"#,
            True,
            "Calibrated",
        ),
        (
            r#"{"models":[],"calibrated":false}"#,
            False,
            "NotCalibrated",
        ),
    ] {
        world.observed.models_report = Some(report.to_owned());
        let first = look(&world, &platform, Some(&before), &applied, at(1));
        let found = condition(&first, "RetrievalCalibrated");
        assert_eq!((found.status, found.reason.as_str()), (status, reason));
        assert!(
            condition(&first, "Ready").status == True,
            "search by words works"
        );
        world.observed.models_report = None;
        let second = look(&world, &platform, Some(&first), &applied, at(2));
        assert_eq!(condition(&second, "RetrievalCalibrated"), found);
    }
    // A Job of an earlier version, and one that says something else.
    for report in [r#"{"models":[]}"#, "out of memory"] {
        world.observed.models_report = Some(report.to_owned());
        let status = look(&world, &platform, None, &applied, at(3));
        assert!(
            !kinds(&status).contains(&"RetrievalCalibrated".to_owned()),
            "{report}"
        );
    }
}

#[test]
fn times_move_only_with_the_status_of_a_condition() {
    let platform = sample("minimal");
    let world = at_rest(&platform);
    let first = look(&world, &platform, None, &Applied::default(), at(0));
    let later = look(
        &world,
        &platform,
        Some(&first),
        &Applied::default(),
        at(500),
    );
    assert_eq!(
        first, later,
        "the same outcome gives the same status at any time"
    );
    let mut broken = world.clone();
    let key = ObjectKey::new(Kind::Deployment, "demo-auth");
    broken.set_status(&key, json!({"observedGeneration": 9_999, "replicas": 1}));
    let worse = look(
        &broken,
        &platform,
        Some(&later),
        &Applied::default(),
        at(900),
    );
    assert_eq!(condition(&worse, "AuthReady").last_transition_time, at(900));
    assert_eq!(
        condition(&worse, "ChannelReady").last_transition_time,
        at(0)
    );
    assert_eq!(condition(&worse, "Ready").last_transition_time, at(900));
}

#[test]
fn a_suspended_platform_carries_its_plan_and_at_most_a_hundred_lines() {
    let platform = sample("suspended");
    let resolved = resolved(&platform);
    let world = World::rich();
    let plan = world.plan(&platform);
    let planned = Planned {
        resolved: &resolved,
        observed: &world.observed,
        plan: &plan,
    };
    let status = status(None, 1, &Outcome::Suspended(planned), at(0));
    assert_eq!(summary(&status), [(false, "Suspended"); 3]);
    assert!(
        status
            .pending_plan
            .contains(&"create Deployment paused-auth".to_owned())
    );
    assert!(status.pending_plan.len() <= 101);
    let rest = at_rest(&platform);
    let plan = rest.plan(&platform);
    let planned = Planned {
        resolved: &resolved,
        observed: &rest.observed,
        plan: &plan,
    };
    let rested = operator_core::status::status(None, 1, &Outcome::Suspended(planned), at(0));
    assert_eq!(rested.pending_plan, Vec::<String>::new());
    assert!(
        summary(&rested)[0].0,
        "what runs as asked is ready, suspended or not"
    );
}
