//! Documents become searchable, are replaced, and are forgotten, whatever happens in between.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use shared_ai_client::IngestionEvent;
use shared_models::{ChunkId, CreatorId, DocumentId};
use shared_testkit::TestClient;
use tower::ServiceExt as _;

use crate::stand_in::Door;
use crate::world::{HANDBOOK, World, document_path, ingestion};

const SECOND: &str = "# Bees\n\nA hive needs about twenty kilograms of honey to survive the \
    winter, and the keeper who takes more than that has to feed sugar in October.";

async fn vectors(world: &World, creator: CreatorId, document: DocumentId) -> HashSet<String> {
    let found = world
        .state
        .vectors
        .of_document(creator, document)
        .await
        .unwrap();
    found.into_iter().flat_map(|(_, ids)| ids).collect()
}

async fn rows(world: &World, document: DocumentId) -> HashSet<String> {
    let pool = world.database.admin().await;
    let ids =
        sqlx::query_scalar::<_, uuid::Uuid>("select id from ai.chunks where document_id = $1");
    let ids = ids.bind(document).fetch_all(&pool).await.unwrap();
    ids.iter().map(ToString::to_string).collect()
}

fn failed(events: &[IngestionEvent]) -> (&str, bool) {
    match events.last() {
        Some(IngestionEvent::Failed { code, retry, .. }) => (code, *retry),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_text_becomes_searchable_and_tells_how_far_it_is() {
    let world = World::new().await;
    let document = DocumentId::new();
    let events = world.ingest(world.creator, document, 1, HANDBOOK).await;
    let progress = |done| IngestionEvent::Progress { done, total: 23 };
    let expected = [
        progress(0),
        progress(8),
        progress(16),
        progress(23),
        IngestionEvent::Done { chunks: 23 },
    ];
    assert_eq!(events, expected);
    let (vectors, rows) = (
        vectors(&world, world.creator, document).await,
        rows(&world, document).await,
    );
    assert_eq!(rows.len(), 23);
    assert_eq!(vectors, rows);
}

#[tokio::test]
async fn repeating_a_version_does_no_work_twice() {
    let world = World::new().await;
    let document = DocumentId::new();
    world.ingest(world.creator, document, 1, HANDBOOK).await;
    assert_eq!(world.ollama.embedded(), 23);
    let again = world.ingest(world.creator, document, 1, HANDBOOK).await;
    assert_eq!(again.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert_eq!(world.ollama.embedded(), 23, "no text was embedded again");
}

#[tokio::test]
async fn a_new_version_replaces_the_old_one_and_keeps_what_did_not_change() {
    let world = World::new().await;
    let document = DocumentId::new();
    world.ingest(world.creator, document, 1, HANDBOOK).await;
    let changed = HANDBOOK.replace("costs 120 euros", "costs 150 euros");
    let changed = format!(
        "A new beginning that stands before all else, {}.\n\n{changed}",
        "so ".repeat(50)
    );
    world.ingest(world.creator, document, 2, &changed).await;
    assert_eq!(
        world.ollama.embedded(),
        25,
        "the new paragraph and the changed one"
    );
    let found = world
        .search(world.creator, "How much does a private session cost?")
        .await;
    assert!(found[0].text.contains("150 euros"));
    assert!(!found.iter().any(|source| source.text.contains("120 euros")));
    assert_eq!(found[0].ordinal, 20, "its place moved by one");
    let rows = rows(&world, document).await;
    assert_eq!(rows.len(), 24);
    assert_eq!(
        vectors(&world, world.creator, document).await,
        rows,
        "the old vector is gone"
    );
}

#[tokio::test]
async fn an_older_version_does_not_come_back() {
    let world = World::new().await;
    let document = DocumentId::new();
    world.ingest(world.creator, document, 2, SECOND).await;
    let late = world.ingest(world.creator, document, 1, HANDBOOK).await;
    assert_eq!(failed(&late), ("superseded", false));
    assert_eq!(rows(&world, document).await.len(), 1);
}

#[tokio::test]
async fn nothing_of_a_new_version_is_seen_before_it_is_complete() {
    let world = World::new().await;
    let document = DocumentId::new();
    world.ingest(world.creator, document, 1, HANDBOOK).await;
    let before = world.ollama.batches();
    world.ollama.allow(before);
    let (router, token) = (world.hub(world.creator), document);
    let put = tokio::spawn(async move {
        router
            .json(Method::PUT, &document_path(token), &ingestion(2, SECOND))
            .await
    });
    while world.ollama.batches() == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A word needs no vector, so this search is not held.
    let mut tx = world.state.db.tenant_read(world.creator).await.unwrap();
    let words = |text| ai_engine_service::domain::terms::Terms::of(text);
    let by_words = ai_engine_service::store::chunks::by_words;
    assert!(
        by_words(&mut tx, &words("honey"), 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        !by_words(&mut tx, &words("ghrelin"), 9)
            .await
            .unwrap()
            .is_empty()
    );
    drop(tx);
    world.ollama.allow(usize::MAX);
    put.await.unwrap();
    assert!(!world.search(world.creator, "honey").await.is_empty());
    assert!(world.search(world.creator, "ghrelin").await.is_empty());
}

#[tokio::test]
async fn a_forgotten_document_leaves_nothing_and_may_be_forgotten_again() {
    let world = World::new().await;
    let (gone, stays) = (
        DocumentId::new(),
        world.replace_keys(world.creator, SECOND).await,
    );
    world.ingest(world.creator, gone, 1, HANDBOOK).await;
    let other = CreatorId::new();
    world
        .hub(other)
        .delete(&document_path(gone))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(
        rows(&world, gone).await.len(),
        23,
        "another tenant's call changes nothing"
    );
    for _ in 0..2 {
        let answer = world.hub(world.creator).delete(&document_path(gone)).await;
        answer.expect(StatusCode::NO_CONTENT);
        assert!(rows(&world, gone).await.is_empty());
        assert!(vectors(&world, world.creator, gone).await.is_empty());
    }
    assert_eq!(vectors(&world, world.creator, stays).await.len(), 1);
    assert!(
        world
            .search(world.creator, "How cold should my bedroom be?")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn the_same_document_id_of_two_tenants_is_two_documents() {
    let world = World::new().await;
    let (document, other) = (DocumentId::new(), CreatorId::new());
    world.ingest(world.creator, document, 1, HANDBOOK).await;
    world.ingest(other, document, 1, SECOND).await;
    world
        .hub(other)
        .delete(&document_path(document))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(vectors(&world, world.creator, document).await.len(), 23);
    assert!(!world.search(world.creator, "ghrelin").await.is_empty());
}

#[tokio::test]
async fn a_text_without_words_fails_for_good() {
    let world = World::new().await;
    for text in ["", " \n\n ", "\u{0}\u{0}", "# Only a heading"] {
        let events = world
            .ingest(world.creator, DocumentId::new(), 1, text)
            .await;
        assert_eq!(failed(&events), ("empty_document", false), "{text:?}");
    }
}

#[tokio::test]
async fn a_hostile_text_becomes_passages_like_any_other() {
    let world = World::new().await;
    let text = format!(
        "{}\n\n{}\n\n{}\n\n'; drop table ai.chunks; --\u{0}",
        "x".repeat(1500),
        "静かな朝".repeat(100),
        "1234567890".repeat(40)
    );
    let events = world
        .ingest(world.creator, DocumentId::new(), 1, &text)
        .await;
    assert!(
        matches!(events.last(), Some(IngestionEvent::Done { .. })),
        "{events:?}"
    );
}

#[tokio::test]
async fn one_bad_passage_does_not_stop_a_document() {
    let world = World::new().await;
    world.ollama.poison("ghrelin");
    let document = DocumentId::new();
    let events = world.ingest(world.creator, document, 1, HANDBOOK).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert_eq!(vectors(&world, world.creator, document).await.len(), 22);
    let found = world.search(world.creator, "hunger hormone protein").await;
    assert!(
        found[0].text.starts_with("Eat thirty"),
        "its words are found all the same"
    );
}

#[tokio::test]
async fn when_every_passage_fails_the_document_fails_and_may_be_tried_again() {
    let world = World::new().await;
    world.ollama.poison("hive");
    let events = world
        .ingest(world.creator, DocumentId::new(), 1, SECOND)
        .await;
    assert_eq!(failed(&events), ("model_failed", true));
}

#[tokio::test]
async fn a_caller_who_leaves_stops_the_work_and_a_repeat_goes_on_from_there() {
    let world = World::new().await;
    let document = DocumentId::new();
    world.ollama.allow(1);
    let request = world
        .hub(world.creator)
        .request(Method::PUT, &document_path(document))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(ingestion(1, HANDBOOK).to_string()))
        .unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body();
    let mut seen = String::new();
    while !seen.contains(r#""done":8"#) {
        let frame = body.frame().await.unwrap().unwrap();
        seen += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
    drop(body);
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.ollama.allow(usize::MAX);
    assert!(
        world.search(world.creator, "ghrelin").await.is_empty(),
        "incomplete is unseen"
    );
    let before = world.ollama.embedded();
    let events = world.ingest(world.creator, document, 1, HANDBOOK).await;
    assert_eq!(
        events.first(),
        Some(&IngestionEvent::Progress { done: 8, total: 23 })
    );
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert_eq!(world.ollama.embedded() - before, 15);
    assert_eq!(vectors(&world, world.creator, document).await.len(), 23);
}

#[tokio::test]
async fn vectors_that_chroma_lost_are_made_again_by_a_repeat() {
    let world = World::new().await;
    let document = world.replace_keys(world.creator, HANDBOOK).await;
    let found = world
        .state
        .vectors
        .of_document(world.creator, document)
        .await
        .unwrap();
    let (collection, ids) = found.into_iter().next().unwrap();
    world
        .state
        .vectors
        .delete(collection.clone(), ids[..5].to_vec())
        .await
        .unwrap();
    let events = world.ingest(world.creator, document, 1, HANDBOOK).await;
    assert_eq!(
        events.first(),
        Some(&IngestionEvent::Progress {
            done: 18,
            total: 23
        })
    );
    assert_eq!(vectors(&world, world.creator, document).await.len(), 23);
    // Its volume may be emptied as a whole, under the feet of a running service.
    world.chroma().remove(&collection).await.unwrap();
    assert!(
        world
            .search(world.creator, "How cold is a bedroom?")
            .await
            .len()
            <= 1
    );
    let events = world.ingest(world.creator, document, 1, HANDBOOK).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert!(
        !world
            .search(world.creator, "How cold should my bedroom be?")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_vector_without_a_row_is_swept() {
    let world = World::new().await;
    let document = world.replace_keys(world.creator, SECOND).await;
    let vector = world.state.embedder.query("left behind").await.unwrap();
    let orphan = vec![(ChunkId::new(), vector)];
    world
        .state
        .vectors
        .add(world.creator, document, 1, orphan)
        .await
        .unwrap();
    assert_eq!(vectors(&world, world.creator, document).await.len(), 2);
    world.ingest(world.creator, document, 2, SECOND).await;
    assert_eq!(vectors(&world, world.creator, document).await.len(), 1);
}

#[tokio::test]
async fn while_an_engine_is_away_the_document_waits_and_then_goes_on() {
    let stores = shared_testkit::Stores::from_env();
    let ollama = Door::before(&stores.ollama, false).await;
    let chroma = Door::before(&stores.chroma, true).await;
    let world = World::with(|config| {
        config.engines.ollama_url.clone_from(&ollama.url);
        config.engines.chroma_url.clone_from(&chroma.url);
    })
    .await;
    let document = DocumentId::new();
    let events = world.ingest(world.creator, document, 1, SECOND).await;
    assert_eq!(failed(&events), ("dependency_unavailable", true));
    ollama.open();
    chroma.shut();
    let events = world.ingest(world.creator, document, 1, SECOND).await;
    assert_eq!(failed(&events), ("dependency_unavailable", true));
    let Some(IngestionEvent::Failed { reason, .. }) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(reason, "chroma does not answer");
    let answer = world
        .hub(world.creator)
        .delete(&document_path(document))
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.json()["detail"].as_str().unwrap().contains("chroma"));
    chroma.open();
    let events = world.ingest(world.creator, document, 1, SECOND).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 1 }));
}

#[tokio::test]
async fn many_documents_at_once_go_through_one_writer() {
    let world = World::new().await;
    let text = |n: usize| format!("# Part {n}\n\n{SECOND} This is variant number {n}.");
    let one = |n| {
        let world = &world;
        async move { world.replace_keys(world.creator, &text(n)).await }
    };
    let documents = futures_util::future::join_all((0..8).map(one)).await;
    for document in documents {
        assert_eq!(
            vectors(&world, world.creator, document).await,
            rows(&world, document).await
        );
    }
}

#[tokio::test]
async fn only_services_hand_over_documents() {
    let world = World::new().await;
    let path = document_path(DocumentId::new());
    let owner = world.owner(world.creator);
    let answer = owner.json(Method::PUT, &path, &ingestion(1, SECOND)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::FORBIDDEN, "services_only")
    );
    assert_eq!(owner.delete(&path).await.status, StatusCode::FORBIDDEN);
    let anonymous = TestClient::new(world.router.clone());
    assert_eq!(
        anonymous.delete(&path).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn what_is_handed_over_wrongly_is_refused() {
    let world = World::new().await;
    let hub = world.hub(world.creator);
    let path = document_path(DocumentId::new());
    let whole = ingestion(1, SECOND);
    for (field, value) in [
        ("version", json!(0)),
        ("version", json!("1")),
        ("title", json!(" ")),
        ("kind", json!("pdf")),
        ("creator_id", json!(world.creator)),
    ] {
        let mut body = whole.clone();
        body[field] = value;
        let answer = hub.json(Method::PUT, &path, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let bad = hub
        .json(Method::PUT, "/ai-engine/internal/v1/documents/7", &whole)
        .await;
    assert_eq!(bad.code(), "malformed_id");
    let title = json!("A\u{7}title\nof two lines");
    let mut body = whole;
    body["title"] = title;
    hub.json(Method::PUT, &path, &body)
        .await
        .expect(StatusCode::OK);
    let found = world.search(world.creator, "honey in winter").await;
    assert_eq!(found[0].title, "A title of two lines");
}
