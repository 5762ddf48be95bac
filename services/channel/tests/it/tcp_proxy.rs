//! A TCP proxy between a browser and the service, to interrupt the network.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections while it is open.
pub(crate) struct TcpProxy {
    open: watch::Sender<bool>,
    pub(crate) address: SocketAddr,
}

impl TcpProxy {
    /// Starts an open proxy in front of that address.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, watching) = watch::channel(true);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(forward(stream, target, watching.clone()));
            }
        });
        Self { open, address }
    }

    /// Opens or closes the proxy. Closing drops its connections and refuses new ones.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn forward(mut near: TcpStream, target: SocketAddr, mut open: watch::Receiver<bool>) {
    if !*open.borrow_and_update() {
        return;
    }
    let mut far = TcpStream::connect(target).await.unwrap();
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = open.changed() => {}
    }
}
