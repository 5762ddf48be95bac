//! Members: role changes take effect at once, an owner always remains, removals are complete.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_models::{Permission, Role};
use shared_testkit::{Answer, TestClient, published_events};

use crate::test_app::{Account, TestApp};

const MEMBERS: &str = "/auth/v1/members";

fn as_caller(app: &TestApp, account: &Account) -> TestClient {
    app.client.with_token(&account.access)
}

async fn set_role(client: &TestClient, of: &Account, role: &str) -> Answer {
    let path = format!("{MEMBERS}/{}", of.user);
    client
        .json(Method::PATCH, &path, &json!({"role": role}))
        .await
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn the_roles_list_their_permissions() {
    let app = TestApp::new().await;
    let roles = app
        .client
        .get("/auth/v1/roles")
        .await
        .expect(StatusCode::OK);
    let names: Vec<_> = roles
        .as_array()
        .unwrap()
        .iter()
        .map(|role| &role["role"])
        .collect();
    assert_eq!(names, ["owner", "admin", "editor", "viewer"]);
    let of_owner = roles[0]["permissions"].as_array().unwrap();
    assert_eq!(of_owner.len(), Permission::ALL.len());
    let of_viewer = roles[3]["permissions"].to_string();
    assert!(of_viewer.contains("documents:read") && !of_viewer.contains("documents:write"));
}

#[tokio::test]
async fn a_role_change_revokes_older_access_tokens_at_once() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let bo = app.member(&ana, "bo@example.com", Role::Admin).await;
    let owner = as_caller(&app, &ana);
    let list = owner.get(MEMBERS).await.expect(StatusCode::OK);
    let roles: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["role"])
        .collect();
    assert_eq!(roles, ["admin", "owner"], "newest first");

    assert_eq!(
        set_role(&owner, &bo, "viewer").await.status,
        StatusCode::NO_CONTENT
    );
    let started = std::time::Instant::now();
    while as_caller(&app, &bo).get(MEMBERS).await.status == StatusCode::OK {
        assert!(started.elapsed().as_millis() < 1000);
    }
    let refused = as_caller(&app, &bo).get(MEMBERS).await;
    assert_eq!(refusal(&refused), (401, "revoked_token".to_owned()));
    let events = published_events(&app.admin().await, ana.creator).await;
    let changed = json!({"user": bo.user, "role": "viewer"});
    assert_eq!(events[1..], [("member.role_changed".to_owned(), changed)]);
    let fresh = app.refresh(&bo.refresh).await.expect(StatusCode::OK);
    let fresh = app
        .client
        .with_token(fresh["access_token"].as_str().unwrap());
    fresh.get(MEMBERS).await.expect(StatusCode::OK);
    let denied = set_role(&fresh, &ana, "viewer").await;
    assert_eq!(refusal(&denied), (403, "permission_missing".to_owned()));
}

#[tokio::test]
async fn only_owners_change_owners_and_the_last_owner_stays() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let bo = app.member(&ana, "bo@example.com", Role::Admin).await;
    let (owner, admin) = (as_caller(&app, &ana), as_caller(&app, &bo));
    let above = (403, "permission_missing".to_owned());
    assert_eq!(refusal(&set_role(&admin, &ana, "viewer").await), above);
    assert_eq!(refusal(&set_role(&admin, &bo, "owner").await), above);
    let path = format!("{MEMBERS}/{}", ana.user);
    assert_eq!(refusal(&admin.delete(&path).await), above);
    let last = (409, "last_owner".to_owned());
    assert_eq!(refusal(&set_role(&owner, &ana, "admin").await), last);
    assert_eq!(refusal(&owner.delete(&path).await), last);
    assert_eq!(
        set_role(&owner, &bo, "owner").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(owner.delete(&path).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn of_two_owners_who_remove_each_other_concurrently_one_stays() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let bo = app.member(&ana, "bo@example.com", Role::Owner).await;
    let (first, second) = (as_caller(&app, &ana), as_caller(&app, &bo));
    let (to_bo, to_ana) = (
        format!("{MEMBERS}/{}", bo.user),
        format!("{MEMBERS}/{}", ana.user),
    );
    let both = tokio::join!(first.delete(&to_bo), second.delete(&to_ana));
    let done = [both.0, both.1]
        .iter()
        .filter(|one| one.status == 204)
        .count();
    assert_eq!(done, 1);
    let left = sqlx::query_scalar::<_, i64>("select count(*) from auth.memberships");
    assert_eq!(left.fetch_one(&app.admin().await).await.unwrap(), 1);
}

#[tokio::test]
async fn a_removed_member_loses_all_access_and_the_address_becomes_free() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let bo = app.member(&ana, "bo@example.com", Role::Admin).await;
    let made = as_caller(&app, &bo)
        .post(
            "/auth/v1/api-keys",
            &json!({"name": "S", "scopes": ["members:read"]}),
        )
        .await
        .expect(StatusCode::CREATED);
    let program = app.client.with_token(made["key"].as_str().unwrap());
    program.get(MEMBERS).await.expect(StatusCode::OK);
    let path = format!("{MEMBERS}/{}", bo.user);
    assert_eq!(
        as_caller(&app, &ana).delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    let events = published_events(&app.admin().await, ana.creator).await;
    let removed = json!({"user": bo.user});
    assert_eq!(events[1..], [("member.removed".to_owned(), removed)]);
    let gone = as_caller(&app, &ana).delete(&path).await;
    assert_eq!(refusal(&gone), (404, "unknown_member".to_owned()));
    let started = std::time::Instant::now();
    while program.get(MEMBERS).await.status == StatusCode::OK {
        assert!(
            started.elapsed().as_millis() < 1000,
            "the key of the member still works"
        );
    }
    assert_eq!(
        app.refresh(&bo.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    app.register("bo@example.com").await;
}

#[tokio::test]
async fn members_of_another_account_are_not_found() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let eve = app.register("eve@example.com").await;
    let stranger = as_caller(&app, &eve);
    let unknown = (404, "unknown_member".to_owned());
    assert_eq!(refusal(&set_role(&stranger, &ana, "viewer").await), unknown);
    let path = format!("{MEMBERS}/{}", ana.user);
    assert_eq!(refusal(&stranger.delete(&path).await), unknown);
    let list: Value = stranger.get(MEMBERS).await.json();
    assert!(!list.to_string().contains("ana@example.com"));
}
