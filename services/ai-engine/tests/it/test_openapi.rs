//! The committed OpenAPI document is the one that the handlers generate.

use std::path::Path;

use serde_json::Value;
use shared_testkit::{TestClient, assert_golden};

use crate::test_app::TestApp;

#[test]
fn generated_openapi_is_committed() {
    let document = ai_engine_service::openapi();
    assert!(!document.contains("/internal/"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    assert_golden(&path, &format!("{document}\n"));
}

#[tokio::test]
async fn the_committed_document_is_served() {
    let app = TestApp::new().await;
    let client = TestClient::new(app.router.clone());
    let served = client.get("/ai-engine/openapi.json").await.json();
    let committed: Value = serde_json::from_str(ai_engine_service::DOCUMENT).unwrap();
    assert_eq!(served, committed);
}
