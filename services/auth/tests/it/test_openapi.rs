//! The OpenAPI document is generated from the handlers and committed.

use std::path::Path;

use serde_json::Value;
use shared_testkit::assert_golden;

use crate::test_app::TestApp;

#[tokio::test]
async fn generated_openapi_is_committed() {
    let text = format!("{}\n", auth_service::openapi());
    assert_golden(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json"),
        &text,
    );
}

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let app = TestApp::new().await;
    let served = app.client.get("/auth/openapi.json").await.json();
    let committed: Value = serde_json::from_str(auth_service::DOCUMENT).unwrap();
    assert_eq!(served, committed);
    assert_eq!(
        served["openapi"].as_str().map(|version| &version[..3]),
        Some("3.1")
    );
    let page = app.client.get("/auth/docs/").await;
    assert_eq!(page.status, 200);
    let start = app.client.get("/auth/docs/swagger-initializer.js").await;
    assert!(start.text().contains("/auth/openapi.json"));
}

#[test]
fn a_response_of_an_endpoint_is_not_replaced_by_one_that_many_share() {
    let document: Value = serde_json::from_str(&auth_service::openapi()).unwrap();
    for (path, method, code) in [
        ("/me/email", "post", "wrong_password"),
        ("/password/change", "post", "wrong_password"),
        ("/totp", "post", "wrong_password"),
        ("/totp/confirm", "post", "wrong_code"),
        ("/totp/disable", "post", "wrong_code"),
        ("/totp/recovery-codes", "post", "wrong_code"),
        ("/invites", "post", "quota_exceeded"),
        ("/keys", "get", "platform_admins_only"),
        ("/keys/rotate", "post", "platform_admins_only"),
        ("/registration-invitations", "post", "platform_admins_only"),
        ("/registration-invitations", "get", "platform_admins_only"),
        (
            "/registration-invitations/{id}",
            "delete",
            "platform_admins_only",
        ),
    ] {
        let response = &document["paths"][format!("/auth/v1{path}")][method]["responses"]["403"];
        let description = response["description"].as_str().unwrap();
        for word in [code, "users_only", "tenant_suspended"] {
            assert!(description.contains(word), "{path}: {description}");
        }
    }
}

#[test]
fn every_reference_of_the_document_resolves() {
    let text = auth_service::openapi();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut references = 0;
    for part in text.split("\"$ref\": \"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        references += 1;
    }
    assert!(references > 10, "{references}");
}
