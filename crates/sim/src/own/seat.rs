//! One connection of the far host: a peer, and what goes wrong with it.

use crate::faults::Faults;
use crate::peer::{Ending, Peer};
use crate::server::Place;
use core::time::Duration;
use mainstay_base::{Instant, Network as Failure, Reason, Rng};
use mainstay_net::Network;
use mainstay_tcp::{Endpoint, Handle, Push};

/// Bytes a peer has in its hands at once, each way. chosen: one turn's worth.
const PEER_MAX: usize = 16 * 1024;

/// What becomes of the connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It goes on; whether anything was done.
    On(bool),
    /// The peer closes it.
    Close,
    /// The peer, or something between, resets it.
    Reset,
    /// From now on there is silence.
    Vanish,
    /// It is over and all was said.
    Gone,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) place: Place,
    pub(super) peer: Box<dyn Peer>,
    faults: Faults,
    /// What the peer has not taken.
    inbox: Vec<u8>,
    /// What TCP has not taken.
    outbox: Vec<u8>,
    /// Bytes that reached the peer, and bytes that TCP took from it.
    up: u64,
    down: u64,
    stalled_until: Option<Instant>,
    eof_told: bool,
    finished: bool,
    /// Both sides have finished.
    pub(super) over: bool,
}

impl Seat {
    pub(super) fn new(now: Instant, place: Place, mut peer: Box<dyn Peer>, faults: Faults) -> Self {
        peer.handle_opened(now);
        Self {
            place,
            peer,
            faults,
            inbox: Vec::new(),
            outbox: Vec::new(),
            up: 0,
            down: 0,
            stalled_until: None,
            eof_told: false,
            finished: false,
            over: false,
        }
    }

    /// When something happens by itself.
    pub(super) fn next(&self) -> Option<Instant> {
        self.stalled_until.or_else(|| self.peer.poll_timeout())
    }

    /// Nothing goes wrong any more but what already has.
    pub(super) fn heal(&mut self) {
        self.faults = Faults::default();
        self.stalled_until = None;
    }

    /// Lets the peer read, think and write.
    pub(super) fn serve(
        &mut self,
        now: Instant,
        network: &mut Network,
        handle: Handle,
        rng: &mut Rng,
    ) -> Course {
        if self.stalled_until.is_some_and(|until| until > now) {
            return Course::On(false);
        }
        self.stalled_until = None;
        let mut moved = false;
        if self.peer.poll_timeout().is_some_and(|at| at <= now) {
            self.peer.handle_timeout(now, rng);
            moved = true;
        }
        loop {
            let went_on =
                self.read(now, network, handle, rng) | self.write(now, network, handle, rng);
            moved |= went_on;
            if let Some(course) = self.break_down(now) {
                return course;
            }
            if !went_on {
                break;
            }
        }
        if self.over {
            return Course::Gone;
        }
        match self.peer.ending() {
            Some(Ending::Abort) => return Course::Reset,
            Some(Ending::Close) if self.outbox.is_empty() => return Course::Close,
            Some(Ending::Finish) if self.outbox.is_empty() && !self.finished => {
                self.finished = true;
                if let Some(mut live) = network.at(now, handle) {
                    let _ended = live.finish();
                }
                moved = true;
            }
            Some(_) | None => {}
        }
        Course::On(moved)
    }

    fn read(&mut self, now: Instant, network: &mut Network, handle: Handle, rng: &mut Rng) -> bool {
        let Some(mut live) = network.at(now, handle) else { return false };
        let mut moved = false;
        if self.inbox.is_empty() {
            let len = if self.faults.chunk_max == 0 { PEER_MAX } else { self.faults.chunk_max };
            let mut space = vec![0; len.min(PEER_MAX)];
            let len = live.read(&mut space).unwrap_or(0);
            space.truncate(len);
            self.inbox = space;
            self.up += len as u64;
            moved |= len > 0;
            let ended = live.endpoint().is_some_and(Endpoint::is_end_of_stream);
            if len == 0 && ended && !self.eof_told {
                self.eof_told = true;
                self.peer.handle_eof(now);
                return true;
            }
        }
        if !self.inbox.is_empty() {
            let taken = self.peer.handle_input(now, rng, &mut self.inbox);
            self.inbox.drain(..taken);
            moved |= taken > 0;
        }
        moved
    }

    fn write(
        &mut self,
        now: Instant,
        network: &mut Network,
        handle: Handle,
        rng: &mut Rng,
    ) -> bool {
        let before = self.outbox.len();
        if before < PEER_MAX {
            self.peer.poll_transmit(now, rng, &mut self.outbox, PEER_MAX - before);
        }
        if self.finished || self.over {
            return false;
        }
        if let Some((at, _)) = &self.faults.garbage
            && self.down >= *at
            && let Some((_, bytes)) = self.faults.garbage.take()
        {
            self.outbox.splice(..0, bytes);
        }
        let Some(mut live) = network.at(now, handle) else { return false };
        let most = self.faults.write_max.min(self.outbox.len());
        let taken = live.write(self.outbox.get(..most).unwrap_or_default(), Push::Now).unwrap_or(0);
        self.outbox.drain(..taken);
        self.down += taken as u64;
        if taken > 0 && self.outbox.is_empty() {
            self.peer.handle_written(now);
        }
        taken > 0 || self.outbox.len() > before
    }

    /// The faults that count bytes.
    fn break_down(&mut self, now: Instant) -> Option<Course> {
        let reached = |limit: Option<u64>, passed: u64| limit.is_some_and(|limit| passed >= limit);
        let faults = &self.faults;
        if reached(faults.vanish, self.down) {
            return Some(Course::Vanish);
        }
        if reached(faults.reset_up, self.up) || reached(faults.reset_down, self.down) {
            return Some(Course::Reset);
        }
        if reached(faults.eof_down, self.down) {
            return Some(Course::Close);
        }
        if let Some((at, wait)) = faults.stall
            && self.down >= at
        {
            self.faults.stall = None;
            self.stalled_until = Some(now + wait.max(Duration::from_micros(1)));
            return Some(Course::On(true));
        }
        None
    }

    /// The connection is gone, and the peer hears of it.
    pub(super) fn part(&mut self, now: Instant) {
        self.peer.handle_lost(now, Reason::Network(Failure::Failed));
    }
}
