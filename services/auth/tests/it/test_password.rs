//! Password ratings by the rules of registration.

use serde_json::{Value, json};

use crate::test_app::TestApp;

const PATH: &str = "/auth/v1/password/validate";

#[tokio::test]
async fn a_good_password_is_rated_strong_and_the_response_is_not_cached() {
    let app = TestApp::new().await;
    let answer = app
        .client
        .post(PATH, &json!({"password": "Lantern-7-Harbour-Violet"}))
        .await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let rating = answer.expect(http::StatusCode::OK);
    let expected = json!({"valid": true, "score": 100, "strength": "strong", "violations": [],
        "suggestions": []});
    assert_eq!(rating, expected);
}

#[tokio::test]
async fn a_bad_password_gets_every_violated_rule() {
    let app = TestApp::new().await;
    let body = json!({"password": "ana1234", "personal_info": ["Anabel Lima", "ana1@example.com"]});
    let rating = app
        .client
        .post(PATH, &body)
        .await
        .expect(http::StatusCode::OK);
    let codes: Vec<&Value> = rating["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| &v["code"])
        .collect();
    let expected = [
        "too_short",
        "no_upper_case",
        "no_special_character",
        "sequence",
        "personal_information",
    ];
    assert_eq!(codes, expected);
    assert_eq!(
        (&rating["valid"], &rating["strength"]),
        (&json!(false), &json!("weak"))
    );
    assert!(!rating["suggestions"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn the_configured_minimum_length_applies() {
    let app = TestApp::with(|config| config.password_min_length = 30).await;
    let rating = app
        .client
        .post(PATH, &json!({"password": "Lantern-7-Harbour-Violet"}))
        .await;
    assert_eq!(
        rating.json()["violations"][0]["message"],
        "must have at least 30 characters"
    );
}

#[tokio::test]
async fn malformed_candidates_are_refused() {
    let app = TestApp::new().await;
    for (body, field) in [
        (json!({}), "."),
        (json!({"password": ""}), "password"),
        (json!({"password": "x".repeat(129)}), "password"),
        (json!({"password": 7}), "password"),
        (
            json!({"password": "x", "personal_info": "Ana"}),
            "personal_info",
        ),
        (
            json!({"password": "x", "personal_info": ["Ana", ""]}),
            "personal_info[1]",
        ),
        (
            json!({"password": "x", "personal_info": vec!["Ana"; 21]}),
            "personal_info",
        ),
        (json!({"password": "x", "colour": "red"}), "colour"),
    ] {
        let answer = app.client.post(PATH, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (422, "invalid_fields")
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
        assert!(
            !answer.text().contains("xxxx"),
            "a password must not be echoed"
        );
    }
}

#[tokio::test]
async fn ratings_are_rate_limited() {
    let app = TestApp::new().await;
    let mut refused = None;
    for _ in 0..80 {
        let body = json!({"password": "Lantern-7-Harbour"});
        let answer = app.post_from("203.0.113.7", PATH, &body).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a limit");
    assert_eq!(refused.code(), "rate_limited");
    assert!(
        refused.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert_eq!(
        refused.headers["ratelimit-policy"],
        "\"password_validate\";q=120;w=60"
    );
    assert!(refused.headers.contains_key("ratelimit"));
    let other = app
        .post_from("203.0.113.8", PATH, &json!({"password": "x"}))
        .await;
    assert_eq!(other.status, 200, "another address has its own count");
}
