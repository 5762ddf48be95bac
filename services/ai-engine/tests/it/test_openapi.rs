//! The committed document is the one that the handlers make.

use std::path::Path;

use ai_engine_service::app;
use shared_testkit::assert_golden;

use crate::world::World;

#[tokio::test]
async fn the_committed_document_is_the_one_that_the_handlers_make() {
    let world = World::new().await;
    let document = app(world.state.clone()).1.to_pretty_json().unwrap();
    assert!(!document.contains("/internal/"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    assert_golden(&path, &(document + "\n"));
}
