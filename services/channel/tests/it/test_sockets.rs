//! Bounds on open sockets: real sockets reach each bound, the next one is refused before its
//! upgrade, and others still connect.

use axum::http::StatusCode;
use channel_service::SocketCaps;
use serde_json::{Value, json};
use shared_models::CreatorId;
use shared_testkit::TokenMint;
use tokio_tungstenite::tungstenite::{Error, Message};
use uuid::Uuid;

use crate::fake_ai_engine::FakeAiEngine;
use crate::test_app::{PAGE, TestApp};
use crate::widget_client::WidgetClient;

/// Bounds that no test reaches.
const UNBOUNDED: SocketCaps = SocketCaps {
    visitor: 1_000,
    address: 1_000,
    channel: 1_000,
    account: 1_000,
    process: 1_000,
};

async fn app_with(caps: SocketCaps) -> TestApp {
    let mint = TokenMint::new();
    let ai_engine = FakeAiEngine::start(&mint).await;
    let url = format!("http://{}", ai_engine.address);
    TestApp::with(mint, ai_engine, &url, |config| config.sockets = caps).await
}

/// Connects a session's socket as the gateway does for that address.
async fn connect(
    app: &TestApp,
    channel: &str,
    session: &Value,
    from: &str,
) -> Result<WidgetClient, Error> {
    let token = session["token"].as_str().unwrap();
    let headers = [("origin", PAGE), ("x-forwarded-for", from)];
    let mut client =
        WidgetClient::connect_from(app.replica.address, channel, token, 0, &headers).await?;
    assert_eq!(client.next().await["type"], "status");
    Ok(client)
}

/// The problem document of a refused upgrade.
fn refused(outcome: Result<WidgetClient, Error>) -> Value {
    let Err(Error::Http(response)) = outcome else {
        panic!("the upgrade was not refused");
    };
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["retry-after"], "10");
    assert_eq!(headers["access-control-allow-origin"], PAGE);
    let problem: Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
    assert_eq!(problem["code"], "too_many_sockets");
    problem
}

/// Connects as soon as the slot of a closed socket is free.
async fn connect_eventually(
    app: &TestApp,
    channel: &str,
    session: &Value,
    from: &str,
) -> WidgetClient {
    for _ in 0..100 {
        if let Ok(client) = connect(app, channel, session, from).await {
            return client;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no slot became free");
}

#[tokio::test]
async fn sockets_per_visitor_are_bounded_and_another_visitor_connects() {
    let app = app_with(SocketCaps {
        visitor: 4,
        ..UNBOUNDED
    })
    .await;
    let channel = app.create_widget().await;
    let (session, other) = (
        app.start_session(&channel).await,
        app.start_session(&channel).await,
    );
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(connect(&app, &channel, &session, "").await.unwrap());
    }
    let problem = refused(connect(&app, &channel, &session, "").await);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("visitor"), "{detail}");
    connect(&app, &channel, &other, "").await.unwrap();
    clients.pop();
    connect_eventually(&app, &channel, &session, "").await;
}

#[tokio::test]
async fn sockets_per_address_are_bounded_across_visitors() {
    let app = app_with(SocketCaps {
        address: 5,
        ..UNBOUNDED
    })
    .await;
    let channel = app.create_widget().await;
    let mut clients = Vec::new();
    for number in 0..5 {
        let session = app.start_session(&channel).await;
        // One IPv6 customer has all addresses of a /64.
        let from = format!("2001:db8:1:2::{number}");
        clients.push(connect(&app, &channel, &session, &from).await.unwrap());
    }
    let session = app.start_session(&channel).await;
    let problem = refused(connect(&app, &channel, &session, "2001:db8:1:2:ffff::1").await);
    assert!(problem["detail"].as_str().unwrap().contains("address"));
    for other in ["2001:db8:1:3::1", "203.0.113.9"] {
        clients.push(connect(&app, &channel, &session, other).await.unwrap());
    }
    clients.remove(0);
    connect_eventually(&app, &channel, &session, "2001:db8:1:2::9").await;
}

#[tokio::test]
async fn sockets_per_channel_and_per_account_are_bounded() {
    let caps = SocketCaps {
        channel: 3,
        account: 5,
        ..UNBOUNDED
    };
    let mut app = app_with(caps).await;
    let (first, second) = (app.create_widget().await, app.create_widget().await);
    let mut clients = Vec::new();
    for (channel, most) in [(&first, 3), (&second, 2)] {
        for number in 0..most {
            let session = app.start_session(channel).await;
            let from = format!("203.0.113.{number}");
            clients.push(connect(&app, channel, &session, &from).await.unwrap());
        }
    }
    for (channel, cap) in [(&first, "channel"), (&second, "account")] {
        let session = app.start_session(channel).await;
        let problem = refused(connect(&app, channel, &session, "203.0.113.99").await);
        assert!(
            problem["detail"].as_str().unwrap().contains(cap),
            "{problem}"
        );
    }
    app.creator = CreatorId::new();
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    connect(&app, &channel, &session, "203.0.113.99")
        .await
        .expect("another account is not affected");
}

#[tokio::test]
async fn sockets_per_process_are_bounded_and_requests_still_answered() {
    let mut app = app_with(SocketCaps {
        process: 6,
        ..UNBOUNDED
    })
    .await;
    let mut clients = Vec::new();
    for number in 0..6 {
        app.creator = CreatorId::new();
        let channel = app.create_widget().await;
        let session = app.start_session(&channel).await;
        let from = format!("203.0.113.{number}");
        clients.push(connect(&app, &channel, &session, &from).await.unwrap());
    }
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let problem = refused(connect(&app, &channel, &session, "198.51.100.1").await);
    assert!(problem["detail"].as_str().unwrap().contains("process"));
    let list = app.owner().get("/channels/v1/channels").await;
    list.expect(StatusCode::OK);
    clients[0].ask("Do you still answer?").await;
    clients[0].skip_to("ai_response").await;
}

#[tokio::test]
async fn sockets_with_an_invalid_token_count_until_they_are_closed() {
    let app = app_with(SocketCaps {
        address: 2,
        ..UNBOUNDED
    })
    .await;
    let channel = app.create_widget().await;
    let bad = json!({"token": "nonsense"});
    let headers = [("origin", PAGE), ("x-forwarded-for", "203.0.113.7")];
    let mut open = Vec::new();
    for _ in 0..2 {
        let address = app.replica.address;
        let client = WidgetClient::connect_from(address, &channel, "nonsense", 0, &headers).await;
        // The client does not answer the close frame, so the service waits for a moment.
        open.push(client.unwrap());
    }
    refused(connect(&app, &channel, &bad, "203.0.113.7").await);
    let session = app.start_session(&channel).await;
    connect_eventually(&app, &channel, &session, "203.0.113.7").await;
}

#[tokio::test]
async fn a_flood_of_frames_is_refused_before_it_reaches_a_store() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    let id = Uuid::new_v4();
    client.ask_as(id, "Once?").await;
    client.skip_to("ai_response").await;
    // The message is a duplicate: each repetition costs a query and counts for no other limit.
    for _ in 0..120 {
        let again = json!({"type": "user_message", "client_msg_id": id, "content": "Once?"});
        client.send(Message::text(again.to_string())).await;
    }
    let (mut acked, mut paced) = (0, Vec::new());
    let code = loop {
        match client.frame_or_close().await {
            Ok(frame) if frame["type"] == "ack" => acked += 1,
            Ok(frame) => paced.push(frame),
            Err(code) => break code,
        }
    };
    assert_eq!(code, 1008);
    assert!((30..60).contains(&acked), "{acked} reached the database");
    assert_eq!(paced.len(), 50);
    assert_eq!(paced[0]["code"], "rate_limited");
    assert_eq!(paced[0]["client_msg_id"], json!(id));
    assert_eq!(paced[0]["retry_after"], 1);
}
