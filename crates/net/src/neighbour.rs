//! Who is next door: link addresses of neighbours, how sure we are of them, and what waits for one to be found.
//!
//! One table serves ARP and NDP (RFC 4861 §7.3.2 has the states; RFC 826 has none, and they fit it as well). Owns
//! states, timers and held packets. Does not own messages: it says whom to ask, `stack` writes the question.

#[cfg(test)]
mod tests;

mod entry;

use crate::limits::{
    ABSENT_WAIT, Config, DELAY_FIRST_PROBE_TIME, MULTICAST_SOLICITS, REACHABLE_TIME, RETRANS_TIMER,
    UNICAST_SOLICITS,
};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;
use entry::{Entry, State};
use mainstay_base::{Instant, Rng};
use mainstay_wire::ethernet::Mac;

/// A link address: Ethernet has the only ones we know.
pub(crate) type LinkAddress = Mac;

/// How sure we are of a neighbour. RFC 4861 §7.3.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// Being asked for; its link address is not known.
    Incomplete,
    /// It answered, or an upper layer heard of it, a moment ago.
    Reachable,
    /// It was there once.
    Stale,
    /// Packets are sent to it; soon it will be asked whether it is there.
    Delay,
    /// Being asked whether it is still there.
    Probe,
    /// It did not answer; it is not asked again for a moment.
    Absent,
}

/// A neighbour as others may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// Its link address, if known.
    pub link_address: Option<Mac>,
    /// How sure we are of it.
    pub reachability: Reachability,
}

/// What is known when something is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    Known(LinkAddress),
    /// It is being asked for.
    Pending,
    /// It was asked for and did not answer.
    Absent,
    /// Nothing more can be asked for: the table is full of neighbours in better standing.
    Full,
}

/// What a neighbour says of itself: an ARP reply, a neighbour advertisement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub address: IpAddr,
    pub mac: Option<LinkAddress>,
    /// It answers a question of ours.
    pub solicited: bool,
    /// It wants to replace what we know. RFC 4861 §4.4
    pub overriding: bool,
}

/// A question to be put: whether `address` is there; to everybody, or to `mac` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub address: IpAddr,
    pub mac: Option<LinkAddress>,
}

/// What a timeout or a claim brought about, for the stack to carry out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Questions to be put.
    pub asks: Vec<Ask>,
    /// Packets that may leave now.
    pub released: Vec<(LinkAddress, Vec<u8>)>,
    /// Packets whose neighbour is not there.
    pub undeliverable: Vec<Vec<u8>>,
    /// A neighbour was found or lost: whoever waits for one may look again.
    pub news: bool,
}

/// The neighbours of one interface.
#[derive(Clone, Debug)]
pub(crate) struct Neighbours {
    entries: BTreeMap<IpAddr, Entry>,
    deadlines: BTreeSet<(Instant, IpAddr)>,
    held_bytes: usize,
    count_max: usize,
    held_packets_max: usize,
    held_bytes_max: usize,
}

impl Neighbours {
    pub(crate) const fn new(config: &Config) -> Self {
        Self {
            entries: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            held_bytes: 0,
            count_max: config.neighbours_max,
            held_packets_max: config.held_packets_max,
            held_bytes_max: config.held_bytes_max,
        }
    }

    /// What is known of `address`, which something is to be sent to. An unknown one is asked for.
    pub(crate) fn resolve(
        &mut self,
        now: Instant,
        address: IpAddr,
        out: &mut Outcome,
    ) -> Resolution {
        let Some(entry) = self.entries.get_mut(&address) else {
            return self.start(now, address, out);
        };
        if !matches!(entry.state, State::Absent { .. }) {
            entry.used = now;
        }
        match &entry.state {
            State::Incomplete { .. } => Resolution::Pending,
            State::Reachable { mac, .. } | State::Delay { mac, .. } | State::Probe { mac, .. } => {
                Resolution::Known(*mac)
            }
            &State::Stale { mac } => {
                self.set(address, State::Delay { mac, until: now + DELAY_FIRST_PROBE_TIME });
                Resolution::Known(mac)
            }
            State::Absent { until } if now < *until => Resolution::Absent,
            State::Absent { .. } => self.start(now, address, out),
        }
    }

    /// Keeps `packet` until `address` is found; `false` (and nothing is kept) if there is no room or it is not being
    /// asked for. When there are too many packets the oldest goes, as RFC 4861 §7.2.2 says.
    pub(crate) fn hold(&mut self, address: IpAddr, packet: Vec<u8>) -> bool {
        let Some(Entry { state: State::Incomplete { held, .. }, .. }) =
            self.entries.get_mut(&address)
        else {
            return false;
        };
        if self.held_packets_max == 0 {
            return false;
        }
        while held.len() >= self.held_packets_max {
            self.held_bytes -= held.pop_front().map_or(0, |p| p.len());
        }
        if self.held_bytes + packet.len() > self.held_bytes_max {
            return false;
        }
        self.held_bytes += packet.len();
        held.push_back(packet);
        true
    }

    /// A neighbour shows its link address while it asks for ours: worth remembering, not worth believing much.
    /// RFC 4861 §7.2.3, RFC 826. Says whether anything changed.
    pub(crate) fn heard(
        &mut self,
        now: Instant,
        address: IpAddr,
        mac: LinkAddress,
        out: &mut Outcome,
    ) -> bool {
        let Some(entry) = self.entries.get(&address) else {
            let room = self.make_room(1);
            if room {
                self.insert(now, address, State::Stale { mac });
            }
            return room;
        };
        match &entry.state {
            State::Incomplete { .. } | State::Absent { .. } => {
                self.settle(now, address, mac, State::Stale { mac }, out);
                true
            }
            state if state.mac() == Some(mac) => false,
            State::Reachable { .. }
            | State::Stale { .. }
            | State::Delay { .. }
            | State::Probe { .. } => self.contest(now, address, out),
        }
    }

    /// Takes a claim of a neighbour; says whether anything changed. RFC 4861 §7.2.5
    pub(crate) fn claimed(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        claim: Claim,
        out: &mut Outcome,
    ) -> bool {
        let Claim { address, mac, solicited, overriding } = claim;
        let Some(entry) = self.entries.get(&address) else { return false };
        let known = entry.state.mac();
        let Some(mac) = mac.or(known) else { return false };
        let sure = |rng: &mut Rng| State::Reachable { mac, until: now + reachable_time(rng) };
        let differs = known.is_some_and(|k| k != mac);
        if differs && !overriding {
            let doubted = matches!(entry.state, State::Reachable { .. });
            if let (true, Some(mac)) = (doubted, known) {
                self.set(address, State::Stale { mac });
            }
            return doubted;
        }
        if solicited {
            let state = sure(rng);
            self.settle(now, address, mac, state, out);
        } else if known.is_none() || differs {
            self.settle(now, address, mac, State::Stale { mac }, out);
        } else {
            return false;
        }
        true
    }

    /// Somebody else claims the link address of a neighbour without being asked: the known one is asked at once, and
    /// if it is silent, everybody.
    fn contest(&mut self, now: Instant, address: IpAddr, out: &mut Outcome) -> bool {
        let Some(entry) = self.entries.get(&address) else { return false };
        if let State::Reachable { mac, .. } | State::Stale { mac } | State::Delay { mac, .. } =
            entry.state
        {
            out.asks.push(Ask { address, mac: Some(mac) });
            self.set(address, State::Probe { mac, asked: 1, at: now + RETRANS_TIMER });
            return true;
        }
        false
    }

    /// An upper layer heard from it: it is there (RFC 4861 §7.3.1).
    pub(crate) fn confirm(&mut self, now: Instant, rng: &mut Rng, address: IpAddr) {
        let Some(entry) = self.entries.get_mut(&address) else { return };
        entry.used = now;
        if let State::Reachable { mac, .. }
        | State::Stale { mac }
        | State::Delay { mac, .. }
        | State::Probe { mac, .. } = entry.state
        {
            self.set(address, State::Reachable { mac, until: now + reachable_time(rng) });
        }
    }

    /// Whether there is an entry for `address`.
    pub(crate) fn knows(&self, address: IpAddr) -> bool {
        self.entries.contains_key(&address)
    }

    /// Whether a question of ours about `address` is open, so that an answer is an answer.
    pub(crate) fn is_asked(&self, address: IpAddr) -> bool {
        self.entries
            .get(&address)
            .is_some_and(|e| matches!(e.state, State::Incomplete { .. } | State::Probe { .. }))
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outcome) {
        while let Some(&(at, address)) = self.deadlines.first()
            && at <= now
        {
            self.expire(now, address, out);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(at, _)| at)
    }

    /// Forgets everybody; what waited is lost.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.deadlines.clear();
        self.held_bytes = 0;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Neighbour> {
        self.entries.iter().map(|(&address, entry)| Neighbour {
            address,
            link_address: entry.state.mac(),
            reachability: entry.state.reachability(),
        })
    }

    /// Begins to ask for `address`.
    fn start(&mut self, now: Instant, address: IpAddr, out: &mut Outcome) -> Resolution {
        if !self.entries.contains_key(&address) && !self.make_room(u8::MAX) {
            return Resolution::Full;
        }
        out.asks.push(Ask { address, mac: None });
        let at = now + RETRANS_TIMER;
        self.insert(now, address, State::Incomplete { asked: 1, at, held: VecDeque::new() });
        Resolution::Pending
    }

    /// `address` is at `mac`: what waited may leave.
    fn settle(
        &mut self,
        now: Instant,
        address: IpAddr,
        mac: LinkAddress,
        state: State,
        out: &mut Outcome,
    ) {
        let waited = self.insert(now, address, state);
        out.news = true;
        let sending = !waited.is_empty();
        out.released.extend(waited.into_iter().map(|packet| (mac, packet)));
        // Sending to a stale neighbour makes sure of it sooner or later.
        if sending {
            let _known = self.resolve(now, address, out);
        }
    }

    fn expire(&mut self, now: Instant, address: IpAddr, out: &mut Outcome) {
        let Some(entry) = self.entries.get_mut(&address) else { return };
        let at = now + RETRANS_TIMER;
        match &mut entry.state {
            State::Incomplete { asked, held, .. } if *asked < MULTICAST_SOLICITS => {
                out.asks.push(Ask { address, mac: None });
                let (asked, held) = (*asked + 1, core::mem::take(held));
                self.set(address, State::Incomplete { asked, at, held });
            }
            State::Incomplete { held, .. } => {
                let lost = core::mem::take(held);
                self.held_bytes -= lost.iter().map(Vec::len).sum::<usize>();
                out.undeliverable.extend(lost);
                out.news = true;
                self.set(address, State::Absent { until: now + ABSENT_WAIT });
            }
            &mut State::Reachable { mac, .. } => self.set(address, State::Stale { mac }),
            &mut State::Delay { mac, .. } => {
                out.asks.push(Ask { address, mac: Some(mac) });
                self.set(address, State::Probe { mac, asked: 1, at });
            }
            &mut State::Probe { mac, asked, .. } if asked < UNICAST_SOLICITS => {
                out.asks.push(Ask { address, mac: Some(mac) });
                self.set(address, State::Probe { mac, asked: asked + 1, at });
            }
            State::Probe { .. } | State::Absent { .. } | State::Stale { .. } => {
                self.forget(address);
            }
        }
    }

    /// Makes room for one more by forgetting who was least used among those of a standing up to `standing`.
    fn make_room(&mut self, standing: u8) -> bool {
        if self.entries.len() < self.count_max {
            return true;
        }
        let low = self.entries.iter().filter(|(_, e)| e.state.standing() <= standing);
        let victim = low.min_by_key(|(_, e)| (e.state.standing(), e.used)).map(|(a, _)| *a);
        if let Some(victim) = victim {
            self.forget(victim);
        }
        victim.is_some()
    }

    fn forget(&mut self, address: IpAddr) {
        let Some(entry) = self.entries.remove(&address) else { return };
        if let Some(at) = entry.state.deadline() {
            self.deadlines.remove(&(at, address));
        }
        if let State::Incomplete { held, .. } = entry.state {
            self.held_bytes -= held.iter().map(Vec::len).sum::<usize>();
        }
    }

    /// Puts an entry into the table, and gives back what waited at the one before it.
    fn insert(&mut self, now: Instant, address: IpAddr, state: State) -> VecDeque<Vec<u8>> {
        let mut waited = VecDeque::new();
        if let Some(Entry { state: State::Incomplete { held, .. }, .. }) =
            self.entries.get_mut(&address)
        {
            waited = core::mem::take(held);
            self.held_bytes -= waited.iter().map(Vec::len).sum::<usize>();
        }
        self.forget(address);
        self.deadlines.extend(state.deadline().map(|at| (at, address)));
        self.entries.insert(address, Entry { state, used: now });
        waited
    }

    /// Moves an entry to another state.
    fn set(&mut self, address: IpAddr, state: State) {
        let Some(entry) = self.entries.get_mut(&address) else { return };
        if let Some(at) = entry.state.deadline() {
            self.deadlines.remove(&(at, address));
        }
        self.deadlines.extend(state.deadline().map(|at| (at, address)));
        entry.state = state;
    }
}

/// Between half and one and a half of the base, so that hosts do not ask in step. RFC 4861 §6.3.2
fn reachable_time(rng: &mut Rng) -> Duration {
    REACHABLE_TIME / 2 + between(rng, REACHABLE_TIME)
}

/// Something up to `longest`, and never nothing: what is due now is no timer (L3).
pub(crate) fn between(rng: &mut Rng, longest: Duration) -> Duration {
    let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.below(micros).saturating_add(1))
}
