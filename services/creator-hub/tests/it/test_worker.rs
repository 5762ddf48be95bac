//! The worker when all goes well, when it stops, and when it dies.

use std::time::Duration;

use serde_json::json;
use shared_ai_client::TextKind;
use shared_config::Service;
use shared_jobs::lease;
use shared_testkit::TestClient;
use tokio::time::{Instant, sleep, timeout};

use crate::engine::Reply;
use crate::world::{DOCUMENTS, World, upload};

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

#[tokio::test]
async fn an_upload_becomes_searchable() {
    let world = World::new().await;
    let id = world
        .uploaded("Sleep.md", "\u{feff}# Sleep\r\n\r\nBreathe.\r")
        .await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["stage"]),
        (&json!("pending"), &json!("queued"))
    );
    assert_eq!(
        (&status["progress"], &status["attempts"]),
        (&json!(0), &json!(0))
    );
    world.work_off().await;
    let status = world.status(&id).await;
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

    let [asked] = &world.engine.asked()[..] else {
        panic!("one ingestion")
    };
    assert_eq!(
        (asked.creator, asked.document.to_string()),
        (world.creator, id)
    );
    assert_eq!(asked.text, "# Sleep\n\nBreathe.\n");
    assert_eq!(asked.wanted.title.as_str(), "Sleep");
    assert_eq!(asked.wanted.kind, TextKind::Markdown);
    assert_eq!(asked.wanted.version, 1);
}

#[tokio::test]
async fn a_running_service_picks_an_upload_up_and_shows_how_far_it_is() {
    let world = World::new().await;
    let working = world.work();
    world.engine.reply(Reply::Stalls(30));
    let id = world.uploaded("a.txt", "text").await;
    let status = until(&world.ana, &id, &["processing"]).await;
    assert_eq!(status["attempts"], 1);
    let begun = Instant::now();
    while world.status(&id).await["stage"] != "indexing" {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "it is being indexed"
        );
        sleep(Duration::from_millis(20)).await;
    }
    let other = world.uploaded("b.txt", "other").await;
    until(&world.ana, &other, &["ready"]).await;

    // Told to stop, it gives back what it holds, as if it had never been taken.
    world.stop.cancel();
    timeout(Duration::from_secs(5), working)
        .await
        .expect("it stops")
        .unwrap();
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("processing"), &json!(1))
    );
    let (state, stop) = world.replica();
    let hub = tokio::spawn(creator_hub_service::jobs::run(state));
    let indexing = tokio::spawn(world.indexing().run(stop.clone()));
    let status = until(&world.ana, &id, &["ready"]).await;
    assert_eq!(status["attempts"], 1);
    stop.cancel();
    hub.await.unwrap();
    indexing.await.unwrap();
}

#[tokio::test]
async fn a_document_is_processed_step_by_step_and_its_job_stands_for_all_steps() {
    let world = World::new().await;
    let body = upload(&world.ana, "a.txt", b"text").await;
    let body = body.expect(http::StatusCode::ACCEPTED);
    let id = body["document"]["id"].as_str().unwrap();
    let job = format!(
        "/creator-hub/v1/jobs/{}",
        body["job"]["id"].as_str().unwrap()
    );
    let mut seen = Vec::new();
    loop {
        let (status, job) = (world.status(id).await, world.ana.get(&job).await.json());
        assert_eq!(job["kind"], "ingest_document");
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let progress = status["progress"].as_i64().unwrap();
        seen.push((text(&status["state"]), text(&job["state"]), progress));
        if !world.run_one_job().await {
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
    assert_eq!(world.count(kinds).await, 3);
}

#[tokio::test]
async fn a_worker_that_dies_between_any_two_steps_changes_nothing_in_the_end() {
    let world = World::new().await;
    for dies_before in 0..3 {
        let text = format!("text {dies_before}");
        let id = world.uploaded("a.txt", &text).await;
        for step in 0..3 {
            if step == dies_before {
                let service = [Service::CreatorHub, Service::AiEngine][step % 2];
                let db = world.database.as_service(service);
                let dead = lease::claim(&db, service).await.unwrap();
                assert!(dead.is_some(), "step {step} is due");
                world
                    .execute(
                        "update platform.jobs set lease_until = now() - interval '1 s'
                         where state = 'running'",
                    )
                    .await;
            }
            assert!(world.run_one_job().await, "step {step}");
        }
        assert_eq!(world.status(&id).await["state"], "ready", "{dies_before}");
    }
    assert_eq!(world.engine.asked().len(), 3);
    assert_eq!(world.count("select count(*) from hub.artefacts").await, 3);
    assert_eq!(world.files().len(), 6, "a file and its text each");
}

#[tokio::test]
async fn another_worker_takes_over_from_one_that_died() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    let dead = lease::claim(&world.db(), Service::CreatorHub)
        .await
        .unwrap()
        .unwrap();
    assert!(!world.run_one_job().await, "the lease holds");
    world
        .execute("update platform.jobs set lease_until = now() - interval '1 s'")
        .await;
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("ready"), &json!(2))
    );
    let mut tx = world.db().tenant(world.creator).await.unwrap();
    assert!(
        !lease::complete(&mut tx, &dead).await.unwrap(),
        "it comes too late"
    );
}

#[tokio::test]
async fn who_lost_the_lease_leaves_the_work_to_its_new_holder() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    assert!(world.run_own_job().await);
    world.engine.reply(Reply::Stalls(10));
    let slow = tokio::spawn({
        let (indexing, stop) = (world.indexing(), world.stop.clone());
        async move { indexing.step(&stop).await }
    });
    while world.engine.asked().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    world
        .execute(
            "update platform.jobs
             set lease_token = gen_random_uuid(), lease_until = now() - interval '1 s'
             where state = 'running'",
        )
        .await;
    world.work_off().await;
    assert_eq!(world.status(&id).await["state"], "ready");
    timeout(Duration::from_secs(10), slow)
        .await
        .expect("it notices")
        .unwrap()
        .unwrap();
    assert_eq!(world.status(&id).await["state"], "ready");
    assert_eq!(world.engine.asked().len(), 2);
}

#[tokio::test]
async fn a_text_that_kills_its_worker_fails_in_the_end() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    for _ in 0..8 {
        lease::claim(&world.db(), Service::CreatorHub)
            .await
            .unwrap()
            .expect("it is due");
        world
            .execute("update platform.jobs set lease_until = now() - interval '1 s'")
            .await;
    }
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["error"]["code"]),
        (&json!("failed"), &json!("interrupted"))
    );
    assert!(world.engine.asked().is_empty());
}

#[tokio::test]
async fn two_replicas_process_each_document_once() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(world.uploaded("a.txt", &format!("text {number}")).await);
    }
    let other = upload(&world.ben, "b.txt", b"another tenant's").await;
    assert_eq!(other.status, 202);
    let (state, stop) = world.replica();
    let one = world.work();
    let two = tokio::spawn(creator_hub_service::jobs::run(state));
    for id in &ids {
        until(&world.ana, id, &["ready"]).await;
    }
    let theirs = other.json()["document"]["id"].as_str().unwrap().to_owned();
    until(&world.ben, &theirs, &["ready"]).await;
    world.stop.cancel();
    stop.cancel();
    let (one, two) = tokio::join!(one, two);
    one.unwrap();
    two.unwrap();
    let asked = world.engine.asked();
    assert_eq!(asked.len(), 11);
    for asked in asked {
        let mine = ids.contains(&asked.document.to_string());
        assert_eq!(
            mine,
            asked.creator == world.creator,
            "the token names the document's tenant"
        );
    }
}

#[tokio::test]
async fn a_title_that_changes_under_work_is_what_is_cited_in_the_end() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    assert!(world.run_own_job().await, "its old title is handed over");
    let body = json!({"title": "Renamed"});
    let path = format!("{DOCUMENTS}/{id}");
    let change = world.ana.json(http::Method::PATCH, &path, &body).await;
    change.expect(http::StatusCode::OK);
    world.engine.reply(Reply::Done(1));
    world.engine.reply(Reply::Done(2));
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["chunk_count"]),
        (&json!("ready"), &json!(2))
    );
    let asked = world.engine.asked();
    let titles: Vec<_> = asked.iter().map(|a| a.wanted.title.as_str()).collect();
    assert_eq!(titles, ["a", "Renamed"]);
}

#[tokio::test]
async fn a_text_is_extracted_again_only_if_it_is_missing_or_of_other_rules() {
    let world = World::new().await;
    let id = world.ready("a.txt", "text").await;
    let extracted = "select count(distinct created_at) from hub.artefacts";
    let text_file = || {
        let mut files = world.files().into_iter();
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
        let request = world.ana.request(http::Method::POST, &again);
        let answer = world.ana.send(request.body("".into()).unwrap()).await;
        answer.expect(http::StatusCode::ACCEPTED);
        world.work_off().await;
        assert_eq!(world.status(&id).await["state"], "ready");
    };
    reprocess().await;
    assert_eq!(made(), first, "the text is as it was");
    std::fs::remove_file(text_file()).unwrap();
    reprocess().await;
    let second = made();
    assert_ne!(second, first, "it was missing");
    world
        .execute("update hub.artefacts set extraction = extraction + 1")
        .await;
    reprocess().await;
    assert_ne!(made(), second, "other rules had made it");
    assert_eq!(world.count(extracted).await, 1);
    let texts: Vec<_> = world.engine.asked().into_iter().map(|a| a.text).collect();
    assert_eq!(texts, ["text"; 4]);
}
