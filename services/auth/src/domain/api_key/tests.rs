//! API keys and their hashes.

use super::*;

#[test]
fn a_key_has_a_visible_prefix_and_a_hash() {
    let (key, other) = (
        ApiKeySecret::random().unwrap(),
        ApiKeySecret::random().unwrap(),
    );
    assert_ne!(key.hash(), other.hash());
    let (prefix, hash) = (key.prefix().to_owned(), key.hash());
    let text = key.into_text();
    assert!(prefix.starts_with("cpk_") && text.starts_with(&prefix));
    assert_eq!((prefix.len(), text.len()), (12, 47));
    let hex = hash.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(parse_hash(&hex), Some(hash));
}

#[test]
fn text_that_is_not_a_hash_is_not_parsed() {
    for text in [
        "",
        "ab",
        &"g".repeat(64),
        &"é".repeat(32),
        &"a".repeat(65),
        &"+a".repeat(32),
    ] {
        assert_eq!(parse_hash(text), None, "{text}");
    }
}
