//! What is deleted when it is old, what is kept for whom, and how far behind a subscription is.

use shared_config::Service;
use sqlx::Row as _;

use crate::test_app::{Recorder, TestApp, poison, uploaded};
use shared_events::EventError;
use shared_models::Retry;

async fn delete_old(app: &TestApp, function: &'static str) -> i64 {
    let db = app.database.as_service(Service::Auth);
    let mut tx = db.system().await.unwrap();
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select platform.{function}('14 days', 2)"
    )))
    .fetch_one(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
    row.get(0)
}

async fn age_everything(app: &TestApp) {
    sqlx::raw_sql(
        "update platform.events set occurred_at = now() - interval '15 days';
         update platform.event_failures set failed_at = now() - interval '15 days'",
    )
    .execute(&app.admin)
    .await
    .unwrap();
}

#[tokio::test]
async fn old_events_go_when_they_are_delivered_a_few_at_a_time() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    for _ in 0..3 {
        app.publish(app.tenant, uploaded()).await;
    }
    age_everything(&app).await;
    assert_eq!(delete_old(&app, "delete_old_events").await, 0, "waited for");
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [1, 2, 3]);
    app.publish(app.tenant, uploaded()).await;
    assert_eq!(delete_old(&app, "delete_old_events").await, 2);
    assert_eq!(delete_old(&app, "delete_old_events").await, 1);
    assert_eq!(delete_old(&app, "delete_old_events").await, 0, "young");
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_subscription_that_nobody_serves_any_more_keeps_nothing() {
    let app = TestApp::new().await;
    app.dispatcher(Recorder::default())
        .register()
        .await
        .unwrap();
    app.publish(app.tenant, uploaded()).await;
    age_everything(&app).await;
    assert_eq!(delete_old(&app, "delete_old_events").await, 0);
    sqlx::query("update platform.event_subscriptions set seen_at = now() - interval '31 days'")
        .execute(&app.admin)
        .await
        .unwrap();
    assert_eq!(delete_old(&app, "delete_old_events").await, 1);
}

#[tokio::test]
async fn old_failures_go_a_few_at_a_time() {
    let app = TestApp::new().await;
    let never = || {
        Err(EventError::new(
            "scripted",
            "as the test wants",
            Retry::Never,
        ))
    };
    let dispatcher = app.dispatcher(Recorder::failing_with(never));
    dispatcher.register().await.unwrap();
    for _ in 0..3 {
        app.publish(app.tenant, poison()).await;
    }
    app.drain(&dispatcher).await;
    assert_eq!(delete_old(&app, "delete_old_event_failures").await, 0);
    age_everything(&app).await;
    assert_eq!(delete_old(&app, "delete_old_event_failures").await, 2);
    assert_eq!(delete_old(&app, "delete_old_event_failures").await, 1);
}

#[tokio::test]
async fn lag_is_the_age_of_the_oldest_event_and_the_number_of_those_left() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    let lag = async || {
        let db = app.database.as_service(Service::Auth);
        let query = || sqlx::query("select seconds, pending from platform.event_lag('recorder')");
        let row = db.look_up(query).await.unwrap().unwrap();
        (row.get::<f64, _>(0), row.get::<i64, _>(1))
    };
    assert_eq!(lag().await, (0.0, 0));
    for _ in 0..3 {
        app.publish(app.tenant, uploaded()).await;
    }
    sqlx::query("update platform.event_backlog set since = now() - interval '1 hour'")
        .execute(&app.admin)
        .await
        .unwrap();
    let (seconds, pending) = lag().await;
    assert!(seconds >= 3_600.0, "{seconds}");
    assert_eq!(pending, 3);
    app.drain(&dispatcher).await;
    assert_eq!(lag().await, (0.0, 0));
}
