//! What a caller may and may not claim about its address.

use axum::http::{HeaderMap, HeaderValue};

use super::*;

fn seen(peer: &str, forwarded: &[&str]) -> String {
    seen_behind("", peer, forwarded)
}

fn seen_behind(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
    let proxies: TrustedProxies = proxies.parse().unwrap();
    let mut headers = HeaderMap::new();
    for value in forwarded {
        headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
    }
    let is_proxy = |peer| proxies.contains(peer);
    caller(peer.parse().unwrap(), &headers, is_proxy).to_string()
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
fn a_gateway_with_a_public_address_is_believed_if_its_range_is_listed() {
    let proxies = "2001:db8:ab::/48, 240.0.0.0/4,198.18.0.7";
    let forwarded = ["203.0.113.9"];
    for gateway in [
        "2001:db8:ab::7",
        "241.1.2.3",
        "198.18.0.7",
        "::ffff:241.1.2.3",
    ] {
        assert_eq!(seen_behind(proxies, gateway, &forwarded), "203.0.113.9");
        let unlisted = gateway.trim_start_matches("::ffff:");
        assert_eq!(seen(gateway, &forwarded), unlisted, "not without the list");
    }
    for stranger in ["2001:db8:ac::7", "198.18.0.8"] {
        assert_eq!(seen_behind(proxies, stranger, &forwarded), stranger);
    }
}

#[test]
fn a_list_with_something_else_is_refused_by_name() {
    for text in ["10.0.0.0/33", "pods", "10.0.0.0/8;fd00::/8"] {
        let error = text.parse::<TrustedProxies>().unwrap_err();
        assert!(error.contains(text), "{error}");
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
