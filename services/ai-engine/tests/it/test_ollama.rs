//! What we rely on in the real Ollama.

use ai_engine_service::domain::chunking::passages;
use ai_engine_service::domain::prompt::Message;
use ai_engine_service::domain::tokens;
use ai_engine_service::ollama::{ChatEvent, Ollama, OllamaError};
use serde_json::{Value, json};
use shared_ai_client::TextKind;
use shared_rpc::http_client;
use shared_testkit::Stores;

use crate::world::HANDBOOK;

fn ollama() -> Ollama {
    Ollama::new(&Stores::from_env().ollama).unwrap()
}

#[tokio::test]
async fn a_text_over_the_window_is_refused_and_not_cut() {
    let long = ["word ".repeat(2000)];
    let refused = ollama().embed("all-minilm", &long, None).await;
    assert!(matches!(refused, Err(OllamaError::TooLong)), "{refused:?}");
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let texts = ["x".to_owned()];
    let missing = ollama().embed("absent", &texts, None).await;
    assert!(matches!(missing, Err(OllamaError::NotFound(_))));
    let messages = [Message {
        role: "user",
        content: "x".to_owned(),
    }];
    let missing = ollama().chat("absent", &messages).await;
    assert!(matches!(missing, Err(OllamaError::NotFound(_))));
    let refused = ollama().chat("all-minilm", &messages).await;
    assert!(
        matches!(refused, Err(OllamaError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_empty_text_gives_no_vector_which_we_notice() {
    let empty = ollama().embed("all-minilm", &[String::new()], None).await;
    let whole = ollama().embed("all-minilm", &["x".to_owned()], None).await;
    assert!(whole.is_ok());
    // Either a vector for it, or an error: never fewer vectors than texts.
    assert!(empty.is_err() || empty.unwrap().len() == 1);
}

#[tokio::test]
async fn the_dimension_is_known_without_loading_the_model() {
    assert_eq!(ollama().dimension("all-minilm").await.unwrap(), 384);
    let texts = ["x".to_owned(), "y".to_owned()];
    let vectors = ollama().embed("all-minilm", &texts, None).await.unwrap();
    assert_eq!(vectors[0].len(), 384);
    let length: f32 = vectors[0].iter().map(|n| n * n).sum();
    assert!((length - 1.0).abs() < 1e-3, "of length one");
}

#[tokio::test]
async fn the_estimate_of_tokens_is_never_below_the_count() {
    let spanish = "Respira hondo durante cuatro segundos, mantén el aire y suéltalo lentamente; \
        así el cuerpo se tranquiliza antes de una reunión difícil. ¿Cuánto cuesta una sesión?";
    let mut texts: Vec<String> = passages(TextKind::Markdown, HANDBOOK, 256)
        .into_iter()
        .map(|passage| passage.text)
        .collect();
    texts.extend([
        spanish.to_owned(),
        "静かな朝のために".to_owned(),
        "3,14159 € [x] {}".to_owned(),
    ]);
    for text in texts {
        let body = json!({"model": "all-minilm", "input": text, "truncate": false});
        let url = format!("{}/api/embed", Stores::from_env().ollama);
        let http = http_client::new().unwrap();
        let answer: Value = http
            .post(url)
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        // Two marks of the model's own are part of the count.
        let counted = answer["prompt_eval_count"].as_u64().unwrap() - 2;
        let estimated = tokens::estimate(&text) as u64;
        assert!(estimated >= counted, "{estimated} < {counted}: {text}");
    }
}

#[tokio::test]
async fn a_stream_of_noise_is_read_to_its_end() {
    let content = "tell me more ".repeat(20);
    let messages = [Message {
        role: "user",
        content,
    }];
    let mut stream = ollama().chat("tiny-llama", &messages).await.unwrap();
    let usage = loop {
        match stream.next().await.unwrap() {
            ChatEvent::Delta(text) => assert!(!text.is_empty()),
            ChatEvent::Done(usage) => break usage,
        }
    };
    assert!(
        usage.prompt_tokens > 100 && usage.completion_tokens > 0,
        "{usage:?}"
    );
}
