//! Bytes over a window of time, and the CPU time of the whole process.

use crate::clock::cpu_ns;
use core::time::Duration;
use std::time::Instant;

/// Counts from when the connection is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gauge {
    window: [Duration; 2],
    opened: Option<Instant>,
    total: u64,
    begin: Option<(Duration, u64)>,
    end: Option<(Duration, u64)>,
}

impl Gauge {
    pub(super) const fn new(window: [Duration; 2]) -> Self {
        Self { window, opened: None, total: 0, begin: None, end: None }
    }

    /// The connection can be used from now on; only the first time counts.
    pub(super) fn open(&mut self) {
        self.opened.get_or_insert_with(Instant::now);
    }

    /// So many more bytes were delivered, or handed over; whether the window is still to end.
    pub(super) fn add(&mut self, bytes: usize) -> bool {
        let Some(opened) = self.opened else { return true };
        let passed = opened.elapsed();
        let before = self.total;
        self.total += bytes as u64;
        if passed >= self.window[0] {
            self.begin.get_or_insert((passed, self.total));
        }
        if passed >= self.window[1] {
            self.end.get_or_insert((passed, before));
        }
        self.end.is_none()
    }

    /// What the measuring process reads: bytes and time of the window, all bytes, and CPU time of this process.
    pub(super) fn line(&self) -> String {
        let (from, first) = self.begin.unwrap_or_default();
        let (until, last) = self.end.unwrap_or((from, first));
        format!(
            "bytes={} wall_ns={} total={} cpu_ns={}",
            last.saturating_sub(first),
            until.saturating_sub(from).as_nanos(),
            self.total,
            cpu_ns(),
        )
    }
}
