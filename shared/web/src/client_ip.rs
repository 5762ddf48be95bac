//! The IP address of the client behind the gateway.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

/// The header in which the gateway names the client.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client, for rate limits and the record of a sign-in.
///
/// `X-Forwarded-For` is trusted only from a peer with a private address or one of
/// [`TrustedProxies`], and only its last hop, which the gateway itself wrote: a client can invent
/// the hops before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIp(pub IpAddr);

/// Ranges of peers that are believed who their clients are, beside all private ones: pods may have
/// public addresses, as they have in most networks of IPv6.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    /// Reads addresses and ranges that are separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let listed = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        listed.map(range).collect::<Result<_, _>>().map(Self)
    }
}

fn range(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("{text} is no IP address or range"))
}

impl ClientIp {
    /// The network that a rate limit counts: the address, or its /64, which one IPv6 customer owns.
    pub fn network(&self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Without a socket the caller is a test in this process.
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
        let proxies = parts.extensions.get::<TrustedProxies>();
        let is_proxy = |peer| proxies.is_some_and(|proxies| proxies.contains(peer));
        Ok(Self(caller(peer, &parts.headers, is_proxy)))
    }
}

fn caller(peer: IpAddr, headers: &HeaderMap, is_proxy: impl Fn(IpAddr) -> bool) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_inside(peer) && !is_proxy(peer) {
        return peer;
    }
    let last = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next());
    last.and_then(|hop| hop.trim().parse::<IpAddr>().ok())
        .map_or(peer, |address| address.to_canonical())
}

/// Whether the address is private: not one from which an outsider connects.
const fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared(v4),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// 100.64.0.0/10 (RFC 6598), which some clusters use for pods.
const fn shared(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 100 && b & 0xc0 == 64
}

#[cfg(test)]
mod tests;
