//! A world: devices, servers, names, links, and the time they share.

mod turn;

use crate::device::{Device, DeviceId};
use crate::link::Link;
use crate::own::{Cable, Wiring};
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
    /// Of devices whose TCP is their own.
    cables: BTreeMap<DeviceId, Cable>,
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
            cables: BTreeMap::new(),
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
            device.limit_own();
        }
    }

    /// From now on a device's TCP is its own, over a link for frames; the servers of the world are reached over it.
    /// Faults that count bytes happen at the servers, those of bytes under way are the link's business. Whether there is
    /// such a device and the networks take the wiring.
    pub fn wire(&mut self, device: DeviceId, wiring: &Wiring) -> bool {
        let Some(wired) = self.devices.get_mut(device) else { return false };
        let Some((cable, own)) = Cable::new(self.now, wiring, &mut self.rng) else { return false };
        wired.set_own(own);
        self.cables.insert(device, cable);
        true
    }

    /// From now on longer packets do not pass a device's link.
    pub fn narrow(&mut self, device: DeviceId, mtu: u16) {
        self.trace.note(self.now, format_args!("narrow {mtu}"));
        if let Some(cable) = self.cables.get_mut(&device) {
            cable.narrow(mtu);
        }
    }

    /// Frames that left either end of a device's link.
    #[must_use]
    pub fn frames(&self, device: DeviceId) -> u64 {
        self.cables.get(&device).map_or(0, |cable| cable.frames)
    }

    /// The connections of a device with TCP of its own, and those of the far host, in words.
    #[must_use]
    pub fn describe_own(&self, device: DeviceId) -> String {
        let own = self.devices.get(device).and_then(|device| device.own.as_deref());
        let near = own.into_iter().flat_map(mainstay_net::Connections::endpoints);
        let near: String =
            near.map(|(id, endpoint)| format!("near {id:?} {:?}\n", endpoint.facts())).collect();
        near + &self.cables.get(&device).map_or_else(String::new, Cable::describe)
    }

    /// Connections that a device's own network and the host on the far side of its link have, those included that only
    /// leave, or whose memory was never given back.
    #[must_use]
    pub fn own_connections(&self, device: DeviceId) -> [usize; 2] {
        let own = self.devices.get(device).and_then(|device| device.own.as_deref());
        let near = own.map_or(0, |own| own.len().max(own.network().connection_count()));
        let cable = self.cables.get(&device);
        let far = cable.map_or(0, |cable| cable.count(None).max(cable.far().connection_count()));
        [near, far]
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
        for cable in self.cables.values_mut() {
            cable.restart(now, place);
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
        for cable in self.cables.values_mut() {
            cable.vanish(self.now, place);
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
        for cable in self.cables.values_mut() {
            cable.heal();
        }
    }

    /// Connections that a server has with devices that hold them.
    #[must_use]
    pub fn connections(&self, place: &Place) -> usize {
        let held = |link: &&Link| link.place == *place && link.socket.is_some();
        let wired: usize = self.cables.values().map(|cable| cable.count(Some(place))).sum();
        self.links.values().filter(held).count() + wired
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
