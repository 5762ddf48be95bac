//! The `healthcheck` command of a service: calls its own `/livez`, since images have no `curl`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use shared_config::wiring;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest wait for the answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether the service at that address is alive.
pub async fn is_alive(listen: SocketAddr) -> bool {
    let asked = tokio::time::timeout(PROBE_TIMEOUT, ask(reachable(listen))).await;
    matches!(asked, Ok(Ok(true)))
}

/// A listener on all addresses is reached on the loopback.
const fn reachable(listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listen.port())
    } else {
        listen
    }
}

async fn ask(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let livez = wiring::LIVEZ;
    let request = format!("GET {livez} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0_u8; 12];
    stream.read_exact(&mut status).await?;
    Ok(&status == b"HTTP/1.1 200")
}
