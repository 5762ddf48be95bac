//! The committed OpenAPI document.

use std::path::Path;

use serde_json::Value;
use shared_testkit::assert_golden;

use crate::test_app::TestApp;

#[test]
fn the_committed_document_matches_the_routes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    assert_golden(&path, &format!("{}\n", channel_service::openapi()));
}

#[tokio::test]
async fn the_committed_document_is_served() {
    let app = TestApp::new().await;
    let served = app
        .replica
        .client
        .get("/channels/openapi.json")
        .await
        .json();
    let committed: Value = serde_json::from_str(channel_service::DOCUMENT).unwrap();
    assert_eq!(served, committed);
}

#[test]
fn a_field_of_a_widget_has_one_type() {
    // utoipa combined a described, inlined schema with an object by `allOf`.
    let document = channel_service::openapi();
    assert!(!document.contains("\"allOf\""), "{document}");
}
