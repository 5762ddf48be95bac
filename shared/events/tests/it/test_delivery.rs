//! Delivery: catching up, fairness, where subscriptions begin, several workers, waking.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use shared_db::TenantTx;
use shared_events::{Dispatcher, EventBus, EventError, PublishedEvent, Start, Subscription};
use shared_models::event::MemberJoined;
use shared_models::{CreatorId, EventType, Retry, Role, UserId};
use tokio::sync::Semaphore;

use crate::test_app::{Newcomer, Recorder, TestApp, eventually, record, uploaded};

#[tokio::test]
async fn a_subscriber_that_was_away_catches_up_in_order_and_once() {
    const TENANTS: i64 = 5;
    const EACH: i64 = 1_000;
    let app = TestApp::new().await;
    // Registered, then away while 5,000 events are published.
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    let tenants: Vec<CreatorId> = (0..TENANTS).map(|_| CreatorId::new()).collect();
    for tenant in &tenants {
        for _ in 0..EACH / 50 {
            let mut tx = app.publisher.tenant(*tenant).await.unwrap();
            for _ in 0..50 {
                app.bus.publish(&mut tx, uploaded()).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }
    // Two replicas.
    let running = [
        tokio::spawn(dispatcher.clone().run(app.stop.clone())),
        tokio::spawn(dispatcher.run(app.stop.clone())),
    ];
    eventually(async || app.count("select count(*) from public.handled").await == TENANTS * EACH)
        .await;
    eventually(async || {
        app.count("select count(*) from platform.event_backlog")
            .await
            == 0
    })
    .await;
    app.stop.cancel();
    for replica in running {
        replica.await.unwrap();
    }
    let expected: Vec<i64> = (1..=EACH).collect();
    for tenant in tenants {
        assert_eq!(app.handled(tenant).await, expected);
    }
}

#[tokio::test]
async fn a_tenant_with_many_events_does_not_hold_up_another() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    let mut tx = app.publisher.tenant(app.tenant).await.unwrap();
    for _ in 0..300 {
        app.bus.publish(&mut tx, uploaded()).await.unwrap();
    }
    tx.commit().await.unwrap();
    let other = CreatorId::new();
    app.publish(other, uploaded()).await;
    dispatcher.step(&app.stop).await.unwrap();
    assert_eq!(app.handled(app.tenant).await.len(), 100, "one turn");
    dispatcher.step(&app.stop).await.unwrap();
    assert_eq!(app.handled(other).await, [1]);
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await.len(), 300);
}

#[tokio::test]
async fn a_subscription_begins_where_it_says() {
    let app = TestApp::new().await;
    app.publish(app.tenant, uploaded()).await;
    let beginning = app.dispatcher(Recorder::default());
    beginning.register().await.unwrap();
    app.drain(&beginning).await;
    assert_eq!(app.handled(app.tenant).await, [1], "what was kept");
    let now = Dispatcher::new(app.subscriber.clone(), app.bus.clone()).with(Newcomer);
    now.register().await.unwrap();
    app.drain(&now).await;
    assert_eq!(app.handled(app.tenant).await, [1], "nothing from before");
    let mut tx = app.publisher.tenant(app.tenant).await.unwrap();
    app.bus.publish(&mut tx, uploaded()).await.unwrap();
    tx.commit().await.unwrap();
    app.drain(&now).await;
    assert_eq!(app.handled(app.tenant).await, [1, 2]);
}

#[tokio::test]
async fn types_that_nobody_wants_are_passed() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::default());
    dispatcher.register().await.unwrap();
    let joined = MemberJoined {
        user: UserId::new(),
        role: Role::Viewer,
    };
    app.publish(app.tenant, joined).await;
    assert!(!dispatcher.step(&app.stop).await.unwrap(), "no backlog");
    app.publish(app.tenant, uploaded()).await;
    app.drain(&dispatcher).await;
    assert_eq!(app.handled(app.tenant).await, [2]);
}

/// Waits in the middle of handling until the test opens the gate.
#[derive(Clone)]
struct Slow {
    entered: Arc<AtomicU32>,
    gate: Arc<Semaphore>,
}

impl Subscription for Slow {
    const NAME: &'static str = "slow";
    const TYPES: &'static [EventType] = &[EventType::DocumentUploaded];
    const START: Start = Start::Beginning;
    const TIMEOUT: Duration = Duration::from_secs(9);

    async fn handle(&self, tx: &mut TenantTx, event: &PublishedEvent) -> Result<(), EventError> {
        record(tx, event).await?;
        self.entered.fetch_add(1, Ordering::SeqCst);
        let _pass = self.gate.acquire().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_worker_whose_lease_expired_delivers_nothing_twice() {
    let app = TestApp::new().await;
    let slow = Slow {
        entered: Arc::default(),
        gate: Arc::new(Semaphore::new(0)),
    };
    let (entered, gate) = (Arc::clone(&slow.entered), Arc::clone(&slow.gate));
    let dispatcher = app.dispatcher(slow);
    dispatcher.register().await.unwrap();
    app.publish(app.tenant, uploaded()).await;
    let worker = || {
        let (dispatcher, stop) = (dispatcher.clone(), app.stop.clone());
        tokio::spawn(async move { dispatcher.step(&stop).await.unwrap() })
    };
    let first = worker();
    eventually(async || entered.load(Ordering::SeqCst) == 1).await;
    // As if the first one had said nothing for longer than its lease.
    app.make_due().await;
    let second = worker();
    let claimed = "select count(*) from platform.event_backlog where interruptions = 1";
    eventually(async || app.count(claimed).await == 1).await;
    gate.add_permits(2);
    assert!(first.await.unwrap() && second.await.unwrap());
    assert_eq!(app.handled(app.tenant).await, [1]);
    assert_eq!(entered.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_service_gets_only_its_own_subscriptions() {
    let app = TestApp::new().await;
    app.dispatcher(Recorder::default())
        .register()
        .await
        .unwrap();
    app.publish(app.tenant, uploaded()).await;
    // The same name, in another service: another subscription, with its own positions.
    let other = Dispatcher::new(app.publisher.clone(), app.bus.clone()).with(Recorder::default());
    assert!(!other.step(&app.stop).await.unwrap());
    let mut tx = app.publisher.tenant(app.tenant).await.unwrap();
    let moved: bool = sqlx::query_scalar(
        "select platform.move_event_cursor('recorder', gen_random_uuid(), 0, 1)",
    )
    .fetch_one(tx.conn())
    .await
    .unwrap();
    assert!(!moved);
}

#[tokio::test]
async fn a_commit_wakes_the_subscriptions_of_another_process() {
    let app = TestApp::new().await;
    // Only Redis connects a bus with another one.
    let elsewhere = EventBus::new(app.cache.clone());
    let dispatcher = Dispatcher::new(app.subscriber.clone(), elsewhere).with(Recorder::default());
    let running = tokio::spawn(dispatcher.run(app.stop.clone()));
    // Idle: the first look is over, and the next poll is a second away.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut fastest = Duration::MAX;
    for round in 1..=3 {
        let published = Instant::now();
        app.publish(app.tenant, uploaded()).await;
        eventually(async || app.handled(app.tenant).await.len() == round).await;
        fastest = fastest.min(published.elapsed());
    }
    assert!(fastest < Duration::from_millis(500), "{fastest:?}: polled");
    app.stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_stopped_dispatcher_gives_its_turn_back() {
    let app = TestApp::new().await;
    let dispatcher = app.dispatcher(Recorder::failing_with(|| {
        Err(EventError::new("unused", "", Retry::Never))
    }));
    dispatcher.register().await.unwrap();
    app.publish(app.tenant, uploaded()).await;
    app.stop.cancel();
    assert!(dispatcher.step(&app.stop).await.unwrap());
    assert_eq!(app.handled(app.tenant).await, [0_i64; 0]);
    let due = "select count(*) from platform.event_backlog
               where due_at <= now() and lease_token is null and interruptions = 0";
    assert_eq!(app.count(due).await, 1);
}
