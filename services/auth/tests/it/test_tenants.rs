//! The tenants API of the operator, and its effects on members.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_config::Secret;
use shared_testkit::{Answer, TestClient};
use uuid::Uuid;

use auth_service::AppState;

use crate::mailbox::{Worker, code};
use crate::test_app::{Account, PASSWORD, TestApp};

const TOKEN: &str = "a-token-that-the-operator-made";

struct Operator {
    app: TestApp,
    client: TestClient,
}

impl Operator {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let state = AppState::new(&app.config).unwrap();
        let router = auth_service::tenants_api(state, Secret::new(TOKEN.to_owned()));
        let client = TestClient::new(router).with_token(TOKEN);
        Self { app, client }
    }

    async fn put(&self, uid: Uuid, wish: &Value) -> Answer {
        let path = format!("/internal/v1/tenants/{uid}");
        self.client.json(Method::PUT, &path, wish).await
    }

    async fn get(&self, uid: Uuid) -> Answer {
        self.client
            .get(&format!("/internal/v1/tenants/{uid}"))
            .await
    }

    async fn accept(&self, token: &str) -> Answer {
        let body = json!({"token": token, "password": PASSWORD});
        let path = "/auth/v1/owner-invitations/accept";
        self.app.client.post(path, &body).await
    }

    /// The transaction ids of the account's rows, which change with every write.
    async fn writes(&self) -> Vec<String> {
        let admin = self.app.admin().await;
        let sql = "select t.x::text from (
            select 'creators' as t, xmin::text as x from auth.creators
            union all select 'settings', xmin::text from platform.tenant_settings
            union all select 'users', xmin::text from auth.users
            union all select 'invitations', xmin::text from auth.owner_invitations) t
            order by t.t, t.x";
        sqlx::query_scalar(sql).fetch_all(&admin).await.unwrap()
    }
}

fn wish() -> Value {
    json!({
        "resource": "acme/ana",
        "display_name": "Ana's Coaching",
        "owner": {"email": "ana@example.com", "full_name": "Ana Lima"},
        "plan": "pro",
        "quotas": {"documents": 500, "storage_bytes": 1024},
        "allowed_origins": ["https://b.example.com", "https://a.example.com"],
        "invite": true,
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut wish = wish();
    wish[field] = value;
    wish
}

fn token_of(tenant: &Value) -> String {
    tenant["invitation"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn provisioning_is_idempotent_and_a_repetition_writes_nothing() {
    let operator = Operator::new().await;
    let uid = Uuid::new_v4();
    let made = operator.put(uid, &wish()).await.expect(StatusCode::CREATED);
    assert_eq!(made["observed"]["plan"], "pro");
    assert_eq!(made["observed"]["quotas"]["documents"], 500);
    let origins = json!(["https://a.example.com", "https://b.example.com"]);
    assert_eq!(made["observed"]["allowed_origins"], origins);
    let before = operator.writes().await;
    let again = operator.put(uid, &wish()).await.expect(StatusCode::OK);
    assert_eq!(
        again, made,
        "the invitation is the same, if the first response was lost"
    );
    assert_eq!(operator.writes().await, before);
    let mut read = operator.get(uid).await.expect(StatusCode::OK);
    read["invitation"] = made["invitation"].clone();
    assert_eq!(read, made);
}

#[tokio::test]
async fn of_ten_concurrent_requests_one_creates_the_account() {
    let operator = Operator::new().await;
    let (uid, wish) = (Uuid::new_v4(), wish());
    let all = futures_util::future::join_all((0..10).map(|_| operator.put(uid, &wish))).await;
    let made = all
        .iter()
        .filter(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(made.count(), 1);
    let ids: std::collections::BTreeSet<String> = all
        .into_iter()
        .map(|answer| {
            assert!(answer.status.is_success(), "{}", answer.text());
            answer.json()["creator_id"].to_string()
        })
        .collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn the_owner_accepts_the_invitation_once() {
    let operator = Operator::new().await;
    let uid = Uuid::new_v4();
    let made = operator.put(uid, &wish()).await.expect(StatusCode::CREATED);
    let before = operator
        .app
        .login("ana@example.com", PASSWORD, "192.0.2.1")
        .await;
    assert_eq!(
        (before.status.as_u16(), before.code().as_str()),
        (401, "invalid_credentials")
    );
    let token = token_of(&made);
    let signed_in = operator.accept(&token).await.expect(StatusCode::OK);
    assert_eq!(signed_in["user"]["role"], "owner");
    assert_eq!(signed_in["creator"]["id"], made["creator_id"]);
    for token in [token.as_str(), "unknown"] {
        let refused = operator.accept(token).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (401, "invalid_invitation")
        );
    }
    let login = operator
        .app
        .login("ana@example.com", PASSWORD, "192.0.2.1")
        .await;
    login.expect(StatusCode::OK);
    let again = operator.put(uid, &wish()).await.expect(StatusCode::OK);
    assert_eq!(again["owner_accepted"], true);
    assert_eq!(again["invitation"], Value::Null, "nobody is invited twice");
}

#[tokio::test]
async fn an_invitation_is_used_up_when_the_owner_sets_a_password_by_other_means() {
    let operator = Operator::new().await;
    let (app, uid, email) = (&operator.app, Uuid::new_v4(), "ana@example.com");
    let made = operator.put(uid, &wish()).await.expect(StatusCode::CREATED);
    let token = token_of(&made);
    let _worker = Worker::start(app);
    let asked = json!({"email": email});
    app.post_from("203.0.113.7", "/auth/v1/password/reset", &asked)
        .await;
    let code = code(app, email, "Set a new password", 1).await;
    let body = json!({"token": code, "new_password": "Copper-4-Meadow"});
    let set = app
        .client
        .post("/auth/v1/password/reset/confirm", &body)
        .await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text());
    // Before the first sign-in as well: the Secret with the token may have been read by anybody.
    assert_eq!(operator.accept(&token).await.code(), "invalid_invitation");
    let observed = operator.put(uid, &wish()).await.expect(StatusCode::OK);
    assert_eq!(observed["owner_accepted"], true);
    assert_eq!(observed["invitation"], Value::Null);
    let login = app.login(email, "Copper-4-Meadow", "203.0.113.7").await;
    login.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_invitation_from_before_is_not_accepted_by_an_owner_who_has_signed_in() {
    let operator = Operator::new().await;
    let made = operator
        .put(Uuid::new_v4(), &wish())
        .await
        .expect(StatusCode::CREATED);
    let admin = operator.app.admin().await;
    // As an earlier version left it: signed in, and the invitation still open.
    let signed_in = "update auth.users set last_login_at = now()";
    sqlx::query(signed_in).execute(&admin).await.unwrap();
    let refused = operator.accept(&token_of(&made)).await;
    assert_eq!(refused.code(), "invalid_invitation");
}

#[tokio::test]
async fn an_expired_invitation_is_replaced_and_becomes_invalid() {
    let operator = Operator::new().await;
    let uid = Uuid::new_v4();
    let made = operator.put(uid, &wish()).await.expect(StatusCode::CREATED);
    let admin = operator.app.admin().await;
    let sql = "update auth.owner_invitations set expires_at = now() - interval '1 second'";
    sqlx::query(sql).execute(&admin).await.unwrap();
    let refused = operator.accept(&token_of(&made)).await;
    assert_eq!(refused.code(), "invalid_invitation");
    let renewed = operator.put(uid, &wish()).await.expect(StatusCode::OK);
    assert_ne!(token_of(&renewed), token_of(&made));
    operator
        .accept(&token_of(&made))
        .await
        .expect(StatusCode::UNAUTHORIZED);
    operator
        .accept(&token_of(&renewed))
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn a_suspended_account_is_refused_at_once_and_can_be_resumed() {
    let operator = Operator::new().await;
    let uid = Uuid::new_v4();
    let made = operator.put(uid, &wish()).await.expect(StatusCode::CREATED);
    let app = &operator.app;
    let account = Account::of(
        &operator
            .accept(&token_of(&made))
            .await
            .expect(StatusCode::OK),
    );
    app.me(&account.access).await.expect(StatusCode::OK);
    let shut = with("suspended", json!(true));
    operator.put(uid, &shut).await.expect(StatusCode::OK);
    let started = std::time::Instant::now();
    while app.me(&account.access).await.status != StatusCode::FORBIDDEN {
        assert!(
            started.elapsed().as_millis() < 1000,
            "refused within a second"
        );
    }
    for refused in [
        app.me(&account.access).await,
        app.refresh(&account.refresh).await,
        app.login("ana@example.com", PASSWORD, "192.0.2.1").await,
    ] {
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (403, "tenant_suspended")
        );
    }
    let wrong = app
        .login("ana@example.com", "Wrong-Pass-1-word", "192.0.2.1")
        .await;
    assert_eq!(
        wrong.code(),
        "invalid_credentials",
        "reported after the right password only"
    );
    operator.put(uid, &wish()).await.expect(StatusCode::OK);
    app.refresh(&account.refresh).await.expect(StatusCode::OK);
    let started = std::time::Instant::now();
    while app.me(&account.access).await.status != StatusCode::OK {
        assert!(
            started.elapsed().as_millis() < 1000,
            "accepted within a second"
        );
    }
}

#[tokio::test]
async fn members_cannot_change_what_a_resource_manages() {
    let operator = Operator::new().await;
    let made = operator
        .put(Uuid::new_v4(), &wish())
        .await
        .expect(StatusCode::CREATED);
    let managed = Account::of(
        &operator
            .accept(&token_of(&made))
            .await
            .expect(StatusCode::OK),
    );
    let own = operator.app.register("own@example.com").await;
    let change = json!({"display_name": "Another name"});
    for (account, status) in [(managed, 409), (own, 200)] {
        let client = operator.app.client.with_token(&account.access);
        let answer = client
            .json(Method::PATCH, "/auth/v1/account", &change)
            .await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        if status == 409 {
            assert_eq!(answer.code(), "managed_by_resource");
            assert!(answer.text().contains("acme/ana"), "{}", answer.text());
        } else {
            assert_eq!(answer.json()["display_name"], "Another name");
        }
    }
}

#[tokio::test]
async fn an_address_owns_one_account_and_a_refused_request_leaves_no_rows() {
    let operator = Operator::new().await;
    operator
        .put(Uuid::new_v4(), &wish())
        .await
        .expect(StatusCode::CREATED);
    let before = operator.writes().await;
    let second = Uuid::new_v4();
    let refused = operator.put(second, &wish()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "email_taken")
    );
    assert_eq!(operator.writes().await, before);
    assert_eq!(operator.get(second).await.code(), "unknown_tenant");
}

#[tokio::test]
async fn drift_from_the_resource_is_reported_and_corrected() {
    let operator = Operator::new().await;
    let uid = Uuid::new_v4();
    let made = operator.put(uid, &wish()).await.expect(StatusCode::CREATED);
    let admin = operator.app.admin().await;
    for sql in [
        "update auth.creators set plan = 'enterprise'",
        "update platform.tenant_settings set plan = 'free'",
        "update platform.tenant_settings set quotas = '{\"documents\": 9}'",
        "update platform.tenant_settings set quotas = '{\"documents\": \"many\"}'",
        "update platform.tenant_settings set allowed_origins = '{}'",
        "update platform.tenant_settings set suspended_at = now()",
        "update auth.creators set display_name = 'Somebody'",
        "delete from platform.tenant_settings",
    ] {
        sqlx::query(sql).execute(&admin).await.unwrap();
        let seen = operator.get(uid).await.expect(StatusCode::OK);
        assert_ne!(seen["observed"], made["observed"], "{sql}");
        let mended = operator.put(uid, &wish()).await.expect(StatusCode::OK);
        assert_eq!(mended, made, "{sql}");
    }
}

#[tokio::test]
async fn many_tenants_are_listed_and_unknown_uids_are_left_out() {
    let operator = Operator::new().await;
    let uids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    for (number, uid) in uids.iter().take(2).enumerate() {
        let email = format!("owner{number}@example.com");
        let owner = json!({"email": email, "full_name": "Ana Lima"});
        operator
            .put(*uid, &with("owner", owner))
            .await
            .expect(StatusCode::CREATED);
    }
    let list = uids.map(|uid| uid.to_string()).join(",");
    let path = format!("/internal/v1/tenants?uids={list}");
    let found = operator.client.get(&path).await.expect(StatusCode::OK);
    assert_eq!(found["tenants"].as_array().unwrap().len(), 2);
    for wrong in [
        "nonsense".to_owned(),
        vec![uids[0].to_string(); 101].join(","),
    ] {
        let path = format!("/internal/v1/tenants?uids={wrong}");
        let refused = operator.client.get(&path).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (422, "invalid_query")
        );
    }
}

#[tokio::test]
async fn requests_without_the_token_and_invalid_requests_are_refused() {
    let operator = Operator::new().await;
    let path = format!("/internal/v1/tenants/{}", Uuid::new_v4());
    for token in [
        "",
        "a-token-that-the-operator-madE",
        "a-token",
        &format!("{TOKEN}x"),
    ] {
        let answer = operator
            .client
            .with_token(token)
            .json(Method::PUT, &path, &wish())
            .await;
        assert_eq!(answer.code(), "invalid_token", "{token}");
    }
    let public = operator.app.client.with_token(TOKEN);
    let answer = public.json(Method::PUT, &path, &wish()).await;
    assert_eq!(
        answer.status.as_u16(),
        404,
        "the public port does not serve it"
    );
    for (field, value) in [
        ("plan", json!("gold")),
        ("owner", json!({"email": "nobody", "full_name": "Ana Lima"})),
        ("quotas", json!({"documents": -1})),
        ("allowed_origins", json!(["https://a.example.com", ""])),
        ("colour", json!("red")),
    ] {
        let answer = operator.put(Uuid::new_v4(), &with(field, value)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (422, "invalid_fields")
        );
        let named = answer.json()["errors"][0]["field"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(named.starts_with(field), "{field}: {named}");
    }
    assert_eq!(operator.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn usage_counts_documents_bytes_and_the_messages_of_this_month() {
    let operator = Operator::new().await;
    let uid = Uuid::new_v4();
    let made = operator.put(uid, &wish()).await.expect(StatusCode::CREATED);
    let nothing = json!({"documents": 0, "messages_this_month": 0, "storage_bytes": 0,
        "channels": 0, "members": 1});
    assert_eq!(made["usage"], nothing);
    let admin = operator.app.admin().await;
    let sql = format!(
        "insert into hub.documents (creator_id, id, title, filename, kind, file_size, content_hash,
           state)
         select {creator}, gen_random_uuid(), 'T', 'f.md', 'md', 100, decode(repeat(n, 32), 'hex'),
           state
         from (values ('01', 'ready'), ('02', 'pending'), ('03', 'erasing')) v (n, state);
         insert into platform.quota_usage (creator_id, quota, period, used)
         select {creator}, 'messages_per_month', month::date, 1
         from (values (date_trunc('month', now(), 'UTC') at time zone 'UTC'),
           (date_trunc('month', now(), 'UTC') at time zone 'UTC' - interval '1 month')) v (month)",
        creator = format_args!("'{}'::uuid", made["creator_id"].as_str().unwrap()),
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&admin)
        .await
        .unwrap();
    let usage = &operator.get(uid).await.expect(StatusCode::OK)["usage"];
    let counted = json!({"documents": 2, "messages_this_month": 1, "storage_bytes": 200,
        "channels": 0, "members": 1});
    assert_eq!(
        *usage, counted,
        "neither what is being erased nor another month's messages"
    );
}
