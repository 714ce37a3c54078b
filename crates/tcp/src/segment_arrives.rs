//! What a segment does to a connection: RFC 9293 §3.10.7, step by step, with RFC 5961 and RFC 7323.

use crate::bits::Bits;
use crate::endpoint::{Endpoint, clamp};
use crate::event::{Disconnected, State};
use crate::limits::PAWS_SPANS;
use crate::losses::Losses as _;
use crate::profile::Profile;
use crate::seq::Seq;
use crate::time::{Now, later};
use crate::timers::{Slot, Watch};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, Header, Plain, SackBlock, Timestamps};

/// A segment whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) sequence: Seq,
    pub(crate) acknowledgment: Seq,
    pub(crate) flags: Flags,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    pub(crate) timestamps: Option<Timestamps>,
    pub(crate) sack: &'a [SackBlock],
    /// All of it; a plain one has no more than what stands here.
    pub(crate) header: Option<&'a Header>,
    pub(crate) payload: &'a [u8],
    pub(crate) ecn: Ecn,
    /// What the wire carried in one packet, if a device joined several (TCP-604).
    pub(crate) unit: Option<u16>,
}

impl<'a> Segment<'a> {
    pub(crate) fn new(header: &'a Header, payload: &'a [u8], ecn: Ecn, unit: Option<u16>) -> Self {
        Self {
            sequence: Seq(header.sequence),
            acknowledgment: Seq(header.acknowledgment),
            flags: header.flags,
            window: header.window,
            urgent: header.urgent,
            timestamps: header.options.timestamps,
            sack: header.options.sack.as_slice(),
            header: Some(header),
            payload,
            ecn,
            unit,
        }
    }

    /// Which timestamp of ours it echoes.
    pub(crate) fn echo(&self) -> Option<u32> {
        self.timestamps.map(|stamps| stamps.echo)
    }

    #[inline(always)]
    pub(crate) fn plain(plain: &Plain, payload: &'a [u8], ecn: Ecn, unit: Option<u16>) -> Self {
        Self {
            sequence: Seq(plain.sequence),
            acknowledgment: Seq(plain.acknowledgment),
            flags: plain.flags,
            window: plain.window,
            urgent: plain.urgent,
            timestamps: Some(plain.timestamps),
            sack: &[],
            header: None,
            payload,
            ecn,
            unit,
        }
    }
}

/// Why a segment was not taken; each has a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// Too short, or longer than itself (TCP-100).
    Malformed,
    /// The checksum is wrong.
    Checksum,
    /// From or to an address or port that cannot be (TCP-100, TCP-101).
    Address,
    /// Nobody here is meant, and nothing is to be answered.
    Stranger,
    /// Not acceptable where it stands (TCP-131).
    Window,
    /// Older than what came before (TCP-130).
    Old,
    /// It acknowledges what cannot be (TCP-136).
    Acknowledgment,
    /// Flags that make no sense here (TCP-104, TCP-123).
    Flags,
    /// A reset that is not exactly where it should be (TCP-133).
    Reset,
    /// A SYN where there is a connection already (TCP-134).
    Syn,
    /// There was no room to answer or to remember it.
    Overload,
}

impl Ignored {
    /// All of them, in the order of their numbers. Only ever appended to.
    pub const ALL: &'static [Self] = &[
        Self::Malformed,
        Self::Checksum,
        Self::Address,
        Self::Stranger,
        Self::Window,
        Self::Old,
        Self::Acknowledgment,
        Self::Flags,
        Self::Reset,
        Self::Syn,
        Self::Overload,
    ];
}

/// What comes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Taken,
    Dropped(Ignored),
    /// Taken no further; answered by a reset with this sequence number (RFC 9293 §3.10.7.4).
    Reset(Seq),
}

/// A step said: go on, or this is what comes of it.
type Step = Result<(), Arrival>;

impl<P: Profile> Endpoint<P> {
    /// A segment for this connection.
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn handle_segment(&mut self, now: Now, segment: &Segment<'_>) -> Arrival {
        let result = if self.state == State::SynSent {
            self.arrives_in_syn_sent(now, segment)
        } else {
            self.arrives(now, segment)
        };
        match result {
            Ok(()) => Arrival::Taken,
            Err(arrival) => arrival,
        }
    }

    /// RFC 9293 §3.10.7.3.
    fn arrives_in_syn_sent(&mut self, now: Now, segment: &Segment<'_>) -> Step {
        let (flags, ack) = (segment.flags, segment.acknowledgment);
        let acknowledges = flags.contains(Flags::ACK);
        if acknowledges && !(self.una.before(ack) && ack.at_or_before(self.nxt)) {
            let reset = flags.contains(Flags::RST);
            return Err(if reset { Arrival::Dropped(Ignored::Reset) } else { Arrival::Reset(ack) });
        }
        if flags.contains(Flags::RST) {
            if !acknowledges {
                return Err(Arrival::Dropped(Ignored::Reset));
            }
            self.terminate(Disconnected::Refused);
            return Ok(());
        }
        let Some(header) = segment.header.filter(|_| flags.contains(Flags::SYN)) else {
            return Err(Arrival::Dropped(Ignored::Flags));
        };
        self.take_syn(now, header, segment.ecn);
        if !acknowledges {
            // Simultaneous open (TCP-122): the same SYN again, now as an answer.
            self.enter(State::SynReceived);
            self.bits.set(Bits::SEND_SYN.and(Bits::OUTPUT));
            return Ok(());
        }
        self.sample_syn(now, segment);
        self.una += 1;
        self.enter(State::Established);
        self.settle_early_data(ack);
        self.establish(now);
        self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
        self.take_text(now, segment, Seq(header.sequence) + 1, segment.payload);
        self.take_fin(now, segment, true);
        Ok(())
    }

    /// RFC 9293 §3.10.7.4, in its order.
    #[cfg_attr(target_os = "none", inline)]
    fn arrives(&mut self, now: Now, segment: &Segment<'_>) -> Step {
        self.check_timestamps(now, segment)?;
        let text = self.check_sequence(now, segment)?;
        self.check_reset(now, segment)?;
        self.check_syn(now, segment)?;
        self.check_ack(now, segment)?;
        self.heard(now);
        if let Some(stamps) = segment.timestamps.filter(|_| self.bits.has(Bits::TIMESTAMPS)) {
            self.remember_timestamp(now, segment.sequence, stamps);
        }
        if self.is_accurate() {
            self.count_marks(segment);
        }
        self.note_ecn(segment.flags, segment.ecn);
        if self.state == State::TimeWait && !text.bytes.is_empty() {
            self.challenge(now); // nobody will read it, and the peer should know where we are (TCP-140)
        }
        if self.state == State::Closed || self.state == State::TimeWait {
            return Ok(());
        }
        self.check_urgent(segment);
        if !text.bytes.is_empty() {
            self.take_text(now, segment, text.start, text.bytes);
        }
        if self.state != State::Closed {
            self.take_fin(now, segment, text.fin);
        }
        Ok(())
    }

    /// First: PAWS (RFC 7323 §5, TCP-130).
    #[cfg_attr(target_os = "none", inline)]
    fn check_timestamps(&mut self, now: Now, segment: &Segment<'_>) -> Step {
        if !self.bits.has(Bits::TIMESTAMPS) || segment.flags.contains(Flags::RST) {
            return Ok(());
        }
        let Some(stamps) = segment.timestamps else { return Ok(()) };
        if !later(self.ts_recent, stamps.value) {
            return Ok(());
        }
        if now.spans().wrapping_sub(self.ts_recent_at) > PAWS_SPANS {
            return Ok(());
        }
        self.challenge(now);
        Err(Arrival::Dropped(Ignored::Old))
    }

    /// Second: is any of it in the window (TCP-131)? What is not is cut off (TCP-132).
    #[cfg_attr(target_os = "none", inline)]
    fn check_sequence<'a>(&mut self, now: Now, segment: &Segment<'a>) -> Result<Text<'a>, Arrival> {
        let flags = segment.flags;
        let syn = u32::from(flags.contains(Flags::SYN));
        let start = segment.sequence;
        if self.is_same_syn(segment) {
            if !self.acknowledges_syn(segment) {
                return Err(self.repeated_syn(now, flags));
            }
            // The answer to ours, where both opened at once (TCP-122): whatever else it carries comes again.
            return Ok(Text { start: start + 1, bytes: &[], fin: false });
        }
        let fin = flags.contains(Flags::FIN);
        let end = start + syn + clamp(segment.payload.len()) + u32::from(fin);
        let (left, right) = (self.rcv_nxt, self.rcv_adv.later(self.rcv_nxt));
        let closed = left == right;
        let acceptable = if start == end {
            // Right at the edge too: there a peer stands that has filled the window, and if what it sent is lost, nothing
            // it acknowledges would be heard until that comes again. A reset has to be in the window.
            let reset = flags.contains(Flags::RST);
            let before =
                if reset && !closed { start.before(right) } else { start.at_or_before(right) };
            start.at_or_after(left) && before
        } else if closed {
            false
        } else {
            start.before(right) && end.after(left)
        };
        let probe = closed && start == left;
        if !(acceptable || probe) {
            if flags.contains(Flags::RST) {
                // Who answers what we sent last knows no more of us than our last acknowledgement.
                let last = start == self.ack_sent;
                let nothing = Text { start, bytes: &[], fin: false };
                return if last { Ok(nothing) } else { Err(Arrival::Dropped(Ignored::Reset)) };
            }
            return Err(self.refuse_sequence(now, (start, end), flags));
        }
        if !acceptable {
            // A closed window still lets acknowledgements, resets and urgent pointers through (MUST-66).
            self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
            return Ok(Text { start, bytes: &[], fin: false });
        }
        Ok(self.trim(segment, start + syn))
    }

    /// Answers what is not acceptable, and remembers a duplicate for the answer (TCP-131, TCP-482).
    #[cfg_attr(target_os = "none", inline)]
    fn refuse_sequence(&mut self, now: Now, (start, end): (Seq, Seq), flags: Flags) -> Arrival {
        if self.state == State::TimeWait && flags.contains(Flags::FIN) && end == self.rcv_nxt {
            self.arm(Slot::Watch, now, self.time_wait());
            self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
            return Arrival::Taken;
        }
        if start.before(end) && end.at_or_before(self.rcv_nxt) {
            self.report_duplicate(start, end);
            // What a live peer can repeat lies within one window, and waits for its acknowledgement, which was lost
            // (TCP-411); no acknowledgement has a length, so this is no loop of them (RFC 5961 §7).
            if self.rcv_nxt - start <= clamp(self.capacity()) + 1 && !flags.contains(Flags::SYN) {
                self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
                return Arrival::Dropped(Ignored::Window);
            }
        }
        self.challenge(now);
        Arrival::Dropped(Ignored::Window)
    }

    /// The part of the payload that lies in the window.
    #[cfg_attr(target_os = "none", inline)]
    fn trim<'a>(&mut self, segment: &Segment<'a>, start: Seq) -> Text<'a> {
        let fin = segment.flags.contains(Flags::FIN);
        let mut bytes = segment.payload;
        let before = self.rcv_nxt.since(start);
        if before > 0 && !bytes.is_empty() {
            let cut = (before as usize).min(bytes.len());
            self.report_duplicate(start, start + clamp(cut));
            bytes = bytes.get(cut..).unwrap_or(&[]);
        }
        let start = start.later(self.rcv_nxt);
        let room = self.rcv_adv.since(start) as usize;
        let fits = bytes.len() <= room;
        Text { start, bytes: bytes.get(..room).unwrap_or(bytes), fin: fin && fits }
    }

    /// Third: resets (RFC 5961 §3, TCP-133).
    #[cfg_attr(target_os = "none", inline)]
    fn check_reset(&mut self, now: Now, segment: &Segment<'_>) -> Step {
        if !segment.flags.contains(Flags::RST) {
            return Ok(());
        }
        let at = segment.sequence;
        if at != self.rcv_nxt && at != self.ack_sent {
            self.challenge(now);
            return Err(Arrival::Dropped(Ignored::Reset));
        }
        if self.state == State::TimeWait {
            return Err(Arrival::Dropped(Ignored::Reset)); // RFC 1337
        }
        let passive = self.state == State::SynReceived && self.bits.has(Bits::PASSIVE);
        self.terminate(if passive { Disconnected::Refused } else { Disconnected::Reset });
        Err(Arrival::Taken)
    }

    /// Fourth: a SYN has no place here (RFC 5961 §4, TCP-134).
    #[cfg_attr(target_os = "none", inline)]
    fn check_syn(&mut self, now: Now, segment: &Segment<'_>) -> Step {
        if !segment.flags.contains(Flags::SYN) || self.is_same_syn(segment) {
            return Ok(());
        }
        self.challenge(now);
        Err(Arrival::Dropped(Ignored::Syn))
    }

    /// The SYN that brought us to where we are, once more; data that came with it is behind us (TCP-365).
    fn is_same_syn(&self, segment: &Segment<'_>) -> bool {
        segment.flags.contains(Flags::SYN)
            && self.state == State::SynReceived
            && segment.sequence == self.wl1
    }

    /// It acknowledges our SYN.
    fn acknowledges_syn(&self, segment: &Segment<'_>) -> bool {
        let ack = segment.acknowledgment;
        segment.flags.contains(Flags::ACK)
            && !segment.flags.contains(Flags::RST)
            && self.una.before(ack)
            && ack.at_or_before(self.nxt)
    }

    /// Fifth: the acknowledgement (TCP-135, TCP-136).
    #[cfg_attr(target_os = "none", inline)]
    fn check_ack(&mut self, now: Now, segment: &Segment<'_>) -> Step {
        if !segment.flags.contains(Flags::ACK) {
            return Err(Arrival::Dropped(Ignored::Flags));
        }
        let ack = segment.acknowledgment;
        if self.state == State::SynReceived {
            if !(self.una.before(ack) && ack.at_or_before(self.nxt)) {
                return Err(Arrival::Reset(ack));
            }
            self.sample_syn(now, segment);
            self.una += 1;
            self.enter(State::Established);
            self.settle_early_data(ack);
            self.set_wnd(self.scaled(segment));
            self.wl1 = segment.sequence;
            self.establish(now);
            self.take_first_marks(segment);
        }
        let oldest = self.una - self.wnd_max();
        if ack.before(oldest) || ack.after(self.nxt) {
            self.challenge(now);
            return Err(Arrival::Dropped(Ignored::Acknowledgment));
        }
        self.take_ack(now, segment, ack);
        Ok(())
    }

    /// Sixth: urgent data (RFC 6093, TCP-165).
    #[cfg_attr(target_os = "none", inline)]
    fn check_urgent(&mut self, segment: &Segment<'_>) {
        if !segment.flags.contains(Flags::URG) || !self.state.can_receive() {
            return;
        }
        let end = segment.sequence + u32::from(segment.urgent);
        // No further than the window (TCP-545), but a closed one still says that there is something (MUST-66).
        let end = end.earlier(self.rcv_adv.later(self.rcv_nxt + 1));
        if end.after(self.urgent_in) && end.after(self.rcv_nxt) {
            self.urgent_in = end;
            self.bits.set(Bits::TELL_URGENT);
        }
    }

    /// A repeated SYN gets the same answer again, as often as a connection answers what it does not accept (TCP-081).
    fn repeated_syn(&mut self, now: Now, flags: Flags) -> Arrival {
        if flags.contains(Flags::RST) {
            return Arrival::Dropped(Ignored::Reset);
        }
        if self.owed == 0 && self.challenge.take(now) {
            self.owed = 1;
            self.bits.set(Bits::SEND_SYN.and(Bits::OUTPUT));
        }
        Arrival::Taken
    }

    /// The handshake is over.
    fn establish(&mut self, now: Now) {
        self.retries = 0;
        self.owed = 0;
        self.disarm(Slot::Rtx);
        self.disarm(Slot::Watch);
        self.bits.unset(Bits::SEND_SYN);
        let early = self.bits.has(Bits::EARLY); // it was told with the SYN
        if self.bits.has(Bits::PASSIVE) && !early {
            self.bits.set(Bits::TELL_ACCEPTED);
        }
        self.bits.set(Bits::TELL_ESTABLISHED.and(Bits::OUTPUT));
        self.begin_congestion();
        self.start_sending(now);
        if self.bits.has(Bits::FIN_QUEUED) {
            self.enter(State::FinWait1);
        }
        self.arm_keepalive(now);
        if !early {
            self.losses.clear(self.una);
        }
    }

    /// The peer lives (TCP-105, TCP-172).
    #[inline]
    pub(crate) fn heard(&mut self, now: Now) {
        self.probes = 0;
        self.bits.set(Bits::HEARD);
        if self.watch == Watch::Keepalive && self.is_armed(Slot::Watch) {
            self.arm_keepalive(now);
        }
    }

    /// RFC 7323 §4.3, TCP-358.
    #[inline]
    pub(crate) fn remember_timestamp(&mut self, now: Now, sequence: Seq, stamps: Timestamps) {
        if !later(self.ts_recent, stamps.value) && sequence.at_or_before(self.ack_sent) {
            (self.ts_recent, self.ts_recent_at) = (stamps.value, now.spans());
        }
    }

    /// RFC 3168 §6.1.3 (TCP-302).
    #[inline]
    pub(crate) fn note_ecn(&mut self, flags: Flags, ecn: Ecn) {
        if !self.bits.has(Bits::ECN) {
            return;
        }
        if flags.contains(Flags::CWR) {
            self.bits.unset(Bits::ECHO);
        }
        if ecn == Ecn::Ce && !self.is_accurate() {
            self.bits.set(Bits::ECHO);
        }
        if self.marked < MARKED_MAX {
            self.watch_marks(ecn);
        }
    }

    /// If everything is marked from the start, the mark says nothing (TCP-304).
    #[cfg_attr(target_os = "none", inline)]
    fn watch_marks(&mut self, ecn: Ecn) {
        match ecn {
            Ecn::NotEct => {}
            Ecn::Ect0 | Ecn::Ect1 => self.marked = MARKED_MAX,
            Ecn::Ce => {
                self.marked += 1;
                if self.marked == MARKED_MAX {
                    self.bits.unset(Bits::ECN.and(Bits::ECHO).and(Bits::REDUCED));
                }
            }
        }
    }

    /// An acknowledgement for what is not acceptable, if the connection may give one more (TCP-510, TCP-511).
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn challenge(&mut self, now: Now) {
        if self.challenge.take(now) {
            self.bits.set(Bits::CHALLENGE);
        }
    }
}

/// So many marked packets at the start, and not one that is not (TCP-304). chosen: the specification's
pub(crate) const MARKED_MAX: u8 = 10;

/// What of a segment lies in the window.
struct Text<'a> {
    start: Seq,
    bytes: &'a [u8],
    fin: bool,
}
