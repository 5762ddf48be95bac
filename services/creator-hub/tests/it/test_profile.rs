//! The profile: what it holds, what it refuses, and who may overwrite it.

use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use shared_models::{CreatorId, Role};
use shared_testkit::{Answer, TestClient};

use crate::test_app::TestApp;

const PROFILE: &str = "/creator-hub/v1/profile";

async fn save(client: &TestClient, if_match: Option<&str>, body: &Value) -> Answer {
    let request = client.request(Method::PUT, PROFILE);
    let mut request = request.header(header::CONTENT_TYPE, "application/json");
    if let Some(tag) = if_match {
        request = request.header(header::IF_MATCH, tag);
    }
    client
        .send(request.body(body.to_string().into()).unwrap())
        .await
}

fn tag(answer: &Answer) -> String {
    answer.headers[header::ETAG].to_str().unwrap().to_owned()
}

fn whole() -> Value {
    json!({
        "display_name": "Ana Lima",
        "bio": "Sleep coach.\nSince 2010.",
        "avatar_url": "https://ana.example/me.png",
        "website_url": "http://ana.example/",
        "coaching_categories": ["sleep", "stress"],
        "experience_years": 15,
        "certifications": ["ICF PCC"],
        "timezone": "Europe/Lisbon",
        "language": "pt-PT",
    })
}

#[tokio::test]
async fn a_profile_that_was_never_saved_is_empty_and_has_a_tag() {
    let app = TestApp::new().await;
    let answer = app.ana.get(PROFILE).await;
    assert_eq!(tag(&answer), "\"v0\"");
    let profile = answer.expect(StatusCode::OK);
    assert_eq!(profile["creator_id"], app.creator.to_string());
    assert_eq!(profile["display_name"], Value::Null);
    assert_eq!(profile["coaching_categories"], json!([]));
    assert_eq!(profile["created_at"], Value::Null);
}

#[tokio::test]
async fn a_saved_profile_reads_back_and_a_second_save_replaces_it_whole() {
    let app = TestApp::new().await;
    let saved = save(&app.ana, None, &whole()).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text());
    let read = app.ana.get(PROFILE).await;
    assert_eq!((tag(&read), read.json()), (tag(&saved), saved.json()));
    let (profile, expected) = (read.json(), whole());
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&profile[field], value, "{field}");
    }

    let again = save(
        &app.ana,
        Some(&tag(&saved)),
        &json!({"display_name": "Ana"}),
    )
    .await;
    assert_ne!(tag(&again), tag(&saved));
    let again = again.expect(StatusCode::OK);
    assert_eq!(again["display_name"], "Ana");
    assert_eq!(again["bio"], Value::Null);
    assert_eq!(again["created_at"], profile["created_at"]);
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    let app = TestApp::new().await;
    let first = tag(&save(&app.ana, Some("\"v0\""), &whole()).await);
    let without = save(&app.ana, None, &whole()).await;
    assert_eq!(without.status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(without.code(), "precondition_required");
    for old in ["\"v0\"", "\"v9\"", "W/\"v1\"", "v1", ""] {
        let outdated = save(&app.ana, Some(old), &json!({})).await;
        assert_eq!(outdated.status, StatusCode::PRECONDITION_FAILED, "{old}");
        assert_eq!(outdated.code(), "precondition_failed");
    }
    assert_eq!(
        app.ana.get(PROFILE).await.json()["display_name"],
        "Ana Lima"
    );
    let any = save(&app.ana, Some("*"), &whole()).await;
    assert_eq!(any.status, StatusCode::OK);
    assert_ne!(tag(&any), first);
}

#[tokio::test]
async fn of_two_savers_at_once_one_wins() {
    let app = TestApp::new().await;
    for expected in ["\"v0\"", "\"v1\""] {
        let (one, two) = (json!({"bio": "one"}), json!({"bio": "two"}));
        let (one, two) = tokio::join!(
            save(&app.ana, Some(expected), &one),
            save(&app.ana, Some(expected), &two)
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named() {
    let app = TestApp::new().await;
    for (field, value, path) in [
        ("display_name", json!("x".repeat(101)), "display_name"),
        ("display_name", json!("two\nlines"), "display_name"),
        ("bio", json!("x".repeat(501)), "bio"),
        ("avatar_url", json!("javascript:alert(1)"), "avatar_url"),
        ("website_url", json!("ana.example"), "website_url"),
        (
            "coaching_categories",
            json!((0..11).map(|n| n.to_string()).collect::<Vec<_>>()),
            "coaching_categories",
        ),
        (
            "coaching_categories",
            json!(["ok", ""]),
            "coaching_categories[1]",
        ),
        ("experience_years", json!(51), "experience_years"),
        ("experience_years", json!(-1), "experience_years"),
        (
            "certifications",
            json!(["x".repeat(151)]),
            "certifications[0]",
        ),
        ("timezone", json!("Mars/Olympus"), "timezone"),
        ("language", json!("english please"), "language"),
        ("creator_id", json!(CreatorId::new()), "creator_id"),
    ] {
        let answer = save(&app.ana, Some("*"), &json!({field: value})).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{field}: {value}"
        );
        assert_eq!(answer.code(), "invalid_fields");
        assert_eq!(
            answer.json()["errors"][0]["field"],
            path,
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let app = TestApp::new().await;
    let put = |kind: &'static str, body: &'static str| {
        let request = app
            .ana
            .request(Method::PUT, PROFILE)
            .header(header::CONTENT_TYPE, kind);
        app.ana.send(request.body(body.into()).unwrap())
    };
    assert_eq!(
        put("application/json", "{").await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        put("text/plain", "{}").await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn only_who_is_known_reads_and_only_who_may_writes() {
    let app = TestApp::new().await;
    for answer in [
        app.anonymous.get(PROFILE).await,
        save(&app.anonymous, None, &json!({})).await,
    ] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    let mut old = app.mint.claims(app.creator, Role::Owner);
    old.exp = 1;
    let old = app.anonymous.with_token(&app.mint.sign(&old));
    assert_eq!(old.get(PROFILE).await.code(), "expired_token");

    let viewer = app.mint.sign(&app.mint.claims(app.creator, Role::Viewer));
    let viewer = app.anonymous.with_token(&viewer);
    assert_eq!(viewer.get(PROFILE).await.status, StatusCode::OK);
    let refused = save(&viewer, None, &json!({})).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::FORBIDDEN, "permission_missing".into())
    );
}

#[tokio::test]
async fn tenants_have_profiles_of_their_own() {
    let app = TestApp::new().await;
    save(&app.ana, None, &whole()).await;
    assert_eq!(
        app.ben.get(PROFILE).await.json()["display_name"],
        Value::Null
    );
    let ben = save(&app.ben, None, &json!({"display_name": "Ben"})).await;
    assert_eq!(ben.status, StatusCode::OK);
    assert_eq!(
        app.ana.get(PROFILE).await.json()["display_name"],
        "Ana Lima"
    );
}
