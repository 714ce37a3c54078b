//! One end of a connection: its numbers, what it owns, and what the application may ask of it.
//!
//! What arrives is in `segment_arrives`, what leaves in `transmit`, losses in `recovery`; this file has the parts and the
//! calls of the application (section 1 of the specification).

mod address;
mod check;
mod hints;
mod leave;
mod view;

pub(crate) use address::MAPPED_BITS;
pub use address::{Address, Either};
pub use view::Facts;

pub(crate) use hints::Hints;

use crate::bits::Bits;
use crate::challenge::Allowance;
use crate::congestion::CongestionControl;
use crate::end::End;
use crate::error::TcpError;
use crate::event::{Disconnected, Soft, State};
use crate::extras::Extras as _;
use crate::losses::Losses as _;
use crate::offset::Offset as _;
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::queue::TxQueue;
use crate::reassembly::Ring;
use crate::recovery::Episode;
use crate::rtt::RoundTrip;
use crate::seq::Seq;
use crate::shifts::Shifts;
use crate::time::Now;
use crate::timers::{Rtx, Watch};

/// How a send ends (TCP-040, TCP-166).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Push {
    /// Nothing follows that is known of: it leaves as soon as it may.
    #[default]
    Now,
    /// More follows soon: the last segment waits until it is full, 200 ms at most.
    More,
    /// Nothing follows, and it is urgent up to here (RFC 6093: better not).
    Urgent,
}

/// One end of a connection.
///
/// Its memory is this value, the receive storage and what the queue holds; nothing the peer does makes it grow.
///
/// An endpoint that is attached belongs to its engine, and cannot be attached to a second one (TCP-011):
///
/// ```compile_fail,E0382
/// # use mainstay_tcp::{*, index::Scan, queue::*};
/// # type Parts = Std<[u8; 99], ArrayQueue<&'static [u8], 2>>;
/// # struct One;
/// # impl Tables for One {
/// #     type Profile = Parts;
/// #     type Slots = [Slot<Parts>; 1];
/// #     type Listeners = [Listener; 1];
/// #     type Index = Scan;
/// #     type Memory = ();
/// # }
/// fn twice(first: &mut Engine<One>, second: &mut Engine<One>, endpoint: Endpoint<Parts>) {
///     let _ = first.attach(endpoint);
///     let _ = second.attach(endpoint);
/// }
/// ```
///
/// What can be read cannot be held while the engine goes on (TCP-051):
///
/// ```compile_fail,E0502
/// # use mainstay_tcp::{*, index::Scan, queue::*};
/// # type Parts = Std<[u8; 99], ArrayQueue<&'static [u8], 2>>;
/// # struct One;
/// # impl Tables for One {
/// #     type Profile = Parts;
/// #     type Slots = [Slot<Parts>; 1];
/// #     type Listeners = [Listener; 1];
/// #     type Index = Scan;
/// #     type Memory = ();
/// # }
/// fn held(engine: &mut Engine<One>, handle: Handle, now: mainstay_base::Instant) {
///     let unread = engine.endpoint(handle).unwrap().recv();
///     engine.handle_timeout(now);
///     assert!(unread[0].is_empty());
/// }
/// ```
///
/// An engine whose parts may not go to another thread does not go there either (TCP-088):
///
/// ```compile_fail,E0277
/// # use mainstay_tcp::{*, queue::*};
/// fn go<T: Send>() {}
/// go::<Endpoint<Std<[u8; 99], RingQueue<[u8; 9]>, std::rc::Rc<u8>>>>();
/// ```
#[repr(C)] // what is small and asked for often stands first, where short instructions reach it
pub struct Endpoint<P: Profile> {
    pub(crate) bits: Bits,
    pub(crate) settings: P::Settings,
    pub(crate) state: State,
    pub(crate) ended: Option<Disconnected>,
    pub(crate) soft: Option<Soft>,
    pub(crate) rtx: Rtx,
    pub(crate) watch: Watch,
    pub(crate) shifts: Shifts,
    pub(crate) retries: u8,
    pub(crate) duplicates: u8,
    pub(crate) probes: u8,
    pub(crate) owed: u8,
    pub(crate) quick: u8,
    /// Packets at the start that were all marked (TCP-304).
    pub(crate) marked: u8,
    /// The payload the peer and the path take, options not subtracted.
    pub(crate) mss: u16,
    /// What we offered, the unit of acknowledging.
    pub(crate) rcv_mss: u16,
    pub(crate) local_port: u16,
    pub(crate) peer_port: u16,
    /// When repeating began, in coarse seconds.
    pub(crate) repeating_since: u16,
    /// When `ts_recent` was taken, in spans.
    pub(crate) ts_recent_at: u16,
    /// How long the duplicate to report is.
    pub(crate) duplicate_len: u16,
    /// Segments that the episode of recovery has sent again and no report has called needless (TCP-295).
    pub(crate) resent: u16,
    pub(crate) challenge: Allowance,
    pub(crate) hints: Hints,

    // Send sequence (RFC 9293 §3.3.1); `nxt` never goes back.
    pub(crate) una: Seq,
    pub(crate) nxt: Seq,
    // Receive sequence.
    pub(crate) rcv_nxt: Seq,
    /// The highest right edge that was advertised.
    pub(crate) rcv_adv: Seq,
    /// The last acknowledgement that was sent.
    pub(crate) ack_sent: Seq,
    pub(crate) wl1: Seq,
    /// The end of the newest small segment that is not acknowledged (TCP-152).
    pub(crate) small: Seq,

    // Timestamps (RFC 7323).
    /// The peer's newest; without timestamps, when what is timed left (see `rtt`).
    pub(crate) ts_recent: u32,
    pub(crate) ts_offset: u32,

    // Round trip and repetition.
    pub(crate) trip: RoundTrip,
    /// When something was last sent, in microseconds.
    pub(crate) sent_at: u32,
    pub(crate) acked_event: u32,
    pub(crate) fin: Seq,
    pub(crate) urgent_in: Seq,
    pub(crate) urgent_out: Seq,
    /// Bytes to report as a duplicate (TCP-482).
    pub(crate) duplicate: Seq,
    pub(crate) slots: P::Slots,
    pub(crate) fine: P::Finer,
    pub(crate) extra: P::Extras,

    // Recovery and congestion.
    pub(crate) episode: Episode<P::Offset, <P::Congestion as CongestionControl>::Snapshot>,
    pub(crate) congestion: P::Congestion,

    // Offsets, which may need no alignment.
    /// The peer's window and the largest it ever was, as far as an offset can say.
    pub(crate) wnd: P::Offset,
    pub(crate) wnd_max: P::Offset,
    pub(crate) ring: Ring<P::Offset, P::Assembly>,
    pub(crate) local: P::Address,
    pub(crate) peer: P::Address,
    pub(crate) board: P::Board,
    pub(crate) losses: P::Losses,
    pub(crate) rate: P::Rate,

    pub(crate) queue: P::Queue,
    pub(crate) storage: P::Storage,
    pub(crate) context: P::Context,
}

impl<P: Profile> core::fmt::Debug for Endpoint<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Endpoint").field("facts", &self.facts()).finish_non_exhaustive()
    }
}

/// What the engine draws for a new connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    pub(crate) iss: Seq,
    pub(crate) ts_offset: u32,
    /// The largest payload one of our packets can carry without options.
    pub(crate) mss: u16,
}

impl<P: Profile> Endpoint<P> {
    /// An endpoint without a connection (TCP-010, TCP-013).
    ///
    /// `storage` takes what is received and, in the profiles of this crate, a bit for each byte of it:
    /// [`storage_for`](crate::sizing::storage_for) says how long it must be for a window. A window can be as large as the profile's offsets
    /// say, 65 535 bytes in the smallest; what the storage has beyond that is not used.
    ///
    /// # Errors
    /// [`TcpError::BufferTooSmall`] if the storage has no room for a single byte (TCP-012).
    pub fn new(
        storage: P::Storage,
        queue: P::Queue,
        settings: P::Settings,
        context: P::Context,
    ) -> Result<Self, TcpError> {
        Self::check_room(storage.as_ref())?;
        let congestion = P::Congestion::new(settings.as_ref().congestion, 536, 4 * 536);
        let mut endpoint = Self {
            state: State::Closed,
            ended: None,
            soft: None,
            rtx: Rtx::default(),
            watch: Watch::default(),
            bits: Bits::default(),
            local: P::Address::UNSPECIFIED,
            peer: P::Address::UNSPECIFIED,
            local_port: 0,
            peer_port: 0,
            una: Seq(0),
            nxt: Seq(0),
            wnd: P::Offset::default(),
            wnd_max: P::Offset::default(),
            wl1: Seq(0),
            urgent_out: Seq(0),
            small: Seq(0),
            rcv_nxt: Seq(0),
            rcv_adv: Seq(0),
            ack_sent: Seq(0),
            fin: Seq(0),
            urgent_in: Seq(0),
            duplicate: Seq(0),
            duplicate_len: 0,
            resent: 0,
            ring: Ring::new(),
            ts_recent: 0,
            ts_offset: 0,
            trip: RoundTrip::UNKNOWN,
            sent_at: 0,
            fine: P::Finer::default(),
            extra: P::Extras::default(),
            slots: P::Slots::default(),
            episode: Episode::none(congestion.snapshot()),
            congestion,
            board: P::Board::default(),
            losses: P::Losses::default(),
            rate: P::Rate::default(),
            acked_event: 0,
            challenge: Allowance::default(),
            hints: Hints::default(),
            mss: 536,
            rcv_mss: 536,
            ts_recent_at: 0,
            repeating_since: 0,
            shifts: Shifts::default(),
            retries: 0,
            duplicates: 0,
            probes: 0,
            owed: 0,
            quick: 0,
            marked: 0,
            queue,
            storage,
            settings,
            context,
        };
        endpoint.prepare();
        Ok(endpoint)
    }

    fn prepare(&mut self) {
        self.ring.clear(self.storage.as_mut());
        self.bits.put(Bits::NO_DELAY, !self.settings.as_ref().nagle);
    }

    fn check_room(storage: &[u8]) -> Result<(), TcpError> {
        let capacity = Ring::<P::Offset, P::Assembly>::capacity(storage);
        (capacity > 0).then_some(()).ok_or(TcpError::BufferTooSmall)
    }

    /// What it was made of; buffers that were neither polled nor [reclaimed](Self::reclaim) are still in the queue (TCP-013).
    pub fn into_parts(self) -> (P::Storage, P::Queue, P::Context) {
        (self.storage, self.queue, self.context)
    }

    /// Clears everything but what the application gave, and what it may still read.
    pub(crate) fn begin(&mut self, birth: Birth) {
        let settings = self.settings.as_ref();
        let limit = if settings.mss_limit == 0 { u16::MAX } else { settings.mss_limit };
        let mss = birth.mss.min(limit); // TCP-551
        let (quick, congestion) = (settings.quick_acks, settings.congestion);
        let (delay, bound) = (self.bits.has(Bits::NO_DELAY), self.bits.has(Bits::BOUND));
        self.bits = Bits::default();
        self.bits.put(Bits::NO_DELAY, delay);
        self.bits.put(Bits::BOUND, bound);
        (self.ended, self.soft) = (None, None);
        (self.una, self.nxt) = (birth.iss, birth.iss);
        (self.wnd, self.wnd_max) = (P::Offset::default(), P::Offset::default());
        (self.urgent_out, self.small) = (birth.iss, birth.iss);
        self.acked_event = 0;
        self.ring.clear(self.storage.as_mut());
        (self.ts_recent, self.ts_offset) = (0, birth.ts_offset);
        self.trip = RoundTrip::UNKNOWN;
        self.fine = P::Finer::default();
        if let Some(extra) = self.extra.get_mut() {
            extra.begin();
        }
        self.start_round(birth.iss);
        self.episode = Episode::none(self.congestion.snapshot());
        self.board = P::Board::default();
        self.losses = P::Losses::default();
        self.rate = P::Rate::default();
        self.challenge = Allowance::default();
        self.hints = Hints { mss_full: mss, ..Hints::default() };
        (self.mss, self.rcv_mss) = (mss, mss);
        self.shifts = Shifts::default();
        (self.retries, self.duplicates, self.probes, self.owed) = (0, 0, 0, 0);
        (self.quick, self.marked) = (quick, 0);
        self.congestion = P::Congestion::new(congestion, u32::from(mss), initial_window(mss));
    }

    /// Starts a connection: the SYN leaves with the next poll (TCP-027).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn connect(&mut self, now: Now, birth: Birth) {
        self.begin(birth);
        self.enter(State::SynSent);
        self.bits.set(Bits::SEND_SYN.and(Bits::OUTPUT));
        self.bits.put(Bits::TIMESTAMPS, self.settings.as_ref().timestamps);
        self.bits.put(Bits::SACK, self.settings.as_ref().sack);
        self.bits.put(Bits::ECN.and(Bits::ECN_ASKED), self.settings.as_ref().ecn);
        self.repeating_since = now.seconds();
    }

    /// Whom it is about to be connected to; addresses of a kind it cannot keep were refused before.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn set_tuple(&mut self, tuple: &Tuple) {
        if let (Some(local), Some(peer)) =
            (P::Address::narrow(tuple.local.address), P::Address::narrow(tuple.peer.address))
        {
            (self.local, self.local_port) = (local, tuple.local.port);
            (self.peer, self.peer_port) = (peer, tuple.peer.port);
        }
    }

    /// The end of the last connection was told, and its buffers are back (TCP-066, TCP-070).
    pub(crate) fn is_told(&self) -> bool {
        !self.bits.has(Bits::RECLAIM.and(Bits::TELL_END))
    }

    /// Whether something may be ready to leave.
    #[inline]
    pub(crate) fn has_output(&self) -> bool {
        self.bits.has(Bits::OUTPUT)
    }

    /// The IPv6 flow label (RFC 6437).
    #[inline]
    pub(crate) const fn flow_label(&self) -> u32 {
        crate::isn::flow_label(self.ts_offset)
    }

    /// Who it is connected to, or was.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn tuple(&self) -> Tuple {
        Tuple {
            local: self.local_end(),
            peer: End { address: self.peer.wide(), port: self.peer_port },
        }
    }

    /// Where it is bound, or was.
    pub(crate) fn local_end(&self) -> End {
        End { address: self.local.wide(), port: self.local_port }
    }

    /// Whether bytes may be queued (TCP-041, TCP-042).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn can_queue(&self) -> Result<(), TcpError> {
        match self.state {
            State::Closed | State::Armed | State::TimeWait => Err(TcpError::NotOpen),
            _ if self.bits.has(Bits::FIN_QUEUED) => Err(TcpError::SendClosed),
            State::SynSent | State::SynReceived if self.is_strict() => Err(TcpError::NotOpen),
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => Ok(()),
        }
    }

    /// Whether nothing may be queued before the connection is established (TCP-041).
    fn is_strict(&self) -> bool {
        let early = Bits::FAST_OPEN.and(Bits::FAST_OPEN_ASKED).and(Bits::EARLY);
        self.settings.as_ref().strict_seed_send && !self.bits.has(early)
    }

    /// `count` bytes were queued (TCP-040, TCP-045, TCP-166).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn queued(&mut self, now: Now, count: usize, push: Push) {
        if count == 0 {
            return;
        }
        self.bits.put(Bits::MORE, push == Push::More);
        if push == Push::Urgent {
            self.urgent_out = self.data_base() + clamp(self.queue.len());
            self.bits.set(Bits::URGENT_OUT);
        }
        self.bits.set(Bits::WANTS_READY.and(Bits::OUTPUT));
        self.restart_after_idle(now);
        self.restore_mss(now);
    }

    /// No more will be sent (TCP-060).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn finish(&mut self) -> Result<(), TcpError> {
        match self.state {
            State::Closed | State::Armed | State::TimeWait => return Err(TcpError::NotOpen),
            State::Established => self.enter(State::FinWait1),
            State::CloseWait => self.enter(State::LastAck),
            State::SynSent
            | State::SynReceived
            | State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck => {}
        }
        self.bits.set(Bits::FIN_QUEUED.and(Bits::OUTPUT));
        self.bits.unset(Bits::MORE.and(Bits::WANTS_READY));
        Ok(())
    }

    /// Neither direction is wanted any more; `true` if unread bytes make that an abort (TCP-065).
    pub(crate) fn close_at(&mut self, now: Now) -> Result<bool, TcpError> {
        self.finish()?;
        if self.ring.unread() > 0 {
            return Ok(true);
        }
        self.bits.set(Bits::CLOSED_BOTH);
        if self.state == State::FinWait2 {
            self.await_end(now);
        }
        Ok(false)
    }

    /// The first `count` bytes were read (TCP-054).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn commit(&mut self, count: usize) -> Result<(), TcpError> {
        if !self.ring.commit(self.storage.as_ref().len(), count) {
            return Err(TcpError::InvalidArgs);
        }
        // Or it would lie ahead after two gigabytes (TCP-165).
        self.urgent_in = self.urgent_in.later(self.rcv_nxt - clamp(self.ring.unread()));
        if count > 0 && self.state.can_receive() && self.window_may_open() {
            self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
        }
        Ok(())
    }

    /// Ends the connection (TCP-062 to TCP-068): timers stop, buffers are to be reclaimed, one reason is told.
    pub(crate) fn terminate(&mut self, reason: Disconnected) {
        let keep = matches!(reason, Disconnected::Normal | Disconnected::Refused);
        if !keep {
            self.ring.clear(self.storage.as_mut());
        }
        self.disarm_all();
        self.enter(State::Closed);
        self.ended = Some(reason);
        if let Some(extra) = self.extra.get_mut() {
            extra.end();
        }
        let told = self.bits.has(Bits::TELL_ACCEPTED.and(Bits::TELL_ESTABLISHED));
        self.bits.unset(
            Bits::OUTPUT
                .and(Bits::SEND_SYN)
                .and(Bits::WANTS_READY)
                .and(Bits::TELL_PROGRESS)
                .and(Bits::TELL_SOFT)
                .and(Bits::BOUND), // for this connection, not for the next (TCP-020)
        );
        if !keep && !told {
            self.bits.unset(Bits::TELL_RECEIVE);
        }
        self.bits.set(Bits::RECLAIM.and(Bits::TELL_END));
        self.losses.clear(self.nxt);
        self.board = P::Board::default();
        (self.una, self.nxt) = (self.nxt, self.nxt);
    }

    /// The peer's window.
    #[inline]
    pub(crate) fn wnd(&self) -> u32 {
        self.wnd.wide()
    }

    /// The largest window the peer ever offered.
    #[inline]
    pub(crate) fn wnd_max(&self) -> u32 {
        self.wnd_max.wide()
    }

    /// The peer's window is `window` now (TCP-138).
    #[inline]
    pub(crate) fn set_wnd(&mut self, window: u32) {
        self.wnd = P::Offset::narrow(window);
        self.wnd_max = self.wnd_max.max(self.wnd);
    }

    /// The sequence number of the first byte in the queue.
    #[inline]
    pub(crate) fn data_base(&self) -> Seq {
        let syn = matches!(self.state, State::SynSent | State::SynReceived);
        self.una + u32::from(syn)
    }

    /// Bytes, SYN and FIN that are neither acknowledged nor held nor lost (RFC 6675 §4, pipe).
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn outstanding(&self) -> u32 {
        let gone = clamp(crate::scoreboard::Sacked::sacked(&self.board)) + self.losses.lost();
        (self.nxt - self.una).saturating_sub(gone)
    }

    /// Queued bytes that were never sent.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn backlog(&self) -> u32 {
        let fin = u32::from(self.bits.has(Bits::FIN_SENT));
        let sent = self.nxt.since(self.data_base()).saturating_sub(fin);
        clamp(self.queue.len()).saturating_sub(sent)
    }
}

/// The window a connection starts with (RFC 6928 §2).
pub(crate) fn initial_window(mss: u16) -> u32 {
    use crate::limits::{INITIAL_WINDOW_BYTES, INITIAL_WINDOW_SEGMENTS};
    let mss = u32::from(mss);
    (INITIAL_WINDOW_SEGMENTS * mss).min((2 * mss).max(INITIAL_WINDOW_BYTES))
}

/// A length as 32 bits; there are no longer ones in a connection.
#[inline]
pub(crate) fn clamp(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
