//! One connection: a device's socket, two pipes, a peer.

use crate::faults::Faults;
use crate::peer::{Ending, Peer};
use crate::pipe::{Cuts, Pipe};
use crate::server::Place;
use core::time::Duration;
use mainstay_base::{Instant, Network, Reason, Rng, SocketId};

/// Bytes a peer hands to its side of the link at once. chosen: one turn's worth.
const PEER_OUT: usize = 16 * 1024;

/// What the device's side of a link has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Reset,
}

/// A connection from its acceptance to its end on both sides.
#[derive(Debug)]
pub(crate) struct Link {
    /// The device's name for it; `None` once it has let go.
    pub(crate) socket: Option<SocketId>,
    pub(crate) place: Place,
    pub(crate) faults: Faults,
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    peer: Option<Box<dyn Peer>>,
    /// What the peer has not taken.
    inbox: Vec<u8>,
    /// What the pipe down has not taken.
    outbox: Vec<u8>,
    /// What the device left when it closed, and that it did.
    pub(crate) tail: Vec<u8>,
    closed: bool,
    eof_told: bool,
    finished: bool,
    /// Nobody hears anything any more.
    vanished: bool,
    /// When the device learns that its connection was reset.
    reset_at: Option<Instant>,
    reset_told: bool,
}

impl Link {
    pub(crate) fn new(socket: SocketId, place: Place, faults: Faults, peer: Box<dyn Peer>) -> Self {
        Self {
            socket: Some(socket),
            place,
            faults,
            up: Pipe::default(),
            down: Pipe::default(),
            peer: Some(peer),
            inbox: Vec::new(),
            outbox: Vec::new(),
            tail: Vec::new(),
            closed: false,
            eof_told: false,
            finished: false,
            vanished: false,
            reset_at: None,
            reset_told: false,
        }
    }

    pub(crate) fn open(&mut self, now: Instant) {
        if let Some(peer) = &mut self.peer {
            peer.handle_opened(now);
        }
    }

    /// When something happens on it by itself.
    pub(crate) fn next(&self) -> Option<Instant> {
        let reset = self.reset_at.filter(|_| !self.reset_told && self.socket.is_some());
        let moving = !self.vanished;
        let up = self.up.next_arrival().filter(|_| moving);
        let down = self.down.next_arrival().filter(|_| moving && self.reset_at.is_none());
        let peer = self.peer.as_ref().filter(|_| moving).and_then(|peer| peer.poll_timeout());
        [reset, up, down, peer].into_iter().flatten().min()
    }

    /// Moves what is due, and lets the peer work. `true` if anything moved.
    pub(crate) fn advance(&mut self, now: Instant, cuts: &Cuts, rng: &mut Rng) -> bool {
        if self.vanished || self.reset_at.is_some() {
            return false;
        }
        if self.closed {
            // Nobody reads any more.
            self.down.clear();
        }
        let mut moved = self.up.arrive(now, self.faults.reset_up);
        let stop = [self.faults.reset_down, self.faults.eof_down, self.faults.vanish];
        moved |= self.down.arrive(now, stop.into_iter().flatten().min());
        moved |= self.break_down(now, cuts, rng);
        if self.vanished || self.reset_at.is_some() {
            return true;
        }
        moved |= self.close_up(now, cuts, rng);
        moved | self.serve(now, cuts, rng)
    }

    /// The faults that count bytes.
    fn break_down(&mut self, now: Instant, cuts: &Cuts, rng: &mut Rng) -> bool {
        let reached = |limit: Option<u64>, passed: u64| limit.is_some_and(|limit| passed >= limit);
        let (up, down) = (self.up.passed, self.down.passed);
        if reached(self.faults.vanish, down) {
            self.vanish();
            return true;
        }
        if reached(self.faults.reset_up, up) || reached(self.faults.reset_down, down) {
            self.reset(now);
            return true;
        }
        if reached(self.faults.eof_down, down) {
            self.faults.eof_down = None;
            self.part(now);
            self.down.clear();
            self.outbox.clear();
            self.down.finish(now, &self.faults, cuts, rng);
            return true;
        }
        if let Some((at, wait)) = self.faults.stall
            && down >= at
        {
            self.faults.stall = None;
            self.down.hold_back(now + wait);
        }
        false
    }

    /// The rest of what a closed device had to say, and its end.
    fn close_up(&mut self, now: Instant, cuts: &Cuts, rng: &mut Rng) -> bool {
        if !self.closed || self.finished {
            return false;
        }
        let taken = self.up.write(now, &self.tail, &self.faults, cuts, rng);
        self.tail.drain(..taken);
        if self.tail.is_empty() {
            self.finished = true;
            self.up.finish(now, &self.faults, cuts, rng);
        }
        taken > 0 || self.finished
    }

    /// Lets the peer read, think and write.
    fn serve(&mut self, now: Instant, cuts: &Cuts, rng: &mut Rng) -> bool {
        let Some(peer) = &mut self.peer else { return self.refuse_input(now) };
        let mut moved = false;
        if peer.poll_timeout().is_some_and(|at| at <= now) {
            peer.handle_timeout(now, rng);
            moved = true;
        }
        loop {
            let mut went_on = false;
            if self.inbox.is_empty() && self.up.is_readable() {
                self.inbox = self.up.read(usize::MAX);
            }
            if !self.inbox.is_empty() {
                let taken = peer.handle_input(now, rng, &mut self.inbox);
                self.inbox.drain(..taken);
                went_on |= taken > 0;
            }
            if self.inbox.is_empty() && self.up.is_over() && !self.eof_told {
                self.eof_told = true;
                peer.handle_eof(now);
                went_on = true;
            }
            let before = self.outbox.len();
            if before < PEER_OUT {
                peer.poll_transmit(now, rng, &mut self.outbox, PEER_OUT - before);
                went_on |= self.outbox.len() > before;
            }
            let taken = self.down.write(now, &self.outbox, &self.faults, cuts, rng);
            self.outbox.drain(..taken);
            if let Some((at, _)) = &self.faults.garbage
                && self.down.taken() >= *at
                && let Some((_, bytes)) = self.faults.garbage.take()
            {
                self.down.forge(&bytes);
            }
            went_on |= taken > 0;
            if taken > 0 && self.outbox.is_empty() {
                peer.handle_written(now);
            }
            moved |= went_on;
            if !went_on {
                break;
            }
        }
        match peer.ending() {
            None => {}
            Some(Ending::Abort) => self.reset(now),
            Some(how) if self.outbox.is_empty() => {
                self.down.finish(now, &self.faults, cuts, rng);
                if how == Ending::Close {
                    self.peer = None;
                }
            }
            Some(_) => {}
        }
        moved
    }

    /// Bytes for a peer that has gone are answered by a reset.
    fn refuse_input(&mut self, now: Instant) -> bool {
        if self.up.is_readable() {
            self.up.clear();
            self.reset_at = Some(now + self.faults.latency);
            return true;
        }
        false
    }

    /// The peer goes; the device does not know.
    fn part(&mut self, now: Instant) {
        if let Some(mut peer) = self.peer.take() {
            peer.handle_lost(now, Reason::Network(Network::Failed));
        }
    }

    /// The connection is reset by the peer or by something between.
    pub(crate) fn reset(&mut self, now: Instant) {
        self.part(now);
        self.up.clear();
        self.outbox.clear();
        self.reset_at = Some(now + self.faults.latency.max(Duration::from_micros(1)));
    }

    /// Half-open: from now on there is silence.
    pub(crate) fn vanish(&mut self) {
        self.vanished = true;
        self.peer = None;
    }

    /// The device let go in order; `tail` still leaves.
    pub(crate) fn close(&mut self, tail: Vec<u8>) {
        self.socket = None;
        self.tail = tail;
        self.closed = true;
    }

    /// The device reset it.
    pub(crate) fn abort(&mut self, now: Instant) {
        self.socket = None;
        self.part(now);
    }

    /// The device sends no more.
    pub(crate) fn finish(&mut self, now: Instant, cuts: &Cuts, rng: &mut Rng) {
        self.finished = true;
        self.up.finish(now, &self.faults, cuts, rng);
    }

    /// What the device must be told now besides bytes.
    pub(crate) fn told(&mut self, now: Instant) -> Told {
        if !self.reset_told && self.reset_at.is_some_and(|at| at <= now) {
            self.reset_told = true;
            return Told::Reset;
        }
        Told::Nothing
    }

    /// Whether nothing can come of it any more.
    pub(crate) fn is_over(&self) -> bool {
        let gone = self.vanished || self.peer.is_none();
        self.socket.is_none() && (gone || self.eof_told)
    }

    /// Nothing goes wrong any more but what already has.
    pub(crate) fn heal(&mut self) {
        let window = self.faults.window;
        self.faults = Faults { window, ..Faults::default() };
    }
}
