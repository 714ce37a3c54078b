//! Formats of the link, the network and the transport: whatever comes is read or is not, and what was read can be written
//! and reads the same again.

use core::net::Ipv6Addr;
use mainstay_wire::checksum::Checksum;
use mainstay_wire::ethernet;
use mainstay_wire::ip::Protocol;
use mainstay_wire::offload::{Layout, Offload};
use mainstay_wire::segment::Split;
use mainstay_wire::{arp, icmpv4, icmpv6, igmp, ipv4, ipv6, mld, ndp, tcp, udp};

/// Longer than whatever is written here.
const ROOM: usize = 20_000;
/// What [`Split`] gets. chosen: cuts evenly and unevenly.
const SIZES: [u16; 3] = [1, 500, 1460];
/// Both addresses of messages of `ICMPv6`.
const LOCAL: Ipv6Addr = Ipv6Addr::LOCALHOST;

/// Runs one input: a format, and its bytes.
///
/// # Panics
/// When something reads otherwise once it was written: that is the finding.
pub fn run(input: &[u8]) {
    let Some((which, bytes)) = input.split_first() else { return };
    match which % 12 {
        0 => frame(bytes),
        1 => version_four(bytes),
        2 => version_six(bytes),
        3 => extensions(bytes),
        4 => segment(bytes),
        5 => datagram(bytes),
        6 => {
            let bytes = summed(bytes, Checksum::new());
            if let Some(message) = icmpv4::Message::parse(&bytes) {
                let out = written(|out| message.emit(out));
                assert_eq!(icmpv4::Message::parse(&out), Some(message));
            }
        }
        7 => {
            let bytes = summed(bytes, Checksum::new());
            if let Some(message) = igmp::Message::parse(&bytes) {
                let out = written(|out| message.emit(out));
                assert_eq!(igmp::Message::parse(&out), Some(message));
            }
        }
        8 => message_of_six(bytes),
        9 => lists(bytes),
        10 => offload(bytes),
        _ => split(bytes),
    }
}

fn written(emit: impl FnOnce(&mut [u8]) -> Option<usize>) -> Vec<u8> {
    let mut out = vec![0xee; ROOM];
    let len = emit(&mut out).expect("there is room");
    out.truncate(len);
    out
}

/// The bytes with a checksum that is right, so that more of them is read.
fn summed(bytes: &[u8], mut sum: Checksum) -> Vec<u8> {
    let mut message = bytes.to_vec();
    if let Some(place) = message.get_mut(2..4) {
        place.fill(0);
        sum.add(&message);
        message[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    }
    message
}

fn frame(bytes: &[u8]) {
    if let Some((header, payload)) = ethernet::Header::parse(bytes) {
        let out = written(|out| header.emit(out));
        assert_eq!(out[..], bytes[..bytes.len() - payload.len()], "a frame");
    }
    if let Some(packet) = arp::Packet::parse(bytes) {
        assert_eq!(written(|out| packet.emit(out)), bytes[..arp::LEN], "ARP");
    }
}

fn version_four(bytes: &[u8]) {
    let mut packet = bytes.to_vec();
    let len = bytes.first().map_or(0, |first| usize::from(first & 15) * 4);
    if len >= ipv4::HEADER_MIN && packet.len() >= len {
        packet[10..12].fill(0);
        let sum = mainstay_wire::checksum::of(&packet[..len]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let quoted = ipv4::Header::parse_quote(&packet);
    let Some((header, payload)) = ipv4::Header::parse(&packet) else { return };
    assert_eq!(quoted, Some((header, payload)), "a whole packet is a quote");
    let mut out = written(|out| header.emit(out));
    out.extend_from_slice(payload);
    assert_eq!(ipv4::Header::parse(&out), Some((header, payload)), "IPv4");
}

fn version_six(bytes: &[u8]) {
    let quoted = ipv6::Header::parse_quote(bytes);
    let Some((header, payload)) = ipv6::Header::parse(bytes) else { return };
    assert_eq!(quoted, Some((header, payload)), "a whole packet is a quote");
    assert_eq!(written(|out| header.emit(out)), bytes[..ipv6::HEADER_LEN], "IPv6");
    extensions(bytes);
}

fn extensions(bytes: &[u8]) {
    let Some((next, payload)) = bytes.split_first() else { return };
    for start in [ipv6::HEADER_LEN, 100] {
        let Ok(chain) = ipv6::walk(Protocol(*next), payload, start) else { continue };
        assert!(chain.offset <= payload.len(), "the walk ends inside");
        if let Some(fragment) = chain.fragment {
            let mut out = written(|out| fragment.emit(chain.protocol, out));
            out.extend_from_slice(&payload[chain.offset..]);
            let again = ipv6::walk(Protocol::FRAGMENT, &out, start).map(|chain| chain.fragment);
            assert_eq!(again, Ok(Some(fragment)), "a fragment");
        }
    }
}

fn segment(bytes: &[u8]) {
    let Some((header, len)) = tcp::Header::parse(bytes) else { return };
    assert!((tcp::HEADER_MIN..=bytes.len()).contains(&len), "a header is inside its segment");
    let out = written(|out| header.emit(out));
    // Options that do not belong to such a segment are gone now, and those that do not fit.
    let (kept, same) = tcp::Header::parse(&out).expect("what we wrote");
    assert_eq!(same, out.len(), "all of it is header");
    assert!(!kept.options.malformed, "we write nothing malformed");
    let options = tcp::Options::default();
    let bare = |header: tcp::Header| tcp::Header { options, ..header };
    assert_eq!(bare(kept), bare(header), "TCP");
    assert_eq!(written(|out| kept.emit(out)), out, "TCP again");
}

fn datagram(bytes: &[u8]) {
    let Some((header, payload)) = udp::Header::parse(bytes) else { return };
    assert_eq!(written(|out| header.emit(out)), bytes[..udp::HEADER_LEN], "UDP");
    let mut whole = bytes[..udp::HEADER_LEN + payload.len()].to_vec();
    udp::fill(LOCAL.into(), LOCAL.into(), &mut whole).expect("a datagram");
    assert!(udp::verify(LOCAL.into(), LOCAL.into(), &whole), "the checksum of a datagram");
}

fn message_of_six(bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let pseudo = Checksum::pseudo(LOCAL.into(), LOCAL.into(), Protocol::ICMPV6.0, len);
    let bytes = summed(bytes, pseudo);
    if let Some(message) = icmpv6::Message::parse(LOCAL, LOCAL, &bytes) {
        let out = written(|out| message.emit(LOCAL, LOCAL, out));
        assert_eq!(icmpv6::Message::parse(LOCAL, LOCAL, &out), Some(message), "ICMPv6");
    }
}

fn lists(bytes: &[u8]) {
    if let Some(options) = ndp::Options::parse(bytes) {
        let known: Vec<_> = options.iter().collect();
        let mut out = Vec::new();
        for option in &known {
            out.extend(written(|out| option.emit(out)));
        }
        let again = ndp::Options::parse(&out).expect("what we wrote");
        assert_eq!(again.iter().collect::<Vec<_>>(), known, "options");
    }
    if let Some(records) = mld::Records::parse(bytes) {
        let known: Vec<_> = records.iter().collect();
        let out: Vec<u8> = known.iter().flat_map(|r| written(|out| r.emit(out))).collect();
        let again = mld::Records::parse(&out).expect("what we wrote");
        assert_eq!(again.iter().collect::<Vec<_>>(), known, "records of version six");
    }
    if let Some(records) = igmp::Records::parse(bytes) {
        let known: Vec<_> = records.iter().collect();
        let out: Vec<u8> = known.iter().flat_map(|r| written(|out| r.emit(out))).collect();
        let again = igmp::Records::parse(&out).expect("what we wrote");
        assert_eq!(again.iter().collect::<Vec<_>>(), known, "records of version four");
    }
}

fn offload(bytes: &[u8]) {
    for layout in [Layout::Short, Layout::Long] {
        let Some((header, packet)) = Offload::parse(layout, bytes) else { continue };
        let out = written(|out| header.emit(layout, out));
        assert_eq!(Offload::parse(layout, &out), Some((header, &[][..])), "virtio");
        if let Some(partial) = header.partial {
            let _ = partial.complete(&mut packet.to_vec());
        }
    }
}

/// A number, the headers' length, headers, payload.
fn split(bytes: &[u8]) {
    let Some((&[number, len], rest)) = bytes.split_first_chunk() else { return };
    let Some((headers, payload)) = rest.split_at_checked(len.into()) else { return };
    let (first, second) = payload.split_at(payload.len() / 3);
    let size = SIZES[usize::from(number) % SIZES.len()];
    let network = usize::from(number) / SIZES.len();
    let slices = [first, second];
    let Some(mut split) = Split::new(headers, network, &slices, size) else { return };
    let mut out = vec![0; ROOM];
    let mut joined = Vec::new();
    while let Some(len) = split.next_packet(&mut out) {
        joined.extend_from_slice(&out[headers.len()..len]);
        assert!(joined.len() <= payload.len(), "more than there was");
    }
    assert_eq!(split.next_len(), None, "all of it was written");
    assert_eq!(joined, payload, "the payload");
}
