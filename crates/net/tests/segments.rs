//! What a stack does with the segments of TCP: those it is given to send, those that come, and what is said about them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shared;

use core::time::Duration;
use mainstay_base::Instant;
use mainstay_net::*;
use mainstay_wire::ethernet::Mac;
use mainstay_wire::ip::{Dscp, Ecn, Protocol};
use mainstay_wire::offload::{Offload, Partial};
use mainstay_wire::{icmpv4, ipv4, ipv6};
use shared::*;

const SECOND: Duration = Duration::from_secs(1);

fn meta(source: &str, destination: &str) -> SendMeta {
    SendMeta {
        source: ip(source),
        destination: ip(destination),
        interface: None,
        hop_limit: Some(33),
        dscp: Dscp::EXPEDITED,
        ecn: Ecn::Ect0,
        flow_label: 0x12345,
    }
}

// Covers TCP-158
#[test]
fn a_segment_is_never_cut_by_routers_and_says_what_its_endpoint_wants() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let mut buf = [0; 1500];
    let v4 = meta("192.0.2.1", "192.0.2.2");
    let pieces: [&[u8]; 2] = [b"head", b"payload"];
    let partial = Some(Partial { start: 0, offset: 16 });
    let offload = Offload { partial, ..Offload::default() };
    let Emitted::Frame(sent) = node.stack.emit_ip(Instant::ZERO, &v4, &pieces, offload, &mut buf)
    else {
        panic!("it is written");
    };
    assert_eq!(sent.offload.partial.unwrap().start, 20);
    let (header, payload) = ipv4::Header::parse(&buf[..sent.len]).unwrap();
    assert_eq!((header.dont_fragment, header.ident, header.ttl), (true, 0, 33));
    assert_eq!((header.dscp, header.ecn), (Dscp::EXPEDITED, Ecn::Ect0));
    assert_eq!(payload, b"headpayload");
    let v6 = meta("2001:db8::1", "2001:db8::2");
    let emitted = node.stack.emit_ip(Instant::ZERO, &v6, &pieces, Offload::default(), &mut buf);
    let Emitted::Frame(sent) = emitted else { panic!("it is written") };
    let (header, _) = ipv6::Header::parse(&buf[..sent.len]).unwrap();
    assert_eq!((header.flow_label, header.hop_limit), (0x12345, 33));
}

#[test]
fn a_segment_waits_for_its_neighbour_at_its_sender() {
    let mut world = World::pair(quick());
    let mut buf = [0; 1600];
    let to = meta("192.0.2.1", "192.0.2.2");
    let emit = |world: &mut World, buf: &mut [u8]| {
        let now = world.now;
        world.nodes[0].stack.emit_ip(now, &to, &[b"segment"], Offload::default(), buf)
    };
    assert_eq!(emit(&mut world, &mut buf[..40]), Emitted::NoRoom);
    assert_eq!(emit(&mut world, &mut buf), Emitted::Pending);
    let before = world.nodes[0].stack.changes();
    world.run_for(SECOND);
    assert!(world.nodes[0].stack.changes() > before);
    let Emitted::Frame(sent) = emit(&mut world, &mut buf) else { panic!("it is written") };
    let id = world.nodes[1].id;
    let stack = &mut world.nodes[1].stack;
    let upper = stack.receive(world.now, id, &buf[..sent.len], Offload::default()).unwrap();
    let Upper::Tcp { meta, segment } = upper else { panic!("a segment comes up") };
    assert_eq!(&*segment, b"segment");
    assert_eq!((meta.source, meta.ecn, meta.checksum_ok), (ip("192.0.2.1"), Ecn::Ect0, false));
    let own = SendMeta { destination: ip("192.0.2.1"), ..to };
    let local =
        world.nodes[0].stack.emit_ip(world.now, &own, &[b"x"], Offload::default(), &mut buf);
    assert!(matches!(local, Emitted::Local(_)));
    let foreign = SendMeta { source: ip("192.0.2.8"), ..to };
    let stack = &mut world.nodes[0].stack;
    let lost = stack.emit_ip(world.now, &foreign, &[b"x"], Offload::default(), &mut buf);
    assert_eq!(lost, Emitted::NoRoute, "an address that is not ours any more");
    let long = [0; 1481];
    let long = world.nodes[0].stack.emit_ip(world.now, &to, &[&long], Offload::default(), &mut buf);
    assert_eq!(long, Emitted::TooLong { mtu: 1500 });
}

// Covers TCP-025
#[test]
fn a_path_has_the_source_the_ip_layer_selects_or_is_none() {
    let node = Node::with_addresses(quick(), 1, ethernet(1));
    let path = |to: &str| node.stack.path(Instant::ZERO, ip(to), None, None);
    assert_eq!(path("2001:db8::9").unwrap().source, ip("2001:db8::1"));
    assert_eq!(path("fe80::9").unwrap().source, ip("fe80::1"));
    assert_eq!(path("192.0.2.9").unwrap().source, ip("192.0.2.1"));
    assert_eq!(path("198.51.100.1"), None);
    let foreign = node.stack.path(Instant::ZERO, ip("192.0.2.9"), Some(ip("192.0.2.8")), None);
    assert_eq!(foreign, None);
}

// Covers TCP-101
#[test]
fn segments_that_go_or_come_to_many_are_dropped_in_silence() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    node.stack.join(Instant::ZERO, node.id, ip("239.1.2.3")).unwrap();
    let _reports = frames(&mut node.stack, Instant::ZERO);
    let tcp = (Protocol::TCP, 64);
    let mut cases = vec![
        v4_frame(2, "192.0.2.2", "239.1.2.3", tcp, &[0; 20]),
        v4_frame(2, "192.0.2.2", "192.0.2.255", tcp, &[0; 20]),
        v4_frame(2, "239.1.2.3", "192.0.2.1", tcp, &[0; 20]),
        v4_frame(2, "192.0.2.255", "192.0.2.1", tcp, &[0; 20]),
        v4_frame(2, "0.0.0.0", "192.0.2.1", tcp, &[0; 20]),
        v4_frame(2, "192.0.2.2", "0.0.0.0", tcp, &[0; 20]),
    ];
    for to in [Mac::BROADCAST, Mac([1, 0, 0x5e, 0, 0, 1])] {
        let mut frame = v4_frame(2, "192.0.2.2", "192.0.2.1", tcp, &[0; 20]);
        frame[..6].copy_from_slice(&to.0);
        cases.push(frame);
    }
    for frame in cases {
        let upper = node.stack.receive(Instant::ZERO, node.id, &frame, Offload::default());
        assert!(upper.is_err(), "{frame:02x?}");
    }
    assert!(frames(&mut node.stack, Instant::ZERO).is_empty());
    let good = v4_frame(2, "192.0.2.2", "192.0.2.1", tcp, &[0; 20]);
    let upper = node.stack.receive(Instant::ZERO, node.id, &good, Offload::default());
    assert!(matches!(upper, Ok(Upper::Tcp { .. })));
}

// Covers TCP-195
#[test]
fn options_of_ipv4_are_stepped_over() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let plain = v4_frame(2, "192.0.2.2", "192.0.2.1", (Protocol::TCP, 64), b"segment");
    // A loose source route, which nobody follows, and padding.
    let options = [131, 7, 4, 198, 51, 100, 1, 0];
    let mut packet = plain[14..34].to_vec();
    packet.extend_from_slice(&options);
    packet.extend_from_slice(b"segment");
    packet[0] = 0x47;
    packet[3] += 8;
    packet[10..12].fill(0);
    let sum = mainstay_wire::checksum::of(&packet[..28]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let upper = node.stack.receive(Instant::ZERO, node.id, &packet, Offload::default()).unwrap();
    let Upper::Tcp { segment, .. } = upper else { panic!("a segment comes up") };
    assert_eq!(&*segment, b"segment");
}

#[test]
fn errors_about_segments_come_up_with_what_they_quote() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let quote = v4_frame(1, "192.0.2.1", "198.51.100.7", (Protocol::TCP, 64), &{
        let mut start = [0; 20];
        start[..8].copy_from_slice(&[0xc0, 0, 1, 0xbb, 1, 2, 3, 4]);
        start
    });
    for (code, kind) in [
        (0, ErrorKind::NetworkUnreachable),
        (1, ErrorKind::HostUnreachable),
        (2, ErrorKind::ProtocolUnreachable),
        (3, ErrorKind::PortUnreachable),
        (4, ErrorKind::TooBig { mtu: 1400 }),
        (5, ErrorKind::SourceRouteFailed),
    ] {
        let said = icmpv4::Message::Unreachable { code, mtu: 1400, quote: &quote[14..42] };
        let mut message = [0; 36];
        said.emit(&mut message).unwrap();
        let packet = v4_frame(9, "203.0.113.1", "192.0.2.1", (Protocol::ICMPV4, 64), &message);
        let upper = node.stack.receive(Instant::ZERO, node.id, &packet[14..], Offload::default());
        let error = TcpError {
            kind,
            local: at("192.0.2.1", 49_152),
            remote: at("198.51.100.7", 443),
            sequence: 0x0102_0304,
        };
        assert_eq!(upper, Ok(Upper::TcpError(error)));
    }
    // What TCP did not confirm narrows nothing, and what it did, does.
    let mtu =
        |node: &Node| node.stack.path(Instant::ZERO, ip("192.0.2.9"), None, None).unwrap().mtu;
    node.stack.learn_mtu(Instant::ZERO, ip("192.0.2.9"), 1400);
    assert_eq!(mtu(&node), 1400);
}

// Covers TCP-175
#[test]
fn a_source_quench_reaches_nobody() {
    let mut node = Node::with_addresses(quick(), 1, tun());
    let segment = v4_frame(1, "192.0.2.1", "198.51.100.7", (Protocol::TCP, 64), &[0; 20]);
    let mut quench = vec![4, 0, 0, 0, 0, 0, 0, 0];
    quench.extend_from_slice(&segment[14..42]);
    let sum = mainstay_wire::checksum::of(&quench);
    quench[2..4].copy_from_slice(&sum.to_be_bytes());
    let packet = v4_frame(9, "203.0.113.1", "192.0.2.1", (Protocol::ICMPV4, 64), &quench);
    let upper = node.stack.receive(Instant::ZERO, node.id, &packet[14..], Offload::default());
    assert_eq!(upper, Err(Ignored::IcmpMalformed));
}
