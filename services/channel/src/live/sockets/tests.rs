//! Bounds one by one, and that places are given back.

use std::net::Ipv4Addr;

use super::*;

const CAPS: SocketCaps = SocketCaps {
    visitor: 1,
    address: 2,
    channel: 3,
    account: 4,
    process: 5,
};

/// A holder of which everything is new, but for what the test names.
fn anybody(number: u8) -> Holder {
    Holder {
        visitor: Some(VisitorId::new()),
        address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, number)),
        channel: ChannelId::new(),
        creator: CreatorId::new(),
    }
}

/// Enters until a bound is reached; gives how many there were, and which.
fn fill(sockets: &Sockets, same: impl Fn(Holder) -> Holder) -> (usize, Cap) {
    let mut places = Vec::new();
    loop {
        let number = u8::try_from(places.len()).unwrap();
        match sockets.enter(same(anybody(number))) {
            Ok(place) => places.push(place),
            Err(cap) => return (places.len(), cap),
        }
    }
}

#[test]
fn each_bound_is_reached_by_its_own_sockets() {
    let sockets = Sockets::new(CAPS);
    let one = anybody(200);
    for round in 0..2 {
        let (visitor, address) = (one.visitor, one.address);
        let (channel, creator) = (one.channel, one.creator);
        let reached = [
            fill(&sockets, |other| Holder { visitor, ..other }),
            fill(&sockets, |other| Holder { address, ..other }),
            fill(&sockets, |other| Holder { channel, ..other }),
            fill(&sockets, |other| Holder { creator, ..other }),
            fill(&sockets, |other| other),
        ];
        let expected = [
            (1, Cap::Visitor),
            (2, Cap::Address),
            (3, Cap::Channel),
            (4, Cap::Account),
            (5, Cap::Process),
        ];
        assert_eq!(reached, expected, "round {round}: places were given back");
    }
    assert!(
        sockets.lock().is_empty(),
        "nothing is kept of sockets that ended"
    );
}

#[test]
fn a_refused_socket_takes_no_place() {
    let sockets = Sockets::new(CAPS);
    let one = anybody(1);
    let place = sockets.enter(one).unwrap();
    for _ in 0..10 {
        assert_eq!(sockets.enter(one).err(), Some(Cap::Visitor));
    }
    drop(place);
    assert!(sockets.enter(one).is_ok());
}

#[test]
fn a_socket_without_visitor_counts_for_all_the_rest() {
    let sockets = Sockets::new(CAPS);
    let (address, visitor) = (anybody(1).address, None);
    let holder = |other| Holder {
        visitor,
        address,
        ..other
    };
    assert_eq!(fill(&sockets, holder), (2, Cap::Address));
}

#[test]
fn shares_follow_the_process_and_are_never_nothing() {
    let caps = SocketCaps::of(1500, 100);
    assert_eq!((caps.channel, caps.account, caps.address), (500, 750, 100));
    let least = SocketCaps::of(1, 1);
    assert_eq!((least.channel, least.account), (1, 1));
}
