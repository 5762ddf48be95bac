//! Channels of a creator: valid and invalid requests, and those of other tenants.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_models::Role;
use uuid::Uuid;

use crate::test_app::TestApp;

const CHANNELS: &str = "/channels/v1/channels";

fn new_channel() -> Value {
    json!({"kind": "web_widget", "name": "Harbour assistant", "widget": {
        "allowed_origins": ["https://example.com", "*.shop.example", "http://localhost:3000"],
        "welcome_message": "Hello!\nAsk away.", "placeholder": "Your question",
        "theme": "dark", "position": "bottom-left", "primary_color": "#B4532A",
        "answer_mode": "extractive"}})
}

#[tokio::test]
async fn a_channel_is_created_read_changed_listed_and_deleted() {
    let app = TestApp::new().await;
    let owner = app.owner();
    let answer = owner.post(CHANNELS, &new_channel()).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let channel = answer.expect(StatusCode::CREATED);
    assert_eq!(
        location,
        format!("{CHANNELS}/{}", channel["id"].as_str().unwrap())
    );
    let widget = &channel["widget"];
    assert_eq!(
        widget["allowed_origins"],
        json!([
            "https://example.com",
            "https://*.shop.example",
            "http://localhost:3000"
        ])
    );
    assert_eq!(widget["primary_color"], "#b4532a");
    assert_eq!(widget["messages_per_minute"], 10);
    assert_eq!(owner.get(&location).await.expect(StatusCode::OK), channel);

    let change = json!({"name": "Ask Harbour", "widget": {"theme": "light"}});
    let changed = owner
        .json(Method::PATCH, &location, &change)
        .await
        .expect(StatusCode::OK);
    assert_eq!(changed["name"], "Ask Harbour");
    assert_eq!(changed["widget"]["theme"], "light");
    assert_eq!(changed["widget"]["position"], "bottom-left");
    assert_eq!(changed["enabled"], true);
    assert_eq!(changed["widget"]["answer_mode"], "extractive");
    let reset = json!({"widget": {"answer_mode": null}});
    let changed = owner.json(Method::PATCH, &location, &reset).await;
    let changed = changed.expect(StatusCode::OK);
    assert!(changed["widget"].get("answer_mode").is_none());

    let list = owner.get(CHANNELS).await.expect(StatusCode::OK);
    assert_eq!(list["items"], json!([changed]));
    assert_eq!(owner.delete(&location).await.status, StatusCode::NO_CONTENT);
    assert_eq!(owner.get(&location).await.code(), "unknown_channel");
    assert_eq!(owner.delete(&location).await.code(), "unknown_channel");
    assert_eq!(
        owner.json(Method::PATCH, &location, &change).await.code(),
        "unknown_channel"
    );
    assert_eq!(
        owner.get(CHANNELS).await.expect(StatusCode::OK)["items"],
        json!([])
    );
}

#[tokio::test]
async fn channels_are_listed_page_by_page_newest_first() {
    let app = TestApp::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(app.create_widget().await);
    }
    ids.reverse();
    let (mut seen, mut path) = (Vec::new(), format!("{CHANNELS}?limit=2"));
    loop {
        let page = app.owner().get(&path).await.expect(StatusCode::OK);
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{CHANNELS}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ids);
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=nonsense",
        "page=2",
    ] {
        let answer = app.owner().get(&format!("{CHANNELS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.code(), "invalid_query", "{query}");
    }
}

#[tokio::test]
async fn a_repeated_request_with_an_idempotency_key_has_one_effect() {
    let app = TestApp::new().await;
    let body = json!({"kind": "web_widget", "name": "Site",
        "widget": {"allowed_origins": ["https://a.example"]}});
    let named = app.owner().with_header("idempotency-key", "\"one\"");
    let first = named.post(CHANNELS, &body).await;
    let again = named.post(CHANNELS, &body).await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(again.json(), first.json());
    let other = json!({"kind": "web_widget", "name": "Another",
        "widget": {"allowed_origins": ["https://a.example"]}});
    let refused = named.post(CHANNELS, &other).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.code(), "idempotency_key_reused");
    // Keys are separate for each account.
    let stranger = app.other_tenant().with_header("idempotency-key", "one");
    let theirs = stranger.post(CHANNELS, &body).await;
    assert_ne!(theirs.expect(StatusCode::CREATED)["id"], first.json()["id"]);
    let list = app.owner().get(CHANNELS).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    for bad in ["", "with space", &"x".repeat(256)] {
        let client = app.owner().with_header("idempotency-key", bad);
        let answer = client.post(CHANNELS, &body).await;
        assert_eq!(answer.code(), "malformed_idempotency_key", "{bad:?}");
    }
}

#[tokio::test]
async fn a_cursor_is_valid_only_for_its_list_and_account() {
    let app = TestApp::new().await;
    for _ in 0..3 {
        app.create_widget().await;
    }
    let page = app.owner().get(&format!("{CHANNELS}?limit=1")).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let (row, signature) = cursor.split_once('.').unwrap();
    let forged = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{row}.{forged}{}", &signature[1..]);
    for (client, path) in [
        (app.owner(), format!("{CHANNELS}?cursor={forged}")),
        (app.owner(), format!("{CHANNELS}?cursor={row}")),
        (app.other_tenant(), format!("{CHANNELS}?cursor={cursor}")),
        (
            app.owner(),
            format!("/channels/v1/conversations?cursor={cursor}"),
        ),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(answer.code(), "invalid_query");
    }
}

/// JSON pointer into the body, the invalid value, and the field that the problem reports.
fn invalid_fields() -> Vec<(&'static str, Value, &'static str)> {
    let many: Vec<_> = (0..21).map(|n| format!("https://s{n}.example")).collect();
    let (origins, first) = ("widget.allowed_origins", "widget.allowed_origins[0]");
    vec![
        ("/kind", json!("telegram"), "kind"),
        ("/name", json!(""), "name"),
        ("/name", json!("x".repeat(101)), "name"),
        ("/name", json!(7), "name"),
        ("/widget/allowed_origins", json!([]), origins),
        ("/widget/allowed_origins", json!(many), origins),
        ("/widget/allowed_origins", json!(["*"]), first),
        ("/widget/allowed_origins", json!(["https://*.com"]), first),
        (
            "/widget/primary_color",
            json!("red"),
            "widget.primary_color",
        ),
        ("/widget/theme", json!("neon"), "widget.theme"),
        ("/widget/position", json!("middle"), "widget.position"),
        ("/widget/answer_mode", json!("guess"), "widget.answer_mode"),
        (
            "/widget/welcome_message",
            json!("x".repeat(501)),
            "widget.welcome_message",
        ),
        (
            "/widget",
            json!({"allowed_origins": ["a.example"], "css": "x"}),
            "widget.css",
        ),
        ("/widget", json!({}), "widget"),
    ]
}

#[tokio::test]
async fn an_invalid_field_is_reported() {
    let app = TestApp::new().await;
    for (path, value, field) in invalid_fields() {
        let mut body = new_channel();
        *body.pointer_mut(path).unwrap() = value;
        let answer = app.owner().post(CHANNELS, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.code(), "invalid_fields", "{body}");
        let problem = answer.json();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let mut foreign = new_channel();
    foreign["creator_id"] = json!(Uuid::new_v4());
    let answer = app.owner().post(CHANNELS, &foreign).await;
    assert_eq!(answer.code(), "invalid_fields");
}

#[tokio::test]
async fn a_channel_of_another_tenant_looks_unknown() {
    let app = TestApp::new().await;
    let theirs = app.create_widget().await;
    let stranger = app.other_tenant();
    for tail in ["", "/embed"] {
        let foreign = stranger.get(&format!("{CHANNELS}/{theirs}{tail}")).await;
        let missing = stranger
            .get(&format!("{CHANNELS}/{}{tail}", Uuid::now_v7()))
            .await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        assert_eq!(without_trace(foreign.json()), without_trace(missing.json()));
    }
    let path = format!("{CHANNELS}/{theirs}");
    let change = stranger
        .json(Method::PATCH, &path, &json!({"name": "Mine"}))
        .await;
    assert_eq!(change.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.get(CHANNELS).await.json()["items"], json!([]));
    assert_eq!(
        app.owner().get(&path).await.json()["name"],
        "Harbour assistant"
    );
}

#[tokio::test]
async fn a_caller_without_permission_is_refused() {
    let app = TestApp::new().await;
    let anonymous = app.replica.client.get(CHANNELS).await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
    assert!(anonymous.headers.contains_key("www-authenticate"));
    let viewer = app.mint.sign(&app.mint.claims(app.creator, Role::Viewer));
    let viewer = app.replica.client.with_token(&viewer);
    assert_eq!(viewer.get(CHANNELS).await.status, StatusCode::OK);
    let refused = viewer.post(CHANNELS, &new_channel()).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::FORBIDDEN, "permission_missing".into())
    );
    let malformed = app.owner().get(&format!("{CHANNELS}/not-an-id")).await;
    assert_eq!(
        (malformed.status.as_u16(), malformed.code()),
        (400, "malformed_id".into())
    );
}

#[tokio::test]
async fn a_creator_has_at_most_fifty_channels() {
    let app = TestApp::new().await;
    for _ in 0..50 {
        app.create_widget().await;
    }
    let answer = app.owner().post(CHANNELS, &new_channel()).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::CONFLICT, "too_many_channels".into())
    );
}

#[tokio::test]
async fn the_embed_snippet_contains_the_script_and_its_hash() {
    let app = TestApp::new().await;
    let id = app.create_widget().await;
    let embed = app.owner().get(&format!("{CHANNELS}/{id}/embed")).await;
    let embed = embed.expect(StatusCode::OK);
    let url = embed["script_url"].as_str().unwrap();
    let path = url.strip_prefix("https://platform.example").unwrap();
    let script = app.replica.client.get(path).await;
    assert_eq!(script.status, StatusCode::OK);
    let integrity = embed["integrity"].as_str().unwrap();
    let snippet = embed["snippet"].as_str().unwrap();
    assert!(snippet.contains(url) && snippet.contains(integrity) && snippet.contains(&id));
    let policy = embed["content_security_policy"].as_str().unwrap();
    assert!(policy.contains("wss://platform.example"), "{policy}");
}

fn without_trace(mut problem: Value) -> Value {
    problem["trace_id"].take();
    problem
}
