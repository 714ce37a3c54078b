//! A machine on strings: it records every fact and does what a test tells it.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Errno, Instant, SocketId};
use mainstay_host::{Config, Driver, Machine};
use mainstay_node::{Opened, Request, ResolveId, Resolved, SocketOptions};
use std::collections::{BTreeMap, VecDeque};

/// One socket as the machine sees it.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) opened: Option<Result<Opened, Errno>>,
    pub(crate) room: usize,
    pub(crate) received: Vec<u8>,
    pub(crate) eofs: usize,
    pub(crate) lost: Option<Errno>,
    pub(crate) written: usize,
    /// Sends back what it receives, and holds so much at most: its room.
    pub(crate) echo: bool,
    /// Sends this when the next bytes arrive.
    pub(crate) reply: Vec<u8>,
    /// Asks to be closed as soon as everything was polled.
    pub(crate) close_when_dry: bool,
    /// Aborts these lines when bytes arrive.
    pub(crate) abort_on_bytes: Vec<u32>,
    pub(crate) queued: VecDeque<u8>,
    pub(crate) reads: usize,
}

/// The machine.
#[derive(Debug, Default)]
pub(crate) struct Puppet {
    pub(crate) lines: BTreeMap<u32, Line>,
    pub(crate) requests: VecDeque<Request>,
    pub(crate) wanting: Vec<u32>,
    pub(crate) announced: Option<(SocketId, usize)>,
    pub(crate) resolved: Vec<(ResolveId, Resolved)>,
    pub(crate) wakes: usize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) timeouts: Vec<Instant>,
    pub(crate) walls: Vec<Duration>,
    pub(crate) drains: usize,
    /// The order in which lines were read.
    pub(crate) order: Vec<u32>,
}

impl Puppet {
    pub(crate) fn open(&mut self, id: u32, target: SocketAddr) -> &mut Line {
        let options = SocketOptions { no_delay: true, ..SocketOptions::default() };
        self.requests.push_back(Request::OpenTcp { id: SocketId(id), target, options });
        self.lines.insert(id, Line { room: 1 << 20, ..Line::default() });
        self.line(id)
    }

    pub(crate) fn line(&mut self, id: u32) -> &mut Line {
        self.lines.get_mut(&id).unwrap()
    }

    pub(crate) fn send(&mut self, id: u32, bytes: &[u8]) {
        self.line(id).queued.extend(bytes);
        self.wanting.push(id);
    }

    pub(crate) fn ask(&mut self, request: Request) {
        self.requests.push_back(request);
    }
}

impl Machine for Puppet {
    fn poll_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    fn handle_opened(&mut self, _: Instant, id: SocketId, outcome: Result<Opened, Errno>) {
        self.line(id.0).opened = Some(outcome);
    }

    fn handle_resolved(&mut self, _: Instant, id: ResolveId, answer: Resolved) {
        self.resolved.push((id, answer));
    }

    fn room(&self, id: SocketId) -> usize {
        let Some(line) = self.lines.get(&id.0) else { return 0 };
        if line.echo { line.room.saturating_sub(line.queued.len()) } else { line.room }
    }

    fn handle_bytes(&mut self, _: Instant, id: SocketId, len: usize) {
        assert!(len <= self.room(id), "more than there was room for");
        assert!(self.announced.replace((id, len)).is_none(), "the last bytes were not drained");
    }

    fn drain(&mut self, _: Instant, input: &mut [u8]) {
        self.drains += 1;
        let Some((id, len)) = self.announced.take() else {
            assert!(input.is_empty());
            return;
        };
        assert_eq!(input.len(), len);
        self.order.push(id.0);
        let line = self.line(id.0);
        line.reads += 1;
        if line.echo {
            line.queued.extend(&*input);
            self.wanting.push(id.0);
            return;
        }
        line.received.extend_from_slice(input);
        for id in core::mem::take(&mut line.abort_on_bytes) {
            self.ask(Request::Abort(SocketId(id)));
        }
        let line = self.line(id.0);
        if !line.reply.is_empty() {
            let reply = core::mem::take(&mut line.reply);
            self.send(id.0, &reply);
        }
    }

    fn handle_eof(&mut self, _: Instant, id: SocketId) {
        self.line(id.0).eofs += 1;
    }

    fn handle_lost(&mut self, _: Instant, id: SocketId, errno: Errno) {
        assert!(self.line(id.0).lost.replace(errno).is_none(), "lost twice");
    }

    fn handle_written(&mut self, _: Instant, id: SocketId) {
        self.line(id.0).written += 1;
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.timeouts.push(now);
        self.deadline = self.deadline.filter(|at| *at > now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn poll_wanting(&mut self) -> Option<SocketId> {
        self.wanting.pop().map(SocketId)
    }

    fn poll_transmit(&mut self, _: Instant, id: SocketId, out: &mut Vec<u8>, limit: usize) {
        let line = self.line(id.0);
        let len = line.queued.len().min(limit);
        out.extend(line.queued.drain(..len));
        if line.queued.is_empty() && line.close_when_dry {
            line.close_when_dry = false;
            self.ask(Request::Close(id));
        }
    }

    fn woken(&mut self, _: Instant) {
        self.wakes += 1;
    }

    fn set_wall(&mut self, _: Instant, unix: Duration) {
        self.walls.push(unix);
    }
}

/// A driver with a puppet.
pub(crate) fn driver() -> Driver<Puppet> {
    Driver::new(Config::default(), Puppet::default()).unwrap()
}

/// Turns until `done`, or fails after ten seconds.
pub(crate) fn until(driver: &mut Driver<Puppet>, mut done: impl FnMut(&Puppet) -> bool) {
    let end = driver.now() + Duration::from_secs(10);
    while !done(driver.machine()) {
        assert!(driver.now() < end, "waited too long: {:?}", driver.machine().lines.keys());
        driver.turn(Some(Duration::from_millis(100))).unwrap();
    }
}

/// Turns without end for so long.
pub(crate) fn turn_for(driver: &mut Driver<Puppet>, wait: Duration) {
    let end = driver.now() + wait;
    while driver.now() < end {
        driver.turn(Some(end.since(driver.now()))).unwrap();
    }
}

/// Turns until the kernel takes no more.
pub(crate) fn block(driver: &mut Driver<Puppet>) {
    loop {
        let before = driver.counters().bytes_written;
        driver.turn(Some(Duration::from_millis(200))).unwrap();
        if driver.counters().bytes_written == before {
            return;
        }
    }
}

/// Opens line `id` to `target` and waits until it is up.
pub(crate) fn connect(driver: &mut Driver<Puppet>, id: u32, target: SocketAddr) {
    driver.machine_mut().open(id, target);
    until(driver, |puppet| puppet.lines[&id].opened.is_some());
    assert!(matches!(driver.machine().lines[&id].opened, Some(Ok(_))));
}

/// A listener on the loopback and its address.
pub(crate) fn listen() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind((IpAddr::from([127, 0, 0, 1]), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Bytes that repeat nowhere near a buffer's size.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from((at.wrapping_mul(2_654_435_761) >> 11) & 0xff).unwrap())
        .collect()
}
