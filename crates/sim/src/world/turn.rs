//! One step of a world: the next moment, and everything that happens in it.

use super::{Happening, TURNS_MAX, World};
use crate::device::{Around, Device, DeviceId, Wish};
use crate::link::Link;
use crate::own::Cable;
use crate::server::{Place, Reach};
use mainstay_base::{Errno, Instant, SocketId};
use mainstay_node::{Application, Resolved};

impl<A: Application + 'static> World<A> {
    /// Moves to the next moment at which something happens, not beyond `until`, and lets it
    /// happen; `false` if there is none.
    pub fn step(&mut self, until: Instant) -> bool {
        self.settle();
        let Some(next) = self.next().filter(|&at| at <= until) else { return false };
        if next > self.now {
            for device in &mut self.devices {
                device.turns = 0;
            }
            self.cables.values_mut().for_each(Cable::tick);
        }
        self.set_now(next);
        self.happen();
        self.settle();
        true
    }

    fn next(&self) -> Option<Instant> {
        let happening = self.happenings.first_key_value().map(|(&(at, _), _)| at);
        let links = self.links.values().filter_map(Link::next).min();
        let devices = self.devices.iter().filter_map(|device| device.node.poll_timeout()).min();
        let cables = self.cables.values().filter_map(Cable::next).min();
        let own = |device: &Device<A>| device.own.as_deref()?.network().poll_timeout();
        let networks = self.devices.iter().filter_map(own).min();
        [happening, links, devices, cables, networks].into_iter().flatten().min()
    }

    fn happen(&mut self) {
        while let Some(entry) = self.happenings.first_entry()
            && entry.key().0 <= self.now
        {
            match entry.remove() {
                Happening::Connected { device, socket, attempt, place } => {
                    self.connected(device, socket, attempt, &place);
                }
                Happening::Resolved { device, id, answer } => {
                    let now = self.now;
                    if let Some(device) = self.devices.get_mut(device) {
                        device.node.handle_resolved(now, id, &answer);
                        device.touched = true;
                    }
                }
                Happening::Deed(deed) => deed(self),
            }
        }
    }

    /// Works until nobody has anything to do at this moment.
    fn settle(&mut self) {
        let now = self.now;
        loop {
            let mut worked = false;
            let none = Vec::new();
            for link in self.links.values_mut() {
                let cuts = self.servers.get(&link.place).map_or(&none, |server| &server.cuts);
                link.advance(now, cuts, &mut self.rng);
            }
            worked |= self.exchange();
            for at in 0..self.devices.len() {
                worked |= self.turn(at);
            }
            self.links.retain(|_, link| !link.is_over());
            if !worked {
                break;
            }
        }
        for (at, device) in self.devices.iter().enumerate() {
            if device.turns < TURNS_MAX && device.node.poll_timeout().is_some_and(|due| due <= now)
            {
                self.faults.push(format!("L3: device {at} is drained and due at {now:?}"));
            }
            let network = device.own.as_deref().and_then(|own| own.network().poll_timeout());
            if device.turns < TURNS_MAX && network.is_some_and(|due| due <= now) {
                self.faults.push(format!("L3: device {at}'s network is drained, due at {now:?}"));
            }
        }
    }

    /// Moves frames, and lets the hosts on the far sides work; whether there was anything to do.
    fn exchange(&mut self) -> bool {
        let mut worked = false;
        for (at, cable) in &mut self.cables {
            let Some(near) = self.devices.get_mut(*at).and_then(|d| d.own.as_deref_mut()) else {
                continue;
            };
            let around = (&mut self.servers, &mut self.rng, &mut self.trace);
            match cable.exchange(self.now, near, around) {
                Ok(moved) => worked |= moved,
                Err(why) => self.faults.push(format!("{why} at {:?}", self.now)),
            }
        }
        worked
    }

    fn turn(&mut self, at: DeviceId) -> bool {
        let Self { now, rng, devices, servers, links, .. } = self;
        let Some(device) = devices.get_mut(at) else { return false };
        if device.turns >= TURNS_MAX {
            return false;
        }
        let mut around = Around { now: *now, links, servers, rng };
        let worked = device.turn(&mut around);
        let wishes = core::mem::take(&mut device.wishes);
        if worked {
            device.turns += 1;
            if device.turns == TURNS_MAX {
                let now = self.now;
                self.faults.push(format!("busy loop of device {at} at {now:?}"));
            }
        }
        for wish in wishes {
            self.grant(at, wish);
        }
        worked
    }

    fn grant(&mut self, device: DeviceId, wish: Wish) {
        match wish {
            Wish::Open { socket, attempt, place } => {
                self.trace.note(self.now, format_args!("open {place:?}"));
                let rng = &mut self.rng;
                let now = self.now;
                let wait = self.servers.get_mut(&place).map(|server| {
                    server.attempts.push(now);
                    let round_trip = server.faults(rng).latency * 2;
                    server.delay(now, round_trip.max(core::time::Duration::from_micros(2)))
                });
                // Where nothing ever listened there is a host that refuses.
                let wait = wait.unwrap_or(core::time::Duration::from_millis(20));
                self.schedule(now + wait, Happening::Connected { device, socket, attempt, place });
            }
            Wish::Tried(place) => {
                self.trace.note(self.now, format_args!("connect {place:?}"));
                if let Some(server) = self.servers.get_mut(&place) {
                    server.attempts.push(self.now);
                }
            }
            Wish::Resolve { id, name } => {
                self.trace.note(self.now, format_args!("resolve {name}"));
                let found = self.names.get(&name).cloned();
                let (answer, delay) =
                    found.unwrap_or((Resolved::NoSuchName, core::time::Duration::from_millis(20)));
                self.schedule(self.now + delay, Happening::Resolved { device, id, answer });
            }
        }
    }

    /// A SYN has come, or the answer to it.
    fn connected(&mut self, at: DeviceId, socket: SocketId, attempt: u64, place: &Place) {
        let now = self.now;
        let Some(device) = self.devices.get_mut(at) else { return };
        if device.sockets.get(&socket).is_none_or(|sock| sock.attempt != attempt) {
            return;
        }
        let Some(server) = self.servers.get_mut(place) else {
            return device.opened(now, socket, Err(Errno::Refused));
        };
        let down = server.down_until.is_some_and(|until| until > now);
        match server.reach {
            Reach::BlackHole => {}
            Reach::Unreachable => device.opened(now, socket, Err(Errno::Unreachable)),
            Reach::Refuse => device.opened(now, socket, Err(Errno::Refused)),
            Reach::Accept if down => device.opened(now, socket, Err(Errno::Refused)),
            Reach::Accept => {
                let peer = server.peer(&mut self.rng);
                let faults = server.faults(&mut self.rng);
                let mut link = Link::new(socket, place.clone(), faults, peer);
                link.open(now);
                self.link_next += 1;
                let number = self.link_next;
                self.trace.note(now, format_args!("link {number} to {place:?}"));
                self.links.insert(number, link);
                device.opened(now, socket, Ok(number));
            }
        }
    }
}
