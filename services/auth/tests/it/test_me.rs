//! The signed-in user, and requests without a valid session.

use std::time::Duration;

use http::{Method, StatusCode, header};
use serde_json::json;
use shared_auth::TokenVerifier;
use shared_config::Service;
use shared_models::SessionId;
use shared_rpc::http_client;
use shared_testkit::{QueryLog, Revoker, TokenMint};

use crate::test_app::{TestApp, client, without_trace};

const PATH: &str = "/auth/v1/me";

#[tokio::test]
async fn a_user_changes_the_name_and_reads_it_back() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let client = app.client.with_token(&account.access);
    let change = json!({"full_name": "  Ána Lima e Silva "});
    let changed = client.json(Method::PATCH, PATH, &change).await;
    let changed = changed.expect(StatusCode::OK);
    assert_eq!(changed["user"]["full_name"], "Ána Lima e Silva");
    assert_eq!(client.get(PATH).await.expect(StatusCode::OK), changed);
    let unchanged = client.json(Method::PATCH, PATH, &json!({})).await;
    assert_eq!(unchanged.expect(StatusCode::OK), changed);
}

#[tokio::test]
async fn reading_the_signed_in_user_asks_postgresql_once() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let _epoch = Revoker::new(&app.database, &app.config.cache).run();
    let mut config = app.config.clone();
    // One connection, so that a statement is prepared once.
    config.database.max_connections = 1;
    let log = QueryLog::before(&mut config.database).await;
    let client = client(&config).with_token(&account.access);
    // Until the keys are loaded, the statement is prepared and the token is cached.
    for _ in 0..3 {
        client.get(PATH).await.expect(StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    log.take();
    let me = client.get(PATH).await.expect(StatusCode::OK);
    let trips = log.take();
    assert_eq!(trips.len(), 1, "{trips:#?}");
    assert!(trips[0].contains("auth.read_signed_in"), "{trips:?}");
    assert_eq!(me["user"]["email"], "ana@example.com");
}

#[tokio::test]
async fn what_reads_the_signed_in_user_leaves_no_tenant_behind() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let db = app.database.as_service(Service::Auth);
    let mut tx = db.system().await.unwrap();
    let read = "select email from auth.read_signed_in($1, $2, $3)";
    let read = sqlx::query_scalar::<_, String>(read);
    let read = read.bind(ana.creator).bind(ana.user).bind(ana.session);
    let email = read.fetch_one(tx.conn()).await.unwrap();
    assert_eq!(email, "ana@example.com");
    let seen = "select count(*) from auth.users";
    let seen: i64 = sqlx::query_scalar(seen).fetch_one(tx.conn()).await.unwrap();
    assert_eq!(seen, 0, "the transaction sees no tenant afterwards");
}

#[tokio::test]
async fn an_invalid_change_is_refused_and_changes_nothing() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let client = app.client.with_token(&account.access);
    for (body, field) in [
        (json!({"full_name": "A"}), "full_name"),
        (json!({"full_name": 7}), "full_name"),
        (json!({"full_name": "A".repeat(101)}), "full_name"),
        (json!({"email": "b@example.com"}), "email"),
        (json!({"role": "owner"}), "role"),
    ] {
        let answer = client.json(Method::PATCH, PATH, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (422, "invalid_fields")
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
    let me = client.get(PATH).await.expect(StatusCode::OK);
    assert_eq!(me["user"]["full_name"], "Ana Lima");
}

#[tokio::test]
async fn requests_without_a_valid_token_are_refused() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let mut expired = app.claims(&account);
    expired.exp -= 1000;
    let mut elsewhere = app.claims(&account);
    elsewhere.aud = "another-api".to_owned();
    let mut forger = app.claims(&account);
    forger.iss = "another-platform".to_owned();
    let (head, rest) = account.access.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    for (token, code) in [
        ("x".to_owned(), "invalid_token"),
        ("a.b.c".to_owned(), "invalid_token"),
        (format!("{head}.{claims}."), "invalid_token"),
        // {"alg":"none"}
        (format!("eyJhbGciOiJub25lIn0.{claims}."), "invalid_token"),
        (account.refresh.clone(), "invalid_token"),
        (TokenMint::new().owner(account.creator), "invalid_token"),
        (app.sign(&elsewhere).await, "invalid_token"),
        (app.sign(&forger).await, "invalid_token"),
        (app.sign(&expired).await, "expired_token"),
    ] {
        let answer = app.me(&token).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, code),
            "{token}"
        );
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    let nobody = app.client.get(PATH).await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.code().as_str()),
        (401, "missing_token")
    );
    let basic = app
        .client
        .request(Method::GET, PATH)
        .header("authorization", "Basic YTpi");
    let basic = app.client.send(basic.body("".into()).unwrap()).await;
    assert_eq!(
        (basic.status.as_u16(), basic.code().as_str()),
        (401, "missing_token")
    );
    app.me(&app.sign(&app.claims(&account)).await)
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn ids_of_another_tenant_are_not_found() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let ben = app.register("ben@example.com").await;
    // As if auth had signed inconsistent claims: Ana's user and session under Ben's tenant.
    let mut crossed = app.claims(&ana);
    crossed.creator_id = ben.creator;
    let crossed = app.sign(&crossed).await;
    let mut missing = app.claims(&ben);
    missing.sid = SessionId::new();
    let missing = app.sign(&missing).await;
    let (crossed_me, missing_me) = (app.me(&crossed).await, app.me(&missing).await);
    assert_eq!(crossed_me.code(), "session_ended");
    assert_eq!(without_trace(&crossed_me), without_trace(&missing_me));
    let client = app.client.with_token(&crossed);
    let renamed = client
        .json(Method::PATCH, PATH, &json!({"full_name": "Mallory"}))
        .await;
    assert_eq!(renamed.code(), "session_ended");
    let logout = client
        .json(Method::POST, "/auth/v1/logout", &json!({}))
        .await;
    assert_eq!(logout.status, StatusCode::NO_CONTENT);
    let me = app.me(&ana.access).await.expect(StatusCode::OK);
    assert_eq!(
        me["user"]["full_name"], "Ana Lima",
        "neither renamed nor signed out"
    );
}

#[tokio::test]
async fn a_service_token_is_not_a_user() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let channel = TokenVerifier::new(
        Service::Channel,
        app.config.verifier.clone(),
        http_client::new().unwrap(),
    );
    let token = channel
        .signer()
        .tenant_token(Service::Auth, account.creator)
        .unwrap();
    let answer = app.me(&token).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "users_only")
    );
    let elsewhere = channel
        .signer()
        .tenant_token(Service::AiEngine, account.creator)
        .unwrap();
    assert_eq!(app.me(&elsewhere).await.status, StatusCode::UNAUTHORIZED);
}
