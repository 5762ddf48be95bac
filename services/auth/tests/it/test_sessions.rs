//! The sessions of a user: listed, revoked one by one or all at once.

use http::StatusCode;
use serde_json::{Value, json};
use shared_models::SessionId;

use crate::test_app::{Account, PASSWORD, TestApp, client, without_trace};

const EMAIL: &str = "ana@example.com";

async fn sign_in(app: &TestApp, ip: &str) -> Account {
    Account::of(&app.login(EMAIL, PASSWORD, ip).await.expect(StatusCode::OK))
}

async fn sessions(app: &TestApp, of: &Account) -> Vec<Value> {
    let answer = app.client.with_token(&of.access);
    let body = answer.get("/auth/v1/sessions").await.expect(StatusCode::OK);
    body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn sessions_list_their_devices_and_mark_the_current_one() {
    let app = TestApp::new().await;
    let first = app.register(EMAIL).await;
    let request = app.client.request(http::Method::POST, "/auth/v1/login");
    let request = request
        .header("content-type", "application/json")
        .header(
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0",
        )
        .header("x-forwarded-for", "203.0.113.9");
    let body = json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let answer = app.client.send(request.body(body.into()).unwrap()).await;
    let second = Account::of(&answer.expect(StatusCode::OK));
    app.register("ben@example.com").await;

    let list = sessions(&app, &second).await;
    assert_eq!(list.len(), 2, "{list:?}");
    assert_eq!(list[0]["id"], second.session.to_string(), "newest first");
    assert_eq!(list[0]["device"], "Firefox on Linux");
    assert_eq!(list[0]["ip"], "203.0.113.9");
    assert_eq!(
        (&list[0]["current"], &list[1]["current"]),
        (&true.into(), &false.into())
    );
    let seen = list[1]["last_seen_at"].as_str().unwrap().to_owned();
    app.refresh(&first.refresh).await.expect(StatusCode::OK);
    let list = sessions(&app, &second).await;
    assert!(
        list[1]["last_seen_at"].as_str().unwrap() > seen.as_str(),
        "a refresh is seen"
    );
}

#[tokio::test]
async fn sessions_are_paged() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    for number in 0..4 {
        sign_in(&app, &format!("203.0.113.{number}")).await;
    }
    let caller = app.client.with_token(&account.access);
    let mut seen = Vec::new();
    let mut path = "/auth/v1/sessions?limit=2".to_owned();
    loop {
        let page = caller.get(&path).await.expect(StatusCode::OK);
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].clone()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/auth/v1/sessions?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    for bad in ["limit=0", "cursor=forged", "order=asc"] {
        let answer = caller.get(&format!("/auth/v1/sessions?{bad}")).await;
        assert_eq!(answer.status.as_u16(), 422, "{bad}");
    }
}

#[tokio::test]
async fn a_revoked_session_ends_in_every_process_at_once() {
    let app = TestApp::new().await;
    let here = app.register(EMAIL).await;
    let there = sign_in(&app, "203.0.113.7").await;
    // Another process has verified the token before, and caches the result.
    let replica = client(&app.config);
    let elsewhere = replica.with_token(&there.access);
    elsewhere.get("/auth/v1/me").await.expect(StatusCode::OK);

    let path = format!("/auth/v1/sessions/{}", there.session);
    let caller = app.client.with_token(&here.access);
    assert_eq!(caller.delete(&path).await.status, StatusCode::NO_CONTENT);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let answer = elsewhere.get("/auth/v1/me").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (401, "session_ended")
    );
    assert_eq!(
        app.refresh(&there.refresh).await.code(),
        "invalid_refresh_token"
    );
    app.me(&here.access).await.expect(StatusCode::OK);
    assert_eq!(sessions(&app, &here).await.len(), 1);
    assert_eq!(
        caller.delete(&path).await.code(),
        "unknown_session",
        "it has ended"
    );
}

#[tokio::test]
async fn a_session_of_another_user_is_not_found() {
    let app = TestApp::new().await;
    let ana = app.register(EMAIL).await;
    let ben = app.register("ben@example.com").await;
    let caller = app.client.with_token(&ana.access);
    let foreign = caller
        .delete(&format!("/auth/v1/sessions/{}", ben.session))
        .await;
    let missing = caller
        .delete(&format!("/auth/v1/sessions/{}", SessionId::new()))
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(without_trace(&foreign), without_trace(&missing));
    assert_eq!(
        caller.delete("/auth/v1/sessions/7").await.status.as_u16(),
        400
    );
    app.me(&ben.access).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_but_no_later_one() {
    let app = TestApp::new().await;
    let first = app.register(EMAIL).await;
    let second = sign_in(&app, "203.0.113.7").await;
    let ben = app.register("ben@example.com").await;
    app.me(&second.access).await.expect(StatusCode::OK);
    let caller = app.client.with_token(&first.access);
    let answer = caller.post("/auth/v1/logout-all", &json!({})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for account in [&first, &second] {
        // Until the revocation arrives, within a second, the database row refuses the token.
        let started = std::time::Instant::now();
        loop {
            match app.me(&account.access).await.code().as_str() {
                "revoked_token" => break,
                code => assert_eq!(code, "session_ended"),
            }
            assert!(started.elapsed().as_millis() < 1000, "the word is late");
        }
        assert_eq!(
            app.refresh(&account.refresh).await.code(),
            "invalid_refresh_token"
        );
    }
    app.me(&ben.access).await.expect(StatusCode::OK);
    let again = sign_in(&app, "203.0.113.8").await;
    app.me(&again.access).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn sessions_require_a_token() {
    let app = TestApp::new().await;
    for answer in [
        app.client.get("/auth/v1/sessions").await,
        app.client
            .delete(&format!("/auth/v1/sessions/{}", SessionId::new()))
            .await,
        app.client.post("/auth/v1/logout-all", &json!({})).await,
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "missing_token")
        );
    }
}
