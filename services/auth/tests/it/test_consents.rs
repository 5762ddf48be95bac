//! Consents of users, and usage of accounts.

use http::StatusCode;
use serde_json::{Value, json};
use shared_config::Service;
use shared_events::EventBus;
use shared_models::DocumentId;
use shared_models::event::DocumentUploaded;
use shared_testkit::Stores;

use crate::test_app::TestApp;

const CONSENTS: &str = "/auth/v1/me/consents";
const USAGE: &str = "/auth/v1/usage";

fn say(purpose: &str, version: &str, granted: bool) -> Value {
    json!({"purpose": purpose, "version": version, "granted": granted})
}

#[tokio::test]
async fn the_latest_decision_applies_and_every_decision_is_recorded() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let ben = app.register("ben@example.com").await;
    let client = app.client.with_token(&ana.access);
    for said in [
        say("marketing", "2026-01", true),
        say("terms_of_service", "2026-01", true),
        say("marketing", "2026-02", false),
    ] {
        let answer = client.post(CONSENTS, &said).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    }
    let said = client.get(CONSENTS).await.expect(StatusCode::OK);
    let words: Vec<_> = said["items"].as_array().unwrap().iter().collect();
    assert_eq!(words.len(), 2);
    assert_eq!(
        (
            &words[0]["purpose"],
            &words[0]["version"],
            &words[0]["granted"]
        ),
        (&json!("marketing"), &json!("2026-02"), &json!(false))
    );
    let all: i64 = sqlx::query_scalar("select count(*) from platform.consents")
        .fetch_one(&app.admin().await)
        .await
        .unwrap();
    assert_eq!(all, 3);
    let others = app.client.with_token(&ben.access).get(CONSENTS).await;
    assert_eq!(others.expect(StatusCode::OK)["items"], json!([]));
    for wrong in [
        say("coffee", "1", true),
        say("marketing", "", true),
        json!({"purpose": "marketing", "version": "1"}),
    ] {
        let answer = client.post(CONSENTS, &wrong).await;
        assert!(answer.status.is_client_error(), "{wrong}");
    }
}

#[tokio::test]
async fn usage_is_summed_by_day() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let hub = app.database.as_service(Service::CreatorHub);
    let bus = EventBus::new(Stores::from_env().cache());
    for bytes in [300, 0, 200] {
        let mut tx = hub.tenant(ana.creator).await.unwrap();
        let document = DocumentId::new();
        let uploaded = DocumentUploaded { document, bytes };
        bus.publish(&mut tx, uploaded).await.unwrap();
        tx.commit().await.unwrap();
    }
    app.deliver_events().await;
    let client = app.client.with_token(&ana.access);
    let report = client.get(USAGE).await.expect(StatusCode::OK);
    let sums: Vec<_> = report["days"].as_array().unwrap().iter().collect();
    let of = |kind: &str| {
        let sum = sums.iter().find(|sum| sum["kind"] == kind);
        sum.map_or(Value::Null, |sum| sum["quantity"].clone())
    };
    assert_eq!(
        (of("documents_uploaded"), of("bytes_uploaded")),
        (json!(3), json!(500))
    );
    let services: Vec<String> =
        sqlx::query_scalar("select distinct service from platform.usage_events")
            .fetch_all(&app.admin().await)
            .await
            .unwrap();
    assert_eq!(services, ["hub_app"]);
    let past = client
        .get(&format!("{USAGE}?from=2020-01-01&to=2020-01-31"))
        .await;
    assert_eq!(past.expect(StatusCode::OK)["days"], json!([]));
    for span in [
        "from=2026-02-01&to=2026-01-01",
        "from=2026-01-01&to=2026-12-31",
        "from=yesterday",
    ] {
        let answer = client.get(&format!("{USAGE}?{span}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{span}");
    }
}
