//! Jobs that start in the process that enqueues them: without a claim, a poll or Redis.
//!
//! The runners of these tests poll once an hour, and nothing is published: what starts was started
//! or woken by this process.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared_cache::{Cache, CacheSettings};
use shared_jobs::{Job, JobContext, JobError, JobQueue, JobState, NewJob, Outcome, Runner};
use shared_models::CreatorId;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::test_app::{SERVICE, Script, Scripted, TestApp, claim, eventually};

const NEVER_INTERVAL: Duration = Duration::from_hours(1);

/// An app whose queue has no Redis.
async fn app_without_redis() -> TestApp {
    let mut app = TestApp::new().await;
    let unreachable = CacheSettings {
        port: 1,
        ..shared_testkit::Stores::from_env().cache_settings()
    };
    app.queue = JobQueue::new(SERVICE, Cache::new(&unreachable).unwrap());
    app
}

async fn enqueue_here(app: &TestApp, tenant: CreatorId, job: NewJob) {
    let mut tx = app.db.tenant(tenant).await.unwrap();
    app.queue.enqueue_here(&mut tx, job).await.unwrap();
    tx.commit().await.unwrap();
}

/// A job that notes its tenant and then waits until the test lets it end.
#[derive(Clone)]
struct Gated {
    started: Arc<Mutex<Vec<CreatorId>>>,
    gate: Arc<Semaphore>,
}

impl Gated {
    fn new() -> Self {
        Self {
            started: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn job() -> NewJob {
        NewJob::new(Self::KIND, Uuid::now_v7())
    }

    fn started(&self) -> Vec<CreatorId> {
        self.started.lock().unwrap().clone()
    }
}

impl Job for Gated {
    const KIND: &'static str = "gated";
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        self.started.lock().unwrap().push(context.tenant());
        self.gate.acquire().await.unwrap().forget();
        Ok(Outcome::Done)
    }
}

/// Runs in the background until the app stops.
fn start(app: &TestApp, runner: Runner) -> tokio::task::JoinHandle<()> {
    tokio::spawn(runner.poll_every(NEVER_INTERVAL).run(app.stop.clone()))
}

#[tokio::test]
async fn a_job_starts_here_without_polling_and_without_redis() {
    let app = app_without_redis().await;
    let scripted = Scripted::default();
    let running = start(&app, app.runner(scripted.clone()));
    for round in 1..=5 {
        enqueue_here(&app, app.tenant, Scripted::job(Script::Succeed)).await;
        app.enqueue(app.tenant, Scripted::job(Script::Succeed))
            .await;
        eventually(|| scripted.attempts.load(Ordering::Relaxed) == 2 * round).await;
    }
    app.stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_burst_uses_all_slots_and_every_job_of_it_runs() {
    let app = app_without_redis().await;
    let gated = Gated::new();
    let runner = Runner::new(app.db.clone(), app.queue.clone(), 4).with(gated.clone());
    let running = start(&app, runner);
    for _ in 0..12 {
        app.enqueue(app.tenant, Gated::job()).await;
    }
    eventually(|| gated.started().len() == 4).await;
    gated.gate.add_permits(12);
    eventually(|| gated.started().len() == 12).await;
    app.stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn fifty_jobs_of_a_tenant_delay_another_by_at_most_one_job_for_each_slot() {
    let app = app_without_redis().await;
    let gated = Gated::new();
    let runner = Runner::new(app.db.clone(), app.queue.clone(), 2).with(gated.clone());
    let running = start(&app, runner);
    // The first start is seen, so that the runner is known to take jobs.
    enqueue_here(&app, app.tenant, Gated::job()).await;
    eventually(|| gated.started().len() == 1).await;
    for _ in 0..49 {
        enqueue_here(&app, app.tenant, Gated::job()).await;
    }
    let other = CreatorId::new();
    enqueue_here(&app, other, Gated::job()).await;
    eventually(|| gated.started().len() == 2).await;
    gated.gate.add_permits(2);
    eventually(|| gated.started().len() >= 4).await;
    let position = gated.started().iter().position(|tenant| *tenant == other);
    assert!(position.unwrap() <= 3, "{position:?}");
    gated.gate.add_permits(60);
    app.stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn long_work_has_its_own_slots() {
    let app = app_without_redis().await;
    let (long, short) = (Gated::new(), Scripted::default());
    let runner = |_: &str| Runner::new(app.db.clone(), app.queue.clone(), 1);
    let running = [
        start(&app, runner("long").with(long.clone())),
        start(&app, runner("short").with(short.clone())),
    ];
    for _ in 0..5 {
        app.enqueue(app.tenant, Gated::job()).await;
    }
    eventually(|| long.started().len() == 1).await;
    app.enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    eventually(|| short.attempts.load(Ordering::Relaxed) == 1).await;
    assert_eq!(long.started().len(), 1, "the long work still runs");
    long.gate.add_permits(5);
    app.stop.cancel();
    for runner in running {
        runner.await.unwrap();
    }
}

#[tokio::test]
async fn a_job_that_started_here_is_claimed_by_another_process_when_this_one_dies() {
    let app = app_without_redis().await;
    let gated = Gated::new();
    let running = start(&app, app.runner(gated.clone()));
    eventually_registered(&app, &gated).await;
    running.abort();
    let _ = running.await;
    assert!(claim_gated(&app).await.is_none(), "its lease still runs");
    app.make_due().await;
    let taken = claim_gated(&app).await.unwrap();
    assert_eq!(taken.attempt, 2);
}

async fn eventually_registered(app: &TestApp, gated: &Gated) {
    enqueue_here(app, app.tenant, Gated::job()).await;
    eventually(|| gated.started().len() == 1).await;
}

async fn claim_gated(app: &TestApp) -> Option<shared_jobs::ClaimedJob> {
    shared_jobs::lease::claim(&app.db, SERVICE, &[Gated::KIND])
        .await
        .unwrap()
}

#[tokio::test]
async fn a_rolled_back_job_gives_its_slot_back_and_a_dedupe_key_starts_nothing() {
    let app = app_without_redis().await;
    let gated = Gated::new();
    let running = start(&app, app.runner(gated.clone()));
    eventually_registered(&app, &gated).await;
    gated.gate.add_permits(1);
    for _ in 0..3 {
        let mut tx = app.db.tenant(app.tenant).await.unwrap();
        app.queue.enqueue_here(&mut tx, Gated::job()).await.unwrap();
        drop(tx);
    }
    let job = || Gated::job().dedupe("one");
    enqueue_here(&app, app.tenant, job()).await;
    eventually(|| gated.started().len() == 2).await;
    enqueue_here(&app, app.tenant, job()).await;
    gated.gate.add_permits(1);
    enqueue_here(&app, app.tenant, Gated::job()).await;
    eventually(|| gated.started().len() == 3).await;
    gated.gate.add_permits(1);
    app.stop.cancel();
    running.await.unwrap();
    assert_eq!(gated.started().len(), 3);
}

#[tokio::test]
async fn without_a_runner_a_job_waits_for_another_process() {
    let app = app_without_redis().await;
    enqueue_here(&app, app.tenant, Scripted::job(Script::Succeed)).await;
    let claimed = claim(&app.db).await.unwrap().unwrap();
    assert_eq!(app.find(claimed.id).await.state, JobState::Running);
    assert_eq!(claimed.attempt, 1);
}
