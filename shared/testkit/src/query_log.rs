//! A TCP proxy before PostgreSQL that counts the round trips which a service waits for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use shared_db::DatabaseSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The texts of what was sent and answered, in the order of its arrival.
#[derive(Debug, Clone)]
pub struct QueryLog {
    trips: Arc<Mutex<Vec<String>>>,
}

impl QueryLog {
    /// Lets the service of these settings connect through a proxy from now on.
    ///
    /// Each simple query, and each batch of extended messages up to its `Sync`, is a round trip. A
    /// statement that is used for the first time on a connection takes another one to be prepared.
    /// What sqlx sends on return to the pool, when the caller has its answer, is left out: the
    /// rollback, and a `Sync` alone, by which it asks whether the server is there.
    pub async fn before(database: &mut DatabaseSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let log = Self {
            trips: Arc::default(),
        };
        let (target, own) = ((database.host.clone(), database.port), log.clone());
        "127.0.0.1".clone_into(&mut database.host);
        database.port = listener.local_addr().expect("its address").port();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = TcpStream::connect(target.clone()).await {
                    tokio::spawn(carry(near, far, own.clone()));
                }
            }
        });
        log
    }

    /// The round trips since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.trips.lock().expect("the log"))
    }

    fn add(&self, text: &str) {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.trips.lock().expect("the log").push(line);
    }
}

async fn carry(near: TcpStream, far: TcpStream, log: QueryLog) {
    let (from_client, mut to_client) = near.into_split();
    let (mut from_server, to_server) = far.into_split();
    tokio::select! {
        () = read_messages(from_client, to_server, log) => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}

/// Reads whole messages of the client, and passes each on.
async fn read_messages(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, log: QueryLog) {
    let mut reader = Reader {
        log,
        prepared: HashMap::new(),
        batch: None,
    };
    // The first message has no type.
    let mut is_startup = true;
    loop {
        let mut message = Vec::new();
        if !is_startup {
            let Ok(kind) = client.read_u8().await else {
                return;
            };
            message.push(kind);
        }
        let Ok(length) = client.read_u32().await else {
            return;
        };
        message.extend(length.to_be_bytes());
        let begin = message.len();
        let body = usize::try_from(length).expect("a length") - 4;
        message.resize(begin + body, 0);
        if client.read_exact(&mut message[begin..]).await.is_err() {
            return;
        }
        if !is_startup {
            reader.read(message[0], &message[begin..]);
        }
        is_startup = false;
        if server.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// What one connection has sent.
struct Reader {
    log: QueryLog,
    /// The texts of prepared statements, by name.
    prepared: HashMap<String, String>,
    /// The statement of the messages since the last `Sync`.
    batch: Option<String>,
}

impl Reader {
    fn read(&mut self, kind: u8, body: &[u8]) {
        let mut texts = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mut next = || texts.next().unwrap_or_default().into_owned();
        match kind {
            b'Q' => {
                let text = next();
                if !text.starts_with("ROLLBACK") {
                    self.log.add(&text);
                }
            }
            b'P' => {
                let (name, text) = (next(), next());
                self.batch = Some(format!("prepare {text}"));
                self.prepared.insert(name, text);
            }
            b'B' => {
                let (_portal, name) = (next(), next());
                self.batch = self.prepared.get(&name).cloned().or(Some(name));
            }
            b'S' => {
                if let Some(text) = self.batch.take() {
                    self.log.add(&text);
                }
            }
            _ => {}
        }
    }
}
