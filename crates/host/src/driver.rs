//! The turn: one wait, then everything that came of it.
//!
//! This file owns time, order and the three queues. `driver/requests.rs` does what the machine
//! asks, `driver/read.rs` and `driver/write.rs` move bytes.

mod own;
mod read;
mod requests;
mod write;

use crate::clock::{self, Clock};
use crate::counters::Counters;
use crate::limits::{Config, SETTLE_MAX, WALL_INTERVAL, WallHook};
use crate::machine::Machine;
use crate::own::Own;
use crate::resolver::Resolver;
use crate::socket::{Phase, Slot};
use crate::table::{Key, Table, WAKE_TOKEN};
use crate::waker::{Waker, Woken};
use core::fmt;
use core::time::Duration;
use mainstay_base::{Errno, Instant};
use mio::{Events, Poll};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Runs a machine over the kernel's sockets.
///
/// The machine is made at `Instant::ZERO`, which is when the driver is. After using
/// [`machine_mut`](Self::machine_mut) the next [`turn`](Self::turn) or [`pump`](Self::pump)
/// carries out what it caused.
pub struct Driver<M> {
    machine: M,
    poll: Poll,
    events: Events,
    waker: Waker,
    clock: Clock,
    /// When the last wait ended.
    now: Instant,
    limits: Limits,
    wall: Option<WallHook>,
    wall_at: Instant,
    resolver: Resolver,
    sockets: Table,
    queues: Queues,
    input: Box<[u8]>,
    output: Vec<u8>,
    /// One frame of our own network.
    frame: Box<[u8]>,
    own: Option<Box<Own>>,
    /// The caller had the machine in its hands since it was settled.
    touched: bool,
    /// There may be work that no descriptor tells of.
    more: bool,
    counters: Counters,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    send_max: usize,
    turn_max: usize,
    linger: Duration,
}

/// Who waits for service. Entries of sockets that are gone stay and find nothing.
#[derive(Debug, Default)]
struct Queues {
    /// Readable, with room when last looked.
    readers: VecDeque<Key>,
    /// With bytes to send and no reason to wait.
    writers: VecDeque<Key>,
    /// Readable, without room.
    paused: Vec<Key>,
    /// Connected, or not to be.
    connected: VecDeque<Key>,
    /// Dead after their input was over.
    broken: VecDeque<Key>,
    /// Closed with bytes left, in the order of their deadlines.
    lingering: VecDeque<(Instant, Key)>,
}

impl<M: Machine> Driver<M> {
    /// Makes the poll and the buffers; tells the machine the wall time.
    ///
    /// # Errors
    /// When the system gives no descriptors.
    pub fn new(config: Config, mut machine: M) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(&poll, WAKE_TOKEN)?;
        machine
            .set_wall(Instant::ZERO, config.wall.as_ref().map_or_else(clock::wall, |wall| wall()));
        Ok(Self {
            machine,
            poll,
            events: Events::with_capacity(config.event_max.max(1)),
            clock: Clock::start(),
            now: Instant::ZERO,
            limits: Limits {
                send_max: config.send_max.max(1),
                turn_max: config.turn_max.max(1),
                linger: config.linger,
            },
            wall: config.wall,
            wall_at: Instant::ZERO,
            resolver: Resolver::new(config.resolver, config.resolve_max, waker.clone()),
            waker,
            sockets: Table::default(),
            queues: Queues::default(),
            input: vec![0; config.receive_buffer.max(1)].into_boxed_slice(),
            output: Vec::new(),
            frame: Box::default(),
            own: None,
            touched: true,
            more: false,
            counters: Counters::default(),
        })
    }

    /// One turn: waits at most `wait` (`None`: until something happens or a deadline passes),
    /// then serves all that came. `Some(Duration::ZERO)` does not wait.
    ///
    /// # Units
    /// The wait has the kernel's granularity, one millisecond, and never ends early for a deadline.
    /// # Errors
    /// When the poll itself fails, which only a broken system makes it. What happens to a socket
    /// is told to the machine, not here.
    pub fn turn(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if self.touched {
            self.pump();
        }
        let wait = self.wait_until_deadline(wait);
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.counters.turns += 1;
        let now = self.read_clock();
        let woken = self.note_events();
        self.receive_frames(now);
        self.tell_wall(now);
        self.connected(now);
        self.broken(now);
        self.tell_woken(now, woken);
        self.read_all(now);
        self.expire(now);
        self.settle(now);
        Ok(())
    }

    /// Carries out what the machine wants now, without looking for anything new: for callers who
    /// gave it a command and will not call [`turn`](Self::turn) at once.
    pub fn pump(&mut self) {
        self.touched = false;
        let now = self.read_clock();
        self.settle(now);
    }

    /// When [`turn`](Self::turn) must be called although the descriptor is not readable; a moment
    /// that has passed if there is work left.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.is_busy() {
            return Some(self.now);
        }
        let lingering = self.queues.lingering.front().map(|(at, _)| *at);
        let network = self.own.as_deref().and_then(|own| own.network().poll_timeout());
        [self.machine.poll_timeout(), lingering, network].into_iter().flatten().min()
    }

    /// The time, read afresh; what the machine's commands take.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now().max(self.now)
    }

    /// The wall clock, as time since 1970.
    #[must_use]
    pub fn wall(&self) -> Duration {
        self.wall.as_ref().map_or_else(clock::wall, |wall| wall())
    }

    /// Wakes this driver from any thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The machine, to look at.
    #[must_use]
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to give commands to.
    #[must_use]
    pub const fn machine_mut(&mut self) -> &mut M {
        self.touched = true;
        &mut self.machine
    }

    /// What was done so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// How many sockets are open, those included that only write out what they were given.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.sockets.len() + self.own.as_deref().map_or(0, |own| own.connections.len())
    }

    /// How many closed connections still have bytes to send; over a network of our own also those whose last bytes are
    /// not acknowledged. A program that ends while there are some may lose them.
    #[must_use]
    pub fn leaving_count(&self) -> usize {
        self.queues.lingering.len() + self.own.as_deref().map_or(0, |own| own.connections.leaving())
    }

    fn read_clock(&mut self) -> Instant {
        self.now = self.now();
        self.now
    }

    /// How long to sleep. The clock is read only if a deadline bounds the sleep.
    fn wait_until_deadline(&self, wait: Option<Duration>) -> Option<Duration> {
        if self.is_busy() || wait == Some(Duration::ZERO) {
            return Some(Duration::ZERO);
        }
        let left = self.deadline().map(|at| at.since(self.now()));
        [wait, left].into_iter().flatten().min()
    }

    fn is_busy(&self) -> bool {
        self.more || !self.queues.readers.is_empty() || !self.queues.writers.is_empty()
    }

    /// Turns the kernel's events into bits and queue entries. Calls nobody: what an event means
    /// may depend on the ones after it.
    fn note_events(&mut self) -> bool {
        let Self { events, sockets, queues, own, .. } = self;
        let (mut woken, mut count) = (false, 0);
        for event in events.iter() {
            count += 1;
            if event.token() == WAKE_TOKEN {
                woken = true;
                continue;
            }
            if event.token().0 >= own::WIRE_TOKENS {
                Self::note_wire(own.as_deref_mut(), event.token());
                continue;
            }
            let Some(slot) = sockets.get_mut(Key::from_token(event.token())) else { continue };
            let ending = event.is_read_closed() || event.is_error();
            slot.ending |= ending;
            slot.readable |= ending || event.is_readable();
            match slot.phase {
                Phase::Connecting => {
                    if event.is_writable() || ending {
                        queues.connected.push_back(slot.key);
                    }
                }
                Phase::Lingering => {
                    if event.is_writable() || event.is_error() {
                        queues.write(slot);
                    }
                }
                Phase::Open => {
                    if event.is_writable() && slot.pending.is_some() {
                        queues.write(slot);
                    }
                    if slot.input_over {
                        if event.is_error() {
                            queues.broken.push_back(slot.key);
                        }
                    } else if slot.readable {
                        queues.read(slot);
                    }
                }
            }
        }
        // The kernel may have more than fitted.
        self.more = count >= events.capacity();
        woken
    }

    fn tell_wall(&mut self, now: Instant) {
        if now.since(self.wall_at) >= WALL_INTERVAL {
            self.wall_at = now;
            self.machine.set_wall(now, self.wall());
        }
    }

    /// Tells of wakes, and of the answers whose thread woke us.
    fn tell_woken(&mut self, now: Instant, woken: bool) {
        if !woken {
            return;
        }
        let Woken { application, resolver } = self.waker.take();
        if resolver {
            while let Some((id, answer)) = self.resolver.poll_answer() {
                self.machine.handle_resolved(now, id, answer);
                self.obey(now);
            }
        }
        if application {
            self.counters.wakes += 1;
            self.machine.woken(now);
            self.obey(now);
        }
    }

    /// Passes deadlines that are due: the machine's one, and those of closed sockets.
    fn expire(&mut self, now: Instant) {
        self.expire_own(now);
        if self.machine.poll_timeout().is_some_and(|at| at <= now) {
            self.machine.handle_timeout(now);
            self.obey(now);
        }
        while let Some(&(at, key)) = self.queues.lingering.front() {
            let written = self.sockets.get(key).is_none();
            if !written && at > now {
                return;
            }
            self.queues.lingering.pop_front();
            if let Some(slot) = self.sockets.remove(key) {
                self.counters.resets += 1;
                slot.reset();
            }
        }
    }

    /// Delivers facts, carries out requests, writes; until the machine is quiet or has had its
    /// share of this turn.
    fn settle(&mut self, now: Instant) {
        self.deliver(now);
        self.collect_wanting();
        self.write_all(now);
        self.deliver(now);
        self.collect_wanting();
        self.serve_own(now);
        self.resume();
        self.resume_own();
    }

    /// Drains the machine until its requests cause no more facts.
    fn deliver(&mut self, now: Instant) {
        for _ in 0..SETTLE_MAX {
            self.machine.drain(now, &mut []);
            if !self.obey(now) {
                return;
            }
        }
        self.more = true;
    }

    /// A socket died: tells the machine and forgets it.
    fn lose(&mut self, now: Instant, key: Key, errno: Errno) {
        let Some(slot) = self.sockets.remove(key) else { return };
        self.counters.lost += 1;
        let id = slot.id;
        // Bytes may be lost: the peer must not take what it got for all of it.
        slot.reset();
        self.machine.handle_lost(now, id, errno);
        self.obey(now);
    }

    /// Looks after sockets that died when their input was over: no read would tell.
    fn broken(&mut self, now: Instant) {
        while let Some(key) = self.queues.broken.pop_front() {
            let Some(slot) = self.sockets.get(key) else { continue };
            if slot.phase == Phase::Open
                && let Some(errno) = slot.fault.or_else(|| slot.take_error())
            {
                self.lose(now, key, errno);
            }
        }
    }
}

impl Queues {
    fn read(&mut self, slot: &mut Slot) {
        if !slot.read_queued && !slot.paused {
            slot.read_queued = true;
            self.readers.push_back(slot.key);
        }
    }

    fn write(&mut self, slot: &mut Slot) {
        if !slot.write_queued {
            slot.write_queued = true;
            self.writers.push_back(slot.key);
        }
    }
}

/// The epoll descriptor: readable when a turn would find something.
impl<M> AsFd for Driver<M> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}

impl<M> fmt::Debug for Driver<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("now", &self.now)
            .field("sockets", &self.sockets.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
