//! The generated `nginx.conf`, run by a real nginx in front of a small server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use operator_core::plan::gateway::{GatewayConfig, nginx_config};

/// A gateway on the loopback; it ends with the test.
struct Gateway {
    nginx: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Answers every request with its request line and headers as the body.
fn echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || echo(stream));
        }
    });
    port
}

fn echo(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut stream = stream;
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        head.push_str(&line);
        line.clear();
    }
    if head.contains("/stream") {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nfirst");
        std::thread::sleep(Duration::from_secs(3));
        let _ = stream.write_all(b"second");
        return;
    }
    let length = head.len();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nX-Request-Id: of-the-service\r\nServer: secret\r\n\
         Content-Length: {length}\r\n\r\n{head}"
    );
}

fn start(change: impl Fn(&mut GatewayConfig)) -> Gateway {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let work = folder.path().to_string_lossy().into_owned();
    let mut config = GatewayConfig::loopback(&format!("127.0.0.1:{port}"), &work);
    let echo = echo_server();
    for upstream in &mut config.upstreams {
        upstream.port = echo;
    }
    config.access_log = format!("{work}/access.log");
    change(&mut config);
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, nginx_config(&config)).expect("a file");
    let nginx = run(&file);
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "nginx does not start"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Gateway {
        nginx,
        port,
        _folder: folder,
    }
}

/// One process: a worker would outlive its killed master.
fn run(file: &Path) -> Child {
    Command::new("nginx")
        .args([
            "-e",
            "stderr",
            "-g",
            "daemon off; master_process off;",
            "-c",
        ])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx is installed")
}

impl Gateway {
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let request = request.replace('\n', "\r\n");
        stream
            .write_all(format!("{request}\r\n\r\n").as_bytes())
            .expect("written");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\nHost: demo\nConnection: close"
        ))
    }
}

fn status(answer: &str) -> &str {
    answer.split_whitespace().nth(1).unwrap_or_default()
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
        .set_read_timeout(Some(Duration::from_secs(2)))
        .expect("a timeout");
    let (mut text, mut buffer) = (String::new(), [0_u8; 4096]);
    while !text.contains("first") {
        let read = stream
            .read(&mut buffer)
            .expect("the first event before the second is written");
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    let upgrade = gateway.ask(
        "GET /channels/v1/socket HTTP/1.1\nHost: demo\n\
         Connection: close, Upgrade\nUpgrade: websocket",
    );
    assert!(upgrade.contains("Upgrade: websocket") && upgrade.contains("Connection: upgrade"));
}
