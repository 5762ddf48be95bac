#![doc = include_str!("../README.md")]

mod networks;
mod ranges;

pub use ipnet::IpNet;
pub use networks::{AllowedNetworks, BadNetworks, Block, MAX_NETWORKS, Reach, anywhere};
