//! The lock after wrong passwords and codes: strangers set it, and known networks are spared.

use http::StatusCode;
use serde_json::json;
use shared_testkit::Answer;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::mailbox::{Worker, codes};
use crate::test_app::{Account, PASSWORD, TestApp};

const EMAIL: &str = "ana@example.com";
const WRONG: &str = "Another-9-Password";
/// The network from which the owner signs in.
const HOME: &str = "198.51.100.7";

async fn run(admin: &PgPool, statement: &str) {
    let query = sqlx::query(AssertSqlSafe(statement.to_owned()));
    query.execute(admin).await.unwrap();
}

/// An account whose owner has signed in from home.
async fn account(app: &TestApp) -> Account {
    app.register(EMAIL).await;
    let signed_in = app.login(EMAIL, PASSWORD, HOME).await;
    Account::of(&signed_in.expect(StatusCode::OK))
}

/// Wrong passwords from as many networks.
async fn attack(app: &TestApp, tries: u8) {
    for number in 0..tries {
        let ip = format!("203.0.113.{number}");
        let answer = app.login(EMAIL, WRONG, &ip).await;
        assert_eq!(answer.code(), "invalid_credentials", "{}", answer.text());
    }
}

async fn status(app: &TestApp, ip: &str) -> u16 {
    app.login(EMAIL, PASSWORD, ip).await.status.as_u16()
}

/// The count of failures, and whether the user is locked.
async fn count(app: &TestApp) -> (i32, bool) {
    let row = "select failed_logins, coalesce(locked_until > now(), false) from auth.users";
    let row = sqlx::query(row).fetch_one(&app.admin().await).await;
    let row = row.unwrap();
    (row.get(0), row.get(1))
}

async fn ask_reset(app: &TestApp, email: &str, ip: &str) -> Answer {
    let body = json!({"email": email});
    app.post_from(ip, "/auth/v1/password/reset", &body).await
}

#[tokio::test]
async fn a_stranger_does_not_lock_out_the_owner() {
    let app = TestApp::new().await;
    account(&app).await;
    // From one network: it runs out of tries before anything is locked.
    for _ in 0..5 {
        let answer = app.login(EMAIL, WRONG, "192.0.2.77").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = app.login(EMAIL, WRONG, "192.0.2.77").await;
    assert_eq!(answer.code(), "rate_limited");
    let unknown = app.login("nobody@example.com", WRONG, "203.0.113.8").await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    assert_eq!(count(&app).await, (5, false));
    assert_eq!(status(&app, "192.0.2.1").await, 200, "a new network");

    // From many networks: new networks are locked, and the owner's are not.
    attack(&app, 20).await;
    assert_eq!(count(&app).await, (20, true));
    assert_eq!(status(&app, "192.0.2.2").await, 401);
    for _ in 0..3 {
        assert_eq!(status(&app, HOME).await, 200);
    }
    // A sign-in of the owner gives no new guesses to the stranger.
    assert_eq!(count(&app).await, (20, true));
    assert_eq!(status(&app, "192.0.2.2").await, 401);
}

#[tokio::test]
async fn failures_on_a_known_network_lock_no_other_network() {
    let app = TestApp::new().await;
    account(&app).await;
    for _ in 0..5 {
        app.login(EMAIL, WRONG, HOME).await;
    }
    assert_eq!(app.login(EMAIL, WRONG, HOME).await.code(), "rate_limited");
    assert_eq!(count(&app).await, (0, false));
    assert_eq!(status(&app, "192.0.2.1").await, 200);
}

#[tokio::test]
async fn failures_are_added_up_for_two_hours() {
    let app = TestApp::new().await;
    account(&app).await;
    let admin = app.admin().await;
    attack(&app, 19).await;
    assert_eq!(count(&app).await, (19, false));
    run(
        &admin,
        "update auth.users set failures_since = now() - interval '121 minutes'",
    )
    .await;
    assert_eq!(app.login(EMAIL, WRONG, "203.0.113.90").await.status, 401);
    assert_eq!(count(&app).await, (1, false), "the count starts again");
    run(
        &admin,
        "update auth.users set failed_logins = 19, failures_since = now()
                   - interval '119 minutes'",
    )
    .await;
    assert_eq!(app.login(EMAIL, WRONG, "203.0.113.91").await.status, 401);
    assert_eq!(count(&app).await, (20, true));
    // A version before this one has left a count without its beginning.
    run(
        &admin,
        "update auth.users set failed_logins = 4, failures_since = null,
                   locked_until = null",
    )
    .await;
    assert_eq!(app.login(EMAIL, WRONG, "203.0.113.92").await.status, 401);
    assert_eq!(count(&app).await, (1, false));
}

#[tokio::test]
async fn a_network_is_known_by_a_session_that_was_not_ended_for_security() {
    let app = TestApp::new().await;
    account(&app).await;
    let admin = app.admin().await;
    let sixth = "2001:db8:1:2::9";
    assert_eq!(status(&app, sixth).await, 200);
    attack(&app, 20).await;
    assert_eq!(
        status(&app, "2001:db8:1:2:ffff::1").await,
        200,
        "the same /64"
    );
    assert_eq!(status(&app, "2001:db8:1:3::9").await, 401, "another /64");
    for (change, expected) in [
        ("revoked_at = now(), revoked_reason = 'logout'", 200),
        (
            "revoked_at = now(), revoked_reason = 'password_changed'",
            401,
        ),
        (
            "revoked_at = now(), revoked_reason = 'refresh_token_reuse'",
            401,
        ),
        ("revoked_at = now(), revoked_reason = 'revoked'", 401),
        ("revoked_at = null, revoked_reason = null", 200),
        ("created_at = now() - interval '91 days'", 401),
    ] {
        // Sign-ins that succeed open further sessions.
        run(&admin, &format!("update auth.sessions set {change}")).await;
        assert_eq!(status(&app, HOME).await, expected, "{change}");
    }
}

#[tokio::test]
async fn a_reset_of_the_password_ends_the_lock() {
    let app = TestApp::new().await;
    account(&app).await;
    attack(&app, 20).await;
    let _worker = Worker::start(&app);
    assert_eq!(ask_reset(&app, EMAIL, "192.0.2.1").await.status, 202);
    let token = crate::mailbox::code(&app, EMAIL, "Set a new password", 1).await;
    let body = json!({"token": token, "new_password": "Copper-4-Meadow"});
    let reset = app.client.post("/auth/v1/password/reset/confirm", &body);
    assert_eq!(reset.await.status, StatusCode::NO_CONTENT);
    let signed_in = app.login(EMAIL, "Copper-4-Meadow", "192.0.2.1").await;
    assert_eq!(signed_in.status, StatusCode::OK);
    assert_eq!(count(&app).await, (0, false));
}

#[tokio::test]
async fn strangers_do_not_use_up_the_reset_emails_of_the_owner() {
    let app = TestApp::new().await;
    account(&app).await;
    let _worker = Worker::start(&app);
    for email in [EMAIL, "nobody@example.com"] {
        for number in 0..3 {
            let ip = format!("203.0.113.{number}");
            assert_eq!(ask_reset(&app, email, &ip).await.status, 202);
        }
        let refused = ask_reset(&app, email, "203.0.113.9").await;
        assert_eq!(refused.code(), "rate_limited", "{email}");
    }
    let nobody = ask_reset(&app, "nobody@example.com", HOME).await;
    assert_eq!(nobody.code(), "rate_limited");
    for _ in 0..3 {
        assert_eq!(ask_reset(&app, EMAIL, HOME).await.status, 202);
    }
    assert_eq!(ask_reset(&app, EMAIL, HOME).await.code(), "rate_limited");
    let sent = codes(&app, EMAIL, "Set a new password").await;
    assert!(sent.len() <= 6, "{}", sent.len());
}
