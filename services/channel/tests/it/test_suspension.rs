//! Suspended accounts, and the origins that the platform allows to an account.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use serde_json::json;
use shared_auth::Subject;
use shared_cache::{Cache, Key, RowCache};
use shared_testkit::Revoker;

use crate::test_app::{PAGE, TestApp};
use crate::widget_client::WidgetClient;

/// Writes the account's settings as auth does.
async fn write_settings(app: &TestApp, origins: &str, suspended: bool) {
    let admin = app.admin().await;
    let account = "insert into auth.creators (creator_id, display_name) values ($1, 'An account')
                   on conflict do nothing";
    let id = app.creator;
    sqlx::query(account).bind(id).execute(&admin).await.unwrap();
    let settings = "insert into platform.tenant_settings
          (creator_id, plan, allowed_origins, suspended_at)
        values ($1, 'pro', $2::text[], case when $3 then now() end)
        on conflict (creator_id) do update set allowed_origins = excluded.allowed_origins,
          suspended_at = excluded.suspended_at";
    let query = sqlx::query(settings).bind(id).bind(origins).bind(suspended);
    query.execute(&admin).await.unwrap();
    let copies = RowCache::account_settings(Cache::new(&app.redis).unwrap());
    copies.invalidate(Key::account_settings(id)).await;
}

async fn connect_visitor(app: &TestApp, widget: &str) -> WidgetClient {
    let session = app.start_session(widget).await;
    app.connect(widget, &session).await
}

fn auth(app: &TestApp) -> Revoker {
    Revoker::new(&app.database, &app.redis)
}

#[tokio::test]
async fn suspending_an_account_refuses_sessions_and_closes_sockets_within_a_second() {
    let mut app = TestApp::new().await;
    app.use_revocations().await;
    let widget = app.create_widget().await;
    let mut client = connect_visitor(&app, &widget).await;
    write_settings(&app, "{}", true).await;
    let began = Instant::now();
    let subject = Subject::Tenant(app.creator);
    auth(&app).revoke(subject).await;
    assert_eq!(client.close_code().await, 4403);
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    let refused = app.request_session(&widget, PAGE, &json!({})).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::FORBIDDEN, "tenant_suspended")
    );
    write_settings(&app, "{}", false).await;
    auth(&app).lift(subject).await;
    let again = app.request_session(&widget, PAGE, &json!({})).await;
    assert_eq!(again.status, StatusCode::CREATED);
    connect_visitor(&app, &widget).await;
}

#[tokio::test]
async fn suspending_another_account_closes_no_sockets() {
    let mut app = TestApp::new().await;
    app.use_revocations().await;
    let widget = app.create_widget().await;
    let mut client = connect_visitor(&app, &widget).await;
    let other = Subject::Tenant(shared_models::CreatorId::new());
    auth(&app).revoke(other).await;
    assert!(client.is_quiet(Duration::from_millis(500)).await);
}

#[tokio::test]
async fn widgets_may_only_allow_the_origins_of_the_account() {
    let app = TestApp::new().await;
    let widget = app.create_widget().await;
    write_settings(
        &app,
        "{https://*.allowed.example,https://one.example}",
        false,
    )
    .await;
    let refused = app.request_session(&widget, PAGE, &json!({})).await;
    assert_eq!(
        refused.code(),
        "origin_not_allowed",
        "existing widgets are restricted too"
    );
    let path = format!("/channels/v1/channels/{widget}");
    for (origin, status) in [
        ("https://one.example", 200),
        ("https://a.allowed.example", 200),
        ("https://*.allowed.example", 200),
        ("https://allowed.example", 422),
        ("https://*.one.example", 422),
        ("https://other.example", 422),
        ("http://one.example", 422),
    ] {
        let change = json!({"widget": {"allowed_origins": [origin]}});
        let answer = app.owner().json(Method::PATCH, &path, &change).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{origin}: {}",
            answer.text()
        );
        if status == 422 {
            assert_eq!(
                answer.json()["errors"][0]["field"],
                "widget.allowed_origins"
            );
        }
    }
    let rename = json!({"name": "Still mine"});
    let answer = app.owner().json(Method::PATCH, &path, &rename).await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "other changes are not refused"
    );
    let new = json!({"kind": "web_widget", "name": "Another", "widget":
        {"allowed_origins": ["https://other.example"]}});
    let answer = app.owner().post("/channels/v1/channels", &new).await;
    assert_eq!(answer.status.as_u16(), 422);
}
