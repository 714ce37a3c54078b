//! One of the controllers, chosen per connection (TCP-264). As large as the largest; who has no memory for that
//! names one controller as the type.

use mainstay_base::Instant;

use super::{
    AckSample, Bbr3, CongestionControl, Cubic, NewReno, NewRenoHyStart, Signal, bbr, cubic, reno,
};

/// A controller chosen at run time.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "no allocator here; connections that must be small name one type"
)]
#[non_exhaustive]
pub enum AnyCc {
    /// NewReno.
    NewReno(NewReno),
    /// NewReno with HyStart++.
    NewRenoHyStart(NewRenoHyStart),
    /// CUBIC.
    Cubic(Cubic),
    /// BBRv3.
    Bbr3(Bbr3),
}

/// Which one, and what can be set for it. CUBIC unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Config {
    /// NewReno.
    NewReno(reno::Config),
    /// NewReno with HyStart++.
    NewRenoHyStart(reno::Config),
    /// CUBIC.
    Cubic(cubic::Config),
    /// BBRv3.
    Bbr3(bbr::Config),
}

impl Default for Config {
    fn default() -> Self {
        Self::Cubic(cubic::Config::default())
    }
}

/// Does the same with whichever it is.
macro_rules! each {
    ($any:expr, $cc:ident => $does:expr) => {
        match $any {
            AnyCc::NewReno($cc) => $does,
            AnyCc::NewRenoHyStart($cc) => $does,
            AnyCc::Cubic($cc) => $does,
            AnyCc::Bbr3($cc) => $does,
        }
    };
}

impl CongestionControl for AnyCc {
    type Config = Config;
    /// The largest of theirs, 12 bytes.
    type Snapshot = cubic::Snapshot;

    fn new(config: Config, mss: u32, initial: u32) -> Self {
        match config {
            Config::NewReno(config) => Self::NewReno(NewReno::new(config, mss, initial)),
            Config::NewRenoHyStart(config) => {
                Self::NewRenoHyStart(NewRenoHyStart::new(config, mss, initial))
            }
            Config::Cubic(config) => Self::Cubic(Cubic::new(config, mss, initial)),
            Config::Bbr3(config) => Self::Bbr3(Bbr3::new(config, mss, initial)),
        }
    }

    fn owns_recovery(&self) -> bool {
        each!(self, cc => cc.owns_recovery())
    }

    fn on_ack(&mut self, sample: &AckSample) {
        each!(self, cc => cc.on_ack(sample));
    }

    fn on_congestion(&mut self, now: Instant, signal: Signal, flight: u32) {
        each!(self, cc => cc.on_congestion(now, signal, flight));
    }

    fn on_recovery_end(&mut self, now: Instant) {
        each!(self, cc => cc.on_recovery_end(now));
    }

    fn snapshot(&self) -> cubic::Snapshot {
        match self {
            Self::NewReno(cc) => cc.snapshot().into(),
            Self::NewRenoHyStart(cc) => cc.snapshot().into(),
            Self::Cubic(cc) => cc.snapshot(),
            // It remembers all inside; what is kept here is never read.
            Self::Bbr3(cc) => {
                cubic::Snapshot { cwnd: cc.cwnd(), ssthresh: cc.ssthresh(), w_max: 0 }
            }
        }
    }

    fn undo(&mut self, before: cubic::Snapshot) {
        match self {
            Self::NewReno(cc) => cc.undo(before.into()),
            Self::NewRenoHyStart(cc) => cc.undo(before.into()),
            Self::Cubic(cc) => cc.undo(before),
            Self::Bbr3(cc) => cc.undo(()),
        }
    }

    fn on_idle(&mut self, now: Instant, idle_micros: u32, rto_micros: u32) {
        each!(self, cc => cc.on_idle(now, idle_micros, rto_micros));
    }

    fn set_mss(&mut self, mss: u32) {
        each!(self, cc => cc.set_mss(mss));
    }

    fn cwnd(&self) -> u32 {
        each!(self, cc => cc.cwnd())
    }

    fn ssthresh(&self) -> u32 {
        each!(self, cc => cc.ssthresh())
    }

    fn pacing_rate(&self) -> Option<u64> {
        each!(self, cc => cc.pacing_rate())
    }

    fn send_quantum(&self) -> Option<u32> {
        each!(self, cc => cc.send_quantum())
    }
}

impl From<reno::Snapshot> for cubic::Snapshot {
    fn from(windows: reno::Snapshot) -> Self {
        Self { cwnd: windows.cwnd, ssthresh: windows.ssthresh, w_max: 0 }
    }
}

impl From<cubic::Snapshot> for reno::Snapshot {
    fn from(windows: cubic::Snapshot) -> Self {
        Self { cwnd: windows.cwnd, ssthresh: windows.ssthresh }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ack;
    use super::*;

    const MSS: u32 = 1000;

    // Covers TCP-264, TCP-255
    #[test]
    fn the_default_is_cubic_and_bbr_only_when_asked_for() {
        let any = AnyCc::new(Config::default(), MSS, 10 * MSS);
        assert!(
            matches!(any, AnyCc::Cubic(_)) && !any.owns_recovery() && any.pacing_rate().is_none()
        );
        let any = AnyCc::new(Config::Bbr3(bbr::Config::default()), MSS, 10 * MSS);
        assert!(any.owns_recovery() && any.pacing_rate().is_some() && any.send_quantum().is_some());
    }

    // Covers TCP-264
    #[test]
    fn the_chosen_controller_does_what_it_does_alone() {
        let configs = [
            (Config::NewReno(reno::Config::default()), 50 * MSS),
            (Config::NewRenoHyStart(reno::Config::default()), 50 * MSS),
            (Config::Cubic(cubic::Config::default()), 70 * MSS),
        ];
        for (config, after) in configs {
            let mut any = AnyCc::new(config, MSS, 100 * MSS);
            let before = any.snapshot();
            any.on_congestion(Instant::ZERO, Signal::Loss, 100 * MSS);
            any.on_recovery_end(Instant::ZERO);
            assert_eq!((any.cwnd(), any.ssthresh()), (after, after), "{config:?}");
            any.undo(before);
            assert_eq!(any.cwnd(), 100 * MSS, "{config:?}");
            any.on_ack(&ack(MSS));
            any.set_mss(2 * MSS);
            assert!(any.cwnd() > 100 * MSS, "{config:?}");
        }
    }

    // Covers TCP-297
    #[test]
    fn a_snapshot_takes_twelve_bytes_and_it_the_largest_controller() {
        const { assert!(AnyCc::STATE_BYTES <= Bbr3::STATE_BYTES + 8) }
        assert_eq!(size_of::<<AnyCc as CongestionControl>::Snapshot>(), 12);
    }
}
