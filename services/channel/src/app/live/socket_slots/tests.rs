//! Each bound by itself, and that slots are freed.

use std::net::Ipv4Addr;

use super::*;

const CAPS: SocketCaps = SocketCaps {
    visitor: 1,
    address: 2,
    channel: 3,
    account: 4,
    process: 5,
};

/// A source that shares nothing with any other.
fn new_source(number: u8) -> SocketSource {
    SocketSource {
        visitor: Some(VisitorId::new()),
        address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, number)),
        channel: ChannelId::new(),
        creator: CreatorId::new(),
    }
}

/// Acquires slots until a bound is reached; returns their number and the bound.
fn fill(slots: &SocketSlots, share: impl Fn(SocketSource) -> SocketSource) -> (usize, Cap) {
    let mut acquired = Vec::new();
    loop {
        let number = u8::try_from(acquired.len()).unwrap();
        match slots.acquire(share(new_source(number))) {
            Ok(slot) => acquired.push(slot),
            Err(cap) => return (acquired.len(), cap),
        }
    }
}

#[test]
fn each_bound_counts_its_own_sockets() {
    let slots = SocketSlots::new(CAPS);
    let shared = new_source(200);
    for round in 0..2 {
        let SocketSource {
            visitor,
            address,
            channel,
            creator,
        } = shared;
        let reached = [
            fill(&slots, |other| SocketSource { visitor, ..other }),
            fill(&slots, |other| SocketSource { address, ..other }),
            fill(&slots, |other| SocketSource { channel, ..other }),
            fill(&slots, |other| SocketSource { creator, ..other }),
            fill(&slots, |other| other),
        ];
        let expected = [
            (1, Cap::Visitor),
            (2, Cap::Address),
            (3, Cap::Channel),
            (4, Cap::Account),
            (5, Cap::Process),
        ];
        assert_eq!(reached, expected, "round {round}: all slots were freed");
    }
    assert!(
        slots.lock().is_empty(),
        "no counts remain of sockets that ended"
    );
}

#[test]
fn a_refused_socket_takes_no_slot() {
    let slots = SocketSlots::new(CAPS);
    let source = new_source(1);
    let slot = slots.acquire(source).unwrap();
    for _ in 0..10 {
        assert_eq!(slots.acquire(source).err(), Some(Cap::Visitor));
    }
    drop(slot);
    assert!(slots.acquire(source).is_ok());
}

#[test]
fn a_socket_without_a_visitor_counts_for_all_other_bounds() {
    let slots = SocketSlots::new(CAPS);
    let address = new_source(1).address;
    let without_visitor = |other| SocketSource {
        visitor: None,
        address,
        ..other
    };
    assert_eq!(fill(&slots, without_visitor), (2, Cap::Address));
}

#[test]
fn shares_follow_the_process_bound_and_are_at_least_one() {
    let caps = SocketCaps::of(1500, 100);
    assert_eq!((caps.channel, caps.account, caps.address), (500, 750, 100));
    let smallest = SocketCaps::of(1, 1);
    assert_eq!((smallest.channel, smallest.account), (1, 1));
}
