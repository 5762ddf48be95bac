//! The command `events`: what was set aside, and another try.

use shared_config::Service;
use shared_events::{Dispatcher, EventError, commands};
use shared_models::Retry;
use sqlx::Row as _;
use uuid::Uuid;

use crate::test_app::{Recorder, TestApp, poison, uploaded};

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

async fn run(dispatcher: &Dispatcher, line: &str) -> Result<String, String> {
    let output = commands::run(dispatcher, &words(line)).await;
    output.map_err(|error| error.to_string())
}

/// A poison event between two others, set aside; and the dispatcher that has done so.
async fn set_aside(app: &TestApp) -> (Dispatcher, Uuid) {
    let failing = app.dispatcher(Recorder::failing_with(|| {
        Err(EventError::new(
            "scripted",
            "as the test wants",
            Retry::Never,
        ))
    }));
    failing.register().await.unwrap();
    app.publish(app.tenant, uploaded()).await;
    app.publish(app.tenant, poison()).await;
    app.publish(app.tenant, uploaded()).await;
    app.drain(&failing).await;
    assert_eq!(app.handled(app.tenant).await, [1, 3]);
    let row = sqlx::query("select event_id from platform.event_failures");
    let event = row.fetch_one(&app.admin).await.unwrap().get(0);
    (failing, event)
}

#[tokio::test]
async fn an_event_that_was_set_aside_is_listed_and_delivered_by_command() {
    let app = TestApp::new().await;
    let (failing, event) = set_aside(&app).await;
    let listed = run(&failing, "failed").await.unwrap();
    let start = format!(
        "tenant={} subscription=recorder event={event} type=member.removed attempts=1 ",
        app.tenant
    );
    assert!(listed.starts_with(&start), "{listed}");
    let reason = "code=scripted reason=\"as the test wants\"\n";
    assert!(listed.ends_with(reason), "{listed}");

    // What fails again stays set aside.
    let redeliver = format!("redeliver {} recorder {event}", app.tenant);
    let error = run(&failing, &redeliver).await.unwrap_err();
    assert_eq!(error, "scripted: as the test wants");
    assert_eq!(run(&failing, "failed").await.unwrap(), listed);
    assert_eq!(app.handled(app.tenant).await, [1, 3]);

    let mended = app.dispatcher(Recorder::default());
    run(&mended, &redeliver).await.unwrap();
    assert_eq!(app.handled(app.tenant).await, [1, 3, 2]);
    assert_eq!(run(&mended, "failed").await.unwrap(), "");
    let twice = run(&mended, &redeliver).await.unwrap_err();
    assert!(twice.contains("no such event"), "{twice}");
    // The order of later events is not affected.
    app.publish(app.tenant, uploaded()).await;
    app.drain(&mended).await;
    assert_eq!(app.handled(app.tenant).await, [1, 3, 2, 4]);
}

#[tokio::test]
async fn two_people_who_redeliver_one_event_at_once_deliver_it_once() {
    let app = TestApp::new().await;
    let (_, event) = set_aside(&app).await;
    let mended = app.dispatcher(Recorder::default());
    let redeliver = || mended.redeliver(app.tenant, "recorder", event);
    let (first, second) = tokio::join!(redeliver(), redeliver());
    let mut delivered = [first.unwrap(), second.unwrap()];
    delivered.sort_unstable();
    assert_eq!(delivered, [false, true]);
    assert_eq!(app.handled(app.tenant).await, [1, 3, 2]);
}

#[tokio::test]
async fn an_event_is_redelivered_as_it_was_published_though_the_original_is_gone() {
    let app = TestApp::new().await;
    let (_, event) = set_aside(&app).await;
    let at = "select occurred_at::text from platform.events where id = $1";
    let row = sqlx::query(at).bind(event).fetch_one(&app.admin).await;
    let occurred_at: String = row.unwrap().get(0);
    sqlx::query("delete from platform.events")
        .execute(&app.admin)
        .await
        .unwrap();
    let copy = "select source, occurred_at::text as at from platform.event_failures";
    let copy = sqlx::query(copy).fetch_one(&app.admin).await.unwrap();
    assert_eq!(copy.get::<String, _>("source"), "hub_app");
    assert_eq!(copy.get::<String, _>("at"), occurred_at);
    let mended = app.dispatcher(Recorder::default());
    assert!(
        mended
            .redeliver(app.tenant, "recorder", event)
            .await
            .unwrap()
    );
    assert_eq!(app.handled(app.tenant).await, [1, 3, 2]);
}

#[tokio::test]
async fn a_service_sees_and_redelivers_only_what_its_own_subscriptions_set_aside() {
    let app = TestApp::new().await;
    let (_, event) = set_aside(&app).await;
    let db = app.database.as_service(Service::Channel);
    let other = Dispatcher::new(db, app.bus.clone()).with(Recorder::default());
    assert_eq!(run(&other, "failed").await.unwrap(), "");
    assert!(
        !other
            .redeliver(app.tenant, "recorder", event)
            .await
            .unwrap()
    );
    let mended = app.dispatcher(Recorder::default());
    assert!(
        !mended
            .redeliver(app.tenant, "unknown", event)
            .await
            .unwrap()
    );
    let stranger = shared_models::CreatorId::new();
    assert!(!mended.redeliver(stranger, "recorder", event).await.unwrap());
}

#[tokio::test]
async fn a_wrong_command_says_how_it_is_used() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    for wrong in ["", "redeliver", "failed now"] {
        let error = run(&dispatcher, wrong).await.unwrap_err();
        assert!(error.starts_with("usage: events failed"), "{error}");
    }
}
