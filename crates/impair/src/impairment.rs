//! What a link does to frames, as plain data. Everything is off by default.

use crate::limits::{MEMORY_MAX, PATIENCE};
use core::time::Duration;
use mainstay_base::Instant;

/// What "always" is: shares are given in millionths.
pub const PER_MILLION: u32 = 1_000_000;

/// What one direction of a link does to frames (TCP-700).
///
/// ```
/// # use mainstay_impair::{Impairment, Loss};
/// # use core::time::Duration;
/// let rural = Impairment {
///     rate: Some(2_000_000),
///     delay: Duration::from_millis(40),
///     queue_bytes: 32 * 1024,
///     loss: Loss::Random { per_million: 5_000 },
///     ..Impairment::default()
/// };
/// # let _ = rural;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impairment {
    /// Bits per second of the bottleneck; `None`: no bottleneck. 0 counts as 1.
    pub rate: Option<u64>,
    /// Bytes on the wire that wait at the bottleneck at most, that being sent among them; what does not
    /// fit is dropped (tail drop). A bottleneck at rest takes any frame. Without a rate nothing waits.
    pub queue_bytes: usize,
    /// How the bottleneck's queue is kept short.
    pub management: Management,
    /// How long a frame travels after the bottleneck.
    pub delay: Duration,
    /// How much longer than `delay` it travels at most, drawn evenly. Later frames wait for earlier ones,
    /// unless [`Reorder::by_jitter`] says otherwise.
    pub jitter: Duration,
    /// Which frames are lost.
    pub loss: Loss,
    /// Which frames come late.
    pub reorder: Reorder,
    /// Share of frames that come twice.
    pub duplicate_per_million: u32,
    /// Which frames come with other bytes.
    pub corrupt: Corrupt,
    /// Share of frames whose end is cut off, to a length drawn evenly, from the link's header up.
    pub truncate_per_million: u32,
    /// Share of frames that are marked: CE (RFC 3168 §5) on IPv4 and IPv6 packets that are ECT, nothing on
    /// others. IPv4's header checksum stays right.
    pub mark_per_million: u32,
    /// Bytes of the longest packet, without the link's header; longer frames are dropped.
    pub mtu: Option<u16>,
    /// Bytes before the packet in a frame: 14 for Ethernet, 0 where frames are packets.
    pub link_header: usize,
    /// When the link is down, in any order. A frame that comes in then is dropped; one that is on its way arrives.
    pub down: Vec<Span>,
    /// Bytes that are held at most, whatever the reason (L8). Where `queue_bytes` and `rate` times `delay` are
    /// smaller, that much is held. At most [`FRAMES_MAX`](crate::FRAMES_MAX) frames in any case.
    pub memory_max: usize,
}

/// A time from its first microsecond to just before its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment of it.
    pub from: Instant,
    /// The first moment after it.
    pub until: Instant,
}

/// Which frames are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each by itself (Bernoulli).
    Random {
        /// Share that is lost.
        per_million: u32,
    },
    /// In bursts: two states, each with its own loss (Gilbert-Elliott). Begins in the good one.
    Burst {
        /// Chance of each segment to go over to the bad state.
        enter_per_million: u32,
        /// Chance of each segment to go back to the good state.
        leave_per_million: u32,
        /// Share that is lost in the good state.
        good_per_million: u32,
        /// Share that is lost in the bad state.
        bad_per_million: u32,
    },
    /// Exactly one of so many, the last of them; 0 counts as never.
    EveryNth(u32),
}

/// Which frames are overtaken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorder {
    /// Share of frames that are held back when they are due. At most
    /// [`HELD_BACK_MAX`](crate::HELD_BACK_MAX) at a time.
    pub per_million: u32,
    /// How many frames overtake such a frame. 0 counts as 1.
    pub frames: u16,
    /// How long it waits for that; then it comes all the same.
    pub patience: Duration,
    /// Whether jitter may change the order.
    pub by_jitter: bool,
}

/// Which frames come with other bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Corrupt {
    /// Share of frames that are corrupted.
    pub per_million: u32,
    /// Bits that are flipped in such a frame, one by one anywhere (so the same one may be flipped back). 0 counts as 1.
    pub bits: u16,
    /// Bytes at the frame's beginning that stay as they are.
    pub after: usize,
    /// Flips bits only in pairs that leave the Internet checksum (RFC 1071) as it was: damage no transport sees.
    /// Where there is no such pair the frame stays whole.
    pub fix_checksum: bool,
}

/// How the bottleneck's queue is kept short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Management {
    /// By its length alone: `queue_bytes`.
    #[default]
    None,
    /// `CoDel` (RFC 8289): drops, or marks, ever faster while frames wait too long.
    Codel(Codel),
    /// Marks each ECT packet that waits longer than this (RFC 8257 §3.1); drops none.
    MarkAbove(Duration),
}

/// The parameters of `CoDel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codel {
    /// The wait that is acceptable. RFC 8289 §4.3: 5 ms.
    pub target: Duration,
    /// How long it may be exceeded. RFC 8289 §4.3: 100 ms.
    pub interval: Duration,
    /// Whether an ECT packet is marked instead of dropped.
    pub ecn: bool,
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            rate: None,
            queue_bytes: usize::MAX,
            management: Management::None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Loss::None,
            reorder: Reorder::default(),
            duplicate_per_million: 0,
            corrupt: Corrupt::default(),
            truncate_per_million: 0,
            mark_per_million: 0,
            mtu: None,
            link_header: 0,
            down: Vec::new(),
            memory_max: MEMORY_MAX,
        }
    }
}

impl Default for Reorder {
    fn default() -> Self {
        Self { per_million: 0, frames: 1, patience: PATIENCE, by_jitter: false }
    }
}

impl Default for Codel {
    fn default() -> Self {
        let (target, interval) = (Duration::from_millis(5), Duration::from_millis(100));
        Self { target, interval, ecn: false }
    }
}

impl Impairment {
    /// Whether it has to look at single segments or change bytes: then frames that stand for several segments,
    /// or lack their checksum, do not pass it as they would on a wire. See [`Wire`](crate::Wire).
    #[must_use]
    pub fn wants_single_segments(&self) -> bool {
        self.loss != Loss::None
            || self.reorder.per_million > 0
            || self.duplicate_per_million > 0
            || self.corrupt.per_million > 0
            || self.truncate_per_million > 0
            || self.mark_per_million > 0
            || self.management != Management::None
            || self.mtu.is_some()
    }

    pub(crate) fn is_down(&self, now: Instant) -> bool {
        self.down.iter().any(|span| span.from <= now && now < span.until)
    }
}
