//! One connection of our stack that sends and compares.

use super::Pattern;
use core::fmt;
use mainstay_base::Instant;
use mainstay_net::Network;
use mainstay_tcp::queue::CopyQueue as _;
use mainstay_tcp::{Disconnected, Endpoint, Event, Facts, Handle, Push};

/// Bytes read at once.
const READ: usize = 256 * 1024;

/// Our side of a connection.
pub struct Flow {
    handle: Handle,
    to_send: u64,
    sent: Pattern,
    received: Pattern,
    buffer: Vec<u8>,
    /// It does not read.
    pub holds: bool,
    /// It sends no end.
    pub lasts: bool,
    is_open: bool,
    finished: bool,
    peer_finished: bool,
    ended: Option<Disconnected>,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("handle", &self.handle)
            .field("to_send", &self.to_send)
            .field("sent", &self.sent)
            .field("received", &self.received)
            .field("is_open", &self.is_open)
            .field("finished", &self.finished)
            .field("peer_finished", &self.peer_finished)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Flow {
    pub(super) fn new(handle: Handle, to_send: u64, is_open: bool) -> Self {
        Self {
            handle,
            to_send,
            sent: Pattern::new(),
            received: Pattern::new(),
            buffer: vec![0; READ],
            holds: false,
            lasts: false,
            is_open,
            finished: false,
            peer_finished: false,
            ended: None,
        }
    }

    /// The connection.
    #[must_use]
    pub const fn handle(&self) -> Handle {
        self.handle
    }

    /// Bytes handed to the connection.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent.at()
    }

    /// Bytes received. Fails the test if one of them was wrong.
    #[must_use]
    pub fn received(&self) -> u64 {
        assert_eq!(self.received.wrong(), None, "the first wrong byte; {self:?}");
        self.received.at()
    }

    /// The handshake is over.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Nothing more comes.
    #[must_use]
    pub const fn peer_finished(&self) -> bool {
        self.peer_finished
    }

    /// How it ended, the first that was said of it.
    #[must_use]
    pub const fn ended(&self) -> Option<Disconnected> {
        self.ended
    }

    /// Both sides have finished and know it and everything is read, or it has failed.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        match self.ended {
            Some(Disconnected::Normal | Disconnected::TimeWait) => self.peer_finished,
            Some(_) => true,
            None => false,
        }
    }

    /// What TCP knows of it.
    #[must_use]
    pub fn facts(&self, network: &Network) -> Facts {
        network.engine().endpoint(self.handle).unwrap().facts()
    }

    pub(super) const fn note<B>(&mut self, event: &Event<B>) {
        if matches!(event, Event::Established | Event::Accepted) {
            self.is_open = true;
        }
        if let Event::Disconnected(reason) = event {
            // Who lingers in a record of the engine is told both at once: `TimeWait`, then `Normal` (TCP-183).
            self.ended.get_or_insert(*reason);
        }
    }

    /// Writes and reads what can be; whether there is more to read.
    pub(super) fn serve(&mut self, now: Instant, network: &mut Network) -> bool {
        if !self.is_open || self.is_over() {
            return false;
        }
        if self.ended.is_none() {
            self.write(now, network);
        }
        !self.holds && self.read(now, network)
    }

    fn write(&mut self, now: Instant, network: &mut Network) {
        let Some(mut live) = network.at(now, self.handle) else { return };
        while self.sent.at() < self.to_send {
            let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room());
            let next = self.sent.next((self.to_send - self.sent.at()).min(room as u64));
            if next.is_empty() {
                return;
            }
            let Ok(count) = live.write(next, Push::Now) else { return };
            assert_eq!(count, next.len());
            self.sent.sent(count);
        }
        if !self.lasts && !self.finished {
            self.finished = true;
            live.finish().unwrap();
        }
    }

    fn read(&mut self, now: Instant, network: &mut Network) -> bool {
        let Some(mut live) = network.at(now, self.handle) else { return false };
        let len = live.read(&mut self.buffer).unwrap_or(0);
        self.received.received(&self.buffer[..len]);
        if len == 0 {
            self.peer_finished |= live.endpoint().is_some_and(Endpoint::is_end_of_stream);
        }
        len == self.buffer.len()
    }
}
