//! Signing keys: rotated on demand and on schedule, without refusing valid tokens.

use std::io::Write as _;
use std::time::{Duration, Instant};

use auth_service::commands;
use http::StatusCode;
use serde_json::{Value, json};
use shared_auth::TokenVerifier;
use shared_cache::Cache;
use shared_config::Service;
use shared_rpc::http_client;
use sqlx::Row as _;
use tokio::net::TcpListener;

use crate::mailbox::Worker;
use crate::test_app::{Account, PASSWORD, TestApp, client};

const EMAIL: &str = "ana@example.com";

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn published(app: &TestApp) -> Vec<String> {
    let set = app.key_set().await;
    let names = set
        .keys
        .iter()
        .map(|key| key.common.key_id.clone().unwrap());
    names.collect()
}

async fn admin(app: &TestApp) -> Account {
    let account = app.register(EMAIL).await;
    let said = commands::grant_admin(&app.config, EMAIL).await.unwrap();
    assert!(said.contains("is an administrator"), "{said}");
    account
}

async fn rotate(app: &TestApp, account: &Account) -> Value {
    let caller = app.client.with_token(&account.access);
    let answer = caller.post("/auth/v1/keys/rotate", &json!({})).await;
    answer.expect(StatusCode::ACCEPTED)
}

async fn sign_in(app: &TestApp, ip: &str) -> Account {
    Account::of(&app.login(EMAIL, PASSWORD, ip).await.expect(StatusCode::OK))
}

/// Another service, which fetches keys from another replica of auth.
async fn hub(app: &TestApp) -> TokenVerifier {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rules = app.config.verifier.clone();
    rules.auth_url = format!("http://{}", listener.local_addr().unwrap());
    let state = auth_service::AppState::new(&app.config).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(auth_service::run_jobs(state.clone(), stop));
    let router = auth_service::app(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    TokenVerifier::new(Service::CreatorHub, rules, http_client::new().unwrap())
}

#[tokio::test]
async fn a_new_key_signs_within_a_second_in_every_replica_and_no_token_is_refused() {
    let app = TestApp::new().await;
    let replica = client(&app.config);
    let _worker = Worker::start(&app);
    let hub = hub(&app).await;

    let account = admin(&app).await;
    hub.verify(&account.access).await.unwrap();
    let before = kid(&account.access);
    let keys = rotate(&app, &account).await["keys"].clone();
    let states: Vec<_> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["state"])
        .collect();
    assert_eq!(states, ["active", "next"], "{keys}");
    let started = Instant::now();
    let mut token = account.refresh.clone();
    let after = loop {
        let renewed = app.refresh(&token).await.expect(StatusCode::OK);
        token = renewed["refresh_token"].as_str().unwrap().to_owned();
        let access = renewed["access_token"].as_str().unwrap().to_owned();
        // By every process, at any time.
        app.me(&access).await.expect(StatusCode::OK);
        hub.verify(&access).await.unwrap();
        if kid(&access) != before {
            break access;
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "the new key does not sign"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let took = started.elapsed();
    writeln!(
        std::io::stdout(),
        "measured: a new key signs after {took:?}"
    )
    .unwrap();
    assert_eq!(kid(&after), keys[1]["kid"].as_str().unwrap());
    hub.verify(&account.access).await.unwrap();
    app.me(&account.access).await.expect(StatusCode::OK);
    assert_eq!(
        published(&app).await.len(),
        2,
        "the old one is still published"
    );
    let set = replica.get("/auth/.well-known/jwks.json").await.json();
    assert_eq!(set["keys"].as_array().unwrap().len(), 2);
}

/// Waits until `refused` is true, at most a second.
async fn within_a_second(started: Instant, refused: impl AsyncFn() -> bool) -> Duration {
    while !refused().await {
        assert!(started.elapsed() < Duration::from_secs(1), "still accepted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

/// Replaces a retired and an active key, and returns the id of the new one.
async fn end_leaked_keys(app: &TestApp, account: &Account) -> String {
    rotate(app, account).await;
    let caller = app.client.with_token(&account.access);
    let leaked = json!({"reason": "compromised"});
    let body = caller.post("/auth/v1/keys/rotate", &leaked).await;
    let body = body.expect(StatusCode::ACCEPTED);
    let keys = body["keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["state"]), (1, &json!("active")));
    let kid = keys[0]["kid"].as_str().unwrap().to_owned();
    assert_eq!(published(app).await, std::slice::from_ref(&kid));
    kid
}

#[tokio::test]
async fn a_leaked_key_is_refused_everywhere_within_a_second() {
    let app = TestApp::new().await;
    let replica = client(&app.config);
    let cache = Cache::new(&app.config.cache).unwrap();
    let db = app.database.as_service(Service::CreatorHub);
    let hub = hub(&app).await.with_revocations(cache, &db);
    let account = admin(&app).await;
    hub.verify(&account.access).await.unwrap();
    end_leaked_keys(&app, &account).await;
    let started = Instant::now();
    let refused = async || hub.verify(&account.access).await.is_err();
    let took = within_a_second(started, refused).await;
    writeln!(
        std::io::stdout(),
        "measured: a leaked key is refused after {took:?}"
    )
    .unwrap();
    let error = hub.verify(&account.access).await.unwrap_err();
    assert!(["revoked_token", "invalid_token"].contains(&error.code()));
    let here = app.me(&account.access).await;
    assert_eq!(here.status, StatusCode::UNAUTHORIZED);
    let there = replica.with_token(&account.access);
    let refused = async || there.get("/auth/v1/me").await.status == StatusCode::UNAUTHORIZED;
    within_a_second(started, refused).await;
}

#[tokio::test]
async fn sessions_continue_after_a_leak_and_the_audit_log_records_it() {
    let app = TestApp::new().await;
    let _worker = Worker::start(&app);
    let cache = Cache::new(&app.config.cache).unwrap();
    let db = app.database.as_service(Service::CreatorHub);
    let hub = hub(&app).await.with_revocations(cache, &db);
    let account = admin(&app).await;
    let other = sign_in(&app, "203.0.113.7").await;
    hub.verify(&account.access).await.unwrap();
    let new = end_leaked_keys(&app, &account).await;
    let renewed = app.refresh(&other.refresh).await.expect(StatusCode::OK);
    let access = renewed["access_token"].as_str().unwrap();
    assert_eq!(kid(access), new);
    app.me(access).await.expect(StatusCode::OK);
    let holds = async || hub.verify(access).await.is_ok();
    within_a_second(Instant::now(), holds).await;
    assert!(hub.verify(&account.access).await.is_err(), "still refused");
    let again = app.refresh(&account.refresh).await.expect(StatusCode::OK);
    let caller = app
        .client
        .with_token(again["access_token"].as_str().unwrap());
    let log = caller
        .get("/auth/v1/audit?action=signing_keys.replaced")
        .await;
    assert_eq!(log.expect(StatusCode::OK)["items"][0]["target"], new);
}

#[tokio::test]
async fn a_leaked_key_stays_when_its_revocation_cannot_be_published() {
    let app = TestApp::new().await;
    let account = admin(&app).await;
    let caller = app.client.with_token(&account.access);
    for body in [json!({"reason": "boredom"}), json!({"why": "compromised"})] {
        let refused = caller.post("/auth/v1/keys/rotate", &body).await;
        assert_eq!(refused.code(), "invalid_fields", "{body}");
    }
    let keys = published(&app).await;
    let forbid = "create function auth.refuse() returns trigger language plpgsql as
                  $$ begin raise exception 'no'; end $$";
    let database = app.admin().await;
    sqlx::query(forbid).execute(&database).await.unwrap();
    let trigger = "create constraint trigger refuse after insert on auth.signing_keys
                   deferrable initially deferred for each row execute function auth.refuse()";
    sqlx::query(trigger).execute(&database).await.unwrap();
    let body = json!({"reason": "compromised"});
    let failed = caller.post("/auth/v1/keys/rotate", &body).await;
    assert!(failed.status.is_server_error(), "{}", failed.text());
    assert_eq!(published(&app).await, keys);
    let started = Instant::now();
    let holds = async || app.me(&account.access).await.status == StatusCode::OK;
    within_a_second(started, holds).await;
}

#[tokio::test]
async fn only_platform_administrators_manage_signing_keys() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let plan = "update auth.creators set plan = 'enterprise'";
    sqlx::query(plan).execute(&app.admin().await).await.unwrap();
    let caller = app.client.with_token(&account.access);
    for answer in [
        caller.get("/auth/v1/keys").await,
        caller.post("/auth/v1/keys/rotate", &json!({})).await,
    ] {
        let seen = (answer.status.as_u16(), answer.code());
        assert_eq!(
            seen,
            (403, "platform_admins_only".to_owned()),
            "whatever the plan"
        );
    }
    let nobody = commands::grant_admin(&app.config, "nobody@example.com").await;
    assert!(nobody.is_err());
    commands::grant_admin(&app.config, "Ana@Example.com")
        .await
        .unwrap();
    caller.get("/auth/v1/keys").await.expect(StatusCode::OK);
    let ben = app.register("ben@example.com").await;
    let other = app.client.with_token(&ben.access);
    assert_eq!(
        other.get("/auth/v1/keys").await.code(),
        "platform_admins_only"
    );
    commands::revoke_admin(&app.config, EMAIL).await.unwrap();
    assert_eq!(
        caller.get("/auth/v1/keys").await.code(),
        "platform_admins_only"
    );
    let none = app.client.get("/auth/v1/keys").await;
    assert_eq!(none.code(), "missing_token");
}

#[tokio::test]
async fn the_next_key_is_published_an_hour_ahead_and_expired_keys_are_removed() {
    let app = TestApp::new().await;
    let account = admin(&app).await;
    let pool = app.admin().await;
    let caller = app.client.with_token(&account.access);
    let look = async || {
        let body = caller.get("/auth/v1/keys").await.expect(StatusCode::OK);
        let keys = body["keys"].as_array().unwrap().clone();
        let states = keys
            .iter()
            .map(|key| key["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    let age = async |interval: &str| {
        let text = "update auth.signing_keys set active_from = active_from - $1::interval";
        let ageing = sqlx::query(text).bind(interval.to_owned());
        ageing.execute(&pool).await.unwrap();
    };
    assert_eq!(look().await, ["active"]);
    age("29 days 22 hours").await;
    assert_eq!(look().await, ["active"]);
    age("61 minutes").await;
    assert_eq!(look().await, ["active", "next"], "an hour before its time");
    assert_eq!(look().await, ["active", "next"], "and only one");
    age("61 minutes").await;
    assert_eq!(look().await, ["retired", "active"]);
    let signed = sign_in(&app, "203.0.113.7").await;
    assert_eq!(kid(&signed.access), published(&app).await[1]);
    let caller = app.client.with_token(&signed.access);
    age("20 minutes").await;
    let body = caller.get("/auth/v1/keys").await.expect(StatusCode::OK);
    assert_eq!(
        body["keys"].as_array().unwrap().len(),
        1,
        "its last token has expired"
    );
}

#[tokio::test]
async fn a_replica_that_starts_later_signs_with_the_shared_key() {
    let app = TestApp::new().await;
    let account = admin(&app).await;
    rotate(&app, &account).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Its settings have the seed of the first key, which does not sign any more.
    let late = client(&app.config);
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let signed = Account::of(
        &late
            .post("/auth/v1/login", &body)
            .await
            .expect(StatusCode::OK),
    );
    assert_eq!(kid(&signed.access), published(&app).await[1]);
    let rows = sqlx::query("select seed from auth.signing_keys");
    for row in rows.fetch_all(&app.admin().await).await.unwrap() {
        let seed: String = row.get(0);
        assert!(seed.starts_with("s1."), "sealed: {seed}");
    }
    let ready = late.get("/readyz").await.json();
    assert!(ready.to_string().contains("signing-keys"), "{ready}");
}
