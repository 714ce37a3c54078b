//! Bytes queued for the transport. Owns their order and their memory, not their meaning.

use crate::limits::{OUTPUT_KEEP, OUTPUT_STEP, UNIT_MAX};

/// A queue of bytes that gives its memory back when it is drained.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// Bytes at the front that are gone. `u32` suffices: queues are bounded by `Config::send_max`.
    taken: u32,
}

impl Output {
    /// Bytes queued.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len() - self.taken as usize
    }

    /// Whether nothing is queued.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many payload bytes fit under `max`.
    pub(crate) const fn room(&self, max: usize) -> usize {
        max.saturating_sub(self.len())
    }

    /// The tail to append about `extra` bytes to.
    pub(crate) fn tail(&mut self, extra: usize) -> &mut Vec<u8> {
        if self.taken > 0 && self.taken as usize >= self.len() {
            self.bytes.drain(..self.taken as usize);
            self.taken = 0;
        }
        let need = self.bytes.len() + extra;
        if need > self.bytes.capacity() {
            let aim = if need <= OUTPUT_KEEP { OUTPUT_KEEP } else { need.max(OUTPUT_STEP) };
            self.bytes.reserve(aim - self.bytes.len());
        }
        &mut self.bytes
    }

    /// Moves at most `limit` bytes to `out`; returns how many.
    pub(crate) fn poll(&mut self, out: &mut Vec<u8>, limit: usize) -> usize {
        let count = self.len().min(limit).min(UNIT_MAX);
        let start = self.taken as usize;
        out.extend_from_slice(self.bytes.get(start..start + count).unwrap_or_default());
        self.taken += u32::try_from(count).unwrap_or(0);
        if self.is_empty() {
            self.clear();
        }
        count
    }

    /// Forgets what is queued.
    pub(crate) fn clear(&mut self) {
        self.taken = 0;
        if self.bytes.capacity() > OUTPUT_KEEP {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
    }

    /// Bytes of heap held.
    #[cfg(test)]
    pub(crate) const fn heap(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_limit_loses_nothing_and_a_drained_queue_is_small() {
        let mut output = Output::default();
        let mut seen = Vec::new();
        for n in 0..1000_u16 {
            let bytes = n.to_be_bytes();
            output.tail(2).extend_from_slice(&bytes);
            output.poll(&mut seen, usize::from(n % 3));
        }
        while output.poll(&mut seen, 7) > 0 {}
        let expected: Vec<u8> = (0..1000_u16).flat_map(u16::to_be_bytes).collect();
        assert_eq!(seen, expected);
        assert!(output.is_empty() && output.heap() <= OUTPUT_KEEP);
    }
}
