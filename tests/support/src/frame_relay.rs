//! A bad link between two kernel interfaces, in real time: `mainstay-impair` with a clock and two ports.
//!
//! A relay is one thread, two ports and two [`Direction`]s: what comes in at one port leaves at the other, as late,
//! as seldom and as damaged as its direction says. It works for any two programs of this kernel, ours and others
//! alike. The program `relay` of this crate runs one between two interfaces.
//!
//! Time is that of a timer with nanoseconds; a wait is over some 50 microseconds late on an idle machine, and a
//! machine that is busy shows in the delays. Bytes are not changed but by the impairment; what they lack (segmentation
//! offload, checksums) travels beside them.

mod capture;
mod port;
mod words;

pub use capture::Capture;
pub use port::{LinkPort, Port};
pub use words::{WORDS, describe, parse};

use core::num::NonZeroU64;
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_impair::{Counters, Direction, Impairment};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

/// Frames taken from a port before the other one has its turn. chosen: a queue of the kernel holds 500 and more.
const BURST: usize = 64;

/// Bytes of the longest frame: a link with offload gives as many.
const FRAME_MAX: usize = 64 * 1024 + 64;

/// From here on a frame is late. chosen: far above what a wait is late by, far below any path's round trip
const LATE: Duration = Duration::from_millis(1);

/// How long a port without room is left alone. chosen: 1 Gbit/s sends ten frames in it.
const RETRY: Duration = Duration::from_micros(100);

/// Which way frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In at port a, out at port b.
    AToB,
    /// In at port b, out at port a.
    BToA,
}

/// What became of the frames of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Those of the impairment.
    pub counters: Counters,
    /// Came out of it, and the port would not have them: too long for it, or it is down.
    pub refused: u64,
    /// Left more than a millisecond after they were due: this machine was too slow, or a port had no room.
    pub late: u64,
    /// How long after it was due the latest left.
    pub latest: Duration,
}

/// A running relay. Dropped: it ends.
#[derive(Debug)]
pub struct Relay {
    orders: Sender<Order>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug)]
enum Order {
    Set(Way, Box<Impairment>),
    Report(Sender<[Report; 2]>),
    Stop,
}

impl Relay {
    /// Starts a relay in a thread of its own. `links`: from a to b, and back; each draws from a stream of `seed` of
    /// its own. The time of the impairments' `down` begins now.
    ///
    /// # Errors
    /// The system has no thread or no descriptor left.
    pub fn start<P: Port + Send + 'static>(
        ports: [P; 2],
        links: [Impairment; 2],
        seed: u64,
        captures: [Option<Capture>; 2],
    ) -> io::Result<Self> {
        let (orders, inbox) = channel();
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let mut rng = Rng::from_run(seed);
        let lanes = links.map(|link| Lane::new(Direction::new(link, rng.fork())));
        let frame = vec![0; FRAME_MAX];
        let mut floor = Floor {
            ports,
            lanes,
            captures,
            inbox,
            wake: Arc::clone(&wake),
            clock: Clock::new(),
            frame,
        };
        let thread = Builder::new().name("relay".to_owned()).spawn(move || floor.run())?;
        Ok(Self { orders, wake, thread: Some(thread) })
    }

    /// From now on another link, one way.
    pub fn set(&self, way: Way, impairment: Impairment) {
        self.order(Order::Set(way, Box::new(impairment)));
    }

    /// What became of the frames so far, from a to b and back; `None`: it has ended by itself.
    #[must_use]
    pub fn report(&self) -> Option<[Report; 2]> {
        let (sender, answer) = channel();
        self.order(Order::Report(sender));
        answer.recv().ok()
    }

    /// Whether it has ended by itself: a port failed, and [`Relay::stop`] says how.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it; frames under way are lost.
    ///
    /// # Errors
    /// A port, or a capture, had failed.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn order(&self, order: Order) {
        // One that has ended needs no orders; whoever waits for an answer sees that.
        let _ = self.orders.send(order);
        let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }

    fn end(&mut self) -> io::Result<()> {
        self.order(Order::Stop);
        let ended = self.thread.take().map(JoinHandle::join);
        ended.map_or(Ok(()), |ended| ended.unwrap_or_else(|_| Err(io::Error::other("it panicked"))))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// What is behind one direction: the frame that is due and found no room.
#[derive(Debug)]
struct Lane<F> {
    direction: Direction<F>,
    out: Vec<u8>,
    pending: Option<F>,
    /// When that was due.
    due: Instant,
    retry_at: Instant,
    refused: u64,
    late: u64,
    latest: Duration,
}

impl<F: Copy> Lane<F> {
    fn new(direction: Direction<F>) -> Self {
        Self {
            direction,
            out: Vec::new(),
            pending: None,
            due: Instant::ZERO,
            retry_at: Instant::ZERO,
            refused: 0,
            late: 0,
            latest: Duration::ZERO,
        }
    }

    /// The frame that was pending has left.
    fn count(&mut self, now: Instant) {
        let behind = now.since(self.due);
        self.latest = self.latest.max(behind);
        self.late = self.late.saturating_add(u64::from(behind > LATE));
    }

    fn deadline(&self) -> Option<Instant> {
        if self.pending.is_some() { Some(self.retry_at) } else { self.direction.poll_timeout() }
    }
}

/// The relay's own side: what the thread owns.
struct Floor<P: Port> {
    ports: [P; 2],
    lanes: [Lane<P::Facts>; 2],
    captures: [Option<Capture>; 2],
    inbox: Receiver<Order>,
    wake: Arc<OwnedFd>,
    clock: Clock,
    frame: Vec<u8>,
}

impl<P: Port> Floor<P> {
    fn run(&mut self) -> io::Result<()> {
        // Without it each wait takes 50 microseconds longer. A kernel that will not is only less exact.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        loop {
            let mut more = false;
            for from in [0, 1] {
                more |= self.pull(from)?;
                self.push(from)?;
            }
            self.wait(more)?;
            if self.obey() {
                return self.captures.iter_mut().flatten().try_for_each(Capture::finish);
            }
        }
    }

    /// Takes what has come at a port, a burst at most; whether there may be more.
    fn pull(&mut self, from: usize) -> io::Result<bool> {
        for _ in 0..BURST {
            let Some((len, facts)) = self.ports[from].receive(&mut self.frame)? else {
                return Ok(false);
            };
            let (now, frame) = (self.clock.now(), &self.frame[..len]);
            if let Some(capture) = &mut self.captures[from] {
                capture.frame(now, frame)?;
            }
            let wire = self.ports[from].wire(facts, frame);
            // The counters know what was dropped, and why.
            let _verdict: Verdict<_> =
                self.lanes[from].direction.handle_input_as(now, frame, facts, wire);
        }
        Ok(true)
    }

    /// Sends what is due at the other port, until it has no room.
    fn push(&mut self, from: usize) -> io::Result<()> {
        let (to, lane) = (1 - from, &mut self.lanes[from]);
        loop {
            let now = self.clock.now();
            if lane.pending.is_none() {
                lane.due = lane.direction.poll_timeout().unwrap_or(now);
                lane.pending = lane.direction.poll_transmit(now, &mut lane.out);
            } else if now < lane.retry_at {
                return Ok(());
            }
            let Some(facts) = lane.pending else { return Ok(()) };
            match self.ports[to].send(facts, &lane.out) {
                Ok(true) => {
                    lane.count(now);
                    if let Some(capture) = &mut self.captures[to] {
                        capture.frame(now, &lane.out)?;
                    }
                }
                Ok(false) => {
                    lane.retry_at = now + RETRY;
                    return Ok(());
                }
                // An interface that is down, or a frame it will not have: as on any link, it is gone.
                Err(_) => lane.refused = lane.refused.saturating_add(1),
            }
            lane.pending = None;
        }
    }

    fn wait(&self, more: bool) -> io::Result<()> {
        let deadline = self.lanes.iter().filter_map(Lane::deadline).min();
        let wait =
            if more { Some(Duration::ZERO) } else { deadline.map(|at| self.clock.until(at)) };
        let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
        let mut watched = [
            PollFd::from_borrowed_fd(self.ports[0].fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.ports[1].fd(), PollFlags::IN),
            PollFd::new(&*self.wake, PollFlags::IN),
        ];
        match poll(&mut watched, wait.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Does what it was told meanwhile; whether it is to end.
    fn obey(&mut self) -> bool {
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]); // Empty is as good.
        while let Ok(order) = self.inbox.try_recv() {
            match order {
                Order::Set(Way::AToB, link) => self.lanes[0].direction.set(*link),
                Order::Set(Way::BToA, link) => self.lanes[1].direction.set(*link),
                Order::Report(answer) => {
                    let reports = self.lanes.each_ref().map(|lane| Report {
                        counters: lane.direction.counters(),
                        refused: lane.refused,
                        late: lane.late,
                        latest: lane.latest,
                    });
                    let _ = answer.send(reports); // Nobody waits any more: fine.
                }
                Order::Stop => return true,
            }
        }
        false
    }
}

/// Real time since the relay's start.
#[derive(Debug)]
struct Clock(std::time::Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "a relay lives in real time")]
    fn new() -> Self {
        Self(std::time::Instant::now())
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.0.elapsed()
    }

    /// To the nanosecond: `at` is in microseconds, and waking before it would be waking twice.
    fn until(&self, at: Instant) -> Duration {
        Duration::from_micros(at.as_micros()).saturating_sub(self.0.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Deadline, wait_until};
    use mainstay_impair::Loss;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixDatagram;

    /// A port that receives this is broken.
    const LAST_WORDS: &[u8] = b"break";

    /// Packets of a socket pair as frames.
    struct Pair(UnixDatagram);

    impl Port for Pair {
        type Facts = ();

        fn receive(&mut self, frame: &mut [u8]) -> io::Result<Option<(usize, ())>> {
            match self.0.recv(frame) {
                Ok(len) if frame[..len] == *LAST_WORDS => Err(io::ErrorKind::BrokenPipe.into()),
                Ok(len) => Ok(Some((len, ()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error),
            }
        }

        fn send(&mut self, (): (), frame: &[u8]) -> io::Result<bool> {
            match self.0.send(frame) {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
                Err(error) => Err(error),
            }
        }

        fn fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    fn ports() -> ([UnixDatagram; 2], [Pair; 2]) {
        let (a, near_a) = UnixDatagram::pair().unwrap();
        let (b, near_b) = UnixDatagram::pair().unwrap();
        for socket in [&near_a, &near_b] {
            socket.set_nonblocking(true).unwrap();
        }
        ([a, b], [Pair(near_a), Pair(near_b)])
    }

    fn round_trip(ends: &[UnixDatagram; 2]) -> Duration {
        let clock = Clock::new();
        let mut buf = [0; 16];
        ends[0].send(b"there").unwrap();
        assert_eq!(ends[1].recv(&mut buf).unwrap(), 5);
        ends[1].send(b"back").unwrap();
        assert_eq!(ends[0].recv(&mut buf).unwrap(), 4);
        clock.0.elapsed()
    }

    #[test]
    fn frames_are_late_by_the_delay_and_then_by_another() {
        let (ends, ports) = ports();
        let link =
            |millis| Impairment { delay: Duration::from_millis(millis), ..Impairment::default() };
        let relay = Relay::start(ports, [link(20), link(10)], 1, [None, None]).unwrap();
        let took = round_trip(&ends);
        assert!(took >= Duration::from_millis(30), "{took:?}");
        relay.set(Way::AToB, link(0));
        relay.set(Way::BToA, link(0));
        // A busy machine may need more than one try.
        assert!(
            wait_until(Duration::from_secs(5), || round_trip(&ends) < Duration::from_millis(30))
        );
        let [there, back] = relay.report().unwrap();
        assert_eq!(there.counters.output.frames, back.counters.input.frames);
        relay.stop().unwrap();
    }

    #[test]
    fn what_is_lost_is_counted_and_a_full_port_loses_nothing() {
        let (ends, ports) = ports();
        let links = [
            Impairment { loss: Loss::EveryNth(3), ..Impairment::default() },
            Impairment::default(),
        ];
        let relay = Relay::start(ports, links, 1, [None, None]).unwrap();
        let sender = ends[0].try_clone().unwrap();
        let count = 3000_u64;
        let sending = std::thread::scope(|scope| {
            scope.spawn(move || (0..count).all(|_| sender.send(&[7; 1000]).is_ok()));
            // Nobody receives for a while: the pair has room for few.
            let deadline = Deadline::after(Duration::from_millis(30));
            assert!(wait_until(Duration::from_secs(1), || deadline.is_over()));
            let mut buf = [0; 2000];
            ends[1].set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            (0..count * 2 / 3).filter(|_| ends[1].recv(&mut buf).is_ok()).count()
        });
        assert_eq!(u64::try_from(sending).unwrap(), count * 2 / 3);
        let [there, _] = relay.report().unwrap();
        assert_eq!((there.counters.loss.frames, there.refused), (count / 3, 0));
    }

    #[test]
    fn a_port_that_fails_ends_the_relay_with_its_error() {
        let ([a, _b], ports) = ports();
        let links = [Impairment::default(), Impairment::default()];
        let relay = Relay::start(ports, links, 1, [None, None]).unwrap();
        assert!(relay.report().is_some() && !relay.is_over());
        a.send(LAST_WORDS).unwrap();
        assert!(wait_until(Duration::from_secs(5), || relay.is_over()));
        assert_eq!(relay.report(), None);
        assert_eq!(relay.stop().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
