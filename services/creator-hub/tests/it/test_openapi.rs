//! The document is the handlers' own, and committed.

use std::path::Path;

use serde_json::Value;
use shared_testkit::assert_golden;

use crate::test_app::TestApp;

#[test]
fn generated_openapi_is_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    assert_golden(&path, &format!("{}\n", creator_hub_service::openapi()));
}

#[tokio::test]
async fn the_document_that_is_served_is_the_committed_one() {
    let app = TestApp::new().await;
    let served = app.anonymous.get("/creator-hub/openapi.json").await.json();
    let committed: Value = serde_json::from_str(creator_hub_service::DOCUMENT).unwrap();
    assert_eq!(served, committed);
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));
    let page = app.anonymous.get("/creator-hub/docs/").await;
    assert_eq!(page.status, 200);
    let start = "/creator-hub/docs/swagger-initializer.js";
    let start = app.anonymous.get(start).await;
    assert!(start.text().contains("/creator-hub/openapi.json"));
}

#[test]
fn every_reference_of_the_document_resolves() {
    let text = creator_hub_service::openapi();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut references = 0;
    for part in text.split("\"$ref\": \"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        references += 1;
    }
    assert!(references > 10, "{references}");
}
