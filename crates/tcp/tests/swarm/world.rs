//! Two sides, a link, virtual time, and what must be true at every step.

use crate::lent::Lent;
use crate::observer::Observer;
use crate::plan::{Kind, Knobs, Plan, START};
use crate::rated::Rated;
use crate::side::{Device, Sent, Side, describe};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_impair::{Direction, Dropped, Impairment, Wire};
use mainstay_tcp::congestion::{AnyCc, any, bbr, cubic, reno};
use mainstay_tcp::queue::{ArrayQueue, RingQueue};
use mainstay_tcp::{
    Disconnected, Host, IcmpError, IcmpKind, Meta, Settings, State, Std, Tiny, Tuple,
};
use mainstay_wire::ip::{Ecn, Protocol};
use mainstay_wire::segment::Split;
use mainstay_wire::tcp::Header;
use mainstay_wire::{ipv4, ipv6};

type Lending = ArrayQueue<Lent, 7>;
type Copying = RingQueue<Vec<u8>>;

/// The most that may happen in one second, in segments and wake-ups.
const STEPS_PER_SECOND: u64 = 60_000;
/// How long everything takes at most once nothing is wrong any more: a backed-off timeout, and again, and TIME-WAIT.
const HEALING: Duration = Duration::from_secs(400);

const PORTS: [u16; 2] = [4000, 80];

/// What a run was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) hash: u64,
    pub(crate) segments: u64,
    pub(crate) resent: u64,
    pub(crate) bytes: u64,
    pub(crate) virtual_ms: u64,
}

pub(crate) struct World {
    now: Instant,
    plan: Plan,
    sides: [Box<dyn Side>; 2],
    links: [Direction<Option<u16>>; 2],
    addresses: [IpAddr; 2],
    observer: Observer,
    /// What routers have to say, to whom and when.
    errors: Vec<(Instant, usize, IcmpError)>,
    healed: bool,
    fallen: bool,
    report: Report,
    steps: u64,
    second: u64,
    /// Every segment is printed.
    pub(crate) told: bool,
}

fn side(plan: &Plan, which: usize, address: IpAddr, keys: [u8; 2]) -> Box<dyn Side> {
    let (knobs, app) = (&plan.knobs[which], &plan.apps[which]);
    let seed = plan.seed ^ (which as u64 + 1);
    let chosen = Settings::host(congestion(knobs));
    let cubic = Settings::host(cubic::Config::default());
    let reno = Settings::tiny(reno::Config::default());
    match knobs.kind {
        Kind::Host { lent: true } => Device::<Host<Vec<u8>, Lending, (), AnyCc>>::boxed(
            address, seed, keys, knobs, app, chosen,
        ),
        Kind::Host { lent: false } => Device::<Host<Vec<u8>, Copying, (), AnyCc>>::boxed(
            address, seed, keys, knobs, app, chosen,
        ),
        Kind::Rated => Device::<Rated>::boxed(address, seed, keys, knobs, app, chosen),
        Kind::Std { lent: true } => {
            Device::<Std<Vec<u8>, Lending>>::boxed(address, seed, keys, knobs, app, cubic)
        }
        Kind::Std { lent: false } => {
            Device::<Std<Vec<u8>, Copying>>::boxed(address, seed, keys, knobs, app, cubic)
        }
        Kind::Tiny { lent: true } => {
            Device::<Tiny<Vec<u8>, Lending>>::boxed(address, seed, keys, knobs, app, reno)
        }
        Kind::Tiny { lent: false } => {
            Device::<Tiny<Vec<u8>, Copying>>::boxed(address, seed, keys, knobs, app, reno)
        }
    }
}

fn congestion(knobs: &Knobs) -> any::Config {
    match knobs.congestion {
        0 => any::Config::NewReno(reno::Config::default()),
        1 => any::Config::NewRenoHyStart(reno::Config::default()),
        2 => any::Config::Bbr3(bbr::Config::default()),
        _ => any::Config::Cubic(cubic::Config::default()),
    }
}

impl World {
    pub(crate) fn new(plan: &Plan) -> Self {
        let addresses: [IpAddr; 2] = if plan.v6 {
            ["2001:db8::1", "2001:db8::2"].map(|text| text.parse().unwrap())
        } else {
            ["198.18.0.1", "198.18.0.2"].map(|text| text.parse().unwrap())
        };
        let mut rng = Rng::from_run(plan.seed ^ 0x11_11);
        let keys = [17, 201];
        let mut sides =
            [0, 1].map(|which| side(plan, which, addresses[which], [keys[which], keys[1 - which]]));
        let clocks = clocks(plan, addresses, keys);
        for (side, clock) in sides.iter_mut().zip(clocks) {
            side.set_clock(clock);
        }
        let links = [0, 1].map(|d: usize| Direction::new(plan.links[d].clone(), rng.fork()));
        let mtus = [plan.knobs[0].mtu, plan.knobs[1].mtu];
        let capacities = [plan.knobs[0].receive, plan.knobs[1].receive];
        let mut world = Self {
            now: START,
            sides,
            links,
            addresses,
            observer: Observer::new(addresses, keys, mtus, capacities.map(|c| c + 1)),
            errors: Vec::new(),
            healed: false,
            fallen: false,
            report: Report {
                hash: 0xcbf2_9ce4_8422_2325,
                segments: 0,
                resent: 0,
                bytes: 0,
                virtual_ms: 0,
            },
            steps: 0,
            second: 0,
            told: false,
            plan: plan.clone(),
        };
        begin(plan, addresses, START, &mut world.sides);
        world
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Report {
        // What is planned for the very beginning happens before anything else.
        self.pass(START);
        let late = self.plan.apps.iter().filter_map(|app| app.stall.map(|span| span.until)).max();
        let end = late.unwrap_or(START).max(self.plan.heal_at) + HEALING;
        loop {
            self.settle();
            if self.is_over() {
                break;
            }
            let Some(next) = self.next() else {
                panic!("nothing will happen any more\n{}", self.describe());
            };
            assert!(next > self.now, "a deadline that has come is not run\n{}", self.describe());
            assert!(next < end, "it does not end\n{}", self.describe());
            self.pass(next);
        }
        self.finish()
    }

    fn describe(&self) -> String {
        let since = self.now - START;
        let [a, b] = [0, 1].map(|which| describe(self.sides[which].as_ref()));
        format!("after {since:?}, {:?}\nA {a}\nB {b}\n{:?}", self.report, self.plan)
    }

    fn is_over(&self) -> bool {
        let over = |side: &dyn Side| {
            side.facts().state == State::Closed
                && (side.seen().ended.is_some() || !side.seen().started)
        };
        self.sides.iter().all(|side| over(side.as_ref()))
            && self.links.iter().all(|link| link.held() == 0)
    }

    fn next(&self) -> Option<Instant> {
        let of_sides = self.sides.iter().flat_map(|side| [side.deadline(), side.wake(self.now)]);
        let of_links = self.links.iter().map(Direction::poll_timeout);
        let of_errors = self.errors.iter().map(|error| Some(error.0));
        let heal = (!self.healed).then_some(self.plan.heal_at);
        let fall = self.plan.mtu_falls.filter(|_| !self.fallen).map(|(at, _)| at);
        let all = of_sides.chain(of_links).chain(of_errors).chain([heal, fall]);
        all.flatten().min()
    }

    fn pass(&mut self, next: Instant) {
        self.now = next;
        let second = (next - START).as_secs();
        if second != self.second {
            (self.second, self.steps) = (second, 0);
        }
        if !self.healed && next >= self.plan.heal_at {
            self.healed = true;
            for (side, link) in self.sides.iter_mut().zip(&mut self.links) {
                side.hurry();
                let mtu = link.impairment().mtu;
                link.set(Impairment { delay: self.plan.delay, mtu, ..Impairment::default() });
            }
        }
        if let Some((at, mtu)) = self.plan.mtu_falls
            && !self.fallen
            && next >= at
        {
            self.fallen = true;
            for link in &mut self.links {
                let impairment = Impairment { mtu: Some(mtu), ..link.impairment().clone() };
                link.set(impairment);
            }
        }
        let due: Vec<_> = self.errors.extract_if(.., |error| error.0 <= next).collect();
        for (_, which, error) in due {
            let _verdict = self.sides[which].icmp(next, &error);
        }
        for side in &mut self.sides {
            side.timeout(next);
        }
    }

    /// Everything that can be done without time passing.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for which in 0..2 {
                let mut notes = Vec::new();
                self.sides[which].application(self.now, &mut |note| notes.push(note.to_owned()));
                for note in notes {
                    self.record(note.as_bytes());
                }
                while let Some(sent) = self.sides[which].transmit(self.now) {
                    quiet = false;
                    self.count();
                    self.carry(which, &sent);
                }
            }
            for which in 0..2 {
                quiet &= !self.deliver(which);
            }
            let [a, b] = &self.sides;
            for (one, other) in [(a, b), (b, a)] {
                assert!(one.seen().read <= other.seen().sent, "bytes nobody sent");
            }
            self.count();
            if quiet {
                return;
            }
        }
    }

    fn count(&mut self) {
        self.steps += 1;
        if self.steps > STEPS_PER_SECOND {
            panic!("it turns in circles\n{}", self.describe());
        }
    }

    /// FNV-1a.
    fn record(&mut self, bytes: &[u8]) {
        let time = self.now.as_micros().to_le_bytes();
        for byte in time.iter().chain(bytes) {
            self.report.hash = (self.report.hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// What leaves, or comes.
    #[expect(clippy::print_stdout, reason = "asked for by who looks into one seed")]
    fn tell(&self, words: &str, bytes: &[u8]) {
        if !self.told {
            return;
        }
        let at = (self.now - START).as_secs_f64();
        let Some((header, len)) = Header::parse(bytes) else { return };
        let Header { sequence, acknowledgment, flags, window, options, .. } = header;
        let sack = options.sack.as_slice();
        println!(
            "{at:.6} {words} {flags:?} {sequence} +{} ack {acknowledgment} win {window} {:?} {:?} {sack:?}",
            bytes.len() - len,
            options.window_scale,
            options.timestamps.map(|stamps| (stamps.value, stamps.echo)),
        );
    }

    fn carry(&mut self, from: usize, sent: &Sent) {
        self.tell(["A >", "B >"][from], &[&sent.header[..], &sent.payload].concat());
        let seen = self.sides[from].seen();
        self.observer.look(from, sent, seen.sent);
        self.report.segments += 1;
        self.record(&sent.header);
        let network = network(self.addresses[from], self.addresses[1 - from], sent);
        let headers = [&network[..], &sent.header].concat();
        let Some(unit) = sent.unit else {
            self.put(from, &[&headers[..], &sent.payload].concat(), None, &sent.header);
            return;
        };
        if self.plan.cut {
            let parts = [&sent.payload[..]];
            let mut split = Split::new(&headers, 0, &parts, unit).expect("it can be cut");
            let mut packet = vec![0; 70_000];
            while let Some(len) = split.next_packet(&mut packet) {
                let bytes = packet[..len].to_vec();
                self.put(from, &bytes, None, &bytes[network.len()..]);
            }
        } else {
            self.put(from, &[&headers[..], &sent.payload].concat(), Some(unit), &sent.header);
        }
    }

    fn put(&mut self, from: usize, packet: &[u8], unit: Option<u16>, tcp: &[u8]) {
        let (header, len) = Header::parse(tcp).unwrap();
        let network = if self.plan.v6 { 40 } else { 20 };
        let wire = unit.map_or_else(
            || Wire::single(packet.len()),
            |unit| Wire::cut(packet.len(), network + len, unit.into()),
        );
        let now = self.now;
        let verdict = self.links[from].handle_input_as(now, packet, unit, wire);
        if let Verdict::Dropped(Dropped::Mtu) = verdict {
            let mtu = self.links[from].impairment().mtu.unwrap();
            let tuple = Tuple::new(
                SocketAddr::new(self.addresses[from], header.source),
                SocketAddr::new(self.addresses[1 - from], header.destination),
            );
            let kind = IcmpKind::TooBig { mtu };
            let error = IcmpError { tuple, sequence: header.sequence, kind };
            self.errors.push((now + Duration::from_millis(5), from, error));
        }
    }

    fn deliver(&mut self, from: usize) -> bool {
        let mut some = false;
        let mut packet = Vec::new();
        while let Some(unit) = self.links[from].poll_transmit(self.now, &mut packet) {
            some = true;
            self.count();
            if let Some((mut meta, bytes)) = opened(&packet) {
                meta.unit = unit;
                self.tell(["    B <", "    A <"][from], bytes);
                self.sides[1 - from].receive(self.now, &meta, bytes);
            }
        }
        some
    }

    fn finish(mut self) -> Report {
        for which in 0..2 {
            self.sides[which].hurry();
            self.sides[which].drain(self.now);
            let seen = self.sides[which].seen();
            assert_eq!(seen.returned, seen.lent, "buffers are missing\n{}", self.describe());
            if !self.plan.is_gentle() {
                continue;
            }
            assert_eq!(
                seen.ended,
                Some(Disconnected::Normal),
                "it ends badly\n{}",
                self.describe()
            );
            assert_eq!(
                seen.read,
                self.plan.apps[1 - which].total,
                "bytes are missing\n{}",
                self.describe()
            );
            assert_eq!(seen.acked, self.plan.apps[which].total, "not all is acknowledged");
        }
        self.report.virtual_ms = u64::try_from((self.now - START).as_millis()).unwrap();
        self.report.resent = self.observer.parties.iter().map(|party| party.resent).sum();
        self.report.bytes = self.sides.iter().map(|side| side.seen().read as u64).sum();
        self.report
    }
}

fn begin(plan: &Plan, addresses: [IpAddr; 2], now: Instant, sides: &mut [Box<dyn Side>; 2]) {
    let ends = [0, 1].map(|which| SocketAddr::new(addresses[which], PORTS[which]));
    if plan.simultaneous {
        sides[0].connect(now, Some(ends[0]), ends[1]);
        sides[1].connect(now, Some(ends[1]), ends[0]);
    } else {
        sides[1].listen(ends[1]);
        sides[0].connect(now, Some(ends[0]), ends[1]);
    }
}

/// By how much the clocks must be ahead so that the initial sequence numbers are where the plan wants them: a rehearsal
/// tells what they are otherwise, and they grow by one in four microseconds (RFC 6528 §3).
fn clocks(plan: &Plan, addresses: [IpAddr; 2], keys: [u8; 2]) -> [Duration; 2] {
    let mut sides =
        [0, 1].map(|which| side(plan, which, addresses[which], [keys[which], keys[1 - which]]));
    begin(plan, addresses, START, &mut sides);
    let mut clocks = [Duration::ZERO; 2];
    for which in 0..2 {
        let Some(sent) = sides[which].transmit(START) else { continue };
        let (header, _) = Header::parse(&sent.header).unwrap();
        if let Some(before) = plan.knobs[which].wrap {
            let ahead = 0_u32.wrapping_sub(before).wrapping_sub(header.sequence);
            clocks[which] = Duration::from_micros(u64::from(ahead) * 4);
        }
        if let Some(clock) = plan.knobs[which].clock {
            clocks[which] = clock - (START - Instant::ZERO);
        }
        let network = network(addresses[which], addresses[1 - which], &sent);
        let packet = [network, sent.header].concat();
        let (meta, bytes) = opened(&packet).unwrap();
        sides[1 - which].receive(START, &meta, bytes);
    }
    clocks
}

fn network(source: IpAddr, target: IpAddr, sent: &Sent) -> Vec<u8> {
    let payload_len = u16::try_from(sent.header.len() + sent.payload.len()).unwrap();
    let mut out = vec![0; 40];
    let len = match (source, target) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => ipv4::Header {
            ecn: sent.ecn,
            ..ipv4::Header::new(source, destination, Protocol::TCP, payload_len)
        }
        .emit(&mut out),
        (IpAddr::V6(source), IpAddr::V6(destination)) => ipv6::Header {
            ecn: sent.ecn,
            ..ipv6::Header::new(source, destination, Protocol::TCP, payload_len)
        }
        .emit(&mut out),
        _ => None,
    };
    out.truncate(len.unwrap());
    out
}

/// A packet as a stack hands it on.
fn opened(packet: &[u8]) -> Option<(Meta, &[u8])> {
    let (source, destination, ecn, bytes): (IpAddr, IpAddr, Ecn, &[u8]) =
        if let Some((header, bytes)) = ipv6::Header::parse(packet) {
            (header.source.into(), header.destination.into(), header.ecn, bytes)
        } else {
            let (header, bytes) = ipv4::Header::parse(packet)?;
            (header.source.into(), header.destination.into(), header.ecn, bytes)
        };
    let meta = Meta { source, destination, ecn, unit: None, verified: false, mtu: 0 };
    Some((meta, bytes))
}
