//! The client of every comparison: HTTP/1.1 on connections that stay open, and as little as can be
//! beside that, since what the client costs is in both sides and hides the difference.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// One connection, and the bytes of the last answer.
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).unwrap();
        let answer = Vec::new();
        Self { stream, answer }
    }

    /// Sends a request and reads the whole answer, of which the length is known and the status
    /// good; gives where its body begins.
    fn exchange(&mut self, request: &[u8]) -> usize {
        self.stream.write_all(request).unwrap();
        self.answer.clear();
        let mut piece = [0_u8; 16 * 1024];
        let mut body = None;
        loop {
            let read = self.stream.read(&mut piece).unwrap();
            assert!(read > 0, "the server ended the connection");
            self.answer.extend_from_slice(&piece[..read]);
            body = body.or_else(|| find(&self.answer, b"\r\n\r\n").map(|at| at + 4));
            let Some(begin) = body else { continue };
            if self.answer.len() >= begin + length(&self.answer[..begin]) {
                let good = self.answer.starts_with(b"HTTP/1.1 20");
                assert!(good, "{}", String::from_utf8_lossy(&self.answer));
                return begin;
            }
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// What `content-length` says; hyper writes it in lower case.
fn length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let Some(at) = find(head, NAME) else { return 0 };
    let digits = head[at + NAME.len()..].iter();
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}

/// The bytes of a GET, with a credential if there is one.
pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let token = token.unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{token}\r\n").into_bytes()
}

/// The bytes of a POST through a gateway that saw that address.
pub(crate) fn post(path: &str, from: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nx-forwarded-for: {from}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends one request on a connection of its own and reads its JSON.
pub(crate) fn once(address: SocketAddr, request: &[u8]) -> serde_json::Value {
    let mut connection = Connection::open(address);
    let body = connection.exchange(request);
    serde_json::from_slice(&connection.answer[body..]).unwrap()
}

/// Whether a server that may not listen yet gives a good answer.
pub(crate) fn answers(address: SocketAddr, request: &[u8]) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let mut answer = [0_u8; 12];
    let asked = stream.write_all(request);
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *b"HTTP/1.1 200"
}

/// Connections that ask at the same time, each its own requests in turn.
pub(crate) struct Crowd {
    clients: Vec<(Connection, Vec<Vec<u8>>)>,
}

impl Crowd {
    /// A connection for each list of requests.
    pub(crate) fn new(address: SocketAddr, requests: Vec<Vec<Vec<u8>>>) -> Self {
        let clients = requests.into_iter();
        let clients = clients.map(|own| (Connection::open(address), own));
        Self {
            clients: clients.collect(),
        }
    }

    /// Requests a second, when each connection sends `each` of them.
    pub(crate) fn throughput(&mut self, each: usize) -> f64 {
        let all = self.clients.len();
        let start = Barrier::new(all + 1);
        let seconds = thread::scope(|scope| {
            let asking = self.clients.iter_mut().map(|(connection, requests)| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    for request in requests.iter().cycle().take(each) {
                        connection.exchange(request);
                    }
                })
            });
            let asking: Vec<_> = asking.collect();
            start.wait();
            let began = Instant::now();
            for one in asking {
                one.join().unwrap();
            }
            began.elapsed().as_secs_f64()
        });
        crate::rounds::number(all * each) / seconds
    }

    /// Milliseconds of a request when one is sent after the other.
    pub(crate) fn latency(&mut self, count: usize) -> f64 {
        let (connection, requests) = &mut self.clients[0];
        let began = Instant::now();
        for request in requests.iter().cycle().take(count) {
            connection.exchange(request);
        }
        began.elapsed().as_secs_f64() * 1000.0 / crate::rounds::number(count)
    }
}
