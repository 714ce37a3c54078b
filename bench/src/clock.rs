//! CPU time of this process, all threads, user and system; and wall time beside it.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Both clocks, read together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    cpu: u64,
    wall: u64,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self {
            cpu: nanoseconds(clock_gettime(ClockId::ProcessCPUTime)),
            wall: nanoseconds(clock_gettime(ClockId::Monotonic)),
        }
    }

    /// The line that the measuring process reads.
    pub(crate) fn report(self, ops: u64) {
        let end = Self::start();
        println!(
            "ops={ops} cpu_ns={} wall_ns={}",
            end.cpu.saturating_sub(self.cpu),
            end.wall.saturating_sub(self.wall)
        );
    }
}

/// CPU time of this process so far, all threads, user and system, in nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::ProcessCPUTime))
}

fn nanoseconds(time: Timespec) -> u64 {
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}
