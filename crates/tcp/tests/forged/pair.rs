//! Two engines on a link that only takes its time, and someone who drops what passes and adds what never was sent.

use crate::lent::Lent;
use crate::plan::{App, End, Kind, Knobs, START};
use crate::side::{Device, Side};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_tcp::congestion::{AnyCc, any};
use mainstay_tcp::queue::{ArrayQueue, RingQueue};
use mainstay_tcp::{Host, Meta, Settings, Tuple};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Header, write_checksum};

type Filter = dyn FnMut(usize, &Header, usize) -> bool;

/// A segment that left: when, from which side, its header and how much payload.
pub(crate) type Seen = (Instant, usize, Header, usize);

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) sides: [Box<dyn Side>; 2],
    flying: Vec<(Instant, usize, Vec<u8>)>,
    /// Whether a segment passes.
    pub(crate) passes: Box<Filter>,
    pub(crate) wire: Vec<Seen>,
    /// The segments as they were.
    pub(crate) raw: Vec<(usize, Vec<u8>)>,
}

pub(crate) const DELAY: Duration = Duration::from_millis(10);
pub(crate) const ADDRESSES: [&str; 2] = ["198.18.0.1", "198.18.0.2"];
pub(crate) const PORTS: [u16; 2] = [4000, 80];

pub(crate) fn address(which: usize) -> IpAddr {
    ADDRESSES[which].parse().unwrap()
}

/// An application that sends so much, reads all, and does not end.
pub(crate) fn app(total: usize) -> App {
    App {
        total,
        chunk: 10_000,
        gap: Duration::ZERO,
        more_percent: 0,
        urgent_percent: 0,
        read_size: 1 << 20,
        read_gap: Duration::ZERO,
        stall: None,
        end: End::Never,
    }
}

pub(crate) fn knobs(receive: usize) -> Knobs {
    Knobs {
        kind: Kind::Host { lent: false },
        receive,
        send: 1 << 20,
        congestion: 3,
        sack: true,
        timestamps: false,
        window_scale: true,
        ecn: false,
        nagle: true,
        pacing: false,
        keepalive: false,
        gso_max: 0,
        delayed_ack: 40,
        quick_acks: 16,
        mtu: 1500,
        wrap: None,
        clock: None,
        no_buffer_percent: 0,
    }
}

impl Pair {
    pub(crate) fn new(knobs: &Knobs, apps: &[App; 2]) -> Self {
        let keys = [[1, 2], [2, 1]];
        let mut sides = [0, 1].map(|which| {
            let settings = Settings::host(any::Config::default());
            let (keys, app) = (keys[which], &apps[which]);
            let (address, seed) = (address(which), which as u64 + 7);
            if (knobs.kind == Kind::Host { lent: true }) {
                return Device::<Host<Vec<u8>, ArrayQueue<Lent, 7>, (), AnyCc>>::boxed(
                    address, seed, keys, knobs, app, settings,
                );
            }
            Device::<Host<Vec<u8>, RingQueue<Vec<u8>>, (), AnyCc>>::boxed(
                address, seed, keys, knobs, app, settings,
            )
        });
        let ends = [0, 1].map(|which| SocketAddr::new(address(which), PORTS[which]));
        sides[1].listen(ends[1]);
        sides[0].connect(START, Some(ends[0]), ends[1]);
        Self {
            now: START,
            sides,
            flying: Vec::new(),
            passes: Box::new(|_, _, _| true),
            wire: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// What can be done at this moment; how many segments left.
    pub(crate) fn settle(&mut self) -> usize {
        let before = self.wire.len();
        loop {
            let mut quiet = true;
            for which in 0..2 {
                self.sides[which].application(self.now, &mut |_| {});
                while let Some(sent) = self.sides[which].transmit(self.now) {
                    quiet = false;
                    let bytes = [&sent.header[..], &sent.payload].concat();
                    let (header, len) = Header::parse(&bytes).unwrap();
                    self.wire.push((self.now, which, header, bytes.len() - len));
                    self.raw.push((which, bytes.clone()));
                    if (self.passes)(which, &header, bytes.len() - len) {
                        self.flying.push((self.now + DELAY, which, bytes));
                    }
                }
            }
            let due: Vec<_> = self.flying.extract_if(.., |item| item.0 <= self.now).collect();
            for (_, from, bytes) in due {
                quiet = false;
                self.deliver(from, &bytes);
            }
            if quiet {
                return self.wire.len() - before;
            }
        }
    }

    fn deliver(&mut self, from: usize, bytes: &[u8]) {
        let (source, destination) = (address(from), address(1 - from));
        let ecn = Ecn::NotEct;
        let meta = Meta { source, destination, ecn, unit: None, verified: false, mtu: 1500 };
        self.sides[1 - from].receive(self.now, &meta, bytes);
    }

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(end, |_| false);
    }

    /// Lets time pass until `done` or `end`; whether it was done.
    pub(crate) fn run_until(&mut self, end: Instant, mut done: impl FnMut(&Self) -> bool) -> bool {
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            let sides = self.sides.iter().flat_map(|side| [side.deadline(), side.wake(self.now)]);
            let next = sides.flatten().chain(self.flying.iter().map(|item| item.0)).min();
            let next = next.unwrap_or(end).min(end);
            if next >= end {
                self.now = end;
                return false;
            }
            assert!(next > self.now, "a deadline that has come is not run");
            self.now = next;
            for side in &mut self.sides {
                side.timeout(next);
            }
        }
    }

    /// A segment nobody sent, as if from side `from`; at once. How many segments left for it.
    pub(crate) fn forge(&mut self, from: usize, header: &Header, payload: &[u8]) -> usize {
        let bytes = segment(from, header, payload);
        self.deliver(from, &bytes);
        self.settle()
    }

    /// Bytes that once passed, again.
    pub(crate) fn replay(&mut self, from: usize, bytes: &[u8]) {
        self.deliver(from, bytes);
        self.settle();
    }

    /// The newest segment that left a side.
    pub(crate) fn newest(&self, which: usize) -> Header {
        self.wire.iter().rev().find(|seen| seen.1 == which).unwrap().2
    }

    /// The tuple as a side sees it.
    pub(crate) fn tuple(which: usize) -> Tuple {
        let end = |which: usize| SocketAddr::new(address(which), PORTS[which]);
        Tuple::new(end(which), end(1 - which))
    }
}

/// A segment with its checksum.
fn segment(from: usize, header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 60];
    let len = header.emit(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes.extend_from_slice(payload);
    write_checksum(address(from), address(1 - from), &mut bytes).unwrap();
    bytes
}
