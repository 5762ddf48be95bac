//! Failures: what is repeated, what is set aside, and that neither blocks anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shared_events::EventError;
use shared_models::{CreatorId, Retry};
use sqlx::Row as _;

use crate::test_app::{Recorder, TestApp, poison, uploaded};

fn failing(retry: Retry) -> (Recorder, Arc<AtomicU32>) {
    let attempts = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&attempts);
    let recorder = Recorder::failing_with(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Err(EventError::new("scripted", "as the test wants", retry))
    });
    (recorder, attempts)
}

/// Code and attempts of the only event that was set aside.
async fn set_aside(app: &TestApp) -> (String, i32) {
    let row = sqlx::query("select code, attempts, reason, failed_at from platform.event_failures")
        .fetch_one(&app.admin)
        .await
        .unwrap();
    assert!(!row.get::<String, _>("reason").is_empty());
    (row.get("code"), row.get("attempts"))
}

#[tokio::test]
async fn a_poison_event_is_set_aside_and_blocks_nobody() {
    let app = TestApp::new().await;
    let (recorder, attempts) = failing(Retry::Never);
    let dispatcher = app.dispatcher(recorder);
    dispatcher.register().await.unwrap();
    app.publish(app.tenant, uploaded()).await;
    app.publish(app.tenant, poison()).await;
    app.publish(app.tenant, uploaded()).await;
    let other = CreatorId::new();
    app.publish(other, uploaded()).await;
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [1, 3]);
    assert_eq!(app.handled(other).await, [1]);
    assert_eq!(set_aside(&app).await, ("scripted".to_owned(), 1));
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn limited_attempts_end_and_meanwhile_other_tenants_are_served() {
    let app = TestApp::new().await;
    let (recorder, attempts) = failing(Retry::Limited);
    let dispatcher = app.dispatcher(recorder);
    dispatcher.register().await.unwrap();
    app.publish(app.tenant, poison()).await;
    app.publish(app.tenant, uploaded()).await;
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [0_i64; 0], "in order");
    let other = CreatorId::new();
    app.publish(other, uploaded()).await;
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(other).await, [1]);
    for _ in 0..7 {
        app.make_due().await;
        app.drain(&dispatcher).await;
    }
    assert_eq!(attempts.load(Ordering::Relaxed), 8);
    assert_eq!(set_aside(&app).await, ("scripted".to_owned(), 8));
    assert_eq!(app.handled(app.tenant).await, [2]);
}

#[tokio::test]
async fn what_waits_for_a_dependency_is_never_set_aside() {
    let app = TestApp::new().await;
    let (recorder, attempts) = failing(Retry::UntilAvailable);
    let dispatcher = app.dispatcher(recorder);
    dispatcher.register().await.unwrap();
    app.publish(app.tenant, poison()).await;
    for _ in 0..20 {
        app.make_due().await;
        app.drain(&dispatcher).await;
    }
    assert!(attempts.load(Ordering::Relaxed) >= 20);
    let failures = "select count(*) from platform.event_failures";
    assert_eq!(app.count(failures).await, 0);
    app.make_due().await;
    app.drain(&app.dispatcher(Recorder::default())).await;
    assert_eq!(app.handled(app.tenant).await, [1]);
}

#[tokio::test]
async fn a_panic_is_a_failure_of_its_event_only() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::failing_with(|| panic!("as the test wants")));
    dispatcher.register().await.unwrap();
    app.publish(app.tenant, poison()).await;
    app.publish(app.tenant, uploaded()).await;
    for _ in 0..8 {
        app.make_due().await;
        app.drain(&dispatcher).await;
    }
    assert_eq!(set_aside(&app).await, ("internal".to_owned(), 8));
    assert_eq!(app.handled(app.tenant).await, [2]);
}

/// Claims the tenant's events as a worker that is never heard of again.
async fn die_with_a_claim(app: &TestApp) {
    app.make_due().await;
    let mut tx = app.subscriber.system().await.unwrap();
    let claim = "select * from platform.claim_event_backlog('recorder', '30s', gen_random_uuid())";
    let claimed = sqlx::query(claim).fetch_all(tx.conn()).await.unwrap();
    assert_eq!(claimed.len(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_event_whose_workers_keep_dying_is_set_aside() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    app.publish(app.tenant, uploaded()).await;
    for _ in 0..7 {
        die_with_a_claim(&app).await;
    }
    app.make_due().await;
    app.drain(&dispatcher).await;
    assert_eq!(
        app.handled(app.tenant).await,
        [1],
        "it may still be handled"
    );
    sqlx::query("truncate public.handled")
        .execute(&app.admin)
        .await
        .unwrap();
    app.publish(app.tenant, uploaded()).await;
    for _ in 0..9 {
        die_with_a_claim(&app).await;
    }
    app.make_due().await;
    app.drain(&dispatcher).await;
    assert_eq!(set_aside(&app).await.0, "interrupted");
    assert_eq!(app.handled(app.tenant).await, [0_i64; 0]);
}

#[tokio::test]
async fn an_event_of_a_newer_version_waits_for_one_that_can_read_it_and_is_then_set_aside() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    // A newer replica has registered a type of its own, and published that and a newer version.
    let types = "update platform.event_subscriptions set types = types || '{planet.discovered}'";
    sqlx::query(types).execute(&app.admin).await.unwrap();
    for (name, version) in [("planet.discovered", 1_i16), ("document.uploaded", 99)] {
        sqlx::query(
            "insert into platform.events (creator_id, id, type, version, payload)
             values ($1, gen_random_uuid(), $2, $3, '{}')",
        )
        .bind(app.tenant)
        .bind(name)
        .bind(version)
        .execute(&app.admin)
        .await
        .unwrap();
    }
    app.publish(app.tenant, uploaded()).await;
    app.drain(&dispatcher).await;
    let failures = "select count(*) from platform.event_failures where code = 'unreadable_event'";
    assert_eq!(app.count(failures).await, 0, "a newer replica may read it");
    for _ in 0..16 {
        app.make_due().await;
        app.drain(&dispatcher).await;
    }
    assert_eq!(app.count(failures).await, 2);
    assert_eq!(app.handled(app.tenant).await, [3]);
}
