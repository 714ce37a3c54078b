//! What an engine keeps beside endpoints, if it is given room for it: connections that ended, handshakes without an
//! endpoint, and what is known of servers.

use super::ecn_paths::EcnPaths;
use super::handshakes::Locals;
use super::reply::Replies;
use crate::fast_open::{ClientCache, Server, ServerCookies};
use crate::syn_cookie::SynCookies;
use crate::syn_queue::{SynEntry, SynQueue};
use crate::time_wait::{TimeWaitRecord, TimeWaitTable, WAIT};
use core::fmt::Debug;
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng};

/// Whether an engine keeps anything beside endpoints: `()` for nothing and no byte, or [`Kept`].
pub trait Memory: Debug {
    /// Connections that ended.
    type TimeWait: AsRef<[TimeWaitRecord]> + AsMut<[TimeWaitRecord]> + Debug;
    /// Handshakes.
    type Syns: AsRef<[SynEntry]> + AsMut<[SynEntry]> + Debug;
    /// Servers.
    type Servers: AsMut<[Server]> + Debug;

    /// What is kept.
    fn kept(&self) -> Option<&Kept<Self::TimeWait, Self::Syns, Self::Servers>>;

    /// The same, to change it.
    fn kept_mut(&mut self) -> Option<&mut Kept<Self::TimeWait, Self::Syns, Self::Servers>>;
}

impl Memory for () {
    type TimeWait = [TimeWaitRecord; 0];
    type Syns = [SynEntry; 0];
    type Servers = [Server; 0];

    fn kept(&self) -> Option<&Kept<Self::TimeWait, Self::Syns, Self::Servers>> {
        None
    }

    fn kept_mut(&mut self) -> Option<&mut Kept<Self::TimeWait, Self::Syns, Self::Servers>> {
        None
    }
}

/// Room for what an engine keeps: each part is as large as the storage it is given, and off if that is empty.
#[derive(Debug)]
pub struct Kept<W, S, C> {
    pub(super) time_wait: TimeWaitTable<W>,
    pub(super) syns: SynQueue<S>,
    pub(super) servers: ClientCache<C>,
    pub(super) syn_cookies: SynCookies,
    pub(super) fast_open: ServerCookies,
    pub(super) locals: Locals,
    pub(super) ecn_paths: EcnPaths,
    /// Answers without an endpoint.
    pub(super) replies: Replies<REPLIES_MAX>,
}

/// Answers that wait at most. chosen: one batch of packets from a device
const REPLIES_MAX: usize = 64;
/// How long one secret of cookies is the newest. chosen: as Linux does for Fast Open, twice a day
const SECRET_INTERVAL: Duration = Duration::from_hours(12);

impl<W, S, C> Kept<W, S, C>
where
    W: AsRef<[TimeWaitRecord]> + AsMut<[TimeWaitRecord]>,
    S: AsRef<[SynEntry]> + AsMut<[SynEntry]>,
    C: AsMut<[Server]>,
{
    /// Room in the caller's storage: for connections in TIME-WAIT (TCP-183), which free their endpoint at once if there
    /// is any; for handshakes that have no endpoint yet (TCP-530); for servers of Fast Open (TCP-362).
    pub fn new(time_wait: W, syns: S, servers: C, rng: &mut Rng) -> Self {
        Self {
            time_wait: TimeWaitTable::new(time_wait, WAIT, false),
            syns: SynQueue::new(syns),
            servers: ClientCache::new(servers),
            syn_cookies: SynCookies::new(Instant::ZERO, SECRET_INTERVAL, rng),
            fast_open: ServerCookies::new(Instant::ZERO, SECRET_INTERVAL, rng),
            locals: Locals::default(),
            ecn_paths: EcnPaths::default(),
            replies: Replies::default(),
        }
    }

    /// The number of an address of ours that has one.
    pub(super) fn known_local(&self, ip: IpAddr) -> Option<u16> {
        let is = |local: &Option<(IpAddr, u16)>| local.is_some_and(|(known, _)| known == ip);
        u16::try_from(self.locals.iter().position(is)?).ok()
    }

    /// The same; it gets one if there is one that no handshake needs.
    pub(super) fn local_number(&mut self, ip: IpAddr, mtu: u16) -> Option<u16> {
        let known = self.known_local(ip);
        let mut places = (0..).zip(&self.locals);
        let free = |(number, local): &(u16, &Option<(IpAddr, u16)>)| {
            local.is_none() || !self.syns.uses_local(*number)
        };
        let number = known.or_else(|| places.find(free).map(|(number, _)| number))?;
        if let Some(local) = self.locals.get_mut(usize::from(number)) {
            *local = Some((ip, mtu));
        }
        Some(number)
    }

    /// When the next handshake without an endpoint has to be answered again.
    pub(crate) const fn handshake_deadline(&self) -> Option<Instant> {
        self.syns.deadline()
    }

    /// How many connections in TIME-WAIT gave way to newer ones (TCP-184).
    pub const fn time_wait_evicted(&self) -> u64 {
        self.time_wait.evicted()
    }

    /// How many handshakes gave way to others (TCP-530).
    pub const fn syns_evicted(&self) -> u64 {
        self.syns.evicted()
    }
}

impl<W, S, C> Memory for Kept<W, S, C>
where
    W: AsRef<[TimeWaitRecord]> + AsMut<[TimeWaitRecord]> + Debug,
    S: AsRef<[SynEntry]> + AsMut<[SynEntry]> + Debug,
    C: AsMut<[Server]> + Debug,
{
    type TimeWait = W;
    type Syns = S;
    type Servers = C;

    fn kept(&self) -> Option<&Self> {
        Some(self)
    }

    fn kept_mut(&mut self) -> Option<&mut Self> {
        Some(self)
    }
}
