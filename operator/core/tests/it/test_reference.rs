//! The reference page of the custom resources is fresh and complete.

use operator_core::reference::markdown;

use crate::fixtures::root;
use crate::golden;

#[test]
fn the_committed_reference_is_fresh() {
    golden::file(&root().join("docs/reference/crds.md"), &markdown());
}

#[test]
fn every_row_of_the_reference_has_a_description() {
    let text = markdown();
    let bare: Vec<&str> = text.lines().filter(|line| line.ends_with("|  |")).collect();
    assert_eq!(bare, Vec::<&str>::new());
    assert!(text.contains("`spec.services.creatorHub.fileAccess`"));
    assert!(text.contains("`spec.ollama.models[].use`"));
}
