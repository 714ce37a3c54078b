//! The seam to TCP: what it asks of the layers below, and what it is told.
//!
//! Segments come up as [`super::Upper`]. They go down through [`Stack::emit_ip`], which writes link and IP header and
//! the segment straight into the driver's buffer: nothing of TCP's waits here. A neighbour being asked for is `Pending`;
//! when [`Stack::changes`] has moved, asking again is worthwhile.

use super::output::{Outgoing, header_len, header_v4, header_v6, link_group};
use super::{Stack, Transmit};
use crate::icmp::ErrorKind;
use crate::interface::{Capabilities, InterfaceId};
use crate::neighbour::{Outcome, Resolution};
use core::net::{IpAddr, SocketAddr};
use mainstay_base::Instant;
use mainstay_wire::ethernet::{Header, Mac};
use mainstay_wire::ip::{Dscp, Ecn, Protocol};
use mainstay_wire::offload::Offload;

/// What the network says about a segment. Who believes it must find the sequence number in flight (TCP-175).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpError {
    /// What became of it.
    pub kind: ErrorKind,
    /// Our end, as quoted.
    pub local: SocketAddr,
    /// The other end, as quoted.
    pub remote: SocketAddr,
    /// The segment's sequence number, as quoted.
    pub sequence: u32,
}

/// How a peer is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The interface the way begins at.
    pub interface: InterfaceId,
    /// The address of ours to use (TCP-025).
    pub source: IpAddr,
    /// The longest packet the path carries, as far as is known: bytes.
    pub mtu: usize,
    /// What the device does for us.
    pub offload: Capabilities,
}

/// What the packet of a segment is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendMeta {
    /// An address of ours.
    pub source: IpAddr,
    /// The peer's.
    pub destination: IpAddr,
    /// The only interface to use, as a link-local peer needs it.
    pub interface: Option<InterfaceId>,
    /// The hop limit, if not that of the configuration.
    pub hop_limit: Option<u8>,
    /// The treatment wished.
    pub dscp: Dscp,
    /// The congestion mark.
    pub ecn: Ecn,
    /// IPv6: constant per connection and hard to guess (TCP-158); 20 bits.
    pub flow_label: u32,
}

/// What became of a segment to be sent.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emitted {
    /// It stands in the buffer.
    Frame(Transmit),
    /// The neighbour is being asked for; nothing was written.
    Pending,
    /// The neighbour was asked for and did not answer, or nobody more can be asked for.
    Unreachable,
    /// No way leads there, or the source is not ours any more.
    NoRoute,
    /// The destination is ours: hand the segment back to where segments come in.
    Local(InterfaceId),
    /// The packet is longer than the path carries, and is no super-segment.
    TooLong {
        /// What the path carries: bytes.
        mtu: usize,
    },
    /// The buffer is too short; nothing has changed.
    NoRoom,
}

impl Stack {
    /// How `destination` is reached, from `source` and over `interface` if they are given; `None`: not at all.
    #[must_use]
    pub fn path(
        &self,
        now: Instant,
        destination: IpAddr,
        source: Option<IpAddr>,
        interface: Option<InterfaceId>,
    ) -> Option<Path> {
        if source.is_some_and(|s| self.owner(s).is_none()) {
            return None;
        }
        if let Some(id) = self.owner(destination) {
            let offload = Capabilities::default();
            let source = source.unwrap_or(destination);
            return Some(Path { interface: id, source, mtu: usize::from(u16::MAX), offload });
        }
        let hop = self.hop(destination, interface)?;
        let options = self.interfaces.get(&hop.interface)?.options;
        let source = source.or_else(|| self.source_for(destination, hop.interface))?;
        let mtu = self.paths.lookup(now, destination, options.mtu);
        Some(Path { interface: hop.interface, source, mtu, offload: options.offload })
    }

    /// Writes a segment, given in pieces that follow each other, behind the headers it needs. Its checksum is the
    /// caller's business, whole or partial; so is where `offload.partial` begins, which is moved here by the headers
    /// written before it.
    pub fn emit_ip(
        &mut self,
        now: Instant,
        meta: &SendMeta,
        segment: &[&[u8]],
        offload: Offload,
        buf: &mut [u8],
    ) -> Emitted {
        if let Some(owner) = self.owner(meta.destination) {
            return Emitted::Local(owner);
        }
        if self.owner(meta.source).is_none() {
            return Emitted::NoRoute;
        }
        let hop = self.hop(meta.destination, meta.interface);
        let Some(hop) = hop else { return Emitted::NoRoute };
        let Some(interface) = self.interfaces.get_mut(&hop.interface) else {
            return Emitted::NoRoute;
        };
        let hop_limit = meta.hop_limit.unwrap_or(self.config.hop_limit);
        let out = outgoing(meta, hop_limit);
        let before = interface.header_len() + header_len(&out);
        let payload_len: usize = segment.iter().map(|piece| piece.len()).sum();
        let len = before + payload_len;
        let mtu = self.paths.lookup(now, meta.destination, interface.options.mtu);
        let most = if offload.gso.is_none() { mtu } else { usize::from(u16::MAX) };
        if header_len(&out) + payload_len > most {
            return Emitted::TooLong { mtu };
        }
        let Some(frame) = buf.get_mut(..len) else { return Emitted::NoRoom };
        let mut asked = Outcome::default();
        let to = match link_group(interface, hop.next) {
            Some(to) => to,
            None => match interface.neighbours.resolve(now, hop.next, &mut asked) {
                Resolution::Known(mac) => mac,
                Resolution::Pending => {
                    self.carry_out(now, hop.interface, asked);
                    return Emitted::Pending;
                }
                Resolution::Absent | Resolution::Full => return Emitted::Unreachable,
            },
        };
        let link = interface.mac().map(|source| (source, to));
        if write(frame, link, (&out, meta.flow_label), segment).is_none() {
            return Emitted::NoRoute;
        }
        let mut offload = offload;
        if let Some(partial) = &mut offload.partial {
            partial.start = partial.start.saturating_add(u16::try_from(before).unwrap_or(u16::MAX));
        }
        crate::error::increase(&mut self.counters.frames_out);
        Emitted::Frame(Transmit { interface: hop.interface, len, offload })
    }

    /// TCP believes a Too Big: whatever goes there is to be shorter (TCP-178). What is told may be forged below the
    /// floors, which hold here.
    pub fn learn_mtu(&mut self, now: Instant, destination: IpAddr, told: u32) {
        // RFC 1191 §5: a router that does not say has some small MTU; the floor is the guess that always works.
        let told = usize::try_from(told).unwrap_or(usize::MAX);
        if self.paths.learn(now, destination, told).is_some() {
            self.changes += 1;
        }
    }

    /// TCP heard new acknowledgements from `destination`: the neighbour on the way there is alive (RFC 4861 §7.3.1).
    pub fn confirm_reachable(&mut self, now: Instant, destination: IpAddr) {
        let Some(hop) = self.hop(destination, None) else { return };
        if let Some(interface) = self.interfaces.get_mut(&hop.interface) {
            interface.neighbours.confirm(now, &mut self.rng, hop.next);
        }
    }

    /// Moves whenever a neighbour was found or lost, or an address, a route, an interface or a path changed.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }
}

/// The packet of a segment is never cut by routers (TCP-158).
const fn outgoing(meta: &SendMeta, hop_limit: u8) -> Outgoing {
    Outgoing {
        source: meta.source,
        destination: meta.destination,
        protocol: Protocol::TCP,
        hop_limit,
        dscp: meta.dscp,
        ecn: meta.ecn,
        dont_fragment: true,
        router_alert: false,
    }
}

fn write(
    frame: &mut [u8],
    link: Option<(Mac, Mac)>,
    (out, flow_label): (&Outgoing, u32),
    segment: &[&[u8]],
) -> Option<()> {
    let mut rest = frame;
    if let Some((source, destination)) = link {
        let ethertype = Stack::ethertype(out.destination);
        let header = Header { destination, source, tag: None, ethertype };
        let len = header.emit(rest)?;
        rest = rest.get_mut(len..)?;
    }
    let payload_len = segment.iter().map(|piece| piece.len()).sum();
    let len = match (out.source, out.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            header_v4(out, source, destination, payload_len)?.emit(rest)?
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = header_v6(out, source, destination, payload_len)?;
            header.flow_label = flow_label;
            header.emit(rest)?
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    rest = rest.get_mut(len..)?;
    for piece in segment {
        let (place, after) = rest.split_at_mut_checked(piece.len())?;
        place.copy_from_slice(piece);
        rest = after;
    }
    Some(())
}
