//! One direction of a connection: bytes under way, bytes that wait to be read, and the end.

use crate::faults::Faults;
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use std::collections::VecDeque;

/// Bounded by `Faults::window`.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    flying: VecDeque<(Instant, Vec<u8>)>,
    arrived: VecDeque<Vec<u8>>,
    /// Bytes in `flying` and `arrived`.
    held: usize,
    /// Bytes taken from the writer, and bytes that arrived.
    taken: u64,
    pub(crate) passed: u64,
    last: Instant,
    /// The orderly end, and when it arrives.
    end: Option<Instant>,
    ended: bool,
}

/// Times in which nothing moves, by begin and end.
pub(crate) type Cuts = Vec<(Instant, Instant)>;

impl Pipe {
    /// Takes what there is room for; how much.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        bytes: &[u8],
        faults: &Faults,
        cuts: &Cuts,
        rng: &mut Rng,
    ) -> usize {
        let room = faults.window.saturating_sub(self.held).min(faults.write_max);
        let (piece, _) = bytes.split_at(bytes.len().min(room));
        if piece.is_empty() || self.end.is_some() {
            return 0;
        }
        let at = self.arrival(now, faults, cuts, rng);
        let mut rest = piece;
        while !rest.is_empty() {
            let len = match u64::try_from(faults.chunk_max) {
                Ok(0) | Err(_) => rest.len(),
                Ok(max) => usize::try_from(1 + rng.below(max)).unwrap_or(1).min(rest.len()),
            };
            let (chunk, later) = rest.split_at(len);
            self.flying.push_back((at, chunk.to_vec()));
            rest = later;
        }
        self.held += piece.len();
        self.taken += piece.len() as u64;
        piece.len()
    }

    /// Adds bytes that nobody wrote.
    pub(crate) fn forge(&mut self, bytes: &[u8]) {
        self.held += bytes.len();
        self.flying.push_back((self.last, bytes.to_vec()));
    }

    /// No more will be written.
    pub(crate) fn finish(&mut self, now: Instant, faults: &Faults, cuts: &Cuts, rng: &mut Rng) {
        if self.end.is_none() {
            self.end = Some(self.arrival(now, faults, cuts, rng));
        }
    }

    /// Nothing new arrives before `until`.
    pub(crate) fn hold_back(&mut self, until: Instant) {
        self.last = self.last.max(until);
        for (at, _) in &mut self.flying {
            *at = until.max(*at);
        }
        self.end = self.end.map(|at| at.max(until));
    }

    fn arrival(&mut self, now: Instant, faults: &Faults, cuts: &Cuts, rng: &mut Rng) -> Instant {
        let jitter = u64::try_from(faults.jitter.as_micros()).unwrap_or(0);
        let wait = faults.latency + Duration::from_micros(rng.below(jitter + 1));
        // Never at once: a turn must end before its bytes come back.
        let mut at = (now + wait.max(Duration::from_micros(1))).max(self.last);
        for &(from, until) in cuts {
            if at >= from && at < until {
                at = until + faults.latency;
            }
        }
        self.last = at;
        at
    }

    /// When something arrives next.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        let end = self.end.filter(|_| !self.ended);
        [self.flying.front().map(|&(at, _)| at), end].into_iter().flatten().min()
    }

    /// Moves what is due, at most up to `limit` bytes in all; whether anything came.
    pub(crate) fn arrive(&mut self, now: Instant, limit: Option<u64>) -> bool {
        let mut came = false;
        while let Some((at, _)) = self.flying.front()
            && *at <= now
            && limit.is_none_or(|limit| self.passed < limit)
        {
            let Some((at, mut chunk)) = self.flying.pop_front() else { break };
            let left = limit.map_or(u64::MAX, |limit| limit - self.passed);
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            if chunk.len() > left {
                let rest = chunk.split_off(left);
                self.flying.push_front((at, rest));
            }
            self.passed += chunk.len() as u64;
            self.arrived.push_back(chunk);
            came = true;
        }
        if self.flying.is_empty() && self.end.is_some_and(|at| at <= now) && !self.ended {
            self.ended = true;
            came = true;
        }
        came
    }

    /// Takes at most `max` bytes of the next chunk.
    pub(crate) fn read(&mut self, max: usize) -> Vec<u8> {
        let Some(mut chunk) = self.arrived.pop_front() else { return Vec::new() };
        if chunk.len() > max {
            let rest = chunk.split_off(max);
            self.arrived.push_front(rest);
        }
        self.held -= chunk.len();
        chunk
    }

    /// Bytes wait to be read.
    pub(crate) fn is_readable(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// All was read, and the end has come.
    pub(crate) fn is_over(&self) -> bool {
        self.ended && self.arrived.is_empty()
    }

    /// Throws away what is under way and unread.
    pub(crate) fn clear(&mut self) {
        self.flying.clear();
        self.arrived.clear();
        self.held = 0;
    }

    /// Bytes taken from the writer.
    pub(crate) const fn taken(&self) -> u64 {
        self.taken
    }
}
