//! Super-segments taken apart in software, for links that cannot (TCP-605).
//!
//! The headers and the payload come as they would go to a device that can; out come the packets it would have sent.

use crate::checksum::{self, Checksum};
use crate::ip::Protocol;
use crate::tcp::{self, Flags};
use crate::{ipv4, ipv6};
use core::net::IpAddr;

/// Where total length, identification and checksum stand in an IPv4 header. RFC 791 §3.1
const V4_LEN: usize = 2;
const V4_IDENT: usize = 4; // RFC 791 §3.1
const V4_CHECKSUM: usize = 10; // RFC 791 §3.1
const V6_LEN: usize = 4; // RFC 8200 §3
const SEQUENCE: usize = 4; // RFC 9293 §3.1
const FLAGS: usize = 12; // RFC 9293 §3.1

/// Stand only on the last segment (TCP-600).
const LAST_ONLY: Flags = Flags::FIN.with(Flags::PSH);
/// Stand only on the first segment (TCP-600).
const FIRST_ONLY: Flags = Flags::CWR;
/// What has one of these is never cut (TCP-601).
const WHOLE_ONLY: Flags = Flags::SYN.with(Flags::RST).with(Flags::URG);

/// A super-segment being taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// Of link, network and transport.
    headers: &'a [u8],
    payload: &'a [&'a [u8]],
    /// Where the network header begins.
    network: usize,
    /// Where the transport header begins.
    transport: usize,
    /// Bytes of payload in each packet but the last.
    size: usize,
    version: Version,
    source: IpAddr,
    destination: IpAddr,
    sequence: u32,
    flags: Flags,
    /// Bytes of payload that are out, and bytes that are not.
    sent: usize,
    left: usize,
    /// The last packet is out.
    done: bool,
}

#[derive(Clone, Copy, Debug)]
enum Version {
    V4 { ident: u16, counts: bool },
    V6,
}

impl<'a> Split<'a> {
    /// Begins with headers that end where the payload begins, whose network header begins at `network`, and whose lengths,
    /// checksums and identification are those of the whole; each packet but the last gets `size` bytes of the payload.
    ///
    /// `None` if this is not TCP over IP, not whole (a fragment), or must not be cut (TCP-601).
    #[must_use]
    pub fn new(
        headers: &'a [u8],
        network: usize,
        payload: &'a [&'a [u8]],
        size: u16,
    ) -> Option<Self> {
        let packet = headers.get(network..)?;
        let (version, source, destination, network_len) = network_header(packet)?;
        let transport = network.checked_add(network_len)?;
        let (header, len) = tcp::Header::parse(headers.get(transport..)?)?;
        let left = payload.iter().try_fold(0_usize, |sum, slice| sum.checked_add(slice.len()))?;
        let size = usize::from(size);
        let longest = packet.len().checked_add(left.min(size))?;
        let must_stay = left > size && header.flags.intersects(WHOLE_ONLY);
        let wrong = size == 0 || transport.checked_add(len)? != headers.len();
        if wrong || must_stay || longest > usize::from(u16::MAX) {
            return None;
        }
        Some(Self {
            headers,
            payload,
            network,
            transport,
            size,
            version,
            source,
            destination,
            sequence: header.sequence,
            flags: header.flags,
            sent: 0,
            left,
            done: false,
        })
    }

    /// Writes the next packet, link header included, and says how long it is; `None` after the last one.
    ///
    /// `None` also if `out` is shorter than [`Split::next_len`], and then nothing has changed.
    #[must_use]
    pub fn next_packet(&mut self, out: &mut [u8]) -> Option<usize> {
        let out = out.get_mut(..self.next_len()?)?;
        let (headers, place) = out.split_at_mut_checked(self.headers.len())?;
        headers.copy_from_slice(self.headers);
        copy(self.payload, self.sent, place);
        let len = place.len();
        let last = len == self.left;
        let network = headers.get_mut(self.network..)?;
        let transport_len = out_len(self.headers, self.transport, len)?;
        self.patch_network(network, out_len(self.headers, self.network, len)?)?;
        let segment = out.get_mut(self.transport..)?;
        self.patch_transport(segment, transport_len, last)?;
        self.version = self.version.next();
        self.sequence = self.sequence.wrapping_add(u32::try_from(len).ok()?);
        self.sent = self.sent.saturating_add(len);
        self.left = self.left.saturating_sub(len);
        self.done = last;
        Some(out.len())
    }

    /// How long the next packet is; `None` after the last one.
    #[must_use]
    pub fn next_len(&self) -> Option<usize> {
        let len = self.headers.len().saturating_add(self.left.min(self.size));
        (!self.done).then_some(len)
    }

    fn patch_network(&self, header: &mut [u8], len: u16) -> Option<()> {
        match self.version {
            Version::V4 { ident, .. } => {
                store(header, V4_LEN, len.to_be_bytes())?;
                store(header, V4_IDENT, ident.to_be_bytes())?;
                store(header, V4_CHECKSUM, [0; 2])?;
                let own = header.get(..self.transport.checked_sub(self.network)?)?;
                let sum = checksum::of(own);
                store(header, V4_CHECKSUM, sum.to_be_bytes())
            }
            Version::V6 => {
                let len = usize::from(len).checked_sub(ipv6::HEADER_LEN)?;
                store(header, V6_LEN, u16::try_from(len).ok()?.to_be_bytes())
            }
        }
    }

    fn patch_transport(&self, segment: &mut [u8], len: u16, last: bool) -> Option<()> {
        let mut flags = self.flags;
        if !last {
            flags = flags.without(LAST_ONLY);
        }
        if self.sent != 0 {
            flags = flags.without(FIRST_ONLY);
        }
        let [offset, _] = *segment.get(FLAGS..)?.first_chunk()?;
        let [high, low] = flags.to_bytes();
        store(segment, FLAGS, [offset & 0xf0 | high, low])?;
        store(segment, SEQUENCE, self.sequence.to_be_bytes())?;
        store(segment, tcp::CHECKSUM_OFFSET, [0; 2])?;
        let protocol = Protocol::TCP.0;
        let mut sum = Checksum::pseudo(self.source, self.destination, protocol, len.into());
        sum.add(segment);
        store(segment, tcp::CHECKSUM_OFFSET, sum.finish().to_be_bytes())
    }
}

impl Version {
    /// Of the packet after this one. RFC 6864 §4.1 lets packets that are never cut do without a count.
    const fn next(self) -> Self {
        match self {
            Self::V4 { ident, counts: true } => {
                Self::V4 { ident: ident.wrapping_add(1), counts: true }
            }
            Self::V4 { ident, counts: false } => Self::V4 { ident, counts: false },
            Self::V6 => Self::V6,
        }
    }
}

/// Version, addresses and length of everything before the TCP header.
fn network_header(packet: &[u8]) -> Option<(Version, IpAddr, IpAddr, usize)> {
    if let Some((header, _)) = ipv6::Header::parse_quote(packet) {
        let rest = packet.get(ipv6::HEADER_LEN..)?;
        let chain = ipv6::walk(header.next, rest, ipv6::HEADER_LEN).ok()?;
        let whole = chain.fragment.is_none() && chain.protocol == Protocol::TCP;
        let len = ipv6::HEADER_LEN.checked_add(chain.offset)?;
        return whole.then_some((
            Version::V6,
            header.source.into(),
            header.destination.into(),
            len,
        ));
    }
    let (header, _) = ipv4::Header::parse_quote(packet)?;
    let whole = !header.is_fragment() && header.protocol == Protocol::TCP;
    let counts = !header.dont_fragment || header.ident != 0;
    let version = Version::V4 { ident: header.ident, counts };
    let len = usize::from(packet.first()? & 15).saturating_mul(4);
    whole.then_some((version, header.source.into(), header.destination.into(), len))
}

/// What a length field says that counts from `from` on.
fn out_len(headers: &[u8], from: usize, payload: usize) -> Option<u16> {
    u16::try_from(headers.len().checked_sub(from)?.checked_add(payload)?).ok()
}

fn store<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) -> Option<()> {
    *bytes.get_mut(at..)?.first_chunk_mut()? = value;
    Some(())
}

/// Fills `place` from the slices, `skip` bytes stepped over.
fn copy(slices: &[&[u8]], mut skip: usize, mut place: &mut [u8]) {
    for slice in slices {
        let from = slice.get(skip..).unwrap_or_default();
        skip = skip.saturating_sub(slice.len());
        let len = from.len().min(place.len());
        let (Some(from), Some((to, rest))) = (from.get(..len), place.split_at_mut_checked(len))
        else {
            return;
        };
        to.copy_from_slice(from);
        place = rest;
        if place.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::verify;
    use crate::ip::{Dscp, Ecn};
    use core::net::Ipv4Addr;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn headers(ident: u16, dont_fragment: bool, flags: Flags) -> [u8; 40] {
        let mut out = [0; 40];
        let network = ipv4::Header {
            dscp: Dscp::DEFAULT,
            ecn: Ecn::Ect0,
            ident,
            dont_fragment,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 64,
            protocol: Protocol::TCP,
            source: A,
            destination: A,
            router_alert: false,
            payload_len: 25,
        };
        let len = network.emit(&mut out).unwrap();
        let transport = tcp::Header { sequence: 0xffff_fffe, flags, ..tcp::Header::default() };
        transport.emit(&mut out[len..]).unwrap();
        out
    }

    /// Number, flags, identification and payload of each packet.
    fn split(headers: &[u8], mut check: impl FnMut(usize, tcp::Header, ipv4::Header, &[u8])) {
        let mut split = Split::new(headers, 0, &[b"he", b"", b"llo"], 2).unwrap();
        let mut out = [0; 60];
        let mut count = 0;
        while let Some(len) = split.next_len() {
            assert_eq!(split.next_packet(&mut out[..len - 1]), None);
            assert_eq!(split.next_packet(&mut out), Some(len));
            let (network, segment) = ipv4::Header::parse(&out[..len]).unwrap();
            assert!(verify(A.into(), A.into(), 6, segment));
            let (transport, len) = tcp::Header::parse(segment).unwrap();
            check(count, transport, network, &segment[len..]);
            count += 1;
        }
        assert_eq!((count, split.next_packet(&mut out)), (3, None));
    }

    // Covers TCP-600, TCP-605
    #[test]
    fn three_packets_come_of_five_bytes_by_two() {
        let all = Flags::ACK | Flags::PSH | Flags::FIN | Flags::CWR | Flags::ECE;
        split(&headers(0xffff, true, all), |n, transport, network, payload| {
            let flags = [
                Flags::ACK | Flags::CWR | Flags::ECE,
                Flags::ACK | Flags::ECE,
                Flags::ACK | Flags::ECE | Flags::FIN | Flags::PSH,
            ];
            assert_eq!(transport.flags, flags[n]);
            assert_eq!(transport.sequence, [0xffff_fffe, 0, 2][n]);
            assert_eq!(network.ident, [0xffff, 0, 1][n]);
            assert_eq!(network.ecn, Ecn::Ect0);
            assert_eq!(payload, [&b"he"[..], b"ll", b"o"][n]);
        });
    }

    #[test]
    fn packets_that_are_never_cut_need_no_count() {
        split(&headers(0, true, Flags::ACK), |_, _, network, _| assert_eq!(network.ident, 0));
        split(&headers(0, false, Flags::ACK), |n, _, network, _| {
            assert_eq!(usize::from(network.ident), n);
        });
    }

    #[test]
    fn a_segment_without_payload_is_one_packet() {
        let headers = headers(1, true, Flags::SYN);
        let mut split = Split::new(&headers, 0, &[], 1).unwrap();
        let mut out = [0; 40];
        assert_eq!(split.next_packet(&mut out), Some(40));
        assert_eq!(split.next_len(), None);
    }

    #[test]
    fn what_is_not_whole_or_must_stay_whole_is_not_taken_apart() {
        let good = headers(1, false, Flags::ACK);
        let new = |headers: &[u8], size| Split::new(headers, 0, &[&[1; 5]], size).map(|_| ());
        assert_eq!(new(&good, 2), Some(()));
        assert_eq!(new(&good, 0), None);
        assert_eq!(new(&good[..39], 2), None);
        for flags in [Flags::SYN, Flags::RST, Flags::URG] {
            assert_eq!(new(&headers(1, false, flags), 2), None);
            assert_eq!(new(&headers(1, false, flags), 5), Some(()));
        }
        let changed = |at: usize, value| {
            let mut headers = good;
            headers[at] = value;
            new(&headers, 2)
        };
        assert_eq!(changed(6, 0x20), None); // a fragment
        assert_eq!(changed(9, 17), None); // UDP
        assert_eq!(changed(32, 0x60), None); // payload among the headers
    }
}
