//! A ciphertext decrypts with its key and in its context only.

use super::*;

fn encryptor(current: u8, previous: Option<u8>) -> Encryptor {
    let key = |byte| Secret::new([byte; 32]);
    Encryptor::new(&DataKeys {
        current: key(current),
        previous: previous.map(key),
    })
}

#[test]
fn a_ciphertext_decrypts_in_its_context_only() {
    let encryptor = encryptor(1, None);
    let text = encryptor.encrypt("totp a", b"a secret").unwrap();
    let decrypted = encryptor.decrypt("totp a", &text).unwrap();
    assert_eq!(decrypted.plaintext.expose(), b"a secret");
    assert!(decrypted.reencrypted.is_none());
    let elsewhere = encryptor.decrypt("totp b", &text).unwrap_err();
    assert!(matches!(elsewhere, EncryptionError::Damaged));
    assert_ne!(text, encryptor.encrypt("totp a", b"a secret").unwrap());
    assert!(!format!("{decrypted:?} {encryptor:?}").contains("a secret"));
}

#[test]
fn a_changed_byte_is_detected() {
    let encryptor = encryptor(1, None);
    let text = encryptor.encrypt("here", b"plain").unwrap();
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last character of base64 may carry bits that mean nothing.
        let same = encryptor.decrypt("here", &changed);
        assert!(
            same.is_err() || position == text.len() - 1,
            "{position}: {changed}"
        );
    }
    for text in ["", "s1", "s1.x", "s1..", "s1.x.AAAA", "s2.x.AAAA"] {
        assert!(encryptor.decrypt("here", text).is_err(), "{text}");
    }
}

#[test]
fn the_previous_key_decrypts_and_the_current_key_reencrypts() {
    let old = encryptor(1, None).encrypt("here", b"plain").unwrap();
    let both = encryptor(2, Some(1));
    let reencrypted = both.decrypt("here", &old).unwrap().reencrypted.unwrap();
    let alone = encryptor(2, None);
    assert_eq!(
        alone
            .decrypt("here", &reencrypted)
            .unwrap()
            .plaintext
            .expose(),
        b"plain"
    );
    let unknown = alone.decrypt("here", &old).unwrap_err();
    assert!(unknown.to_string().contains("DATA_KEY_PREVIOUS"));
}
