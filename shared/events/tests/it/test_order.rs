//! Positions are given at the commit: nothing appears behind what was delivered already.

use std::time::Duration;

use shared_db::TenantTx;
use shared_models::CreatorId;

use crate::test_app::{Recorder, TestApp, eventually, uploaded};

/// Numbers the events of a transaction before its commit, which then holds the tenant's stream.
async fn number_now(tx: &mut TenantTx) {
    sqlx::query("set constraints all immediate")
        .execute(tx.conn())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_event_that_is_committed_later_is_delivered_later() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    let mut slow = app.publisher.tenant(app.tenant).await.unwrap();
    app.bus.publish(&mut slow, uploaded()).await.unwrap();
    // Published later, committed earlier, and not held up by the open transaction.
    app.publish(app.tenant, uploaded()).await;
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [1]);
    slow.commit().await.unwrap();
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [1, 2]);
}

#[tokio::test]
async fn a_number_is_not_overtaken_before_it_is_committed() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    let mut first = app.publisher.tenant(app.tenant).await.unwrap();
    app.bus.publish(&mut first, uploaded()).await.unwrap();
    number_now(&mut first).await;
    let mut second = app.publisher.tenant(app.tenant).await.unwrap();
    app.bus.publish(&mut second, uploaded()).await.unwrap();
    let committing = tokio::spawn(second.commit());
    // Another tenant is not held up.
    let other = CreatorId::new();
    app.publish(other, uploaded()).await;
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(other).await, [1]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!committing.is_finished(), "number 2 is visible before 1");
    assert_eq!(app.handled(app.tenant).await, [0_i64; 0]);
    first.commit().await.unwrap();
    committing.await.unwrap().unwrap();
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [1, 2]);
}

#[tokio::test]
async fn the_end_of_a_turn_waits_for_a_publisher_that_is_about_to_commit() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    app.publish(app.tenant, uploaded()).await;
    let mut late = app.publisher.tenant(app.tenant).await.unwrap();
    app.bus.publish(&mut late, uploaded()).await.unwrap();
    number_now(&mut late).await;
    let (turn, stop) = (dispatcher.clone(), app.stop.clone());
    let turn = tokio::spawn(async move { turn.step(&stop).await });
    eventually(async || app.handled(app.tenant).await == [1]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!turn.is_finished(), "it would miss the number 2");
    late.commit().await.unwrap();
    assert!(turn.await.unwrap().unwrap());
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [1, 2]);
}

#[tokio::test]
async fn a_rolled_back_event_leaves_no_gap() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    let mut tx = app.publisher.tenant(app.tenant).await.unwrap();
    app.bus.publish(&mut tx, uploaded()).await.unwrap();
    number_now(&mut tx).await;
    drop(tx);
    app.publish(app.tenant, uploaded()).await;
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [1]);
}
