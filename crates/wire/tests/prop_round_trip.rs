//! What is written reads the same, and whatever is read can be written and reads the same again.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "generated/values.rs"]
mod values;

use core::net::{Ipv4Addr, Ipv6Addr};
use mainstay_wire::ethernet::{self, EtherType, Mac};
use mainstay_wire::ip::Protocol;
use mainstay_wire::ipv6::{Fragment, HEADER_LEN, walk};
use mainstay_wire::ndp::{NdOption, NeighborAdvertisement, Preference, Prefix, Rdnss, Route};
use mainstay_wire::offload::{Gso, GsoKind, Layout, Offload, Partial};
use mainstay_wire::{arp, icmpv4, icmpv6, igmp, ipv4, ipv6, mld, ndp, tcp, udp};
use proptest::option::of;
use proptest::prelude::*;
use values::*;

fn mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac)
}

fn arp_packet() -> impl Strategy<Value = arp::Packet> {
    let operation = prop_oneof![Just(arp::Operation::Request), Just(arp::Operation::Reply)];
    (operation, mac(), v4(), mac(), v4()).prop_map(
        |(operation, sender_mac, sender, target_mac, target)| arp::Packet {
            operation,
            sender_mac,
            sender,
            target_mac,
            target,
        },
    )
}

fn echo(data: &[u8]) -> icmpv6::Echo<'_> {
    icmpv6::Echo { ident: 0x1234, sequence: 0xfedc, data }
}

fn preference(number: u8) -> Preference {
    [Preference::Low, Preference::Medium, Preference::High][usize::from(number % 3)]
}

/// Writes all options one after the other.
fn options(list: &[NdOption<'_>]) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let mut len = 0;
    for option in list {
        len += option.emit(&mut out[len..]).unwrap();
    }
    out.truncate(len);
    out
}

fn kind(number: u8) -> mld::Kind {
    use mld::Kind::{Allow, Block, IsExclude, IsInclude, ToExclude, ToInclude};
    [IsInclude, IsExclude, ToInclude, ToExclude, Allow, Block][usize::from(number % 6)]
}

/// As it must be for messages whose target is no group.
fn unicast() -> impl Strategy<Value = Ipv6Addr> {
    any::<[u8; 16]>().prop_map(|mut bytes| {
        bytes[0] &= 0x7f;
        bytes.into()
    })
}

fn same_v6(message: icmpv6::Message<'_>) {
    let (a, b) = (Ipv6Addr::LOCALHOST, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9));
    let mut out = [0xee; 4096];
    let len = message.emit(a, b, &mut out).unwrap();
    assert_eq!(icmpv6::Message::parse(a, b, &out[..len]), Some(message));
    let mut short = vec![0; len - 1];
    assert_eq!(message.emit(a, b, &mut short), None);
}

fn same_v4(message: icmpv4::Message<'_>) {
    let mut out = [0xee; 4096];
    let len = message.emit(&mut out).unwrap();
    assert_eq!(icmpv4::Message::parse(&out[..len]), Some(message));
}

proptest! {
    #[test]
    fn frames_and_arp(
        destination in mac(), source in mac(), tag in of(any::<u16>()), ethertype: u16,
        payload in bytes(60), packet in arp_packet(),
    ) {
        prop_assume!(tag.is_some() || ethertype != EtherType::TAG.0);
        let header = ethernet::Header { destination, source, tag, ethertype: EtherType(ethertype) };
        let mut out = [0; 80];
        let len = header.emit(&mut out).unwrap();
        out[len..len + payload.len()].copy_from_slice(&payload);
        let read = ethernet::Header::parse(&out[..len + payload.len()]);
        prop_assert_eq!(read, Some((header, &payload[..])));
        let len = packet.emit(&mut out).unwrap();
        prop_assert_eq!(arp::Packet::parse(&out[..len]), Some(packet));
    }

    #[test]
    fn packets_of_both_versions(
        mut four in ipv4_header(), mut six in ipv6_header(), payload in bytes(100), padding in 0_usize..9,
    ) {
        let len = u16::try_from(payload.len()).unwrap();
        (four.payload_len, six.payload_len) = (len, len);
        let mut out = [0; 200];
        let at = four.emit(&mut out).unwrap();
        out[at..at + payload.len()].copy_from_slice(&payload);
        let whole = &out[..at + payload.len() + padding];
        prop_assert_eq!(ipv4::Header::parse(whole), Some((four, &payload[..])));
        prop_assert_eq!(ipv4::Header::parse_quote(whole), Some((four, &payload[..])));
        let at = six.emit(&mut out).unwrap();
        out[at..at + payload.len()].copy_from_slice(&payload);
        let whole = &out[..at + payload.len() + padding];
        prop_assert_eq!(ipv6::Header::parse(whole), Some((six, &payload[..])));
        prop_assert_eq!(ipv6::Header::parse_quote(whole), Some((six, &payload[..])));
    }

    #[test]
    fn fragments(ident: u32, eights in 0_u16..0x1000, more: bool, next: u8, count in 1_usize..9) {
        prop_assume!(more || eights != 0);
        let fragment = Fragment { ident, offset: eights * 8, more };
        let mut out = vec![0; 8 + count * 8];
        fragment.emit(Protocol(next), &mut out).unwrap();
        let chain = walk(Protocol::FRAGMENT, &out, HEADER_LEN).unwrap();
        prop_assert_eq!((chain.protocol, chain.offset), (Protocol(next), 8));
        prop_assert_eq!(chain.fragment, Some(fragment));
    }

    // Covers TCP-370, TCP-371
    #[test]
    fn segments(header in tcp_header()) {
        let mut out = [0; tcp::HEADER_MAX];
        let len = header.emit(&mut out).unwrap();
        prop_assert_eq!(tcp::Header::parse(&out[..len]), Some((header, len)));
    }

    #[test]
    fn datagrams(source in v6(), destination in v6(), ports: (u16, u16), payload in bytes(100)) {
        let (source, destination) = (source.into(), destination.into());
        let header = udp::Header { source: ports.0, destination: ports.1, len: 0, checksum: 0 };
        let mut out = vec![0; udp::HEADER_LEN];
        header.emit(&mut out).unwrap();
        out.extend_from_slice(&payload);
        udp::fill(source, destination, &mut out).unwrap();
        let (read, same) = udp::Header::parse(&out).unwrap();
        prop_assert_eq!((read.source, read.destination, same), (ports.0, ports.1, &payload[..]));
        prop_assert!(udp::verify(source, destination, &out));
        prop_assert!(read.checksum != 0);
    }

    #[test]
    fn errors_and_echoes(code: u8, number: u32, data in bytes(600)) {
        let [pointer, _, a, b] = number.to_be_bytes();
        let mtu = u16::from_be_bytes([a, b]);
        let data = &data[..];
        same_v4(icmpv4::Message::EchoRequest(echo(data)));
        same_v4(icmpv4::Message::EchoReply(echo(data)));
        same_v4(icmpv4::Message::Unreachable { code, mtu, quote: data });
        same_v4(icmpv4::Message::TimeExceeded { code, quote: data });
        same_v4(icmpv4::Message::ParameterProblem { code, pointer, quote: data });
        same_v6(icmpv6::Message::EchoRequest(echo(data)));
        same_v6(icmpv6::Message::EchoReply(echo(data)));
        same_v6(icmpv6::Message::Unreachable { code, quote: data });
        same_v6(icmpv6::Message::TooBig { mtu: number, quote: data });
        same_v6(icmpv6::Message::TimeExceeded { code, quote: data });
        same_v6(icmpv6::Message::ParameterProblem { code, pointer: number, quote: data });
    }

    #[test]
    fn neighbors(
        target in unicast(), destination in unicast(), link in of(mac()),
        flags: (bool, bool, bool),
    ) {
        let (router, solicited, overrides) = flags;
        for message in [
            ndp::Message::RouterSolicitation { source_link: link },
            ndp::Message::NeighborSolicitation { target, source_link: link },
            ndp::Message::NeighborAdvertisement(NeighborAdvertisement {
                router, solicited, overrides, target, target_link: link,
            }),
            ndp::Message::Redirect { target, destination, target_link: link },
        ] {
            same_v6(icmpv6::Message::Ndp(message));
        }
    }

    #[test]
    fn routers(
        flags: (bool, bool, u8, u8), times: (u8, u16, u32, u32, u32, u32), len in 0_u8..=128,
        address in v6(), link in mac(), servers in prop::collection::vec(any::<[u8; 16]>(), 1..9),
    ) {
        let (on_link, autonomous, first, second) = flags;
        let (hop_limit, lifetime_seconds, a, b, valid_seconds, preferred_seconds) = times;
        let list = [
            NdOption::SourceLink(link),
            NdOption::TargetLink(link),
            NdOption::Mtu(a),
            NdOption::Prefix(Prefix {
                prefix: address, len, on_link, autonomous, valid_seconds, preferred_seconds,
            }),
            NdOption::Route(Route {
                prefix: address, len, preference: preference(first), lifetime_seconds: b,
            }),
            NdOption::Rdnss(Rdnss { lifetime_seconds: a, servers: &servers }),
        ];
        let bytes = options(&list);
        let options = ndp::Options::parse(&bytes).unwrap();
        prop_assert_eq!(options.iter().collect::<Vec<_>>(), list);
        same_v6(icmpv6::Message::Ndp(ndp::Message::RouterAdvertisement(ndp::RouterAdvertisement {
            hop_limit,
            managed: on_link,
            other: autonomous,
            preference: preference(second),
            lifetime_seconds,
            reachable_millis: a,
            retransmit_millis: b,
            options,
        })));
    }

    #[test]
    fn listeners(
        code: u16, suppress: bool, robustness in 0_u8..8, interval_code: u8, v2: bool,
        sources in prop::collection::vec(any::<[u8; 16]>(), 0..9),
        records in prop::collection::vec((any::<u8>(), v6()), 0..9),
    ) {
        let group = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);
        let details = mld::Details { suppress, robustness, interval_code, sources: &sources };
        let query = mld::Query { max_response_code: code, group, details: v2.then_some(details) };
        same_v6(icmpv6::Message::Mld(mld::Message::Query(query)));
        let mut bytes = Vec::new();
        let mut list = Vec::new();
        for (number, group) in records {
            let record = mld::Record { kind: kind(number), group };
            let mut out = [0; mld::RECORD_LEN];
            record.emit(&mut out).unwrap();
            bytes.extend(out);
            list.push(record);
        }
        let report = mld::Records::parse(&bytes).unwrap();
        prop_assert_eq!(report.iter().collect::<Vec<_>>(), list);
        same_v6(icmpv6::Message::Mld(mld::Message::Report(report)));
        same_v6(icmpv6::Message::Mld(mld::Message::ReportV1(group)));
        same_v6(icmpv6::Message::Mld(mld::Message::DoneV1(group)));
    }

    #[test]
    fn listeners_of_ipv4(
        code: u8, suppress: bool, robustness in 0_u8..8, interval_code: u8, v3: bool,
        sources in prop::collection::vec(any::<[u8; 4]>(), 0..9),
        records in prop::collection::vec((any::<u8>(), v4()), 0..9),
    ) {
        let group = Ipv4Addr::new(239, 9, 8, 7);
        let details = igmp::Details { suppress, robustness, interval_code, sources: &sources };
        let mut bytes = Vec::new();
        for (number, group) in records {
            let mut out = [0; igmp::RECORD_LEN];
            igmp::Record { kind: kind(number), group }.emit(&mut out).unwrap();
            bytes.extend(out);
        }
        for message in [
            igmp::Message::Query(igmp::Query {
                max_response_code: code, group, details: v3.then_some(details),
            }),
            igmp::Message::Report(igmp::Records::parse(&bytes).unwrap()),
            igmp::Message::ReportV2(group),
            igmp::Message::Leave(group),
        ] {
            let mut out = [0; 200];
            let len = message.emit(&mut out).unwrap();
            prop_assert_eq!(igmp::Message::parse(&out[..len]), Some(message));
        }
    }

    // Covers TCP-606
    #[test]
    fn offloads(
        partial in of(any::<(u16, u16)>()), verified: bool,
        gso in of((any::<bool>(), any::<bool>(), any::<u16>(), 1_u16..)), long: bool,
    ) {
        let offload = Offload {
            partial: partial.map(|(start, offset)| Partial { start, offset }),
            verified,
            gso: gso.map(|(four, ecn, header_len, size)| Gso {
                kind: if four { GsoKind::TcpV4 } else { GsoKind::TcpV6 },
                ecn,
                header_len,
                size,
            }),
        };
        let layout = if long { Layout::Long } else { Layout::Short };
        let mut out = [0xee; 12];
        let len = offload.emit(layout, &mut out).unwrap();
        prop_assert_eq!(Offload::parse(layout, &out[..len]), Some((offload, &[][..])));
    }
}

/// A message whose checksum is right, so that more of it is read.
fn summed(kind: u8, code: u8, mut message: Vec<u8>, six: bool) -> Vec<u8> {
    message.resize(message.len().max(8), 0);
    (message[0], message[1]) = (kind, code);
    message[2..4].fill(0);
    let len = u32::try_from(message.len()).unwrap();
    let mut sum = mainstay_wire::checksum::Checksum::new();
    if six {
        let local = Ipv6Addr::LOCALHOST.into();
        sum = mainstay_wire::checksum::Checksum::pseudo(local, local, 58, len);
    }
    sum.add(&message);
    message[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    message
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_none(bytes in bytes(200), start in 0_usize..80) {
        let _ = ethernet::Header::parse(&bytes);
        let _ = arp::Packet::parse(&bytes);
        let _ = ipv4::Header::parse(&bytes);
        let _ = ipv4::Header::parse_quote(&bytes);
        let _ = ipv6::Header::parse(&bytes);
        let _ = ipv6::Header::parse_quote(&bytes);
        let _ = udp::Header::parse(&bytes);
        let _ = icmpv4::Message::parse(&bytes);
        let _ = igmp::Message::parse(&bytes);
        let _ = ndp::Options::parse(&bytes).map(|options| options.iter().count());
        let _ = mld::Records::parse(&bytes).map(|records| records.iter().count());
        let _ = igmp::Records::parse(&bytes).map(|records| records.iter().count());
        let _ = Offload::parse(Layout::Long, &bytes);
        if let Ok(chain) = walk(Protocol(bytes.first().copied().unwrap_or(0)), &bytes, start) {
            prop_assert!(chain.offset <= bytes.len());
        }
    }

    // Covers TCP-373
    #[test]
    fn any_options_are_read_and_padding_after_them_changes_nothing(bytes in bytes(36)) {
        let options = tcp::Options::parse(&bytes);
        if !options.malformed {
            let mut padded = bytes.clone();
            padded.push(0);
            padded.resize(40, 0xee);
            prop_assert_eq!(tcp::Options::parse(&padded), options);
        }
        let mut shifted = vec![1];
        shifted.extend_from_slice(&bytes);
        prop_assert_eq!(tcp::Options::parse(&shifted), options);
    }

    // Covers TCP-102
    #[test]
    fn any_segment_read_reads_the_same_when_written(mut bytes in bytes(80)) {
        if let Some(byte) = bytes.get_mut(12) {
            *byte |= 0x50;
        }
        let Some((header, len)) = tcp::Header::parse(&bytes) else { return Ok(()) };
        prop_assert!((20..=bytes.len()).contains(&len));
        let mut out = [0; tcp::HEADER_MAX];
        let written = header.emit(&mut out).unwrap();
        prop_assert_eq!(out[12] & 0x0e, 0);
        let (again, _) = tcp::Header::parse(&out[..written]).unwrap();
        let second = again.emit(&mut out).unwrap();
        prop_assert_eq!(second, written);
        prop_assert_eq!(tcp::Header::parse(&out[..second]), Some((again, second)));
    }

    #[test]
    fn any_message_read_reads_the_same_when_written(
        kinds in (prop_oneof![1_u8..5, 128_u8..144], prop_oneof![Just(0_u8), any::<u8>()]),
        kind_v4 in prop_oneof![Just(0x11_u8), Just(0x16), Just(0x17), Just(0x22), 0_u8..13],
        bytes in bytes(120),
    ) {
        let local = Ipv6Addr::LOCALHOST;
        let message = summed(kinds.0, kinds.1, bytes.clone(), true);
        if let Some(read) = icmpv6::Message::parse(local, local, &message) {
            same_v6(read);
        }
        let message = summed(kind_v4, kinds.1, bytes, false);
        if let Some(read) = icmpv4::Message::parse(&message) {
            same_v4(read);
        }
        if let Some(read) = igmp::Message::parse(&message) {
            let mut out = [0; 200];
            let len = read.emit(&mut out).unwrap();
            prop_assert_eq!(igmp::Message::parse(&out[..len]), Some(read));
        }
    }
}
