//! The committed OpenAPI document.

use std::path::Path;

use channel_service::{AppState, app};
use shared_testkit::assert_golden;
use tokio_util::sync::CancellationToken;

use crate::world::World;

#[tokio::test]
async fn the_committed_document_is_the_one_that_is_served() {
    let world = World::new().await;
    let state = AppState::new(&world.config, CancellationToken::new()).unwrap();
    let served = app(state).1.to_pretty_json().unwrap();
    assert_eq!(channel_service::openapi(), served);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    assert_golden(&path, &format!("{served}\n"));
}

#[test]
fn a_field_of_a_widget_has_one_type() {
    // A description beside an inlined schema made "all of a string and an object" of it.
    let document = channel_service::openapi();
    assert!(!document.contains("\"allOf\""), "{document}");
}
