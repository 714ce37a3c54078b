//! A network and its links alone, without a device: for who opens connections by address.

use super::wire::{Wire, WireOptions, send_all};
use crate::clock::Clock;
use crate::waker::Waker;
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_net::network::{Config, Network};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

/// The token of the alarm.
const ALARM: Token = Token(usize::MAX - 1);
/// The token of the waker.
const WAKE: Token = Token(usize::MAX);

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the link.
    In,
    /// To the link.
    Out,
}

/// A network, its links and one wait for all of them, with the precision of the kernel's timers: what is paced needs
/// more than a millisecond's.
#[derive(Debug)]
pub struct Pump {
    network: Network,
    wires: Vec<Wire>,
    poll: Poll,
    events: Events,
    waker: Waker,
    alarm: OwnedFd,
    clock: Clock,
    frame: Box<[u8]>,
    more: bool,
}

impl Pump {
    /// Opens the links.
    ///
    /// # Errors
    /// What the kernel says of a link, or when it gives no descriptors or no entropy.
    pub fn open(config: Config, links: &[WireOptions]) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(&poll, WAKE)?;
        let clock = Clock::start();
        let mut network = Network::new(config, Rng::new(crate::entropy()?));
        let mut wires = Vec::new();
        for (number, options) in links.iter().enumerate() {
            let wire = Wire::open(clock.now(), options, &mut network)?;
            let fd = wire.as_fd().as_raw_fd();
            let both = Interest::READABLE.add(Interest::WRITABLE);
            poll.registry().register(&mut SourceFd(&fd), Token(number), both)?;
            wires.push(wire);
        }
        let alarm = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        poll.registry().register(&mut SourceFd(&alarm.as_raw_fd()), ALARM, Interest::READABLE)?;
        Ok(Self {
            network,
            wires,
            poll,
            events: Events::with_capacity(64),
            waker,
            alarm,
            clock,
            frame: vec![0; Network::MAX_TRANSMIT].into_boxed_slice(),
            more: true,
        })
    }

    /// The time by this pump's clock; it starts at zero.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The network, to look at.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to ask something of; what it causes to leave leaves with the next [`turn`](Self::turn).
    pub const fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Ends the wait of a turn from any thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Sends what there is, waits at most `wait` for a frame, a deadline or a wake, and takes in what came. `seen` gets
    /// every frame, with when and which way it went.
    ///
    /// # Errors
    /// What the kernel says of the poll or a link.
    pub fn turn(
        &mut self,
        wait: Option<Duration>,
        mut seen: impl FnMut(Instant, Way, &[u8]),
    ) -> io::Result<()> {
        let now = self.now();
        self.send(now, &mut seen)?;
        self.wait(wait)?;
        let now = self.now();
        self.more = false;
        for wire in self.wires.iter_mut().filter(|wire| wire.readable) {
            self.more |= wire.receive(now, &mut self.network, |frame| seen(now, Way::In, frame))?;
        }
        if self.network.poll_timeout().is_some_and(|at| at <= now) {
            self.network.handle_timeout(now);
        }
        self.send(now, &mut seen)
    }

    fn send(&mut self, now: Instant, seen: &mut impl FnMut(Instant, Way, &[u8])) -> io::Result<()> {
        send_all(now, &mut self.network, &mut self.wires, &mut self.frame, |frame| {
            seen(now, Way::Out, frame);
        })
    }

    fn wait(&mut self, wait: Option<Duration>) -> io::Result<()> {
        let deadline = self.network.poll_timeout().map(|at| at.since(self.now()));
        let wait = [wait, deadline].into_iter().flatten().min();
        let now = self.more || wait.is_some_and(|wait| wait.is_zero());
        if let Some(wait) = wait.filter(|_| !now) {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let value = Timespec::try_from(wait).unwrap_or(zero);
            let once = Itimerspec { it_interval: zero, it_value: value };
            timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &once)?;
        }
        match self.poll.poll(&mut self.events, now.then_some(Duration::ZERO)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for event in &self.events {
            match event.token() {
                ALARM => {
                    // Read, or it is told no second time.
                    let _count = rustix::io::read(&self.alarm, &mut [0; 8]);
                }
                WAKE => {
                    let _woken = self.waker.take();
                }
                Token(number) => {
                    if let Some(wire) = self.wires.get_mut(number) {
                        wire.readable = true;
                    }
                }
            }
        }
        Ok(())
    }
}
