//! The document is the handlers' own, and committed.

use std::path::Path;

use serde_json::Value;
use shared_testkit::{TestClient, assert_golden};

use crate::world::World;

#[test]
fn generated_openapi_is_committed() {
    let document = ai_engine_service::openapi();
    assert!(!document.contains("/internal/"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    assert_golden(&path, &format!("{document}\n"));
}

#[tokio::test]
async fn the_document_that_is_served_is_the_committed_one() {
    let world = World::new().await;
    let client = TestClient::new(world.router.clone());
    let served = client.get("/ai-engine/openapi.json").await.json();
    let committed: Value = serde_json::from_str(ai_engine_service::DOCUMENT).unwrap();
    assert_eq!(served, committed);
}
