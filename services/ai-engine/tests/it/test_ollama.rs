//! The behaviour of the real Ollama that this service relies on.

use ai_engine_service::ModelError;
use ai_engine_service::chat_stream::ChatEvent;
use ai_engine_service::ollama::{ChatRequest, Message, Ollama};
use shared_testkit::Stores;

fn ollama() -> Ollama {
    Ollama::new(&Stores::from_env().ollama).unwrap()
}

#[tokio::test]
async fn a_text_that_exceeds_the_context_window_is_refused_and_not_truncated() {
    let long = ["word ".repeat(2000)];
    let refused = ollama().embed("all-minilm", &long, None).await;
    assert!(matches!(refused, Err(ModelError::TooLong)), "{refused:?}");
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let texts = ["x".to_owned()];
    let missing = ollama().embed("absent", &texts, None).await;
    assert!(matches!(missing, Err(ModelError::NotFound(_))));
    let request = ChatRequest::new(vec![Message {
        role: "user",
        content: "x".to_owned(),
    }]);
    let missing = ollama().chat("absent", &request).await;
    assert!(matches!(missing, Err(ModelError::NotFound(_))));
    let refused = ollama().chat("all-minilm", &request).await;
    assert!(
        matches!(refused, Err(ModelError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_empty_text_gives_a_vector_or_an_error() {
    let empty = ollama().embed("all-minilm", &[String::new()], None).await;
    let whole = ollama().embed("all-minilm", &["x".to_owned()], None).await;
    assert!(whole.is_ok());
    assert!(empty.is_err() || empty.unwrap().len() == 1);
}

#[tokio::test]
async fn the_dimension_is_known_without_loading_the_model() {
    assert_eq!(
        ollama().embedding_dimension("all-minilm").await.unwrap(),
        384
    );
    let texts = ["x".to_owned(), "y".to_owned()];
    let vectors = ollama().embed("all-minilm", &texts, None).await.unwrap();
    assert_eq!(vectors[0].len(), 384);
    let length: f32 = vectors[0].iter().map(|n| n * n).sum();
    assert!((length - 1.0).abs() < 1e-3, "the vector has length one");
}

#[tokio::test]
async fn a_stream_is_read_to_its_end() {
    let content = "tell me more ".repeat(20);
    let request = ChatRequest::new(vec![Message {
        role: "user",
        content,
    }]);
    let mut stream = ollama().chat("tiny-llama", &request).await.unwrap();
    let usage = loop {
        match stream.next().await.unwrap() {
            ChatEvent::Delta(text) => assert!(!text.is_empty()),
            ChatEvent::Done { usage, .. } => break usage,
        }
    };
    assert!(
        usage.prompt_tokens > 100 && usage.completion_tokens > 0,
        "{usage:?}"
    );
}
