//! Attempts: how each way to end is recorded, and when another one follows.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use shared_jobs::{JobState, NewJob, Runner, rows};
use shared_models::{CreatorId, Retry};
use sqlx::Row as _;
use uuid::Uuid;

use crate::test_app::{Script, Scripted, TestApp, claim, eventually};

#[tokio::test]
async fn a_finished_job_has_succeeded() {
    let app = TestApp::new().await;
    let job = app
        .enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    assert!(
        app.runner(Scripted::default())
            .step(&app.stop)
            .await
            .unwrap()
    );
    let row = app.find(job.id).await;
    assert_eq!((row.state, row.progress), (JobState::Succeeded, 100));
    assert!(
        !app.runner(Scripted::default())
            .step(&app.stop)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_failure_that_cannot_be_retried_is_final() {
    let app = TestApp::new().await;
    let job = Scripted::job(Script::Fail(Retry::Never));
    let job = app.enqueue(app.tenant, job).await;
    let scripted = Scripted::default();
    app.runner(scripted.clone()).step(&app.stop).await.unwrap();
    let row = app.find(job.id).await;
    assert_eq!(row.state, JobState::Failed);
    assert_eq!(row.error_code.as_deref(), Some("scripted"));
    assert_eq!(scripted.failures.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn attempts_of_a_limited_retry_end() {
    let app = TestApp::new().await;
    let job = Scripted::job(Script::Fail(Retry::Limited));
    let job = app.enqueue(app.tenant, job).await;
    let scripted = Scripted::default();
    let runner = app.runner(scripted.clone());
    loop {
        app.make_due().await;
        assert!(runner.step(&app.stop).await.unwrap());
        let row = app.find(job.id).await;
        if row.state == JobState::Failed {
            assert_eq!(row.attempts, 8);
            break;
        }
        assert_eq!(row.state, JobState::Queued);
    }
    assert_eq!(scripted.failures.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn waiting_for_a_dependency_uses_up_no_attempts() {
    let app = TestApp::new().await;
    let job = Scripted::job(Script::Fail(Retry::UntilAvailable));
    let job = app.enqueue(app.tenant, job).await;
    let runner = app.runner(Scripted::default());
    for _ in 0..12 {
        app.make_due().await;
        assert!(runner.step(&app.stop).await.unwrap());
    }
    let row = app.find(job.id).await;
    assert_eq!((row.state, row.attempts), (JobState::Queued, 12));
}

#[tokio::test]
async fn a_job_whose_workers_keep_dying_ends_as_interrupted() {
    let app = TestApp::new().await;
    let job = app
        .enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    for _ in 0..8 {
        app.make_due().await;
        claim(&app.db).await.unwrap().unwrap();
    }
    app.make_due().await;
    let scripted = Scripted::default();
    app.runner(scripted.clone()).step(&app.stop).await.unwrap();
    let row = app.find(job.id).await;
    assert_eq!(row.error_code.as_deref(), Some("interrupted"));
    assert_eq!(row.state, JobState::Failed);
    assert_eq!(scripted.attempts.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_unknown_kind_waits_and_an_invalid_payload_fails() {
    let app = TestApp::new().await;
    let unknown = NewJob::new("of_a_newer_version", Uuid::now_v7());
    let unknown = app.enqueue(app.tenant, unknown).await;
    let runner = app.runner(Scripted::default());
    assert!(!runner.step(&app.stop).await.unwrap(), "nothing it knows");
    assert_eq!(app.find(unknown.id).await.state, JobState::Queued);
    let invalid = NewJob::new("scripted", Uuid::now_v7());
    let invalid = app.enqueue(app.tenant, invalid).await;
    runner.step(&app.stop).await.unwrap();
    let code = app.find(invalid.id).await.error_code;
    assert_eq!(code.as_deref(), Some("invalid_payload"));
}

#[tokio::test]
async fn a_cancelled_job_stops_and_a_stopped_process_gives_its_job_back() {
    let app = TestApp::new().await;
    let scripted = Scripted::default();
    let runner = Runner::new(app.db.clone(), app.queue.clone(), 2).with(scripted.clone());
    let running = tokio::spawn(runner.run(app.stop.clone()));
    let cancelled = app
        .enqueue(app.tenant, Scripted::job(Script::WaitForCancel))
        .await;
    let stopped = app.enqueue(app.tenant, Scripted::job(Script::Wait)).await;
    eventually(|| scripted.attempts.load(Ordering::Relaxed) == 2).await;
    let mut tx = app.db.tenant(app.tenant).await.unwrap();
    assert!(rows::request_cancel(&mut tx, cancelled.id).await.unwrap());
    tx.commit().await.unwrap();
    let started = Instant::now();
    while app.find(cancelled.id).await.state != JobState::Succeeded {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "it is not cancelled"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.stop.cancel();
    running.await.unwrap();
    let row = app.find(stopped.id).await;
    assert_eq!((row.state, row.attempts), (JobState::Queued, 0));
}

#[tokio::test]
async fn enqueueing_wakes_an_idle_worker_at_once() {
    let app = TestApp::new().await;
    let scripted = Scripted::default();
    let running = tokio::spawn(app.runner(scripted.clone()).run(app.stop.clone()));
    // Idle: the first look is over, and the next poll is a second away.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut fastest = Duration::MAX;
    for round in 1..=3 {
        let enqueued = Instant::now();
        app.enqueue(app.tenant, Scripted::job(Script::Succeed))
            .await;
        eventually(|| scripted.attempts.load(Ordering::Relaxed) == round).await;
        fastest = fastest.min(enqueued.elapsed());
    }
    assert!(fastest < Duration::from_millis(500), "{fastest:?}: polled");
    app.stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_failed_job_is_requeued_with_fresh_attempts() {
    let app = TestApp::new().await;
    let job = app
        .enqueue(app.tenant, Scripted::job(Script::Fail(Retry::Never)))
        .await;
    let runner = app.runner(Scripted::default());
    runner.step(&app.stop).await.unwrap();
    let mut tx = app.db.tenant(app.tenant).await.unwrap();
    assert!(rows::requeue(&mut tx, job.id).await.unwrap());
    tx.commit().await.unwrap();
    let row = app.find(job.id).await;
    assert_eq!((row.state, row.attempts), (JobState::Queued, 0));
    assert!(runner.step(&app.stop).await.unwrap());
}

#[tokio::test]
async fn the_long_jobs_of_one_tenant_leave_reserved_slots_to_others() {
    let app = TestApp::new().await;
    for _ in 0..6 {
        app.enqueue(app.tenant, Scripted::job(Script::Wait)).await;
    }
    let scripted = Scripted::default();
    let runner = Runner::new(app.db.clone(), app.queue.clone(), 4).with(scripted.clone());
    let running = tokio::spawn(runner.reserving(2).run(app.stop.clone()));
    let started = || scripted.attempts.load(Ordering::Relaxed);
    eventually(|| started() == 2).await;
    for tenants in 1..=2 {
        app.enqueue(CreatorId::new(), Scripted::job(Script::Wait))
            .await;
        eventually(|| started() == 2 + tenants).await;
    }
    let admin = app.database.admin().await;
    let query = "select count(*) from platform.jobs where creator_id = $1 and state = 'running'";
    let busy = sqlx::query(query).bind(app.tenant).fetch_one(&admin).await;
    assert_eq!(busy.unwrap().get::<i64, _>(0), 2);
    app.stop.cancel();
    running.await.unwrap();
}
