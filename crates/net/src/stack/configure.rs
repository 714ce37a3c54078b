//! Commands that make the stack what it is, and views of it.

use super::Stack;
use crate::address::Assigned;
use crate::error::Misuse;
use crate::interface::{Interface, InterfaceId, InterfaceOptions, InterfaceView};
use crate::neighbour::Neighbour;
use crate::prefix::Prefix;
use crate::route::{Origin, Route};
use core::net::IpAddr;
use mainstay_base::Instant;
use mainstay_wire::ipv6::solicited_node;

/// The least MTU: what every IPv4 module must forward. RFC 791 §3.2
const MTU_MIN: usize = 68;
/// The greatest MTU: an IPv4 packet can say no more, and nothing longer is made. RFC 791 §3.1
const MTU_MAX: usize = 65_535;

impl Stack {
    /// Adds an interface, up and without addresses.
    ///
    /// # Errors
    /// `Full`, or `Mtu` if it is less than 68 or more than 65535 bytes. With less than 1280 it carries no IPv6.
    pub fn add_interface(&mut self, options: InterfaceOptions) -> Result<InterfaceId, Misuse> {
        if !(MTU_MIN..=MTU_MAX).contains(&options.mtu) {
            return Err(Misuse::Mtu);
        }
        if self.interfaces.len() >= self.config.interfaces_max {
            return Err(Misuse::Full);
        }
        let id = InterfaceId(self.next_interface);
        self.next_interface = self.next_interface.checked_add(1).ok_or(Misuse::Full)?;
        self.interfaces.insert(id, Interface::new(&self.config, options));
        Ok(id)
    }

    /// Takes an interface away, its addresses and routes with it.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn remove_interface(&mut self, id: InterfaceId) -> Result<(), Misuse> {
        self.interfaces.remove(&id).ok_or(Misuse::Unknown)?;
        self.routes.remove(|route| route.interface == id);
        self.settled.retain(|(interface, _)| *interface != id);
        self.conflicts.retain(|(interface, _), _| *interface != id);
        self.changes += 1;
        Ok(())
    }

    /// Says whether the link works. When it comes up, addresses are asked for again (RFC 4862 §5.4, RFC 5227 §2.1) and
    /// groups are reported; when it goes down, neighbours are forgotten.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn set_up(&mut self, now: Instant, id: InterfaceId, up: bool) -> Result<(), Misuse> {
        let interface = self.interfaces.get_mut(&id).ok_or(Misuse::Unknown)?;
        if interface.up == up {
            return Ok(());
        }
        interface.up = up;
        self.changes += 1;
        interface.neighbours.clear();
        if !up {
            return Ok(());
        }
        for at in 0..interface.addresses.len() {
            let Some(address) = interface.addresses.get(at).map(Assigned::address) else {
                continue;
            };
            let probes = interface.probes(&self.config, address);
            if let Some(assigned) = interface.addresses.get_mut(at) {
                assigned.restart(now, &mut self.rng, probes);
            }
        }
        interface.groups.restart(now);
        self.report_groups(now, id);
        Ok(())
    }

    /// Changes the longest packet the link carries.
    ///
    /// # Errors
    /// `Unknown`, or `Mtu` as for `add_interface`.
    pub fn set_mtu(&mut self, id: InterfaceId, mtu: usize) -> Result<(), Misuse> {
        if !(MTU_MIN..=MTU_MAX).contains(&mtu) {
            return Err(Misuse::Mtu);
        }
        self.interfaces.get_mut(&id).ok_or(Misuse::Unknown)?.options.mtu = mtu;
        Ok(())
    }

    /// Gives an interface an address. On Ethernet it is asked for first; [`super::Event::AddressSettled`] says that it
    /// is used. Its network becomes reachable over the interface.
    ///
    /// # Errors
    /// `Unknown`; `Address` if it is none for one host, or IPv6 on a link that carries less than 1280 bytes; `InUse` if
    /// the interface has it; `Full` if a limit is reached.
    pub fn add_address(
        &mut self,
        now: Instant,
        id: InterfaceId,
        prefix: Prefix,
    ) -> Result<(), Misuse> {
        let address = prefix.address();
        let interface = self.interfaces.get_mut(&id).ok_or(Misuse::Unknown)?;
        let narrow = address.is_ipv6() && interface.options.mtu < mainstay_wire::ipv6::MTU_MIN;
        if !is_for_host(&prefix) || narrow {
            return Err(Misuse::Address);
        }
        if interface.assigned(address).is_some() {
            return Err(Misuse::InUse);
        }
        if interface.addresses.len() >= self.config.addresses_max || !self.routes.has_room() {
            return Err(Misuse::Full);
        }
        if let (IpAddr::V6(address), Some(_)) = (address, interface.mac()) {
            interface.groups.join(now, IpAddr::V6(solicited_node(address)))?;
        }
        let probes = interface.probes(&self.config, address);
        let assigned = Assigned::new(now, &mut self.rng, prefix, probes);
        if assigned.is_ours() {
            self.settled.insert((id, address));
        }
        interface.addresses.push(assigned);
        self.routes.add(connected(id, prefix));
        self.changes += 1;
        self.report_groups(now, id);
        Ok(())
    }

    /// Takes an address away.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn remove_address(
        &mut self,
        now: Instant,
        id: InterfaceId,
        address: IpAddr,
    ) -> Result<(), Misuse> {
        let interface = self.interfaces.get_mut(&id).ok_or(Misuse::Unknown)?;
        let prefix = interface.assigned(address).ok_or(Misuse::Unknown)?.prefix;
        interface.addresses.retain(|a| a.address() != address);
        if let (IpAddr::V6(address), Some(_)) = (address, interface.mac()) {
            interface.groups.leave(now, IpAddr::V6(solicited_node(address)))?;
        }
        // Another address may be of the same network.
        let ours = connected(id, prefix);
        let shared = interface.addresses.iter().any(|a| same_network(&a.prefix, &prefix));
        if !shared {
            self.routes.remove(|route| {
                route.origin == Origin::Connected
                    && route.interface == id
                    && same_network(&route.prefix, &ours.prefix)
            });
        }
        self.settled.remove(&(id, address));
        self.conflicts.remove(&(id, address));
        self.changes += 1;
        self.report_groups(now, id);
        Ok(())
    }

    /// Says that nothing new shall begin with an address, or that it may again (RFC 4862 §5.5.4).
    ///
    /// # Errors
    /// `Unknown`.
    pub fn deprecate_address(
        &mut self,
        id: InterfaceId,
        address: IpAddr,
        deprecated: bool,
    ) -> Result<(), Misuse> {
        let interface = self.interfaces.get_mut(&id).ok_or(Misuse::Unknown)?;
        interface.assigned_mut(address).ok_or(Misuse::Unknown)?.deprecate(deprecated);
        Ok(())
    }

    /// Adds a route; `None` as gateway: the destinations are neighbours. One that differs only in its metric is
    /// replaced.
    ///
    /// # Errors
    /// `Unknown` interface, `Address` if the gateway is of the other family or none for one host, `Full`.
    pub fn add_route(
        &mut self,
        prefix: Prefix,
        gateway: Option<IpAddr>,
        interface: InterfaceId,
        metric: u32,
    ) -> Result<(), Misuse> {
        if !self.interfaces.contains_key(&interface) {
            return Err(Misuse::Unknown);
        }
        let fits = |g: IpAddr| {
            g.is_ipv4() == prefix.address().is_ipv4() && !g.is_multicast() && !g.is_unspecified()
        };
        if !gateway.is_none_or(fits) {
            return Err(Misuse::Address);
        }
        let route = Route { prefix, gateway, interface, metric, origin: Origin::Static };
        if !self.routes.add(route) {
            return Err(Misuse::Full);
        }
        self.changes += 1;
        Ok(())
    }

    /// Takes the route of this network by this gateway away.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn remove_route(
        &mut self,
        prefix: Prefix,
        gateway: Option<IpAddr>,
        interface: InterfaceId,
    ) -> Result<(), Misuse> {
        let gone = self.routes.remove(|route| {
            route.origin == Origin::Static
                && same_network(&route.prefix, &prefix)
                && route.gateway == gateway
                && route.interface == interface
        });
        self.changes += 1;
        if gone { Ok(()) } else { Err(Misuse::Unknown) }
    }

    /// Listens to a group on an interface; each join needs its leave.
    ///
    /// # Errors
    /// `Unknown`, `Address` if it is no group, `Full`.
    pub fn join(&mut self, now: Instant, id: InterfaceId, group: IpAddr) -> Result<(), Misuse> {
        self.interfaces.get_mut(&id).ok_or(Misuse::Unknown)?.groups.join(now, group)?;
        self.report_groups(now, id);
        Ok(())
    }

    /// Listens no longer to a group.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn leave(&mut self, now: Instant, id: InterfaceId, group: IpAddr) -> Result<(), Misuse> {
        self.interfaces.get_mut(&id).ok_or(Misuse::Unknown)?.groups.leave(now, group)?;
        self.report_groups(now, id);
        Ok(())
    }

    /// The interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = InterfaceView> {
        self.interfaces.iter().map(|(id, interface)| interface.view(*id))
    }

    /// The neighbours of all interfaces.
    pub fn neighbours(&self) -> impl Iterator<Item = (InterfaceId, Neighbour)> {
        let all = self.interfaces.iter();
        all.flat_map(|(id, interface)| interface.neighbours.iter().map(|n| (*id, n)))
    }

    /// The routes, the longest prefix first.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        self.routes.iter().copied()
    }

    /// How many bytes of fragments wait for others, with what it costs to hold them.
    #[must_use]
    pub const fn fragment_bytes(&self) -> usize {
        self.reassembly.bytes()
    }

    /// How many bytes of packets are ready to leave, with what it costs to hold them.
    #[must_use]
    pub const fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }
}

const fn connected(interface: InterfaceId, prefix: Prefix) -> Route {
    Route { prefix, gateway: None, interface, metric: 0, origin: Origin::Connected }
}

fn same_network(one: &Prefix, other: &Prefix) -> bool {
    one.len() == other.len() && one.contains(other.address())
}

/// Whether a host may have the address: not a group's, not that of all or of the network.
fn is_for_host(prefix: &Prefix) -> bool {
    let address = prefix.address();
    let special = match address {
        IpAddr::V4(a) => a.is_broadcast() || prefix.broadcast() == Some(a) || prefix.is_network(a),
        IpAddr::V6(_) => false,
    };
    !address.is_multicast() && !address.is_unspecified() && !address.is_loopback() && !special
}
