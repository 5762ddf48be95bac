//! The embedding model is calibrated before its similarities decide about anything.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::test_app::TestApp;

const TEXT: &str = "# Naps\n\nA nap of twenty minutes refreshes you without making you drowsy.\n";

async fn calibration(app: &TestApp) -> Value {
    let answer = app.owner(app.tenant).get("/ai-engine/v1/models").await;
    let models = answer.expect(StatusCode::OK)["models"].clone();
    let models = models.as_array().unwrap().iter();
    let mut embedding = models.filter(|model| model["use"] == "embedding");
    embedding.next().unwrap()["calibration"].clone()
}

async fn search(app: &TestApp, query: &str) -> Value {
    let body = json!({"query": query});
    let owner = app.owner(app.tenant);
    let answer = owner.post("/ai-engine/v1/search", &body).await;
    answer.expect(StatusCode::OK)
}

#[tokio::test]
async fn similarities_count_once_the_model_is_calibrated() {
    let app = TestApp::uncalibrated(|_| {}).await;
    assert_eq!(
        calibration(&app).await,
        json!({"state": "pending", "languages": []})
    );
    app.index(app.tenant, TEXT).await;
    // As the process does at its start; a question would not wait for a slow machine.
    app.state.embedder.calibrate().await.unwrap();
    let found = search(&app, "How do I sleep for a short while in the afternoon?").await;
    assert_eq!(found["degraded"], json!([]));
    assert_eq!(found["results"][0]["heading"], "Naps", "{found}");
    let calibrated = calibration(&app).await;
    assert_eq!(calibrated["state"], "calibrated");
    let threshold = calibrated["threshold"].as_f64().unwrap();
    assert!((0.3..0.4).contains(&threshold), "{threshold}");
    let languages = calibrated["languages"].as_array().unwrap();
    assert!(languages.contains(&json!("en")));
    // It is an English model: it takes Japanese texts for alike.
    assert!(!languages.contains(&json!("ja")), "{languages:?}");
}

#[tokio::test]
async fn a_model_that_tells_nothing_apart_finds_nothing_by_meaning() {
    let app = TestApp::uncalibrated(|_| {}).await;
    // Every text gets the same vector.
    app.ollama.answer_at_once();
    app.index(app.tenant, TEXT).await;
    app.state.embedder.calibrate().await.unwrap();
    let unrelated = search(&app, "How much is a yearly subscription?").await;
    assert_eq!(unrelated["degraded"], json!(["not_calibrated"]));
    assert_eq!(unrelated["results"], json!([]));
    let by_words = search(&app, "nap twenty minutes").await;
    assert_eq!(by_words["results"][0]["heading"], "Naps", "{by_words}");
    assert_eq!(calibration(&app).await["state"], "impossible");
}

#[tokio::test]
async fn a_copy_of_a_passage_takes_no_place_among_the_results() {
    let app = TestApp::new().await;
    let copied = "Refunds are paid to the card you used within ten working days after the parcel \
        has come back to our warehouse, whatever the reason, and without any fee for the first \
        return of a year; later ones cost four euros each.";
    app.index(app.tenant, copied).await;
    app.index(app.tenant, &format!("{copied}\n")).await;
    let found = search(&app, "How long does a refund take?").await;
    assert_eq!(found["results"].as_array().unwrap().len(), 1, "{found}");
}
