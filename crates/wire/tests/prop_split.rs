//! Super-segments: the packets they are taken apart into, put together again.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "generated/values.rs"]
mod values;

use core::net::IpAddr;
use mainstay_wire::checksum::verify;
use mainstay_wire::ethernet::{self, EtherType};
use mainstay_wire::ip::Protocol;
use mainstay_wire::segment::Split;
use mainstay_wire::tcp::{self, Flags};
use mainstay_wire::{ipv4, ipv6};
use proptest::prelude::*;
use values::*;

/// What a packet must say that came of a super-segment.
struct Read<'p> {
    source: IpAddr,
    destination: IpAddr,
    ident: Option<u16>,
    segment: &'p [u8],
}

/// The headers of a frame: Ethernet, one version of IP or the other, TCP.
fn headers(
    four: Option<ipv4::Header>,
    six: ipv6::Header,
    options: bool,
    transport: &tcp::Header,
) -> (Vec<u8>, usize) {
    let mut out = vec![0; 200];
    let ethertype = if four.is_some() { EtherType::IPV4 } else { EtherType::IPV6 };
    let link = ethernet::Header { ethertype, ..ethernet::Header::default() };
    let network = link.emit(&mut out).unwrap();
    let mut at = network;
    match four {
        Some(header) => at += header.emit(&mut out[at..]).unwrap(),
        None => {
            at += six.emit(&mut out[at..]).unwrap();
            if options {
                out[at..at + 8].copy_from_slice(&[Protocol::TCP.0, 0, 1, 4, 0, 0, 0, 0]);
                at += 8;
            }
        }
    }
    at += transport.emit(&mut out[at..]).unwrap();
    out.truncate(at);
    (out, network)
}

fn read(packet: &[u8], four: bool, options: bool) -> Read<'_> {
    if four {
        let (header, segment) = ipv4::Header::parse(packet).unwrap();
        assert_eq!(packet.len(), segment.len() + if header.router_alert { 24 } else { 20 });
        let (source, destination) = (header.source.into(), header.destination.into());
        Read { source, destination, ident: Some(header.ident), segment }
    } else {
        let (header, payload) = ipv6::Header::parse(packet).unwrap();
        assert_eq!(packet.len(), payload.len() + ipv6::HEADER_LEN);
        let (source, destination) = (header.source.into(), header.destination.into());
        let segment = &payload[if options { 8 } else { 0 }..];
        Read { source, destination, ident: None, segment }
    }
}

proptest! {
    // Covers TCP-600, TCP-605
    #[test]
    fn the_payloads_of_all_packets_are_the_original(
        is_four: bool, options: bool, mut four in ipv4_header(), mut six in ipv6_header(),
        mut transport in tcp_header(), slices in prop::collection::vec(bytes(700), 0..6),
        size in 1_u16..1500,
    ) {
        four.protocol = Protocol::TCP;
        (four.more_fragments, four.fragment_offset) = (false, 0);
        six.next = if options { Protocol::DESTINATION_OPTIONS } else { Protocol::TCP };
        transport.flags = transport.flags.without(Flags::SYN | Flags::RST | Flags::URG);
        transport.options = tcp::Options { timestamps: transport.options.timestamps, ..tcp::Options::default() };
        let (headers, network) = headers(is_four.then_some(four), six, options, &transport);
        let payload: Vec<&[u8]> = slices.iter().map(Vec::as_slice).collect();
        let whole: Vec<u8> = slices.concat();
        let size = size.max(u16::try_from(whole.len() / 100).unwrap()).max(1);

        let mut split = Split::new(&headers, network, &payload, size).unwrap();
        let expected = whole.len().div_ceil(usize::from(size)).max(1);
        let (mut joined, mut count) = (Vec::new(), 0);
        let mut out = vec![0xee; 4096];
        while let Some(len) = split.next_packet(&mut out) {
            count += 1;
            let last = count == expected;
            let read = read(&out[network..len], is_four, options);
            prop_assert!(verify(read.source, read.destination, 6, read.segment));
            let (header, at) = tcp::Header::parse(read.segment).unwrap();
            let step = u32::try_from(joined.len()).unwrap();
            let mut flags = transport.flags;
            if !last {
                flags = flags.without(Flags::FIN | Flags::PSH);
            }
            if count > 1 {
                flags = flags.without(Flags::CWR);
            }
            let sequence = transport.sequence.wrapping_add(step);
            prop_assert_eq!(header, tcp::Header { sequence, flags, ..transport });
            if let Some(ident) = read.ident {
                let still = four.dont_fragment && four.ident == 0;
                let step = if still { 0 } else { u16::try_from(count - 1).unwrap() };
                prop_assert_eq!(ident, four.ident.wrapping_add(step));
            }
            let piece = &read.segment[at..];
            prop_assert!(last || piece.len() == usize::from(size));
            joined.extend_from_slice(piece);
            prop_assert!(count <= expected);
        }
        prop_assert_eq!(count, expected);
        prop_assert_eq!(joined, whole);
        prop_assert_eq!(split.next_len(), None);
    }

    #[test]
    fn any_headers_are_taken_apart_or_refused(bytes in bytes(120), network in 0_usize..20, four: bool) {
        let mut bytes = bytes;
        if let Some(byte) = bytes.get_mut(network) {
            *byte = if four { 0x45 } else { 0x60 };
        }
        let payload: [&[u8]; 1] = [&[7; 3000]];
        let Some(mut split) = Split::new(&bytes, network, &payload, 999) else { return Ok(()) };
        let mut out = vec![0; 4096];
        let mut count = 0;
        while split.next_packet(&mut out).is_some() {
            count += 1;
        }
        prop_assert_eq!(count, 4);
    }
}
