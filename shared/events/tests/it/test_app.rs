//! A database, a publisher, and a subscription that does what a test tells it to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared_cache::Cache;
use shared_config::Service;
use shared_db::{Db, TenantTx};
use shared_events::{Dispatcher, EventBus, EventError, PublishedEvent, Start, Subscription};
use shared_models::event::{DocumentUploaded, MemberRemoved};
use shared_models::{CreatorId, DocumentId, Event, EventType, UserId};
use shared_testkit::{Stores, TestDatabase};
use sqlx::{PgPool, Row as _};
use tokio_util::sync::CancellationToken;

/// The service that publishes.
const PUBLISHER: Service = Service::CreatorHub;
/// The service whose subscription is tested.
const SUBSCRIBER: Service = Service::Auth;

/// A database of this test, seen by both services, and a bus.
pub(crate) struct TestApp {
    pub(crate) database: TestDatabase,
    pub(crate) admin: PgPool,
    pub(crate) publisher: Db,
    pub(crate) subscriber: Db,
    pub(crate) cache: Cache,
    pub(crate) bus: EventBus,
    pub(crate) tenant: CreatorId,
    pub(crate) stop: CancellationToken,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        let stores = Stores::from_env();
        let database = TestDatabase::new(&stores).await;
        let cache = stores.cache();
        let admin = database.admin().await;
        // What a handler writes: a second delivery of an event would violate the key.
        sqlx::raw_sql(
            "create table public.handled (
               creator_id uuid, event uuid, position bigint, seq bigserial,
               primary key (creator_id, event));
             grant usage on schema public to platform_app;
             grant insert on public.handled to platform_app;
             grant usage on sequence public.handled_seq_seq to platform_app",
        )
        .execute(&admin)
        .await
        .unwrap();
        Self {
            publisher: database.as_service(PUBLISHER),
            subscriber: database.as_service(SUBSCRIBER),
            database,
            admin,
            bus: EventBus::new(cache.clone()),
            cache,
            tenant: CreatorId::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Publishes an event of its own transaction.
    pub(crate) async fn publish(&self, tenant: CreatorId, event: impl Into<Event> + Send) {
        let mut tx = self.publisher.tenant(tenant).await.unwrap();
        self.bus.publish(&mut tx, event).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) fn dispatcher(&self, recorder: impl Subscription) -> Dispatcher {
        Dispatcher::new(self.subscriber.clone(), self.bus.clone()).with(recorder)
    }

    /// Delivers until no tenant waits.
    pub(crate) async fn drain(&self, dispatcher: &Dispatcher) {
        while dispatcher.step(&self.stop).await.unwrap() {}
    }

    /// Makes every retry and every expired lease due.
    pub(crate) async fn make_due(&self) {
        sqlx::query("update platform.event_backlog set due_at = now()")
            .execute(&self.admin)
            .await
            .unwrap();
    }

    /// The positions that were handled, in the order in which that was committed.
    pub(crate) async fn handled(&self, tenant: CreatorId) -> Vec<i64> {
        let rows =
            sqlx::query("select position from public.handled where creator_id = $1 order by seq")
                .bind(tenant)
                .fetch_all(&self.admin)
                .await
                .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let row = sqlx::query(sql).fetch_one(&self.admin).await.unwrap();
        row.get(0)
    }
}

/// Waits until an asynchronous `condition` holds.
pub(crate) async fn eventually(condition: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < Duration::from_mins(1), "it never held");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn uploaded() -> DocumentUploaded {
    DocumentUploaded {
        document: DocumentId::new(),
        bytes: 1,
    }
}

/// The event that [`Recorder`] fails at, if it is told to.
pub(crate) fn poison() -> MemberRemoved {
    MemberRemoved {
        user: UserId::new(),
    }
}

type Script = Arc<dyn Fn() -> Result<(), EventError> + Send + Sync>;

/// Records what it handles; at a poison event it then does what its script says.
#[derive(Clone)]
pub(crate) struct Recorder(Script);

impl Default for Recorder {
    fn default() -> Self {
        Self::failing_with(|| Ok(()))
    }
}

impl Recorder {
    pub(crate) fn failing_with(
        script: impl Fn() -> Result<(), EventError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(script))
    }
}

impl Subscription for Recorder {
    const NAME: &'static str = "recorder";
    const TYPES: &'static [EventType] = &[EventType::DocumentUploaded, EventType::MemberRemoved];
    const START: Start = Start::Beginning;

    async fn handle(&self, tx: &mut TenantTx, event: &PublishedEvent) -> Result<(), EventError> {
        record(tx, event).await?;
        match event.event {
            Event::MemberRemoved(_) => (self.0)(),
            _ => Ok(()),
        }
    }
}

/// A subscription that begins with what is published after its registration.
pub(crate) struct Newcomer;

impl Subscription for Newcomer {
    const NAME: &'static str = "newcomer";
    const TYPES: &'static [EventType] = &[EventType::DocumentUploaded];
    const START: Start = Start::Now;

    async fn handle(&self, tx: &mut TenantTx, event: &PublishedEvent) -> Result<(), EventError> {
        Ok(record(tx, event).await?)
    }
}

/// Writes an event down, in the transaction of its handling.
pub(crate) async fn record(tx: &mut TenantTx, event: &PublishedEvent) -> sqlx::Result<()> {
    sqlx::query("insert into public.handled (creator_id, event, position) values ($1, $2, $3)")
        .bind(event.tenant)
        .bind(event.id)
        .bind(event.position)
        .execute(tx.conn())
        .await
        .map(|_| ())
}
