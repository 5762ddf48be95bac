//! Ports that stay free while a process is restarted.

use std::net::TcpListener;

use uuid::Uuid;

/// A listener below the ports that the kernel gives to outgoing connections: one of those could
/// take the port between the end of a process and its restart.
pub(crate) fn listen() -> TcpListener {
    let random = || 10_000 + u16::try_from(Uuid::new_v4().as_u128() % 20_000).unwrap();
    (0..100)
        .find_map(|_| TcpListener::bind(("127.0.0.1", random())).ok())
        .unwrap()
}
