//! No congestion control: a window that never moves. For tests on paths of our own only.

use mainstay_base::Instant;

use super::{AckSample, CongestionControl, Signal, WINDOW_MAX};

/// A fixed window.
#[derive(Clone, Copy, Debug)]
pub struct NoCc {
    window: u32,
}

/// What can be set for [`NoCc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The window, in bytes.
    pub window: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { window: WINDOW_MAX }
    }
}

impl CongestionControl for NoCc {
    type Config = Config;
    type Snapshot = ();

    const OWNS_RECOVERY: bool = true;

    fn new(config: Config, _mss: u32, _initial: u32) -> Self {
        Self { window: config.window }
    }

    fn on_ack(&mut self, _sample: &AckSample) {}

    fn on_congestion(&mut self, _now: Instant, _signal: Signal, _flight: u32) {}

    fn on_recovery_end(&mut self, _now: Instant) {}

    fn snapshot(&self) {}

    fn undo(&mut self, (): ()) {}

    fn on_idle(&mut self, _now: Instant, _idle_micros: u32, _rto_micros: u32) {}

    fn set_mss(&mut self, _mss: u32) {}

    fn cwnd(&self) -> u32 {
        self.window
    }

    fn ssthresh(&self) -> u32 {
        u32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ack;
    use super::*;

    // Covers TCP-260
    #[test]
    fn nothing_moves_its_window() {
        let mut none = NoCc::new(Config { window: 5000 }, 1000, 10_000);
        none.on_ack(&ack(5000));
        none.on_congestion(Instant::ZERO, Signal::Rto, 5000);
        none.on_idle(Instant::ZERO, u32::MAX, 0);
        assert_eq!((none.cwnd(), NoCc::STATE_BYTES), (5000, 4));
    }
}
