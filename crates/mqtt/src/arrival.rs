//! The PUBLISH being received: its head, and how its payload is lent slice by slice.

use crate::limits::size;
use crate::message::PublishHead;

/// A slice of a received message's payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Payload<'b> {
    /// The bytes, where they lie; empty only if the message is.
    pub bytes: &'b mut [u8],
    /// The message begins with it.
    pub start: bool,
    /// The message ends with it.
    pub end: bool,
}

/// A slice that was announced and not lent yet.
#[derive(Clone, Copy, Debug)]
struct Pending {
    offset: usize,
    len: usize,
}

/// What must be answered once a message was taken whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Complete {
    pub(crate) id: u16,
    pub(crate) qos: u8,
}

/// The message.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    pub(crate) topic: String,
    pub(crate) len: u32,
    pub(crate) id: u16,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    /// Payload bytes that have not come.
    left: usize,
    active: bool,
    started: bool,
    /// It was delivered before: nothing of it is lent.
    discard: bool,
    pending: Option<Pending>,
}

impl Arrival {
    /// A message begins.
    pub(crate) fn begin(&mut self, head: &PublishHead<'_>, len: u32, discard: bool) {
        self.topic.clear();
        self.topic.push_str(head.topic);
        (self.id, self.qos, self.retain, self.dup) = (head.id, head.qos, head.retain, head.dup);
        self.len = len;
        self.left = size(len);
        (self.active, self.started, self.discard) = (true, false, discard);
    }

    /// Takes what of `available` bytes, which begin at `offset` of the input, is payload.
    pub(crate) fn take(&mut self, offset: usize, available: usize) -> usize {
        let len = self.left.min(available);
        self.left -= len;
        if !self.discard && (len > 0 || self.left == 0) {
            self.pending = Some(Pending { offset, len });
        }
        len
    }

    /// Whether payload is still to come or to be taken.
    pub(crate) const fn is_active(&self) -> bool {
        self.active
    }

    /// Whether a slice waits to be taken.
    pub(crate) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Lends the slice that waits.
    pub(crate) fn lend<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        let Pending { offset, len } = self.pending?;
        let bytes = input.get_mut(offset..offset.checked_add(len)?)?;
        self.pending = None;
        let start = !self.started;
        self.started = true;
        Some(Payload { bytes, start, end: self.left == 0 })
    }

    /// The end, once, when all came and was taken.
    pub(crate) fn poll_complete(&mut self) -> Option<Complete> {
        if !self.active || self.left > 0 || self.pending.is_some() {
            return None;
        }
        self.active = false;
        Some(Complete { id: self.id, qos: self.qos })
    }
}
