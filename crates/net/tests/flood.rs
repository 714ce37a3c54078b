//! A flood of SYNs from addresses that nobody has, and clients who want to connect meanwhile.
//!
//! `MAINSTAY_FULL=1` sends a million, else a tenth of that. What was measured is printed.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stdout, reason = "what was measured is worth seeing with --nocapture")]
#![expect(
    clippy::disallowed_methods,
    reason = "what a SYN costs is measured in real time, and the environment says how many"
)]

#[path = "flood/side.rs"]
mod side;

use cap::Cap;
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::State;
use mainstay_wire::tcp::{Flags, Header, Options, Timestamps};
use side::{CLIENT, Link, PORT, SERVER, Side, packet};
use std::alloc::System;
use std::sync::{Mutex, PoisonError};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Memory is of the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// One SYN of the flood every 10 microseconds: 100 000 in a second (S-51).
const GAP: Duration = Duration::from_micros(10);
/// There and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);

fn count() -> u32 {
    let full = std::env::var("MAINSTAY_FULL").is_ok_and(|value| value == "1");
    if full { 1_000_000 } else { 100_000 }
}

/// A SYN from a place that is drawn, with the options that SYNs have.
fn spoofed(rng: &mut Rng, family: usize) -> Vec<u8> {
    let drawn = rng.next_u32();
    let [a, b, c, d] = drawn.to_be_bytes();
    let from: IpAddr = if family == 0 {
        [20 + a % 70, b, c, d.clamp(1, 254)].into()
    } else {
        [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, a, b, c, d, 0, 0, 0, 9].into()
    };
    let stamps = Timestamps { value: drawn, echo: 0 };
    let options = Options {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: (d % 2 == 0).then_some(stamps),
        ..Options::default()
    };
    let header = Header {
        source: 1024 + u16::from_be_bytes([a, d]) / 2,
        destination: PORT,
        sequence: rng.next_u32(),
        flags: Flags::SYN,
        window: 64_240,
        options,
        ..Header::default()
    };
    packet(from, SERVER[family], &header, &[])
}

/// What was seen of the clients that came during a flood.
#[derive(Debug, Default)]
struct Service {
    came: usize,
    connected: usize,
    answered: usize,
    slowest: Duration,
}

/// Someone connects every 20 ms, asks, is answered and closes; the flood goes on all the while.
struct Flood {
    link: Link,
    now: Instant,
    family: usize,
    waiting: Vec<(mainstay_tcp::Handle, Instant, bool)>,
    service: Service,
}

impl Flood {
    fn new(family: usize) -> Self {
        let server = Side::server(SERVER);
        let client = Side::client(CLIENT);
        let link = Link::new(server, client, ROUND_TRIP / 2);
        let now = Instant::from_millis(1000);
        Self { link, now, family, waiting: Vec::new(), service: Service::default() }
    }

    fn come(&mut self) {
        let peer = (SERVER[self.family], PORT).into();
        let handle = self.link.client.network.connect(self.now, peer, None, 0).unwrap();
        self.waiting.push((handle, self.now, false));
        self.service.came += 1;
    }

    /// The clients that are connected ask, and those that have their answer go.
    fn look(&mut self) {
        let (now, network) = (self.now, &mut self.link.client.network);
        let service = &mut self.service;
        self.waiting.retain_mut(|(handle, since, asked)| {
            let endpoint = network.engine().endpoint(*handle).unwrap();
            let (state, unread) = (endpoint.state(), endpoint.facts().unread);
            let mut live = network.at(now, *handle).unwrap();
            if state == State::Established && !*asked {
                *asked = true;
                service.connected += 1;
                service.slowest = service.slowest.max(now.since(*since));
                live.write(b"question", mainstay_tcp::Push::Now).unwrap();
                live.finish().unwrap();
            }
            if unread > 0 {
                service.answered += 1;
                network.release(now, *handle);
            }
            unread == 0
        });
    }

    fn turn(&mut self) {
        self.link.settle(self.now);
        self.look();
        self.link.settle(self.now);
    }

    /// Lets a moment pass, and all that happens in it.
    fn pass(&mut self, wait: Duration) {
        let end = self.now + wait;
        while let Some(next) = self.link.next(self.now).filter(|at| *at <= end) {
            self.now = next;
            self.turn();
        }
        self.now = end;
        self.turn();
    }
}

fn flooded(family: usize) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut flood = Flood::new(family);
    let mut rng = Rng::from_run(51);
    let total = count();
    println!("before: {} KiB", ALLOCATOR.allocated() / 1024);
    // Until everything that a flood can take is taken.
    let warm = total / 10;
    let (mut before, mut most, mut spent) = (0, 0, Duration::ZERO);
    for n in 0..total {
        if n == warm {
            before = ALLOCATOR.allocated();
        }
        if n % 2000 == 0 {
            flood.come();
        }
        let frame = spoofed(&mut rng, family);
        let start = std::time::Instant::now();
        flood.link.server.give(flood.now, &frame);
        spent += start.elapsed();
        // A driver takes some frames at once before it sends.
        if n % 16 == 15 || !flood.link.server.network.can_answer() {
            flood.pass(GAP * 16);
        }
        most = most.max(ALLOCATOR.allocated());
    }
    flood.pass(Duration::from_millis(200));
    let service = &flood.service;
    let network = &flood.link.server.network;
    let grown = most.saturating_sub(before);
    let counters = network.engine().counters();
    println!(
        "IPv{}: {total} SYNs at 100 000 a second, {} ns each; {} clients came, {} connected, {} answered, the slowest \
         connected in {:?} of a round trip of {ROUND_TRIP:?}; memory held {} KiB at the start of the measure, grew by \
         {grown} bytes at most; {} SYN-ACKs to nobody, {} answers dropped",
        [4, 6][family],
        spent.as_nanos() / u128::from(total),
        service.came,
        service.connected,
        service.answered,
        service.slowest,
        before / 1024,
        flood.link.lost,
        counters.unanswered,
    );
    assert_eq!((service.connected, service.answered), (service.came, service.came));
    assert!(service.slowest <= ROUND_TRIP + GAP * 32, "{service:?}");
    // Clients hold buffers of theirs for a moment; what the flood holds was taken before.
    assert!(grown <= side::CONNECTION * 4, "{grown}");
    // Each was answered, from an endpoint, the queue or a cookie, and not much more often than it asked.
    assert!(flood.link.lost >= u64::from(total), "{}", flood.link.lost);
    assert!(flood.link.lost <= u64::from(total) * 101 / 100 + 2000, "{}", flood.link.lost);
    assert_eq!(counters.unanswered, 0);
}

// S-51
// Covers TCP-530, TCP-532, TCP-540
#[test]
fn a_flood_over_ipv4_takes_no_memory_and_no_time_from_who_means_it() {
    flooded(0);
}

// S-51
// Covers TCP-530, TCP-540
#[test]
fn a_flood_over_ipv6_takes_no_memory_and_no_time_from_who_means_it() {
    flooded(1);
}
