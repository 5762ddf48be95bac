//! Enqueueing and claiming: fairness, priority, deduplication, leases, and who may claim.

use std::time::Duration;

use shared_config::Service;
use shared_jobs::lease::Served;
use shared_jobs::{Job as _, JobRow, JobState, NewJob, lease, rows};
use shared_models::{CreatorId, JobId};

use crate::test_app::{SERVICE, Script, Scripted, TestApp, claim};

#[tokio::test]
async fn a_tenant_with_many_jobs_delays_another_by_one_job() {
    let app = TestApp::new().await;
    for _ in 0..50 {
        app.enqueue(app.tenant, Scripted::job(Script::Succeed))
            .await;
    }
    let first = claim(&app.db).await.unwrap().unwrap();
    assert_eq!(first.tenant, app.tenant);
    let other = CreatorId::new();
    app.enqueue(other, Scripted::job(Script::Succeed)).await;
    let second = claim(&app.db).await.unwrap().unwrap();
    assert_eq!(second.tenant, other, "it has no running job yet");
    let third = claim(&app.db).await.unwrap().unwrap();
    assert_eq!(third.tenant, app.tenant);
}

#[tokio::test]
async fn tenants_take_turns_however_old_the_jobs_of_one_are() {
    let app = TestApp::new().await;
    let (busy, other) = (app.tenant, CreatorId::new());
    for _ in 0..20 {
        app.enqueue(busy, Scripted::job(Script::Succeed)).await;
    }
    for _ in 0..10 {
        app.enqueue(other, Scripted::job(Script::Succeed)).await;
    }
    // One worker: no tenant has a running job when it claims.
    let mut served = Vec::new();
    while let Some(job) = claim(&app.db).await.unwrap() {
        let mut tx = app.db.tenant(job.tenant).await.unwrap();
        assert!(lease::complete(&mut tx, &job).await.unwrap());
        tx.commit().await.unwrap();
        served.push(job.tenant);
    }
    let turns = [busy, other].repeat(10);
    assert_eq!(served[..20], turns[..]);
    assert_eq!(served[20..], [busy; 10][..], "nothing is left out");
}

#[tokio::test]
async fn a_tenant_with_a_running_job_is_not_claimed_for_a_reserved_slot() {
    let app = TestApp::new().await;
    for _ in 0..3 {
        let job = Scripted::job(Script::Succeed);
        app.enqueue(app.tenant, job).await;
    }
    let reserved = || lease::claim_for(&app.db, SERVICE, &[Scripted::KIND], Served::Idle);
    let first = reserved().await.unwrap().unwrap();
    assert!(reserved().await.unwrap().is_none());
    let other = CreatorId::new();
    let of_other = app.enqueue(other, Scripted::job(Script::Succeed)).await;
    assert_eq!(reserved().await.unwrap().unwrap().id, of_other.id);
    let mut tx = app.db.tenant(app.tenant).await.unwrap();
    lease::complete(&mut tx, &first).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(reserved().await.unwrap().unwrap().tenant, app.tenant);
}

#[tokio::test]
async fn workers_that_claim_at_the_same_time_get_different_jobs() {
    let app = TestApp::new().await;
    for _ in 0..4 {
        app.enqueue(app.tenant, Scripted::job(Script::Succeed))
            .await;
    }
    let claims = (0..4).map(|_| claim(&app.db));
    let claimed = futures_util::future::join_all(claims).await;
    let mut ids: Vec<_> = claimed
        .into_iter()
        .map(|job| job.unwrap().unwrap().id)
        .collect();
    ids.sort_by_key(JobId::as_uuid);
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_higher_priority_is_claimed_first() {
    let app = TestApp::new().await;
    app.enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    let urgent = Scripted::job(Script::Succeed).priority(5);
    let urgent = app.enqueue(app.tenant, urgent).await;
    let claimed = claim(&app.db).await.unwrap().unwrap();
    assert_eq!(claimed.id, urgent.id);
}

#[tokio::test]
async fn a_dedupe_key_holds_until_the_job_has_ended() {
    let app = TestApp::new().await;
    let job = || Scripted::job(Script::Succeed).dedupe("sync");
    let first = app.enqueue(app.tenant, job()).await;
    assert_eq!(app.enqueue(app.tenant, job()).await.id, first.id);
    let of_another = app.enqueue(CreatorId::new(), job()).await;
    assert_ne!(of_another.id, first.id, "a key is the tenant's own");
    let runner = app.runner(Scripted::default());
    while runner.step(&app.stop).await.unwrap() {}
    assert_ne!(app.enqueue(app.tenant, job()).await.id, first.id);
}

#[tokio::test]
async fn a_delayed_job_is_not_due_yet() {
    let app = TestApp::new().await;
    let later = Scripted::job(Script::Succeed).after(Duration::from_mins(1));
    app.enqueue(app.tenant, later).await;
    assert!(claim(&app.db).await.unwrap().is_none());
    app.make_due().await;
    assert!(claim(&app.db).await.unwrap().is_some());
}

#[tokio::test]
async fn an_expired_lease_is_lost_to_the_next_worker() {
    let app = TestApp::new().await;
    let job = app
        .enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    let dead = claim(&app.db).await.unwrap().unwrap();
    assert!(claim(&app.db).await.unwrap().is_none());
    app.make_due().await;
    let alive = claim(&app.db).await.unwrap().unwrap();
    assert_eq!((alive.id, alive.attempt), (job.id, 2));
    let mut tx = app.db.tenant(app.tenant).await.unwrap();
    assert!(!lease::complete(&mut tx, &dead).await.unwrap());
    assert!(lease::complete(&mut tx, &alive).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(app.find(job.id).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn a_service_claims_only_from_its_own_queue() {
    let app = TestApp::new().await;
    app.enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    let channel = app.database.as_service(Service::Channel);
    assert!(claim(&channel).await.unwrap().is_none());
    assert!(claim(&app.db).await.unwrap().is_some());
}

#[tokio::test]
async fn a_rolled_back_job_is_neither_visible_nor_announced() {
    let app = TestApp::new().await;
    let mut tx = app.db.tenant(app.tenant).await.unwrap();
    app.queue
        .enqueue(&mut tx, Scripted::job(Script::Succeed))
        .await
        .unwrap();
    drop(tx);
    assert!(claim(&app.db).await.unwrap().is_none());
}

#[tokio::test]
async fn all_work_about_a_row_is_stopped_but_for_one_job() {
    let app = TestApp::new().await;
    let enqueued = app
        .enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    let running = claim(&app.db).await.unwrap().unwrap();
    let job = NewJob::new(Scripted::KIND, enqueued.subject);
    let waiting = app.enqueue(app.tenant, job.clone()).await;
    let spared = app.enqueue(app.tenant, job).await;
    let other = app
        .enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    let mut tx = app.db.tenant(app.tenant).await.unwrap();
    assert!(lease::renew_if_wanted(&mut tx, &running).await.unwrap());
    rows::cancel_subject(&mut tx, enqueued.subject, Some(spared.id), "gone")
        .await
        .unwrap();
    assert!(!lease::renew_if_wanted(&mut tx, &running).await.unwrap());
    assert!(lease::renew_lease(&mut tx, &running).await.unwrap());
    tx.commit().await.unwrap();
    let waiting = app.find(waiting.id).await;
    assert_eq!(waiting.state, JobState::Failed);
    assert_eq!(waiting.error_code.as_deref(), Some("cancelled"));
    assert_eq!(app.find(running.id).await.state, JobState::Running);
    assert_eq!(app.find(spared.id).await.state, JobState::Queued);
    assert_eq!(app.find(other.id).await.state, JobState::Queued);
}

#[tokio::test]
async fn a_job_is_read_with_those_that_continue_it() {
    let app = TestApp::new().await;
    let root = app
        .enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    let payload = serde_json::json!({"root": root.id});
    let next = NewJob::new(Scripted::KIND, root.subject);
    let next = app
        .enqueue(app.tenant, next.payload(&payload).unwrap())
        .await;
    app.enqueue(app.tenant, Scripted::job(Script::Succeed))
        .await;
    let ids = |rows: Vec<JobRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let mut tx = app.db.tenant_read(app.tenant).await.unwrap();
    let chain = rows::chain(&mut tx, root.id).await.unwrap();
    assert_eq!(ids(chain), [next.id, root.id]);
    let chain = rows::newest_chain(&mut tx, root.subject).await.unwrap();
    assert_eq!(ids(chain), [next.id, root.id]);
    let unknown = rows::chain(&mut tx, JobId::new()).await.unwrap();
    assert!(unknown.is_empty());
}
