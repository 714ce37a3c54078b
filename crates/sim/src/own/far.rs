//! The host on the far side: one network with every server of the world, whatever its address.

use super::seat::{Course, Seat};
use super::second_address;
use crate::server::{Place, Reach, Server};
use core::net::{IpAddr, SocketAddr};
use mainstay_base::{Instant, Rng};
use mainstay_net::network::Event as Told;
use mainstay_net::{InterfaceId, Network, Prefix};
use mainstay_tcp::{Disconnected, Event, Handle, ListenerHandle};
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) network: Network,
    pub(super) interface: InterfaceId,
    addresses: BTreeSet<IpAddr>,
    /// Where somebody listens, and whose place that is.
    listeners: BTreeMap<SocketAddr, (ListenerHandle, Place)>,
    seats: BTreeMap<Handle, Seat>,
    /// Closed, and not through yet.
    leaving: BTreeSet<Handle>,
    /// Connections of which nothing is to be heard any more.
    pub(super) vanished: Vec<(SocketAddr, SocketAddr)>,
}

/// The servers of a world.
pub(super) type Servers = BTreeMap<Place, Server>;

impl Far {
    pub(super) const fn new(network: Network, interface: InterfaceId) -> Self {
        Self {
            network,
            interface,
            addresses: BTreeSet::new(),
            listeners: BTreeMap::new(),
            seats: BTreeMap::new(),
            leaving: BTreeSet::new(),
            vanished: Vec::new(),
        }
    }

    /// Where each server listens: at its address and at the second one of its host, unless it is down.
    pub(super) fn listen(&mut self, now: Instant, servers: &Servers) {
        for (place, server) in servers {
            let Place::Tcp(address) = place else { continue };
            let down = server.down_until.is_some_and(|until| until > now);
            let wanted = server.reach == Reach::Accept && !down;
            let second = match address.ip() {
                IpAddr::V4(first) => {
                    Some(SocketAddr::new(second_address(first).into(), address.port()))
                }
                IpAddr::V6(_) => None,
            };
            for address in [Some(*address), second].into_iter().flatten() {
                self.listen_at(now, address, place, wanted);
            }
        }
    }

    fn listen_at(&mut self, now: Instant, address: SocketAddr, place: &Place, wanted: bool) {
        if self.addresses.insert(address.ip()) {
            let len = if address.is_ipv4() { 32 } else { 128 };
            if let Some(prefix) = Prefix::new(address.ip(), len) {
                let _limit = self.network.stack_mut().add_address(now, self.interface, prefix);
            }
        }
        match (wanted, self.listeners.get(&address)) {
            (true, None) => {
                if let Ok(listener) = self.network.listen(address) {
                    self.listeners.insert(address, (listener, place.clone()));
                }
            }
            (false, Some(&(listener, _))) => {
                self.network.stop(now, listener);
                self.listeners.remove(&address);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// When something happens by itself.
    pub(super) fn next(&self) -> Option<Instant> {
        let seats = self.seats.values().filter_map(Seat::next).min();
        [self.network.poll_timeout(), seats].into_iter().flatten().min()
    }

    /// How many connections there are, at a place or, if it is `None`, at all, those that only leave included.
    pub(super) fn count(&self, place: Option<&Place>) -> usize {
        let Some(place) = place else { return self.seats.len() + self.leaving.len() };
        self.seats.values().filter(|seat| seat.place == *place && !seat.over).count()
    }

    /// Does what can be done now; whether that was anything.
    pub(super) fn serve(&mut self, now: Instant, servers: &mut Servers, rng: &mut Rng) -> bool {
        let mut moved = false;
        if self.network.poll_timeout().is_some_and(|at| at <= now) {
            self.network.handle_timeout(now);
            moved = true;
        }
        while let Some(event) = self.network.poll_event(now) {
            moved = true;
            match event {
                Told::Incoming(listener) => self.accept(now, listener, servers, rng),
                Told::Tcp(handle, Event::Disconnected(reason)) => self.ended(now, handle, reason),
                Told::Tcp(..) | Told::Stack(_) => {}
            }
        }
        for handle in self.seats.keys().copied().collect::<Vec<_>>() {
            let Some(seat) = self.seats.get_mut(&handle) else { continue };
            let course = seat.serve(now, &mut self.network, handle, rng);
            moved |= course != Course::On(false);
            self.follow(now, handle, course);
        }
        moved
    }

    fn accept(
        &mut self,
        now: Instant,
        listener: ListenerHandle,
        servers: &mut Servers,
        rng: &mut Rng,
    ) {
        let place = self.listeners.values().find(|(of, _)| *of == listener);
        let Some((_, place)) = place.cloned() else { return };
        while let Some(handle) = self.network.accept(listener, 0) {
            let Some(server) = servers.get_mut(&place) else { return };
            let (peer, faults) = (server.peer(rng), server.faults(rng));
            self.seats.insert(handle, Seat::new(now, place.clone(), peer, faults));
        }
    }

    fn ended(&mut self, now: Instant, handle: Handle, reason: Disconnected) {
        match (self.seats.get_mut(&handle), reason) {
            // What has come is still read (TCP-055).
            (Some(seat), Disconnected::Normal) => seat.over = true,
            (Some(seat), reason) if reason != Disconnected::TimeWait => {
                seat.part(now);
                self.release(now, handle);
            }
            (Some(_), _) | (None, Disconnected::TimeWait) => {}
            (None, _) => self.release(now, handle),
        }
    }

    fn release(&mut self, now: Instant, handle: Handle) {
        self.seats.remove(&handle);
        self.leaving.remove(&handle);
        self.network.release(now, handle);
    }

    fn follow(&mut self, now: Instant, handle: Handle, course: Course) {
        match course {
            Course::On(_) => {}
            Course::Gone => self.release(now, handle),
            Course::Reset => {
                if let Some(seat) = self.seats.get_mut(&handle) {
                    seat.part(now);
                }
                self.release(now, handle);
            }
            Course::Vanish => {
                if let Some(endpoint) = self.network.engine().endpoint(handle) {
                    self.vanished.push((endpoint.peer(), endpoint.local()));
                }
                self.release(now, handle);
            }
            Course::Close => {
                if let Some(mut seat) = self.seats.remove(&handle) {
                    seat.part(now);
                }
                let closed =
                    self.network.at(now, handle).is_some_and(|mut live| live.close().is_ok());
                if closed {
                    self.leaving.insert(handle);
                } else {
                    self.release(now, handle);
                }
            }
        }
    }

    /// Every connection of a place ends like this.
    pub(super) fn end(&mut self, now: Instant, place: &Place, course: Course) {
        let of = |(handle, seat): (&Handle, &Seat)| (seat.place == *place).then_some(*handle);
        for handle in self.seats.iter().filter_map(of).collect::<Vec<_>>() {
            self.follow(now, handle, course);
        }
    }

    /// The connections, in words.
    pub(super) fn describe(&self) -> String {
        let all = self.seats.iter().filter_map(|(handle, seat)| {
            let facts = self.network.engine().endpoint(*handle)?.facts();
            Some(format!("far {seat:?}\n    {facts:?}\n"))
        });
        all.collect()
    }

    /// Nothing goes wrong any more but what already has.
    pub(super) fn heal(&mut self) {
        for seat in self.seats.values_mut() {
            seat.heal();
        }
    }
}
