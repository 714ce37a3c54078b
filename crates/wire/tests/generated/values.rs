//! Headers of every shape, for more than one file of tests.

use core::net::{Ipv4Addr, Ipv6Addr};
use mainstay_wire::ip::{Dscp, Ecn, Protocol};
use mainstay_wire::tcp::{self, Cookie, Flags, Options, SackBlock, Timestamps, UserTimeout};
use mainstay_wire::{ipv4, ipv6};
use proptest::option::of;
use proptest::prelude::*;

pub(crate) fn v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<[u8; 4]>().prop_map(Ipv4Addr::from)
}

pub(crate) fn v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<[u8; 16]>().prop_map(Ipv6Addr::from)
}

pub(crate) fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=max)
}

fn class() -> impl Strategy<Value = (Dscp, Ecn)> {
    any::<u8>().prop_map(mainstay_wire::ip::from_class)
}

pub(crate) fn ipv4_header() -> impl Strategy<Value = ipv4::Header> {
    let cut = (any::<u16>(), any::<bool>(), any::<bool>(), 0_u16..0x2000);
    (class(), cut, any::<u8>(), any::<u8>(), v4(), v4(), any::<bool>()).prop_map(
        |((dscp, ecn), cut, ttl, protocol, source, destination, router_alert)| {
            let (ident, dont_fragment, more_fragments, offset) = cut;
            ipv4::Header {
                dscp,
                ecn,
                ident,
                dont_fragment,
                more_fragments,
                fragment_offset: offset * 8,
                ttl,
                protocol: Protocol(protocol),
                source,
                destination,
                router_alert,
                payload_len: 0,
            }
        },
    )
}

pub(crate) fn ipv6_header() -> impl Strategy<Value = ipv6::Header> {
    (class(), 0_u32..1 << 20, any::<u8>(), any::<u8>(), v6(), v6()).prop_map(
        |((dscp, ecn), flow_label, next, hop_limit, source, destination)| ipv6::Header {
            dscp,
            ecn,
            flow_label,
            next: Protocol(next),
            hop_limit,
            source,
            destination,
            payload_len: 0,
        },
    )
}

fn timestamps() -> impl Strategy<Value = Option<Timestamps>> {
    of(any::<(u32, u32)>().prop_map(|(value, echo)| Timestamps { value, echo }))
}

fn user_timeout() -> impl Strategy<Value = Option<UserTimeout>> {
    of((any::<bool>(), 0_u16..0x8000).prop_map(|(minutes, value)| UserTimeout { minutes, value }))
}

/// With a cookie that leaves room for everything else.
fn syn_options() -> impl Strategy<Value = Options> {
    let cookie = (any::<[u8; 14]>(), prop::sample::select(vec![0_usize, 4, 6, 8, 10, 12, 14]))
        .prop_map(|(bytes, len)| Cookie::new(&bytes[..len]).unwrap());
    (of(any::<u16>()), of(any::<u8>()), any::<bool>(), timestamps(), of(cookie), user_timeout())
        .prop_map(|(mss, window_scale, sack_permitted, timestamps, fast_open, user_timeout)| {
            Options {
                mss,
                window_scale,
                sack_permitted,
                timestamps,
                fast_open,
                user_timeout,
                ..Options::default()
            }
        })
}

/// With as many blocks as fit beside everything else.
fn other_options() -> impl Strategy<Value = Options> {
    let blocks = prop::collection::vec(any::<(u32, u32)>(), 0..=4);
    (timestamps(), user_timeout(), blocks).prop_map(|(timestamps, user_timeout, blocks)| {
        let mut options = Options { timestamps, user_timeout, ..Options::default() };
        let taken =
            if timestamps.is_some() { 12 } else { 0 } + if user_timeout.is_some() { 4 } else { 0 };
        for (left, right) in blocks.into_iter().take((36 - taken) / 8) {
            options.sack.push(SackBlock { left, right });
        }
        options
    })
}

pub(crate) fn tcp_header() -> impl Strategy<Value = tcp::Header> {
    let fixed = any::<(u16, u16, u32, u32, [u8; 2], u16, u16)>();
    (fixed, syn_options(), other_options()).prop_map(|(fixed, syn, other)| {
        let (source, destination, sequence, acknowledgment, flags, window, urgent) = fixed;
        let flags = Flags::from_bytes(flags);
        let options = if flags.contains(Flags::SYN) { syn } else { other };
        tcp::Header {
            source,
            destination,
            sequence,
            acknowledgment,
            flags,
            window,
            urgent,
            options,
        }
    })
}
