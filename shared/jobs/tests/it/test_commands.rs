//! The command `jobs`: what failed, another try, and what is scheduled.

use shared_config::Service;
use shared_jobs::{JobState, commands};
use shared_models::Retry;

use crate::test_app::{Script, Scripted, TestApp};

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn a_failed_job_is_listed_and_gets_another_try() {
    let app = TestApp::new().await;
    let job = app
        .enqueue(app.tenant, Scripted::job(Script::Fail(Retry::Never)))
        .await;
    let runner = app.runner(Scripted::default());
    while runner.step(&app.stop).await.unwrap() {}
    let listed = commands::run(&app.db, &words("failed")).await.unwrap();
    let start = format!(
        "tenant={} job={} kind=scripted attempts=1",
        app.tenant, job.id
    );
    assert!(listed.starts_with(&start), "{listed}");
    let reason = "code=scripted reason=\"as the test wants\"\n";
    assert!(listed.ends_with(reason), "{listed}");
    let other = app.database.as_service(Service::Channel);
    assert_eq!(commands::run(&other, &words("failed")).await.unwrap(), "");

    let requeue = words(&format!("requeue {} {}", app.tenant, job.id));
    assert!(
        commands::run(&other, &requeue).await.is_err(),
        "not its queue"
    );
    commands::run(&app.db, &requeue).await.unwrap();
    let row = app.find(job.id).await;
    assert_eq!((row.state, row.attempts), (JobState::Queued, 0));
    assert_eq!(commands::run(&app.db, &words("failed")).await.unwrap(), "");
    let twice = commands::run(&app.db, &requeue).await.unwrap_err();
    assert!(twice.to_string().contains("no failed job"), "{twice}");
    assert!(runner.step(&app.stop).await.unwrap(), "a worker takes it");
}

#[tokio::test]
async fn a_wrong_command_says_how_it_is_used() {
    let app = TestApp::new().await;
    for wrong in ["", "requeue", "failed now"] {
        let error = commands::run(&app.db, &words(wrong)).await.unwrap_err();
        assert!(
            error.to_string().starts_with("usage: jobs failed"),
            "{error}"
        );
    }
}
