//! The worker when ai-engine fails: what passes is tried again, what does not is told.

use std::fs;

use http::StatusCode;
use serde_json::{Value, json};
use shared_ai_client::{IngestionEvent, IngestionFailure};
use shared_models::Retry;

use crate::engine::{Reply, failed, progress};
use crate::world::World;

/// Uploads a text whose first attempt is answered like that; gives its id and where it stands.
async fn attempted(world: &World, reply: Reply) -> (String, Value) {
    world.engine.reply(reply);
    let id = world.uploaded("a.txt", "text").await;
    world.work_off().await;
    let status = world.status(&id).await;
    (id, status)
}

fn waits(status: &Value, code: &str) {
    assert_eq!(status["state"], "processing", "{status}");
    assert_eq!(
        (&status["stage"], &status["attempts"]),
        (&json!("retrying"), &json!(1))
    );
    assert_eq!(status["error"]["code"], code);
    assert!(!status["error"]["reason"].as_str().unwrap().is_empty());
}

async fn then_it_works(world: &World, id: &str) {
    world.work_next().await;
    let status = world.status(id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("ready"), &json!(2)),
        "{status}"
    );
    assert_eq!(status["error"], Value::Null);
}

#[tokio::test]
async fn an_ai_engine_that_says_503_is_asked_again() {
    let world = World::new().await;
    let reply = Reply::Problem(StatusCode::SERVICE_UNAVAILABLE, "dependency_unavailable");
    let (id, status) = attempted(&world, reply).await;
    waits(&status, "dependency_unavailable");
    assert!(
        status["error"]["reason"]
            .as_str()
            .unwrap()
            .starts_with("ai-engine"),
        "{status}"
    );
    assert!(!world.run_one_job().await, "not before its wait is over");
    then_it_works(&world, &id).await;
}

#[tokio::test]
async fn an_ai_engine_that_is_away_is_waited_for_however_long() {
    let world = World::with(|config| config.ai_engine_url = "http://127.0.0.1:1".to_owned()).await;
    let id = world.uploaded("a.txt", "text").await;
    for attempts in 1..=12 {
        world.work_next().await;
        let status = world.status(&id).await;
        assert_eq!(
            (&status["stage"], &status["attempts"]),
            (&json!("retrying"), &json!(attempts))
        );
        let reason = status["error"]["reason"].as_str().unwrap();
        assert!(
            !reason.contains("127.0.0.1"),
            "no address of ours: {reason}"
        );
    }
    let wait = "select extract(epoch from run_at - now())::int8 from platform.jobs";
    assert!(
        (20..=30).contains(&world.count(wait).await),
        "looked after at least twice a minute"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_is_asked_for_again() {
    let world = World::new().await;
    let (id, status) = attempted(&world, Reply::Breaks(vec![progress(1, 2)])).await;
    waits(&status, "ai_engine_interrupted");
    then_it_works(&world, &id).await;
}

#[tokio::test]
async fn an_answer_that_ends_too_early_is_no_success() {
    let world = World::new().await;
    let (id, status) = attempted(&world, Reply::Lines(vec![progress(2, 2)])).await;
    waits(&status, "ai_engine_interrupted");
    assert_eq!(status["chunk_count"], 0);
    then_it_works(&world, &id).await;
}

#[tokio::test]
async fn an_outage_that_is_told_within_the_answer_is_waited_for() {
    let world = World::new().await;
    let away = failed(
        IngestionFailure::DependencyUnavailable,
        Retry::UntilAvailable,
    );
    let (id, status) = attempted(&world, Reply::Lines(vec![progress(1, 2), away.clone()])).await;
    waits(&status, "dependency_unavailable");
    for _ in 0..12 {
        world.engine.reply(Reply::Lines(vec![away.clone()]));
        world.work_next().await;
        assert_eq!(world.status(&id).await["stage"], "retrying");
    }
    world.work_next().await;
    assert_eq!(world.status(&id).await["state"], "ready");
}

#[tokio::test]
async fn what_another_attempt_cannot_help_fails_at_once_with_its_reason() {
    let world = World::new().await;
    let refusal = failed(IngestionFailure::EmptyDocument, Retry::Never);
    let (id, status) = attempted(&world, Reply::Lines(vec![progress(1, 9), refusal])).await;
    assert_eq!(
        (&status["state"], &status["stage"]),
        (&json!("failed"), &json!("failed"))
    );
    assert_eq!(status["error"]["code"], "empty_document");
    assert_eq!(status["error"]["reason"], "it went wrong: empty_document");
    assert_eq!(status["chunk_count"], 0);
    world
        .execute("update platform.jobs set run_at = now()")
        .await;
    assert!(!world.run_one_job().await, "it stays failed");
    assert_eq!(world.status(&id).await["state"], "failed");
}

#[tokio::test]
async fn a_refusal_of_ai_engine_is_passed_on() {
    let world = World::new().await;
    let reply = Reply::Problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields");
    let (_, status) = attempted(&world, reply).await;
    assert_eq!(status["state"], "failed");
    let error = json!({"code": "invalid_fields", "reason": "words of ai-engine"});
    assert_eq!(status["error"], error);
}

#[tokio::test]
async fn a_text_beyond_ai_engines_limit_fails_in_words_of_ours() {
    let world = World::new().await;
    let reply = Reply::Problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
    let (_, status) = attempted(&world, reply).await;
    assert_eq!(status["error"]["code"], "document_too_large");
}

#[tokio::test]
async fn a_failure_that_persists_fails_the_document_in_the_end() {
    let world = World::new().await;
    let (id, status) = attempted(
        &world,
        Reply::Problem(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    )
    .await;
    waits(&status, "ai_engine_failed");
    for _ in 1..8 {
        world.engine.reply(Reply::Lines(vec![failed(
            IngestionFailure::VectorStoreFailed,
            Retry::Limited,
        )]));
        world.work_next().await;
    }
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("failed"), &json!(8))
    );
    assert_eq!(status["error"]["code"], "vector_store_failed");
}

#[tokio::test]
async fn white_space_alone_fails_without_asking_anybody() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "\u{feff} \r\n\t\n").await;
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["error"]["code"]),
        (&json!("failed"), &json!("empty_document"))
    );
    assert!(world.engine.asked().is_empty());
}

#[tokio::test]
async fn a_file_that_is_gone_fails_its_document_only() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    fs::remove_file(&world.files()[0]).unwrap();
    let other = world.uploaded("b.txt", "other").await;
    world.work_off().await;
    assert_eq!(world.status(&id).await["error"]["code"], "file_missing");
    assert_eq!(world.status(&other).await["state"], "ready");
}

#[tokio::test]
async fn a_failed_processing_leaves_the_passages_of_the_one_before() {
    let world = World::new().await;
    let id = world.ready("a.txt", "text").await;
    let request = world.ana.request(
        http::Method::POST,
        &format!("{}/{id}/reprocess", crate::world::DOCUMENTS),
    );
    world
        .ana
        .send(request.body("".into()).unwrap())
        .await
        .expect(StatusCode::ACCEPTED);
    world.engine.reply(Reply::Lines(vec![failed(
        IngestionFailure::EmptyDocument,
        Retry::Never,
    )]));
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["chunk_count"]),
        (&json!("failed"), &json!(3))
    );
}

#[tokio::test]
async fn an_event_after_the_end_changes_nothing() {
    let world = World::new().await;
    let late = vec![
        IngestionEvent::Done { chunks: 2 },
        failed(IngestionFailure::Superseded, Retry::Never),
    ];
    let (_, status) = attempted(&world, Reply::Lines(late)).await;
    assert_eq!(
        (&status["state"], &status["chunk_count"]),
        (&json!("ready"), &json!(2))
    );
}
