//! Tests of the estimate, also against the counts of the real Ollama.

use serde_json::{Value, json};
use shared_ai_client::TextKind;
use shared_rpc::http_client;
use shared_testkit::Stores;

use super::estimate;
use crate::domain::index::chunking::tests::passages;

const HANDBOOK: &str = include_str!("../../../tests/it/handbook.md");

#[test]
fn three_letters_or_one_sign_count_as_a_token() {
    assert_eq!(estimate(""), 0);
    assert_eq!(estimate("calm down"), 4);
    assert_eq!(estimate("16 °C!"), 5);
    assert_eq!(estimate("静かな朝"), 4);
}

#[tokio::test]
async fn an_estimate_is_never_below_the_count_of_the_real_model() {
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
        let response: Value = http
            .post(url)
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        // The count includes two special tokens of the model.
        let counted = response["prompt_eval_count"].as_u64().unwrap() - 2;
        let estimated = estimate(&text) as u64;
        assert!(estimated >= counted, "{estimated} < {counted}: {text}");
    }
}
