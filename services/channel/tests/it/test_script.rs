//! The script and the demo page.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;
use shared_testkit::TokenMint;
use uuid::Uuid;

use crate::fake_ai_engine::FakeAiEngine;
use crate::test_app::TestApp;

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
fn the_script_never_parses_text_as_markup() {
    for sink in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
    ] {
        assert!(!SCRIPT.contains(sink), "{sink}");
    }
}

#[tokio::test]
async fn the_versioned_script_is_immutable_and_the_latest_is_revalidated() {
    let app = TestApp::new().await;
    let client = &app.replica.client;
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
async fn the_demo_page_is_served_when_enabled() {
    let app = TestApp::new().await;
    let client = &app.replica.client;
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
    let id = app
        .create_widget_with(&json!({"allowed_origins": ["https://demo.example"]}))
        .await;
    let shown = show(&format!("?channel={id}")).await.text();
    assert!(shown.contains(&format!("data-channel=\"{id}\"")));
    let elsewhere = app.create_widget().await;
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
async fn the_demo_page_is_unknown_when_disabled() {
    let mint = TokenMint::new();
    let ai_engine = FakeAiEngine::start(&mint).await;
    let app = TestApp::with(mint, ai_engine, "http://127.0.0.1:1", |c| {
        c.demo_page = false;
    })
    .await;
    for path in ["/channels/demo", "/channels/demo.css"] {
        let absent = app.replica.client.get(path).await;
        assert_eq!(
            (absent.status.as_u16(), absent.code()),
            (404, "unknown_path".into())
        );
    }
}
