//! Invitations to register: listed, revoked, used once, and for administrators only.

use auth_service::{Registration, commands};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use shared_testkit::{Answer, TestClient};
use sqlx::Row as _;
use uuid::Uuid;

use crate::test_app::{PASSWORD, TestApp, client};

const PATH: &str = "/auth/v1/registration-invitations";

/// A platform with invite-only registration: an anonymous client, and its administrator.
async fn closed(app: &TestApp) -> (TestClient, TestClient) {
    let admin = app.register("root@example.com").await;
    let named = commands::grant_admin(&app.config, "root@example.com").await;
    named.unwrap();
    let mut config = app.config.clone();
    config.registration = Registration::InviteOnly;
    let anybody = client(&config);
    let admin = anybody.with_token(&admin.access);
    (anybody, admin)
}

async fn invite(admin: &TestClient, email: &str) -> (String, String) {
    let made = admin.post(PATH, &json!({"email": email})).await;
    let made = made.expect(StatusCode::CREATED);
    let text = |path: &str| {
        made.pointer(path)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    };
    (text("/invitation/id"), text("/token"))
}

async fn register(anybody: &TestClient, email: &str, token: &str) -> Answer {
    let form = json!({"email": email, "password": PASSWORD, "full_name": "Ana Lima",
        "invitation": token});
    anybody.post("/auth/v1/register", &form).await
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn invalid() -> (u16, String) {
    (401, "invalid_invitation".to_owned())
}

#[tokio::test]
async fn a_revoked_invitation_cannot_be_used() {
    let app = TestApp::new().await;
    let (anybody, admin) = closed(&app).await;
    let (id, token) = invite(&admin, "ana@example.com").await;
    let one = format!("{PATH}/{id}");
    admin.delete(&one).await.expect(StatusCode::NO_CONTENT);
    let again = admin.delete(&one).await;
    again.expect(StatusCode::NO_CONTENT);
    let late = register(&anybody, "ana@example.com", &token).await;
    assert_eq!(refused(&late), invalid());
    let list = admin.get(PATH).await.expect(StatusCode::OK);
    assert_eq!(list["items"][0]["id"], id);
    assert!(list["items"][0]["revoked_at"].is_string(), "{list}");
    let unknown = admin.delete(&format!("{PATH}/{}", Uuid::now_v7())).await;
    assert_eq!(refused(&unknown), (404, "unknown_invite".to_owned()));
    let log = admin.get("/auth/v1/audit").await.expect(StatusCode::OK);
    assert_eq!(log["items"][1]["action"], "registration.invitation_revoked");
    assert_eq!(log["items"][1]["target"], id);
}

#[tokio::test]
async fn an_invitation_is_used_once_and_then_stores_no_address() {
    let app = TestApp::new().await;
    let (anybody, admin) = closed(&app).await;
    let (id, token) = invite(&admin, "ana@example.com").await;
    let first = register(&anybody, "ana@example.com", &token).await;
    first.expect(StatusCode::CREATED);
    for email in ["ana@example.com", "ben@example.com"] {
        let again = register(&anybody, email, &token).await;
        assert_eq!(refused(&again), invalid(), "{email}");
    }
    let used = admin.delete(&format!("{PATH}/{id}")).await;
    assert_eq!(refused(&used), (404, "unknown_invite".to_owned()));
    let list = admin.get(PATH).await.expect(StatusCode::OK);
    assert!(list["items"][0]["accepted_at"].is_string(), "{list}");
    assert!(list["items"][0]["email"].is_null(), "{list}");
    let row = sqlx::query("select i::text from auth.registration_invitations i");
    let row = row.fetch_one(&app.admin().await).await.unwrap();
    let row: String = row.get(0);
    assert!(!row.contains("ana@") && !row.contains(&token), "{row}");
}

#[tokio::test]
async fn of_two_concurrent_registrations_with_one_invitation_one_succeeds() {
    let app = TestApp::new().await;
    let (anybody, admin) = closed(&app).await;
    let (_, token) = invite(&admin, "ana@example.com").await;
    let both = (0..2).map(|_| register(&anybody, "ana@example.com", &token));
    let both = join_all(both).await;
    let made = both.iter().filter(|a| a.status == StatusCode::CREATED);
    assert_eq!(made.count(), 1);
    let other = both.iter().find(|a| a.status != StatusCode::CREATED);
    assert_eq!(refused(other.unwrap()), invalid());
    let count = "select count(*) from auth.creators";
    let count: i64 = sqlx::query_scalar(count)
        .fetch_one(&app.admin().await)
        .await
        .unwrap();
    assert_eq!(count, 2, "the administrator's and the new one");
}

#[tokio::test]
async fn a_new_invitation_replaces_a_pending_one_and_an_expired_one_is_invalid() {
    let app = TestApp::new().await;
    let (anybody, admin) = closed(&app).await;
    let (_, first) = invite(&admin, "ana@example.com").await;
    let (_, second) = invite(&admin, "ana@example.com").await;
    let replaced = register(&anybody, "ana@example.com", &first).await;
    assert_eq!(refused(&replaced), invalid());
    let moved = "update auth.registration_invitations set expires_at = now() - interval '1 second'";
    let database = app.admin().await;
    sqlx::query(moved).execute(&database).await.unwrap();
    let late = register(&anybody, "ana@example.com", &second).await;
    assert_eq!(refused(&late), invalid());
    // A month later the next invitation deletes them.
    let moved = "update auth.registration_invitations set expires_at = now() - interval '31 days'";
    sqlx::query(moved).execute(&database).await.unwrap();
    let (_, third) = invite(&admin, "ana@example.com").await;
    let list = admin.get(&format!("{PATH}?limit=1")).await;
    let list = list.expect(StatusCode::OK);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["next_cursor"], Value::Null);
    let registered = register(&anybody, "ana@example.com", &third).await;
    registered.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn only_administrators_list_and_revoke_invitations() {
    let app = TestApp::new().await;
    let (anybody, admin) = closed(&app).await;
    let (id, _) = invite(&admin, "ana@example.com").await;
    let ben = app.register("ben@example.com").await;
    let ben = anybody.with_token(&ben.access);
    let one = format!("{PATH}/{id}");
    for answer in [ben.get(PATH).await, ben.delete(&one).await] {
        assert_eq!(
            refused(&answer),
            (403, "platform_admins_only".to_owned()),
            "{}",
            answer.text()
        );
    }
    assert_eq!(anybody.get(PATH).await.status, StatusCode::UNAUTHORIZED);
    let malformed = admin.delete(&format!("{PATH}/none")).await;
    assert_eq!(refused(&malformed), (400, "malformed_id".to_owned()));
    let waits = admin.get(PATH).await.expect(StatusCode::OK);
    assert!(waits["items"][0]["revoked_at"].is_null(), "{waits}");
}
