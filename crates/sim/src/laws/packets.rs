//! The laws for machines of the datagram shape: whole packets in; packets, facts and payload out.
//!
//! Two of them talk over a link with a delay, which loses and doubles packets where the law allows it. As for machines of the
//! byte shape, a checker compares manners that the law says are equal.

use super::Law;
use super::duet::below;
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use std::collections::BTreeMap;

/// A machine of the datagram shape, met through an adapter.
pub trait Station {
    /// `handle_input`: one packet.
    fn receive(&mut self, now: Instant, packet: &[u8]) -> Verdict<()>;
    /// `poll_transmit`: how long the packet is that is in `buf` now.
    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize>;
    /// `MAX_TRANSMIT`: a buffer of that size takes every packet.
    fn transmit_max(&self) -> usize;
    /// `poll_event`, as text; nothing of it may depend on how often it is asked for.
    fn event(&mut self, now: Instant) -> Option<String>;
    /// The payload that came, copied.
    fn take(&mut self, now: Instant) -> Vec<u8>;
    /// `handle_timeout`.
    fn timeout(&mut self, now: Instant);
    /// `poll_timeout`.
    fn deadline(&self) -> Option<Instant>;
    /// Some command of the machine, chosen by `what`; it may be refused.
    fn act(&mut self, now: Instant, what: u64);
    /// Ends all it does, at once and for good.
    fn end(&mut self, now: Instant);
    /// Everything that can be seen of it but counters.
    fn view(&self) -> String;
    /// What it holds for others: connections, packets. Bounded (L8).
    fn held(&self) -> usize;
}

/// The machine under test, and one it talks to.
pub type Stations = (Box<dyn Station>, Box<dyn Station>);

/// Calls after which outputs must have ended (L2). chosen: a window of a megabyte in small segments
const CALLS_MAX: usize = 20_000;

/// Commands of one run. chosen: some messages, an end
const ACTS: usize = 10;

/// One way. chosen: so that timers of milliseconds and answers mix
const DELAY: Duration = Duration::from_millis(7);

/// How long a run goes on after the last command. chosen: the limits of repeating, and what lingers after
const AFTERWARDS: Duration = Duration::from_secs(400);

/// Packets that one packet may cause (L8). chosen: a window that opens lets a few segments go, never a hundred
const ANSWERS_MAX: usize = 100;

/// What a machine may hold for strangers (L8), in connections or packets. chosen: above every adapter's limits
const HELD_MAX: usize = 64;

/// How the two are driven. Whatever differs between two manners must not show in what is said.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// Decides the commands and their times.
    seed: u64,
    /// Of a hundred packets, how many are lost, and how many come twice.
    lost: u64,
    doubled: u64,
    /// Nothing is polled until every packet of a moment has been handed in.
    lazy: bool,
    /// `handle_timeout` is called too early, and twice.
    restless: bool,
    /// Before each packet buffers are offered that are too short.
    narrow: bool,
}

impl Manner {
    const fn plain(seed: u64) -> Self {
        Self { seed, lost: 0, doubled: 0, lazy: false, restless: false, narrow: false }
    }

    /// With a link as bad as the seed says.
    const fn rough(seed: u64) -> Self {
        Self { lost: seed * 7 % 30, doubled: seed * 11 % 20, ..Self::plain(seed) }
    }
}

/// What the machine under test said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    events: Vec<String>,
    payload: Vec<u8>,
    /// Packets, and when they left.
    wire: Vec<(Instant, Vec<u8>)>,
}

struct Flight {
    sides: [Box<dyn Station>; 2],
    said: [Said; 2],
    manner: Manner,
    now: Instant,
    /// Packets under way: to whom.
    flying: BTreeMap<(Instant, usize), (usize, Vec<u8>)>,
    number: usize,
    /// For the link; commands have their own.
    fate: Rng,
}

/// Checks one law on fresh machines of `make`, under the schedule of `seed`.
///
/// # Errors
/// How it was broken.
pub fn check_packets(
    law: Law,
    seed: u64,
    make: &mut dyn FnMut() -> Stations,
) -> Result<(), String> {
    let (plain, rough) = (Manner::plain(seed), Manner::rough(seed));
    match law {
        Law::Replay => same("replayed", &fly(make(), rough)?, &fly(make(), rough)?),
        Law::Dry | Law::Ahead => fly(make(), rough).map(|_| ()),
        Law::Early => {
            let restless = Manner { restless: true, ..rough };
            same("asked too often", &fly(make(), rough)?, &fly(make(), restless)?)
        }
        Law::Buffer => {
            let narrow = Manner { narrow: true, ..rough };
            same("offered short buffers", &fly(make(), rough)?, &fly(make(), narrow)?)
        }
        Law::AnyOrder => {
            let lazy = Manner { lazy: true, ..plain };
            said("polled rarely", &fly(make(), plain)?, &fly(make(), lazy)?)
        }
        Law::Dropped | Law::Bounded | Law::NoError => hostile(law, make, seed),
        Law::Inert => inert(make(), plain),
    }
}

fn same(how: &str, one: &Said, other: &Said) -> Result<(), String> {
    said(how, one, other)?;
    let differ = one.wire.iter().zip(&other.wire).find(|(one, other)| one != other);
    if let Some((one, other)) = differ {
        return Err(format!("other packets when {how}: {one:02x?}, {other:02x?}"));
    }
    if one.wire.len() != other.wire.len() {
        return Err(format!("{} packets and {} when {how}", one.wire.len(), other.wire.len()));
    }
    Ok(())
}

fn said(how: &str, one: &Said, other: &Said) -> Result<(), String> {
    if one.events != other.events {
        return Err(format!("other events when {how}: {:?}, {:?}", one.events, other.events));
    }
    if one.payload != other.payload {
        return Err(format!("other payload when {how}"));
    }
    Ok(())
}

/// Runs a pair; what the first of it said.
fn fly(stations: Stations, manner: Manner) -> Result<Said, String> {
    let mut flight = Flight::new(stations, manner);
    flight.play()?;
    let [said, _] = flight.said;
    Ok(said)
}

impl Flight {
    fn new((one, other): Stations, manner: Manner) -> Self {
        Self {
            sides: [one, other],
            said: [Said::default(), Said::default()],
            manner,
            now: Instant::from_millis(1000),
            flying: BTreeMap::new(),
            number: 0,
            fate: Rng::from_run(!manner.seed),
        }
    }

    fn play(&mut self) -> Result<(), String> {
        let mut rng = Rng::from_run(self.manner.seed);
        self.settle()?;
        for _ in 0..ACTS {
            let (side, what) = (usize::from(rng.below(2) == 1), rng.next_u64());
            self.pass(self.now + Duration::from_millis(rng.below(600)))?;
            self.sides[side].act(self.now, what);
            self.settle()?;
        }
        self.pass(self.now + AFTERWARDS)
    }

    /// Lets time go on until `until`.
    fn pass(&mut self, until: Instant) -> Result<(), String> {
        loop {
            let arrival = self.flying.first_key_value().map(|(&(at, _), _)| at);
            let deadlines = self.sides.iter().filter_map(|side| side.deadline());
            let next = deadlines.chain(arrival).min().filter(|&at| at <= until);
            let Some(next) = next else { break };
            if self.manner.restless {
                self.early(next)?;
            }
            self.now = next;
            self.tick();
            self.deliver()?;
            self.settle()?;
        }
        self.now = until;
        Ok(())
    }

    /// L4: a call before anything is due has no effect, neither now nor later.
    fn early(&mut self, next: Instant) -> Result<(), String> {
        let between = self.now + (next - self.now) / 2;
        let mut buf = vec![0; self.sides[0].transmit_max()];
        for side in &mut self.sides {
            side.timeout(between);
            if between < next && side.transmit(between, &mut buf).is_some() {
                return Err("L4: a packet leaves before its time".to_owned());
            }
        }
        Ok(())
    }

    fn tick(&mut self) {
        for side in &mut self.sides {
            let due = side.deadline().is_some_and(|at| at <= self.now);
            if due || self.manner.restless {
                side.timeout(self.now);
            }
            if self.manner.restless {
                side.timeout(self.now);
            }
        }
    }

    fn deliver(&mut self) -> Result<(), String> {
        while let Some(first) = self.flying.first_entry()
            && first.key().0 <= self.now
        {
            let (to, packet) = first.remove();
            let (Verdict::Accepted | Verdict::Dropped(())) =
                self.sides[to].receive(self.now, &packet);
            if !self.manner.lazy {
                self.drain(to)?;
            }
        }
        Ok(())
    }

    /// Drains both until neither has anything to say; whether they are right to sleep then.
    fn settle(&mut self) -> Result<(), String> {
        for at in 0..2 {
            self.drain(at)?;
            if self.sides[at].deadline().is_some_and(|due| due <= self.now) {
                // A deadline may be early; what is left of it must be ahead.
                self.sides[at].timeout(self.now);
                self.drain(at)?;
                if self.sides[at].deadline().is_some_and(|due| due <= self.now) {
                    return Err(format!("L3: drained and still due at {:?}", self.now));
                }
            }
        }
        Ok(())
    }

    fn drain(&mut self, at: usize) -> Result<(), String> {
        let now = self.now;
        let mut buf = vec![0; self.sides[at].transmit_max()];
        for _ in 0..CALLS_MAX {
            let mut moved = false;
            if let Some(event) = self.sides[at].event(now) {
                self.said[at].events.push(event);
                moved = true;
            }
            let payload = self.sides[at].take(now);
            moved |= !payload.is_empty();
            self.said[at].payload.extend(payload);
            if self.manner.narrow {
                self.offer_too_little(at)?;
            }
            if let Some(len) = self.sides[at].transmit(now, &mut buf) {
                let packet = buf.get(..len).ok_or("longer than its buffer")?.to_vec();
                self.send(1 - at, &packet);
                self.said[at].wire.push((now, packet));
                moved = true;
            }
            if !moved {
                return Ok(());
            }
        }
        Err("L2: outputs never end".to_owned())
    }

    /// L6: too short a buffer yields nothing and changes nothing.
    fn offer_too_little(&mut self, at: usize) -> Result<(), String> {
        for len in [0, 1, 19] {
            let before = self.sides[at].view();
            if self.sides[at].transmit(self.now, &mut vec![0; len]).is_some() {
                return Err(format!("L6: a packet in {len} bytes"));
            }
            if self.sides[at].view() != before {
                return Err(format!("L6: a buffer of {len} bytes changes something"));
            }
        }
        Ok(())
    }

    fn send(&mut self, to: usize, packet: &[u8]) {
        if self.fate.below(100) < self.manner.lost {
            return;
        }
        let copies = if self.fate.below(100) < self.manner.doubled { 2 } else { 1 };
        for _ in 0..copies {
            self.number += 1;
            self.flying.insert((self.now + DELAY, self.number), (to, packet.to_vec()));
        }
    }
}

/// L7: what was ended says nothing more, whatever comes, and waits for nothing. It may answer strangers.
fn inert(stations: Stations, manner: Manner) -> Result<(), String> {
    let mut flight = Flight::new(stations, manner);
    let mut rng = Rng::from_run(manner.seed);
    flight.settle()?;
    for _ in 0..3 {
        let what = rng.next_u64();
        flight.pass(flight.now + Duration::from_millis(300))?;
        flight.sides[0].act(flight.now, what);
        flight.settle()?;
    }
    flight.sides[0].end(flight.now);
    flight.drain(0)?;
    let events = flight.said[0].events.len();
    flight.sides[1].act(flight.now, rng.next_u64());
    flight.settle()?;
    flight.pass(flight.now + AFTERWARDS)?;
    flight.sides[0].act(flight.now, rng.next_u64());
    flight.settle()?;
    if let Some(event) = flight.said[0].events.get(events) {
        return Err(format!("L7: says {event} after its end"));
    }
    if let Some(due) = flight.sides[0].deadline() {
        return Err(format!("L7: waits for {due:?} after its end"));
    }
    Ok(())
}

/// Nonsense, and real packets that were damaged, doubled and shuffled.
fn hostile(law: Law, make: &mut dyn FnMut() -> Stations, seed: u64) -> Result<(), String> {
    let mut rng = Rng::from_run(seed);
    let (subject, peer) = make();
    let real = fly((peer, subject), Manner::plain(seed))?.wire;
    let mut flight = Flight::new(make(), Manner::plain(seed));
    flight.settle()?;
    flight.flying.clear();
    for round in 0..300 {
        let mut packet = match real.get(below(&mut rng, real.len())) {
            Some((_, packet)) if rng.below(4) > 0 => packet.clone(),
            Some(_) | None => {
                let mut noise = vec![0; below(&mut rng, 120)];
                rng.fill(&mut noise);
                noise
            }
        };
        for _ in 0..rng.below(3) {
            let at = below(&mut rng, packet.len());
            if let Some(byte) = packet.get_mut(at) {
                *byte = (rng.next_u16() & 0xff) as u8;
            }
        }
        if rng.below(8) == 0 {
            packet.truncate(below(&mut rng, packet.len()));
        }
        flight.now += Duration::from_millis(rng.below(50));
        let side = &mut flight.sides[0];
        side.timeout(flight.now);
        let before = (law == Law::Dropped).then(|| side.view());
        let verdict = side.receive(flight.now, &packet);
        if let (Some(before), Verdict::Dropped(())) = (before, verdict)
            && side.view() != before
        {
            return Err(format!("L5: dropped and changed: {before}, {}", side.view()));
        }
        let sent = flight.said[0].wire.len();
        flight.drain(0)?;
        let answers = flight.said[0].wire.len() - sent;
        let held = flight.sides[0].held();
        if law == Law::Bounded && (answers > ANSWERS_MAX || held > HELD_MAX) {
            return Err(format!("L8: {answers} packets for one, {held} held in round {round}"));
        }
        flight.flying.clear();
    }
    Ok(())
}
