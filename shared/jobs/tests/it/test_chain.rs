//! A job that is followed by another one, also in the queue of another service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use shared_config::Service;
use shared_jobs::{Job, JobContext, JobError, JobQueue, JobState, NewJob, Outcome, Runner, lease};
use shared_testkit::Stores;
use uuid::Uuid;

use crate::test_app::{SERVICE, Script, Scripted, TestApp};

/// Completes itself and enqueues a [`Scripted`] job; its transaction is lost while `dies` holds.
#[derive(Debug, Clone)]
struct First {
    next_in: Service,
    dies: Arc<AtomicBool>,
    attempts: Arc<AtomicU32>,
}

impl First {
    fn new(next_in: Service) -> Self {
        Self {
            next_in,
            dies: Arc::default(),
            attempts: Arc::default(),
        }
    }
}

impl Job for First {
    const KIND: &'static str = "first";
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Payload = ();

    async fn run(&self, context: &JobContext, (): ()) -> Result<Outcome, JobError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let mut tx = context.begin().await?;
        let next = Scripted::job(Script::Succeed);
        let next = context.complete_and_enqueue(&mut tx, self.next_in, next);
        if next.await?.is_none() || self.dies.load(Ordering::Relaxed) {
            return Ok(Outcome::LeaseLost); // what a crash before the commit leaves behind
        }
        tx.commit().await?;
        Ok(Outcome::Completed)
    }
}

async fn states(app: &TestApp) -> Vec<(String, String, String)> {
    let jobs = "select queue, kind, state from platform.jobs order by id";
    let admin = app.database.admin().await;
    sqlx::query_as(jobs).fetch_all(&admin).await.unwrap()
}

fn row(queue: &str, kind: &str, state: &str) -> (String, String, String) {
    (queue.to_owned(), kind.to_owned(), state.to_owned())
}

fn runner(app: &TestApp, job: &First) -> Runner {
    app.runner(job.clone()).with(Scripted::default())
}

#[tokio::test]
async fn a_crash_between_two_jobs_neither_loses_nor_doubles_the_second() {
    let app = TestApp::new().await;
    let first = First::new(SERVICE);
    app.enqueue(app.tenant, NewJob::new(First::KIND, Uuid::now_v7()))
        .await;
    first.dies.store(true, Ordering::Relaxed);
    let runner = runner(&app, &first);
    assert!(runner.step(&app.stop).await.unwrap());
    let running = [row("creator-hub", "first", "running")];
    assert_eq!(states(&app).await, running, "neither ended nor followed");
    first.dies.store(false, Ordering::Relaxed);
    app.make_due().await;
    while runner.step(&app.stop).await.unwrap() {}
    let both = [
        row("creator-hub", "first", "succeeded"),
        row("creator-hub", "scripted", "succeeded"),
    ];
    assert_eq!(states(&app).await, both);
    assert_eq!(first.attempts.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_worker_that_lost_its_job_does_not_enqueue_the_next() {
    let app = TestApp::new().await;
    let job = NewJob::new(First::KIND, Uuid::now_v7());
    let job = app.enqueue(app.tenant, job).await;
    let dead = lease::claim(&app.db, SERVICE, &["first"])
        .await
        .unwrap()
        .unwrap();
    app.make_due().await;
    let runner = runner(&app, &First::new(SERVICE));
    assert!(runner.step(&app.stop).await.unwrap());
    let mut tx = app.db.tenant(app.tenant).await.unwrap();
    assert!(!lease::complete(&mut tx, &dead).await.unwrap());
    drop(tx);
    assert_eq!(app.find(job.id).await.state, JobState::Succeeded);
    assert_eq!(states(&app).await.len(), 2, "its successor, once");
}

#[tokio::test]
async fn creator_hub_is_followed_by_ai_engine() {
    let app = TestApp::new().await;
    app.enqueue(app.tenant, NewJob::new(First::KIND, Uuid::now_v7()))
        .await;
    let runner = runner(&app, &First::new(Service::AiEngine));
    while runner.step(&app.stop).await.unwrap() {}
    let waiting = [
        row("creator-hub", "first", "succeeded"),
        row("ai-engine", "scripted", "queued"),
    ];
    assert_eq!(states(&app).await, waiting);
    let ai_engine = app.database.as_service(Service::AiEngine);
    let next = lease::claim(&ai_engine, Service::AiEngine, &["scripted"])
        .await
        .unwrap();
    assert_eq!(next.unwrap().tenant, app.tenant);
}

#[tokio::test]
async fn a_service_enqueues_for_no_other_but_the_stated_one() {
    let app = TestApp::new().await;
    for from in Service::ALL {
        for to in Service::ALL {
            let stated = (from, to) == (Service::CreatorHub, Service::AiEngine);
            let queue = JobQueue::new(to, Stores::from_env().cache());
            let db = app.database.as_service(from);
            let mut tx = db.tenant(app.tenant).await.unwrap();
            let enqueued = queue.enqueue(&mut tx, Scripted::job(Script::Succeed)).await;
            assert_eq!(
                enqueued.is_ok(),
                from == to || stated,
                "{from:?} to {to:?}: {enqueued:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_service_changes_no_job_of_a_queue_that_it_may_not_fill() {
    let app = TestApp::new().await;
    let job = app
        .enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    let channel = app.database.as_service(Service::Channel);
    let mut tx = channel.tenant(app.tenant).await.unwrap();
    let cancelled = shared_jobs::rows::request_cancel(&mut tx, job.id).await;
    assert!(!cancelled.unwrap());
}
