//! Who sees every segment the moment it leaves, and knows what may be in it.

use crate::side::{Sent, byte};
use core::net::IpAddr;
use mainstay_tcp::Seq;
use mainstay_wire::checksum;
use mainstay_wire::ip::Protocol;
use mainstay_wire::tcp::{Flags, Header};

/// What is known of one side.
#[derive(Debug, Default)]
pub(crate) struct Party {
    pub(crate) iss: Option<Seq>,
    shift: Option<u8>,
    mss: u16,
    capacity: u32,
    /// The highest sequence number that left, and the highest that was acknowledged.
    nxt: Seq,
    acked: Option<Seq>,
    /// The highest right edge advertised.
    edge: Option<Seq>,
    fin: Option<Seq>,
    pub(crate) resent: u64,
}

#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) parties: [Party; 2],
    addresses: [IpAddr; 2],
    keys: [u8; 2],
    mtus: [u16; 2],
}

impl Observer {
    pub(crate) fn new(
        addresses: [IpAddr; 2],
        keys: [u8; 2],
        mtus: [u16; 2],
        capacities: [usize; 2],
    ) -> Self {
        let party = |capacity: usize| Party {
            capacity: u32::try_from(capacity).unwrap(),
            ..Party::default()
        };
        Self { parties: capacities.map(party), addresses, keys, mtus }
    }

    /// A segment of side `from` leaves.
    pub(crate) fn look(&mut self, from: usize, sent: &Sent, queued: usize) {
        let bytes = [&sent.header[..], &sent.payload].concat();
        let (source, target) = (self.addresses[from], self.addresses[1 - from]);
        assert!(checksum::verify(source, target, Protocol::TCP.0, &bytes), "a checksum is wrong");
        let (header, len) = Header::parse(&bytes).unwrap();
        assert!(!header.options.malformed, "malformed options");
        let payload = &bytes[len..];
        self.sizes(from, &header, len, payload.len(), sent.unit);
        if header.flags.contains(Flags::RST) {
            return;
        }
        if header.flags.contains(Flags::SYN) {
            self.syn(from, &header, payload);
            return;
        }
        assert!(header.flags.contains(Flags::ACK), "a segment without acknowledgement");
        self.text(from, &header, payload, queued);
        self.acknowledgment(from, &header);
    }

    fn sizes(&self, from: usize, header: &Header, len: usize, payload: usize, unit: Option<u16>) {
        let headers = if self.addresses[0].is_ipv4() { 20 } else { 40 };
        let one = unit.map_or(payload, |unit| payload.min(unit.into()));
        assert!(
            headers + len + one <= usize::from(self.mtus[from]),
            "a packet of {} bytes where {} are allowed: {header:?}",
            headers + len + one,
            self.mtus[from]
        );
        let told = self.parties[1 - from].mss;
        let limit = usize::from(told.max(48)) + 20;
        assert!(told == 0 || len + one <= limit, "more than the peer's MSS of {told}: {header:?}");
    }

    fn syn(&mut self, from: usize, header: &Header, payload: &[u8]) {
        assert!(payload.is_empty() && !header.flags.contains(Flags::FIN), "a SYN with more");
        let party = &mut self.parties[from];
        let start = Seq(header.sequence);
        assert!(party.iss.is_none_or(|iss| iss == start), "another initial sequence number");
        if party.iss.is_none() {
            (party.iss, party.nxt) = (Some(start), start + 1);
        }
        party.shift = header.options.window_scale;
        party.mss = header.options.mss.unwrap_or(0);
        if header.flags.contains(Flags::ACK) {
            let edge = Seq(header.acknowledgment) + u32::from(header.window);
            party.edge = Some(party.edge.map_or(edge, |old| old.later(edge)));
        } else {
            assert!(u32::from(header.window) <= party.capacity.min(65_535), "window of a SYN");
        }
    }

    fn text(&mut self, from: usize, header: &Header, payload: &[u8], queued: usize) {
        let peer = &self.parties[1 - from];
        let first = peer.edge.or_else(|| peer.iss.map(|_| self.first_edge(from)));
        let party = &mut self.parties[from];
        let iss = party.iss.expect("nothing before the SYN");
        let start = Seq(header.sequence);
        let len = u32::try_from(payload.len()).unwrap();
        let end = start + len;
        let fin = header.flags.contains(Flags::FIN);
        assert!(start.at_or_after(iss), "before the beginning: {header:?}");
        assert!(start.at_or_before(party.nxt), "a gap: {header:?} after {:?}", party.nxt);
        let at = (start - iss).wrapping_sub(1) as usize;
        for (place, byte_sent) in payload.iter().enumerate() {
            let want = byte(self.keys[from], at + place);
            assert_eq!(*byte_sent, want, "byte {} is not what was queued", at + place);
        }
        assert!(len == 0 || at + payload.len() <= queued, "more than was queued");
        // One byte beyond a closed window is how its opening is asked for.
        let edge = first.expect("the peer's window is known");
        let asks = len == 1 && start.at_or_before(edge);
        assert!(
            len == 0 || asks || end.at_or_before(edge),
            "beyond the peer's window by {}: {header:?}",
            end - edge
        );
        if fin {
            assert_eq!(at + payload.len(), queued, "the end before the end");
            assert!(party.fin.is_none_or(|old| old == end), "another end");
            party.fin = Some(end);
        }
        assert!(party.fin.is_none_or(|fin| end.at_or_before(fin + 1)), "beyond the end");
        if len > 0 && end.at_or_before(party.nxt) {
            party.resent += 1;
        }
        party.nxt = party.nxt.later(end + u32::from(fin));
    }

    /// The window in the SYN of `from`'s peer, where that had no acknowledgement to count from.
    fn first_edge(&self, from: usize) -> Seq {
        let iss = self.parties[from].iss.unwrap();
        iss + 1 + self.parties[1 - from].capacity.min(65_535)
    }

    fn acknowledgment(&mut self, from: usize, header: &Header) {
        let shifts = (self.parties[0].shift, self.parties[1].shift);
        let peer = &self.parties[1 - from];
        let ack = Seq(header.acknowledgment);
        assert!(ack.at_or_before(peer.nxt), "what was never sent is acknowledged: {header:?}");
        let fin = peer.fin.is_some_and(|fin| ack.after(fin));
        let party = &mut self.parties[from];
        assert!(
            party.acked.is_none_or(|old| ack.at_or_after(old)),
            "an acknowledgement is taken back: {header:?}"
        );
        party.acked = Some(ack);
        let shift = if shifts.0.is_some() && shifts.1.is_some() {
            party.shift.unwrap_or(0).min(14)
        } else {
            0
        };
        let window = u32::from(header.window) << shift;
        assert!(
            window <= party.capacity || fin,
            "a window of {window} where there is room for {}",
            party.capacity
        );
        let edge = ack + window;
        let old = party.edge.unwrap_or(edge);
        // A window that is rounded down seems to shrink by less than its unit (RFC 7323 §2.4).
        let unit = (1_u32 << shift) - 1;
        assert!(
            fin || (edge + unit).at_or_after(old),
            "the right edge moves to the left by {}: {header:?}",
            old - edge
        );
        party.edge = Some(old.later(edge));
    }
}
