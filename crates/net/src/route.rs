//! Where packets go: routes, and which of them serves a destination.
//!
//! Owns the table and the choice by longest prefix, then lowest metric, then age. Which interface is up is said by
//! the caller; neighbours are the business of `neighbour`.

use crate::InterfaceId;
use crate::prefix::Prefix;
use alloc::vec::Vec;
use core::net::IpAddr;

/// Where the route comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The network of an address of ours; comes and goes with the address.
    Connected,
    /// Somebody said so.
    Static,
}

/// A network and how to reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What it reaches; length 0 is a default route.
    pub prefix: Prefix,
    /// The router to hand packets to; `None`: the destination itself is a neighbour.
    pub gateway: Option<IpAddr>,
    /// Where the way begins.
    pub interface: InterfaceId,
    /// Among routes of one length the lowest serves.
    pub metric: u32,
    /// Who made it.
    pub origin: Origin,
}

/// The next step towards a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub interface: InterfaceId,
    /// The neighbour to hand the packet to: a router, or the destination.
    pub next: IpAddr,
}

/// The routes, best first among those of one destination.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    sorted: Vec<Route>,
    count_max: usize,
}

impl Routes {
    pub(crate) const fn new(count_max: usize) -> Self {
        Self { sorted: Vec::new(), count_max }
    }

    /// Whether another route fits.
    pub(crate) fn has_room(&self) -> bool {
        self.sorted.len() < self.count_max
    }

    /// Adds a route; one that differs in nothing but its metric is replaced. Says whether there was room.
    pub(crate) fn add(&mut self, route: Route) -> bool {
        self.sorted.retain(|r| !same_way(r, &route));
        if !self.has_room() {
            return false;
        }
        let rank = |r: &Route| (core::cmp::Reverse(r.prefix.len()), r.metric);
        let at = self.sorted.partition_point(|r| rank(r) <= rank(&route));
        self.sorted.insert(at, route);
        true
    }

    /// Takes the routes away for which `is_gone` holds; says whether there were any.
    pub(crate) fn remove(&mut self, mut is_gone: impl FnMut(&Route) -> bool) -> bool {
        let before = self.sorted.len();
        self.sorted.retain(|r| !is_gone(r));
        self.sorted.len() < before
    }

    /// The next step towards `destination` over an interface that `is_usable`.
    pub(crate) fn lookup(
        &self,
        destination: IpAddr,
        mut is_usable: impl FnMut(InterfaceId) -> bool,
    ) -> Option<Hop> {
        let route = self
            .sorted
            .iter()
            .find(|r| r.prefix.contains(destination) && is_usable(r.interface))?;
        Some(Hop { interface: route.interface, next: route.gateway.unwrap_or(destination) })
    }

    pub(crate) fn iter(&self) -> core::slice::Iter<'_, Route> {
        self.sorted.iter()
    }
}

fn same_way(one: &Route, other: &Route) -> bool {
    one.prefix.len() == other.prefix.len()
        && one.prefix.contains(other.prefix.address())
        && one.gateway == other.gateway
        && one.interface == other.interface
        && one.origin == other.origin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str, len: u8, gateway: Option<&str>, interface: u32, metric: u32) -> Route {
        Route {
            prefix: Prefix::new(text.parse().unwrap(), len).unwrap(),
            gateway: gateway.map(|g| g.parse().unwrap()),
            interface: InterfaceId(interface),
            metric,
            origin: Origin::Static,
        }
    }

    fn next(routes: &Routes, to: &str) -> Option<(u32, IpAddr)> {
        let hop = routes.lookup(to.parse().unwrap(), |i| i != InterfaceId(9))?;
        Some((hop.interface.0, hop.next))
    }

    #[test]
    fn the_longest_prefix_serves_then_the_lowest_metric_then_the_oldest() {
        let mut routes = Routes::new(8);
        assert!(routes.add(route("0.0.0.0", 0, Some("10.0.0.1"), 1, 10)));
        assert!(routes.add(route("0.0.0.0", 0, Some("10.0.0.2"), 2, 5)));
        assert!(routes.add(route("0.0.0.0", 0, Some("10.0.0.3"), 3, 5)));
        assert!(routes.add(route("10.0.0.0", 24, None, 1, 100)));
        assert_eq!(next(&routes, "8.8.8.8"), Some((2, "10.0.0.2".parse().unwrap())));
        assert_eq!(next(&routes, "10.0.0.7"), Some((1, "10.0.0.7".parse().unwrap())));
        assert_eq!(next(&routes, "2001:db8::1"), None);
    }

    #[test]
    fn an_interface_that_is_down_is_passed_over() {
        let mut routes = Routes::new(8);
        assert!(routes.add(route("10.0.0.0", 24, None, 9, 0)));
        assert!(routes.add(route("0.0.0.0", 0, Some("192.0.2.1"), 1, 0)));
        assert_eq!(next(&routes, "10.0.0.7"), Some((1, "192.0.2.1".parse().unwrap())));
    }

    #[test]
    fn the_same_way_is_kept_once_and_the_table_is_bounded() {
        let mut routes = Routes::new(2);
        assert!(routes.add(route("10.0.0.0", 8, None, 1, 1)));
        assert!(routes.add(route("10.9.9.9", 8, None, 1, 2)));
        assert_eq!(routes.iter().count(), 1);
        assert!(routes.add(route("11.0.0.0", 8, None, 1, 1)));
        assert!(!routes.add(route("12.0.0.0", 8, None, 1, 1)));
        assert!(routes.remove(|r| r.prefix.contains("10.1.1.1".parse().unwrap())));
        assert!(routes.add(route("12.0.0.0", 8, None, 1, 1)));
    }
}
