//! Origins: apex, label boundary, port, scheme, `null`, punycode.

use super::{AllowedOrigins, Origin, OriginPattern};

fn admits(pattern: &str, origin: &str) -> bool {
    let pattern = OriginPattern::parse(pattern).expect(pattern);
    Origin::parse(origin).is_some_and(|origin| pattern.admits(&origin))
}

#[test]
fn an_exact_origin_admits_itself_and_nothing_else() {
    assert!(admits("https://example.com", "https://example.com"));
    assert!(admits("example.com", "https://example.com"));
    assert!(admits("https://Example.com:443/", "https://example.com"));
    assert!(admits("http://localhost:3000", "http://localhost:3000"));
    assert!(admits("http://[::1]:3000", "http://[::1]:3000"));
    for other in [
        "http://example.com",
        "https://example.com:8443",
        "https://www.example.com",
        "https://evilexample.com",
        "https://example.com.evil.net",
        "https://example.co",
    ] {
        assert!(!admits("https://example.com", other), "{other}");
    }
    assert!(!admits("http://localhost:3000", "http://localhost"));
    assert!(!admits("http://localhost:3000", "http://localhost:3001"));
}

#[test]
fn a_wildcard_admits_names_below_the_domain_on_label_boundaries() {
    let pattern = "https://*.example.com";
    assert!(admits(pattern, "https://www.example.com"));
    assert!(admits(pattern, "https://a.b.example.com"));
    assert!(admits("*.example.com:8443", "https://a.example.com:8443"));
    for other in [
        "https://example.com",
        "https://evilexample.com",
        "https://www.example.com.evil.net",
        "http://www.example.com",
        "https://www.example.com:8443",
        "https://.example.com",
    ] {
        assert!(!admits(pattern, other), "{other}");
    }
}

#[test]
fn an_internationalized_name_is_matched_in_punycode() {
    let pattern = OriginPattern::parse("https://*.bücher.example").unwrap();
    assert_eq!(pattern.to_string(), "https://*.xn--bcher-kva.example");
    assert!(admits(
        "https://bücher.example",
        "https://xn--bcher-kva.example"
    ));
    // Browsers send punycode, so another spelling does not come from a browser.
    assert!(Origin::parse("https://bücher.example").is_none());
}

#[test]
fn a_header_that_no_browser_sends_is_not_an_origin() {
    for header in [
        "null",
        "",
        "example.com",
        "https://",
        "https://example.com/",
        "https://example.com/path",
        "https://EXAMPLE.com",
        "https://user@example.com",
        "https://example.com:443",
        "file://",
        "ftp://example.com",
        "chrome-extension://abcdef",
    ] {
        assert!(Origin::parse(header).is_none(), "{header}");
    }
}

#[test]
fn a_pattern_that_is_not_an_origin_is_refused() {
    for text in [
        "",
        "*",
        "*.com",
        "https://*",
        "https://*.com",
        "https://a.*.example.com",
        "https://example.com/path",
        "https://user@example.com",
        "https://example.com?x",
        "ftp://example.com",
        "javascript://example.com",
        "https://*.127.0.0.1",
        "https://exa mple.com",
        "null ",
        "https://",
    ] {
        // `null` parses as a host name; no browser sends that origin.
        let refused = OriginPattern::parse(text).is_err() || text.trim() == "null";
        assert!(refused, "{text}");
    }
}

#[test]
fn an_overlong_spelling_of_a_short_origin_is_refused() {
    let of = |zeros: usize| OriginPattern::parse(&format!("https://{}", "0".repeat(zeros)));
    assert_eq!(of(292).unwrap().to_string(), "https://0.0.0.0");
    assert!(of(293).is_err());
}

#[test]
fn a_widget_has_one_to_twenty_origins() {
    let of = |count: usize| {
        let patterns = (0..count).map(|n| format!("https://site-{n}.example"));
        let patterns = patterns.map(|text| OriginPattern::parse(&text).unwrap());
        AllowedOrigins::try_from(patterns.collect::<Vec<_>>())
    };
    assert!(of(0).is_err());
    assert!(of(1).is_ok());
    assert!(of(20).is_ok());
    assert!(of(21).is_err());
}
