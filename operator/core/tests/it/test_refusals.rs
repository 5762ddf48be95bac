//! What nginx refuses by itself: every time a problem document, which the right pages may read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use operator_core::plan::gateway::FAILURES;
use serde_json::Value;
use shared_config::Service;

use crate::nginx::{Gateway, free_port, start, start_with, status};

const PAGE: &str = "https://app.example.com";
const STRANGER: &str = "https://stranger.example";
/// What nginx answers when it has not read the origin yet.
const ANY: &str = "*";

/// The value of a header, if it is there exactly once.
fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let fields = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value);
    assert_eq!(found.count(), 0, "{name} twice: {head}");
    value
}

/// A problem document with that status and code, and the request's id.
fn assert_problem(answer: &str, wanted: u16, code: &str, what: &str) {
    assert_eq!(status(answer), wanted.to_string(), "{what}: {answer}");
    let kind = header(answer, "content-type");
    assert_eq!(kind, Some("application/problem+json"), "{what}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{what}: {body}"));
    assert_eq!(problem["status"], wanted, "{what}");
    assert_eq!(problem["code"], code, "{what}");
    assert_eq!(
        problem["type"],
        format!("urn:creator-platform:problem:{code}"),
        "{what}"
    );
    assert!(
        problem["title"]
            .as_str()
            .is_some_and(|title| title.len() > 5)
    );
    let id = header(answer, "x-request-id").expect("a request id");
    assert_eq!(problem["trace_id"], id, "{what}");
    assert_eq!(header(answer, "cache-control"), Some("no-store"), "{what}");
    assert_eq!(header(answer, "vary"), Some("Origin"), "{what}");
}

/// auth is down, and bodies are small.
fn gateway() -> Gateway {
    start(|config| {
        config.upstreams[0].port = free_port();
        config.body_bytes = 10;
        config.cors_origins = vec!["http://localhost:3000".to_owned(), PAGE.to_owned()];
    })
}

/// A request of the page, whose origin comes before the further headers.
fn request(line: &str, more: &str) -> Vec<u8> {
    let own = format!("Host: demo\r\nOrigin: {PAGE}\r\nConnection: close\r\n");
    format!("{line}\r\n{own}{more}\r\n").into_bytes()
}

#[test]
#[ignore = "needs nginx: make test"]
fn whatever_nginx_refuses_is_a_problem_document_that_the_page_can_read() {
    let gateway = gateway();
    let long = "a".repeat(20_000);
    let nine: Vec<String> = (0..9)
        .map(|n| format!("X-{n}: {}\r\n", &long[..9_000]))
        .collect();
    let many = nine.concat();
    let get = "GET /auth/v1/me HTTP/1.1";
    let post = "POST /ai-engine/v1/answers HTTP/1.1";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let with_body = |more: &str, body: &str| [request(post, more), body.into()].concat();
    let origin_last = format!("{get}\r\nHost: demo\r\nCookie: {long}\r\nOrigin: {PAGE}\r\n\r\n");
    let table: Vec<(&str, Vec<u8>, u16, &str, &str)> = vec![
        (
            "no such path",
            request("GET /nowhere HTTP/1.1", ""),
            404,
            "not_found",
            PAGE,
        ),
        (
            "a path of the gateway",
            request("GET /@problem/400 HTTP/1.1", ""),
            404,
            "not_found",
            PAGE,
        ),
        (
            "unknown method",
            request("BREW /nowhere HTTP/1.1", ""),
            405,
            "method_not_allowed",
            PAGE,
        ),
        (
            "TRACE",
            request("TRACE /auth/v1/me HTTP/1.1", ""),
            405,
            "method_not_allowed",
            PAGE,
        ),
        (
            "service down",
            request(get, ""),
            502,
            "upstream_unavailable",
            PAGE,
        ),
        (
            "long header",
            request(get, &format!("Cookie: {long}\r\n")),
            431,
            "headers_too_large",
            PAGE,
        ),
        (
            "long header, origin unread",
            origin_last.into(),
            431,
            "headers_too_large",
            ANY,
        ),
        (
            "many headers",
            request(get, &many),
            431,
            "headers_too_large",
            PAGE,
        ),
        (
            "long URI",
            request(&format!("GET /{long} HTTP/1.1"), ""),
            414,
            "uri_too_long",
            ANY,
        ),
        (
            "HTTP/3.0",
            request("GET /auth/v1/me HTTP/3.0", ""),
            505,
            "version_not_supported",
            ANY,
        ),
        (
            "HTTP/2.0",
            request("GET /auth/v1/me HTTP/2.0", ""),
            505,
            "version_not_supported",
            ANY,
        ),
        (
            "encoding",
            request(post, "Transfer-Encoding: gzip\r\n"),
            501,
            "not_implemented",
            PAGE,
        ),
        (
            "no request",
            b"\x00\x01garbage\r\n\r\n".to_vec(),
            400,
            "bad_request",
            ANY,
        ),
        (
            "TLS",
            b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03".to_vec(),
            400,
            "bad_request",
            ANY,
        ),
        (
            "small method",
            request("get / HTTP/1.1", ""),
            400,
            "bad_request",
            ANY,
        ),
        (
            "above the root",
            request("GET /../../x HTTP/1.1", ""),
            400,
            "bad_request",
            ANY,
        ),
        (
            "bad escape",
            request("GET /%zz HTTP/1.1", ""),
            400,
            "bad_request",
            ANY,
        ),
        (
            "no host",
            format!("{get}\r\nOrigin: {PAGE}\r\n\r\n").into(),
            400,
            "bad_request",
            PAGE,
        ),
        (
            "two hosts",
            request(get, "Host: other\r\n"),
            400,
            "bad_request",
            PAGE,
        ),
        (
            "no colon",
            request(get, "Broken header\r\n"),
            400,
            "bad_request",
            PAGE,
        ),
        (
            "bad length",
            request(post, "Content-Length: x\r\n"),
            400,
            "bad_request",
            PAGE,
        ),
        (
            "two lengths",
            request(post, &format!("{chunked}Content-Length: 3\r\n")),
            400,
            "bad_request",
            PAGE,
        ),
        (
            "bad chunk",
            with_body(chunked, "zz\r\n"),
            400,
            "bad_request",
            PAGE,
        ),
        (
            "large body",
            with_body("Content-Length: 11\r\n", "01234567890"),
            413,
            "too_large",
            PAGE,
        ),
        (
            "large chunk",
            with_body(chunked, "b\r\n01234567890\r\n0\r\n\r\n"),
            413,
            "too_large",
            PAGE,
        ),
    ];
    for (what, request, status, code, origin) in table {
        let answer = gateway.send(&request);
        assert_problem(&answer, status, code, what);
        let allowed = header(&answer, "access-control-allow-origin");
        assert_eq!(allowed, Some(origin), "{what}");
        let exposed = header(&answer, "access-control-expose-headers");
        assert_eq!(exposed, Some("Retry-After, X-Request-Id"), "{what}");
    }
}

/// hyper answers a URI that it cannot read without a document, so nginx does not pass it on.
#[test]
#[ignore = "needs nginx: make test"]
fn a_uri_that_no_service_can_read_is_refused_before_it() {
    let gateway = gateway();
    let ask = |target: &[u8]| {
        let rest =
            format!(" HTTP/1.1\r\nHost: demo\r\nOrigin: {PAGE}\r\nConnection: close\r\n\r\n");
        gateway.send(&[b"GET /ai-engine/v1/models", target, rest.as_bytes()].concat())
    };
    for bad in [
        b"/<b>".as_slice(),
        b"/a`b",
        b"?q=<b>",
        b"?q=a>b",
        b"?q=\"a\"",
        b"?q=caf\xe9",
        b"/\xff",
        b"?q=\xc3",
        b"?q=\xed\xa0",
    ] {
        let what = String::from_utf8_lossy(bad);
        let answer = ask(bad);
        assert_problem(&answer, 400, "bad_request", &what);
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(PAGE));
    }
    let long = format!("?q={}", "é".repeat(7_000));
    for good in [
        "/{id}|\"x\"",
        "/caf\u{e9}?q=\u{4f60}\u{1f600}",
        "?q=a`b{c}|^~'()*;,@:!$&+[]",
        "?q=%3Cb%3E#part",
        &long,
    ] {
        assert_eq!(status(&ask(good.as_bytes())), "200", "{good}");
    }
}

#[test]
#[ignore = "needs nginx: make test"]
fn a_condition_on_the_cached_script_that_fails_is_a_problem_document_too() {
    let gateway = gateway();
    let line = "GET /channels/v1/widget.js?cached HTTP/1.1";
    for _ in 0..2 {
        assert_eq!(status(&gateway.send(&request(line, ""))), "200");
    }
    let stale = gateway.send(&request(line, "If-Match: \"2\"\r\n"));
    assert_problem(&stale, 412, "precondition_failed", "If-Match");
    assert_eq!(header(&stale, "access-control-allow-origin"), Some(PAGE));
    // nginx would answer a range beyond the end with headers of both responses, so there are none.
    let beyond = gateway.send(&request(line, "Range: bytes=90000-\r\n"));
    assert_eq!(status(&beyond), "200");
    assert_eq!(header(&beyond, "content-range"), None);
}

#[test]
#[ignore = "needs nginx: make test"]
fn an_address_that_asks_too_much_can_read_when_to_come_back() {
    let gateway = start(|config| {
        config.requests_per_second = 1;
        config.burst = 1;
        config.cors_origins = vec![PAGE.to_owned()];
    });
    let ask = || gateway.send(&request("GET /auth/v1/me HTTP/1.1", ""));
    let answers: Vec<String> = (0..5).map(|_| ask()).collect();
    let refused = answers.iter().find(|answer| status(answer) == "429");
    let refused = refused.expect("a refusal");
    assert_problem(refused, 429, "rate_limited", "too many");
    assert_eq!(header(refused, "retry-after"), Some("1"));
    assert_eq!(header(refused, "access-control-allow-origin"), Some(PAGE));
    // Its preflight is counted like a request, and the page must learn why it has to wait.
    let preflight = "Access-Control-Request-Method: POST\r\n";
    let ask = || gateway.send(&request("OPTIONS /auth/v1/me HTTP/1.1", preflight));
    assert!((0..5).map(|_| ask()).any(|answer| status(&answer) == "204"));
}

#[test]
#[ignore = "needs nginx: make test"]
fn other_pages_cannot_read_failures_beyond_the_widget() {
    let gateway = gateway();
    for origin in [
        STRANGER,
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
    ] {
        for path in ["/auth/v1/me", "/nowhere", "/channels/internal/x"] {
            let answer = gateway.ask(&format!(
                "GET {path} HTTP/1.1\nHost: demo\nConnection: close\nOrigin: {origin}"
            ));
            assert!(!matches!(status(&answer), "200"), "{path}: {answer}");
            let allowed = header(&answer, "access-control-allow-origin");
            assert_eq!(allowed, None, "{origin} {path}");
            assert_eq!(header(&answer, "access-control-expose-headers"), None);
        }
    }
}

/// A preflight of that page for a JSON body.
fn preflight(gateway: &Gateway, path: &str, origin: &str) -> String {
    gateway.ask(&format!(
        "OPTIONS {path} HTTP/1.1\nHost: demo\nConnection: close\nOrigin: {origin}\n\
         Access-Control-Request-Method: POST\n\
         Access-Control-Request-Headers: authorization,content-type"
    ))
}

#[test]
#[ignore = "needs nginx: make test"]
fn a_preflight_that_nginx_cannot_pass_on_lets_the_page_read_why() {
    let gateway = gateway();
    let admitted = preflight(&gateway, "/auth/v1/login", PAGE);
    assert_eq!(status(&admitted), "204", "{admitted}");
    let value = |name| header(&admitted, name);
    assert_eq!(value("access-control-allow-origin"), Some(PAGE));
    let methods = value("access-control-allow-methods").expect("methods");
    assert!(
        methods.contains("POST") && methods.contains("DELETE"),
        "{methods}"
    );
    let headers = value("access-control-allow-headers");
    assert_eq!(headers, Some("authorization,content-type"));
    assert_eq!(value("vary"), Some("Origin"));
    assert_eq!(value("retry-after"), None);

    let refused = preflight(&gateway, "/auth/v1/login", STRANGER);
    assert_problem(&refused, 502, "upstream_unavailable", "a stranger");
    let headers = header(&refused, "access-control-allow-headers");
    assert_eq!(headers, None);
    // OPTIONS that no browser sends is a request like any other.
    let plain = gateway.send(&request("OPTIONS /auth/v1/login HTTP/1.1", ""));
    assert_problem(&plain, 502, "upstream_unavailable", "OPTIONS");
}

#[test]
#[ignore = "needs nginx: make test"]
fn a_page_with_a_widget_reads_why_the_gateway_refuses() {
    let gateway = start(|config| config.upstreams[3].port = free_port());
    let path = "/channels/v1/widget/0190a0a0-0000-7000-8000-000000000000/sessions";
    for origin in [STRANGER, "null", "http://localhost:5173"] {
        let answer = gateway.ask(&format!(
            "POST {path} HTTP/1.1\nHost: demo\nConnection: close\nOrigin: {origin}\n\
             Content-Length: 0"
        ));
        assert_problem(&answer, 502, "upstream_unavailable", origin);
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(ANY));
        assert_eq!(header(&answer, "retry-after"), Some("2"));
        assert_eq!(header(&answer, "access-control-allow-credentials"), None);
        let admitted = preflight(&gateway, path, origin);
        assert_eq!(status(&admitted), "204", "{admitted}");
    }
    // Creators' own routes of the same service are none of theirs.
    let creators = preflight(&gateway, "/channels/v1/channels", STRANGER);
    assert_problem(&creators, 502, "upstream_unavailable", "creators");
    assert_eq!(header(&creators, "access-control-allow-origin"), None);
}

#[test]
#[ignore = "needs nginx: make test"]
fn what_a_service_answers_keeps_its_own_cors_headers() {
    let gateway = gateway();
    let line = "GET /ai-engine/v1/models?refused-by-the-service HTTP/1.1";
    let refused = gateway.send(&request(line, ""));
    assert_eq!(status(&refused), "429");
    // `header` fails where one is there twice.
    assert_eq!(header(&refused, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(header(&refused, "vary"), Some("origin"));
    let answered = gateway.send(&request("GET /ai-engine/v1/models HTTP/1.1", ""));
    assert_eq!(status(&answered), "200");
    assert_eq!(header(&answered, "access-control-allow-origin"), None);
    assert_eq!(header(&answered, "cache-control"), None);
}

#[test]
#[ignore = "needs nginx: make test"]
fn the_longest_list_of_origins_is_one_that_nginx_takes() {
    let name = |n: usize| format!("{}.{n:02}.example", vec!["a".repeat(63); 3].join("."));
    let origins: Vec<String> = (0..32)
        .map(|n| format!("https://{}:65535", name(n)))
        .collect();
    let gateway = start(|config| config.cors_origins.clone_from(&origins));
    let answer = gateway.ask(&format!(
        "GET / HTTP/1.1\nHost: demo\nConnection: close\nOrigin: {}",
        origins[31]
    ));
    let allowed = header(&answer, "access-control-allow-origin");
    assert_eq!(allowed, Some(origins[31].as_str()));
}

#[test]
#[ignore = "needs nginx: make test"]
fn the_access_log_names_the_path_that_was_refused() {
    let gateway = gateway();
    gateway.get("/auth/v1/me?token=secret");
    let written = gateway.access_log();
    let last = written.lines().last().expect("a line");
    let line: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(
        (&line["path"], &line["status"]),
        (&"/auth/v1/me".into(), &502.into())
    );
    assert!(!written.contains("secret"), "{written}");
}

#[test]
#[ignore = "needs nginx: make test"]
fn streams_pass_a_second_proxy_as_they_are_written() {
    let gateway = start(|_| {});
    // As an ingress is without further settings: it collects what it is not asked to pass on.
    let ingress = start_with(|listen, work| {
        format!(
            "pid {work}/nginx.pid;\nerror_log stderr;\nevents {{ }}\nhttp {{\n\
             client_body_temp_path {work}/b; proxy_temp_path {work}/p;\n\
             fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;\n\
             access_log off;\nserver {{ listen {listen};\nlocation / {{\n\
             proxy_pass http://127.0.0.1:{}; }} }} }}\n",
            gateway.port
        )
    });
    for service in Service::ALL {
        let mut stream = TcpStream::connect(("127.0.0.1", ingress.port)).expect("it listens");
        let request = format!(
            "GET {}/stream HTTP/1.1\r\nHost: demo\r\n\r\n",
            service.prefix()
        );
        stream.write_all(request.as_bytes()).expect("written");
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).expect("a timeout");
        let (mut text, mut buffer) = (String::new(), [0_u8; 4096]);
        while !text.contains("first") {
            let read = stream.read(&mut buffer);
            let read = read.expect("the first event before the end of the response");
            assert!(read > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }
}

#[test]
fn every_failure_has_a_document_of_its_own() {
    let mut statuses: Vec<u16> = FAILURES.iter().map(|failure| failure.status).collect();
    let all = statuses.len();
    statuses.dedup();
    assert_eq!(statuses.len(), all);
    assert!(statuses.is_sorted());
    let codes: Vec<&str> = FAILURES
        .iter()
        .flat_map(|failure| failure.codes)
        .copied()
        .collect();
    for code in ["bad_request", "headers_too_large", "too_many_connections"] {
        assert!(codes.contains(&code), "{code}");
    }
}
