//! What goes out: the stack's own packets first, then segments, each behind the headers it needs.

use super::{Network, Waiting};
use crate::interface::InterfaceId;
use crate::stack::{self, Emitted, SendMeta, Transmit};
use mainstay_base::Instant;
use mainstay_tcp::queue::SLICES_MAX;
use mainstay_tcp::{IcmpError, IcmpKind, Soft, Summed, Tuple};
use mainstay_wire::ip::Dscp;
use mainstay_wire::offload::{Gso, GsoKind, Offload, Partial};
use mainstay_wire::tcp::{CHECKSUM_OFFSET, Flags, Header};

impl Network {
    /// A buffer of this size takes whatever [`poll_transmit`](Self::poll_transmit) has: a packet of 64 KiB and a link's
    /// header.
    pub const MAX_TRANSMIT: usize = 65_535 + stack::Stack::HEADER_MAX;

    /// Writes the next frame into `buf`, which must have [`MAX_TRANSMIT`](Self::MAX_TRANSMIT) bytes; `None` if there is
    /// none.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<Transmit> {
        if buf.len() < Self::MAX_TRANSMIT {
            return None; // a segment once taken from TCP cannot be put back
        }
        if let Some(out) = self.stack.poll_transmit(now, buf) {
            return Some(out);
        }
        if let Some(out) = self.retry(now, buf) {
            return Some(out);
        }
        // Each pass takes one segment from TCP, which has only so many.
        loop {
            let out = self.next_segment(now, buf)?;
            if let Some(out) = out {
                return Some(out);
            }
            if let Some(out) = self.stack.poll_transmit(now, buf) {
                return Some(out); // the question for the neighbour
            }
        }
    }

    /// Takes one segment from TCP; `Some(None)` if nothing came of it for the wire.
    fn next_segment(&mut self, now: Instant, buf: &mut [u8]) -> Option<Option<Transmit>> {
        let out = self.engine.poll_transmit(now);
        let out = out.as_ref()?; // where it stands: it need not be moved
        let meta = SendMeta {
            source: out.source,
            destination: out.destination,
            interface: None,
            hop_limit: Some(out.hop_limit),
            dscp: Dscp::new(out.dscp),
            ecn: out.ecn,
            flow_label: out.flow_label,
        };
        let offload = offload(out);
        let mut pieces: [&[u8]; SLICES_MAX + 1] = [&[]; SLICES_MAX + 1];
        pieces[0] = out.header;
        let payload = out.payload.as_slice();
        pieces[1..=payload.len()].copy_from_slice(payload);
        let pieces = &pieces[..=payload.len()];
        let header_len = out.header.len();
        match self.stack.emit_ip(now, &meta, pieces, offload, buf) {
            Emitted::Frame(frame) => Some(Some(finished(frame, header_len))),
            Emitted::Pending => {
                let segment = pieces.concat();
                self.wait(Waiting { meta, offload, segment });
                Some(None)
            }
            Emitted::Local(interface) => {
                let segment = pieces.concat();
                self.loop_back(now, interface, &meta, &segment);
                Some(None)
            }
            refused @ (Emitted::Unreachable
            | Emitted::NoRoute
            | Emitted::TooLong { .. }
            | Emitted::NoRoom) => {
                let header = Header::parse(out.header).map(|(header, _)| header);
                self.refused(now, &meta, header, refused);
                Some(None)
            }
        }
    }

    /// A segment waits for its neighbour, if there is room.
    fn wait(&mut self, waiting: Waiting) {
        if self.waiting_bytes + waiting.segment.len() > self.config.waiting_bytes_max {
            self.unreachable = self.unreachable.saturating_add(1);
            return;
        }
        self.waiting_bytes += waiting.segment.len();
        self.waiting.push_back(waiting);
    }

    /// Tries those that wait again, once something below has changed.
    fn retry(&mut self, now: Instant, buf: &mut [u8]) -> Option<Transmit> {
        if self.waiting.is_empty() || self.changes == self.stack.changes() {
            return None;
        }
        for _ in 0..self.waiting.len() {
            let waiting = self.waiting.pop_front()?;
            self.waiting_bytes -= waiting.segment.len();
            let header = Header::parse(&waiting.segment);
            let header_len = header.map_or(0, |(_, len)| len);
            let out =
                self.stack.emit_ip(now, &waiting.meta, &[&waiting.segment], waiting.offload, buf);
            match out {
                Emitted::Frame(frame) => return Some(finished(frame, header_len)),
                Emitted::Pending => self.wait(waiting),
                Emitted::Local(interface) => {
                    self.loop_back(now, interface, &waiting.meta, &waiting.segment);
                }
                refused @ (Emitted::Unreachable
                | Emitted::NoRoute
                | Emitted::TooLong { .. }
                | Emitted::NoRoom) => {
                    self.refused(now, &waiting.meta, header.map(|(header, _)| header), refused);
                }
            }
        }
        self.changes = self.stack.changes();
        None
    }

    /// A segment from us to us.
    fn loop_back(&mut self, now: Instant, interface: InterfaceId, meta: &SendMeta, segment: &[u8]) {
        let meta = stack::Meta {
            interface,
            source: meta.source,
            destination: meta.destination,
            ecn: meta.ecn,
            dscp: meta.dscp,
            hop_limit: u8::MAX,
            checksum_ok: true, // it never left our memory (TCP-613)
            gso_size: 0,
        };
        self.handle_segment(now, &meta, segment);
    }

    /// Tells the connection why its segment did not leave.
    fn refused(&mut self, now: Instant, meta: &SendMeta, header: Option<Header>, why: Emitted) {
        self.unreachable = self.unreachable.saturating_add(1);
        let Some(header) = header else { return };
        let kind = match why {
            Emitted::TooLong { mtu } => {
                IcmpKind::TooBig { mtu: u16::try_from(mtu).unwrap_or(u16::MAX) }
            }
            Emitted::Frame(_)
            | Emitted::Pending
            | Emitted::Unreachable
            | Emitted::NoRoute
            | Emitted::Local(_)
            | Emitted::NoRoom => IcmpKind::Soft(Soft::Unreachable),
        };
        let tuple = Tuple::new(
            (meta.source, header.source).into(),
            (meta.destination, header.destination).into(),
        );
        let _verdict =
            self.engine.handle_icmp(now, &IcmpError { tuple, sequence: header.sequence, kind });
    }
}

/// What the device is to do to a segment, with places relative to its first byte.
fn offload(out: &mainstay_tcp::Transmit<'_>) -> Offload {
    let partial = (out.summed == Summed::Partial)
        .then(|| Partial { start: 0, offset: u16::try_from(CHECKSUM_OFFSET).unwrap_or(0) });
    let gso = out.unit.map(|size| Gso {
        kind: if out.source.is_ipv4() { GsoKind::TcpV4 } else { GsoKind::TcpV6 },
        ecn: Header::parse(out.header).is_some_and(|(h, _)| h.flags.contains(Flags::CWR)),
        header_len: 0,
        size,
    });
    Offload { partial, verified: false, gso }
}

/// Where the headers end is known once they are written.
fn finished(mut frame: Transmit, header_len: usize) -> Transmit {
    if let (Some(gso), Some(partial)) = (&mut frame.offload.gso, &frame.offload.partial) {
        gso.header_len = partial.start.saturating_add(u16::try_from(header_len).unwrap_or(0));
    }
    frame
}
