//! Quotas of channels and of messages in a month.

use axum::http::{Method, StatusCode};
use serde_json::json;
use shared_quota::QuotaGuard;
use shared_testkit::{TokenMint, published_events};

use crate::fake_ai_engine::FakeAiEngine;
use crate::test_app::{PAGE, TestApp};

const CHANNELS: &str = "/channels/v1/channels";

async fn app(quotas: &str) -> TestApp {
    let mint = TokenMint::new();
    let ai_engine = FakeAiEngine::start(&mint).await;
    let url = format!("http://{}", ai_engine.address);
    let quotas = QuotaGuard::new(quotas.parse().unwrap());
    TestApp::with(mint, ai_engine, &url, |config| config.quotas = quotas).await
}

#[tokio::test]
async fn a_channel_beyond_the_quota_is_refused_until_one_is_deleted() {
    let app = app(r#"{"channels": 1}"#).await;
    let first = app.create_widget().await;
    let new = json!({"kind": "web_widget", "name": "B", "widget": {"allowed_origins": [PAGE]}});
    let refused = app.owner().post(CHANNELS, &new).await;
    let code = refused.code();
    assert_eq!(
        (refused.status, code.as_str()),
        (StatusCode::FORBIDDEN, "quota_exceeded")
    );
    let path = format!("{CHANNELS}/{first}");
    let renamed = app
        .owner()
        .json(Method::PATCH, &path, &json!({"name": "C"}))
        .await;
    assert_eq!(
        renamed.status,
        StatusCode::OK,
        "what is there can be changed"
    );
    let deleted = app.owner().delete(&path).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let accepted = app.owner().post(CHANNELS, &new).await;
    assert_eq!(accepted.status, StatusCode::CREATED, "{}", accepted.text());
}

#[tokio::test]
async fn messages_beyond_the_quota_of_a_month_are_refused_in_every_conversation() {
    let app = app(r#"{"messages_per_month": 2}"#).await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    for question in ["One?", "Two?"] {
        client.ask(question).await;
        client.skip_to("ai_response").await;
    }
    let other = app.start_session(&channel).await;
    let mut other = app.connect(&channel, &other).await;
    for client in [&mut client, &mut other] {
        let id = client.ask("Three?").await;
        let error = client.next().await;
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("error"), &json!("quota_exceeded"))
        );
        assert_eq!(error["client_msg_id"], json!(id));
        assert!(
            error.get("retry_after").is_none(),
            "no widget waits for weeks: {error}"
        );
    }
    assert_eq!(app.ai_engine.questions().len(), 2);
    let events = published_events(&app.admin().await, app.creator).await;
    let reached = events.iter().filter(|(name, _)| name == "quota.reached");
    let payload = json!({"quota": "messages_per_month", "percent": 100, "used": 2, "limit": 2});
    assert_eq!(
        reached.map(|(_, said)| said).collect::<Vec<_>>(),
        [&payload]
    );
    // Reading goes on, and the next month counts from nothing.
    let list = app.owner().get("/channels/v1/conversations").await;
    assert_eq!(list.status, StatusCode::OK);
    let past = "update platform.quota_usage set period = period - 31";
    sqlx::query(past).execute(&app.admin().await).await.unwrap();
    client.ask("Four?").await;
    client.skip_to("ai_response").await;
}
