//! What nobody friendly sends, and what it may cost.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shared;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_net::*;
use mainstay_wire::ethernet::{EtherType, Header, Mac};
use mainstay_wire::ip::{Dscp, Ecn, Protocol};
use mainstay_wire::ndp::{self, NeighborAdvertisement};
use mainstay_wire::{arp, icmpv4, icmpv6, ipv4, ipv6, udp};
use shared::*;

fn framed(from: Mac, to: Mac, ethertype: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 14];
    let header = Header { destination: to, source: from, tag: None, ethertype };
    header.emit(&mut frame).unwrap();
    frame.extend_from_slice(payload);
    frame
}

fn v4(source: Ipv4Addr, protocol: Protocol, fragment: (u16, u16, bool), payload: &[u8]) -> Vec<u8> {
    let (ident, fragment_offset, more_fragments) = fragment;
    let header = ipv4::Header {
        dscp: Dscp::DEFAULT,
        ecn: Ecn::NotEct,
        ident,
        dont_fragment: false,
        more_fragments,
        fragment_offset,
        ttl: 64,
        protocol,
        source,
        destination: Ipv4Addr::new(192, 0, 2, 1),
        router_alert: false,
        payload_len: payload.len().try_into().unwrap(),
    };
    let mut packet = vec![0; 20];
    header.emit(&mut packet).unwrap();
    packet.extend_from_slice(payload);
    packet
}

fn v6(source: &str, destination: &str, hop_limit: u8, message: icmpv6::Message<'_>) -> Vec<u8> {
    let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
    let mut payload = vec![0; 1500];
    let len = message.emit(source, destination, &mut payload).unwrap();
    let header = ipv6::Header {
        hop_limit,
        ..ipv6::Header::new(source, destination, Protocol::ICMPV6, len.try_into().unwrap())
    };
    let mut packet = vec![0; 40];
    header.emit(&mut packet).unwrap();
    packet.extend_from_slice(&payload[..len]);
    packet
}

fn stranger(rng: &mut Rng) -> Ipv4Addr {
    let [a, b, ..] = rng.next_u32().to_be_bytes();
    Ipv4Addr::new(198, 18, a, b.max(1))
}

#[test]
fn a_fragment_bomb_takes_no_more_than_its_share() {
    let config = Config { fragment_bytes_max: 20_000, fragmented_max: 10, ..quick() };
    let mut node = Node::with_addresses(config, 1, tun());
    let mut rng = Rng::from_run(1);
    for round in 0..20_000_u16 {
        let source = stranger(&mut rng);
        let offset = u16::try_from(rng.below(8191)).unwrap() * 8;
        let last = offset > 65_000;
        let packet = v4(source, Protocol::UDP, (round % 7, offset, !last), &[0; 800]);
        let _verdict = node.give(Instant::ZERO, &packet);
        assert!(node.stack.fragment_bytes() <= 20_000);
    }
    node.stack.handle_timeout(Instant::ZERO + Duration::from_secs(60));
    assert_eq!(node.stack.fragment_bytes(), 0);
    // The end of the fragments is told to a few of their senders, not to all.
    assert!(node.stack.counters().errors_sent <= 10);
}

#[test]
fn fragments_that_overlap_are_counted_and_never_delivered() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let id = node.stack.bind_udp(UdpOptions { port: 9, ..UdpOptions::default() }).unwrap();
    let source = Ipv4Addr::new(198, 51, 100, 1);
    let mut give = |offset, more, payload: &[u8]| {
        node.give(Instant::ZERO, &v4(source, Protocol::UDP, (1, offset, more), payload))
    };
    assert_eq!(give(0, true, &[0; 16]), Verdict::Accepted);
    assert_eq!(give(8, true, &[1; 16]), Verdict::Accepted);
    assert_eq!(give(16, false, &[0; 8]), Verdict::Dropped(Ignored::FragmentSpoiled));
    assert_eq!(node.stack.counters().spoiled, 1);
    assert_eq!(node.stack.recv_udp(id), None);
}

#[test]
fn a_first_fragment_that_hides_its_headers_is_dropped() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let mut packet = v6(
        "2001:db8::2",
        "2001:db8::1",
        64,
        icmpv6::Message::Unreachable { code: 0, quote: &[0; 8] },
    );
    packet[6] = Protocol::FRAGMENT.0;
    let fragment = ipv6::Fragment { ident: 1, offset: 0, more: true };
    fragment.emit(Protocol::DESTINATION_OPTIONS, &mut packet[40..]).unwrap();
    packet[48..].copy_from_slice(&[17, 0, 1, 4, 0, 0, 0, 0]); // the UDP header comes in the next one
    assert_eq!(node.give(Instant::ZERO, &packet), Verdict::Dropped(Ignored::FragmentHeaders));
    assert_eq!(node.stack.fragment_bytes(), 0);
}

#[test]
fn a_storm_of_datagrams_to_closed_ports_is_answered_a_few_times_a_second() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let mut rng = Rng::from_run(1);
    for millis in 0..1000 {
        let now = Instant::from_millis(millis);
        let source = stranger(&mut rng);
        let mut datagram = [0, 9, 0, 9, 0, 8, 0, 0];
        udp::fill(source.into(), ip("192.0.2.1"), &mut datagram).unwrap();
        // Nobody is near, so the answers have no way but back over the only link.
        node.stack.add_route(Prefix::any_v4(), None, node.id, 0).unwrap();
        let _verdict = node.give(now, &v4(source, Protocol::UDP, (0, 0, false), &datagram));
        let _sent = frames(&mut node.stack, now);
    }
    let counters = node.stack.counters();
    assert!((15..=20).contains(&counters.errors_sent), "{}", counters.errors_sent);
    assert_eq!(counters.errors_sent + counters.errors_withheld, 1000);
}

#[test]
fn no_error_is_ever_sent_about_an_error_a_group_or_nobody() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    node.stack.add_route(Prefix::any_v4(), None, node.id, 0).unwrap();
    node.stack.join(Instant::ZERO, node.id, ip("239.1.2.3")).unwrap();
    let _reports = frames(&mut node.stack, Instant::ZERO);
    let source = Ipv4Addr::new(198, 51, 100, 1);
    let mut error = [0; 36];
    let said = icmpv4::Message::Unreachable { code: 3, mtu: 0, quote: &[0x45; 28] };
    said.emit(&mut error).unwrap();
    let mut to_group = v4(source, Protocol::UDP, (0, 0, false), &[0, 9, 0, 9, 0, 8, 0, 0]);
    to_group[16..20].copy_from_slice(&[239, 1, 2, 3]);
    to_group[10..12].fill(0);
    let sum = mainstay_wire::checksum::of(&to_group[..20]);
    to_group[10..12].copy_from_slice(&sum.to_be_bytes());
    for packet in [
        v4(source, Protocol::ICMPV4, (0, 0, false), &error),
        to_group,
        v4(Ipv4Addr::UNSPECIFIED, Protocol(253), (0, 0, false), &[0; 8]),
        v4(Ipv4Addr::new(239, 1, 2, 3), Protocol(253), (0, 0, false), &[0; 8]),
    ] {
        assert!(matches!(node.give(Instant::ZERO, &packet), Verdict::Dropped(_)));
    }
    assert!(frames(&mut node.stack, Instant::ZERO).is_empty());
}

#[test]
fn a_storm_of_echo_requests_is_answered_at_a_limited_rate() {
    let echoes_answered = Rate { burst: 5, interval: Duration::from_millis(100) };
    let mut node = Node::with_addresses(Config { echoes_answered, ..quick() }, 1, tun());
    node.stack.add_route(Prefix::any_v4(), None, node.id, 0).unwrap();
    let mut message = [0; 8];
    let echo = icmpv4::Echo { ident: 1, sequence: 1, data: &[] };
    icmpv4::Message::EchoRequest(echo).emit(&mut message).unwrap();
    let packet = v4(Ipv4Addr::new(198, 51, 100, 1), Protocol::ICMPV4, (0, 0, false), &message);
    let answered = (0..100).filter(|_| node.give(Instant::ZERO, &packet) == Verdict::Accepted);
    assert_eq!(answered.count(), 5);
    assert_eq!(node.stack.counters().ignored(Ignored::RateLimited), 95);
}

/// A node that knows the other one by both of its addresses.
fn acquainted() -> World {
    let mut world = World::pair(quick());
    for address in ["192.0.2.2", "2001:db8::2"] {
        world.nodes[0].stack.send_echo(world.now, ip(address), (1, 1), b"").unwrap();
    }
    world.run_for(Duration::from_secs(1));
    world
}

fn known(world: &World, address: &str) -> Option<Mac> {
    let mut all = world.nodes[0].stack.neighbours();
    all.find(|(_, n)| n.address == ip(address)).and_then(|(_, n)| n.link_address)
}

#[test]
fn forged_arp_does_not_take_a_neighbour_away() {
    let mut world = acquainted();
    for operation in [arp::Operation::Request, arp::Operation::Reply] {
        let forged = arp::Packet {
            operation,
            sender_mac: mac(66),
            sender: Ipv4Addr::new(192, 0, 2, 2),
            target_mac: mac(1),
            target: Ipv4Addr::new(192, 0, 2, 1),
        };
        let mut bytes = [0; arp::LEN];
        forged.emit(&mut bytes).unwrap();
        let frame = framed(mac(66), mac(1), EtherType::ARP, &bytes);
        let now = world.now;
        let _verdict = world.nodes[0].give(now, &frame);
        assert_eq!(known(&world, "192.0.2.2"), Some(mac(2)));
    }
    world.run_for(Duration::from_secs(10));
    assert_eq!(known(&world, "192.0.2.2"), Some(mac(2)), "it was asked, and answered");
}

#[test]
fn forged_arp_does_not_take_our_address_away() {
    let mut world = acquainted();
    let forged = arp::Packet {
        operation: arp::Operation::Reply,
        sender_mac: mac(66),
        sender: Ipv4Addr::new(192, 0, 2, 1),
        target_mac: Mac::BROADCAST,
        target: Ipv4Addr::new(192, 0, 2, 1),
    };
    let mut bytes = [0; arp::LEN];
    forged.emit(&mut bytes).unwrap();
    let frame = framed(mac(66), Mac::BROADCAST, EtherType::ARP, &bytes);
    let now = world.now;
    assert_eq!(world.nodes[0].give(now, &frame), Verdict::Accepted);
    let defences = frames(&mut world.nodes[0].stack, now);
    assert_eq!(defences.len(), 1);
    for _ in 0..100 {
        let verdict = world.nodes[0].give(now, &frame);
        assert_eq!(verdict, Verdict::Dropped(Ignored::RateLimited));
    }
    let conflict = Event::AddressConflict {
        interface: world.nodes[0].id,
        address: ip("192.0.2.1"),
        claimant: mac(66),
    };
    assert_eq!(events(&mut world.nodes[0].stack), [conflict]);
    world.nodes[0].stack.send_echo(now, ip("192.0.2.2"), (2, 2), b"").unwrap();
}

fn advertisement(solicited: bool, overrides: bool, link: Mac) -> icmpv6::Message<'static> {
    icmpv6::Message::Ndp(ndp::Message::NeighborAdvertisement(NeighborAdvertisement {
        router: false,
        solicited,
        overrides,
        target: "2001:db8::2".parse().unwrap(),
        target_link: Some(link),
    }))
}

#[test]
fn a_neighbour_message_from_beyond_the_link_is_dropped() {
    let mut world = acquainted();
    let now = world.now;
    for hop_limit in [0, 64, 254] {
        let packet =
            v6("2001:db8::2", "2001:db8::1", hop_limit, advertisement(true, true, mac(66)));
        let frame = framed(mac(66), mac(1), EtherType::IPV6, &packet);
        assert_eq!(world.nodes[0].give(now, &frame), Verdict::Dropped(Ignored::NdpHopLimit));
    }
    assert_eq!(known(&world, "2001:db8::2"), Some(mac(2)));
}

#[test]
fn an_advertisement_without_override_changes_no_link_address() {
    let mut world = acquainted();
    let now = world.now;
    let packet = v6("2001:db8::2", "2001:db8::1", 255, advertisement(true, false, mac(66)));
    let _verdict = world.nodes[0].give(now, &framed(mac(66), mac(1), EtherType::IPV6, &packet));
    assert_eq!(known(&world, "2001:db8::2"), Some(mac(2)));
    let packet = v6("2001:db8::2", "ff02::1", 255, advertisement(true, true, mac(66)));
    let group = Mac::of_group_v6("ff02::1".parse().unwrap());
    let verdict = world.nodes[0].give(now, &framed(mac(66), group, EtherType::IPV6, &packet));
    assert_eq!(verdict, Verdict::Dropped(Ignored::NdpMalformed), "solicited, yet to all");
    let packet = v6("2001:db8::2", "2001:db8::1", 255, advertisement(false, true, Mac::BROADCAST));
    let verdict = world.nodes[0].give(now, &framed(mac(66), mac(1), EtherType::IPV6, &packet));
    assert_eq!(verdict, Verdict::Dropped(Ignored::NdpMalformed), "everybody is no neighbour");
}

#[test]
fn a_flood_of_askers_fills_the_table_and_no_more() {
    let mut world = acquainted();
    let now = world.now;
    let target: Ipv6Addr = "2001:db8::1".parse().unwrap();
    for number in 0..2000_u16 {
        let source = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, number);
        let solicitation =
            ndp::Message::NeighborSolicitation { target, source_link: Some(mac(66)) };
        let packet =
            v6(&source.to_string(), "2001:db8::1", 255, icmpv6::Message::Ndp(solicitation));
        let _verdict = world.nodes[0].give(now, &framed(mac(66), mac(1), EtherType::IPV6, &packet));
    }
    let _answers = frames(&mut world.nodes[0].stack, now);
    assert_eq!(world.nodes[0].stack.neighbours().count(), 256);
    assert_eq!(known(&world, "2001:db8::2"), Some(mac(2)));
    // Looking for a thousand who are not there costs no more either.
    for number in 0..1000_u16 {
        let nobody = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 2, number));
        let _asked = world.nodes[0].stack.send_echo(now, nobody, (number, 0), b"");
        assert!(world.nodes[0].stack.neighbours().count() <= 256);
    }
}

#[test]
fn a_device_that_is_not_drained_holds_a_bounded_queue() {
    let mut node = Node::with_addresses(Config { ready_bytes_max: 2000, ..quick() }, 1, tun());
    let id = node.stack.bind_udp(UdpOptions::default()).unwrap();
    let to = Some("192.0.2.2:9".parse().unwrap());
    let sent = (0..100).filter(|_| node.stack.send_udp(Instant::ZERO, id, to, &[0; 400]).is_ok());
    assert_eq!(sent.count(), 4);
    assert_eq!(node.stack.send_udp(Instant::ZERO, id, to, &[0; 400]), Err(Misuse::NoRoom));
    assert!(node.stack.ready_bytes() <= 2000);
    let _sent = frames(&mut node.stack, Instant::ZERO);
    assert_eq!(node.stack.ready_bytes(), 0);
    assert_eq!(node.stack.send_udp(Instant::ZERO, id, to, &[0; 400]), Ok(()));
}

#[test]
fn every_limit_may_be_nothing() {
    let none = Rate { burst: 0, interval: Duration::from_secs(1) };
    let config = Config {
        addresses_max: 3,
        routes_max: 3,
        groups_max: 3,
        neighbours_max: 0,
        held_packets_max: 0,
        held_bytes_max: 0,
        ready_bytes_max: 0,
        fragment_bytes_max: 0,
        fragment_source_bytes_max: 0,
        fragmented_max: 0,
        fragments_max: 0,
        socket_bytes_max: 0,
        paths_max: 0,
        echoes_max: 0,
        errors_sent: none,
        echoes_answered: none,
        ..quick()
    };
    let mut world = World::pair(config);
    let id = world.nodes[0].stack.bind_udp(UdpOptions::default()).unwrap();
    let to = Some("192.0.2.2:9".parse().unwrap());
    assert!(world.nodes[0].stack.send_udp(world.now, id, to, b"x").is_err());
    assert!(world.nodes[0].stack.send_echo(world.now, ip("192.0.2.2"), (1, 1), b"").is_err());
    let mut rng = Rng::from_run(5);
    for _ in 0..1000 {
        let mut payload = [0; 40];
        rng.fill(&mut payload);
        let packet = v4(stranger(&mut rng), Protocol::UDP, (1, 8, true), &payload);
        let _verdict =
            world.nodes[0].give(world.now, &framed(mac(2), mac(1), EtherType::IPV4, &packet));
    }
    world.run_for(Duration::from_secs(60));
}

fn refused(node: &mut Node, frame: &[u8]) -> Option<Ignored> {
    match node.give(Instant::ZERO, frame) {
        Verdict::Dropped(why) => Some(why),
        Verdict::Accepted => None,
    }
}

/// A UDP datagram to port 9 of 192.0.2.1, which is open.
fn to_open_port(source: Ipv4Addr) -> Vec<u8> {
    let mut datagram = [0, 9, 0, 9, 0, 8, 0, 0];
    udp::fill(source.into(), ip("192.0.2.1"), &mut datagram).unwrap();
    v4(source, Protocol::UDP, (0, 0, false), &datagram)
}

#[test]
fn what_is_for_another_station_or_network_is_dropped() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let id = node.stack.bind_udp(UdpOptions { port: 9, ..UdpOptions::default() }).unwrap();
    let packet = to_open_port(Ipv4Addr::new(192, 0, 2, 2));
    let good = framed(mac(2), mac(1), EtherType::IPV4, &packet);
    let other = framed(mac(2), mac(3), EtherType::IPV4, &packet);
    assert_eq!(refused(&mut node, &other), Some(Ignored::FrameForOther));
    let mut tagged = good[..12].to_vec();
    tagged.extend_from_slice(&[0x81, 0, 0, 5]);
    tagged.extend_from_slice(&good[12..]);
    assert_eq!(refused(&mut node, &tagged), Some(Ignored::FrameForOther));
    let to_all = framed(mac(2), Mac::BROADCAST, EtherType::IPV4, &packet);
    assert_eq!(refused(&mut node, &to_all), Some(Ignored::PacketForOther));
    let from_group = framed(Mac::BROADCAST, mac(1), EtherType::IPV4, &packet);
    assert_eq!(refused(&mut node, &from_group), Some(Ignored::FrameMalformed));
    let ours = to_open_port(Ipv4Addr::new(192, 0, 2, 1));
    let ours = framed(mac(2), mac(1), EtherType::IPV4, &ours);
    assert_eq!(refused(&mut node, &ours), Some(Ignored::SourceForbidden));
    assert_eq!(node.stack.recv_udp(id), None);
    assert_eq!(refused(&mut node, &good), None);
    assert!(node.stack.recv_udp(id).is_some());
}

#[test]
fn an_address_of_another_interface_is_not_reached_by_this_one() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let inside = node.stack.add_interface(ethernet(7)).unwrap();
    node.stack.add_address(Instant::ZERO, inside, prefix("192.168.0.1", 24)).unwrap();
    let mut packet = to_open_port(Ipv4Addr::new(192, 0, 2, 2));
    packet[16..20].copy_from_slice(&[192, 168, 0, 1]);
    packet[10..12].fill(0);
    let sum = mainstay_wire::checksum::of(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let frame = framed(mac(2), mac(1), EtherType::IPV4, &packet);
    assert_eq!(refused(&mut node, &frame), Some(Ignored::PacketForOther));
}

#[test]
fn the_end_of_waiting_is_told_but_not_to_who_sent_an_error() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let near = Ipv4Addr::new(192, 0, 2, 2);
    // The beginnings of an error, of a datagram, and the middle of another datagram.
    let error = v4(near, Protocol::ICMPV4, (1, 0, true), &[3, 3, 0, 0, 0, 0, 0, 0]);
    let first = v4(near, Protocol::UDP, (2, 0, true), &[0, 9, 0, 9, 0, 16, 0, 0]);
    let middle = v4(near, Protocol::UDP, (3, 8, true), &[0; 8]);
    for packet in [&error, &first, &middle] {
        assert_eq!(node.give(Instant::ZERO, packet), Verdict::Accepted);
    }
    let _reports = frames(&mut node.stack, Instant::ZERO);
    let end = Instant::ZERO + Duration::from_secs(30);
    node.stack.handle_timeout(end);
    assert_eq!(node.stack.counters().reassembly_expired, 2, "the middle has no beginning");
    let said = frames(&mut node.stack, end);
    assert_eq!(said.len(), 1);
    let (_, message) = ipv4::Header::parse(&said[0]).unwrap();
    let told = icmpv4::Message::TimeExceeded { code: 1, quote: &first };
    assert_eq!(icmpv4::Message::parse(message), Some(told));
}

#[test]
fn the_last_fragment_is_taken_whatever_becomes_of_the_datagram() {
    let errors_sent = Rate { burst: 0, interval: Duration::from_secs(1) };
    let mut node = Node::with_addresses(Config { errors_sent, ..quick() }, 1, tun());
    let near = Ipv4Addr::new(192, 0, 2, 2);
    let mut datagram = [0; 16];
    datagram[..6].copy_from_slice(&[0, 9, 0, 9, 0, 16]); // nobody listens at port 9
    for (offset, more) in [(0, true), (8, false)] {
        let piece = &datagram[usize::from(offset)..][..8];
        let packet = v4(near, Protocol::UDP, (1, offset, more), piece);
        assert_eq!(node.give(Instant::ZERO, &packet), Verdict::Accepted);
    }
    assert_eq!(node.stack.counters().ignored(Ignored::UdpNoSocket), 1);
}

#[test]
fn errors_about_packets_of_others_are_nobodys() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let near = Ipv4Addr::new(192, 0, 2, 2);
    let foreign = v4(Ipv4Addr::new(192, 0, 2, 77), Protocol::TCP, (0, 0, false), &[0; 8]);
    let mut later = v4(Ipv4Addr::new(192, 0, 2, 1), Protocol::TCP, (0, 8, false), &[0; 8]);
    later[16..20].copy_from_slice(&[192, 0, 2, 2]);
    for quote in [foreign, later] {
        let said = icmpv4::Message::Unreachable { code: 1, mtu: 0, quote: &quote };
        let mut message = [0; 36];
        said.emit(&mut message).unwrap();
        let packet = v4(near, Protocol::ICMPV4, (0, 0, false), &message);
        assert_eq!(refused(&mut node, &packet), Some(Ignored::IcmpForeign));
    }
}

#[test]
fn questions_about_groups_must_come_from_the_link() {
    use mainstay_wire::{igmp, mld};
    let mut node = Node::with_addresses(quick(), 1, tun());
    node.stack.join(Instant::ZERO, node.id, ip("ff02::5")).unwrap();
    let query = igmp::Query { max_response_code: 10, group: Ipv4Addr::UNSPECIFIED, details: None };
    let mut message = [0; 8];
    igmp::Message::Query(query).emit(&mut message).unwrap();
    let far = v4(Ipv4Addr::new(192, 0, 2, 2), Protocol::IGMP, (0, 0, false), &message);
    assert_eq!(refused(&mut node, &far), Some(Ignored::MembershipMalformed), "a TTL of 64");
    let group = Ipv6Addr::UNSPECIFIED;
    let query = mld::Query { max_response_code: 10, group, details: None };
    let query = icmpv6::Message::Mld(mld::Message::Query(query));
    let alerted = |source: &str, hop_limit| {
        let mut packet = v6(source, "ff02::1", hop_limit, query);
        packet.splice(40..40, ipv6::HOP_BY_HOP_ALERT);
        packet[6] = Protocol::HOP_BY_HOP.0;
        packet[5] += 8;
        packet
    };
    for bad in
        [v6("fe80::2", "ff02::1", 1, query), alerted("fe80::2", 2), alerted("2001:db8::2", 1)]
    {
        assert_eq!(refused(&mut node, &bad), Some(Ignored::MembershipMalformed));
    }
    assert_eq!(refused(&mut node, &alerted("fe80::2", 1)), None);
}

#[test]
fn a_solicitation_of_nobody_must_look_like_one() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let _reports = frames(&mut node.stack, Instant::ZERO);
    let target: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let group = ipv6::solicited_node(target).to_string();
    let mut ask = |to: &str, source_link| {
        let said = ndp::Message::NeighborSolicitation { target, source_link };
        let packet = v6("::", to, 255, icmpv6::Message::Ndp(said));
        let multicast = Mac::of_group_v6(ipv6::solicited_node(target));
        let frame = framed(mac(2), multicast, EtherType::IPV6, &packet);
        (refused(&mut node, &frame), frames(&mut node.stack, Instant::ZERO).len())
    };
    assert_eq!(ask(&group, Some(mac(2))), (Some(Ignored::NdpMalformed), 0));
    assert_eq!(ask("ff02::1", None), (Some(Ignored::NdpMalformed), 0));
    assert_eq!(ask("2001:db8::1", None), (Some(Ignored::SourceForbidden), 0));
    assert_eq!(ask(&group, None), (None, 1));
}

#[test]
fn arp_of_strangers_teaches_nothing() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let _reports = frames(&mut node.stack, Instant::ZERO);
    for sender in [Ipv4Addr::new(198, 51, 100, 9), Ipv4Addr::new(192, 0, 2, 255)] {
        let request = arp::Packet {
            operation: arp::Operation::Request,
            sender_mac: mac(9),
            sender,
            target_mac: Mac::UNSPECIFIED,
            target: Ipv4Addr::new(192, 0, 2, 1),
        };
        let mut bytes = [0; arp::LEN];
        request.emit(&mut bytes).unwrap();
        let frame = framed(mac(9), Mac::BROADCAST, EtherType::ARP, &bytes);
        assert_eq!(refused(&mut node, &frame), Some(Ignored::ArpForeign));
    }
    assert_eq!(node.stack.neighbours().count(), 0);
    assert!(frames(&mut node.stack, Instant::ZERO).is_empty());
}
