//! Listeners on every address of the machine: IPv4, IPv6 or both.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Every address of the machine, which is what a service listens on by default.
pub const fn every_address(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

/// Listens. On `[::]` callers by IPv4 are served as well, whatever the machine's default is, and
/// where IPv6 is off only they are.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        return TcpListener::bind(address).await;
    }
    match dual_stack(address) {
        Err(error) if is_without_ipv6(&error) => {
            tracing::info!(%error, "IPv6 is off on this machine; listening on IPv4 only");
            let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            TcpListener::bind(all).await
        }
        bound => bound,
    }
}

fn dual_stack(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(false)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// EAFNOSUPPORT without the kernel's part for IPv6, EADDRNOTAVAIL where it is switched off.
fn is_without_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn every_address_takes_callers_by_both_families() {
        let listener = bind(every_address(0)).await.unwrap();
        let bound = listener.local_addr().unwrap();
        let loopback = (Ipv4Addr::LOCALHOST, bound.port());
        assert!(TcpStream::connect(loopback).await.is_ok(), "by IPv4");
        if bound.is_ipv6() {
            let loopback = (Ipv6Addr::LOCALHOST, bound.port());
            assert!(TcpStream::connect(loopback).await.is_ok(), "by IPv6");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_no_lack_of_ipv6() {
        let first = bind(every_address(0)).await.unwrap();
        let second = bind(every_address(first.local_addr().unwrap().port())).await;
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_machine_without_ipv6_is_recognised() {
        for code in [97, 99] {
            assert!(
                is_without_ipv6(&io::Error::from_raw_os_error(code)),
                "{code}"
            );
        }
        assert!(!is_without_ipv6(&io::Error::from_raw_os_error(98)));
    }
}
