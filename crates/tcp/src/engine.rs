//! The engine: many endpoints and listeners behind five inputs and three outputs (TCP-003), and what outlives an
//! endpoint.

mod early;
mod ecn_paths;
mod extras;
mod handshakes;
mod icmp;
mod incoming;
mod linger;
mod listening;
mod live;
mod memory;
mod output;
mod reply;
mod request;
mod unsent;

pub use early::FastOpenPolicy;
pub use handshakes::Answers;
pub use icmp::{IcmpError, IcmpKind};
pub use incoming::{Ingress, Meta};
pub use live::{FastOpen, Live, Path, Paths};
pub use memory::{Kept, Memory};
pub use output::{Summed, Transmit};
pub use request::Incoming;
pub use unsent::Transmitted;

use crate::bits::Bits;
use crate::buckets::{ChallengeBucket, ResetBucket};
use crate::end::End;
use crate::endpoint::{Address as _, Birth, Endpoint};
use crate::event::{Event, State};
use crate::index::{Index, List};
use crate::isn;
use crate::ports::{EPHEMERAL, Ports};
use crate::prf::{self, Domain, Secret, Tuple};
use crate::profile::Profile;
use crate::queue::TxQueue;
use crate::seq::Seq;
use crate::time::Now;
use core::net::IpAddr;
use mainstay_base::{Instant, Rng};
use reply::Replies;
use unsent::Last;

/// Where the engine keeps things: the caller's memory, all of it (TCP-655).
pub trait Tables {
    /// What the endpoints are made of.
    type Profile: Profile;
    /// One place per endpoint.
    type Slots: AsRef<[Slot<Self::Profile>]> + AsMut<[Slot<Self::Profile>]>;
    /// One place per listener.
    type Listeners: AsRef<[Listener]> + AsMut<[Listener]>;
    /// How endpoints are found.
    type Index: Index;
    /// What is kept beside endpoints: `()` for nothing, or [`Kept`].
    type Memory: Memory;
    /// Whether [`Config::fast_open`] can be anything but off; where it cannot, Fast Open takes no text.
    const FAST_OPEN: bool = true;
}

/// A place for an endpoint.
#[repr(C)] // what is asked for each time stands beside that of the endpoint
pub struct Slot<P: Profile> {
    generation: u32,
    indexed: bool,
    endpoint: Option<Endpoint<P>>,
}

impl<P: Profile> Default for Slot<P> {
    fn default() -> Self {
        Self { generation: 0, indexed: false, endpoint: None }
    }
}

impl<P: Profile> core::fmt::Debug for Slot<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = self.endpoint.as_ref().map(Endpoint::state);
        f.debug_struct("Slot").field("state", &state).finish_non_exhaustive()
    }
}

/// A place for a listener (TCP-071, TCP-072).
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// Without a port where it does not listen.
    end: End,
    generation: u32,
    /// Connections with data of their SYN that are not established (TCP-365).
    early: u32,
}

impl Default for Listener {
    fn default() -> Self {
        Self { end: End::NONE, generation: 0, early: 0 }
    }
}

/// Names an endpoint; one that is gone is not mistaken for its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle {
    slot: u32,
    generation: u32,
}

impl Handle {
    /// The place in the caller's slice.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot as usize
    }
}

/// Names a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerHandle {
    slot: u32,
    generation: u32,
}

/// What can be set for the whole engine.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is done with a segment that nobody here is meant by (TCP-112).
    pub unknown: Unknown,
    /// The device adds checksums: only the pseudo-header is summed (TCP-610).
    pub partial_checksums: bool,
    /// The first and last port a connect may choose (TCP-522).
    pub ports: (u16, u16),
    /// Answers a second, on average, to what no connection accepts (TCP-510).
    pub challenges: u32,
    /// Resets a second to those without a connection; 0 for none (TCP-512).
    pub resets: u32,
    /// Whether data may come and go in SYNs (TCP-361).
    pub fast_open: FastOpenPolicy,
    /// Connections of one listener that may have such data before they are established; half of the places if `None`
    /// (TCP-365).
    pub fast_open_pending: Option<u32>,
    /// What is promised before there is an endpoint.
    pub answers: Answers,
    /// A handshake that has no room in the queue is answered with a cookie (TCP-530).
    pub syn_cookies: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            unknown: Unknown::Reset,
            partial_checksums: false,
            ports: EPHEMERAL.into_inner(),
            challenges: CHALLENGES,
            resets: RESETS,
            fast_open: FastOpenPolicy::Off,
            fast_open_pending: None,
            answers: Answers::default(),
            syn_cookies: true,
        }
    }
}

/// Of one second. chosen: as Linux
const CHALLENGES: u32 = 1000;
/// Of one second (TCP-512). chosen: the specification's, for hosts
const RESETS: u32 = 100;

/// What is done with a segment that nobody here is meant by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// A reset is sent.
    #[default]
    Reset,
    /// Nothing is sent.
    Silent,
    /// It is handed back: another stack may share the address.
    Pass,
}

/// Counts since the start; they saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Segments that came.
    pub received: u64,
    /// Segments and super-segments that left.
    pub sent: u64,
    /// Dropped: not a segment, or a wrong checksum.
    pub damaged: u64,
    /// Dropped by a connection.
    pub ignored: u64,
    /// For nobody.
    pub strangers: u64,
    /// Options that could not be read to their end.
    pub malformed_options: u64,
    /// Resets and answers that found no room or were one too many.
    pub unanswered: u64,
}

/// TCP for one set of addresses.
pub struct Engine<T: Tables> {
    slots: T::Slots,
    listeners: T::Listeners,
    index: T::Index,
    memory: T::Memory,
    secret: Secret,
    rng: Rng,
    config: Config,
    now: Instant,
    replies: Replies,
    last: Option<Last>,
    blocked_until: Option<Instant>,
    counters: Counters,
    header: [u8; mainstay_wire::tcp::HEADER_MAX],
    ports: Ports,
    challenges: ChallengeBucket,
    resets: ResetBucket,
}

/// What an endpoint of these tables tells.
pub type EventOf<T> = Event<<<<T as Tables>::Profile as Profile>::Queue as TxQueue>::Buf>;

/// The keyed function of a profile.
type PrfOf<T> = <<T as Tables>::Profile as Profile>::Prf;

impl<T: Tables> core::fmt::Debug for Engine<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine").field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl<T: Tables> Engine<T> {
    /// An engine over the caller's memory, which should hold nothing but defaults.
    pub fn new(
        config: Config,
        rng: Rng,
        slots: T::Slots,
        listeners: T::Listeners,
        index: T::Index,
    ) -> Self
    where
        T::Memory: Default,
    {
        Self::with_memory(config, rng, (slots, listeners, index), T::Memory::default())
    }

    /// The same, which keeps things beside endpoints.
    pub fn with_memory(
        config: Config,
        mut rng: Rng,
        (slots, listeners, index): (T::Slots, T::Listeners, T::Index),
        memory: T::Memory,
    ) -> Self {
        let mut secret = [0; 16];
        rng.fill(&mut secret);
        let (first, last) = config.ports;
        let ports = Ports::new(&(first..=last));
        Self {
            slots,
            listeners,
            index,
            memory,
            secret: Secret::new(secret),
            rng,
            config,
            now: Instant::ZERO,
            replies: Replies::default(),
            last: None,
            blocked_until: None,
            counters: Counters::default(),
            header: [0; mainstay_wire::tcp::HEADER_MAX],
            ports: ports.unwrap_or_default(),
            challenges: ChallengeBucket::new(config.challenges),
            resets: ResetBucket::new(config.resets),
        }
    }
}

impl<T: Tables> Engine<T> {
    /// Puts an endpoint into a free place.
    ///
    /// # Errors
    /// The endpoint, when there is none.
    pub fn attach(
        &mut self,
        endpoint: Endpoint<T::Profile>,
    ) -> Result<Handle, Endpoint<T::Profile>> {
        let slots = self.slots.as_mut();
        let Some(place) = slots.iter().position(|slot| slot.endpoint.is_none()) else {
            return Err(endpoint);
        };
        self.attach_at(place, endpoint)
    }

    /// Puts an endpoint into a place that the caller knows to be free: does not search.
    ///
    /// # Errors
    /// The endpoint, when the place is taken or does not exist.
    pub fn attach_at(
        &mut self,
        place: usize,
        endpoint: Endpoint<T::Profile>,
    ) -> Result<Handle, Endpoint<T::Profile>> {
        let Some(slot) = self.slots.as_mut().get_mut(place) else { return Err(endpoint) };
        if slot.endpoint.is_some() {
            return Err(endpoint);
        }
        slot.endpoint = Some(endpoint);
        slot.generation = slot.generation.wrapping_add(1);
        Ok(Handle { slot: u32::try_from(place).unwrap_or(u32::MAX), generation: slot.generation })
    }

    /// Takes an endpoint out, aborting its connection (TCP-014); no event mentions it any more, and `handle` names nothing.
    /// What it lent is fetched by [`Endpoint::reclaim`], and it may be attached again.
    pub fn detach(&mut self, now: Instant, handle: Handle) -> Option<Endpoint<T::Profile>> {
        if let Some(mut live) = self.at(now, handle) {
            live.abort();
        }
        let slot = self.slots.as_mut().get_mut(handle.slot())?;
        if slot.generation != handle.generation {
            return None;
        }
        if core::mem::take(&mut slot.indexed) {
            self.index.remove(handle.slot());
        }
        slot.generation = slot.generation.wrapping_add(1);
        let mut endpoint = slot.endpoint.take()?;
        endpoint.leave();
        Some(endpoint)
    }

    /// An endpoint, to look at.
    pub fn endpoint(&self, handle: Handle) -> Option<&Endpoint<T::Profile>> {
        let slot = self.slots.as_ref().get(handle.slot())?;
        slot.endpoint.as_ref().filter(|_| slot.generation == handle.generation)
    }

    /// An endpoint, to ask something of; `None` if it is gone.
    pub fn at(&mut self, now: Instant, handle: Handle) -> Option<Live<'_, T>> {
        let slot = self.slots.as_ref().get(handle.slot())?;
        if slot.generation != handle.generation || slot.endpoint.is_none() {
            return None;
        }
        let now = self.clock(now);
        Some(Live { engine: self, now, slot: handle.slot() })
    }

    /// Runs every timer that is due (TCP-086). Early or late calls do no harm (TCP-087).
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        if !self.is_blocked(now.instant()) {
            self.blocked_until = None;
        }
        self.handshakes_due(now);
        let count = self.slots.as_ref().len();
        loop {
            let slots = self.slots.as_ref();
            let deadline = |slot: usize| slots.get(slot)?.endpoint.as_ref()?.first_deadline(now);
            let Some(slot) = self.index.due(now.instant(), count, deadline) else { return };
            let mut reset = None;
            if let Some(endpoint) = self.endpoint_mut(slot)
                && endpoint.handle_timeout(now)
            {
                reset = Some((endpoint.nxt, endpoint.rcv_nxt));
            }
            if let Some((sequence, acknowledgment)) = reset {
                self.reset_peer(slot, sequence, Some(acknowledgment));
            }
            self.touch(now, slot);
        }
    }

    /// The earliest deadline; early at times, never late (TCP-407).
    pub fn next_deadline(&self) -> Option<Instant> {
        let (slots, now) = (self.slots.as_ref(), Now::new(self.now));
        let first = self
            .index
            .deadline(slots.len(), |slot| slots.get(slot)?.endpoint.as_ref()?.next_deadline(now));
        let handshakes = self.memory.kept().and_then(|kept| kept.syns.deadline());
        // Answers find no place while nothing leaves: asking before that would be asking in vain.
        let handshakes = handshakes.map(|at| at.max(self.blocked_until.unwrap_or(at)));
        earlier(earlier(first, handshakes), self.blocked_until)
    }

    /// The next fact and whose it is.
    pub fn poll_event(&mut self) -> Option<(Handle, EventOf<T>)> {
        let count = self.slots.as_ref().len();
        loop {
            let slots = self.slots.as_ref();
            let wants = |slot: usize| {
                slots
                    .get(slot)
                    .and_then(|slot| slot.endpoint.as_ref())
                    .is_some_and(Endpoint::has_events)
            };
            let place = self.index.take(List::Event, count, wants)?;
            let Some(slot) = self.slots.as_mut().get_mut(place) else { continue };
            let generation = slot.generation;
            let Some(event) = slot.endpoint.as_mut().and_then(Endpoint::poll_event) else {
                continue;
            };
            // It stays on the list: what belongs together is told before others get their turn.
            self.index.want(List::Event, place);
            let slot = u32::try_from(place).unwrap_or(u32::MAX);
            return Some((Handle { slot, generation }, event));
        }
    }

    /// Counts.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What is kept beside endpoints.
    pub const fn memory(&self) -> &T::Memory {
        &self.memory
    }

    /// The places, for default ones to be added at their end; those that are there must stay as they are.
    pub const fn slots_mut(&mut self) -> &mut T::Slots {
        &mut self.slots
    }

    /// The index, whose room must keep up with that of the places.
    pub const fn index_mut(&mut self) -> &mut T::Index {
        &mut self.index
    }

    /// How many endpoints there is room for, taken or not.
    pub fn capacity(&self) -> usize {
        self.slots.as_ref().len()
    }

    /// Time as the engine counts it: it never goes back (TCP-087).
    fn clock(&mut self, now: Instant) -> Now {
        self.now = self.now.max(now);
        Now::new(self.now)
    }

    fn endpoint_at(&self, slot: usize) -> Option<&Endpoint<T::Profile>> {
        self.slots.as_ref().get(slot)?.endpoint.as_ref()
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn endpoint_mut(&mut self, slot: usize) -> Option<&mut Endpoint<T::Profile>> {
        self.slots.as_mut().get_mut(slot)?.endpoint.as_mut()
    }

    /// After anything happened to an endpoint: its lists, its deadline and whether it can be found.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn touch(&mut self, now: Now, place: usize) {
        let Some(slot) = self.slots.as_mut().get_mut(place) else { return };
        let Some(endpoint) = slot.endpoint.as_ref() else { return };
        if T::FAST_OPEN && endpoint.bits.has(Bits::EARLY) && endpoint.state != State::SynReceived {
            self.uncount_early(place);
        }
        let Some(slot) = self.slots.as_mut().get_mut(place) else { return };
        let Some(endpoint) = slot.endpoint.as_ref() else { return };
        let gone = matches!(endpoint.state, State::Closed | State::Armed);
        if gone && slot.indexed {
            slot.indexed = false;
            self.index.remove(place);
        }
        list(&mut self.index, now, place, endpoint);
    }

    /// An endpoint has a four-tuple from now on.
    fn index(&mut self, place: usize, tuple: &Tuple) {
        let hash = self.bucket(tuple);
        self.index.insert(place, hash);
        if let Some(slot) = self.slots.as_mut().get_mut(place) {
            slot.indexed = true;
        }
    }

    /// The hash an endpoint is found by (TCP-006, TCP-521).
    fn bucket(&self, tuple: &Tuple) -> u64 {
        if !T::Index::HASHED {
            return 0;
        }
        isn::table_hash::<PrfOf<T>>(&self.secret, tuple)
    }

    /// The connection of a four-tuple (TCP-073).
    #[cfg_attr(target_os = "none", inline(never))]
    fn find(&self, tuple: &Tuple) -> Option<usize> {
        let slots = self.slots.as_ref();
        let Tuple { local, peer } = tuple;
        let is = |slot: usize| {
            slots.get(slot).and_then(|slot| slot.endpoint.as_ref()).is_some_and(|endpoint| {
                endpoint.peer_port == peer.port
                    && endpoint.local_port == local.port
                    && !matches!(endpoint.state, State::Closed | State::Armed)
                    && endpoint.peer.wide() == peer.address
                    && endpoint.local.wide() == local.address
            })
        };
        self.index.find(slots.len(), self.bucket(tuple), is)
    }

    /// The same of addresses where they lie.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn find_between(&self, local: (&IpAddr, u16), peer: (&IpAddr, u16)) -> Option<usize> {
        let slots = self.slots.as_ref();
        let is = |slot: usize| {
            slots.get(slot).and_then(|slot| slot.endpoint.as_ref()).is_some_and(|endpoint| {
                endpoint.peer_port == peer.1
                    && endpoint.local_port == local.1
                    && !matches!(endpoint.state, State::Closed | State::Armed)
                    && endpoint.peer.is(peer.0)
                    && endpoint.local.is(local.0)
            })
        };
        let hash = if T::Index::HASHED {
            prf::hash_between::<PrfOf<T>>(&self.secret, Domain::Bucket, local, peer)
        } else {
            0
        };
        self.index.find(slots.len(), hash, is)
    }

    /// What a new connection is born with (TCP-520, TCP-521).
    fn birth(&self, now: Now, tuple: &Tuple, mtu: u16) -> Birth {
        use crate::limits::{HEADERS_V4, HEADERS_V6, MSS_MIN};
        let secret = &self.secret;
        let headers = if tuple.peer.address.is_v4() { HEADERS_V4 } else { HEADERS_V6 };
        Birth {
            iss: isn::initial_sequence::<PrfOf<T>>(secret, tuple, now.instant()),
            ts_offset: isn::timestamp_offset::<PrfOf<T>>(secret, tuple),
            mss: mtu.saturating_sub(headers).max(MSS_MIN),
        }
    }

    /// A reset that outlives its endpoint (TCP-064).
    #[cfg_attr(target_os = "none", inline)]
    fn reset(&mut self, tuple: &Tuple, sequence: Seq, acknowledgment: Option<Seq>) {
        if !self.replies.push(reply::Reply::reset(tuple, sequence, acknowledgment)) {
            self.counters.unanswered += 1;
        }
    }

    /// The same to the peer of an endpoint, which may have none any more.
    fn reset_peer(&mut self, slot: usize, sequence: Seq, acknowledgment: Option<Seq>) {
        if let Some(endpoint) = self.endpoint_at(slot) {
            self.reset(&endpoint.tuple(), sequence, acknowledgment);
        }
    }
}

/// After something happened to an endpoint that has as much of a connection as before: its lists and its deadline.
#[inline]
fn list<P: Profile, I: Index>(index: &mut I, now: Now, place: usize, endpoint: &Endpoint<P>) {
    if cfg!(debug_assertions) {
        endpoint.check();
    }
    if endpoint.bits.has(Bits::OUTPUT) {
        index.want(List::Transmit, place);
    }
    // Asked first, for the answer of the endpoint lies here and there in its memory.
    if !index.is_wanted(List::Event, place) && endpoint.has_events() {
        index.want(List::Event, place);
    }
    if I::ARMED {
        index.arm(place, endpoint.next_deadline(now));
    }
}

/// The earlier of what there is.
#[inline]
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
