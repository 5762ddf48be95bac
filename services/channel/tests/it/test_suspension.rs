//! What the platform grants to an account: whether it is served at all, and on which pages.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use serde_json::json;
use shared_auth::{Revocations, Subject};
use shared_cache::Cache;

use crate::talk::Talk;
use crate::world::{PAGE, World};

const LIFE: Duration = Duration::from_mins(15);

/// Writes the account's settings as auth does.
async fn settings(world: &World, origins: &str, suspended: bool) {
    let admin = world.admin().await;
    let account = "insert into auth.creators (creator_id, display_name) values ($1, 'An account')
                   on conflict do nothing";
    let id = world.creator;
    sqlx::query(account).bind(id).execute(&admin).await.unwrap();
    let settings = "insert into platform.tenant_settings
          (creator_id, plan, allowed_origins, suspended_at)
        values ($1, 'pro', $2::text[], case when $3 then now() end)
        on conflict (creator_id) do update set allowed_origins = excluded.allowed_origins,
          suspended_at = excluded.suspended_at";
    let query = sqlx::query(settings).bind(id).bind(origins).bind(suspended);
    query.execute(&admin).await.unwrap();
}

async fn begin(world: &World, widget: &str) -> Talk {
    let session = world.session(widget).await;
    world.talk(widget, &session).await
}

fn revocations(world: &World) -> Revocations {
    Revocations::listen(Cache::new(&world.config.cache).unwrap())
}

#[tokio::test]
async fn a_suspended_account_gets_no_session_and_its_open_sockets_end_within_a_second() {
    let mut world = World::new().await;
    world.heed_revocations().await;
    let widget = world.widget().await;
    let mut talk = begin(&world, &widget).await;
    settings(&world, "{}", true).await;
    let began = Instant::now();
    let revocations = revocations(&world);
    let subject = Subject::Tenant(world.creator);
    revocations.revoke(subject, LIFE).await.unwrap();
    assert_eq!(talk.close_code().await, 4403);
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    let refused = world.ask_session(&widget, PAGE, &json!({})).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::FORBIDDEN, "tenant_suspended")
    );
    settings(&world, "{}", false).await;
    revocations.lift(subject).await.unwrap();
    let again = world.ask_session(&widget, PAGE, &json!({})).await;
    assert_eq!(again.status, StatusCode::CREATED);
    begin(&world, &widget).await;
}

#[tokio::test]
async fn another_accounts_suspension_ends_nothing() {
    let mut world = World::new().await;
    world.heed_revocations().await;
    let widget = world.widget().await;
    let mut talk = begin(&world, &widget).await;
    let other = Subject::Tenant(shared_models::CreatorId::new());
    revocations(&world).revoke(other, LIFE).await.unwrap();
    assert!(talk.is_quiet(Duration::from_millis(500)).await);
}

#[tokio::test]
async fn widgets_stay_within_the_origins_that_the_account_may_use() {
    let world = World::new().await;
    let widget = world.widget().await;
    settings(
        &world,
        "{https://*.allowed.example,https://one.example}",
        false,
    )
    .await;
    let refused = world.ask_session(&widget, PAGE, &json!({})).await;
    assert_eq!(
        refused.code(),
        "origin_not_allowed",
        "also a widget that was there before"
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
        let answer = world.owner().json(Method::PATCH, &path, &change).await;
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
    let answer = world.owner().json(Method::PATCH, &path, &rename).await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "what is not about origins is not refused"
    );
    let new = json!({"kind": "web_widget", "name": "Another", "widget":
        {"allowed_origins": ["https://other.example"]}});
    let answer = world.owner().post("/channels/v1/channels", &new).await;
    assert_eq!(answer.status.as_u16(), 422);
}
