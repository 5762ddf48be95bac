//! Tests of the names of collections.

use super::*;

#[test]
fn a_name_is_stable_and_has_allowed_characters() {
    let chroma = Chroma::new("http://127.0.0.1:1").unwrap();
    let tenant: CreatorId = "0190a000-0000-7000-8000-00000000000b".parse().unwrap();
    let name = |model| Collections::new(chroma.clone(), "knowledge", model).name(tenant, 384);
    assert_eq!(name("all-minilm:latest"), "knowledge-all-minilm-384-3");
    assert_eq!(name("all-minilm"), name("all-minilm:latest"));
    assert_eq!(name("Org/Model:v1"), "knowledge-org-model-v1-384-3");
}
