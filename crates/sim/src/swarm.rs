//! Worlds drawn from a seed: which faults exist, how small limits are, who speaks what, what the
//! application does meanwhile. First everything goes wrong, then everything is healed.

mod draw;
mod judge;
mod policy;
mod servers;
mod wiring;

pub use draw::{Draw, Kind, Wire};

use crate::story::{Book, Expect, Reaction, Role};
use crate::world::World;
use core::cell::Cell;
use core::time::Duration;
use judge::Judged;
use mainstay_base::{Instant, Rng};
use mainstay_node::{Config, Node, Resolved, StreamId};
use mainstay_policy::{Policy, State};
use servers::Shared;
use std::rc::Rc;
use wiring::Ground;

/// How long everything may go wrong, in virtual time. chosen: several back-offs and validity intervals.
const SAFETY: Duration = Duration::from_secs(90);

/// How long recovery may take. chosen: the longest silence (30 s), twice, connect (75 s), and back-off.
const RECOVERY: Duration = Duration::from_secs(240);

/// How long the last connection may linger. chosen: idle time, linger and a close handshake.
const AFTERWARDS: Duration = Duration::from_secs(120);

/// The same two where TCP is the device's own: timeouts that were backed off, and ends nobody answers.
/// chosen: the longest limit of repeating, twice.
const OWN_RECOVERY: Duration = Duration::from_secs(400);
const OWN_AFTERWARDS: Duration = Duration::from_secs(600);

/// How long a world is looked at once nobody has anything to do, and how many frames may leave meanwhile.
/// chosen: a handful of questions for neighbours.
const QUIET: Duration = Duration::from_secs(300);
const QUIET_FRAMES: u64 = 50;

/// What carries a world's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Pipes of bytes.
    Bytes,
    /// Our own TCP/IP over a link for frames.
    Own,
}

/// What came of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The hash of everything that happened.
    pub hash: u64,
    /// Streams created.
    pub streams: usize,
    /// CONNECTED told.
    pub connected: usize,
    /// Acknowledged, sent, refused, unknown.
    pub outcomes: [usize; 4],
    /// When all had recovered, in seconds of virtual time after the healing.
    pub recovery_s: u64,
    /// Frames that left the device or the servers, where there are any.
    pub frames: u64,
}

/// Runs a world twice and compares (L1).
///
/// # Errors
/// What was wrong, with the last of what happened.
pub fn check(seed: u64, carrier: Carrier) -> Result<Report, String> {
    let first = run(seed, carrier)?;
    let second = run(seed, carrier)?;
    if first == second { Ok(first) } else { Err(format!("not replayed: {first:?}, {second:?}")) }
}

/// Runs the world of a seed.
///
/// # Errors
/// What was wrong, with the last of what happened.
pub fn run(seed: u64, carrier: Carrier) -> Result<Report, String> {
    let mut swarm = Swarm::new(seed, carrier)?;
    let (recovery, afterwards) = match carrier {
        Carrier::Bytes => (RECOVERY, AFTERWARDS),
        Carrier::Own => (OWN_RECOVERY, OWN_AFTERWARDS),
    };
    let created = swarm.streams.len();
    swarm.world.run(SAFETY);
    swarm.heal();
    let healed = swarm.world.now();
    let well = swarm.world.run_until(recovery, |world| judge::unwell(world).is_empty());
    let recovery_s = (swarm.world.now() - healed).as_secs();
    let mut wrong = judge::unwell(&mut swarm.world);
    if well {
        wrong.clear();
    } else {
        wrong.push(judge::connections(&swarm.world));
        wrong.extend(swarm.world.describe_own(0).lines().map(str::to_owned));
    }
    swarm.destroy_all();
    swarm.world.run(afterwards);
    wrong.extend(judge::leftovers(&mut swarm.world));
    if carrier == Carrier::Own {
        let before = swarm.world.frames(0);
        swarm.world.run(QUIET);
        wrong.extend(judge::unquiet(&swarm.world, before, QUIET_FRAMES));
    }
    wrong.extend(judge::against_logs(&mut swarm.world, &swarm.shared));
    wrong.extend(swarm.world.faults().iter().cloned());
    wrong.extend(swarm.world.application(0).faults.iter().cloned());
    let Judged { connected, outcomes } = judge::count(&mut swarm.world);
    if !wrong.is_empty() {
        wrong.truncate(20);
        return Err(swarm.describe(seed, &wrong));
    }
    let book = swarm.world.application(0).trace().clone();
    let hash = book.hash() ^ swarm.world.trace().hash().rotate_left(1);
    let frames = swarm.world.frames(0);
    Ok(Report { hash, streams: created, connected, outcomes, recovery_s, frames })
}

struct Swarm {
    world: World<Book>,
    draw: Draw,
    ground: Option<Ground>,
    streams: Vec<String>,
    shared: Shared,
    healed: Rc<Cell<bool>>,
}

impl Swarm {
    fn new(seed: u64, carrier: Carrier) -> Result<Self, String> {
        let mut rng = Rng::from_run(seed);
        let draw = Draw::new(&mut rng);
        let mut world = World::new(rng.next_u64());
        let mut node_seed = [0; 32];
        rng.fill(&mut node_seed);
        let config = Config { pool: draw.pool_config(), ..Config::default() };
        let mut node = Node::new(node_seed, config);
        let text = policy::text(&draw);
        let parsed = Policy::parse(&text, "swarm").map_err(|fault| format!("{fault:?}\n{text}"))?;
        node.set_policy(parsed.policy).map_err(|error| error.to_string())?;
        let healed = Rc::new(Cell::new(false));
        let book = Book::new(world.clock());
        world.add(node, book);
        world.set_habits(0, draw.read_max, draw.write_max, draw.restless);
        let shared = Shared::default();
        servers::listen(&mut world, &draw, &shared, &healed);
        // From a stream of its own, so that what is drawn else is the same over either carrier.
        let longest = draw.wires.iter().map(|wire| wire.size).max().unwrap_or(0);
        let ground =
            (carrier == Carrier::Own).then(|| Ground::draw(&mut Rng::from_run(!seed), longest));
        let mut swarm = Self { world, draw, ground, streams: Vec::new(), shared, healed };
        swarm.join()?;
        swarm.cast();
        swarm.plot(&mut rng);
        Ok(swarm)
    }

    /// Puts the network beneath the device, if it has one.
    fn join(&mut self) -> Result<(), String> {
        let Some(ground) = &self.ground else { return Ok(()) };
        let known = Resolved::Addresses(ground.addresses.clone());
        self.world.name("sim.example", known, Duration::from_millis(3));
        if let Some((at, mtu)) = ground.narrows {
            self.world.after(at, move |world| world.narrow(0, mtu));
        }
        let wired = self.world.wire(0, &ground.wiring);
        wired.then_some(()).ok_or_else(|| format!("not taken: {:?}", ground.wiring))
    }

    /// What is wrong, in a world like this, and what happened last.
    fn describe(&mut self, seed: u64, wrong: &[String]) -> String {
        let heard = self.world.application(0).trace().lines();
        format!(
            "seed {seed:#x}: {wrong:#?}\n{:#?}\n{:#?}\nwhat streams heard:\n{heard}what the world did:\n{}",
            self.draw,
            self.ground,
            self.world.trace().lines()
        )
    }

    /// Roles and first streams.
    fn cast(&mut self) {
        let now = self.world.now();
        for (name, wire) in policy::names(&self.draw) {
            let healed = Rc::clone(&self.healed);
            let react = move |state: State, _before: u32| Reaction {
                connect: state == State::AllRetriesFailed && healed.get(),
                ..Reaction::default()
            };
            let role = Role {
                messages: wire.messages,
                size: wire.size,
                announce: matches!(wire.kind, Kind::Post | Kind::H2Post | Kind::Mqtt | Kind::Mqtt0),
                expect: self.draw.expect(wire),
                react: Some(Rc::new(react)),
            };
            self.world.application(0).set_role(&name, role);
            if self.world.node(0).create(now, &name).is_ok() {
                self.streams.push(name);
            }
        }
    }

    /// What the application and the network do, and when.
    fn plot(&mut self, rng: &mut Rng) {
        for _ in 0..self.draw.deeds {
            let at = Duration::from_millis(rng.below(90_000));
            let (which, what) = (rng.next_u64(), rng.below(12));
            let wait = Duration::from_millis(rng.below(8000));
            let faulty = self.draw.outages;
            self.world.after(at, move |world| deed(world, which, what, wait, faulty));
        }
    }

    fn heal(&mut self) {
        self.healed.set(true);
        self.world.heal();
        let now = self.world.now();
        for id in self.world.seen(0).streams() {
            self.world.node(0).pause(now, id, false);
            if judge::wants_more(&mut self.world, id) {
                let _refused = self.world.node(0).connect(now, id);
            }
        }
    }

    fn destroy_all(&mut self) {
        let now = self.world.now();
        for id in self.world.seen(0).streams() {
            self.world.node(0).destroy(now, id);
        }
    }
}

/// One thing that somebody does at random.
fn deed(world: &mut World<Book>, which: u64, what: u64, wait: Duration, faulty: bool) {
    let now: Instant = world.now();
    let streams = world.seen(0).streams();
    let at = usize::try_from(which % streams.len().max(1) as u64).unwrap_or(0);
    let places = servers::places();
    let place = usize::try_from(which % places.len() as u64).unwrap_or(0);
    let Some(place) = places.get(place) else { return };
    match what {
        8 if faulty => return world.restart(place, wait),
        9 if faulty => return world.cut(place, wait),
        10 if faulty && servers::notices_silence(place) => return world.vanish(place),
        _ => {}
    }
    let Some(&id) = streams.get(at) else { return };
    match what {
        0 | 1 if judge::wants_more(world, id) => {
            let _refused = world.node(0).connect(now, id);
        }
        2 => replace(world, now, id),
        3 => world.node(0).destroy(now, id),
        4 | 5 => {
            world.node(0).pause(now, id, true);
            world.after(wait, move |world| {
                let now = world.now();
                world.node(0).pause(now, id, false);
            });
        }
        6 => world.node(0).close(now, id),
        7 => world.node(0).confirm_validity(now, id),
        _ => {}
    }
}

/// Destroys a stream and creates another of its kind, which may get its place.
fn replace(world: &mut World<Book>, now: Instant, id: StreamId) {
    let Some(stream) = world.seen(0).stream(id) else { return };
    let name = stream.streamtype().name.clone();
    world.node(0).destroy(now, id);
    world.after(Duration::ZERO, move |world| {
        let now = world.now();
        let _limit = world.node(0).create(now, &name);
    });
}

/// Kinds that echo, answer or publish back.
const fn expectation(kind: Kind) -> Expect {
    match kind {
        Kind::Ws | Kind::Raw => Expect::Echo,
        Kind::Get | Kind::Post | Kind::H2Get | Kind::H2Post => Expect::Pattern,
        Kind::Mqtt | Kind::Mqtt0 => Expect::Messages,
    }
}
