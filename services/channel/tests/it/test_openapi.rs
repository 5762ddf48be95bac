//! The committed OpenAPI document.

use std::path::Path;

use serde_json::Value;
use shared_testkit::assert_golden;

use crate::world::World;

#[test]
fn generated_openapi_is_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    assert_golden(&path, &format!("{}\n", channel_service::openapi()));
}

#[tokio::test]
async fn the_document_that_is_served_is_the_committed_one() {
    let world = World::new().await;
    let served = world
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
    // A description beside an inlined schema made "all of a string and an object" of it.
    let document = channel_service::openapi();
    assert!(!document.contains("\"allOf\""), "{document}");
}
