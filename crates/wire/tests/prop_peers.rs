//! Two other implementations read what we write as it was meant, and we what they write.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "generated/values.rs"]
mod values;

use core::net::IpAddr;
use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpFragOffset, IpNumber,
    Ipv4Header, Ipv4Options, Ipv6FlowLabel, Ipv6Header, TcpHeader, TcpOptionElement, UdpHeader,
};
use mainstay_wire::ethernet::Mac;
use mainstay_wire::ip::{Dscp, Ecn, Protocol, from_class};
use mainstay_wire::tcp::{self, Flags, Options, SackBlock, Timestamps};
use mainstay_wire::{arp, checksum, icmpv4, icmpv6, ipv4, ipv6, mld, ndp, udp};
use proptest::option::of;
use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, Icmpv6Packet, Icmpv6Repr, Ipv4Packet,
    Ipv6Packet, MldRepr, NdiscNeighborFlags, NdiscPrefixInfoFlags, NdiscPrefixInformation,
    NdiscRepr, NdiscRouterFlags, TcpControl, TcpOption, TcpPacket, TcpRepr, TcpSeqNumber,
    TcpTimestampRepr, UdpPacket, UdpRepr,
};
use values::*;

/// Header and payload of a segment, its checksum right.
fn segment(header: &tcp::Header, addresses: (IpAddr, IpAddr), payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; tcp::HEADER_MAX];
    let len = header.emit(&mut out).unwrap();
    out.truncate(len);
    out.extend_from_slice(payload);
    tcp::write_checksum(addresses.0, addresses.1, &mut out).unwrap();
    out
}

fn flags(set: [bool; 9]) -> Flags {
    let all = [
        Flags::FIN,
        Flags::SYN,
        Flags::RST,
        Flags::PSH,
        Flags::ACK,
        Flags::URG,
        Flags::ECE,
        Flags::CWR,
        Flags::AE,
    ];
    let chosen = all.into_iter().zip(set).filter(|(_, set)| *set);
    chosen.fold(Flags::NONE, |flags, (flag, _)| flags | flag)
}

/// The options as smoltcp reads them, which knows three blocks at most and no cookies.
fn options_of_smoltcp(mut bytes: &[u8]) -> Options {
    let mut options = Options::default();
    while !bytes.is_empty() {
        let (rest, option) = TcpOption::parse(bytes).unwrap();
        match option {
            TcpOption::EndOfList => break,
            TcpOption::NoOperation | TcpOption::Unknown { .. } => {}
            TcpOption::MaxSegmentSize(mss) => options.mss = Some(mss),
            TcpOption::WindowScale(shift) => options.window_scale = Some(shift),
            TcpOption::SackPermitted => options.sack_permitted = true,
            TcpOption::SackRange(ranges) => {
                for (left, right) in ranges.into_iter().flatten() {
                    options.sack.push(SackBlock { left, right });
                }
            }
            TcpOption::TimeStamp { tsval: value, tsecr: echo } => {
                options.timestamps = Some(Timestamps { value, echo });
            }
        }
        bytes = rest;
    }
    options
}

/// As `options`, and as etherparse writes them.
fn elements(options: &Options) -> Vec<TcpOptionElement> {
    let blocks: Vec<_> = options.sack.as_slice().iter().map(|b| (b.left, b.right)).collect();
    let sack = blocks.first().map(|first| {
        let others = [blocks.get(1).copied(), blocks.get(2).copied(), blocks.get(3).copied()];
        TcpOptionElement::SelectiveAcknowledgement(*first, others)
    });
    let times = options.timestamps.map(|t| TcpOptionElement::Timestamp(t.value, t.echo));
    let list = [
        options.sack_permitted.then_some(TcpOptionElement::SelectiveAcknowledgementPermitted),
        sack,
        options.window_scale.map(TcpOptionElement::WindowScale),
        times,
        options.mss.map(TcpOptionElement::MaximumSegmentSize),
    ];
    list.into_iter().flatten().collect()
}

/// Both addresses, of one version or the other.
fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        (v4(), v4()).prop_map(|(a, b)| (a.into(), b.into())),
        (v6(), v6()).prop_map(|(a, b)| (a.into(), b.into())),
    ]
}

/// Only what both peers know.
fn known(options: Options) -> Options {
    Options { fast_open: None, user_timeout: None, ..options }
}

proptest! {
    #[test]
    fn smoltcp_reads_our_segments(
        header in tcp_header(), addresses in addresses(), payload in bytes(100),
    ) {
        let bytes = segment(&header, addresses, &payload);
        let packet = TcpPacket::new_checked(&bytes[..]).unwrap();
        prop_assert!(packet.verify_checksum(&addresses.0.into(), &addresses.1.into()));
        prop_assert_eq!((packet.src_port(), packet.dst_port()), (header.source, header.destination));
        let number = |number: TcpSeqNumber| u32::from_ne_bytes(number.0.to_ne_bytes());
        prop_assert_eq!(number(packet.seq_number()), header.sequence);
        prop_assert_eq!(number(packet.ack_number()), header.acknowledgment);
        prop_assert_eq!((packet.window_len(), packet.urgent_at()), (header.window, header.urgent));
        let set = [
            packet.fin(), packet.syn(), packet.rst(), packet.psh(), packet.ack(), packet.urg(),
            packet.ece(), packet.cwr(), packet.ns(),
        ];
        prop_assert_eq!(flags(set), header.flags);
        prop_assert_eq!(packet.payload(), &payload[..]);
        let mut expected = known(header.options);
        expected.sack = tcp::SackBlocks::EMPTY;
        for block in header.options.sack.as_slice().iter().take(3) {
            expected.sack.push(*block);
        }
        prop_assert_eq!(options_of_smoltcp(packet.options()), expected);
    }

    #[test]
    fn etherparse_reads_our_segments(
        mut header in tcp_header(), addresses in addresses(), payload in bytes(100),
    ) {
        header.options = known(header.options); // it ends at unknown ones
        let bytes = segment(&header, addresses, &payload);
        let (read, rest) = TcpHeader::from_slice(&bytes).unwrap();
        prop_assert_eq!(rest, &payload[..]);
        prop_assert_eq!((read.source_port, read.destination_port), (header.source, header.destination));
        prop_assert_eq!(read.sequence_number, header.sequence);
        prop_assert_eq!(read.acknowledgment_number, header.acknowledgment);
        prop_assert_eq!((read.window_size, read.urgent_pointer), (header.window, header.urgent));
        let set = [
            read.fin, read.syn, read.rst, read.psh, read.ack, read.urg, read.ece, read.cwr, read.ns,
        ];
        prop_assert_eq!(flags(set), header.flags);
        let sum = match addresses {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                read.calc_checksum_ipv4_raw(a.octets(), b.octets(), &payload).unwrap()
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                read.calc_checksum_ipv6_raw(a.octets(), b.octets(), &payload).unwrap()
            }
            (a, b) => panic!("{a} and {b}"),
        };
        prop_assert_eq!(read.checksum, sum);
        let mut theirs: Vec<_> = read.options_iterator().map(Result::unwrap).collect();
        let mut ours = elements(&header.options);
        theirs.retain(|element| *element != TcpOptionElement::Noop);
        theirs.sort_by_key(|element| format!("{element:?}"));
        ours.sort_by_key(|element| format!("{element:?}"));
        prop_assert_eq!(theirs, ours);
    }

    // Covers TCP-371
    #[test]
    fn we_read_the_segments_of_etherparse(
        header in tcp_header(), nops in prop::collection::vec(0_usize..6, 0..4),
    ) {
        let mut theirs = TcpHeader::new(
            header.source, header.destination, header.sequence, header.window,
        );
        theirs.acknowledgment_number = header.acknowledgment;
        theirs.urgent_pointer = header.urgent;
        let has = |flag| header.flags.contains(flag);
        theirs.fin = has(Flags::FIN);
        theirs.syn = has(Flags::SYN);
        theirs.rst = has(Flags::RST);
        theirs.psh = has(Flags::PSH);
        theirs.ack = has(Flags::ACK);
        theirs.urg = has(Flags::URG);
        theirs.ece = has(Flags::ECE);
        theirs.cwr = has(Flags::CWR);
        theirs.ns = has(Flags::AE);
        let mut list = elements(&header.options);
        let plain = list.clone();
        for at in nops {
            list.insert(at.min(list.len()), TcpOptionElement::Noop);
        }
        if theirs.set_options(&list).is_err() {
            theirs.set_options(&plain).unwrap();
        }
        let bytes = theirs.to_bytes();
        let expected = tcp::Header { options: known(header.options), ..header };
        prop_assert_eq!(tcp::Header::parse(&bytes), Some((expected, bytes.len())));
    }

    // Covers TCP-371
    #[test]
    fn we_read_the_segments_of_smoltcp(
        ports: (u16, u16), sequence: i32, acknowledgment in of(any::<i32>()), window: u16,
        mss in of(any::<u16>()), shift in of(any::<u8>()), sack: bool, times in of(any::<(u32, u32)>()),
        ranges in prop::collection::vec(any::<(u32, u32)>(), 0..3), addresses in addresses(),
        payload in bytes(50), syn: bool,
    ) {
        let control = if syn { TcpControl::Syn } else { TcpControl::Psh };
        // It writes ranges only with an acknowledgment.
        let ranges = if syn || acknowledgment.is_none() { Vec::new() } else { ranges };
        let repr = TcpRepr {
            src_port: ports.0.max(1),
            dst_port: ports.1.max(1),
            control,
            seq_number: TcpSeqNumber(sequence),
            ack_number: acknowledgment.map(TcpSeqNumber),
            window_len: window,
            window_scale: shift.filter(|_| syn),
            max_seg_size: mss.filter(|_| syn),
            sack_permitted: sack && syn,
            sack_ranges: [ranges.first().copied(), ranges.get(1).copied(), None],
            timestamp: times.map(|(value, echo)| TcpTimestampRepr::new(value, echo)),
            payload: &payload,
        };
        let mut bytes = vec![0; repr.buffer_len()];
        let capabilities = ChecksumCapabilities::default();
        let (source, destination) = (addresses.0.into(), addresses.1.into());
        let mut packet = TcpPacket::new_unchecked(&mut bytes[..]);
        repr.emit(&mut packet, &source, &destination, &capabilities);
        prop_assert!(checksum::verify(addresses.0, addresses.1, 6, &bytes));
        let (header, len) = tcp::Header::parse(&bytes).unwrap();
        prop_assert_eq!(&bytes[len..], &payload[..]);
        prop_assert_eq!((header.source, header.destination), (repr.src_port, repr.dst_port));
        prop_assert_eq!(header.sequence.to_ne_bytes(), sequence.to_ne_bytes());
        let number = acknowledgment.unwrap_or(0);
        prop_assert_eq!(header.acknowledgment.to_ne_bytes(), number.to_ne_bytes());
        prop_assert_eq!(header.window, window);
        let ack = if acknowledgment.is_some() { Flags::ACK } else { Flags::NONE };
        prop_assert_eq!(header.flags, ack | if syn { Flags::SYN } else { Flags::PSH });
        prop_assert_eq!(header.options.mss, repr.max_seg_size);
        prop_assert_eq!(header.options.window_scale, repr.window_scale);
        prop_assert_eq!(header.options.sack_permitted, repr.sack_permitted);
        let expected = times.map(|(value, echo)| Timestamps { value, echo });
        prop_assert_eq!(header.options.timestamps, expected);
        let blocks = header.options.sack.as_slice().iter().map(|b| (b.left, b.right));
        prop_assert_eq!(blocks.collect::<Vec<_>>(), ranges);
        prop_assert!(!header.options.malformed);
    }

    #[test]
    fn both_read_our_packets_of_version_four(mut header in ipv4_header(), payload in bytes(60)) {
        header.payload_len = u16::try_from(payload.len()).unwrap();
        let mut bytes = vec![0; ipv4::HEADER_MAX];
        let len = header.emit(&mut bytes).unwrap();
        bytes.truncate(len);
        bytes.extend_from_slice(&payload);

        let (read, rest) = Ipv4Header::from_slice(&bytes).unwrap();
        prop_assert_eq!(rest, &payload[..]);
        prop_assert_eq!(read.calc_header_checksum(), read.header_checksum);
        prop_assert_eq!(usize::from(read.total_len), bytes.len());
        let cut = (header.ident, header.dont_fragment, header.more_fragments, header.fragment_offset);
        let offset = read.fragment_offset.byte_offset();
        let theirs = (read.identification, read.dont_fragment, read.more_fragments, offset);
        prop_assert_eq!(theirs, cut);
        let class = (header.dscp.get(), header.ecn.bits());
        prop_assert_eq!((read.dscp.value(), read.ecn.value()), class);
        prop_assert_eq!((read.time_to_live, read.protocol.0), (header.ttl, header.protocol.0));
        prop_assert_eq!(read.source, header.source.octets());
        prop_assert_eq!(read.destination, header.destination.octets());

        let packet = Ipv4Packet::new_checked(&bytes[..]).unwrap();
        prop_assert!(packet.verify_checksum());
        prop_assert_eq!((packet.dscp(), packet.ecn()), class);
        let theirs = (packet.ident(), packet.dont_frag(), packet.more_frags(), packet.frag_offset());
        prop_assert_eq!(theirs, cut);
        prop_assert_eq!(packet.hop_limit(), header.ttl);
        prop_assert_eq!(u8::from(packet.next_header()), header.protocol.0);
        prop_assert_eq!((packet.src_addr(), packet.dst_addr()), (header.source, header.destination));
        prop_assert_eq!(packet.payload(), &payload[..]);
    }

    #[test]
    fn we_read_the_packets_of_etherparse(
        four in ipv4_header(), six in ipv6_header(), words in 0_usize..=10, payload in bytes(60),
    ) {
        let len = u16::try_from(payload.len()).unwrap();
        let mut theirs = Ipv4Header::new(
            len, four.ttl, IpNumber(four.protocol.0), four.source.octets(), four.destination.octets(),
        ).unwrap();
        theirs.dscp = four.dscp.get().try_into().unwrap();
        theirs.ecn = four.ecn.bits().try_into().unwrap();
        theirs.identification = four.ident;
        theirs.dont_fragment = four.dont_fragment;
        theirs.more_fragments = four.more_fragments;
        theirs.fragment_offset = IpFragOffset::try_from(four.fragment_offset / 8).unwrap();
        theirs.options = Ipv4Options::try_from(&vec![1; words * 4][..]).unwrap();
        theirs.set_payload_len(payload.len()).unwrap();
        theirs.header_checksum = theirs.calc_header_checksum();
        let mut bytes = theirs.to_bytes().to_vec();
        bytes.extend_from_slice(&payload);
        let expected = ipv4::Header { payload_len: len, router_alert: false, ..four };
        prop_assert_eq!(ipv4::Header::parse(&bytes), Some((expected, &payload[..])));

        let theirs = Ipv6Header {
            traffic_class: six.dscp.get() << 2 | six.ecn.bits(),
            flow_label: Ipv6FlowLabel::try_new(six.flow_label).unwrap(),
            payload_length: len,
            next_header: IpNumber(six.next.0),
            hop_limit: six.hop_limit,
            source: six.source.octets(),
            destination: six.destination.octets(),
        };
        let mut bytes = theirs.to_bytes().to_vec();
        bytes.extend_from_slice(&payload);
        let expected = ipv6::Header { payload_len: len, ..six };
        prop_assert_eq!(ipv6::Header::parse(&bytes), Some((expected, &payload[..])));
        let mut ours = [0; ipv6::HEADER_LEN];
        expected.emit(&mut ours).unwrap();
        prop_assert_eq!(&ours[..], &bytes[..40]);
    }

    #[test]
    fn smoltcp_reads_our_packets_of_version_six(mut header in ipv6_header(), payload in bytes(60)) {
        header.payload_len = u16::try_from(payload.len()).unwrap();
        let mut bytes = vec![0; ipv6::HEADER_LEN];
        header.emit(&mut bytes).unwrap();
        bytes.extend_from_slice(&payload);
        let packet = Ipv6Packet::new_checked(&bytes[..]).unwrap();
        prop_assert_eq!(from_class(packet.traffic_class()), (header.dscp, header.ecn));
        prop_assert_eq!(packet.flow_label(), header.flow_label);
        prop_assert_eq!(u8::from(packet.next_header()), header.next.0);
        prop_assert_eq!(packet.hop_limit(), header.hop_limit);
        prop_assert_eq!((packet.src_addr(), packet.dst_addr()), (header.source, header.destination));
        prop_assert_eq!(packet.payload(), &payload[..]);
    }

    #[test]
    fn datagrams_are_read_both_ways(
        addresses in addresses(), ports in (1_u16.., 1_u16..), payload in bytes(90),
    ) {
        let header = udp::Header { source: ports.0, destination: ports.1, len: 0, checksum: 0 };
        let mut ours = vec![0; udp::HEADER_LEN];
        header.emit(&mut ours).unwrap();
        ours.extend_from_slice(&payload);
        udp::fill(addresses.0, addresses.1, &mut ours).unwrap();
        let (source, destination) = (addresses.0.into(), addresses.1.into());
        let packet = UdpPacket::new_checked(&ours[..]).unwrap();
        prop_assert!(packet.verify_checksum(&source, &destination));
        let (read, rest) = UdpHeader::from_slice(&ours).unwrap();
        prop_assert_eq!((read.source_port, read.destination_port, rest), (ports.0, ports.1, &payload[..]));

        let repr = UdpRepr { src_port: ports.0, dst_port: ports.1 };
        let mut theirs = vec![0; udp::HEADER_LEN + payload.len()];
        let mut packet = UdpPacket::new_unchecked(&mut theirs[..]);
        let fill = |place: &mut [u8]| place.copy_from_slice(&payload);
        let capabilities = ChecksumCapabilities::default();
        repr.emit(&mut packet, &source, &destination, payload.len(), fill, &capabilities);
        prop_assert!(udp::verify(addresses.0, addresses.1, &theirs));
        prop_assert_eq!(theirs, ours);
    }

    #[test]
    fn arp_is_written_alike(
        request: bool, a: [u8; 6], b: [u8; 6], source in v4(), target in v4(),
    ) {
        let ours = arp::Packet {
            operation: if request { arp::Operation::Request } else { arp::Operation::Reply },
            sender_mac: Mac(a),
            sender: source,
            target_mac: Mac(b),
            target,
        };
        let theirs = ArpRepr::EthernetIpv4 {
            operation: if request { ArpOperation::Request } else { ArpOperation::Reply },
            source_hardware_addr: EthernetAddress(a),
            source_protocol_addr: source,
            target_hardware_addr: EthernetAddress(b),
            target_protocol_addr: target,
        };
        let mut bytes = [0; arp::LEN];
        theirs.emit(&mut ArpPacket::new_unchecked(&mut bytes));
        prop_assert_eq!(arp::Packet::parse(&bytes), Some(ours));
        let mut out = [0; arp::LEN];
        ours.emit(&mut out).unwrap();
        prop_assert_eq!(out, bytes);
    }

    #[test]
    fn echoes_and_errors_are_written_as_etherparse_does(
        ident: u16, sequence: u16, mtu: u16, pointer: u32, data in bytes(80), a in v6(), b in v6(),
    ) {
        let echo = IcmpEchoHeader { id: ident, seq: sequence };
        let ours = icmpv6::Echo { ident, sequence, data: &data };
        let quote = &data[..];
        let four = |ours: icmpv4::Message<'_>, theirs: Icmpv4Type| {
            let mut expected = Icmpv4Header::with_checksum(theirs, &data).to_bytes().to_vec();
            expected.extend_from_slice(&data);
            let mut out = [0; 100];
            let len = ours.emit(&mut out).unwrap();
            assert_eq!(out[..len], expected);
        };
        four(icmpv4::Message::EchoRequest(ours), Icmpv4Type::EchoRequest(echo));
        four(icmpv4::Message::EchoReply(ours), Icmpv4Type::EchoReply(echo));
        four(
            icmpv4::Message::Unreachable { code: icmpv4::TOO_BIG, mtu, quote },
            Icmpv4Type::DestinationUnreachable(
                etherparse::icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: mtu },
            ),
        );
        let six = |ours: icmpv6::Message<'_>, theirs: Icmpv6Type| {
            let head = Icmpv6Header::with_checksum(theirs, a.octets(), b.octets(), &data).unwrap();
            let mut expected = head.to_bytes().to_vec();
            expected.extend_from_slice(&data);
            let mut out = [0; 100];
            let len = ours.emit(a, b, &mut out).unwrap();
            assert_eq!(out[..len], expected);
        };
        six(icmpv6::Message::EchoRequest(ours), Icmpv6Type::EchoRequest(echo));
        six(icmpv6::Message::EchoReply(ours), Icmpv6Type::EchoReply(echo));
        six(
            icmpv6::Message::TooBig { mtu: pointer, quote },
            Icmpv6Type::PacketTooBig { mtu: pointer },
        );
        six(
            icmpv6::Message::ParameterProblem { code: 1, pointer, quote },
            Icmpv6Type::ParameterProblem(etherparse::icmpv6::ParameterProblemHeader {
                code: etherparse::icmpv6::ParameterProblemCode::UnrecognizedNextHeader,
                pointer,
            }),
        );
    }

    #[test]
    fn neighbors_are_understood_both_ways(
        a in v6(), b in v6(), mut target: [u8; 16], link in of(any::<[u8; 6]>()), kind in 0..4,
        set: (bool, bool, bool),
    ) {
        target[0] &= 0x7f;
        let target_addr = target.into();
        let lladdr = link.map(|link| EthernetAddress(link).into());
        let link = link.map(Mac);
        let (theirs, ours) = match kind {
            0 => (
                NdiscRepr::RouterSolicit { lladdr },
                ndp::Message::RouterSolicitation { source_link: link },
            ),
            1 => (
                NdiscRepr::NeighborSolicit { target_addr, lladdr },
                ndp::Message::NeighborSolicitation { target: target_addr, source_link: link },
            ),
            2 => {
                let mut flags = NdiscNeighborFlags::empty();
                flags.set(NdiscNeighborFlags::ROUTER, set.0);
                flags.set(NdiscNeighborFlags::SOLICITED, set.1);
                flags.set(NdiscNeighborFlags::OVERRIDE, set.2);
                let ours = ndp::NeighborAdvertisement {
                    router: set.0, solicited: set.1, overrides: set.2, target: target_addr,
                    target_link: link,
                };
                (
                    NdiscRepr::NeighborAdvert { flags, target_addr, lladdr },
                    ndp::Message::NeighborAdvertisement(ours),
                )
            }
            _ => (
                NdiscRepr::Redirect {
                    target_addr, dest_addr: target_addr, lladdr, redirected_hdr: None,
                },
                ndp::Message::Redirect {
                    target: target_addr, destination: target_addr, target_link: link,
                },
            ),
        };
        both(a, b, Icmpv6Repr::Ndisc(theirs), icmpv6::Message::Ndp(ours));
    }

    #[test]
    fn routers_are_understood_both_ways(
        a in v6(), b in v6(), times: (u8, u16, u32, u32), mtu: u32, prefix in v6(),
        prefix_len in 0_u8..=128, lives: (u32, u32), set: (bool, bool), link: [u8; 6],
    ) {
        let mut flags = NdiscRouterFlags::empty();
        flags.set(NdiscRouterFlags::MANAGED, set.0);
        flags.set(NdiscRouterFlags::OTHER, set.1);
        let seconds = |number: u32| smoltcp::time::Duration::from_secs(number.into());
        let millis = |number: u32| smoltcp::time::Duration::from_millis(number.into());
        let theirs = NdiscRepr::RouterAdvert {
            hop_limit: times.0,
            flags,
            router_lifetime: seconds(times.1.into()),
            reachable_time: millis(times.2),
            retrans_time: millis(times.3),
            lladdr: Some(EthernetAddress(link).into()),
            mtu: Some(mtu),
            prefix_info: Some(NdiscPrefixInformation {
                prefix_len,
                flags: NdiscPrefixInfoFlags::ON_LINK,
                valid_lifetime: seconds(lives.0),
                preferred_lifetime: seconds(lives.1),
                prefix,
            }),
        };
        let list = [
            ndp::NdOption::SourceLink(Mac(link)),
            ndp::NdOption::Mtu(mtu),
            ndp::NdOption::Prefix(ndp::Prefix {
                prefix,
                len: prefix_len,
                on_link: true,
                autonomous: false,
                valid_seconds: lives.0,
                preferred_seconds: lives.1,
            }),
        ];
        let (mut options, mut len) = ([0; 48], 0);
        for option in list {
            len += option.emit(&mut options[len..]).unwrap();
        }
        let ours = ndp::RouterAdvertisement {
            hop_limit: times.0,
            managed: set.0,
            other: set.1,
            preference: ndp::Preference::Medium,
            lifetime_seconds: times.1,
            reachable_millis: times.2,
            retransmit_millis: times.3,
            options: ndp::Options::parse(&options).unwrap(),
        };
        let ours = icmpv6::Message::Ndp(ndp::Message::RouterAdvertisement(ours));
        both(a, b, Icmpv6Repr::Ndisc(theirs), ours);
    }

    #[test]
    fn queries_for_listeners_are_understood_both_ways(
        a in v6(), b in v6(), group in v6(), code: u16, suppress: bool, robustness in 0_u8..8,
        interval_code: u8, sources in prop::collection::vec(any::<[u8; 16]>(), 0..5),
    ) {
        let theirs = MldRepr::Query {
            max_resp_code: code,
            mcast_addr: group,
            s_flag: suppress,
            qrv: robustness,
            qqic: interval_code,
            num_srcs: u16::try_from(sources.len()).unwrap(),
            data: sources.as_flattened(),
        };
        let details = mld::Details { suppress, robustness, interval_code, sources: &sources };
        let ours = mld::Query { max_response_code: code, group, details: Some(details) };
        both(a, b, Icmpv6Repr::Mld(theirs), icmpv6::Message::Mld(mld::Message::Query(ours)));
    }
}

/// Each reads what the other wrote.
fn both(
    a: core::net::Ipv6Addr,
    b: core::net::Ipv6Addr,
    theirs: Icmpv6Repr<'_>,
    ours: icmpv6::Message<'_>,
) {
    let capabilities = ChecksumCapabilities::default();
    let mut bytes = vec![0; theirs.buffer_len()];
    theirs.emit(&a, &b, &mut Icmpv6Packet::new_unchecked(&mut bytes[..]), &capabilities);
    assert_eq!(icmpv6::Message::parse(a, b, &bytes), Some(ours));
    let mut out = [0; 400];
    let len = ours.emit(a, b, &mut out).unwrap();
    let packet = Icmpv6Packet::new_checked(&out[..len]).unwrap();
    assert_eq!(Icmpv6Repr::parse(&a, &b, &packet, &capabilities), Ok(theirs));
}

#[test]
fn the_numbers_of_services_and_marks_are_those_of_etherparse() {
    for bits in 0..4 {
        let ecn = etherparse::IpEcn::try_new(bits).unwrap();
        assert_eq!(Ecn::from_bits(bits).bits(), ecn.value());
    }
    assert_eq!(Dscp::EXPEDITED.get(), 46);
    assert_eq!(Protocol::TCP.0, IpNumber::TCP.0);
}
