//! Datagrams cut anywhere, sent in any order and more than once, against what they were.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shared;

use mainstay_base::{Instant, Rng, Verdict};
use mainstay_net::{Config, Ignored, UdpOptions};
use mainstay_wire::ip::{Dscp, Ecn, Protocol};
use mainstay_wire::{ipv4, ipv6, udp};
use proptest::prelude::*;
use shared::{Node, ip, quick, tun};

fn datagram(v6: bool, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0; 8];
    let header = udp::Header { source: 7, destination: 9, ..udp::Header::default() };
    header.emit(&mut datagram).unwrap();
    datagram.extend_from_slice(payload);
    let (source, to) = ends(v6);
    udp::fill(ip(source), ip(to), &mut datagram).unwrap();
    datagram
}

const fn ends(v6: bool) -> (&'static str, &'static str) {
    if v6 { ("2001:db8::2", "2001:db8::1") } else { ("192.0.2.2", "192.0.2.1") }
}

fn fragment(v6: bool, offset: usize, more: bool, piece: &[u8]) -> Vec<u8> {
    let (source, to) = ends(v6);
    let offset: u16 = offset.try_into().unwrap();
    let (dscp, ecn) = (Dscp::DEFAULT, Ecn::Ect0);
    let mut packet = vec![0; if v6 { 48 } else { 20 }];
    if v6 {
        let header = ipv6::Header {
            dscp,
            ecn,
            flow_label: 0,
            next: Protocol::FRAGMENT,
            hop_limit: 64,
            source: source.parse().unwrap(),
            destination: to.parse().unwrap(),
            payload_len: (piece.len() + 8).try_into().unwrap(),
        };
        header.emit(&mut packet).unwrap();
        let header = ipv6::Fragment { ident: 77, offset, more };
        header.emit(Protocol::UDP, &mut packet[40..]).unwrap();
    } else {
        let header = ipv4::Header {
            dscp,
            ecn,
            ident: 77,
            dont_fragment: false,
            more_fragments: more,
            fragment_offset: offset,
            ttl: 64,
            protocol: Protocol::UDP,
            source: source.parse().unwrap(),
            destination: to.parse().unwrap(),
            router_alert: false,
            payload_len: piece.len().try_into().unwrap(),
        };
        header.emit(&mut packet).unwrap();
    }
    packet.extend_from_slice(piece);
    packet
}

/// A datagram in pieces of the lengths that `cuts` says, in eights.
fn pieces(v6: bool, whole: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut offset = 0;
    let mut cuts = cuts.iter().cycle();
    while offset < whole.len() {
        let end = (offset + 8 * cuts.next().unwrap()).min(whole.len());
        pieces.push(fragment(v6, offset, end < whole.len(), &whole[offset..end]));
        offset = end;
    }
    pieces
}

proptest! {
    #[test]
    fn in_any_order_and_more_than_once_it_is_the_datagram_and_comes_once(
        v6: bool,
        payload in prop::collection::vec(any::<u8>(), 9..3000),
        cuts in prop::collection::vec(1_usize..60, 1..8),
        seed: u64,
    ) {
        let config = Config { fragments_max: 4000, ..quick() };
        let mut node = Node::with_addresses(config, 1, tun());
        let options = UdpOptions { port: 9, ..UdpOptions::default() };
        let id = node.stack.bind_udp(options).unwrap();
        let mut frames = pieces(v6, &datagram(v6, &payload), &cuts);
        prop_assume!(frames.len() > 1);
        let mut rng = Rng::from_run(seed);
        let mut index = |len: usize| usize::try_from(rng.below(len as u64)).unwrap();
        let last = frames.remove(index(frames.len()));
        for _ in 0..frames.len() {
            let twice = frames[index(frames.len())].clone();
            frames.insert(index(frames.len()), twice);
        }
        for at in (1..frames.len()).rev() {
            frames.swap(at, index(at + 1));
        }
        for frame in &frames {
            let verdict = node.give(Instant::ZERO, frame);
            let fine = matches!(verdict, Verdict::Accepted | Verdict::Dropped(Ignored::FragmentTwice));
            prop_assert!(fine, "{:?}", verdict);
            prop_assert!(node.stack.recv_udp(id).is_none());
        }
        prop_assert_eq!(node.give(Instant::ZERO, &last), Verdict::Accepted);
        let received = node.stack.recv_udp(id).unwrap();
        prop_assert_eq!(received.payload, payload);
        prop_assert_eq!(received.ecn, Ecn::Ect0);
        prop_assert_eq!(node.stack.fragment_bytes(), 0);
    }

    #[test]
    fn whatever_is_changed_in_a_fragment_nothing_else_is_delivered(
        v6: bool,
        payload in prop::collection::vec(any::<u8>(), 100..1000),
        changed: prop::sample::Index,
        flip in 1_u8..,
    ) {
        let mut node = Node::with_addresses(quick(), 1, tun());
        let options = UdpOptions { port: 9, ..UdpOptions::default() };
        let id = node.stack.bind_udp(options).unwrap();
        let mut frames = pieces(v6, &datagram(v6, &payload), &[5]);
        let which = changed.index(frames.len());
        let mut forged = frames[which].clone();
        let start = if v6 { 48 } else { 20 };
        let at = start + changed.index(forged.len() - start);
        forged[at] ^= flip;
        frames.insert(which, forged);
        for frame in &frames {
            let _verdict = node.give(Instant::ZERO, frame);
        }
        prop_assert!(node.stack.recv_udp(id).is_none_or(|received| received.payload == payload));
    }
}
