//! What is sealed opens in its place, with its key, and nowhere else.

use super::*;

fn sealer(current: u8, previous: Option<u8>) -> Sealer {
    let key = |byte| Secret::new([byte; 32]);
    Sealer::new(&DataKeys {
        current: key(current),
        previous: previous.map(key),
    })
}

#[test]
fn what_is_sealed_opens_in_its_place_only() {
    let sealer = sealer(1, None);
    let text = sealer.seal("totp a", b"a secret").unwrap();
    let opened = sealer.open("totp a", &text).unwrap();
    assert_eq!(opened.plain.expose(), b"a secret");
    assert!(opened.resealed.is_none());
    let elsewhere = sealer.open("totp b", &text).unwrap_err();
    assert!(matches!(elsewhere, SealError::Damaged));
    assert_ne!(text, sealer.seal("totp a", b"a secret").unwrap());
    assert!(!format!("{opened:?} {sealer:?}").contains("a secret"));
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let sealer = sealer(1, None);
    let text = sealer.seal("here", b"plain").unwrap();
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last character of base64 may carry bits that mean nothing.
        let same = sealer.open("here", &changed);
        assert!(
            same.is_err() || position == text.len() - 1,
            "{position}: {changed}"
        );
    }
    for text in ["", "s1", "s1.x", "s1..", "s1.x.AAAA", "s2.x.AAAA"] {
        assert!(sealer.open("here", text).is_err(), "{text}");
    }
}

#[test]
fn a_replaced_key_opens_while_it_stands_beside_and_seals_anew() {
    let old = sealer(1, None).seal("here", b"plain").unwrap();
    let both = sealer(2, Some(1));
    let resealed = both.open("here", &old).unwrap().resealed.unwrap();
    let alone = sealer(2, None);
    assert_eq!(
        alone.open("here", &resealed).unwrap().plain.expose(),
        b"plain"
    );
    let unknown = alone.open("here", &old).unwrap_err();
    assert!(unknown.to_string().contains("DATA_KEY_PREVIOUS"));
}
