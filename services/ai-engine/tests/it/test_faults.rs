//! What breaks, and what the caller sees of it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared_ai_client::{AnswerEvent, AnswerMode, Usage};
use shared_config::Service;
use shared_testkit::{Stores, TestClient};
use tower::ServiceExt as _;

use crate::stand_in::{Chat, Door, StandIn, delta, end};
use crate::world::{HANDBOOK, World, done, sources, text};

const COLD: &str = "How cold should my bedroom be?";

fn question(mode: &str) -> Value {
    json!({"question": COLD, "mode": mode})
}

async fn broken(chat: Chat) -> World {
    let world = World::with_handbook().await;
    world.ollama.chat(chat);
    world
}

fn error_code(events: &[AnswerEvent]) -> &str {
    match events.last() {
        Some(AnswerEvent::Error(failure)) => &failure.code,
        other => panic!("{other:?} came last"),
    }
}

async fn state_of_last(world: &World) -> (String, Option<String>) {
    let pool = world.database.admin().await;
    let query = "select state, error_code from ai.generations order by id desc limit 1";
    for _ in 0..100 {
        let row = sqlx::query(query).fetch_optional(&pool).await.unwrap();
        if let Some(row) = row {
            return (sqlx::Row::get(&row, 0), sqlx::Row::get(&row, 1));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no generation was stored");
}

#[tokio::test]
async fn characters_and_lines_split_anywhere_arrive_whole() {
    let mut bytes: Vec<u8> = Vec::new();
    for part in [
        delta("Kühl: 16 °C ["),
        delta("1"),
        delta("] 静か [9]"),
        end(),
    ] {
        bytes.extend_from_slice(&part);
    }
    let one_by_one: Vec<Bytes> = bytes.chunks(3).map(Bytes::copy_from_slice).collect();
    let world = broken(Chat::Chunks(one_by_one)).await;
    let events = world.events(world.creator, &question("generative")).await;
    assert_eq!(text(&events), "Kühl: 16 °C [1] 静か ");
    let done = done(&events);
    assert_eq!(done.citations, [1], "9 is no source, and did not get out");
    let usage = Usage {
        prompt_tokens: 26,
        completion_tokens: 7,
    };
    assert_eq!(done.usage, usage);
    world.ollama.chat(Chat::Chunks(vec![Bytes::from(bytes)]));
    let events = world.events(world.creator, &question("generative")).await;
    assert_eq!(
        text(&events),
        "Kühl: 16 °C [1] 静か ",
        "all lines in one chunk"
    );
}

#[tokio::test]
async fn an_error_line_after_some_words_ends_the_stream_as_an_error() {
    let error = Bytes::from("{\"error\":\"llama runner process has terminated\"}\n");
    for mode in ["generative", "auto"] {
        let world = broken(Chat::Chunks(vec![delta("It is "), error.clone()])).await;
        let events = world.events(world.creator, &question(mode)).await;
        assert_eq!(text(&events), "It is ", "what was said stays");
        assert_eq!(error_code(&events), "model_failed");
        let expected = ("failed".to_owned(), Some("model_failed".to_owned()));
        assert_eq!(state_of_last(&world).await, expected);
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_is_an_error() {
    for chat in [
        Chat::Cut(vec![delta("It is ")]),
        Chat::Chunks(vec![delta("It is ")]),
    ] {
        let world = broken(chat).await;
        let events = world.events(world.creator, &question("generative")).await;
        assert_eq!(error_code(&events), "stream_cut");
        assert_eq!(sources(&events).len(), 1);
    }
}

#[tokio::test]
async fn while_the_chat_model_fails_auto_quotes_and_generative_says_so() {
    for (chat, code) in [
        (Chat::Status(503), "overloaded"),
        (Chat::Status(500), "model_failed"),
        (Chat::Status(404), "model_missing"),
    ] {
        let world = broken(chat).await;
        let events = world.events(world.creator, &question("auto")).await;
        let done = done(&events);
        assert_eq!((done.mode, done.fell_back), (AnswerMode::Extractive, true));
        assert!(text(&events).contains("between 16 and 18 degrees"));
        let events = world.events(world.creator, &question("generative")).await;
        assert_eq!(error_code(&events), code);
    }
}

#[tokio::test]
async fn after_repeated_failures_the_model_is_left_alone_and_then_tried_again() {
    let world = broken(Chat::Status(500)).await;
    for _ in 0..3 {
        world.events(world.creator, &question("generative")).await;
    }
    world.ollama.chat(Chat::Chunks(vec![delta("Cold."), end()]));
    let answer = world.ask(world.creator, &question("generative")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "overloaded");
    let wait: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let events = world.events(world.creator, &question("generative")).await;
    assert_eq!(text(&events), "Cold.");
}

#[tokio::test]
async fn without_the_chat_model_auto_quotes_and_generative_is_refused() {
    let world = broken(Chat::Real).await;
    world
        .ollama
        .tags(r#"{"models":[{"name":"all-minilm:latest","size":1}]}"#);
    let events = world.events(world.creator, &question("auto")).await;
    assert!(done(&events).fell_back);
    let answer = world.ask(world.creator, &question("generative")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("tiny-llama")
    );
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn without_ollama_only_a_question_with_a_known_vector_is_quoted() {
    let behind = StandIn::before(&Stores::from_env().ollama).await;
    let ollama = Door::before(&behind.url(), true).await;
    let url = ollama.url.clone();
    let world = World::with(|config| config.engines.ollama_url = url).await;
    world.replace_keys(world.creator, HANDBOOK).await;
    world.events(world.creator, &question("extractive")).await;
    ollama.shut();
    let events = world.events(world.creator, &question("auto")).await;
    assert!(done(&events).fell_back, "the vector came out of Redis");
    let answer = world.ask(world.creator, &question("generative")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let other = json!({"question": "Can I get a refund?", "mode": "extractive"});
    let answer = world.ask(world.creator, &other).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "dependency_unavailable");
    assert!(answer.json()["detail"].as_str().unwrap().contains("ollama"));
    ollama.open();
    let events = world.events(world.creator, &other).await;
    assert!(
        text(&events).contains("fourteen days"),
        "it recovers by itself"
    );
}

#[tokio::test]
async fn without_chroma_search_and_answers_are_503_and_recover() {
    let chroma = Door::before(&Stores::from_env().chroma, true).await;
    let url = chroma.url.clone();
    let world = World::with(|config| config.engines.chroma_url = url).await;
    world.replace_keys(world.creator, HANDBOOK).await;
    chroma.shut();
    let owner = world.owner(world.creator);
    for (path, body) in [
        ("/ai-engine/v1/search", json!({"query": COLD})),
        ("/ai-engine/v1/answers", question("extractive")),
        ("/ai-engine/v1/answers", question("auto")),
    ] {
        let answer = owner.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.code(), "dependency_unavailable");
        assert!(answer.json()["detail"].as_str().unwrap().contains("chroma"));
    }
    chroma.open();
    assert!(!world.search(world.creator, COLD).await.is_empty());
}

#[tokio::test]
async fn without_redis_services_are_answered_and_people_are_told_what_is_away() {
    let world = World::with(|config| config.cache.port = 1).await;
    world.replace_keys(world.creator, HANDBOOK).await;
    let body = json!({"query": COLD});
    let service = world.mint.verifier(Service::CreatorHub);
    let token = service
        .signer()
        .tenant_token(Service::AiEngine, world.creator);
    let hub = TestClient::new(world.router.clone()).with_token(&token.unwrap());
    let found = hub.post("/ai-engine/v1/search", &body).await;
    assert_ne!(found.expect(StatusCode::OK)["results"], json!([]));
    // Whether a person's token was revoked cannot be asked.
    let owner = world.owner(world.creator);
    let refused = owner.post("/ai-engine/v1/search", &body).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text().contains("redis is unavailable"));
}

#[tokio::test]
async fn without_postgres_nothing_is_answered() {
    let world = World::with(|config| config.database.port = 1).await;
    let owner = world.owner(world.creator);
    let answer = owner
        .post("/ai-engine/v1/search", &json!({"query": COLD}))
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("postgres")
    );
}

#[tokio::test]
async fn a_caller_who_leaves_stops_the_model() {
    let world = broken(Chat::Endless).await;
    let request = world
        .owner(world.creator)
        .request(Method::POST, "/ai-engine/v1/answers")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(question("generative").to_string()))
        .unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body();
    let mut seen = String::new();
    while !seen.contains("word") {
        let frame = body.frame().await.unwrap().unwrap();
        seen += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
    assert!(!world.ollama.left());
    drop(body);
    let started = std::time::Instant::now();
    while !world.ollama.left() {
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "the model still runs"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(state_of_last(&world).await, ("cancelled".to_owned(), None));
}

#[tokio::test]
async fn more_answers_than_the_queue_holds_are_refused_or_quoted() {
    let world = broken(Chat::Endless).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(world.state.chat.enter(Duration::ZERO).await.unwrap());
    }
    let waiting: Vec<_> = (0..16)
        .map(|_| {
            let gate = world.state.chat.clone();
            tokio::spawn(async move { gate.enter(Duration::from_mins(1)).await.map(|_| ()) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = world.ask(world.creator, &question("generative")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "overloaded");
    assert!(answer.headers.contains_key("retry-after"));
    let events = world.events(world.creator, &question("auto")).await;
    assert!(done(&events).fell_back);
    for waiter in waiting {
        waiter.abort();
    }
}
