//! What the pool has to say, in order: events, payload, and notes to itself.
//!
//! Payload is described, not borrowed: a place in the driver's input when it lies there, a place
//! in `copied` when a machine held it. `lend` turns the description back into bytes.

use crate::channel::{ChannelId, Event, Payload};
use core::ops::Range;
use mainstay_base::Reason;
use std::collections::VecDeque;

/// One thing to say.
#[derive(Debug)]
pub(crate) enum Item {
    /// For a channel.
    Event(ChannelId, Event),
    /// Payload for a channel.
    Payload(Place),
}

/// Where a payload lies and what it is.
#[derive(Clone, Debug)]
pub struct Place {
    channel: ChannelId,
    range: Range<usize>,
    copied: bool,
    start: bool,
    end: bool,
    binary: bool,
    topic: bool,
}

impl Place {
    /// Whose it is.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Whether its message ends with it.
    pub(crate) const fn is_end(&self) -> bool {
        self.end
    }
}

/// What a session tells its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Two-way traffic was proved.
    Alive,
    /// The session is over in order; close the connection when its output has left.
    Done,
    /// The session failed; close the connection.
    Failed(Reason),
    /// This channel is over and off the connection.
    Off(ChannelId),
}

/// How a payload is marked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) start: bool,
    pub(crate) end: bool,
    pub(crate) binary: bool,
}

/// The queue. Bounded by what one unit of input and one command can cause; drained at once.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    items: VecDeque<Item>,
    notes: VecDeque<Note>,
    copied: Vec<u8>,
    topic: String,
    base: Range<usize>,
}

impl Queue {
    /// Remembers where the driver's input lies, so that payload in it need not be copied.
    pub(crate) fn set_base(&mut self, input: &[u8]) {
        let start = input.as_ptr().addr();
        self.base = start..start + input.len();
    }

    /// No driver's input: everything is copied.
    pub(crate) const fn clear_base(&mut self) {
        self.base = 0..0;
    }

    pub(crate) fn event(&mut self, channel: ChannelId, event: Event) {
        self.items.push_back(Item::Event(channel, event));
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.notes.push_back(note);
    }

    pub(crate) fn pop_note(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// The topic of the mqtt payload that follows.
    pub(crate) fn set_topic(&mut self, topic: &str) {
        self.topic.clear();
        self.topic.push_str(topic);
    }

    /// Describes a payload; copies it when it does not lie in the driver's input.
    pub(crate) fn payload(
        &mut self,
        channels: &[ChannelId],
        bytes: &[u8],
        marks: Marks,
        topic: bool,
    ) {
        let at = bytes.as_ptr().addr();
        let inside = at >= self.base.start && at + bytes.len() <= self.base.end;
        let range = if inside {
            at - self.base.start..at - self.base.start + bytes.len()
        } else {
            let start = self.copied.len();
            self.copied.extend_from_slice(bytes);
            start..start + bytes.len()
        };
        let Marks { start, end, binary } = marks;
        for &channel in channels {
            let range = range.clone();
            let place = Place { channel, range, copied: !inside, start, end, binary, topic };
            self.items.push_back(Item::Payload(place));
        }
    }

    /// The next thing to say. Forgets copies once everything is said.
    pub(crate) fn pop(&mut self) -> Option<Item> {
        if self.items.is_empty() && !self.copied.is_empty() {
            self.copied.clear();
            // Bulk may have grown it: an idle pool keeps one page.
            self.copied.shrink_to(4096);
        }
        self.items.pop_front()
    }

    /// Drops what is still to be said on a channel.
    pub(crate) fn forget(&mut self, gone: ChannelId) {
        self.items.retain(|item| match item {
            Item::Event(channel, _) => *channel != gone,
            Item::Payload(place) => place.channel != gone,
        });
    }

    /// Lends the bytes of a described payload.
    pub(crate) fn lend<'b>(&'b self, place: &Place, input: &'b [u8]) -> Payload<'b> {
        let from = if place.copied { self.copied.as_slice() } else { input };
        Payload {
            bytes: from.get(place.range.clone()).unwrap_or_default(),
            start: place.start,
            end: place.end,
            binary: place.binary,
            topic: place.topic.then_some(self.topic.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_in_the_input_is_lent_and_payload_elsewhere_is_copied() {
        let mut queue = Queue::default();
        let input = *b"0123456789";
        queue.set_base(&input);
        queue.payload(&[ChannelId(1)], &input[3..6], Marks::default(), false);
        queue.payload(
            &[ChannelId(2)],
            b"elsewhere",
            Marks { end: true, ..Marks::default() },
            false,
        );
        let Some(Item::Payload(first)) = queue.pop() else { panic!("payload") };
        assert_eq!((first.channel, first.copied), (ChannelId(1), false));
        assert_eq!(queue.lend(&first, &input).bytes, b"345");
        let Some(Item::Payload(second)) = queue.pop() else { panic!("payload") };
        let payload = queue.lend(&second, &input);
        assert_eq!((payload.bytes, payload.end), (&b"elsewhere"[..], true));
        assert!(queue.pop().is_none() && queue.copied.is_empty());
    }
}
