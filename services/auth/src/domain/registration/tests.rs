//! Invitations to register.

use jiff::ToSpan as _;

use super::*;

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

#[test]
fn a_token_admits_its_address_until_its_end() {
    let key = RegistrationKey::derive(&[7; 32]);
    let (ana, now) = (email("ana@example.com"), Timestamp::UNIX_EPOCH);
    let until = now + 60.seconds();
    let token = key.token(&ana, until);
    assert!(key.admits(&token, &ana, now));
    assert!(key.admits(&token, &email("Ana@Example.com"), now + 59.seconds()));
    assert!(!key.admits(&token, &ana, until), "it has ended");
    assert!(!key.admits(&token, &email("ben@example.com"), now));
}

#[test]
fn nothing_else_admits() {
    let (key, other) = (
        RegistrationKey::derive(&[7; 32]),
        RegistrationKey::derive(&[8; 32]),
    );
    let (ana, now) = (email("ana@example.com"), Timestamp::UNIX_EPOCH);
    let until = now + 60.seconds();
    assert!(!key.admits(&other.token(&ana, until), &ana, now));
    // A later end under the same seal.
    let mut bytes = BASE64_URL_SAFE_NO_PAD
        .decode(key.token(&ana, until))
        .unwrap();
    bytes[TIME - 1] += 1;
    let longer = BASE64_URL_SAFE_NO_PAD.encode(&bytes);
    assert!(!key.admits(&longer, &ana, now));
    for token in ["", "x", "AAAA", "not a token", &longer[..10]] {
        assert!(!key.admits(token, &ana, now), "{token:?}");
    }
}
