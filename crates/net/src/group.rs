//! The groups an interface listens to, and what routers and switches are told of them.
//!
//! IGMP (RFC 3376, 2236) and MLD (RFC 3810, 2710) are the same machine with other messages: a join is reported twice,
//! so is a leave, a query is answered after a random wait, and queriers of an older version are answered in theirs.
//! Owns membership and timers; `stack` writes the messages.

use crate::Misuse;
use crate::limits::{Config, OLDER_QUERIER_WAIT, REPORT_COUNT, REPORT_INTERVAL, REPORT_PAUSE};
use crate::neighbour::between;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_wire::igmp;
use mainstay_wire::ipv6::ALL_NODES;

/// What a report says of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Joined,
    Left,
    /// It is listened to, as before: the answer to a query.
    Current,
}

/// A report that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub group: IpAddr,
    pub change: Change,
    /// In the words of the older version: a querier that knows no better is on the link.
    pub older: bool,
}

/// The groups of one interface.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    groups: BTreeMap<IpAddr, Group>,
    count_max: usize,
    older_v4_until: Instant,
    older_v6_until: Instant,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// How many times it was joined; 0: it was left, which is still to be told.
    joined: u32,
    /// So many reports of the last change are to come, the next at this time.
    change: Option<(u8, Instant)>,
    /// A query is to be answered then.
    answer: Option<Instant>,
    /// Not before then once more: who asks without end gets no storm of multicasts for it.
    pause_until: Instant,
}

impl Groups {
    pub(crate) const fn new(config: &Config) -> Self {
        Self {
            groups: BTreeMap::new(),
            count_max: config.groups_max,
            older_v4_until: Instant::ZERO,
            older_v6_until: Instant::ZERO,
        }
    }

    /// Whether what is sent to `group` is listened to. Everybody listens to the group of all.
    pub(crate) fn contains(&self, group: IpAddr) -> bool {
        is_all(group) || self.groups.get(&group).is_some_and(|g| g.joined > 0)
    }

    /// Joins; counted, so that each join needs its leave. Due reports are had from `handle_timeout` at once.
    pub(crate) fn join(&mut self, now: Instant, group: IpAddr) -> Result<(), Misuse> {
        if !group.is_multicast() {
            return Err(Misuse::Address);
        }
        if !self.groups.contains_key(&group) && self.groups.len() >= self.count_max {
            return Err(Misuse::Full);
        }
        let entry = self.groups.entry(group).or_default();
        entry.joined += 1;
        if entry.joined == 1 && is_reported(group) {
            entry.change = Some((REPORT_COUNT, now));
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self, now: Instant, group: IpAddr) -> Result<(), Misuse> {
        let entry = self.groups.get_mut(&group).filter(|g| g.joined > 0).ok_or(Misuse::Unknown)?;
        entry.joined -= 1;
        if entry.joined > 0 {
            return Ok(());
        }
        entry.answer = None;
        entry.change = Some((REPORT_COUNT, now));
        if !is_reported(group) {
            self.groups.remove(&group);
        }
        Ok(())
    }

    /// The interface came up: whoever is there is told anew. Groups left meanwhile are forgotten.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.groups.retain(|_, g| g.joined > 0);
        for (group, entry) in &mut self.groups {
            entry.answer = None;
            entry.change = is_reported(*group).then_some((REPORT_COUNT, now));
        }
    }

    /// A query came, for `group` or for all of its family; says whether it is about anything here.
    pub(crate) fn queried(&mut self, now: Instant, rng: &mut Rng, query: Query) -> bool {
        let concerned = |group: IpAddr| match query.group {
            Some(asked) => asked == group,
            None => group.is_ipv4() == query.v4,
        };
        let mut any = false;
        for (group, entry) in &mut self.groups {
            if entry.joined > 0 && is_reported(*group) && concerned(*group) {
                let at = (now + between(rng, query.longest_wait)).max(entry.pause_until);
                entry.answer = Some(entry.answer.map_or(at, |earlier| earlier.min(at)));
                any = true;
            }
        }
        if any && query.older {
            let until = now + OLDER_QUERIER_WAIT;
            *(if query.v4 { &mut self.older_v4_until } else { &mut self.older_v6_until }) = until;
        }
        any
    }

    /// The reports that are due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, rng: &mut Rng) -> Vec<Report> {
        let mut reports = Vec::new();
        for (&group, entry) in &mut self.groups {
            let until = if group.is_ipv4() { self.older_v4_until } else { self.older_v6_until };
            let older = now < until;
            if let Some((count, at)) = entry.change
                && at <= now
            {
                let change = if entry.joined > 0 { Change::Joined } else { Change::Left };
                reports.push(Report { group, change, older });
                let more = count > 1;
                entry.change = more.then(|| (count - 1, now + between(rng, REPORT_INTERVAL)));
            }
            if entry.answer.is_some_and(|at| at <= now) {
                reports.push(Report { group, change: Change::Current, older });
                entry.answer = None;
                entry.pause_until = now + REPORT_PAUSE;
            }
        }
        self.groups.retain(|_, g| g.joined > 0 || g.change.is_some());
        reports
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let times = self.groups.values().flat_map(|g| [g.change.map(|(_, at)| at), g.answer]);
        times.flatten().min()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.groups.iter().filter(|(_, g)| g.joined > 0).map(|(group, _)| *group)
    }
}

/// A question who listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub v4: bool,
    /// `None`: to all groups.
    pub group: Option<IpAddr>,
    pub longest_wait: Duration,
    /// Put in the words of the older version.
    pub older: bool,
}

fn is_all(group: IpAddr) -> bool {
    group == IpAddr::V4(igmp::ALL_NODES) || group == IpAddr::V6(ALL_NODES)
}

/// Not the groups of all, and none that stays on the node. RFC 3376 §5, RFC 3810 §6
fn is_reported(group: IpAddr) -> bool {
    let stays = |a: Ipv6Addr| a.octets()[1] & 0x0f < 2;
    !is_all(group) && !matches!(group, IpAddr::V6(a) if stays(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(last: u8) -> IpAddr {
        IpAddr::from([239, 0, 0, last])
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn due(groups: &mut Groups, millis: u64) -> Vec<Change> {
        let reports = groups.handle_timeout(at(millis), &mut Rng::from_run(1));
        assert!(groups.poll_timeout().is_none_or(|next| next > at(millis)));
        reports.iter().map(|r| r.change).collect()
    }

    #[test]
    fn a_join_and_a_leave_are_reported_twice() {
        let mut groups = Groups::new(&Config::default());
        assert_eq!(groups.join(at(0), group(1)), Ok(()));
        assert_eq!(groups.join(at(0), group(1)), Ok(()));
        assert_eq!(due(&mut groups, 0), [Change::Joined]);
        assert_eq!(due(&mut groups, 1001), [Change::Joined]);
        assert_eq!(due(&mut groups, 9000), []);
        assert_eq!(groups.leave(at(9000), group(1)), Ok(()));
        assert!(groups.contains(group(1)));
        assert_eq!(groups.leave(at(9000), group(1)), Ok(()));
        assert!(!groups.contains(group(1)));
        assert_eq!(due(&mut groups, 9000), [Change::Left]);
        assert_eq!(due(&mut groups, 10_001), [Change::Left]);
        assert_eq!(groups.leave(at(10_001), group(1)), Err(Misuse::Unknown));
        assert_eq!(groups.poll_timeout(), None);
    }

    #[test]
    fn a_query_is_answered_within_its_time_and_in_its_words() {
        let mut groups = Groups::new(&Config::default());
        groups.join(at(0), group(1)).unwrap();
        groups.join(at(0), group(2)).unwrap();
        let _reports = (due(&mut groups, 0), due(&mut groups, 1001));
        let longest_wait = Duration::from_secs(10);
        let mut query = Query { v4: true, group: Some(group(2)), longest_wait, older: true };
        let mut rng = Rng::from_run(1);
        assert!(groups.queried(at(2000), &mut rng, query));
        let reports = groups.handle_timeout(at(12_000), &mut rng);
        assert_eq!(reports, [Report { group: group(2), change: Change::Current, older: true }]);
        query.group = Some(group(3));
        assert!(!groups.queried(at(20_000), &mut rng, query));
        query = Query { group: None, older: false, ..query };
        assert!(groups.queried(at(300_000), &mut rng, query));
        let reports = groups.handle_timeout(at(310_000), &mut rng);
        assert!(reports.len() == 2 && reports.iter().all(|r| !r.older));
    }

    #[test]
    fn a_storm_of_queries_that_want_answers_at_once_gets_ten_a_second() {
        let mut groups = Groups::new(&Config::default());
        let mut rng = Rng::from_run(1);
        for last in 1..=20 {
            groups.join(at(0), group(last)).unwrap();
        }
        let _reports = (due(&mut groups, 0), due(&mut groups, 1001));
        let query = Query { v4: true, group: None, longest_wait: Duration::ZERO, older: false };
        let mut reports = 0;
        for millis in 2000..4000 {
            assert!(groups.queried(at(millis), &mut rng, query));
            reports += groups.handle_timeout(at(millis + 1), &mut rng).len();
        }
        assert!((20 * 18..=20 * 21).contains(&reports), "{reports} in two seconds");
    }

    #[test]
    fn the_group_of_all_is_listened_to_and_never_reported() {
        let mut groups = Groups::new(&Config { groups_max: 2, ..Config::default() });
        assert!(groups.contains(IpAddr::V4(igmp::ALL_NODES)));
        groups.join(at(0), IpAddr::V6(ALL_NODES)).unwrap();
        groups.join(at(0), "ff01::5".parse().unwrap()).unwrap();
        assert_eq!(groups.poll_timeout(), None);
        assert_eq!(groups.join(at(0), group(1)), Err(Misuse::Full));
        assert_eq!(groups.join(at(0), "192.0.2.1".parse().unwrap()), Err(Misuse::Address));
    }
}
