//! A host that answers whatever a test wants, right or wrong, byte for byte.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use shared_egress::AllowedNetworks;
use shared_fetch::{Bounds, Excess, Fetcher, Lookup, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// What a host does with a request.
pub(crate) enum Reply {
    /// Sends these bytes and ends the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and nothing more, and keeps the connection.
    Hangs(Vec<u8>),
    /// Sends the first, then the second for ever, with a pause between two.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

/// A host on loopback.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a host on that address of loopback.
    pub(crate) async fn start(
        address: &str,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// The paths that were asked for.
    pub(crate) fn paths(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let path = |request: &String| request.split(' ').nth(1).unwrap_or_default().to_owned();
        requests.iter().map(path).collect()
    }

    /// Whole requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(&str) -> Reply>,
) {
    let mut request = Vec::new();
    // A guest who speaks TLS does not wait for the end of a line.
    while !request.ends_with(b"\r\n\r\n") && !request.starts_with(b"\x16") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await {
            Ok(count @ 1..) => request.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap().push(request);
    // An error means that the guest has left, which tests expect.
    let _ = reply(&mut stream, answer(&path)).await;
}

async fn reply(stream: &mut TcpStream, reply: Reply) -> io::Result<()> {
    match reply {
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Reply::Hangs(bytes) => {
            stream.write_all(&bytes).await?;
            let _ = stream.read(&mut [0]).await?;
            Ok(())
        }
        Reply::Endless(first, again, pause) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&again).await?;
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// A whole answer of that status, with more headers.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Reply {
    let mut bytes = format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    Reply::Bytes(bytes)
}

/// An answer without a length, which ends with the connection.
pub(crate) fn unmeasured(headers: &str, body: &[u8]) -> Reply {
    let mut bytes = format!("HTTP/1.1 200 x\r\nconnection: close\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Reply::Bytes(bytes)
}

pub(crate) fn redirect(location: &str) -> Reply {
    answer(302, &format!("location: {location}\r\n"), b"")
}

pub(crate) const BOUNDS: Bounds = Bounds {
    bytes: 64 * 1024,
    excess: Excess::Refused,
};

/// Short, since every test waits for them.
pub(crate) const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    idle: Duration::from_millis(500),
    total: Duration::from_millis(1_500),
};

/// Answers each question for any name with the next list; with the last one when none is left.
#[derive(Clone)]
pub(crate) struct Names {
    answers: Vec<Vec<IpAddr>>,
    asked: Arc<Mutex<usize>>,
}

impl Names {
    pub(crate) fn of(answers: &[&[&str]]) -> Self {
        let parse = |text: &&str| text.parse().unwrap();
        let list = |texts: &&[&str]| texts.iter().map(parse).collect();
        Self {
            answers: answers.iter().map(list).collect(),
            asked: Arc::default(),
        }
    }

    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

impl Lookup for Names {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut asked = self.asked.lock().unwrap();
        let last = self.answers.len() - 1;
        let answer = self.answers[last.min(*asked)].clone();
        *asked += 1;
        Box::pin(async move { Ok(answer) })
    }
}

pub(crate) fn fetcher(networks: &str, names: &Names) -> Fetcher {
    let networks: AllowedNetworks = networks.parse().unwrap();
    Fetcher::with(networks, TIMEOUTS, names.clone()).unwrap()
}

/// One that may connect to loopback.
pub(crate) fn local() -> Fetcher {
    fetcher("127.0.0.0/8", &Names::of(&[&["127.0.0.1"]]))
}
