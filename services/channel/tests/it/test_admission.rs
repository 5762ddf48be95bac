//! Which pages may use a widget, and the CORS headers they get.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_testkit::Answer;
use tokio_tungstenite::tungstenite::Error;
use uuid::Uuid;

use crate::test_app::{PAGE, TestApp};
use crate::widget_client::WidgetClient;

fn problem(answer: &Answer) -> Value {
    let mut problem = answer.json();
    problem["trace_id"].take();
    problem
}

#[tokio::test]
async fn only_pages_of_allowed_origins_get_a_session() {
    let app = TestApp::new().await;
    let origins = json!([
        "https://example.com",
        "https://*.shop.example",
        "http://localhost:3000"
    ]);
    let channel = app
        .create_widget_with(&json!({"allowed_origins": origins}))
        .await;
    for origin in [
        "https://example.com",
        "https://a.shop.example",
        "https://a.b.shop.example",
        "http://localhost:3000",
    ] {
        let answer = app.request_session(&channel, origin, &json!({})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{origin}");
        assert_eq!(answer.headers["access-control-allow-origin"], origin);
        assert_eq!(answer.headers["vary"], "origin");
    }
    for origin in [
        "https://shop.example",
        "https://evilshop.example",
        "https://shop.example.evil.net",
        "https://www.example.com",
        "http://example.com",
        "https://example.com:8443",
        "http://localhost",
        "https://xn--exmple-cua.com",
        "null",
        "https://user@example.com",
        "garbage",
    ] {
        let answer = app.request_session(&channel, origin, &json!({})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert_eq!(answer.code(), "origin_not_allowed", "{origin}");
        let readable = &answer.headers["access-control-allow-origin"];
        assert_eq!(readable, origin, "the page learns why");
        let credentials = "access-control-allow-credentials";
        assert!(!answer.headers.contains_key(credentials), "{origin}");
    }
}

#[tokio::test]
async fn an_unknown_widget_and_a_foreign_page_are_refused_alike() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let foreign = app
        .request_session(&channel, "https://evil.example", &json!({}))
        .await;
    let missing = app
        .request_session(&Uuid::now_v7().to_string(), PAGE, &json!({}))
        .await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(missing.status, StatusCode::FORBIDDEN);
    assert_eq!(problem(&foreign), problem(&missing));

    let path = format!("/channels/v1/widget/{channel}/sessions");
    let without_origin = app.replica.client.post(&path, &json!({})).await;
    assert_eq!(problem(&without_origin), problem(&missing));

    let disable = json!({"enabled": false});
    let path = format!("/channels/v1/channels/{channel}");
    app.owner()
        .json(Method::PATCH, &path, &disable)
        .await
        .expect(StatusCode::OK);
    let disabled = app.request_session(&channel, PAGE, &json!({})).await;
    assert_eq!(problem(&disabled), problem(&missing));
    app.owner()
        .json(Method::PATCH, &path, &json!({"enabled": true}))
        .await;
    app.start_session(&channel).await;
    app.owner().delete(&path).await;
    let deleted = app.request_session(&channel, PAGE, &json!({})).await;
    assert_eq!(problem(&deleted), problem(&missing));
}

#[tokio::test]
async fn a_preflight_is_admitted_and_the_request_behind_it_is_checked() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let client = &app.replica.client;
    let preflight = |origin: &str, path: String| {
        let request = client
            .request(Method::OPTIONS, &path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        client.send(request.body(Body::empty()).unwrap())
    };
    let missing = Uuid::now_v7().to_string();
    for (widget, origin) in [
        (&channel, PAGE),
        (&channel, "https://evil.example"),
        (&missing, PAGE),
    ] {
        for tail in ["sessions", "history"] {
            let path = format!("/channels/v1/widget/{widget}/{tail}");
            let admitted = preflight(origin, path).await;
            assert_eq!(admitted.status, StatusCode::NO_CONTENT);
            assert_eq!(admitted.headers["access-control-allow-origin"], origin);
            assert_eq!(admitted.headers["vary"], "origin");
            let allowed = admitted.headers["access-control-allow-headers"]
                .to_str()
                .unwrap();
            assert!(allowed.contains("content-type") && allowed.contains("authorization"));
        }
    }
    let foreign = app
        .request_session(&channel, "https://evil.example", &json!({}))
        .await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let creators = preflight(PAGE, "/channels/v1/channels".to_owned()).await;
    assert!(!creators.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_page_can_read_the_error_of_a_session_request() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let answer = app
        .request_session(&channel, PAGE, &json!({"creator_id": "x"}))
        .await;
    assert_eq!(answer.code(), "invalid_fields");
    assert_eq!(answer.headers["access-control-allow-origin"], PAGE);
    let malformed = app.request_session("not-an-id", PAGE, &json!({})).await;
    assert_eq!(
        (malformed.status.as_u16(), malformed.code()),
        (400, "malformed_id".into())
    );
}

#[tokio::test]
async fn the_upgrade_checks_the_origin_too() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let token = session["token"].as_str().unwrap();
    for origin in [
        "",
        "null",
        "https://evil.example",
        "https://www.example.com:444",
    ] {
        let upgrade = WidgetClient::connect(app.replica.address, &channel, token, 0, origin).await;
        let Err(Error::Http(response)) = upgrade else {
            panic!("{origin} was admitted");
        };
        assert_eq!(response.status().as_u16(), 403, "{origin}");
    }
}

#[tokio::test]
async fn a_socket_request_without_an_upgrade_is_refused() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let path = format!("/channels/v1/widget/{channel}/socket?token=x");
    let client = &app.replica.client;
    let request = client.request(Method::GET, &path).header("origin", PAGE);
    let answer = client.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UPGRADE_REQUIRED);
    assert_eq!(answer.code(), "upgrade_required");
}
