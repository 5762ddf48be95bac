//! The worker when all goes well, when it stops, and when it dies.

use std::time::Duration;

use serde_json::json;
use shared_ai_client::TextKind;
use shared_config::Service;
use shared_jobs::lease;
use shared_testkit::TestClient;
use tokio::time::{Instant, sleep, timeout};

use crate::engine::Reply;
use crate::test_app::{DOCUMENTS, TestApp, upload};

/// Waits until the document's state is one of them.
async fn until(client: &TestClient, id: &str, wanted: &[&str]) -> serde_json::Value {
    let path = format!("{DOCUMENTS}/{id}/status");
    let arrived = async {
        loop {
            let status = client.get(&path).await.json();
            if wanted.iter().any(|state| status["state"] == *state) {
                return status;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), arrived)
        .await
        .expect("the state is reached")
}

/// What these tests claim as workers that die.
const KINDS: [&str; 1] = ["ingest_document"];

#[tokio::test]
async fn an_upload_becomes_searchable() {
    let app = TestApp::new().await;
    let id = app
        .uploaded("Sleep.md", "\u{feff}# Sleep\r\n\r\nBreathe.\r")
        .await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["stage"]),
        (&json!("pending"), &json!("queued"))
    );
    assert_eq!(
        (&status["progress"], &status["attempts"]),
        (&json!(0), &json!(0))
    );
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["stage"]),
        (&json!("ready"), &json!("done"))
    );
    assert_eq!(
        (&status["progress"], &status["attempts"]),
        (&json!(100), &json!(1))
    );
    assert_eq!(status["chunk_count"], 3);
    assert_eq!(status["error"], json!(null));

    let [asked] = &app.engine.asked()[..] else {
        panic!("one ingestion")
    };
    assert_eq!(
        (asked.creator, asked.document.to_string()),
        (app.creator, id)
    );
    let lines = concat!(
        r#"{"block":{"content":{"heading":{"level":1,"text":"Sleep"}}}}"#,
        "\n",
        r#"{"block":{"content":{"paragraph":"Breathe."}}}"#,
        "\n",
        r#"{"summary":{"charset":"utf-8","blocks":2}}"#,
        "\n"
    );
    assert_eq!(asked.text, lines);
    assert_eq!(asked.wanted.title.as_str(), "Sleep");
    assert_eq!(asked.wanted.kind, TextKind::Blocks);
    assert_eq!(asked.wanted.version, 1);
}

#[tokio::test]
async fn a_running_service_picks_an_upload_up_and_shows_how_far_it_is() {
    let app = TestApp::new().await;
    let working = app.work();
    app.engine.reply(Reply::Stalls(30));
    let id = app.uploaded("a.txt", "text").await;
    let status = until(&app.ana, &id, &["processing"]).await;
    assert_eq!(status["attempts"], 1);
    let begun = Instant::now();
    while app.status(&id).await["stage"] != "indexing" {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "it is being indexed"
        );
        sleep(Duration::from_millis(20)).await;
    }
    let other = app.uploaded("b.txt", "other").await;
    until(&app.ana, &other, &["ready"]).await;

    // Told to stop, it gives back what it holds, as if it had never been taken.
    app.stop.cancel();
    timeout(Duration::from_secs(5), working)
        .await
        .expect("it stops")
        .unwrap();
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("processing"), &json!(1))
    );
    let (state, stop) = app.replica();
    let hub = tokio::spawn(creator_hub_service::jobs::run(state));
    let indexing = tokio::spawn(app.indexing().run(stop.clone()));
    let status = until(&app.ana, &id, &["ready"]).await;
    assert_eq!(status["attempts"], 1);
    stop.cancel();
    hub.await.unwrap();
    indexing.await.unwrap();
}

#[tokio::test]
async fn a_document_is_processed_step_by_step_and_its_job_stands_for_all_steps() {
    let app = TestApp::new().await;
    let body = upload(&app.ana, "a.txt", b"text").await;
    let body = body.expect(http::StatusCode::ACCEPTED);
    let id = body["document"]["id"].as_str().unwrap();
    let job = format!(
        "/creator-hub/v1/jobs/{}",
        body["job"]["id"].as_str().unwrap()
    );
    let mut seen = Vec::new();
    loop {
        let (status, job) = (app.status(id).await, app.ana.get(&job).await.json());
        assert_eq!(job["kind"], "ingest_document");
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let progress = status["progress"].as_i64().unwrap();
        seen.push((text(&status["state"]), text(&job["state"]), progress));
        if !app.run_one_job().await {
            break;
        }
    }
    let expected = [
        ("pending", "queued", 0),
        ("processing", "running", 5),
        ("processing", "running", 99),
        ("ready", "succeeded", 100),
    ];
    let expected = expected.map(|(state, job, at)| (state.to_owned(), job.to_owned(), at));
    assert_eq!(seen, expected);
    let kinds = "select count(*) from platform.jobs where state = 'succeeded'";
    assert_eq!(app.count(kinds).await, 3);
}

const CHAIN: [&str; 2] = ["ingest_document", "index_document"];

#[tokio::test]
async fn a_worker_that_dies_between_any_two_steps_changes_nothing_in_the_end() {
    let app = TestApp::new().await;
    for dies_before in 0..3 {
        let text = format!("text {dies_before}");
        let id = app.uploaded("a.txt", &text).await;
        for step in 0..3 {
            if step == dies_before {
                let service = [Service::CreatorHub, Service::AiEngine][step % 2];
                let db = app.database.as_service(service);
                let dead = lease::claim(&db, service, &CHAIN).await.unwrap();
                assert!(dead.is_some(), "step {step} is due");
                app.execute(
                    "update platform.jobs set lease_until = now() - interval '1 s'
                         where state = 'running'",
                )
                .await;
            }
            assert!(app.run_one_job().await, "step {step}");
        }
        assert_eq!(app.status(&id).await["state"], "ready", "{dies_before}");
    }
    assert_eq!(app.engine.asked().len(), 3);
    assert_eq!(app.count("select count(*) from hub.artefacts").await, 3);
    assert_eq!(app.files().len(), 6, "a file and its text each");
}

#[tokio::test]
async fn another_worker_takes_over_from_one_that_died() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let dead = lease::claim(&app.db(), Service::CreatorHub, &KINDS)
        .await
        .unwrap()
        .unwrap();
    assert!(!app.run_one_job().await, "the lease holds");
    app.execute("update platform.jobs set lease_until = now() - interval '1 s'")
        .await;
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("ready"), &json!(2))
    );
    let mut tx = app.db().tenant(app.creator).await.unwrap();
    assert!(
        !lease::complete(&mut tx, &dead).await.unwrap(),
        "it comes too late"
    );
}

#[tokio::test]
async fn who_lost_the_lease_leaves_the_work_to_its_new_holder() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    assert!(app.run_own_job().await);
    app.engine.reply(Reply::Stalls(10));
    let slow = tokio::spawn({
        let (indexing, stop) = (app.indexing(), app.stop.clone());
        async move { indexing.step(&stop).await }
    });
    while app.engine.asked().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    app.execute(
        "update platform.jobs
             set lease_token = gen_random_uuid(), lease_until = now() - interval '1 s'
             where state = 'running'",
    )
    .await;
    app.work_off().await;
    assert_eq!(app.status(&id).await["state"], "ready");
    timeout(Duration::from_secs(10), slow)
        .await
        .expect("it notices")
        .unwrap()
        .unwrap();
    assert_eq!(app.status(&id).await["state"], "ready");
    assert_eq!(app.engine.asked().len(), 2);
}

#[tokio::test]
async fn a_text_that_kills_its_worker_fails_in_the_end() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    for _ in 0..8 {
        lease::claim(&app.db(), Service::CreatorHub, &KINDS)
            .await
            .unwrap()
            .expect("it is due");
        app.execute("update platform.jobs set lease_until = now() - interval '1 s'")
            .await;
    }
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["error"]["code"]),
        (&json!("failed"), &json!("interrupted"))
    );
    assert!(app.engine.asked().is_empty());
}

#[tokio::test]
async fn two_replicas_process_each_document_once() {
    let app = TestApp::new().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(app.uploaded("a.txt", &format!("text {number}")).await);
    }
    let other = upload(&app.ben, "b.txt", b"another tenant's").await;
    assert_eq!(other.status, 202);
    let (state, stop) = app.replica();
    let one = app.work();
    let two = tokio::spawn(creator_hub_service::jobs::run(state));
    for id in &ids {
        until(&app.ana, id, &["ready"]).await;
    }
    let theirs = other.json()["document"]["id"].as_str().unwrap().to_owned();
    until(&app.ben, &theirs, &["ready"]).await;
    app.stop.cancel();
    stop.cancel();
    let (one, two) = tokio::join!(one, two);
    one.unwrap();
    two.unwrap();
    let asked = app.engine.asked();
    assert_eq!(asked.len(), 11);
    for asked in asked {
        let mine = ids.contains(&asked.document.to_string());
        assert_eq!(
            mine,
            asked.creator == app.creator,
            "the token names the document's tenant"
        );
    }
}

#[tokio::test]
async fn a_title_that_changes_under_work_is_what_is_cited_in_the_end() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    assert!(app.run_own_job().await, "its old title is handed over");
    let body = json!({"title": "Renamed"});
    let path = format!("{DOCUMENTS}/{id}");
    let change = app.ana.json(http::Method::PATCH, &path, &body).await;
    change.expect(http::StatusCode::OK);
    app.engine.reply(Reply::Done(1));
    app.engine.reply(Reply::Done(2));
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["chunk_count"]),
        (&json!("ready"), &json!(2))
    );
    let asked = app.engine.asked();
    let titles: Vec<_> = asked.iter().map(|a| a.wanted.title.as_str()).collect();
    assert_eq!(titles, ["a", "Renamed"]);
}

#[tokio::test]
async fn a_text_is_extracted_again_only_if_it_is_missing_or_of_other_rules() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    let extracted = "select count(distinct created_at) from hub.artefacts";
    let text_file = || {
        let mut files = app.files().into_iter();
        let is_text = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("text-")
        };
        files.find(is_text).unwrap()
    };
    let made = || std::fs::metadata(text_file()).unwrap().modified().unwrap();
    let first = made();
    let again = format!("{DOCUMENTS}/{id}/reprocess");
    let reprocess = async || {
        let request = app.ana.request(http::Method::POST, &again);
        let answer = app.ana.send(request.body("".into()).unwrap()).await;
        answer.expect(http::StatusCode::ACCEPTED);
        app.work_off().await;
        assert_eq!(app.status(&id).await["state"], "ready");
    };
    reprocess().await;
    assert_eq!(made(), first, "the text is as it was");
    std::fs::remove_file(text_file()).unwrap();
    reprocess().await;
    let second = made();
    assert_ne!(second, first, "it was missing");
    app.execute("update hub.artefacts set extraction = extraction + 1")
        .await;
    reprocess().await;
    assert_ne!(made(), second, "other rules had made it");
    assert_eq!(app.count(extracted).await, 1);
    let texts: Vec<_> = app.engine.asked().into_iter().map(|a| a.text).collect();
    assert_eq!(texts.len(), 4);
    assert!(
        texts
            .iter()
            .all(|text| text.contains(r#"{"paragraph":"text"}"#))
    );
}
