//! The script and the demo page.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;
use shared_testkit::TokenMint;
use uuid::Uuid;

use crate::engine::Engine;
use crate::world::World;

const SCRIPT: &str = include_str!("../../src/widget/widget.js");

#[test]
fn the_script_is_at_most_fifteen_kilobytes_compressed() {
    let mut gzip = Command::new("gzip")
        .arg("-9c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin
        .take()
        .unwrap()
        .write_all(SCRIPT.as_bytes())
        .unwrap();
    let size = gzip.wait_with_output().unwrap().stdout.len();
    assert!((1000..=15 * 1024).contains(&size), "{size} bytes");
}

#[test]
fn the_script_makes_no_markup_out_of_text() {
    for road in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
    ] {
        assert!(!SCRIPT.contains(road), "{road}");
    }
}

#[tokio::test]
async fn the_script_is_kept_for_ever_under_its_hash_and_for_a_while_under_its_name() {
    let world = World::new().await;
    let client = &world.replica.client;
    let newest = client.get("/channels/v1/widget.js").await;
    assert_eq!(newest.status, StatusCode::OK);
    assert_eq!(newest.text(), SCRIPT);
    assert_eq!(
        newest.headers["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(newest.headers["access-control-allow-origin"], "*");
    assert!(
        newest.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("max-age=300")
    );
    let tag = newest.headers["etag"].to_str().unwrap().to_owned();
    let again = client
        .request(Method::GET, "/channels/v1/widget.js")
        .header("if-none-match", &tag);
    let again = client.send(again.body(Body::empty()).unwrap()).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let versioned = client
        .get(&format!("/channels/v1/widget.{}.js", tag.trim_matches('"')))
        .await;
    assert_eq!(versioned.text(), SCRIPT);
    assert!(
        versioned.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    let unknown = client.get("/channels/v1/widget.0000000000000000.js").await;
    assert_eq!(unknown.code(), "unknown_path");
}

#[tokio::test]
async fn the_demo_page_is_there_when_it_is_asked_for() {
    let world = World::new().await;
    let client = &world.replica.client;
    let show = |query: &str| {
        let request = client.request(Method::GET, &format!("/channels/demo{query}"));
        let request = request
            .header("host", "demo.example")
            .header("x-forwarded-proto", "https");
        client.send(request.body(Body::empty()).unwrap())
    };
    let form = show("").await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(!form.text().contains("{{") && !form.text().contains("<script"));
    assert!(form.text().contains("https://demo.example"));
    let policy = form.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
    let id = world
        .widget_of(&json!({"allowed_origins": ["https://demo.example"]}))
        .await;
    let shown = show(&format!("?channel={id}")).await.text();
    assert!(shown.contains(&format!("data-channel=\"{id}\"")));
    let elsewhere = world.widget().await;
    for other in [
        elsewhere.as_str(),
        &Uuid::now_v7().to_string(),
        "%22%3E%3Cscript%3Ealert(1)",
    ] {
        let page = show(&format!("?channel={other}")).await.text();
        assert!(
            !page.contains("<script") && !page.contains("alert(1)"),
            "{other}"
        );
        assert!(
            page.contains("No widget with this id allows this page."),
            "{other}"
        );
    }
    assert_eq!(
        client.get("/channels/demo.css").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_demo_page_is_not_there_unless_it_is_asked_for() {
    let mint = TokenMint::new();
    let engine = Engine::start(&mint).await;
    let closed = World::with(mint, engine, "http://127.0.0.1:1", |c| c.demo_page = false).await;
    for path in ["/channels/demo", "/channels/demo.css"] {
        let absent = closed.replica.client.get(path).await;
        assert_eq!(
            (absent.status.as_u16(), absent.code()),
            (404, "unknown_path".into())
        );
    }
}
