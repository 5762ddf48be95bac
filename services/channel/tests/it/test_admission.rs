//! The door of the widget: which pages are let in, and what their browsers are told.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_testkit::Answer;
use tokio_tungstenite::tungstenite::Error;
use uuid::Uuid;

use crate::talk::Talk;
use crate::world::{PAGE, World};

fn problem(answer: &Answer) -> Value {
    let mut problem = answer.json();
    problem["trace_id"].take();
    problem
}

#[tokio::test]
async fn only_pages_of_allowed_origins_get_a_session() {
    let world = World::new().await;
    let origins = json!([
        "https://example.com",
        "https://*.shop.example",
        "http://localhost:3000"
    ]);
    let channel = world.widget_of(&json!({"allowed_origins": origins})).await;
    for origin in [
        "https://example.com",
        "https://a.shop.example",
        "https://a.b.shop.example",
        "http://localhost:3000",
    ] {
        let answer = world.ask_session(&channel, origin, &json!({})).await;
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
        let answer = world.ask_session(&channel, origin, &json!({})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert_eq!(answer.code(), "origin_not_allowed", "{origin}");
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn an_unknown_widget_and_a_foreign_page_are_refused_alike() {
    let world = World::new().await;
    let channel = world.widget().await;
    let foreign = world
        .ask_session(&channel, "https://evil.example", &json!({}))
        .await;
    let missing = world
        .ask_session(&Uuid::now_v7().to_string(), PAGE, &json!({}))
        .await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(missing.status, StatusCode::FORBIDDEN);
    assert_eq!(problem(&foreign), problem(&missing));

    let path = format!("/channels/v1/widget/{channel}/sessions");
    let nameless = world.replica.client.post(&path, &json!({})).await;
    assert_eq!(problem(&nameless), problem(&missing));

    let disable = json!({"enabled": false});
    let path = format!("/channels/v1/channels/{channel}");
    world
        .owner()
        .json(Method::PATCH, &path, &disable)
        .await
        .expect(StatusCode::OK);
    let disabled = world.ask_session(&channel, PAGE, &json!({})).await;
    assert_eq!(problem(&disabled), problem(&missing));
    world
        .owner()
        .json(Method::PATCH, &path, &json!({"enabled": true}))
        .await;
    world.session(&channel).await;
    world.owner().delete(&path).await;
    let deleted = world.ask_session(&channel, PAGE, &json!({})).await;
    assert_eq!(problem(&deleted), problem(&missing));
}

#[tokio::test]
async fn a_preflight_is_answered_for_exactly_that_origin() {
    let world = World::new().await;
    let channel = world.widget().await;
    let client = &world.replica.client;
    let preflight = |origin: &str, path: String| {
        let request = client
            .request(Method::OPTIONS, &path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        client.send(request.body(Body::empty()).unwrap())
    };
    for tail in ["sessions", "history"] {
        let path = format!("/channels/v1/widget/{channel}/{tail}");
        let good = preflight(PAGE, path.clone()).await;
        assert_eq!(good.status, StatusCode::NO_CONTENT);
        assert_eq!(good.headers["access-control-allow-origin"], PAGE);
        let allowed = good.headers["access-control-allow-headers"]
            .to_str()
            .unwrap();
        assert!(allowed.contains("content-type") && allowed.contains("authorization"));
        let bad = preflight("https://evil.example", path).await;
        assert_eq!(bad.status, StatusCode::FORBIDDEN);
        assert!(!bad.headers.contains_key("access-control-allow-origin"));
    }
    let creators = preflight(PAGE, "/channels/v1/channels".to_owned()).await;
    assert!(!creators.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn an_error_of_a_session_can_be_read_by_the_page() {
    let world = World::new().await;
    let channel = world.widget().await;
    let answer = world
        .ask_session(&channel, PAGE, &json!({"creator_id": "x"}))
        .await;
    assert_eq!(answer.code(), "invalid_fields");
    assert_eq!(answer.headers["access-control-allow-origin"], PAGE);
    let malformed = world.ask_session("not-an-id", PAGE, &json!({})).await;
    assert_eq!(
        (malformed.status.as_u16(), malformed.code()),
        (400, "malformed_id".into())
    );
}

#[tokio::test]
async fn the_upgrade_checks_the_page_too() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let token = session["token"].as_str().unwrap();
    for origin in [
        "",
        "null",
        "https://evil.example",
        "https://www.example.com:444",
    ] {
        let upgrade = Talk::connect(world.replica.address, &channel, token, 0, origin).await;
        let Err(Error::Http(response)) = upgrade else {
            panic!("{origin} was let in");
        };
        assert_eq!(response.status().as_u16(), 403, "{origin}");
    }
}

#[tokio::test]
async fn a_socket_wants_an_upgrade() {
    let world = World::new().await;
    let channel = world.widget().await;
    let path = format!("/channels/v1/widget/{channel}/socket?token=x");
    let client = &world.replica.client;
    let request = client.request(Method::GET, &path).header("origin", PAGE);
    let answer = client.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UPGRADE_REQUIRED);
    assert_eq!(answer.code(), "upgrade_required");
}
