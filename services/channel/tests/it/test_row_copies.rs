//! Copies of widgets and accounts in Redis: read instead of the rows, and ended by a change.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;
use shared_cache::{Cache, Key, RowCache};
use shared_models::ChannelId;
use uuid::Uuid;

use crate::test_app::{PAGE, TestApp};

const OTHER_PAGE: &str = "https://other.example.com";

fn id(channel: &str) -> ChannelId {
    ChannelId::from(Uuid::parse_str(channel).unwrap())
}

/// Copies are written in the background.
async fn until_copied(app: &TestApp, channel: &str) {
    let cache = Cache::new(&app.config.cache).unwrap();
    for key in [Key::widget(id(channel)), Key::account_settings(app.creator)] {
        for _ in 0..100 {
            if cache
                .read::<serde_json::Value>(&key)
                .await
                .unwrap()
                .is_some()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_widget_in_use_is_read_from_its_copy_and_a_change_holds_at_once() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    app.start_session(&channel).await;
    until_copied(&app, &channel).await;
    // Behind the back of the service, which has no reason to look.
    let moved = sqlx::query("update channel.channels set enabled = false");
    moved.execute(&app.admin().await).await.unwrap();
    app.start_session(&channel).await;
    let path = format!("/channels/v1/channels/{channel}");
    let change = json!({"enabled": true, "widget": {"allowed_origins": [OTHER_PAGE]}});
    let changed = app.owner().json(Method::PATCH, &path, &change).await;
    changed.expect(StatusCode::OK);
    for (page, status) in [
        (PAGE, StatusCode::FORBIDDEN),
        (OTHER_PAGE, StatusCode::CREATED),
    ] {
        let answer = app.request_session(&channel, page, &json!({})).await;
        assert_eq!(answer.status, status, "{page}");
    }
    app.owner().delete(&path).await;
    let deleted = app.request_session(&channel, OTHER_PAGE, &json!({})).await;
    assert_eq!(deleted.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_has_read_a_row_before_its_change_writes_no_copy_after_it() {
    let app = TestApp::new().await;
    let cache = Cache::new(&app.config.cache).unwrap();
    let copies = RowCache::account_settings(cache);
    let key = Key::account_settings(app.creator);
    let slow_reader = copies.find::<String>(&key).await.unwrap_err();
    copies.invalidate(key.clone()).await;
    copies.fill(&key, &"old", slow_reader);
    tokio::time::sleep(Duration::from_millis(300)).await;
    copies.find::<String>(&key).await.unwrap_err();
}

#[tokio::test]
async fn look_ups_of_invented_widgets_are_limited_and_widgets_in_use_are_served() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    app.start_session(&channel).await;
    until_copied(&app, &channel).await;
    let invented = || Uuid::now_v7().to_string();
    let mut refused = 0;
    for _ in 0..260 {
        let answer = app.request_session(&invented(), PAGE, &json!({})).await;
        refused += u32::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    // The burst of 200, and ten more each second.
    assert!((1..=60).contains(&refused), "{refused}");
    app.start_session(&channel).await;
}
