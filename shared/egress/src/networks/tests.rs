//! Which addresses may be connected to, by every class that there is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;

use super::{AllowedNetworks, BadNetworks, Reach, anywhere};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn allowed(list: &str) -> AllowedNetworks {
    list.parse().unwrap()
}

/// One or more addresses of each class that is not public, its edges above all.
const REFUSED: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "100.100.100.200",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
];

#[test]
fn only_the_public_internet_is_reached_when_nothing_is_listed() {
    let none = AllowedNetworks::default();
    for refused in REFUSED {
        assert_eq!(none.reach(address(refused)), None, "{refused}");
    }
    for public in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00::1",
    ] {
        assert_eq!(none.reach(address(public)), Some(Reach::Public), "{public}");
    }
}

#[test]
fn a_listed_network_is_reached_and_its_neighbours_are_not() {
    let networks = allowed("127.0.0.0/8, 10.1.0.0/16,fd12:3456::/32");
    for listed in ["127.0.0.1", "10.1.0.0", "10.1.255.255", "fd12:3456::1"] {
        assert_eq!(
            networks.reach(address(listed)),
            Some(Reach::Listed),
            "{listed}"
        );
    }
    for beside in [
        "10.0.255.255",
        "10.2.0.0",
        "fd12:3457::1",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.0.1",
        "64:ff9b::7f00:1",
        "2002:a01:1::",
    ] {
        assert_eq!(networks.reach(address(beside)), None, "{beside}");
    }
}

#[test]
fn metadata_is_left_out_of_a_network_that_contains_it() {
    let networks = allowed("100.64.0.0/10,fd00::/8,192.0.0.0/24");
    for metadata in [
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "192.0.0.192",
    ] {
        assert_eq!(networks.reach(address(metadata)), None, "{metadata}");
    }
    for beside in ["100.100.100.201", "fd00:ec3::254", "192.0.0.191"] {
        assert_eq!(
            networks.reach(address(beside)),
            Some(Reach::Listed),
            "{beside}"
        );
    }
}

#[test]
fn a_translated_address_needs_both_its_own_network_and_the_inner_address() {
    let networks = allowed("64:ff9b::/96,2002::/16,10.1.0.0/16");
    for listed in ["64:ff9b::808:808", "64:ff9b::a01:1", "2002:a01:1::1"] {
        assert_eq!(
            networks.reach(address(listed)),
            Some(Reach::Listed),
            "{listed}"
        );
    }
    for refused in [
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:a9fe:a9fe::",
    ] {
        assert_eq!(networks.reach(address(refused)), None, "{refused}");
    }
}

#[test]
fn no_list_can_contain_what_is_never_allowed() {
    for never in [
        "0.0.0.0/0",
        "0.0.0.0/8",
        "169.254.0.0/16",
        "169.254.169.254/32",
        "169.0.0.0/8",
        "224.0.0.0/4",
        "239.1.2.0/24",
        "240.0.0.0/4",
        "255.255.255.255/32",
        "::/0",
        "::1/128",
        "::ffff:0:0/96",
        "::ffff:10.0.0.0/104",
        "64:ff9b:1::/48",
        "2001::/32",
        "fe80::/10",
        "fe80::1/128",
        "ff00::/8",
        "fd00:ec2::254/128",
        "168.63.129.16/32",
        "100.100.100.200/32",
    ] {
        let refused = never.parse::<AllowedNetworks>();
        assert!(
            matches!(refused, Err(BadNetworks::Never(..))),
            "{never}: {refused:?}"
        );
    }
}

#[test]
fn what_is_no_network_is_refused_with_what_was_meant() {
    for malformed in [
        "10.0.0.0",
        "10.0.0/8",
        "10.0.0.0/33",
        "example.org",
        "10.0.0.0/8 ;",
        "a,b",
    ] {
        let refused = malformed.parse::<AllowedNetworks>();
        assert!(
            matches!(refused, Err(BadNetworks::Malformed(_))),
            "{malformed}"
        );
    }
    let refused = "10.1.2.3/8".parse::<AllowedNetworks>().unwrap_err();
    assert!(
        refused.to_string().ends_with("write 10.0.0.0/8"),
        "{refused}"
    );
    let many: Vec<_> = (0..33)
        .map(|number| format!("10.{number}.0.0/16"))
        .collect();
    let refused = AllowedNetworks::parse(many.iter().map(String::as_str));
    assert_eq!(refused, Err(BadNetworks::TooMany));
}

#[test]
fn a_list_is_written_as_it_is_read() {
    let networks = allowed(" 10.1.0.0/16 , 10.0.0.0/24,10.1.0.0/16,");
    assert_eq!(networks.to_string(), "10.0.0.0/24,10.1.0.0/16");
    assert_eq!(allowed(&networks.to_string()), networks);
    assert!(allowed("").is_empty());
}

#[test]
fn exceptions_lie_within_their_range_and_not_within_each_other() {
    for block in allowed("10.0.0.0/8,100.64.0.0/10,fd00::/8").blocks() {
        for one in &block.except {
            assert!(
                block.range.contains(one) && block.range != *one,
                "{one} of {block:?}"
            );
            let others = block.except.iter().filter(|other| *other != one);
            let mut around = others.filter(|other| other.contains(one));
            assert_eq!(around.next(), None, "{one}");
        }
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    let near = prop::sample::select(REFUSED).prop_flat_map(|text| {
        let base = address(text);
        (0..3u8).prop_map(move |step| match base {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits().wrapping_add(u32::from(step)).wrapping_sub(1);
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits().wrapping_add(u128::from(step)).wrapping_sub(1);
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            }
        })
    });
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        near,
    ]
}

fn lets_through(networks: &AllowedNetworks, address: IpAddr) -> bool {
    let blocks = networks.blocks();
    let mut blocks = blocks.iter();
    blocks.any(|block| {
        let is_excepted = |range: &IpNet| range.contains(&address);
        block.range.contains(&address) && !block.except.iter().any(is_excepted)
    })
}

proptest! {
    /// The guard and the policies are two views of one rule.
    #[test]
    fn policies_let_through_what_the_guard_allows(address in any_address()) {
        for list in ["", "10.0.0.0/8,127.0.0.0/8,100.64.0.0/10,fd00::/8"] {
            let networks = allowed(list);
            let guard = networks.reach(address).is_some();
            prop_assert_eq!(guard, lets_through(&networks, address), "{} with {:?}", address, list);
        }
    }
}

#[test]
fn a_host_of_the_operator_may_be_anywhere_but_on_the_machine_or_its_link() {
    let blocks = anywhere();
    let reached = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        blocks.iter().any(|block| {
            let except = block.except.iter().any(|range| range.contains(&address));
            block.range.contains(&address) && !except
        })
    };
    for address in [
        "93.184.216.34",
        "10.1.2.3",
        "100.64.0.7",
        "fd12::1",
        "2606:4700::1111",
    ] {
        assert!(reached(address), "{address}");
    }
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
    ] {
        assert!(!reached(address), "{address}");
    }
}
