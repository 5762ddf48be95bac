//! The second factor: enrolment, sign-in, and protection against replay.

use http::StatusCode;
use serde_json::{Value, json};
use shared_testkit::Answer;
use sqlx::Row as _;
use totp_rs::{Algorithm, Builder, Secret};

use crate::test_app::{Account, PASSWORD, TestApp};

const EMAIL: &str = "ana@example.com";

/// An authenticator app.
struct Authenticator(Vec<u8>);

impl Authenticator {
    fn of(offer: &Value) -> Self {
        let text = offer["secret"].as_str().unwrap();
        Self(Secret::try_from_base32(text).unwrap().as_bytes().to_vec())
    }

    /// The code that the app shows this many steps from now.
    fn code(&self, steps: i64) -> String {
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_secret(self.0.clone())
            .build()
            .unwrap();
        let now = jiff::Timestamp::now().as_second() + steps * 30;
        totp.generate(now.cast_unsigned()).to_string()
    }
}

#[track_caller]
fn is(answer: &Answer, status: u16, code: &str) {
    let seen = (answer.status.as_u16(), answer.code());
    assert_eq!(seen, (status, code.to_owned()), "{}", answer.text());
}

async fn post(app: &TestApp, access: &str, path: &str, body: Value) -> Answer {
    let caller = app.client.with_token(access);
    caller.post(&format!("/auth/v1/{path}"), &body).await
}

async fn state(app: &TestApp, access: &str) -> Value {
    let caller = app.client.with_token(access);
    caller.get("/auth/v1/totp").await.expect(StatusCode::OK)
}

/// Enrols with the code of the previous step; returns the authenticator and the recovery codes.
async fn enrol(app: &TestApp, account: &Account) -> (Authenticator, Vec<String>) {
    let offer = post(app, &account.access, "totp", json!({"password": PASSWORD})).await;
    assert_eq!(offer.headers["cache-control"], "no-store");
    let authenticator = Authenticator::of(&offer.expect(StatusCode::CREATED));
    let body = json!({"code": authenticator.code(-1)});
    let confirmed = post(app, &account.access, "totp/confirm", body).await;
    let codes = confirmed.expect(StatusCode::OK)["recovery_codes"].clone();
    let codes: Vec<String> = serde_json::from_value(codes).unwrap();
    (authenticator, codes)
}

async fn challenge(app: &TestApp, ip: &str) -> String {
    let first = app.login(EMAIL, PASSWORD, ip).await.expect(StatusCode::OK);
    assert_eq!(first["mfa_required"], true, "{first}");
    assert!(first.get("tokens").is_none(), "{first}");
    first["challenge"].as_str().unwrap().to_owned()
}

async fn password_is_enough(app: &TestApp, ip: &str) {
    let login = app.login(EMAIL, PASSWORD, ip).await;
    assert!(login.expect(StatusCode::OK)["tokens"].is_object());
}

async fn second(app: &TestApp, challenge: &str, field: &str, code: &str) -> Answer {
    second_from(app, "203.0.113.9", challenge, field, code).await
}

async fn second_from(app: &TestApp, ip: &str, challenge: &str, field: &str, code: &str) -> Answer {
    let body = json!({"challenge": challenge, field: code});
    app.post_from(ip, "/auth/v1/login/totp", &body).await
}

#[tokio::test]
async fn sign_in_takes_two_steps_once_the_second_factor_is_enabled() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    assert_eq!(state(&app, &account.access).await["enabled"], false);
    let (authenticator, codes) = enrol(&app, &account).await;
    assert_eq!(codes.len(), 10);
    let on = state(&app, &account.access).await;
    assert_eq!(
        (&on["enabled"], &on["recovery_codes_left"]),
        (&true.into(), &10.into())
    );

    let challenge = challenge(&app, "203.0.113.7").await;
    let body = second(&app, &challenge, "code", &authenticator.code(0))
        .await
        .expect(StatusCode::OK);
    app.me(&Account::of(&body).access)
        .await
        .expect(StatusCode::OK);
    let wrong = app.login(EMAIL, "Wrong-4-Meadow", "203.0.113.7").await;
    assert_eq!(wrong.code(), "invalid_credentials");
}

#[tokio::test]
async fn an_offered_secret_changes_nothing_and_requires_the_password() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let wrong = post(
        &app,
        &account.access,
        "totp",
        json!({"password": "Wrong-4-Mead"}),
    )
    .await;
    is(&wrong, 403, "wrong_password");
    let none = post(
        &app,
        &account.access,
        "totp/confirm",
        json!({"code": "123456"}),
    )
    .await;
    is(&none, 409, "totp_not_offered");
    let offer = |answer: Answer| Authenticator::of(&answer.expect(StatusCode::CREATED));
    let ask = || post(&app, &account.access, "totp", json!({"password": PASSWORD}));
    let (older, newer) = (offer(ask().await), offer(ask().await));
    let confirm = |code| post(&app, &account.access, "totp/confirm", json!({"code": code}));
    assert_eq!(confirm(older.code(0)).await.code(), "wrong_code");
    app.login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK)["tokens"]
        .as_object()
        .unwrap();
    confirm(newer.code(0)).await.expect(StatusCode::OK);
    let again = ask().await;
    is(&again, 409, "totp_enabled");
    assert_eq!(confirm(newer.code(1)).await.code(), "totp_enabled");
}

#[tokio::test]
async fn no_code_works_twice() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let (authenticator, codes) = enrol(&app, &account).await;
    let challenge = challenge(&app, "203.0.113.7").await;
    let code = authenticator.code(0);
    let (one, two) = tokio::join!(
        second(&app, &challenge, "code", &code),
        second(&app, &challenge, "code", &code),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "of two at once, one");
    let replayed = second(&app, &challenge, "code", &code).await;
    assert_eq!(replayed.code(), "invalid_second_factor");
    let earlier = second(&app, &challenge, "code", &authenticator.code(-1)).await;
    assert_eq!(earlier.code(), "invalid_second_factor", "nor an older one");
    let typed = codes[0].to_uppercase().replace('-', " ");
    second(&app, &challenge, "recovery_code", &typed)
        .await
        .expect(StatusCode::OK);
    let again = second(&app, &challenge, "recovery_code", &codes[0]).await;
    assert_eq!(again.code(), "invalid_second_factor");
    assert_eq!(state(&app, &account.access).await["recovery_codes_left"], 9);
}

#[tokio::test]
async fn wrong_codes_lock_like_wrong_passwords_and_a_password_buys_no_new_guesses() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let (authenticator, codes) = enrol(&app, &account).await;
    let admin = app.admin().await;
    let nearly = "update auth.users set failed_logins = 15, failures_since = now()";
    sqlx::query(nearly).execute(&admin).await.unwrap();
    for number in 0..5 {
        let ip = format!("203.0.113.{number}");
        let challenge = challenge(&app, &ip).await;
        let field = if number % 2 == 0 {
            "code"
        } else {
            "recovery_code"
        };
        let answer = second_from(&app, &ip, &challenge, field, "000000").await;
        is(&answer, 401, "invalid_second_factor");
    }
    let locked = app.login(EMAIL, PASSWORD, "203.0.113.50").await;
    assert_eq!(locked.code(), "invalid_credentials");
    let elapse = "update auth.users set locked_until = now() - interval '1 second'";
    let challenge = async || {
        sqlx::query(elapse).execute(&admin).await.unwrap();
        challenge(&app, "203.0.113.51").await
    };
    let challenge = challenge().await;
    let lock = "update auth.users set locked_until = now() + interval '1 minute'";
    sqlx::query(lock).execute(&admin).await.unwrap();
    let refused = second(&app, &challenge, "code", &authenticator.code(0)).await;
    assert_eq!(
        refused.code(),
        "invalid_second_factor",
        "locked between the steps"
    );
    sqlx::query(elapse).execute(&admin).await.unwrap();
    second(&app, &challenge, "code", &authenticator.code(0))
        .await
        .expect(StatusCode::OK);
    assert_eq!(codes.len(), 10);
}

#[tokio::test]
async fn a_challenge_is_valid_for_minutes_and_for_one_password() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let (authenticator, codes) = enrol(&app, &account).await;
    let challenge = challenge(&app, "203.0.113.7").await;
    for broken in ["", "s1.x.y", &challenge[..challenge.len() - 9]] {
        let answer = second(&app, broken, "code", &authenticator.code(0)).await;
        is(&answer, 401, "invalid_challenge");
    }
    let neither = json!({"challenge": challenge});
    let both = json!({"challenge": challenge, "code": "1", "recovery_code": "2"});
    for body in [neither, both] {
        let answer = app.client.post("/auth/v1/login/totp", &body).await;
        is(&answer, 422, "invalid_fields");
    }
    let body = json!({"current_password": PASSWORD, "new_password": "Copper-4-Meadow"});
    let changed = post(&app, &account.access, "password/change", body).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT);
    let old = second(&app, &challenge, "recovery_code", &codes[0]).await;
    assert_eq!(old.code(), "invalid_challenge", "its password is no more");
}

#[tokio::test]
async fn disabling_and_regenerating_codes_require_both_factors() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let both = |code: &str, password: &str| json!({"password": password, "code": code});
    let off = post(
        &app,
        &account.access,
        "totp/disable",
        both("123456", PASSWORD),
    )
    .await;
    is(&off, 409, "totp_not_enabled");
    let (authenticator, codes) = enrol(&app, &account).await;
    for path in ["totp/disable", "totp/recovery-codes"] {
        let password = post(
            &app,
            &account.access,
            path,
            both(&authenticator.code(0), "Wrong-1-X"),
        )
        .await;
        assert_eq!(password.code(), "wrong_password", "{path}");
        let code = post(&app, &account.access, path, both("000000", PASSWORD)).await;
        assert_eq!(code.code(), "wrong_code", "{path}");
    }
    let renewed = post(
        &app,
        &account.access,
        "totp/recovery-codes",
        both(&authenticator.code(0), PASSWORD),
    );
    let renewed = renewed.await.expect(StatusCode::OK);
    assert_eq!(renewed["recovery_codes"].as_array().unwrap().len(), 10);
    let challenge = challenge(&app, "203.0.113.7").await;
    let old = second(&app, &challenge, "recovery_code", &codes[0]).await;
    assert_eq!(old.code(), "invalid_second_factor");
    let new = renewed["recovery_codes"][0].as_str().unwrap();
    second(&app, &challenge, "recovery_code", new)
        .await
        .expect(StatusCode::OK);
    let off = post(
        &app,
        &account.access,
        "totp/disable",
        both(&authenticator.code(1), PASSWORD),
    )
    .await;
    assert_eq!(off.status, StatusCode::NO_CONTENT, "{}", off.text());
    password_is_enough(&app, "203.0.113.8").await;
}

#[tokio::test]
async fn the_secret_is_encrypted_and_reencrypted_with_a_new_key() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let (authenticator, codes) = enrol(&app, &account).await;
    let admin = app.admin().await;
    let stored = async || -> String {
        let row = sqlx::query("select secret from auth.totp");
        row.fetch_one(&admin).await.unwrap().get(0)
    };
    let before = stored().await;
    assert!(before.starts_with("s1."), "{before}");
    let hashes = sqlx::query("select code_hash from auth.recovery_codes").fetch_all(&admin);
    for row in hashes.await.unwrap() {
        let hash: Vec<u8> = row.get(0);
        assert!(codes.iter().all(|code| code.as_bytes() != hash.as_slice()));
    }
    // The operator replaces the data key; the old one stays as the previous key.
    let mut config = app.config.clone();
    config.data_keys.previous = Some(config.data_keys.current);
    config.data_keys.current = shared_config::Secret::new([7; 32]);
    let client = crate::test_app::client(&config);
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let first = client
        .post("/auth/v1/login", &body)
        .await
        .expect(StatusCode::OK);
    let body = json!({"challenge": first["challenge"], "code": authenticator.code(0)});
    client
        .post("/auth/v1/login/totp", &body)
        .await
        .expect(StatusCode::OK);
    let after = stored().await;
    assert_ne!(
        after.split('.').nth(1),
        before.split('.').nth(1),
        "encrypted with the new key"
    );
    config.data_keys.previous = None;
    let alone = crate::test_app::client(&config);
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let first = alone
        .post("/auth/v1/login", &body)
        .await
        .expect(StatusCode::OK);
    let body = json!({"challenge": first["challenge"], "code": authenticator.code(1)});
    alone
        .post("/auth/v1/login/totp", &body)
        .await
        .expect(StatusCode::OK);
}
