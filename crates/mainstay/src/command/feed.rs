//! Messages a stream sends by itself, at a steady pace: what the demo's streams say.

use core::time::Duration;

/// Bytes of the shortest message. chosen: what a number takes.
const LEN_MIN: usize = 16;

/// How often, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Milliseconds between two messages; at least 1.
    pub every_ms: u32,
    /// Bytes of each message; at least 16.
    pub len: usize,
}

impl Feed {
    pub(crate) fn message_len(self) -> usize {
        self.len.max(LEN_MIN)
    }

    pub(crate) fn interval(self) -> Duration {
        Duration::from_millis(self.every_ms.max(1).into())
    }
}

/// Makes the messages of a feed and remembers how much of the current one is sent.
#[derive(Debug)]
pub(crate) struct Producer {
    feed: Feed,
    number: u64,
    message: Vec<u8>,
    sent: usize,
}

impl Producer {
    pub(crate) const fn new(feed: Feed) -> Self {
        Self { feed, number: 0, message: Vec::new(), sent: 0 }
    }

    /// Makes the next message unless one is there.
    pub(crate) fn begin(&mut self) {
        if self.message.is_empty() {
            self.number += 1;
            self.message = format!("{{\"n\":{:08}}}", self.number).into_bytes();
            self.message.resize(self.feed.message_len(), b' ');
        }
    }

    /// Puts the next piece into `buffer`; its length, and whether it starts and ends the message.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> (usize, bool, bool) {
        let rest = self.message.get(self.sent..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(into), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            into.copy_from_slice(from);
        }
        let start = self.sent == 0;
        self.sent += len;
        let end = self.sent == self.message.len();
        if end {
            self.interrupted();
        }
        (len, start, end)
    }

    /// What was being sent is over; the next message is a new one.
    pub(crate) fn interrupted(&mut self) {
        self.message.clear();
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_length_and_go_out_in_pieces() {
        let mut producer = Producer::new(Feed { every_ms: 0, len: 20 });
        producer.begin();
        producer.begin();
        let mut buffer = [0; 12];
        assert_eq!(producer.fill(&mut buffer), (12, true, false));
        assert_eq!(&buffer, b"{\"n\":0000000");
        assert_eq!(producer.fill(&mut buffer), (8, false, true));
        assert_eq!(&buffer[..8], b"1}      ");
        producer.begin();
        producer.interrupted();
        producer.begin();
        producer.fill(&mut buffer);
        assert_eq!(&buffer[10..12], b"00", "a third message, from its start");
    }
}
