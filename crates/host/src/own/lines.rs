//! The links of a network and one wait for all of them, with the precision of the kernel's timers: what is paced needs
//! more than a millisecond's.

use super::pump::Way;
use super::wire::{Wire, WireOptions, send_all};
use crate::clock::Clock;
use crate::waker::Waker;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_net::network::Network;
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

/// See the module.
#[derive(Debug)]
pub(super) struct Lines {
    wires: Vec<Wire>,
    poll: Poll,
    events: Events,
    waker: Waker,
    alarm: OwnedFd,
    clock: Clock,
    frame: Box<[u8]>,
    more: bool,
}

impl Lines {
    /// Opens the links of a network.
    pub(super) fn open(network: &mut Network, links: &[WireOptions]) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(&poll, WAKE)?;
        let clock = Clock::start();
        let mut wires = Vec::new();
        for (number, options) in links.iter().enumerate() {
            let wire = Wire::open(clock.now(), options, network)?;
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

    pub(super) fn wires(&self) -> &[Wire] {
        &self.wires
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) const fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Takes in what came, runs what is due, and sends what that caused. `seen` gets every frame.
    pub(super) fn serve(
        &mut self,
        now: Instant,
        network: &mut Network,
        mut seen: impl FnMut(Instant, Way, &[u8]),
    ) -> io::Result<()> {
        self.more = false;
        for wire in self.wires.iter_mut().filter(|wire| wire.readable) {
            self.more |= wire.receive(now, network, |frame| seen(now, Way::In, frame))?;
        }
        if network.poll_timeout().is_some_and(|at| at <= now) {
            network.handle_timeout(now);
        }
        self.send(now, network, seen)
    }

    /// Sends what there is.
    pub(super) fn send(
        &mut self,
        now: Instant,
        network: &mut Network,
        mut seen: impl FnMut(Instant, Way, &[u8]),
    ) -> io::Result<()> {
        send_all(now, network, &mut self.wires, &mut self.frame, |frame| {
            seen(now, Way::Out, frame);
        })
    }

    /// Waits for a frame, the deadline or a wake, and at most for `wait`.
    pub(super) fn wait(
        &mut self,
        deadline: Option<Instant>,
        wait: Option<Duration>,
    ) -> io::Result<()> {
        let deadline = deadline.map(|at| at.since(self.now()));
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
