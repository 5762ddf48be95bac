//! Counts add up and serialise as plain JSON.

use super::*;

#[test]
fn tallies_add_up_by_kind() {
    let (mut all, mut one) = (RowCounts::default(), RowCounts::default());
    one.count("hub.files", 2);
    one.count("hub.documents", 0);
    all.add(&one);
    all.add(&one);
    assert_eq!(all.of("hub.files"), 4);
    assert_eq!(all.of("unheard-of"), 0);
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(text, r#"{"hub.documents":0,"hub.files":4}"#);
}
