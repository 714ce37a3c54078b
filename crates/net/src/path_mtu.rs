//! What is known of paths narrower than their first link.
//!
//! Owns the table, its floors and its aging. Whether a Too Big message may be believed is decided by who sent the
//! packet it quotes (TCP-175, TCP-178).

use crate::limits::{PATH_MTU_AGE, PATH_MTU_FLOOR_V6};
use alloc::collections::BTreeMap;
use core::net::IpAddr;
use mainstay_base::Instant;

/// Paths narrower than their first link, by destination; the others are not kept.
#[derive(Clone, Debug)]
pub(crate) struct PathMtus {
    narrow: BTreeMap<IpAddr, Narrow>,
    count_max: usize,
    floor_v4: usize,
}

#[derive(Clone, Copy, Debug)]
struct Narrow {
    mtu: usize,
    until: Instant,
}

impl PathMtus {
    pub(crate) const fn new(count_max: usize, floor_v4: usize) -> Self {
        Self { narrow: BTreeMap::new(), count_max, floor_v4 }
    }

    /// The MTU towards `destination` when the first link carries `link`.
    pub(crate) fn lookup(&self, now: Instant, destination: IpAddr, link: usize) -> usize {
        let known = self.narrow.get(&destination).filter(|n| now < n.until);
        known.map_or(link, |n| n.mtu.min(link))
    }

    /// Takes over what a believed Too Big said; the value in force afterwards, `None` if it changes nothing.
    ///
    /// For IPv6 a value below 1280 says nothing (RFC 8201 §4); for IPv4 it is raised to the floor, so that nobody
    /// makes us send crumbs (TCP-178). It never widens a path: only time does.
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        destination: IpAddr,
        told: usize,
    ) -> Option<usize> {
        let mtu = match destination {
            IpAddr::V4(_) => told.max(self.floor_v4),
            IpAddr::V6(_) if told < PATH_MTU_FLOOR_V6 => return None,
            IpAddr::V6(_) => told,
        };
        if self.lookup(now, destination, usize::MAX) <= mtu {
            return None;
        }
        if !self.narrow.contains_key(&destination) && self.narrow.len() >= self.count_max {
            let oldest = self.narrow.iter().min_by_key(|(_, n)| n.until).map(|(a, _)| *a)?;
            self.narrow.remove(&oldest);
        }
        self.narrow.insert(destination, Narrow { mtu, until: now + PATH_MTU_AGE });
        Some(mtu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    // Covers TCP-178
    #[test]
    fn a_narrow_path_is_remembered_for_ten_minutes() {
        let mut paths = PathMtus::new(4, 552);
        assert_eq!(paths.learn(Instant::ZERO, ip("2001:db8::1"), 1400), Some(1400));
        let late = Instant::ZERO + Duration::from_secs(599);
        assert_eq!(paths.lookup(late, ip("2001:db8::1"), 1500), 1400);
        assert_eq!(paths.lookup(late, ip("2001:db8::2"), 1500), 1500);
        let later = Instant::ZERO + Duration::from_secs(600);
        assert_eq!(paths.lookup(later, ip("2001:db8::1"), 1500), 1500);
    }

    // Covers TCP-178
    #[test]
    fn nobody_makes_a_path_narrower_than_its_floor_or_wider() {
        let mut paths = PathMtus::new(4, 552);
        assert_eq!(paths.learn(Instant::ZERO, ip("2001:db8::1"), 1279), None);
        assert_eq!(paths.learn(Instant::ZERO, ip("192.0.2.1"), 68), Some(552));
        assert_eq!(paths.learn(Instant::ZERO, ip("192.0.2.1"), 1000), None);
        assert_eq!(paths.lookup(Instant::ZERO, ip("192.0.2.1"), 1500), 552);
        assert_eq!(paths.lookup(Instant::ZERO, ip("192.0.2.1"), 500), 500);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let mut paths = PathMtus::new(2, 552);
        for (second, last) in [1, 2, 3].into_iter().enumerate() {
            let now = Instant::from_millis(u64::try_from(second).unwrap() * 1000);
            let _told = paths.learn(now, IpAddr::from([192, 0, 2, last]), 1000);
        }
        let now = Instant::from_millis(3000);
        assert_eq!(paths.lookup(now, ip("192.0.2.1"), 1500), 1500);
        assert_eq!(paths.lookup(now, ip("192.0.2.2"), 1500), 1000);
        assert_eq!(paths.lookup(now, ip("192.0.2.3"), 1500), 1000);
        let mut none = PathMtus::new(0, 552);
        assert_eq!(none.learn(now, ip("192.0.2.3"), 1000), None);
    }
}
