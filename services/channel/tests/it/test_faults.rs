//! Unavailable dependencies are named, no message is lost, and sockets recover without a reconnect.

use axum::http::StatusCode;
use serde_json::json;
use shared_ai_client::AnswerFailure;
use shared_testkit::TokenMint;
use tokio::net::TcpListener;

use crate::fake_ai_engine::{FakeAiEngine, Reply};
use crate::test_app::TestApp;
use crate::widget_client::WidgetClient;

async fn connected(app: &TestApp) -> WidgetClient {
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    app.connect(&channel, &session).await
}

#[tokio::test]
async fn an_unavailable_ai_engine_is_named_and_the_question_is_kept() {
    let mint = TokenMint::new();
    // A port that refuses connections now and accepts them later.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let unused = FakeAiEngine::start(&mint).await;
    let app = TestApp::with(mint, unused, &format!("http://{address}"), |_| {}).await;
    let mut client = connected(&app).await;
    client.ask("Anybody?").await;
    let frames = client.until("error").await;
    assert_eq!(frames[0]["type"], "ack");
    let error = &frames[frames.len() - 1];
    assert_eq!(error["code"], "dependency_unavailable");
    assert!(error["message"].as_str().unwrap().contains("ai-engine"));
    assert_eq!(error["reply_to"], 1);
    let ready = app.replica.client.get("/readyz").await;
    assert_eq!(
        ready.status,
        StatusCode::OK,
        "each question reports an unavailable ai-engine; readiness does not"
    );

    let ai_engine = FakeAiEngine::on(&app.mint, TcpListener::bind(address).await.unwrap());
    client.send_json(&json!({"type": "retry"})).await;
    let answer = client.skip_to("ai_response").await;
    assert_eq!(
        (&answer["reply_to"], &answer["content"]),
        (&json!(1), &json!("You asked: Anybody? [1]"))
    );
    client.ask("And on?").await;
    assert_eq!(client.skip_to("ai_response").await["seq"], 4);
    assert_eq!(ai_engine.questions().len(), 2);
}

#[tokio::test]
async fn every_failure_keeps_the_question_and_allows_a_retry() {
    let app = TestApp::new().await;
    let mut client = connected(&app).await;
    let faults = [
        (
            Reply::Refuse(StatusCode::SERVICE_UNAVAILABLE),
            "dependency_unavailable",
        ),
        (Reply::Refuse(StatusCode::TOO_MANY_REQUESTS), "rate_limited"),
        (
            Reply::Refuse(StatusCode::UNPROCESSABLE_ENTITY),
            "answer_refused",
        ),
        (Reply::Fail(AnswerFailure::ModelMissing), "model_missing"),
        (Reply::Cut, "answer_interrupted"),
        (Reply::text(""), "answer_interrupted"),
    ];
    for (number, (reply, code)) in faults.into_iter().enumerate() {
        app.ai_engine.reply_next(reply);
        client.ask(&format!("Try {number}?")).await;
        let error = client.skip_to("error").await;
        assert_eq!(error["code"], code);
        assert_eq!(error["reply_to"], json!(number + 1));
    }
    let rows = sqlx::query_as::<_, (String,)>("select role from channel.messages");
    let rows = rows.fetch_all(&app.admin().await).await.unwrap();
    assert_eq!(rows.len(), 6);
    assert!(
        rows.iter().all(|row| row.0 == "user"),
        "a partial answer is not stored"
    );
    client.send_json(&json!({"type": "retry"})).await;
    let answer = client.skip_to("ai_response").await;
    assert_eq!(
        (&answer["seq"], &answer["reply_to"]),
        (&json!(7), &json!(6))
    );
}

#[tokio::test]
async fn an_endless_answer_is_aborted() {
    let app = TestApp::new().await;
    let mut client = connected(&app).await;
    app.ai_engine
        .reply_next(Reply::text(&"endless ".repeat(5000)));
    client.ask("How long?").await;
    assert_eq!(client.skip_to("error").await["code"], "answer_too_long");
}

#[tokio::test]
async fn unavailable_stores_are_named() {
    let mint = TokenMint::new();
    let ai_engine = FakeAiEngine::start(&mint).await;
    let url = format!("http://{}", ai_engine.address);
    let app = TestApp::with(mint, ai_engine, &url, |config| config.cache.port = 1).await;
    let ready = app.replica.client.get("/channels/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let checks = ready.json()["checks"].clone();
    assert_eq!(
        (&checks[0]["name"], &checks[0]["ready"]),
        (&json!("postgres"), &json!(true))
    );
    assert_eq!(
        (&checks[1]["name"], &checks[1]["ready"]),
        (&json!("redis"), &json!(false))
    );
    let channel = app.create_widget().await;
    let session = app
        .request_session(&channel, crate::test_app::PAGE, &json!({}))
        .await;
    assert_eq!(
        session.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "sessions fail closed"
    );
    assert!(session.text().contains("redis"));
    assert_eq!(session.code(), "dependency_unavailable");
    assert!(session.headers.contains_key("retry-after"));

    let mint = TokenMint::new();
    let ai_engine = FakeAiEngine::start(&mint).await;
    let app = TestApp::with(mint, ai_engine, &url, |config| config.database.port = 1).await;
    let answer = app.owner().get("/channels/v1/channels").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("postgres"));
    let live = app.replica.client.get("/livez").await;
    assert_eq!(live.status, StatusCode::OK);
}

#[tokio::test]
async fn without_redis_a_process_still_answers_its_own_sockets() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let alone = TestApp::with(
        app.mint.clone(),
        app.ai_engine.clone(),
        &app.config.ai_engine_url,
        |other| {
            other.cache.port = 1;
            other.database = app.config.database.clone();
        },
    )
    .await;
    let mut client = alone.replica.connect(&channel, &session, 0).await;
    assert_eq!(client.next().await["type"], "status");
    client.ask("Still there?").await;
    assert_eq!(client.skip_to("ai_response").await["seq"], 2);
}
