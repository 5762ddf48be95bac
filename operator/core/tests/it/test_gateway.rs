//! The gateway routes, limits, counts and passes on as it should.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use operator_core::plan::gateway::{GatewayConfig, nginx_config};
use serde_json::Value;
use shared_config::limits::STREAMS;
use shared_config::{Service, limits};

use crate::fixtures::root;
use crate::nginx::{Held, free_port, start, status};

/// How many were opened, and how many refused.
fn counts(held: &[Held]) -> (usize, usize) {
    let turned_away = |held: &&Held| status(&held.head) == "429";
    let opened = |held: &&Held| matches!(status(&held.head), "101" | "200");
    (
        held.iter().filter(opened).count(),
        held.iter().filter(turned_away).count(),
    )
}

#[test]
#[ignore = "needs nginx: make test"]
fn paths_are_routed_or_refused_as_they_should() {
    let gateway = start(|_| {});
    let table = [
        ("/auth/v1/login", "200"),
        ("/auth/livez", "200"),
        ("/creator-hub/v1/documents?x=1", "200"),
        ("/ai-engine/readyz", "200"),
        ("/channels/v1/widget.js", "200"),
        ("/healthz", "200"),
        ("/", "404"),
        ("/auth", "404"),
        ("/metrics", "404"),
        ("/auth/metrics", "404"),
        ("/internal/v1/tenants", "404"),
        ("/auth/internal/v1/tenants", "404"),
        ("/auth/v1/internal/x", "404"),
        ("/auth/%69nternal/x", "404"),
        ("/auth//internal/x", "404"),
        ("/auth/x/../internal/x", "404"),
        ("/AUTH/v1/login", "404"),
    ];
    for (path, wanted) in table {
        assert_eq!(status(&gateway.get(path)), wanted, "{path}");
    }
    let echoed = gateway.get("/creator-hub/v1/documents?x=1");
    assert!(
        echoed.contains("GET /creator-hub/v1/documents?x=1 HTTP/1.1"),
        "{echoed}"
    );
    assert!(
        !echoed.contains("secret") && !echoed.contains("of-the-service"),
        "{echoed}"
    );
    assert!(
        echoed.contains("X-Content-Type-Options: nosniff"),
        "{echoed}"
    );
}

#[test]
#[ignore = "needs nginx: make test"]
fn failures_of_the_gateway_are_problem_documents_with_the_request_id() {
    let gateway = start(|config| {
        config.upstreams[0].port = free_port();
        config.body_bytes = 10;
    });
    let missing = gateway.get("/nowhere");
    assert!(missing.contains("application/problem+json") && missing.contains("\"not_found\""));
    let down = gateway.get("/auth/v1/me");
    assert_eq!(status(&down), "502");
    assert!(down.contains("\"upstream_unavailable\"") && down.contains("Retry-After: 2"));
    let post = "POST /ai-engine/v1/answer HTTP/1.1\nHost: demo\nContent-Length: 11";
    let large = gateway.ask(&format!("{post}\nConnection: close\n\n01234567890"));
    assert_eq!(status(&large), "413");
    assert!(large.contains("\"too_large\""), "{large}");
    let named = "GET /nowhere HTTP/1.1\nHost: demo\nConnection: close\nX-Request-Id: ";
    let kept = gateway.ask(&format!("{named}0123-abcd-4567"));
    assert_eq!(
        kept.matches("0123-abcd-4567").count(),
        2,
        "header and document: {kept}"
    );
    let replaced = gateway.ask(&format!("{named}bad id\""));
    assert!(!replaced.contains("bad id"), "{replaced}");
}

#[test]
#[ignore = "needs nginx: make test"]
fn one_address_that_asks_too_much_is_told_to_wait() {
    let gateway = start(|config| {
        config.requests_per_second = 1;
        config.burst = 3;
    });
    let answers: Vec<String> = (0..6).map(|_| gateway.get("/auth/v1/me")).collect();
    let refused: Vec<&String> = answers
        .iter()
        .filter(|answer| status(answer) == "429")
        .collect();
    assert!((1..=2).contains(&refused.len()), "{}", refused.len());
    assert!(refused[0].contains("\"rate_limited\"") && refused[0].contains("Retry-After: 1"));
    assert_eq!(
        status(&gateway.get("/healthz")),
        "200",
        "probes are never limited"
    );
}

#[test]
#[ignore = "needs nginx: make test"]
fn forwarded_addresses_count_only_from_trusted_proxies() {
    let forwarded = "GET /auth/v1/me HTTP/1.1\nHost: demo\nConnection: close\n\
                     X-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: https";
    let distrusting = start(|_| {}).ask(forwarded);
    assert!(
        distrusting.contains("X-Forwarded-For: 127.0.0.1"),
        "{distrusting}"
    );
    assert!(
        distrusting.contains("X-Forwarded-Proto: http\r"),
        "{distrusting}"
    );
    let trusting = start(|config| config.trusted_proxies = vec!["127.0.0.0/8".to_owned()]);
    let answer = trusting.ask(forwarded);
    assert!(answer.contains("X-Forwarded-For: 203.0.113.9"), "{answer}");
    assert!(answer.contains("X-Forwarded-Proto: https"), "{answer}");
    assert!(answer.contains("Strict-Transport-Security"), "{answer}");
}

#[test]
#[ignore = "needs nginx: make test"]
fn streams_pass_as_they_are_written_and_sockets_are_upgraded() {
    let gateway = start(|_| {});
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).expect("it listens");
    stream
        .write_all(b"GET /ai-engine/stream HTTP/1.1\r\nHost: demo\r\n\r\n")
        .expect("written");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    let (mut text, mut buffer) = (String::new(), [0_u8; 4096]);
    while !text.contains("first") {
        let read = stream
            .read(&mut buffer)
            .expect("the first event before the end of the response");
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    let upgrade = gateway.ask(
        "GET /channels/v1/socket HTTP/1.1\nHost: demo\n\
         Connection: close, Upgrade\nUpgrade: websocket",
    );
    assert!(upgrade.contains("Upgrade: websocket") && upgrade.contains("Connection: upgrade"));
}

#[test]
#[ignore = "needs nginx: make test"]
fn an_invented_method_is_refused_and_its_log_line_is_short() {
    let gateway = start(|_| {});
    let long = "A".repeat(15_000);
    for (method, path) in [
        ("BREW", "/auth/v1/me"),
        ("PROPFIND", "/healthz"),
        ("TRACE", "/auth/v1/me"),
        ("BREW", "/nowhere"),
        (&long, "/ai-engine/v1/models"),
    ] {
        let answer = gateway.ask(&format!(
            "{method} {path} HTTP/1.1\nHost: demo\nConnection: close"
        ));
        assert_eq!(status(&answer), "405", "{path}");
        assert!(
            answer.contains("\r\nContent-Type: application/problem+json\r\n"),
            "{answer}"
        );
        assert!(answer.contains("\"method_not_allowed\""), "{answer}");
        let allow = format!("\r\nAllow: {}\r\n", limits::METHODS.join(", "));
        assert!(answer.contains(&allow), "{answer}");
    }
    for method in limits::METHODS {
        let answer = gateway.ask(&format!(
            "{method} /auth/v1/me HTTP/1.1\nHost: demo\nConnection: close"
        ));
        assert_eq!(status(&answer), "200", "{method}");
        assert!(!answer.contains("\r\nAllow:"), "{answer}");
    }
    gateway.get(&format!("/auth/v1/{long}"));
    let written = gateway.access_log();
    for method in ["other", "GET"] {
        let field = format!("\"method\":\"{method}\"");
        assert!(written.contains(&field), "{field}");
    }
    let longest = written.lines().map(str::len).max().unwrap_or(0);
    assert!((200..800).contains(&longest), "{longest} bytes");
}

fn behind_a_proxy(config: &mut GatewayConfig) {
    config.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
    config.requests_per_second = 10_000;
    config.burst = 10_000;
}

#[test]
#[ignore = "needs nginx: make test"]
fn one_address_cannot_take_the_sockets_of_others() {
    let gateway = start(|config| {
        behind_a_proxy(config);
        config.sockets_per_address = 20;
        config.sockets = 60;
    });
    let mut greedy: Vec<Held> = (0..300).map(|_| gateway.socket("203.0.113.9")).collect();
    assert_eq!(counts(&greedy), (20, 280));
    let refused = &greedy[299].head;
    assert!(refused.contains("\r\nRetry-After: 10\r\n"), "{refused}");
    assert!(refused.contains("\"too_many_connections\""), "{refused}");
    assert_eq!(
        status(&gateway.socket("203.0.113.10").head),
        "101",
        "another address"
    );
    let own = gateway.get_from("/auth/v1/me", "203.0.113.9");
    assert_eq!(status(&own), "200", "its ordinary requests go on");
    // A customer of IPv6 owns a /64.
    let customer: Vec<Held> = (0..50)
        .map(|number| gateway.socket(&format!("2001:db8:1:2:{number}::{number}")))
        .collect();
    assert_eq!(counts(&customer), (20, 30));
    assert_eq!(status(&gateway.socket("2001:db8:1:3::1").head), "101");
    greedy.clear();
    let again = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        status(&gateway.socket("203.0.113.9").head) == "101"
    });
    assert!(again, "closed sockets free their places");
}

#[test]
#[ignore = "needs nginx: make test"]
fn sockets_of_many_addresses_leave_room_for_requests() {
    let gateway = start(|config| {
        behind_a_proxy(config);
        config.sockets_per_address = 2;
        config.sockets = 40;
    });
    let crowd: Vec<Held> = (0..100)
        .map(|number| gateway.socket(&format!("203.0.113.{number}")))
        .collect();
    assert_eq!(counts(&crowd), (40, 60));
    for number in 0..100 {
        let answer = gateway.get_from("/auth/v1/me", &format!("203.0.113.{number}"));
        assert_eq!(status(&answer), "200", "{number}");
    }
}

#[test]
#[ignore = "needs nginx: make test"]
fn event_streams_count_as_sockets_and_slow_requests_as_connections() {
    let gateway = start(|config| {
        behind_a_proxy(config);
        config.sockets_per_address = 3;
        config.connections_per_address = 5;
    });
    let path = "/creator-hub/v1/documents/0190a0a0-0000-7000-8000-000000000000/events?x=/hold";
    let mut held: Vec<Held> = (0..4)
        .map(|_| gateway.hold(path, "", "203.0.113.9"))
        .collect();
    assert_eq!(counts(&held), (3, 1));
    held.extend((0..3).map(|_| gateway.hold("/auth/v1/hold", "", "203.0.113.9")));
    assert_eq!(counts(&held), (5, 2), "five at the same time, of any kind");
    let other = gateway.get_from("/auth/v1/me", "203.0.113.10");
    assert_eq!(status(&other), "200");
}

#[test]
#[ignore = "needs nginx: make test"]
fn requests_of_one_customer_of_ipv6_are_counted_together() {
    let gateway = start(|config| {
        behind_a_proxy(config);
        config.requests_per_second = 1;
        config.burst = 3;
    });
    let refused = |from: &dyn Fn(u32) -> String| {
        let answers = (0..8).map(|number| gateway.get_from("/auth/v1/me", &from(number)));
        answers.filter(|answer| status(answer) == "429").count()
    };
    let customer = refused(&|number| format!("2001:db8:1:2:{number}:5:6:7"));
    assert!((3..=4).contains(&customer), "{customer}");
    assert_eq!(
        refused(&|number| format!("2001:db8:2:{number}::1")),
        0,
        "eight customers"
    );
    let mapped = refused(&|number| format!("::ffff:203.0.113.{number}"));
    assert_eq!(mapped, 0, "eight addresses of IPv4, as IPv6 writes them");
    assert_eq!(refused(&|number| format!("198.51.100.{number}")), 0);
}

#[test]
fn worker_processes_are_large_enough_for_sockets_and_requests() {
    for sockets in [16, 2_000, 10_000] {
        let mut config = GatewayConfig::loopback("8080", "/tmp");
        config.sockets = sockets;
        let text = nginx_config(&config);
        let number = |name: &str| -> i32 {
            let (_, rest) = text.split_once(name).expect("the directive is there");
            let digits: String = rest
                .trim()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            digits.parse().expect("a number")
        };
        let connections = number("worker_connections ");
        // Each socket takes two, and one worker process may happen to have all of them.
        assert_eq!(connections - 2 * sockets, limits::RESERVED_CONNECTIONS);
        assert!(number("worker_rlimit_nofile ") >= 2 * connections);
    }
}

#[test]
fn every_event_stream_of_the_documents_is_counted_as_one() {
    let mut documented = Vec::new();
    for service in Service::ALL {
        let file = root().join(format!("services/{}/openapi.json", service.name()));
        let text = std::fs::read_to_string(file).expect("the committed document");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        for (path, operations) in document["paths"].as_object().expect("paths") {
            if operations.to_string().contains("\"text/event-stream\"") {
                documented.push((service, path.clone()));
            }
        }
    }
    let known: Vec<_> = STREAMS
        .iter()
        .map(|(service, path)| (*service, format!("{}{path}", service.prefix())))
        .collect();
    assert_eq!(known, documented, "add it to STREAMS in shared-config");
}
