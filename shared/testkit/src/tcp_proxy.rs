//! A TCP proxy before a store: closed, the store is unreachable; open, it is back.

use std::net::TcpListener as StdListener;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A TCP proxy on the loopback that tests open and close.
#[derive(Debug)]
pub struct TcpProxy {
    /// Where to connect instead.
    pub port: u16,
    behind: (String, u16),
    open: Option<tokio::task::JoinHandle<()>>,
}

impl TcpProxy {
    /// A closed proxy: nothing listens on its port.
    pub fn closed(behind: (String, u16)) -> Self {
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
            // Dropped with this task, the set closes all connections.
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

    /// Closes all connections and refuses new ones.
    pub async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
            let _ = open.await;
        }
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.abort();
        }
    }
}
