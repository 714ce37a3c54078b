//! What happened in a run: a hash of all of it, and the last lines for a human.

use core::fmt;
use mainstay_base::Instant;
use std::collections::VecDeque;

/// Lines kept. chosen: what fits a failure's report.
const LINES_MAX: usize = 300;

/// The record of a run. Two runs of one seed must have the same hash (L1).
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    count: u64,
    lines: VecDeque<String>,
}

impl Default for Trace {
    fn default() -> Self {
        // FNV-1a's offset basis: draft-eastlake-fnv section 5.
        Self { hash: 0xcbf2_9ce4_8422_2325, count: 0, lines: VecDeque::new() }
    }
}

impl Trace {
    /// Notes a fact.
    pub fn note(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        let line = format!("{:>12} {what}", now.as_micros());
        self.mix(line.as_bytes());
        self.count += 1;
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Notes payload: only its hash is kept.
    pub fn mix(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // FNV-1a's prime: draft-eastlake-fnv section 5.
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The hash of everything noted.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// How many facts were noted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The last lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> String {
        self.lines.iter().fold(String::new(), |all, line| all + line + "\n")
    }
}
