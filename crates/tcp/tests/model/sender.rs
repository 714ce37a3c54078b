//! What a sender has written, sent and been told of. Numbers count from the SYN, which is 0.

use crate::node::Seen;
use mainstay_wire::tcp::Flags;

/// The reference.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) written: Vec<u8>,
    pub(crate) finished: bool,
    /// Bytes that were told to be acknowledged.
    pub(crate) told: usize,
    room: usize,
    una: i64,
    nxt: i64,
    fin_sent: bool,
    /// The newest window, with the number of the segment that said so, and the highest right edge and largest window.
    window: i64,
    said_at: i64,
    edge: i64,
    largest: i64,
}

/// Byte `at` of the stream.
pub(crate) fn byte(at: usize) -> u8 {
    let [low, ..] = (at.wrapping_mul(2_246_822_519) >> 9).to_le_bytes();
    low
}

impl Sender {
    pub(crate) fn new(room: usize, window: i64) -> Self {
        Self {
            written: Vec::new(),
            finished: false,
            told: 0,
            room,
            una: 1,
            nxt: 1,
            fin_sent: false,
            window,
            said_at: -1,
            edge: 1 + window,
            largest: window,
        }
    }

    pub(crate) fn una(&self) -> i64 {
        self.una
    }

    pub(crate) fn nxt(&self) -> i64 {
        self.nxt
    }

    /// How much of it there is room for; `None` where it is refused.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.finished {
            return None;
        }
        let count = bytes.len().min(self.room - self.queued());
        self.written.extend_from_slice(&bytes[..count]);
        Some(count)
    }

    /// Bytes of payload that are acknowledged.
    pub(crate) fn acked(&self) -> usize {
        usize::try_from(self.una - 1).unwrap() - usize::from(self.is_finish_acked())
    }

    pub(crate) fn queued(&self) -> usize {
        self.written.len() - self.acked()
    }

    pub(crate) fn is_finish_acked(&self) -> bool {
        self.fin_sent && self.una == self.nxt
    }

    /// TCP-136: not newer than what was sent, not older than any window.
    pub(crate) fn can_be(&self, ack: i64) -> bool {
        (self.una - self.largest..=self.nxt).contains(&ack)
    }

    /// TCP-137, TCP-138.
    pub(crate) fn acknowledged(&mut self, ack: i64, at: i64, window: u16) {
        if ack < self.una {
            return;
        }
        if ack > self.una || at >= self.said_at {
            self.window = window.into();
            self.said_at = self.said_at.max(at);
            self.largest = self.largest.max(self.window);
        }
        self.una = ack;
        self.edge = self.edge.max(ack + self.window);
    }

    /// A segment leaves.
    pub(crate) fn left(&mut self, seen: &Seen) {
        let at = i64::from(seen.at);
        let end = at + i64::try_from(seen.len).unwrap();
        if seen.len > 0 {
            assert!(at >= self.una && at <= self.nxt, "{seen:?} after {}", self.nxt);
            let from = usize::try_from(at - 1).unwrap();
            let wanted = self.written.get(from..from + seen.len);
            assert_eq!(Some(&seen.payload[..]), wanted, "what was written");
            // One byte beyond a closed window asks whether it is.
            assert!(end <= self.edge || seen.len == 1, "beyond the window: {seen:?}");
        }
        let fin = seen.flags.contains(Flags::FIN);
        if fin {
            assert!(self.finished, "nobody has finished");
            assert_eq!(usize::try_from(end - 1).unwrap(), self.written.len(), "not at the end");
            self.fin_sent = true;
        }
        self.nxt = self.nxt.max(end + i64::from(fin));
    }
}
