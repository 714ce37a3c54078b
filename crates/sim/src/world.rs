//! A world: devices, servers, names, links, and the time they share.

mod turn;

use crate::device::{Device, DeviceId};
use crate::link::Link;
use crate::server::{Place, Server};
use crate::story::Clock;
use crate::trace::Trace;
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng, SocketId};
use mainstay_node::{Application, Node, ResolveId, Resolved};
use std::collections::BTreeMap;

/// Turns of one device without time moving before it counts as a busy loop (L3).
/// chosen: a handful is usual; a window of 64 KiB offered 17 bytes at a time takes 3900.
const TURNS_MAX: u32 = 10_000;

/// A name's answer, and how long it takes.
type Name = (Resolved, Duration);

/// Something that is done to the world at a moment.
type Deed<A> = Box<dyn FnOnce(&mut World<A>)>;

/// What happens at a moment.
enum Happening<A: Application> {
    Connected { device: DeviceId, socket: SocketId, attempt: u64, place: Place },
    Resolved { device: DeviceId, id: ResolveId, answer: Resolved },
    Deed(Deed<A>),
}

/// A simulated world. Its time moves only when nothing is left to do.
pub struct World<A: Application> {
    now: Instant,
    rng: Rng,
    devices: Vec<Device<A>>,
    servers: BTreeMap<Place, Server>,
    names: BTreeMap<String, Name>,
    links: BTreeMap<u64, Link>,
    link_next: u64,
    happenings: BTreeMap<(Instant, u64), Happening<A>>,
    happening_next: u64,
    trace: Trace,
    faults: Vec<String>,
    clock: Clock,
}

impl<A: Application> core::fmt::Debug for World<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .field("devices", &self.devices.len())
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}

impl<A: Application + 'static> World<A> {
    /// An empty world; everything random in it comes from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: Instant::ZERO,
            rng: Rng::from_run(seed),
            devices: Vec::new(),
            servers: BTreeMap::new(),
            names: BTreeMap::new(),
            links: BTreeMap::new(),
            link_next: 0,
            happenings: BTreeMap::new(),
            happening_next: 0,
            trace: Trace::default(),
            faults: Vec::new(),
            clock: Clock::default(),
        }
    }

    /// The time, for an application that wants to know it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Adds a device.
    pub fn add(&mut self, mut node: Node, application: A) -> DeviceId {
        node.set_wall(self.now, Duration::from_secs(crate::fixture::WALL));
        self.devices.push(Device::new(node, application));
        self.devices.len() - 1
    }

    /// How large a device's reads and writes are at most, and whether its clock is asked too often.
    pub fn set_habits(
        &mut self,
        device: DeviceId,
        read_max: usize,
        write_max: usize,
        restless: bool,
    ) {
        if let Some(device) = self.devices.get_mut(device) {
            (device.read_max, device.write_max) = (read_max.max(1), write_max.max(512));
            device.restless = restless;
        }
    }

    /// Something listens at `place` from now on.
    pub fn listen(&mut self, place: Place, server: Server) {
        self.servers.insert(place, server);
    }

    /// What the resolver says about a name, and how long it takes to.
    pub fn name(&mut self, name: &str, answer: Resolved, delay: Duration) {
        self.names.insert(name.to_owned(), (answer, delay));
    }

    /// A name with these addresses, known at once.
    pub fn addresses(&mut self, name: &str, addresses: &[&str]) {
        let parsed: Vec<IpAddr> = addresses.iter().filter_map(|text| text.parse().ok()).collect();
        self.name(name, Resolved::Addresses(parsed), Duration::from_millis(1));
    }

    /// Does something to the world later.
    pub fn after(&mut self, wait: Duration, deed: impl FnOnce(&mut Self) + 'static) {
        self.schedule(self.now + wait, Happening::Deed(Box::new(deed)));
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// What happened so far.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What must not have happened: busy loops, and work that no deadline tells of.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// A device's node, to give commands to.
    ///
    /// # Panics
    /// Without such a device.
    pub fn node(&mut self, device: DeviceId) -> &mut Node {
        let device = &mut self.devices[device];
        device.touched = true;
        &mut device.node
    }

    /// A device's node, to look at.
    ///
    /// # Panics
    /// Without such a device.
    #[must_use]
    pub fn seen(&self, device: DeviceId) -> &Node {
        &self.devices[device].node
    }

    /// A device's application.
    ///
    /// # Panics
    /// Without such a device.
    pub fn application(&mut self, device: DeviceId) -> &mut A {
        &mut self.devices[device].application
    }

    /// A server, to change or look at.
    pub fn server(&mut self, place: &Place) -> Option<&mut Server> {
        self.servers.get_mut(place)
    }

    /// A server's process dies: its connections are reset, and nobody listens for so long.
    pub fn restart(&mut self, place: &Place, down: Duration) {
        let now = self.now;
        self.trace.note(now, format_args!("restart {place:?}"));
        for link in self.links.values_mut().filter(|link| link.place == *place) {
            link.reset(now);
        }
        if let Some(server) = self.servers.get_mut(place) {
            server.down_until = Some(now + down);
        }
    }

    /// The way to a server is cut for so long: nothing is lost, nothing arrives.
    pub fn cut(&mut self, place: &Place, wait: Duration) {
        let until = self.now + wait;
        self.trace.note(self.now, format_args!("cut {place:?}"));
        if let Some(server) = self.servers.get_mut(place) {
            server.cuts.push((self.now, until));
        }
        for link in self.links.values_mut().filter(|link| link.place == *place) {
            link.up.hold_back(until);
            link.down.hold_back(until);
        }
    }

    /// Every connection of a server goes half-open: its peer is gone without a word.
    pub fn vanish(&mut self, place: &Place) {
        self.trace.note(self.now, format_args!("vanish {place:?}"));
        for link in self.links.values_mut().filter(|link| link.place == *place) {
            link.vanish();
        }
    }

    /// Everything works from now on; what is already lost stays lost.
    pub fn heal(&mut self) {
        self.trace.note(self.now, format_args!("heal"));
        for server in self.servers.values_mut() {
            server.heal();
        }
        for link in self.links.values_mut() {
            link.heal();
        }
    }

    /// Connections that a server has with devices that hold them.
    #[must_use]
    pub fn connections(&self, place: &Place) -> usize {
        self.links.values().filter(|link| link.place == *place && link.socket.is_some()).count()
    }

    /// Moves on until `wait` has passed.
    pub fn run(&mut self, wait: Duration) {
        let until = self.now + wait;
        while self.step(until) {}
        self.set_now(until);
    }

    /// Moves on until `done`, at most for `wait`; whether it came to that.
    pub fn run_until(&mut self, wait: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let until = self.now + wait;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(until) {
                self.set_now(until);
                return done(self);
            }
        }
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now.max(self.now);
        self.clock.set(self.now);
    }

    fn schedule(&mut self, at: Instant, what: Happening<A>) {
        self.happening_next += 1;
        self.happenings.insert((at, self.happening_next), what);
    }
}
