//! What happens inside a connection, step by step, for whoever wants to watch (TCP-095).
//!
//! A profile says who is told; the ones of this crate tell nobody, and then no instruction of this is left. To watch a
//! connection make it of [`Traced`] parts, with a context that takes the steps. [`Tally`] is one that counts.

use crate::congestion::Signal;
use crate::endpoint::{Endpoint, clamp};
use crate::event::State;
use crate::head::Head;
use crate::profile::{Profile, parts_of};
use crate::segment_arrives::{Ignored, Segment};
use crate::seq::Seq;
use crate::timers::Timer;
use crate::transmit::Outgoing;
use core::marker::PhantomData;
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::Flags;

/// Takes the steps of a connection as they happen.
///
/// Steps carry no time: each is part of a call that was given the time. The same calls give the same steps everywhere.
pub trait Trace {
    /// One step.
    fn step(&mut self, step: Step);
}

/// What happened. Lengths in bytes, times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The connection is in another state.
    State {
        /// It was in this one.
        from: State,
        /// It is in this one.
        to: State,
    },
    /// A segment of the peer came, of which the checksum is right; what comes of it follows.
    Arrived {
        /// Its sequence number.
        sequence: Seq,
        /// What it acknowledges.
        acknowledgment: Seq,
        /// Its payload.
        len: u32,
        /// Its flags.
        flags: Flags,
        /// Its window as it stands there, not scaled.
        window: u16,
        /// How its packet was marked.
        ecn: Ecn,
    },
    /// It was dropped.
    Dropped(Ignored),
    /// Some of it was here already.
    Duplicate {
        /// Where that began.
        sequence: Seq,
        /// So much of it.
        len: u32,
    },
    /// Something before it is missing.
    OutOfOrder {
        /// Where it begins.
        sequence: Seq,
        /// So much of it.
        len: u32,
    },
    /// A segment or super-segment leaves.
    Sent {
        /// Its sequence number.
        sequence: Seq,
        /// Its payload.
        len: u32,
        /// Its flags.
        flags: Flags,
        /// It carries what was sent before.
        again: bool,
    },
    /// So much of what is in flight was found lost.
    Lost(u32),
    /// An episode of recovery begins, and the congestion controller is told why.
    Reduced(Signal),
    /// It ended as planned.
    Recovered,
    /// It was for nothing: the windows are what they were (TCP-295).
    Undone,
    /// A deadline was set, or moved.
    Armed {
        /// Which.
        timer: Timer,
        /// So far from now.
        micros: u64,
    },
    /// A deadline that was set does not count any more.
    Stopped(Timer),
    /// A deadline has come.
    Due(Timer),
}

/// Where the flags stand in a header, after four bits of its length. RFC 9293 §3.1
const FLAGS_AT: usize = 12;

/// Profile `P`, the context of which is told of each step.
#[derive(Debug)]
pub struct Traced<P>(PhantomData<P>);

impl<P: Profile> Profile for Traced<P>
where
    P::Context: Trace,
{
    parts_of!(P, Storage, Queue, Context, Settings, Slots, Extras);

    fn trace(context: &mut P::Context, step: Step) {
        context.step(step);
    }
}

/// Counts what a connection has seen; they saturate. What the profiles themselves would have to grow for (TCP-094).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Segments that came.
    pub received: u32,
    /// Of them, dropped.
    pub dropped: u32,
    /// Of them, with something that was here already.
    pub duplicates: u32,
    /// Of them, with something before them missing.
    pub out_of_order: u32,
    /// Of them, marked on the way: congestion was experienced.
    pub marked: u32,
    /// Segments and super-segments that left.
    pub sent: u32,
    /// Of them, with what was sent before.
    pub resent: u32,
    /// Bytes that were found lost.
    pub lost: u32,
    /// Episodes of recovery because of losses or timeouts.
    pub reductions: u32,
    /// The same because the peer echoed a mark.
    pub marks_echoed: u32,
    /// Episodes that were for nothing.
    pub undone: u32,
}

impl Trace for Tally {
    fn step(&mut self, step: Step) {
        let (count, by) = match step {
            Step::Arrived { ecn, .. } => {
                self.marked = self.marked.saturating_add(u32::from(ecn == Ecn::Ce));
                (&mut self.received, 1)
            }
            Step::Dropped(_) => (&mut self.dropped, 1),
            Step::Duplicate { .. } => (&mut self.duplicates, 1),
            Step::OutOfOrder { .. } => (&mut self.out_of_order, 1),
            Step::Sent { again, .. } => {
                self.resent = self.resent.saturating_add(u32::from(again));
                (&mut self.sent, 1)
            }
            Step::Lost(len) => (&mut self.lost, len),
            Step::Reduced(Signal::Ecn { .. }) => (&mut self.marks_echoed, 1),
            Step::Reduced(Signal::Loss | Signal::Rto) => (&mut self.reductions, 1),
            Step::Undone => (&mut self.undone, 1),
            Step::State { .. }
            | Step::Recovered
            | Step::Armed { .. }
            | Step::Stopped(_)
            | Step::Due(_) => return,
        };
        *count = count.saturating_add(by);
    }
}

impl<P: Profile> Endpoint<P> {
    /// Tells the profile.
    #[inline]
    pub(crate) fn trace(&mut self, step: Step) {
        P::trace(&mut self.context, step);
    }

    /// The connection is in `state` from now on.
    #[inline]
    pub(crate) fn enter(&mut self, state: State) {
        let from = core::mem::replace(&mut self.state, state);
        self.trace(Step::State { from, to: state });
    }

    /// A segment came for this connection.
    #[inline]
    pub(crate) fn trace_arrival(&mut self, segment: &Segment<'_>) {
        self.trace(Step::Arrived {
            sequence: segment.sequence,
            acknowledgment: segment.acknowledgment,
            len: clamp(segment.payload.len()),
            flags: segment.flags,
            window: segment.window,
            ecn: segment.ecn,
        });
    }

    /// A segment leaves; SND.NXT was `nxt` before it was made.
    #[inline]
    pub(crate) fn trace_departure(&mut self, nxt: Seq, out: &Outgoing, head: &Head) {
        let flags = Flags::from_bytes([head[FLAGS_AT], head[FLAGS_AT + 1]]);
        let carries = out.len > 0 || flags.intersects(Flags::SYN.with(Flags::FIN));
        let again = carries && out.sequence.before(nxt);
        self.trace(Step::Sent { sequence: out.sequence, len: clamp(out.len), flags, again });
    }
}
