//! Deleting: hidden at once, and in the end nothing is left.

use std::time::Duration;

use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::engine::{Reply, read_text};
use crate::world::{DOCUMENTS, World, upload};

async fn delete(world: &World, id: &str) -> Value {
    let answer = world.ana.delete(&format!("{DOCUMENTS}/{id}")).await;
    let location = answer.headers.get(header::LOCATION).cloned();
    let job = answer.expect(StatusCode::ACCEPTED)["job"].clone();
    let expected = format!("/creator-hub/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(location.unwrap(), expected);
    assert_eq!(job["kind"], "erase_document");
    job
}

async fn job_of(world: &World, job: &Value) -> Value {
    world
        .ana
        .get(&format!(
            "/creator-hub/v1/jobs/{}",
            job["id"].as_str().unwrap()
        ))
        .await
        .json()
}

async fn is_hidden(world: &World, id: &str) {
    for path in ["", "/status", "/events"] {
        let answer = world.ana.get(&format!("{DOCUMENTS}/{id}{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.ana.get(DOCUMENTS).await.json(), json!({"items": []}));
    let again = world.ana.delete(&format!("{DOCUMENTS}/{id}")).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

async fn nothing_is_left(world: &World) {
    assert_eq!(world.count("select count(*) from hub.documents").await, 0);
    assert!(world.files().is_empty(), "{:?}", world.files());
}

#[tokio::test]
async fn a_deleted_document_is_hidden_at_once_and_then_gone_everywhere() {
    let world = World::new().await;
    let id = world.ready("a.txt", "text").await;
    let job = delete(&world, &id).await;
    is_hidden(&world, &id).await;
    assert_eq!(world.files().len(), 2, "the job removes file and text");
    assert_eq!(world.engine.forgotten().len(), 1, "no answer cites it");
    world.work_off().await;
    nothing_is_left(&world).await;
    let forgotten = world.engine.forgotten();
    assert_eq!(forgotten.len(), 2, "and by the job once more");
    assert_eq!(
        (forgotten[0].0, forgotten[0].1.to_string()),
        (world.creator, id)
    );
    assert_eq!(job_of(&world, &job).await["state"], "succeeded");
    assert!(
        !world
            .config
            .upload_dir
            .join(world.creator.to_string())
            .exists()
    );
}

#[tokio::test]
async fn a_document_that_was_never_processed_is_erased_too() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    delete(&world, &id).await;
    world.work_off().await;
    nothing_is_left(&world).await;
    assert!(world.engine.asked().is_empty(), "nobody wants it any more");
    let cancelled = "select count(*) from platform.jobs where error_code = 'cancelled'";
    assert_eq!(world.count(cancelled).await, 1);
}

#[tokio::test]
async fn an_ai_engine_that_is_away_delays_the_erasure_and_does_not_prevent_it() {
    let world = World::new().await;
    let id = world.ready("a.txt", "text").await;
    let job = delete(&world, &id).await;
    for attempts in 1..=10 {
        world.engine.forget_with(match attempts % 2 {
            0 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        });
        world.work_next().await;
        let job = job_of(&world, &job).await;
        assert_eq!(
            (&job["state"], &job["attempts"]),
            (&json!("queued"), &json!(attempts))
        );
        assert!(job["error"]["reason"].is_string(), "{job}");
        is_hidden(&world, &id).await;
        assert_eq!(world.files().len(), 2);
    }
    world.work_next().await;
    nothing_is_left(&world).await;
}

#[tokio::test]
async fn a_document_that_is_deleted_under_work_is_not_finished() {
    let world = World::new().await;
    let working = world.work();
    world.engine.reply(Reply::Stalls(20));
    let id = world.uploaded("a.txt", "text").await;
    while world.engine.asked().is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
    let job = delete(&world, &id).await;
    is_hidden(&world, &id).await;
    let gone = async {
        while job_of(&world, &job).await["state"] != "succeeded" {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(15), gone)
        .await
        .expect("it is erased");
    nothing_is_left(&world).await;
    assert_eq!(
        world.engine.forgotten().len(),
        2,
        "at once, and again after the processing had ended"
    );
    world.stop.cancel();
    working.await.unwrap();
}

#[tokio::test]
async fn the_same_content_may_come_back_before_the_old_one_is_erased() {
    let world = World::new().await;
    let old = world.ready("a.txt", "the same").await;
    delete(&world, &old).await;
    let new = upload(&world.ana, "a.txt", b"the same")
        .await
        .expect(StatusCode::ACCEPTED);
    let new = new["document"]["id"].as_str().unwrap();
    assert_ne!(new, old);
    world.work_off().await;
    assert_eq!(world.status(new).await["state"], "ready");
    assert_eq!(
        world.files().len(),
        2,
        "the file is the new document's by now, and so is its text"
    );
    assert_eq!(world.count("select count(*) from hub.documents").await, 1);
    delete(&world, new).await;
    world.work_off().await;
    nothing_is_left(&world).await;
}

#[tokio::test]
async fn an_erasure_that_died_after_forgetting_is_finished_by_another() {
    let world = World::new().await;
    let id = world.ready("a.txt", "text").await;
    delete(&world, &id).await;
    shared_jobs::lease::claim(&world.db(), shared_config::Service::CreatorHub)
        .await
        .unwrap()
        .unwrap();
    for file in world.files() {
        std::fs::remove_file(file).unwrap();
    }
    world
        .execute("update platform.jobs set lease_until = now() - interval '1 s'")
        .await;
    world.work_off().await;
    nothing_is_left(&world).await;
}

#[tokio::test]
async fn a_document_that_waits_for_its_indexing_is_not_indexed_any_more() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    assert!(world.run_own_job().await);
    delete(&world, &id).await;
    world.work_off().await;
    nothing_is_left(&world).await;
    assert!(world.engine.asked().is_empty(), "its job has ended");
    let cancelled = "select count(*) from platform.jobs
                     where kind = 'index_document' and error_code = 'cancelled'";
    assert_eq!(world.count(cancelled).await, 1);
}

#[tokio::test]
async fn an_indexing_whose_worker_died_does_not_come_back_after_the_erasure() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    assert!(world.run_own_job().await);
    let ai_engine = shared_config::Service::AiEngine;
    let db = world.database.as_service(ai_engine);
    let dead = shared_jobs::lease::claim(&db, ai_engine).await.unwrap();
    assert!(dead.is_some());
    delete(&world, &id).await;
    world
        .execute(
            "update platform.jobs set lease_until = now() - interval '1 s' where state = 'running'",
        )
        .await;
    world.work_off().await;
    nothing_is_left(&world).await;
    assert!(world.engine.asked().is_empty());
}

#[tokio::test]
async fn the_text_of_a_deleted_document_is_not_given_any_more() {
    let world = World::new().await;
    let id = world.ready("a.txt", "text").await;
    let asked = world.engine.asked().remove(0);
    let read = async |creator| {
        let (document, wanted) = (asked.document, &asked.wanted);
        read_text(&world.engine, &world.anonymous, creator, document, wanted).await
    };
    assert_eq!(read(world.creator).await.0, StatusCode::PARTIAL_CONTENT);
    let other = read(shared_models::CreatorId::new()).await;
    assert_eq!(other.0, StatusCode::NOT_FOUND, "another tenant's");
    delete(&world, &id).await;
    assert_eq!(read(world.creator).await.0, StatusCode::NOT_FOUND);
}
