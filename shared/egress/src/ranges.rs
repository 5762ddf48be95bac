//! The ranges of addresses that are not the public internet, after IANA's registries of
//! special-purpose addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

/// All of IPv4.
pub(crate) const ALL_V4: Ipv4Net = v4(0, 0, 0, 0, 0);

/// All of IPv6.
pub(crate) const ALL_V6: Ipv6Net = v6(0, 0, 0, 0);

/// The machine itself, in IPv4.
pub(crate) const LOOPBACK_V4: Ipv4Net = v4(127, 0, 0, 0, 8);

/// What is not public in IPv4.
pub(crate) const RESERVED_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),       // this network
    v4(10, 0, 0, 0, 8),      // private
    v4(100, 64, 0, 0, 10),   // shared by a provider's customers (CGNAT)
    v4(127, 0, 0, 0, 8),     // loopback
    v4(169, 254, 0, 0, 16),  // link-local, metadata of clouds
    v4(172, 16, 0, 0, 12),   // private
    v4(192, 0, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 0, 24),    // documentation
    v4(192, 88, 99, 0, 24),  // relays of 6to4
    v4(192, 168, 0, 0, 16),  // private
    v4(198, 18, 0, 0, 15),   // benchmarks
    v4(198, 51, 100, 0, 24), // documentation
    v4(203, 0, 113, 0, 24),  // documentation
    v4(224, 0, 0, 0, 4),     // multicast
    v4(240, 0, 0, 0, 4),     // reserved, broadcast
];

/// All that IPv6 has assigned as global unicast; what lies outside of it is not public.
pub(crate) const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// What is not public within [`GLOBAL_V6`].
pub(crate) const RESERVED_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 0, 23),     // protocol assignments: Teredo, benchmarks, ORCHID
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16),     // 6to4, which contains an IPv4 address
    v6(0x3fff, 0, 0, 20),     // documentation
];

/// Where clouds answer questions of their machines, outside of the link-local ranges. Some lie in
/// the public internet, some in ranges that an operator may want to allow.
pub(crate) const METADATA: [IpNet; 5] = [
    IpNet::V4(v4(168, 63, 129, 16, 32)),   // Azure
    IpNet::V4(v4(100, 100, 100, 200, 32)), // Alibaba Cloud
    IpNet::V4(v4(192, 0, 0, 192, 32)),     // Oracle Cloud
    IpNet::V6(v6(0xfd00, 0xec2, 0, 32)),   // AWS
    IpNet::V6(v6(0xfd20, 0xce, 0, 32)),    // Google Cloud
];

/// What no list can allow, beside [`METADATA`]. A range that touches one of these is refused.
pub(crate) const NEVER: [IpNet; 9] = [
    IpNet::V4(v4(0, 0, 0, 0, 8)),      // connects to the machine itself
    IpNet::V4(v4(169, 254, 0, 0, 16)), // link-local
    IpNet::V4(v4(224, 0, 0, 0, 4)),    // multicast
    IpNet::V4(v4(255, 255, 255, 255, 32)),
    IpNet::V6(v6(0, 0, 0, 80)), // unspecified, loopback, IPv4-compatible, IPv4-mapped
    IpNet::V6(v6(0x64, 0xff9b, 1, 48)), // NAT64 of a network: where the IPv4 address stands varies
    IpNet::V6(v6(0x2001, 0, 0, 32)), // Teredo: the IPv4 address is hidden in it
    IpNet::V6(v6(0xfe80, 0, 0, 10)), // link-local
    IpNet::V6(v6(0xff00, 0, 0, 8)), // multicast
];

/// Ranges of IPv6 that an IPv4 address is written in, by which the same host is reached.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 16);

/// The IPv4 address that an address of NAT64 or 6to4 leads to.
pub(crate) fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    if NAT64.contains(&address) {
        Some(Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]))
    } else if SIX_TO_FOUR.contains(&address) {
        Some(Ipv4Addr::new(bytes[2], bytes[3], bytes[4], bytes[5]))
    } else {
        None
    }
}
