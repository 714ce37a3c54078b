//! How much of a path's rate a connection uses, by loss and congestion control, in virtual time. `MAINSTAY_FULL=1` also
//! measures 100 Mbit/s, which takes minutes.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_impair::{Direction, Impairment, Loss};
use mainstay_tcp::congestion::{AnyCc, any, bbr, cubic};
use mainstay_tcp::index::Scan;
use mainstay_tcp::losses::{Rack, Record, Ring};
use mainstay_tcp::profile::SettingsOf;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::rate::{DeliveryRate, RateStamp};
use mainstay_tcp::reassembly::Ranges;
use mainstay_tcp::scoreboard::Scoreboard;
use mainstay_tcp::{
    Config, Endpoint, Engine, FastOpen, Fine, Handle, Ingress, Listener, Meta, Path, Profile, Push,
    Settings, SipHash, Slot, Tables,
};
use mainstay_wire::ip::Ecn;

/// A connection for long paths.
#[derive(Debug)]
struct Long;

impl Profile for Long {
    type Storage = Vec<u8>;
    type Queue = RingQueue<Vec<u8>>;
    type Context = ();
    type Address = IpAddr;
    type Offset = u32;
    type Assembly = Ranges<u32, 128>;
    type Board = Scoreboard<u32, 128>;
    type Losses = Rack<RateStamp, Ring<Record<RateStamp>, 2048>>;
    type Rate = DeliveryRate;
    type Finer = Fine;
    type Extras = ();
    type Congestion = AnyCc;
    type Settings = &'static SettingsOf<Self>;
    type Prf = SipHash;
    type Slots = [u32; 5];
    const TICK_SHIFT: u32 = 3;
}

struct InVecs;

impl Tables for InVecs {
    type Profile = Long;
    type Slots = Vec<Slot<Long>>;
    type Listeners = Vec<Listener>;
    type Index = Scan;
    type Memory = ();
}

const BUFFER: usize = 8 << 20;
const ADDRESSES: [&str; 2] = ["198.18.1.1", "198.18.1.2"];

struct Route {
    now: Instant,
    engines: [Engine<InVecs>; 2],
    handles: [Handle; 2],
    links: [Direction<Ecn>; 2],
    received: usize,
}

fn address(side: usize) -> IpAddr {
    ADDRESSES[side].parse().unwrap()
}

impl Route {
    fn new(seed: u64, config: any::Config, there: Impairment, back: Impairment) -> Self {
        let mut settings = Settings::host(config);
        settings.pacing = matches!(config, any::Config::Bbr3(_));
        let settings: &'static SettingsOf<Long> = Box::leak(Box::new(settings));
        let engine = |seed| {
            Engine::<InVecs>::new(
                Config::default(),
                Rng::from_run(seed),
                vec![Slot::default()],
                vec![Listener::default()],
                Scan::default(),
            )
        };
        let mut engines = [engine(seed), engine(seed + 1)];
        let handles = [0, 1].map(|side: usize| {
            let queue = RingQueue::new(vec![0; BUFFER]);
            let endpoint = Endpoint::new(vec![0; BUFFER], queue, settings, ()).unwrap();
            engines[side].attach(endpoint).unwrap()
        });
        let mut rng = Rng::from_run(seed);
        let links = [Direction::new(there, rng.fork()), Direction::new(back, rng.fork())];
        let now = Instant::from_millis(1000);
        let peer = SocketAddr::new(address(1), 80);
        engines[1].listen(peer).unwrap();
        let mut paths = |_, _| Some(Path { source: address(0), mtu: 1500 });
        engines[0].at(now, handles[0]).unwrap().connect(peer, FastOpen::No, &mut paths).unwrap();
        Self { now, engines, handles, links, received: 0 }
    }

    /// What the sender's application writes and the receiver's reads.
    fn application(&mut self) {
        for engine in &mut self.engines {
            while engine.poll_event().is_some() {}
        }
        let mut live = self.engines[0].at(self.now, self.handles[0]).unwrap();
        while live.write(&[7; 65536], Push::Now).unwrap_or(0) > 0 {}
        let mut live = self.engines[1].at(self.now, self.handles[1]).unwrap();
        let unread = live.endpoint().unwrap().facts().unread;
        live.commit(unread).unwrap();
        self.received += unread;
    }

    fn transmit(&mut self) {
        for side in [0, 1] {
            while let Some(out) = self.engines[side].poll_transmit(self.now) {
                // The packet's header and the frame's take their share of the rate.
                let mut bytes = vec![0; 34];
                bytes.extend_from_slice(out.header);
                out.payload.as_slice().iter().for_each(|part| bytes.extend_from_slice(part));
                let _ = self.links[side].handle_input(self.now, &bytes, out.ecn);
            }
        }
    }

    fn deliver(&mut self) {
        let mut bytes = Vec::new();
        for side in [0, 1] {
            while let Some(ecn) = self.links[side].poll_transmit(self.now, &mut bytes) {
                let to = 1 - side;
                let meta = Meta {
                    source: address(side),
                    destination: address(to),
                    ecn,
                    unit: None,
                    verified: true,
                    mtu: 1500,
                };
                let ingress = self.engines[to].handle_segment(self.now, &meta, &bytes[34..]);
                if let Ingress::Incoming(incoming) = ingress {
                    incoming.accept(self.handles[to]).unwrap();
                }
            }
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.application();
            self.transmit();
            let deadlines = [
                self.engines[0].next_deadline(),
                self.engines[1].next_deadline(),
                self.links[0].poll_timeout(),
                self.links[1].poll_timeout(),
            ];
            self.now = deadlines.into_iter().flatten().min().unwrap().max(self.now).min(end);
            self.deliver();
            for engine in &mut self.engines {
                engine.handle_timeout(self.now);
            }
        }
    }
}

/// Percent of `megabits` that arrives in 20 seconds, after 5 that do not count, with a queue of one product.
fn share(config: any::Config, megabits: u64, loss: u32) -> u64 {
    let rate = megabits * 1_000_000;
    let product = usize::try_from(rate / 8 / 20).unwrap(); // 50 ms
    let there = Impairment {
        rate: Some(rate),
        delay: Duration::from_millis(25),
        queue_bytes: product,
        loss: if loss == 0 { Loss::None } else { Loss::Random { per_million: loss } },
        ..Impairment::default()
    };
    let back = Impairment { delay: Duration::from_millis(25), ..Impairment::default() };
    let mut route = Route::new(1, config, there, back);
    route.run(Duration::from_secs(5));
    let before = route.received;
    route.run(Duration::from_secs(20));
    let bytes = u64::try_from(route.received - before).unwrap();
    bytes * 8 * 100 / (rate * 20)
}

/// Lost per million; what is used at least, of 10 and of 100 Mbit/s. Headers alone take 4 percent.
const BBR: [(u32, u64); 3] = [(0, 88), (1000, 88), (10_000, 88)];
const CUBIC: [(u32, u64); 2] = [(0, 90), (1000, 8)];

fn hold(config: any::Config, table: &[(u32, u64)]) {
    let full = std::env::var_os("MAINSTAY_FULL").is_some();
    for &(loss, least) in table {
        for megabits in if full { &[10, 100][..] } else { &[10] } {
            let share = share(config, *megabits, loss);
            assert!(
                share >= least,
                "{config:?} uses {share} % of {megabits} Mbit/s at a loss of {loss} ppm, not {least}"
            );
        }
    }
}

// Covers TCP-255, TCP-310
#[test]
fn bbr_fills_a_path_that_loses_one_percent() {
    hold(any::Config::Bbr3(bbr::Config::default()), &BBR);
}

// Covers TCP-255
#[test]
fn bbr_with_a_higher_threshold_fills_a_path_that_loses_five_percent() {
    let config = bbr::Config { loss_thresh_permille: 120, ..bbr::Config::default() };
    hold(any::Config::Bbr3(config), &[(50_000, 80)]);
}

// Covers TCP-252
#[test]
fn cubic_fills_a_path_that_loses_nothing() {
    hold(any::Config::Cubic(cubic::Config::default()), &CUBIC);
}
