//! What a stack does, seen from its wires and its commands.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shared;

use core::time::Duration;
use mainstay_base::{Instant, Verdict};
use mainstay_net::*;
use mainstay_wire::ethernet::{EtherType, Header, Mac};
use mainstay_wire::ip::Protocol;
use mainstay_wire::offload::{Offload, Partial};
use mainstay_wire::{arp, icmpv4, icmpv6, igmp, ipv4, ipv6, mld};
use shared::*;

const SECOND: Duration = Duration::from_secs(1);

fn bind(node: &mut Node, port: u16) -> UdpId {
    node.stack.bind_udp(UdpOptions { port, ..UdpOptions::default() }).unwrap()
}

/// The payload of the first frame of this type, if there is one.
fn payload_of(frames: &[Vec<u8>], ethertype: EtherType) -> Option<&[u8]> {
    let parsed = frames.iter().filter_map(|f| Header::parse(f));
    parsed.filter(|(h, _)| h.ethertype == ethertype).map(|(_, payload)| payload).next()
}

#[test]
fn neighbours_find_each_other_and_answer_echoes() {
    let mut world = World::pair(quick());
    for address in ["192.0.2.2", "fe80::2", "2001:db8::2"] {
        world.nodes[0].stack.send_echo(world.now, ip(address), (7, 1), b"are you there").unwrap();
    }
    world.run_for(SECOND);
    let replied = world.nodes[0].events.iter().filter(|e| matches!(e, Event::EchoReplied(_)));
    assert_eq!(replied.count(), 3);
    let known = world.nodes[0].stack.neighbours().filter(|(_, n)| n.link_address == Some(mac(2)));
    assert_eq!(known.count(), 3);
}

#[test]
fn a_datagram_larger_than_the_link_goes_in_fragments_and_comes_whole() {
    let mut world = World::pair(quick());
    for (address, len) in [("192.0.2.2", 40_000), ("2001:db8::2", 40_000), ("192.0.2.2", 1)] {
        let receiver = bind(&mut world.nodes[1], 5000);
        let sender = bind(&mut world.nodes[0], 0);
        let payload: Vec<u8> = (0..len).map(|i: u32| i.to_le_bytes()[1]).collect();
        let now = world.now;
        world.nodes[0].stack.send_udp(now, sender, Some(at(address, 5000)), &payload).unwrap();
        world.run_for(SECOND);
        let received = world.nodes[1].stack.recv_udp(receiver).unwrap();
        assert_eq!(received.payload, payload);
        assert_eq!(received.destination, ip(address));
        world.nodes[1].stack.close_udp(receiver).unwrap();
    }
    assert_eq!(world.nodes[0].stack.counters().fragmented, 2);
    assert_eq!(world.nodes[1].stack.counters().reassembled, 2);
    assert_eq!(world.nodes[1].stack.fragment_bytes(), 0);
}

#[test]
fn a_port_without_a_listener_is_refused_and_the_sender_hears_of_it() {
    let mut world = World::pair(quick());
    for address in ["192.0.2.2", "2001:db8::2"] {
        let id = bind(&mut world.nodes[0], 0);
        world.nodes[0].stack.send_udp(world.now, id, Some(at(address, 9)), b"x").unwrap();
        world.run_for(SECOND);
        assert!(world.nodes[0].events.contains(&Event::UdpFailed(id)));
        let error = world.nodes[0].stack.udp_error(id).unwrap();
        assert_eq!((error.destination, error.kind), (at(address, 9), ErrorKind::PortUnreachable));
    }
}

#[test]
fn a_neighbour_that_is_not_there_is_reported_to_who_wrote_to_it() {
    let mut world = World::pair(quick());
    let id = bind(&mut world.nodes[0], 0);
    let nobody = at("192.0.2.77", 9);
    world.nodes[0].stack.send_udp(world.now, id, Some(nobody), b"x").unwrap();
    world.run(Instant::from_millis(3500));
    let error = world.nodes[0].stack.udp_error(id).unwrap();
    assert_eq!(error.kind, ErrorKind::HostUnreachable);
    let again = world.nodes[0].stack.send_udp(world.now, id, Some(nobody), b"x");
    assert_eq!(again, Err(Misuse::Unreachable));
    world.run_for(SECOND);
    assert_eq!(world.nodes[0].stack.send_udp(world.now, id, Some(nobody), b"x"), Ok(()));
}

#[test]
fn an_address_is_used_only_after_nobody_answered_for_it() {
    let node = Node::with_addresses(Config::default(), 1, ethernet(1));
    let mut world = World::new(vec![node], 1, Faults::default());
    let id = bind(&mut world.nodes[0], 0);
    let early = world.nodes[0].stack.send_udp(world.now, id, Some(at("192.0.2.2", 9)), b"x");
    assert_eq!(early, Err(Misuse::NoSource));
    world.run(Instant::from_millis(20_000));
    let settled =
        world.nodes[0].events.iter().filter(|e| matches!(e, Event::AddressSettled { .. }));
    assert_eq!(settled.count(), 3);
    let probes = world.trace.iter().filter_map(|f| {
        let (header, payload) = Header::parse(f)?;
        (header.ethertype == EtherType::ARP).then(|| arp::Packet::parse(payload))?
    });
    let (asked, told): (Vec<_>, Vec<_>) = probes.partition(|p| p.sender.is_unspecified());
    assert_eq!((asked.len(), told.len()), (3, 2));
}

#[test]
fn two_that_want_the_same_address_do_not_both_get_it() {
    for text in ["192.0.2.9", "2001:db8::9"] {
        let mut nodes: Vec<Node> =
            (1..=2).map(|last| Node::new(Config::default(), last, ethernet(last))).collect();
        for node in &mut nodes {
            node.stack.add_address(Instant::ZERO, node.id, prefix(text, 24)).unwrap();
        }
        let mut world = World::new(nodes, 1, Faults::default());
        world.run(Instant::from_millis(30_000));
        let owners = world
            .nodes
            .iter()
            .filter(|n| n.stack.interfaces().any(|i| i.addresses[0].1 == AddressState::Preferred));
        assert!(owners.count() <= 1);
        let told = world.nodes.iter().flat_map(|n| &n.events);
        assert!(told.filter(|e| matches!(e, Event::AddressConflict { .. })).count() >= 1);
    }
}

#[test]
fn a_newcomer_does_not_get_an_address_in_use() {
    for text in ["192.0.2.9", "2001:db8::9"] {
        let mut holder = Node::new(quick(), 1, ethernet(1));
        holder.stack.add_address(Instant::ZERO, holder.id, prefix(text, 24)).unwrap();
        let mut newcomer = Node::new(Config::default(), 2, ethernet(2));
        newcomer.stack.add_address(Instant::ZERO, newcomer.id, prefix(text, 24)).unwrap();
        let mut world = World::new(vec![holder, newcomer], 1, Faults::default());
        world.run(Instant::from_millis(30_000));
        let state = |n: usize| world.nodes[n].stack.interfaces().next().unwrap().addresses[0].1;
        assert_eq!((state(0), state(1)), (AddressState::Preferred, AddressState::Duplicate));
        let interface = world.nodes[1].id;
        let conflict = Event::AddressConflict { interface, address: ip(text), claimant: mac(1) };
        assert!(world.nodes[1].events.contains(&conflict));
    }
}

#[test]
fn a_router_carries_what_is_not_near_and_a_group_needs_none() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let router = ip("192.0.2.254");
    node.stack.add_route(Prefix::any_v4(), Some(router), node.id, 0).unwrap();
    let id = bind(&mut node, 0);
    let _reports = frames(&mut node.stack, Instant::ZERO);
    node.stack.send_udp(Instant::ZERO, id, Some(at("8.8.8.8", 53)), b"x").unwrap();
    let said = frames(&mut node.stack, Instant::ZERO);
    let asked = arp::Packet::parse(payload_of(&said, EtherType::ARP).unwrap()).unwrap();
    assert_eq!(asked.target, "192.0.2.254".parse::<core::net::Ipv4Addr>().unwrap());
    for (group, to) in [("239.1.2.3", [1, 0, 0x5e, 1, 2, 3]), ("ff02::5", [0x33, 0x33, 0, 0, 0, 5])]
    {
        node.stack.send_udp(Instant::ZERO, id, Some(at(group, 53)), b"x").unwrap();
        let said = frames(&mut node.stack, Instant::ZERO);
        assert_eq!(Header::parse(&said[0]).unwrap().0.destination, Mac(to));
    }
    node.stack.send_udp(Instant::ZERO, id, Some(at("192.0.2.255", 53)), b"x").unwrap();
    let said = frames(&mut node.stack, Instant::ZERO);
    assert!(Header::parse(&said[0]).unwrap().0.destination.is_broadcast());
}

#[test]
fn groups_are_reported_and_queries_answered() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let _solicited_node_groups = frames(&mut node.stack, Instant::ZERO);
    node.stack.join(Instant::ZERO, node.id, ip("239.1.2.3")).unwrap();
    let said = frames(&mut node.stack, Instant::ZERO);
    let (header, message) =
        ipv4::Header::parse(payload_of(&said, EtherType::IPV4).unwrap()).unwrap();
    assert_eq!((header.ttl, header.router_alert), (1, true));
    let Some(igmp::Message::Report(records)) = igmp::Message::parse(message) else {
        panic!("a report of version 3");
    };
    assert_eq!(records.iter().next().unwrap().kind, mld::Kind::ToExclude);
    let mut now = Instant::ZERO;
    while let Some(next) = node.stack.poll_timeout() {
        now = next;
        node.stack.handle_timeout(now);
    }
    let _repeated = frames(&mut node.stack, now);
    assert_eq!(node.give(now, &query_v2()), Verdict::Accepted);
    let due = node.stack.poll_timeout().unwrap();
    assert!(due > now && due <= now + SECOND);
    node.stack.handle_timeout(due);
    let said = frames(&mut node.stack, due);
    let (header, message) =
        ipv4::Header::parse(payload_of(&said, EtherType::IPV4).unwrap()).unwrap();
    assert_eq!(header.destination, core::net::Ipv4Addr::new(239, 1, 2, 3));
    assert_eq!(igmp::Message::parse(message), Some(igmp::Message::ReportV2(header.destination)));
}

/// A general query of a router that speaks version 2, to be answered within a second.
fn query_v2() -> Vec<u8> {
    let group = core::net::Ipv4Addr::UNSPECIFIED;
    let query = igmp::Query { max_response_code: 10, group, details: None };
    let mut message = [0; 8];
    igmp::Message::Query(query).emit(&mut message).unwrap();
    v4_frame(9, "192.0.2.9", "224.0.0.1", (Protocol::IGMP, 1), &message)
}

#[test]
fn a_believed_too_big_narrows_the_path_and_a_forged_one_does_not() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let id = bind(&mut node, 4000);
    node.stack.connect_udp(id, Some(at("192.0.2.2", 9))).unwrap();
    node.stack.send_udp(Instant::ZERO, id, None, &[0; 1400]).unwrap();
    let sent = frames(&mut node.stack, Instant::ZERO);
    let sent = sent.iter().find(|p| p[0] >> 4 == 4).unwrap();
    let too_big = |quote: &[u8]| {
        let code = icmpv4::TOO_BIG;
        let said = icmpv4::Message::Unreachable { code, mtu: 1000, quote };
        let mut message = vec![0; 8 + quote.len()];
        said.emit(&mut message).unwrap();
        v4_frame(9, "198.51.100.1", "192.0.2.1", (Protocol::ICMPV4, 64), &message)[14..].to_vec()
    };
    let mut forged = sent[..28].to_vec();
    forged[23] = 10; // another port of the peer
    assert_eq!(node.give(Instant::ZERO, &too_big(&forged)), Verdict::Dropped(Ignored::IcmpForeign));
    let mtu =
        |node: &Node| node.stack.path(Instant::ZERO, ip("192.0.2.2"), None, None).unwrap().mtu;
    assert_eq!(mtu(&node), 1500);
    assert_eq!(node.give(Instant::ZERO, &too_big(&sent[..28])), Verdict::Accepted);
    assert_eq!(mtu(&node), 1000);
    node.stack.send_udp(Instant::ZERO, id, None, &[0; 1400]).unwrap();
    let said = frames(&mut node.stack, Instant::ZERO);
    assert!(said.len() == 2 && said.iter().all(|p| p.len() <= 1000));
}

#[test]
fn an_interface_that_is_down_is_silent_and_starts_again_when_it_is_up() {
    let mut world = World::pair(quick());
    world.run_for(2 * SECOND);
    let id = world.nodes[0].id;
    world.nodes[0].stack.set_up(world.now, id, false).unwrap();
    let refused = world.nodes[0].stack.send_echo(world.now, ip("192.0.2.2"), (1, 1), b"");
    assert_eq!(refused, Err(Misuse::NoRoute));
    let frame = [0; 60];
    let verdict = world.nodes[0].give(world.now, &frame);
    assert_eq!(verdict, Verdict::Dropped(Ignored::InterfaceDown));
    assert_eq!(world.nodes[0].stack.poll_timeout(), None);
    world.nodes[0].stack.set_up(world.now, id, true).unwrap();
    world.nodes[0].stack.send_echo(world.now, ip("192.0.2.2"), (1, 1), b"").unwrap();
    world.run_for(SECOND);
    assert!(world.nodes[0].events.iter().any(|e| matches!(e, Event::EchoReplied(_))));
}

#[test]
fn what_goes_to_an_address_of_ours_never_leaves() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let _reports = frames(&mut node.stack, Instant::ZERO);
    let (one, two) = (bind(&mut node, 5000), bind(&mut node, 5001));
    node.stack.send_udp(Instant::ZERO, one, Some(at("192.0.2.1", 5001)), b"to myself").unwrap();
    assert_eq!(node.stack.recv_udp(two).unwrap().payload, b"to myself");
    node.stack.send_udp(Instant::ZERO, one, Some(at("2001:db8::1", 9)), b"nobody").unwrap();
    assert_eq!(node.stack.udp_error(one).unwrap().kind, ErrorKind::PortUnreachable);
    assert!(frames(&mut node.stack, Instant::ZERO).is_empty());
}

#[test]
fn an_unknown_protocol_is_answered_in_the_words_of_its_version() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let packet = v4_frame(2, "192.0.2.2", "192.0.2.1", (Protocol(253), 64), b"what is this");
    assert_eq!(node.give(Instant::ZERO, &packet[14..]), Verdict::Accepted);
    let said = frames(&mut node.stack, Instant::ZERO);
    let (_, message) = said.iter().find_map(|p| ipv4::Header::parse(p)).unwrap();
    let Some(icmpv4::Message::Unreachable { code, quote, .. }) = icmpv4::Message::parse(message)
    else {
        panic!("an answer");
    };
    assert_eq!((code, quote), (icmpv4::PROTOCOL_UNREACHABLE, &packet[14..]));
    let packet = v6_packet("2001:db8::2", "2001:db8::1", (Protocol(253), 64), b"what is this");
    assert_eq!(node.give(Instant::ZERO, &packet), Verdict::Accepted);
    let said = frames(&mut node.stack, Instant::ZERO);
    let (header, message) = said.iter().find_map(|p| ipv6::Header::parse(p)).unwrap();
    let said = icmpv6::Message::parse(header.source, header.destination, message).unwrap();
    assert_eq!(said, icmpv6::Message::ParameterProblem { code: 1, pointer: 6, quote: &packet });
}

fn v6_packet(source: &str, to: &str, (next, hop_limit): (Protocol, u8), payload: &[u8]) -> Vec<u8> {
    let header = ipv6::Header {
        hop_limit,
        ..ipv6::Header::new(
            source.parse().unwrap(),
            to.parse().unwrap(),
            next,
            payload.len().try_into().unwrap(),
        )
    };
    let mut packet = vec![0; 40];
    header.emit(&mut packet).unwrap();
    packet.extend_from_slice(payload);
    packet
}

#[test]
fn a_neighbour_that_upper_layers_hear_from_is_not_asked() {
    let mut world = World::pair(quick());
    world.nodes[0].stack.send_echo(world.now, ip("192.0.2.2"), (1, 1), b"").unwrap();
    world.run_for(SECOND);
    let asked = |world: &World| {
        let arps = world.trace.iter().filter(|f| f[12..14] == [8, 6]);
        arps.count()
    };
    let before = asked(&world);
    let id = bind(&mut world.nodes[0], 0);
    for _ in 0..100 {
        let now = world.now;
        let stack = &mut world.nodes[0].stack;
        stack.confirm_reachable(now, ip("192.0.2.2"));
        stack.send_udp(now, id, Some(at("192.0.2.2", 9)), b"x").unwrap();
        // Only the sender's clock runs: the other would ask for it in its turn.
        stack.handle_timeout(now);
        let _sent = frames(stack, now);
        world.now = now + SECOND;
    }
    assert_eq!(asked(&world), before);
}

#[test]
fn the_group_of_an_address_is_reported_in_the_words_of_version_2() {
    let mut node = Node::new(quick(), 1, ethernet(1));
    node.stack.add_address(Instant::ZERO, node.id, prefix("fe80::1", 64)).unwrap();
    let said = frames(&mut node.stack, Instant::ZERO);
    let (header, rest) = ipv6::Header::parse(payload_of(&said, EtherType::IPV6).unwrap()).unwrap();
    let chain = ipv6::walk(header.next, rest, ipv6::HEADER_LEN).unwrap();
    assert_eq!((header.hop_limit, chain.router_alert), (1, true));
    assert_eq!(header.destination, mld::REPORTS_TO);
    let message =
        icmpv6::Message::parse(header.source, header.destination, &rest[chain.offset..]).unwrap();
    let icmpv6::Message::Mld(mld::Message::Report(records)) = message else { panic!("a report") };
    let record = records.iter().next().unwrap();
    let group = ipv6::solicited_node("fe80::1".parse().unwrap());
    assert_eq!((record.kind, record.group), (mld::Kind::ToExclude, group));
}

#[test]
fn a_socket_of_one_interface_hears_and_uses_no_other() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let other = node.stack.add_interface(tun()).unwrap();
    node.stack.add_address(Instant::ZERO, other, prefix("198.51.100.1", 24)).unwrap();
    let options = UdpOptions { interface: Some(other), port: 7, ..UdpOptions::default() };
    let id = node.stack.bind_udp(options).unwrap();
    let sent = node.stack.send_udp(Instant::ZERO, id, Some(at("192.0.2.2", 9)), b"x");
    assert_eq!(sent, Err(Misuse::NoRoute));
    node.stack.send_udp(Instant::ZERO, id, Some(at("198.51.100.2", 9)), b"x").unwrap();
    let mut datagram = [0, 9, 0, 7, 0, 8, 0, 0];
    mainstay_wire::udp::fill(ip("192.0.2.2"), ip("192.0.2.1"), &mut datagram).unwrap();
    let packet = v4_frame(2, "192.0.2.2", "192.0.2.1", (Protocol::UDP, 64), &datagram);
    let _refused = node.give(Instant::ZERO, &packet[14..]);
    assert_eq!(node.stack.recv_udp(id), None);
}

#[test]
fn a_checksum_the_device_vouches_for_is_not_computed_again() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let id = bind(&mut node, 7);
    let datagram = [0, 9, 0, 7, 0, 8, 0x12, 0x34];
    let packet = v4_frame(2, "192.0.2.2", "192.0.2.1", (Protocol::UDP, 64), &datagram);
    let wrong = node.give(Instant::ZERO, &packet[14..]);
    assert_eq!(wrong, Verdict::Dropped(Ignored::TransportChecksum));
    for offload in [
        Offload { verified: true, ..Offload::default() },
        Offload { partial: Some(Partial { start: 20, offset: 6 }), ..Offload::default() },
    ] {
        let verdict = node.stack.handle_input(Instant::ZERO, node.id, &packet[14..], offload);
        assert_eq!(verdict, Verdict::Accepted);
        assert!(node.stack.recv_udp(id).is_some());
    }
}

#[test]
fn commands_that_cannot_be_are_refused_and_change_nothing() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let now = Instant::ZERO;
    let before = format!("{:?}", node.stack);
    for (bad, len) in [("239.0.0.1", 24), ("192.0.2.0", 24), ("192.0.2.255", 24), ("127.0.0.1", 8)]
    {
        let refused = node.stack.add_address(now, node.id, prefix(bad, len));
        assert_eq!(refused, Err(Misuse::Address), "{bad}");
    }
    let refused = node.stack.add_address(now, node.id, prefix("192.0.2.1", 24));
    assert_eq!(refused, Err(Misuse::InUse));
    let refused = node.stack.add_route(Prefix::any_v4(), Some(ip("fe80::9")), node.id, 0);
    assert_eq!(refused, Err(Misuse::Address));
    let narrow = InterfaceOptions { mtu: 67, ..ethernet(2) };
    assert_eq!(node.stack.add_interface(narrow), Err(Misuse::Mtu));
    assert_eq!(node.stack.leave(now, node.id, ip("239.1.1.1")), Err(Misuse::Unknown));
    let address = Some(ip("192.0.2.9"));
    let refused = node.stack.bind_udp(UdpOptions { address, ..UdpOptions::default() });
    assert_eq!(refused, Err(Misuse::Address));
    assert_eq!(before, format!("{:?}", node.stack));
}

#[test]
fn an_address_taken_away_takes_its_way_along_and_leaves_the_others() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    node.stack.add_address(Instant::ZERO, node.id, prefix("192.0.2.5", 24)).unwrap();
    let path = |node: &Node| {
        let path = node.stack.path(Instant::ZERO, ip("192.0.2.9"), None, None);
        path.map(|p| p.source)
    };
    node.stack.remove_address(Instant::ZERO, node.id, ip("192.0.2.1")).unwrap();
    assert_eq!(path(&node), Some(ip("192.0.2.5")));
    node.stack.remove_address(Instant::ZERO, node.id, ip("192.0.2.5")).unwrap();
    assert_eq!(path(&node), None);
    assert!(node.stack.routes().all(|r| r.prefix.address().is_ipv6()));
}
