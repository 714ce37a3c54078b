//! The header of what leaves, written where it will be sent from.

use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::profile::Profile;
use crate::seq::Seq;
use crate::time::Now;
use crate::transmit::ECN_ATTEMPTS;
use mainstay_wire::tcp::{Cookie, Flags, HEADER_MAX, Header, Plain};

/// Room for any header.
pub(crate) type Head = [u8; HEADER_MAX];

/// What differs between the headers of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) sequence: Seq,
    pub(crate) flags: Flags,
    pub(crate) urgent: u16,
}

impl Mark {
    pub(crate) const fn at(sequence: Seq) -> Self {
        Self { sequence, flags: Flags::NONE, urgent: 0 }
    }
}

impl<P: Profile> Endpoint<P> {
    /// Writes a header with the current acknowledgement and window (TCP-155) and says how long it is; what was owed is
    /// paid with it (TCP-412).
    #[inline(never)]
    pub(crate) fn write_head(&mut self, now: Now, mark: Mark, out: &mut Head) -> usize {
        self.write_head_here(now, mark, out)
    }

    /// The same where many are written.
    #[inline(always)]
    pub(crate) fn write_head_here(&mut self, now: Now, mark: Mark, out: &mut Head) -> usize {
        if !P::BULK || self.reports_blocks() {
            return self.write_any_head(now, mark, out);
        }
        let Some(timestamps) = self.timestamps(now, true) else {
            return self.write_any_head(now, mark, out);
        };
        let plain = Plain {
            source: self.local_port,
            destination: self.peer_port,
            sequence: mark.sequence.0,
            acknowledgment: self.rcv_nxt.0,
            flags: mark.flags | self.standing_flags(),
            window: self.advertise(),
            urgent: mark.urgent,
            timestamps,
        };
        self.acknowledged_peer();
        plain.emit(out).unwrap_or(0)
    }

    /// What every header has, made where it will stand: it is large.
    #[cfg_attr(target_os = "none", inline(never))]
    fn begin_header(&self, header: &mut Header, sequence: Seq, acknowledges: bool) {
        (header.source, header.destination) = (self.local_port, self.peer_port);
        header.sequence = sequence.0;
        header.acknowledgment = if acknowledges { self.rcv_nxt.0 } else { 0 };
    }

    /// With what arrived out of order, or without timestamps.
    #[cfg_attr(not(target_os = "none"), inline(never))]
    #[cfg_attr(target_os = "none", inline)]
    fn write_any_head(&mut self, now: Now, mark: Mark, out: &mut Head) -> usize {
        let mut header = Header::default();
        self.begin_header(&mut header, mark.sequence, true);
        header.flags = mark.flags | self.standing_flags();
        header.window = self.advertise();
        header.urgent = mark.urgent;
        header.options.timestamps = self.timestamps(now, true);
        if self.reports_blocks() {
            self.sack_blocks(&mut header.options.sack);
        }
        self.acknowledged_peer();
        header.emit(out).unwrap_or(0)
    }

    /// The flags of every segment: with the peer's marks echoed until it says so (TCP-302).
    #[inline]
    fn standing_flags(&self) -> Flags {
        if self.is_accurate()
            && let Some(count) = self.count_flags()
        {
            return Flags::ACK | count;
        }
        if self.bits.has(Bits::ECHO) { Flags::ACK | Flags::ECE } else { Flags::ACK }
    }

    /// Our SYN, or the answer to the peer's (TCP-116, TCP-122, TCP-300).
    pub(crate) fn write_syn(&mut self, now: Now, answer: bool, out: &mut Head) -> usize {
        let (mut flags, mut window) = (Flags::SYN, self.first_window());
        if answer {
            flags |= Flags::ACK;
            self.ack_sent = self.rcv_nxt;
            window = u16::try_from(self.rcv_adv.since(self.rcv_nxt)).unwrap_or(u16::MAX);
        }
        if self.retries >= ECN_ATTEMPTS {
            self.bits.unset(Bits::ECN); // something on the way may drop it for that (TCP-300)
        }
        if self.bits.has(Bits::ECN) {
            flags |= self.syn_flags(answer);
        }
        let mut header = Header::default();
        self.begin_header(&mut header, self.una, answer);
        (header.flags, header.window) = (flags, window);
        self.offer(now, answer, &mut header.options);
        if self.bits.has(Bits::FAST_OPEN) && !self.bits.has(Bits::SYN_REPEATED) {
            header.options.fast_open = Some(Cookie::REQUEST); // the engine knows which
        }
        header.emit(out).unwrap_or(0)
    }

    /// The part of the urgent pointer in a header (RFC 9293 §3.8.5, TCP-166).
    pub(crate) fn point_at_urgent(&mut self, mark: &mut Mark) {
        if !self.bits.has(Bits::URGENT_OUT) {
            return;
        }
        let ahead = self.urgent_out.since(mark.sequence);
        if ahead == 0 {
            if self.una.at_or_after(self.urgent_out) {
                self.bits.unset(Bits::URGENT_OUT);
            }
            return;
        }
        mark.flags |= Flags::URG;
        mark.urgent = u16::try_from(ahead).unwrap_or(u16::MAX);
    }

    /// Whether something is to be said about what arrived out of order.
    #[inline]
    pub(crate) fn reports_blocks(&self) -> bool {
        self.bits.has(Bits::DUPLICATE) || self.ring.out_of_order() > 0
    }
}
