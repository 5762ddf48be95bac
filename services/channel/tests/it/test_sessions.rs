//! Sessions of visitors: the claims of their tokens, and where tokens are refused.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use shared_testkit::{Answer, QueryLog};

use crate::test_app::{PAGE, TestApp, WIDGET_KEY};
use crate::widget_client::WidgetClient;

fn claims_of(token: &str) -> Value {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_aud = false;
    rules.validate_exp = false;
    let key = DecodingKey::from_secret(WIDGET_KEY.as_bytes());
    jsonwebtoken::decode::<Value>(token, &key, &rules)
        .unwrap()
        .claims
}

fn signed(claims: &Value, key: &str) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn changed(token: &str, field: &str, value: Value) -> String {
    let mut claims = claims_of(token);
    claims[field] = value;
    signed(&claims, WIDGET_KEY)
}

#[tokio::test]
async fn a_session_token_names_visitor_page_and_expiry() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let answer = app.request_session(&channel, PAGE, &json!({})).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let session = answer.expect(StatusCode::CREATED);
    let claims = claims_of(session["token"].as_str().unwrap());
    assert_eq!(claims["channel"], channel);
    assert_eq!(claims["creator"], app.creator.to_string());
    assert_eq!(claims["conversation"], session["conversation_id"]);
    assert_eq!(claims["origin"], PAGE);
    let left = claims["exp"].as_i64().unwrap() - jiff::Timestamp::now().as_second();
    assert!((3590..=3600).contains(&left), "{left}");
    let appearance = &session["appearance"];
    assert_eq!(appearance["name"], "Harbour assistant");
    assert_eq!(appearance["position"], "bottom-right");
    assert!(appearance.get("allowed_origins").is_none());
    let admin = app.admin().await;
    let rows = sqlx::query("select 1 from channel.conversations")
        .fetch_all(&admin)
        .await;
    assert!(
        rows.unwrap().is_empty(),
        "a session without messages stores nothing"
    );
}

#[tokio::test]
async fn a_returning_visitor_continues_the_same_conversation() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let first = app.start_session(&channel).await;
    let known = json!({"visitor_token": first["visitor_token"]});
    let again = app
        .request_session(&channel, PAGE, &known)
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(again["conversation_id"], first["conversation_id"]);
    assert_ne!(
        app.start_session(&channel).await["conversation_id"],
        first["conversation_id"]
    );

    let mut client = app.connect(&channel, &again).await;
    client.ask("Are you there?").await;
    client.skip_to("ai_response").await;
    sqlx::query("update channel.conversations set owner = 'closed'")
        .execute(&app.admin().await)
        .await
        .unwrap();
    client.ask("And now?").await;
    assert_eq!(client.close_code().await, 4401);
    let fresh = app
        .request_session(&channel, PAGE, &known)
        .await
        .expect(StatusCode::CREATED);
    assert_ne!(fresh["conversation_id"], first["conversation_id"]);
}

#[tokio::test]
async fn an_invalid_visitor_token_is_refused() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let other = app
        .create_widget_with(&json!({"allowed_origins": [PAGE, "https://b.example"]}))
        .await;
    let session = app.start_session(&channel).await;
    let token = session["visitor_token"].as_str().unwrap();
    let elsewhere = app
        .request_session(&other, "https://b.example", &json!({}))
        .await
        .json();
    let long_ago = jiff::Timestamp::now().as_second() - 1;
    for (what, bad) in [
        ("nonsense", "nonsense".to_owned()),
        (
            "another key",
            signed(&claims_of(token), "another key of thirty-two characters"),
        ),
        ("expired", changed(token, "exp", json!(long_ago))),
        (
            "a session's token",
            session["token"].as_str().unwrap().to_owned(),
        ),
        (
            "another channel",
            elsewhere["visitor_token"].as_str().unwrap().to_owned(),
        ),
        (
            "another page",
            changed(token, "origin", json!("https://b.example")),
        ),
    ] {
        let body = json!({"visitor_token": bad});
        let answer = app.request_session(&channel, PAGE, &body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!(answer.code(), "invalid_visitor_token", "{what}");
    }
}

#[tokio::test]
async fn a_socket_with_an_invalid_token_is_closed_with_a_code() {
    let app = TestApp::new().await;
    let origins = json!({"allowed_origins": [PAGE, "https://b.example"]});
    let channel = app.create_widget_with(&origins).await;
    let other = app.create_widget_with(&origins).await;
    let session = app.start_session(&channel).await;
    let token = session["token"].as_str().unwrap();
    let long_ago = jiff::Timestamp::now().as_second() - 1;
    let (head, tail) = token.rsplit_once('.').unwrap();
    let flipped: String = tail.chars().rev().collect();
    for (what, bad, page, code) in [
        ("nonsense", "nonsense".to_owned(), PAGE, 4401),
        (
            "a flipped signature",
            format!("{head}.{flipped}"),
            PAGE,
            4401,
        ),
        (
            "another key",
            signed(&claims_of(token), "another key of thirty-two chars!"),
            PAGE,
            4401,
        ),
        (
            "expired",
            changed(token, "exp", json!(long_ago)),
            PAGE,
            4401,
        ),
        (
            "a visitor's token",
            session["visitor_token"].as_str().unwrap().to_owned(),
            PAGE,
            4401,
        ),
        ("another page", token.to_owned(), "https://b.example", 4403),
        (
            "another tenant",
            changed(token, "creator", json!(uuid::Uuid::now_v7())),
            PAGE,
            4403,
        ),
    ] {
        let client = WidgetClient::connect(app.replica.address, &channel, &bad, 0, page).await;
        assert_eq!(client.expect(what).close_code().await, code, "{what}");
    }
    let client = WidgetClient::connect(app.replica.address, &other, token, 0, PAGE).await;
    assert_eq!(client.unwrap().close_code().await, 4403, "another channel");
}

#[tokio::test]
async fn a_socket_is_closed_when_its_token_expires() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let soon = jiff::Timestamp::now().as_second() + 2;
    let token = changed(session["token"].as_str().unwrap(), "exp", json!(soon));
    let mut client = WidgetClient::connect(app.replica.address, &channel, &token, 0, PAGE)
        .await
        .unwrap();
    assert_eq!(client.next().await["type"], "status");
    assert_eq!(client.close_code().await, 4401);
}

#[tokio::test]
async fn the_admission_of_a_page_asks_postgresql_at_most_once() {
    let mut app = TestApp::new().await;
    let (first, second) = (app.create_widget().await, app.create_widget().await);
    let mut config = app.config.clone();
    // One connection, so that a statement is prepared once.
    config.database.max_connections = 1;
    let log = QueryLog::before(&mut config.database).await;
    app.use_config(&config).await;
    app.start_session(&first).await;
    log.take();
    app.start_session(&second).await;
    let trips = log.take();
    // Without what jobs ask for in the background.
    let creator = app.creator.to_string();
    let of_admission = |trips: &[String]| {
        let is_its_own = |text: &&String| text.contains("channel.") || text.contains(&creator);
        trips.iter().filter(is_its_own).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of_admission(&trips).len(), 1, "{trips:#?}");
    assert!(
        trips
            .iter()
            .any(|text| text.contains("find_widget_with_account"))
    );
    // Copies of the rows are written in the background.
    let began = Instant::now();
    loop {
        app.start_session(&second).await;
        let trips = of_admission(&log.take());
        if trips.is_empty() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{trips:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A visitor who comes back: the conversation may be closed by now.
    let visitor = app.start_session(&second).await["visitor_token"].clone();
    let known = json!({ "visitor_token": visitor });
    for _ in 0..2 {
        log.take();
        let again = app.request_session(&second, PAGE, &known).await;
        again.expect(StatusCode::CREATED);
    }
    let trips = of_admission(&log.take());
    assert_eq!(trips.len(), 1, "{trips:#?}");
    assert!(trips[0].contains("is_conversation_closed"), "{trips:?}");
}

async fn history(
    app: &TestApp,
    channel: &str,
    token: &str,
    query: &str,
    header: Option<(&str, &str)>,
) -> Answer {
    let path = format!("/channels/v1/widget/{channel}/history{query}");
    let client = app.replica.client.with_token(token);
    let mut request = client.request(Method::GET, &path);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    client.send(request.body(Body::empty()).unwrap()).await
}

const HERE: Option<(&str, &str)> = Some(("origin", PAGE));

#[tokio::test]
async fn the_history_is_read_in_pages() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    for question in ["One?", "Two?", "Three?"] {
        client.ask(question).await;
        client.skip_to("ai_response").await;
    }
    let token = session["token"].as_str().unwrap();
    let all = history(&app, &channel, token, "", HERE)
        .await
        .expect(StatusCode::OK);
    assert_eq!(all["last_seq"], 6);
    let items = all["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .map(|message| message["seq"].as_i64().unwrap())
            .eq(1..=6)
    );
    let rest = history(&app, &channel, token, "?after_seq=4&limit=1", HERE).await;
    assert_eq!(rest.expect(StatusCode::OK)["items"][0]["content"], "Three?");
    let out_of_bounds = history(&app, &channel, token, "?limit=101", HERE).await;
    assert_eq!(out_of_bounds.code(), "invalid_query");
}

#[tokio::test]
async fn the_history_requires_the_token_and_the_page_of_the_session() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let token = session["token"].as_str().unwrap();
    let same_host = Some(("sec-fetch-site", "same-origin"));
    let ok = history(&app, &channel, token, "", same_host).await;
    assert_eq!(ok.expect(StatusCode::OK)["items"], json!([]));
    let elsewhere = Some(("sec-fetch-site", "cross-site"));
    for header in [None, elsewhere, Some(("origin", "https://evil.example"))] {
        let refused = history(&app, &channel, token, "", header).await;
        assert_eq!(refused.code(), "origin_not_allowed", "{header:?}");
    }
    let expired = changed(token, "exp", json!(1));
    assert_eq!(
        history(&app, &channel, &expired, "", HERE).await.code(),
        "expired_token"
    );
    assert_eq!(
        history(&app, &channel, "nonsense", "", HERE).await.code(),
        "invalid_token"
    );
    let path = format!("/channels/v1/widget/{channel}/history");
    let client = &app.replica.client;
    let bare = client.request(Method::GET, &path).header("origin", PAGE);
    let bare = client.send(bare.body(Body::empty()).unwrap()).await;
    assert_eq!(bare.code(), "missing_token");
}
