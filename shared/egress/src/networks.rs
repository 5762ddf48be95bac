//! The networks that an operator allows beside the public internet.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::ranges::{
    ALL_V4, ALL_V6, GLOBAL_V6, LOOPBACK_V4, METADATA, NEVER, RESERVED_V4, RESERVED_V6, translated,
};

/// The most networks of a list.
pub const MAX_NETWORKS: usize = 32;

/// Networks that may be connected to although they are not public. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<IpNet>);

/// Why an address may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is on the public internet.
    Public,
    /// The operator of the platform lists its network.
    Listed,
}

/// A list of networks that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNetworks {
    /// One is no CIDR.
    #[error("{0:?} is no network such as 10.1.0.0/16 or fd12::/48")]
    Malformed(String),
    /// Bits behind the length are set; the second is what was probably meant.
    #[error("{0} has bits set behind its length; write {1}")]
    HostBits(IpNet, IpNet),
    /// One contains addresses that are never allowed.
    #[error("{0} contains link-local, metadata, multicast or unspecified addresses: {1}")]
    Never(IpNet, IpNet),
    /// There are too many.
    #[error("has more than {MAX_NETWORKS} networks")]
    TooMany,
}

/// A range of addresses with the ranges in it that are left out, as network policies have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The range.
    pub range: IpNet,
    /// What is left out, within the range.
    pub except: Vec<IpNet>,
    /// Why it is allowed.
    pub reach: Reach,
}

impl AllowedNetworks {
    /// Checks a list, one network each.
    pub fn parse<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, BadNetworks> {
        let mut networks = list
            .into_iter()
            .map(network)
            .collect::<Result<Vec<_>, _>>()?;
        networks.sort();
        networks.dedup();
        if networks.len() > MAX_NETWORKS {
            return Err(BadNetworks::TooMany);
        }
        Ok(Self(networks))
    }

    /// Why this address may be connected to; none when it may not.
    pub fn reach(&self, address: IpAddr) -> Option<Reach> {
        let is_never = |ranges: &[IpNet]| ranges.iter().any(|range| range.contains(&address));
        if is_never(&NEVER) || is_never(&METADATA) {
            return None;
        }
        let is_listed = self.0.iter().any(|network| network.contains(&address));
        if let IpAddr::V6(v6) = address
            && let Some(inner) = translated(v6)
        {
            // Another spelling of an IPv4 address: both must be allowed.
            let inner = self.reach(IpAddr::V4(inner));
            return (is_listed && inner.is_some()).then_some(Reach::Listed);
        }
        if is_listed {
            return Some(Reach::Listed);
        }
        is_public(address).then_some(Reach::Public)
    }

    /// All that may be connected to, as ranges: the public internet, then each listed network.
    /// Addresses that IPv4 addresses are written in are judged by [`Self::reach`] only.
    pub fn blocks(&self) -> Vec<Block> {
        let v4 = RESERVED_V4.map(IpNet::V4);
        let v6 = RESERVED_V6.map(IpNet::V6);
        let mut blocks = vec![
            block(IpNet::V4(ALL_V4), &v4, Reach::Public),
            block(IpNet::V6(GLOBAL_V6), &v6, Reach::Public),
        ];
        let listed = self.0.iter().map(|range| block(*range, &[], Reach::Listed));
        blocks.extend(listed);
        blocks
    }

    /// Whether nothing is listed.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whatever a host may have that the operator of the platform names: public and private addresses,
/// without loopback, link-local, metadata, multicast and unspecified ones.
pub fn anywhere() -> Vec<Block> {
    let (v4, v6): (Vec<IpNet>, Vec<IpNet>) = NEVER
        .into_iter()
        .chain([IpNet::V4(LOOPBACK_V4)])
        .partition(|range| matches!(range, IpNet::V4(_)));
    vec![
        block(IpNet::V4(ALL_V4), &v4, Reach::Listed),
        block(IpNet::V6(ALL_V6), &v6, Reach::Listed),
    ]
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !RESERVED_V4.iter().any(|range| range.contains(&v4)),
        IpAddr::V6(v6) => {
            GLOBAL_V6.contains(&v6) && !RESERVED_V6.iter().any(|range| range.contains(&v6))
        }
    }
}

/// A range without these, and without addresses of metadata.
fn block(range: IpNet, reserved: &[IpNet], reach: Reach) -> Block {
    let mut except = reserved.to_vec();
    let is_left_out = |one: &IpNet, except: &[IpNet]| except.iter().any(|all| all.contains(one));
    for metadata in METADATA {
        if range.contains(&metadata) && !is_left_out(&metadata, &except) {
            except.push(metadata);
        }
    }
    Block {
        range,
        except,
        reach,
    }
}

fn network(text: &str) -> Result<IpNet, BadNetworks> {
    let text = text.trim();
    let network: IpNet = text
        .parse()
        .map_err(|_| BadNetworks::Malformed(text.chars().take(60).collect()))?;
    if network.trunc() != network {
        return Err(BadNetworks::HostBits(network, network.trunc()));
    }
    let touches = |range: &&IpNet| range.contains(&network) || network.contains(*range);
    if let Some(range) = NEVER.iter().find(touches) {
        return Err(BadNetworks::Never(network, *range));
    }
    // A private range may contain an address of metadata, which is left out of it.
    if let Some(range) = METADATA.iter().find(|range| range.contains(&network)) {
        return Err(BadNetworks::Never(network, *range));
    }
    Ok(network)
}

/// Networks separated by commas, as in the environment of a service.
impl FromStr for AllowedNetworks {
    type Err = BadNetworks;

    fn from_str(text: &str) -> Result<Self, BadNetworks> {
        Self::parse(text.split(',').filter(|part| !part.trim().is_empty()))
    }
}

impl fmt::Display for AllowedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(IpNet::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

#[cfg(test)]
mod tests;
