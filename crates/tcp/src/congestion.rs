//! Congestion control behind one trait (TCP-260). Controllers choose windows and rates and never see a sequence
//! number; recovery episodes, PRR, the collapse on RTO, undo and application-limited detection are the engine's
//! (TCP-262).

use core::fmt::Debug;
use mainstay_base::Instant;

pub mod any;
pub mod bbr;
pub mod cubic;
pub mod hystart;
pub mod none;
pub mod reno;

pub use any::AnyCc;
pub use bbr::Bbr3;
pub use cubic::Cubic;
pub use hystart::HyStart;
pub use none::NoCc;
pub use reno::{NewReno, NewRenoHyStart};

/// No window is larger. RFC 7323 §2.3: 65535 << 14.
pub const WINDOW_MAX: u32 = 1 << 30;

/// One controller of one connection.
///
/// All amounts are bytes of payload, all round-trip times microseconds.
pub trait CongestionControl: Copy + Debug {
    /// What can be set before a connection starts.
    type Config: Copy + Debug + Default;
    /// What [`undo`](Self::undo) brings back (TCP-297).
    type Snapshot: Copy + Debug;

    /// What one controller takes of memory, in bytes.
    const STATE_BYTES: usize = size_of::<Self>();

    /// It governs its own recovery: the engine applies neither PRR nor the collapse of the window on RTO to it.
    const OWNS_RECOVERY: bool = false;

    /// The same, of this one: [`AnyCc`] cannot know before it is chosen.
    fn owns_recovery(&self) -> bool {
        Self::OWNS_RECOVERY
    }

    /// A controller for segments of `mss` that starts with `initial` bytes (RFC 6928).
    fn new(config: Self::Config, mss: u32, initial: u32) -> Self;

    /// An acknowledgement was processed.
    fn on_ack(&mut self, sample: &AckSample);

    /// The network is congested; `flight` is what was outstanding just before. Called once per episode.
    fn on_congestion(&mut self, now: Instant, signal: Signal, flight: u32);

    /// Every byte of the episode is acknowledged.
    fn on_recovery_end(&mut self, now: Instant);

    /// What must be remembered before an episode, so that it can be undone.
    fn snapshot(&self) -> Self::Snapshot;

    /// The episode was spurious (TCP-295): windows are as before it.
    fn undo(&mut self, before: Self::Snapshot);

    /// Data is about to be sent after nothing was in flight for `idle_micros` (TCP-159).
    fn on_idle(&mut self, now: Instant, idle_micros: u32, rto_micros: u32);

    /// The segment size changed (path MTU).
    fn set_mss(&mut self, mss: u32);

    /// The window.
    fn cwnd(&self) -> u32;

    /// The slow start threshold; `u32::MAX` while unknown.
    fn ssthresh(&self) -> u32;

    /// The rate to send at in bytes per second; `None` leaves it to the engine (TCP-310).
    fn pacing_rate(&self) -> Option<u64> {
        None
    }

    /// The most to send at once at that rate; `None` leaves it to the engine.
    fn send_quantum(&self) -> Option<u32> {
        None
    }
}

/// What one acknowledgement says (TCP-261).
#[derive(Clone, Copy, Debug)]
pub struct AckSample {
    /// When it was processed.
    pub now: Instant,
    /// Newly acknowledged in sequence.
    pub acked: u32,
    /// Newly acknowledged selectively.
    pub sacked: u32,
    /// Newly found lost.
    pub lost: u32,
    /// Outstanding before.
    pub flight_before: u32,
    /// Outstanding after, without what is selectively acknowledged or lost.
    pub flight: u32,
    /// The round trip of the newest segment it acknowledges, if it can be told.
    pub rtt: Option<u32>,
    /// The smallest round trip of late; `u32::MAX` while unknown.
    pub min_rtt: u32,
    /// How fast the path delivered.
    pub rate: Option<RateSample>,
    /// The window was what held back the sender; only then it may grow (TCP-250).
    pub cwnd_limited: bool,
    /// A recovery episode is under way.
    pub in_recovery: bool,
    /// The episode under way began with a retransmission timeout.
    pub after_rto: bool,
    /// The first acknowledgement of something sent after the previous round began (RFC 9406 §4.2, BBR's round).
    pub round_start: bool,
    /// Bytes the peer says were marked (accurate ECN); with classic ECN all of `acked` when ECE is set.
    pub ce_bytes: u32,
}

/// Delivery rate (draft-ietf-ccwg-bbr, section on delivery rate samples).
#[derive(Clone, Copy, Debug)]
pub struct RateSample {
    /// Delivered between the sending of the segment and this acknowledgement.
    pub delivered: u32,
    /// In how long.
    pub interval_micros: u32,
    /// The application, not the path, held back the sender in that time.
    pub app_limited: bool,
    /// Outstanding when the segment was sent, the segment included.
    pub flight_at_send: u32,
    /// Lost between the sending of the segment and this acknowledgement.
    pub lost: u32,
    /// All that was delivered on the connection so far, modulo 2^32.
    pub delivered_total: u32,
}

/// Why the window has to shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// Fast recovery begins.
    Loss,
    /// The peer echoes marks.
    Ecn {
        /// How many bytes were marked.
        ce_bytes: u32,
    },
    /// The retransmission timer expired.
    Rto,
}

/// The segment size as controllers keep it; none divides by it, but a window of no segments would never grow.
fn clamp_mss(mss: u32) -> u16 {
    u16::try_from(mss.max(1)).unwrap_or(u16::MAX)
}

/// The initial window in whole segments, at least one (RFC 6928 allows no more than ten).
fn initial_segments(initial: u32, mss: u16) -> u8 {
    let segments = initial.checked_div(u32::from(mss)).unwrap_or(1);
    u8::try_from(segments.max(1)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod testing {
    use super::*;

    /// A plain acknowledgement of `acked` bytes while the window is the limit.
    pub(super) fn ack(acked: u32) -> AckSample {
        AckSample {
            now: Instant::ZERO,
            acked,
            sacked: 0,
            lost: 0,
            flight_before: acked,
            flight: 0,
            rtt: None,
            min_rtt: u32::MAX,
            rate: None,
            cwnd_limited: true,
            in_recovery: false,
            after_rto: false,
            round_start: false,
            ce_bytes: 0,
        }
    }
}
