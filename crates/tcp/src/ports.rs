//! The port a connection of ours starts from (TCP-522): the double hash of RFC 6056 §3.3.4.

use crate::prf::{Domain, Prf, Secret, Tuple};
use crate::time::low;
use core::ops::RangeInclusive;

/// Where ephemeral ports lie. IANA: the dynamic ports, RFC 6335 §6
pub const EPHEMERAL: RangeInclusive<u16> = 49_152..=65_535;

/// One counter for each group of peers, `N` groups: an outsider neither sees how many connections there are in another
/// group nor where in the range a group began, and a peer gets a port again only after all others.
#[derive(Clone, Debug)]
pub struct Ports<const N: usize = 16> {
    counters: [u32; N],
    first: u16,
    count: u32,
}

impl<const N: usize> Default for Ports<N> {
    /// The dynamic ports.
    fn default() -> Self {
        const { assert!(N > 0, "at least one counter") }
        let (first, last) = EPHEMERAL.into_inner();
        Self { counters: [0; N], first, count: u32::from(last - first) + 1 }
    }
}

impl<const N: usize> Ports<N> {
    /// Ports of `range`; `None` if it is empty or has port 0. [`EPHEMERAL`] is the usual one.
    ///
    /// Counters may start at zero: the keyed hash that is added to them is what hides them.
    #[must_use]
    pub const fn new(range: &RangeInclusive<u16>) -> Option<Self> {
        const { assert!(N > 0, "at least one counter") }
        let (first, last) = (*range.start(), *range.end());
        if first == 0 || last < first {
            return None;
        }
        Some(Self { counters: [0; N], first, count: (last - first) as u32 + 1 })
    }

    /// A port for a connection to `tuple.peer` from `tuple.local`, whose port is ignored. `None` if all are `taken`: each
    /// was asked about once.
    pub fn next<P: Prf>(
        &mut self,
        secret: &Secret,
        tuple: &Tuple,
        mut taken: impl FnMut(u16) -> bool,
    ) -> Option<u16> {
        let count = self.count;
        let offset = low(tuple.hash_addresses::<P>(secret, Domain::Port)) % count;
        let group = low(tuple.hash_addresses::<P>(secret, Domain::PortTable)) as usize % N;
        let counter = self.counters.get_mut(group)?;
        for _ in 0..self.count {
            let place = (offset + *counter) % count;
            *counter = (*counter + 1) % self.count;
            let port = self.first + u16::try_from(place).unwrap_or(0);
            if !taken(port) {
                return Some(port);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prf::SipHash;

    const SECRET: Secret = Secret::new([9; 16]);

    fn to(peer: [u8; 4]) -> Tuple {
        Tuple::new("10.0.0.1:0".parse().unwrap(), (peer, 443).into())
    }

    // Covers TCP-522
    #[test]
    fn each_port_of_the_range_comes_once_in_a_cycle() {
        let mut ports = Ports::<4>::new(&(65_000..=65_535)).unwrap();
        let mut seen = [false; 536];
        for _ in 0..536 {
            let port = ports.next::<SipHash>(&SECRET, &to([1; 4]), |_| false).unwrap();
            assert!(!core::mem::replace(&mut seen[usize::from(port - 65_000)], true));
        }
        assert!(seen.iter().all(|seen| *seen));
    }

    // Covers TCP-522
    #[test]
    fn what_is_taken_is_passed_over_and_after_one_cycle_it_gives_up() {
        let mut ports = Ports::<4>::new(&(100..=109)).unwrap();
        assert_eq!(ports.next::<SipHash>(&SECRET, &to([1; 4]), |port| port != 105), Some(105));
        let mut asked = 0;
        let none = ports.next::<SipHash>(&SECRET, &to([1; 4]), |_| {
            asked += 1;
            true
        });
        assert_eq!((none, asked), (None, 10));
    }

    // Covers TCP-522
    #[test]
    fn where_a_peer_begins_depends_on_the_peer_and_the_secret_and_not_on_the_port() {
        let first = |secret: &Secret, tuple: &Tuple| {
            Ports::<16>::new(&EPHEMERAL).unwrap().next::<SipHash>(secret, tuple, |_| false)
        };
        let one = first(&SECRET, &to([1; 4]));
        assert_ne!(one, first(&SECRET, &to([2; 4])));
        assert_ne!(one, first(&Secret::new([8; 16]), &to([1; 4])));
        let mut bound = to([1; 4]);
        bound.local.port = 5;
        assert_eq!(one, first(&SECRET, &bound));
    }

    #[test]
    fn a_range_that_cannot_be_is_none() {
        assert!(Ports::<1>::new(&(0..=9)).is_none());
        #[expect(clippy::reversed_empty_ranges, reason = "what is tested")]
        let reversed = 9..=8;
        assert!(Ports::<1>::new(&reversed).is_none());
        assert!(Ports::<1>::new(&(9..=9)).is_some());
    }
}
