//! What a client and a server share: the queue, the bodies of both directions, the slice that is lent.

use super::body::{Incoming, Outgoing};
use super::head::{HeadBuffer, Taken};
use super::{Config, Payload};
use crate::limits::UNIT_MAX;
use crate::output::Output;
use crate::{Body, Misuse};
use core::ops::Range;
use mainstay_base::{Peer, Room};

/// One connection's framing, without the rules of either side.
#[derive(Debug)]
pub(crate) struct Link {
    config: Limits,
    pub(crate) output: Output,
    pub(crate) outgoing: Outgoing,
    head: Option<Box<HeadBuffer>>,
    incoming: Option<Incoming>,
    lent: Option<Range<u32>>,
}

/// `Config`, small.
#[derive(Clone, Copy, Debug)]
struct Limits {
    head: u32,
    send: u32,
    headers: u8,
}

impl Link {
    pub(crate) fn new(config: &Config) -> Self {
        let config = Limits {
            head: u32::try_from(config.head_max).unwrap_or(u32::MAX),
            send: u32::try_from(config.send_max).unwrap_or(u32::MAX),
            headers: u8::try_from(config.headers_max).unwrap_or(u8::MAX),
        };
        let (output, outgoing) = (Output::default(), Outgoing::Done);
        Self { config, output, outgoing, head: None, incoming: None, lent: None }
    }

    /// Takes input up to the end of the head; when it is whole, `parse` gets it.
    pub(crate) fn take_head<T>(
        &mut self,
        input: &[u8],
        parse: impl FnOnce(&[u8], usize) -> Result<T, Peer>,
    ) -> (usize, Result<Option<T>, Peer>) {
        let mut head = self.head.take().unwrap_or_default();
        match head.take(input, self.config.head as usize) {
            Taken::More => {
                self.head = Some(head);
                (input.len(), Ok(None))
            }
            Taken::TooLarge => (input.len(), Err(Peer::TooLarge)),
            Taken::Whole(len) => {
                let whole = head.whole(input, len);
                (len, parse(whole, usize::from(self.config.headers)).map(Some))
            }
        }
    }

    /// Whether a head has begun.
    pub(crate) const fn in_head(&self) -> bool {
        self.head.is_some()
    }

    /// What follows the head just taken.
    pub(crate) fn expect(&mut self, incoming: Option<Incoming>) {
        self.incoming = incoming;
    }

    /// Whether a body is being received; the last slice may still have to be taken.
    pub(crate) const fn in_body(&self) -> bool {
        self.incoming.is_some()
    }

    /// Whether the body ends only with the connection.
    pub(crate) fn until_close(&self) -> bool {
        self.incoming == Some(Incoming::UntilClose)
    }

    /// Takes one unit of body.
    pub(crate) fn take_body(&mut self, input: &[u8]) -> (usize, Result<(), Peer>) {
        let Some(incoming) = &mut self.incoming else { return (0, Ok(())) };
        let input = input.get(..UNIT_MAX).unwrap_or(input);
        match incoming.take(input, self.config.head as usize) {
            Ok(unit) => {
                let position = |at| u32::try_from(at).unwrap_or(u32::MAX);
                self.lent =
                    (unit.end > unit.start).then(|| position(unit.start)..position(unit.end));
                if unit.last {
                    self.incoming = None;
                }
                (unit.end, Ok(()))
            }
            Err(fault) => (input.len(), Err(fault)),
        }
    }

    pub(crate) fn next_payload<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        let range = self.lent.take()?;
        input.get_mut(range.start as usize..range.end as usize).map(|bytes| Payload { bytes })
    }

    /// Whether a slice waits to be taken.
    pub(crate) const fn is_lending(&self) -> bool {
        self.lent.is_some()
    }

    /// Queues a head that `write` appends, and expects `body` to be sent.
    pub(crate) fn begin(&mut self, body: Body, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.output.tail(256));
        self.outgoing = Outgoing::new(body);
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> usize {
        let room = self.output.room(self.config.send as usize);
        self.outgoing.send(bytes, room, &mut self.output)
    }

    pub(crate) fn finish(&mut self) -> Result<(), Misuse> {
        self.outgoing.finish(&mut self.output)
    }

    pub(crate) fn room(&self) -> Room {
        let up = if self.is_lending() { 0 } else { usize::MAX };
        Room { up, down: self.outgoing.room(self.output.room(self.config.send as usize)) }
    }

    /// Drops everything that is held.
    pub(crate) fn clear(&mut self) {
        self.output.clear();
        self.lent = None;
        self.forget();
    }

    /// Drops what is being received, and what was to be sent but is not queued; a slice that waits stays.
    pub(crate) fn forget(&mut self) {
        self.outgoing = Outgoing::Done;
        self.head = None;
        self.incoming = None;
    }
}
