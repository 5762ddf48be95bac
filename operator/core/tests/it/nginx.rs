//! The generated `nginx.conf`, run by a real nginx in front of a small server.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use operator_core::plan::gateway::{GatewayConfig, nginx_config};

/// A gateway on the loopback; it ends with the test.
pub(crate) struct Gateway {
    nginx: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

/// A free port below those that the kernel gives out: a server of another test, or an outgoing
/// connection, could take one of those before nginx listens.
pub(crate) fn free_port() -> u16 {
    let random = || RandomState::new().build_hasher().finish() % 20_000;
    let port = || 10_000 + u16::try_from(random()).unwrap_or(0);
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..100).map(|_| port()).find(free).expect("a port")
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
    if head.contains("/hold") {
        let answer = if head.contains("Upgrade: websocket") {
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        } else {
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        };
        let _ = stream.write_all(answer.as_bytes());
        // Until the other side closes.
        let _ = reader.read_to_string(&mut line);
        return;
    }
    if head.contains("/stream") {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nfirst");
        // The response never ends by itself: whoever collects it first passes nothing on.
        let _ = reader.read_to_string(&mut line);
        return;
    }
    let (status, more) = special(&head);
    let length = head.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nX-Request-Id: of-the-service\r\nServer: secret\r\n{more}\
         Content-Length: {length}\r\n\r\n{head}"
    );
}

/// Status and further headers, by what the path asks for.
fn special(head: &str) -> (&str, &str) {
    if head.contains("?refused-by-the-service") {
        let cors = "Access-Control-Allow-Origin: https://app.example.com\r\nVary: origin\r\n";
        return ("429 Too Many Requests", cors);
    }
    if head.contains("?cached") {
        let cached = "Cache-Control: max-age=60\r\nETag: \"1\"\r\nAccept-Ranges: bytes\r\n";
        return ("200 OK", cached);
    }
    ("200 OK", "")
}

pub(crate) fn start(change: impl Fn(&mut GatewayConfig)) -> Gateway {
    let echo = echo_server();
    start_with(|listen, work| {
        let mut config = GatewayConfig::loopback(listen, work);
        for upstream in &mut config.upstreams {
            upstream.port = echo;
        }
        config.access_log = format!("{work}/access.log");
        change(&mut config);
        nginx_config(&config)
    })
}

/// An nginx with the configuration that is made for an address and a folder.
pub(crate) fn start_with(config: impl Fn(&str, &str) -> String) -> Gateway {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let work = folder.path().to_string_lossy().into_owned();
    let file = folder.path().join("nginx.conf");
    let text = config(&format!("127.0.0.1:{port}"), &work);
    std::fs::write(&file, text).expect("a file");
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
        folder,
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
    pub(crate) fn ask(&self, request: &str) -> String {
        let request = request.replace('\n', "\r\n");
        self.send(format!("{request}\r\n\r\n").as_bytes())
    }

    /// Sends these bytes and reads until nginx closes.
    pub(crate) fn send(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).expect("a timeout");
        // nginx may answer and close before it has read everything.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\nHost: demo\nConnection: close"
        ))
    }
}

/// A held connection, and what was answered first.
pub(crate) struct Held {
    _stream: TcpStream,
    pub(crate) head: String,
}

impl Gateway {
    /// Sends a request as the trusted proxy does for that address, and keeps the connection.
    pub(crate) fn hold(&self, path: &str, headers: &str, from: &str) -> Held {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).expect("a timeout");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: demo\r\nX-Forwarded-For: {from}\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).expect("written");
        let (mut head, mut buffer) = (String::new(), [0_u8; 4096]);
        while !head.contains("\r\n\r\n") {
            let read = stream.read(&mut buffer).expect("an answer");
            assert!(read > 0, "closed after {head:?}");
            head.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        Held {
            _stream: stream,
            head,
        }
    }

    /// Opens a socket of the widget.
    pub(crate) fn socket(&self, from: &str) -> Held {
        let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
        self.hold("/channels/v1/hold", headers, from)
    }

    /// An ordinary request of that address.
    pub(crate) fn get_from(&self, path: &str, from: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\nHost: demo\nConnection: close\nX-Forwarded-For: {from}"
        ))
    }

    pub(crate) fn access_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("access.log")).expect("a log")
    }
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split_whitespace().nth(1).unwrap_or_default()
}
