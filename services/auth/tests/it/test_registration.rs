//! Registration: accounts are created completely or not at all.

use auth_service::{Registration, commands};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use shared_testkit::Answer;
use sqlx::Row as _;

use crate::mailbox;
use crate::test_app::{Account, PASSWORD, TestApp, client};

const PATH: &str = "/auth/v1/register";

fn form() -> Value {
    json!({"email": "ana@example.com", "password": PASSWORD, "full_name": "Ana Lima"})
}

fn form_with(field: &str, value: Value) -> Value {
    let mut form = form();
    form[field] = value;
    form
}

#[tokio::test]
async fn a_registration_returns_the_account_its_owner_and_a_session() {
    let app = TestApp::new().await;
    let answer = app
        .client
        .post(PATH, &form_with("email", json!(" Ana@Example.COM ")))
        .await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.expect(StatusCode::CREATED);
    assert_eq!(body["user"]["email"], "ana@example.com");
    assert_eq!(
        (&body["user"]["full_name"], &body["user"]["role"]),
        (&"Ana Lima".into(), &"owner".into())
    );
    assert_eq!(body["creator"]["display_name"], "Ana Lima");
    assert_eq!(
        (&body["creator"]["company_name"], &body["creator"]["plan"]),
        (&Value::Null, &"free".into())
    );
    assert_eq!(
        (&body["tokens"]["token_type"], &body["tokens"]["expires_in"]),
        (&"Bearer".into(), &900.into())
    );
    assert!(!body.to_string().contains("argon2"));
    let account = Account::of(&body);
    let me = app.me(&account.access).await.expect(StatusCode::OK);
    assert_eq!(
        (&me["creator"], &me["user"]),
        (&body["creator"], &body["user"])
    );
}

#[tokio::test]
async fn the_company_is_the_display_name_of_the_account() {
    let app = TestApp::new().await;
    let body = app
        .client
        .post(PATH, &form_with("company_name", json!("Harvest & Co")))
        .await;
    let body = body.expect(StatusCode::CREATED);
    assert_eq!(body["creator"]["display_name"], "Harvest & Co");
    assert_eq!(body["creator"]["company_name"], "Harvest & Co");
}

#[tokio::test]
async fn passwords_and_refresh_tokens_are_stored_as_hashes_only() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let row = sqlx::query(
        "select (select password_hash from auth.users),
                (select encode(token_hash, 'hex') from auth.refresh_tokens)",
    );
    let row = row.fetch_one(&app.admin().await).await.unwrap();
    let (password, token): (String, String) = (row.get(0), row.get(1));
    assert!(
        password.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{password}"
    );
    assert!(!password.contains(PASSWORD) && !token.contains(&account.refresh));
}

#[tokio::test]
async fn a_registration_with_a_taken_address_leaves_no_rows() {
    let app = TestApp::new().await;
    app.register("ana@example.com").await;
    let answer = app
        .client
        .post(PATH, &form_with("email", json!("ANA@example.com")))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::CONFLICT, "email_taken")
    );
    let counts = sqlx::query(
        "select (select count(*) from auth.creators), (select count(*) from auth.users)",
    );
    let row = counts.fetch_one(&app.admin().await).await.unwrap();
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (1, 1));
}

#[tokio::test]
async fn of_many_concurrent_registrations_with_one_address_one_succeeds() {
    let app = TestApp::new().await;
    let many = (0..6).map(|number| {
        let client = app.client.clone();
        let form = form_with("full_name", json!(format!("Ana {number} Lima")));
        tokio::spawn(async move { client.post(PATH, &form).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for one in many.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_weak_password_is_refused_with_all_reasons() {
    let app = TestApp::new().await;
    let answer = app
        .client
        .post(PATH, &form_with("password", json!("lima1234")))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (422, "weak_password")
    );
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    assert!(errors.iter().all(|error| error["field"] == "password"));
    let messages: Vec<&str> = errors
        .iter()
        .map(|e| e["message"].as_str().unwrap())
        .collect();
    for part in [
        "upper-case",
        "neither letter nor digit",
        "sequence",
        "your name",
    ] {
        assert!(
            messages.iter().any(|message| message.contains(part)),
            "{part}: {messages:?}"
        );
    }
}

#[tokio::test]
async fn an_invalid_field_is_named() {
    let app = TestApp::new().await;
    for (body, field) in [
        (form_with("colour", json!("red")), "colour"),
        (form_with("email", json!("ana")), "email"),
        (form_with("email", json!(7)), "email"),
        (form_with("email", json!(["ana@example.com"])), "email"),
        (form_with("password", json!("")), "password"),
        (form_with("password", json!("x".repeat(129))), "password"),
        (form_with("full_name", json!("A")), "full_name"),
        (form_with("full_name", json!("A".repeat(101))), "full_name"),
        (form_with("full_name", json!("A\nB")), "full_name"),
        (form_with("company_name", json!("")), "company_name"),
        (
            form_with("creator_id", json!("0198d1a2-0000-7000-8000-000000000000")),
            "creator_id",
        ),
        (json!({"email": "ana@example.com"}), "."),
        (json!([]), "."),
    ] {
        let answer = app.client.post(PATH, &body).await;
        let seen = (answer.status.as_u16(), answer.code());
        assert_eq!(
            seen,
            (422, "invalid_fields".to_owned()),
            "{body}: {}",
            answer.text()
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
    let app = TestApp::new().await;
    let send = |kind: &'static str, body: String| {
        let request = app
            .client
            .request(Method::POST, PATH)
            .header(header::CONTENT_TYPE, kind);
        app.client.send(request.body(body.into()).unwrap())
    };
    let form = form().to_string();
    let large = format!("{{\"email\":\"{}\"}}", "a".repeat(2 * 1024 * 1024));
    let refused = |answer: Answer, status: u16, code: &str| {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code)
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    };
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "json",
        "",
    ] {
        refused(
            send(kind, form.clone()).await,
            415,
            "unsupported_media_type",
        );
    }
    for body in ["", "{\"email\":", "\u{feff}{}", "nonsense"] {
        refused(
            send("application/json", body.to_owned()).await,
            400,
            "malformed_json",
        );
    }
    let longer = send("application/json", format!("{form} x")).await;
    refused(longer, 400, "malformed_json");
    refused(send("application/json", large).await, 413, "body_too_large");
    refused(app.client.get(PATH).await, 405, "method_not_allowed");
    let json = send("Application/JSON; charset=utf-8", form).await;
    assert_eq!(json.status, StatusCode::CREATED);
}

#[tokio::test]
async fn registration_can_be_closed() {
    let app = TestApp::with(|config| config.registration = Registration::Closed).await;
    let answer = app.client.post(PATH, &form()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "registration_closed")
    );
}

#[tokio::test]
async fn with_invite_only_registration_each_invitation_admits_one_address_once() {
    let app = TestApp::new().await;
    let admin = app.register("root@example.com").await;
    let named = commands::grant_admin(&app.config, "root@example.com").await;
    named.unwrap();
    let mut config = app.config.clone();
    config.registration = Registration::InviteOnly;
    let closed = client(&config);
    let refused = |answer: Answer| (answer.status.as_u16(), answer.code());

    let uninvited = refused(closed.post(PATH, &form()).await);
    assert_eq!(uninvited, (403, "invitation_required".to_owned()));
    let wrong = form_with("invitation", json!("bm90IGFuIGludml0YXRpb24"));
    let wrong = refused(closed.post(PATH, &wrong).await);
    assert_eq!(wrong, (401, "invalid_invitation".to_owned()));

    let invite = json!({"email": "Ana@Example.com"});
    let path = "/auth/v1/registration-invitations";
    let made = closed.with_token(&admin.access).post(path, &invite).await;
    let made = made.expect(StatusCode::CREATED);
    assert_eq!(made["invitation"]["email"], "ana@example.com");
    let emailed = mailbox::code(&app, "ana@example.com", "You are invited", 1).await;
    assert_eq!(made["token"], emailed, "the email carries the token");
    let invited = form_with("invitation", made["token"].clone());
    let mut other = invited.clone();
    other["email"] = json!("ben@example.com");
    let other = refused(closed.post(PATH, &other).await);
    assert_eq!(other, (401, "invalid_invitation".to_owned()));
    let body = closed
        .post(PATH, &invited)
        .await
        .expect(StatusCode::CREATED);
    let ana = Account::of(&body);
    let again = refused(closed.post(PATH, &invited).await);
    assert_eq!(again, (401, "invalid_invitation".to_owned()));

    let hers = closed.with_token(&ana.access).post(path, &invite).await;
    assert_eq!(refused(hers), (403, "platform_admins_only".to_owned()));
    let taken = closed.with_token(&admin.access).post(path, &invite).await;
    assert_eq!(refused(taken), (409, "email_taken".to_owned()));
}

#[tokio::test]
async fn registrations_are_rate_limited_per_network() {
    let app = TestApp::new().await;
    for number in 0..10 {
        let form = form_with("email", json!(format!("ana{number}@example.com")));
        let answer = app.post_from("203.0.113.7", PATH, &form).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    let form = form_with("email", json!("late@example.com"));
    let answer = app.post_from("203.0.113.7", PATH, &form).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (429, "rate_limited")
    );
    assert!(answer.headers.contains_key("retry-after"));
    let answer = app.post_from("203.0.113.8", PATH, &form).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}
