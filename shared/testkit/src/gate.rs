//! A door before a store: shut it, and the store is away; open it, and it is back.

use std::net::TcpListener as StdListener;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A TCP door on the loopback.
#[derive(Debug)]
pub struct Gate {
    /// Where to connect instead.
    pub port: u16,
    behind: (String, u16),
    open: Option<tokio::task::JoinHandle<()>>,
}

impl Gate {
    /// A door that is shut: nothing listens at its port.
    pub fn shut(behind: (String, u16)) -> Self {
        let free = StdListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("its address").port();
        Self {
            port,
            behind,
            open: None,
        }
    }

    /// Lets connections through.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await;
        let listener = listener.expect("the port is still free");
        let behind = self.behind.clone();
        self.open = Some(tokio::spawn(async move {
            // Dropped with this task, the set ends what still flows.
            let mut flowing = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let behind = behind.clone();
                flowing.spawn(async move {
                    if let Ok(mut to) = TcpStream::connect(behind).await {
                        let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        }));
    }

    /// Ends what flows, and refuses what comes.
    pub async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
            let _ = open.await;
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.abort();
        }
    }
}
