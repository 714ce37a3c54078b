//! What waits for the transport, and which QoS 0 messages end where in it.

use std::collections::VecDeque;

use crate::limits::OUTPUT_SPARE_MAX;

/// A queue of bytes whose positions count from the start of the connection.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// How many of `bytes` were taken.
    taken: usize,
    /// The position of `bytes[0]`.
    base: u64,
    /// The position up to which the kernel has all.
    written: u64,
    /// End and tag of each QoS 0 message that was not reported yet, in order.
    sent: VecDeque<(u64, u64)>,
}

impl Output {
    /// Bytes that wait.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Where to append.
    pub(crate) const fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What was appended since `tail` was `start` long.
    pub(crate) fn since(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// The position after the last byte that waits.
    pub(crate) const fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// The position up to which bytes were taken.
    pub(crate) const fn drained(&self) -> u64 {
        self.base + self.taken as u64
    }

    /// Moves at most `limit` bytes to `out`.
    pub(crate) fn drain(&mut self, out: &mut Vec<u8>, limit: usize) -> usize {
        let count = self.len().min(limit);
        let until = self.taken + count;
        out.extend_from_slice(self.bytes.get(self.taken..until).unwrap_or_default());
        self.taken = until;
        if until == self.bytes.len() {
            self.drop_taken();
            if self.bytes.capacity() > OUTPUT_SPARE_MAX {
                self.bytes = Vec::new();
            }
        } else if until * 2 > self.bytes.len() {
            self.drop_taken();
        }
        count
    }

    fn drop_taken(&mut self) {
        self.base += self.taken as u64;
        self.bytes.drain(..self.taken);
        self.taken = 0;
    }

    /// A QoS 0 message ends here.
    pub(crate) fn mark_sent(&mut self, tag: u64) {
        self.sent.push_back((self.end(), tag));
    }

    /// All that was taken is with the kernel.
    pub(crate) const fn handle_written(&mut self) {
        self.written = self.drained();
    }

    /// The next QoS 0 message whose last byte is with the kernel.
    pub(crate) fn poll_sent(&mut self) -> Option<u64> {
        self.sent.pop_front_if(|(end, _)| *end <= self.written).map(|(_, tag)| tag)
    }

    /// The next QoS 0 message that is not.
    pub(crate) fn poll_unsent(&mut self) -> Option<u64> {
        self.sent.pop_front().map(|(_, tag)| tag)
    }

    /// Forgets the bytes.
    pub(crate) fn clear(&mut self) {
        self.taken = self.bytes.len();
        self.drop_taken();
        self.bytes = Vec::new();
    }

    /// Nothing waits and nothing is to be reported.
    pub(crate) fn is_quiet(&self) -> bool {
        self.len() == 0 && self.sent.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_any_drain() {
        let (mut output, mut out) = (Output::default(), Vec::new());
        let wire: Vec<u8> = (0..100).collect();
        output.tail().extend_from_slice(&wire[..60]);
        output.mark_sent(7);
        output.tail().extend_from_slice(&wire[60..]);
        for limit in [1, 30, 28, 0] {
            output.drain(&mut out, limit);
            output.handle_written();
            assert_eq!(output.poll_sent(), None);
        }
        assert_eq!((output.drained(), output.end()), (59, 100));
        output.drain(&mut out, 1);
        assert_eq!(output.poll_sent(), None);
        output.handle_written();
        assert_eq!((output.poll_sent(), output.poll_sent()), (Some(7), None));
        output.drain(&mut out, 1000);
        assert_eq!((out, output.len(), output.end()), (wire, 0, 100));
    }

    #[test]
    fn a_large_queue_is_given_back_when_drained() {
        let mut output = Output::default();
        output.tail().resize(OUTPUT_SPARE_MAX + 1, 0);
        output.drain(&mut Vec::new(), usize::MAX);
        assert_eq!(output.bytes.capacity(), 0);
    }
}
