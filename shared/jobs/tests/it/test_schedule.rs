//! Work that no tenant asked for: once on all replicas, taken over, made up for, retried.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use shared_config::Service;
use shared_jobs::{JobQueue, Progress, Runner, ScheduleError, ScheduledWork, schedule};
use shared_testkit::Stores;

use crate::test_app::{TestApp, eventually};

/// Counts its runs; fails or waits while it is told to.
#[derive(Debug, Clone, Default)]
struct Sweep {
    runs: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
    waits: Arc<AtomicBool>,
}

impl Sweep {
    fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }
}

impl ScheduledWork for Sweep {
    const NAME: &'static str = "sweep";
    const INTERVAL: Duration = Duration::from_hours(1);
    const TIMEOUT: Duration = Duration::from_mins(1);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        if self.waits.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err("as the test wants".into());
        }
        Ok(Progress::Done)
    }
}

/// Other work of the same service, which has more to do each time.
#[derive(Debug, Clone, Default)]
struct Endless(Arc<AtomicU32>);

impl ScheduledWork for Endless {
    const NAME: &'static str = "endless";
    const INTERVAL: Duration = Duration::from_hours(1);
    const TIMEOUT: Duration = Duration::from_mins(1);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Progress::More)
    }
}

fn replica(app: &TestApp, sweep: &Sweep) -> Runner {
    Runner::new(app.db.clone(), app.queue.clone(), 1).scheduled(sweep.clone())
}

async fn execute(app: &TestApp, statement: &'static str) {
    let admin = app.database.admin().await;
    sqlx::query(statement).execute(&admin).await.unwrap();
}

async fn wait_seconds(app: &TestApp, name: &'static str) -> f64 {
    let admin = app.database.admin().await;
    let wait = "select extract(epoch from next_run_at - now())::float8 from platform.schedules
                where name = $1";
    let row = sqlx::query_scalar(wait).bind(name).fetch_one(&admin);
    row.await.unwrap()
}

#[tokio::test]
async fn two_replicas_run_it_once() {
    let app = TestApp::new().await;
    let sweep = Sweep::default();
    let (one, two) = (replica(&app, &sweep), replica(&app, &sweep));
    one.register_schedules().await.unwrap();
    two.register_schedules().await.unwrap();
    let (one, two) = tokio::join!(one.scheduled_step(&app.stop), two.scheduled_step(&app.stop));
    assert_eq!(
        [one.unwrap(), two.unwrap()]
            .iter()
            .filter(|ran| **ran)
            .count(),
        1
    );
    assert_eq!(sweep.runs(), 1);
    assert!(
        wait_seconds(&app, "sweep").await > 3_000.0,
        "an hour from now"
    );
}

#[tokio::test]
async fn another_replica_takes_over_from_a_dead_one() {
    let app = TestApp::new().await;
    let sweep = Sweep::default();
    let (dead, alive) = (replica(&app, &sweep), replica(&app, &sweep));
    dead.register_schedules().await.unwrap();
    sweep.waits.store(true, Ordering::Relaxed);
    let stop = app.stop.clone();
    let running = tokio::spawn(async move { dead.scheduled_step(&stop).await });
    eventually(|| sweep.runs() == 1).await;
    running.abort();
    sweep.waits.store(false, Ordering::Relaxed);
    assert!(
        !alive.scheduled_step(&app.stop).await.unwrap(),
        "the lease still runs"
    );
    let expire = "update platform.schedules set lease_until = now() - interval '1 s'";
    execute(&app, expire).await;
    assert!(alive.scheduled_step(&app.stop).await.unwrap());
    assert_eq!(sweep.runs(), 2);
}

#[tokio::test]
async fn a_replica_that_stops_hands_over_at_once() {
    let app = TestApp::new().await;
    let sweep = Sweep::default();
    sweep.waits.store(true, Ordering::Relaxed);
    let stopping = tokio::spawn(replica(&app, &sweep).run(app.stop.clone()));
    eventually(|| sweep.runs() == 1).await;
    app.stop.cancel();
    stopping.await.unwrap();
    sweep.waits.store(false, Ordering::Relaxed);
    let next = replica(&app, &sweep);
    let go_on = tokio_util::sync::CancellationToken::new();
    assert!(next.scheduled_step(&go_on).await.unwrap());
    assert_eq!(sweep.runs(), 2);
}

#[tokio::test]
async fn times_that_were_missed_are_made_up_for_by_one_run() {
    let app = TestApp::new().await;
    let sweep = Sweep::default();
    let runner = replica(&app, &sweep);
    runner.register_schedules().await.unwrap();
    let missed = "update platform.schedules set next_run_at = now() - interval '5 hours'";
    execute(&app, missed).await;
    while runner.scheduled_step(&app.stop).await.unwrap() {}
    assert_eq!(sweep.runs(), 1);
}

#[tokio::test]
async fn a_failure_is_retried_later_and_later_and_keeps_nothing_else_waiting() {
    let app = TestApp::new().await;
    let (sweep, endless) = (Sweep::default(), Endless::default());
    sweep.fails.store(true, Ordering::Relaxed);
    let runner = replica(&app, &sweep).scheduled(endless.clone());
    runner.register_schedules().await.unwrap();
    while runner.scheduled_step(&app.stop).await.unwrap() {}
    assert_eq!((sweep.runs(), endless.0.load(Ordering::Relaxed)), (1, 1));
    let first = wait_seconds(&app, "sweep").await;
    execute(
        &app,
        "update platform.schedules set next_run_at = now() where name = 'sweep'",
    )
    .await;
    assert!(runner.scheduled_step(&app.stop).await.unwrap());
    let second = wait_seconds(&app, "sweep").await;
    assert!(first < second && second < 600.0, "{first} {second}");
    let rows = schedule::list(&app.db).await.unwrap();
    let row = rows.iter().find(|row| row.name == "sweep").unwrap();
    let seen = (
        row.failures,
        row.succeeded,
        row.running,
        row.error.as_deref(),
    );
    assert_eq!(seen, (2, Some(false), false, Some("as the test wants")));
    sweep.fails.store(false, Ordering::Relaxed);
    execute(
        &app,
        "update platform.schedules set next_run_at = now() where name = 'sweep'",
    )
    .await;
    assert!(runner.scheduled_step(&app.stop).await.unwrap());
    let rows = schedule::list(&app.db).await.unwrap();
    let row = rows.iter().find(|row| row.name == "sweep").unwrap();
    assert_eq!(
        (row.failures, row.succeeded, &row.error),
        (0, Some(true), &None)
    );
}

#[tokio::test]
async fn work_that_has_more_to_do_goes_on_soon() {
    let app = TestApp::new().await;
    let runner = replica(&app, &Sweep::default()).scheduled(Endless::default());
    runner.register_schedules().await.unwrap();
    while runner.scheduled_step(&app.stop).await.unwrap() {}
    assert!(wait_seconds(&app, "endless").await < 60.0);
}

#[tokio::test]
async fn work_that_nobody_knows_goes_after_a_day() {
    let app = TestApp::new().await;
    let older = replica(&app, &Sweep::default()).scheduled(Endless::default());
    older.register_schedules().await.unwrap();
    let newer = replica(&app, &Sweep::default());
    newer.register_schedules().await.unwrap();
    assert_eq!(
        schedule::list(&app.db).await.unwrap().len(),
        2,
        "during an upgrade"
    );
    execute(
        &app,
        "update platform.schedules set known_at = now() - interval '25 hours'",
    )
    .await;
    newer.register_schedules().await.unwrap();
    let left = schedule::list(&app.db).await.unwrap();
    assert_eq!(
        left.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(),
        ["sweep"]
    );
}

#[tokio::test]
async fn a_service_neither_sees_nor_runs_nor_removes_the_work_of_another() {
    let app = TestApp::new().await;
    let sweep = Sweep::default();
    let own = replica(&app, &sweep);
    own.register_schedules().await.unwrap();
    execute(
        &app,
        "update platform.schedules set known_at = now() - interval '25 hours'",
    )
    .await;
    let db = app.database.as_service(Service::Channel);
    let queue = JobQueue::new(Service::Channel, Stores::from_env().cache());
    let other = Runner::new(db.clone(), queue, 1).scheduled(Endless::default());
    other.register_schedules().await.unwrap();
    while other.scheduled_step(&app.stop).await.unwrap() {}
    assert_eq!(schedule::list(&db).await.unwrap().len(), 1);
    assert_eq!(schedule::list(&app.db).await.unwrap().len(), 1);
    assert_eq!(sweep.runs(), 0);
    assert!(own.scheduled_step(&app.stop).await.unwrap());
}
