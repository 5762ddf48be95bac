//! Who may request an export or an erasure, and the states of a request. `tests/integration` checks
//! the contents of an export and what an erasure leaves, with all four services.

use auth_service::AppState;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_auth::AccessClaims;
use shared_config::Secret;
use shared_models::Role;
use shared_testkit::TestClient;
use uuid::Uuid;

use crate::test_app::{Account, PASSWORD, TestApp};

const EXPORTS: &str = "/auth/v1/privacy/exports";
const ERASURES: &str = "/auth/v1/privacy/erasures";
const TOKEN: &str = "a-token-that-the-operator-made";

fn erasure_of(account: &Account) -> Value {
    json!({"confirmation": account.creator, "password": PASSWORD})
}

#[tokio::test]
async fn an_erasure_can_be_cancelled_during_the_grace_period() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let client = app.client.with_token(&ana.access);
    let asked = client.post(ERASURES, &erasure_of(&ana)).await;
    let asked = asked.expect(StatusCode::ACCEPTED);
    assert_eq!(asked["state"], "waiting");
    let due: jiff::Timestamp = asked["due_at"].as_str().unwrap().parse().unwrap();
    let days = due.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert!((6..=7).contains(&days), "{days} days");
    // A second request returns the open one.
    let again = client.post(ERASURES, &erasure_of(&ana)).await;
    assert_eq!(again.expect(StatusCode::ACCEPTED)["id"], asked["id"]);

    let one = format!("{ERASURES}/{}", asked["id"].as_str().unwrap());
    client.get(&one).await.expect(StatusCode::OK);
    client.delete(&one).await.expect(StatusCode::NO_CONTENT);
    let refused = client.delete(&one).await;
    assert_eq!(refused.code(), "erasure_not_waiting");
    let read = client.get(&one).await.expect(StatusCode::OK);
    assert_eq!(read["state"], "cancelled");
    app.me(&ana.access).await.expect(StatusCode::OK);
    // A new request is possible, and the list has both.
    let again = client.post(ERASURES, &erasure_of(&ana)).await;
    assert_ne!(again.expect(StatusCode::ACCEPTED)["id"], asked["id"]);
    let list = client.get(ERASURES).await.expect(StatusCode::OK);
    assert_eq!(list["items"].as_array().map_or(0, Vec::len), 2, "{list}");
}

#[tokio::test]
async fn an_erasure_requires_an_owner_the_password_and_the_account_name() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let ben = app.register("ben@example.com").await;
    let client = app.client.with_token(&ana.access);
    for body in [
        json!({"confirmation": ben.creator, "password": PASSWORD}),
        json!({"confirmation": "", "password": PASSWORD}),
        json!({"confirmation": ana.creator}),
    ] {
        let refused = client.post(ERASURES, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let wrong = json!({"confirmation": ana.creator, "password": "Wrong-7-Harbour"});
    let refused = client.post(ERASURES, &wrong).await;
    assert_eq!(refused.code(), "wrong_password");

    let admin = AccessClaims {
        role: Role::Admin,
        ..app.claims(&ana)
    };
    let admin = app.client.with_token(&app.sign(&admin).await);
    for answer in [
        admin.post(ERASURES, &erasure_of(&ana)).await,
        admin.post(EXPORTS, &json!({"password": PASSWORD})).await,
        admin.get(EXPORTS).await,
    ] {
        assert_eq!(answer.code(), "permission_missing");
    }
    let none = client.get(ERASURES).await.expect(StatusCode::OK);
    assert_eq!(none["items"], json!([]));

    for (body, code) in [
        (json!({}), "invalid_fields"),
        (json!({"password": "Wrong-7-Harbour"}), "wrong_password"),
    ] {
        assert_eq!(client.post(EXPORTS, &body).await.code(), code);
    }

    // The request of another account is not found.
    let made = client.post(EXPORTS, &json!({"password": PASSWORD})).await;
    let made = made.expect(StatusCode::ACCEPTED);
    let one = format!("{EXPORTS}/{}", made["id"].as_str().unwrap());
    let ben = app.client.with_token(&ben.access);
    for path in [one.clone(), format!("{one}/download")] {
        assert_eq!(ben.get(&path).await.code(), "unknown_privacy_request");
    }
    let early = client.get(&format!("{one}/download")).await;
    assert_eq!(early.code(), "export_not_ready");
    let admin = app.admin().await;
    let old = "update auth.privacy_requests
               set state = 'succeeded', expires_at = now() - interval '1 second'";
    sqlx::query(old).execute(&admin).await.unwrap();
    let late = client.get(&format!("{one}/download")).await;
    assert_eq!(
        (late.status, late.code().as_str()),
        (StatusCode::GONE, "export_expired")
    );
}

#[tokio::test]
async fn the_operator_erases_only_the_account_of_its_resource() {
    let app = TestApp::new().await;
    let state = AppState::new(&app.config).unwrap();
    let router = auth_service::tenants_api(state, Secret::new(TOKEN.to_owned()));
    let operator = TestClient::new(router).with_token(TOKEN);
    let wish = json!({
        "resource": "acme/ana", "display_name": "Ana",
        "owner": {"email": "ana@example.com", "full_name": "Ana Lima"},
        "plan": "pro", "quotas": {}, "allowed_origins": [], "invite": true,
    });
    let uid = Uuid::now_v7();
    let path = format!("/internal/v1/tenants/{uid}");
    let made = operator.json(Method::PUT, &path, &wish).await;
    let made = made.expect(StatusCode::CREATED);
    let creator = made["creator_id"].as_str().unwrap().to_owned();
    let accepted = json!({"token": made["invitation"]["token"], "password": PASSWORD});
    let accepted = app
        .client
        .post("/auth/v1/owner-invitations/accept", &accepted)
        .await;
    let ana = Account::of(&accepted.json());
    let refused = app.client.with_token(&ana.access);
    let refused = refused.post(ERASURES, &erasure_of(&ana)).await;
    assert_eq!(refused.code(), "managed_by_resource");

    let wrong = format!("{path}?confirm={}", Uuid::now_v7());
    assert_eq!(operator.delete(&wrong).await.code(), "invalid_query");
    let unknown = format!(
        "/internal/v1/tenants/{}?confirm={}",
        Uuid::now_v7(),
        Uuid::now_v7()
    );
    assert_eq!(operator.delete(&unknown).await.code(), "unknown_tenant");
    for _ in 0..2 {
        let right = format!("{path}?confirm={creator}");
        let begun = operator.delete(&right).await.expect(StatusCode::OK);
        assert_eq!(begun, json!({"state": "running", "erased": []}));
    }
    let admin = app.admin().await;
    let jobs = sqlx::query_scalar::<_, i64>("select count(*) from platform.jobs");
    assert_eq!(jobs.fetch_one(&admin).await.unwrap(), 1);
}
