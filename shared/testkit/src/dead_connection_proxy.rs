//! A TCP proxy whose connections can go dead, as to a vanished node: neither data nor a close.

use std::future::pending;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Carries connections to one address.
#[derive(Debug)]
pub struct DeadConnectionProxy {
    /// Where to connect instead, on loopback.
    pub port: u16,
    /// Counts how often connections were made dead.
    deaths: watch::Sender<u64>,
}

impl DeadConnectionProxy {
    /// A proxy to that address.
    pub async fn to(host: &str, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let (deaths, target) = (watch::Sender::new(0), (host.to_owned(), port));
        let told = deaths.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = TcpStream::connect(target.clone()).await {
                    tokio::spawn(carry(near, far, told.subscribe()));
                }
            }
        });
        Self { port: own, deaths }
    }

    /// Open connections stop carrying data and stay open; new connections work.
    pub fn go_dead(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }
}

async fn carry(mut near: TcpStream, mut far: TcpStream, mut deaths: watch::Receiver<u64>) {
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = deaths.changed() => pending().await,
    }
}
