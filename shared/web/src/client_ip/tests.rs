//! What a caller may and may not claim about its address.

use axum::http::{HeaderMap, HeaderValue};

use super::*;

fn seen(peer: &str, forwarded: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for value in forwarded {
        headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
    }
    caller(peer.parse().unwrap(), &headers).to_string()
}

#[test]
fn the_gateway_is_believed_in_what_it_wrote_itself() {
    let inside = [
        "10.1.2.3",
        "127.0.0.1",
        "::1",
        "fd00::7",
        "100.64.0.9",
        "::ffff:10.1.2.3",
    ];
    for gateway in inside {
        assert_eq!(
            seen(gateway, &["6.6.6.6, 203.0.113.9"]),
            "203.0.113.9",
            "{gateway}"
        );
    }
    assert_eq!(seen("10.1.2.3", &["6.6.6.6", "2001:db8::1"]), "2001:db8::1");
}

#[test]
fn a_stranger_cannot_claim_another_address() {
    for stranger in ["198.51.100.4", "2001:db8::5", "100.128.0.1", "172.32.0.1"] {
        assert_eq!(seen(stranger, &["203.0.113.9"]), stranger);
    }
}

#[test]
fn a_header_that_names_no_address_leaves_the_peer() {
    assert_eq!(seen("10.1.2.3", &[]), "10.1.2.3");
    assert_eq!(seen("10.1.2.3", &["203.0.113.9, unknown"]), "10.1.2.3");
    assert_eq!(seen("10.1.2.3", &[""]), "10.1.2.3");
}

#[test]
fn one_customer_of_ipv6_is_one_network() {
    let network = |text: &str| ClientIp(text.parse().unwrap()).network().to_string();
    assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(network("203.0.113.9"), "203.0.113.9");
}
