//! Handshakes of listeners before there is an endpoint for them (TCP-076, TCP-530).

mod entry;

pub use entry::{Stage, Syn, SynEntry};

use crate::Seq;
use core::net::SocketAddr;
use core::time::Duration;
use entry::{Expiry, Ticks};
use mainstay_base::{Instant, Rng};

/// How many places beside each other one handshake can be in. chosen: few enough to look at for each SYN of a flood, enough
/// that one finds no place only when nearly all are taken
const WINDOW: usize = 16;

/// A handshake's place, valid until the queue gives it to another: look it up again after each segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// What became of a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Queued {
    /// It has a place.
    Placed(Place),
    /// It has the place of this one, which is forgotten.
    InsteadOf(Place, Syn),
    /// There is none: those around it have all completed. What is left are cookies, or nothing.
    Full,
}

/// What time brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// The SYN-ACK is to be sent again.
    Resend(Syn),
    /// It is over and forgotten.
    Expired(Syn, Stage),
}

/// Handshakes in storage of the caller. A tuple's keyed hash says which 16 places it can be in, so a segment costs the same
/// however many there are; which of those gives way when they are full is drawn, so a flood cannot aim (RFC 4987 §3.2).
#[derive(Debug)]
pub struct SynQueue<S> {
    entries: S,
    /// Nothing is due before.
    next: Option<Instant>,
    /// Where the search for what is due goes on.
    cursor: usize,
    evicted: u64,
}

impl<S: AsRef<[SynEntry]> + AsMut<[SynEntry]>> SynQueue<S> {
    /// An empty queue in `storage`.
    pub fn new(mut storage: S) -> Self {
        storage.as_mut().fill(SynEntry::default());
        Self { entries: storage, next: None, cursor: 0, evicted: 0 }
    }

    /// Whether a SYN whose tuple has this hash would get a place without taking another's; if not, a cookie may be better.
    #[must_use]
    pub fn has_room(&self, hash: u64) -> bool {
        self.window(hash).any(|place| self.stage(place).is_none())
    }

    /// Keeps a SYN; with [`Stage::Answered`] its SYN-ACK leaves now. It must not be there already.
    pub fn insert(
        &mut self,
        now: Instant,
        hash: u64,
        syn: &Syn,
        stage: Stage,
        rng: &mut Rng,
    ) -> Queued {
        let queued = match self.window(hash).find(|place| self.stage(*place).is_none()) {
            Some(place) => Queued::Placed(place),
            None => self.evict(hash, rng),
        };
        if let Queued::Placed(Place(place)) | Queued::InsteadOf(Place(place), _) = queued
            && let Some(entry) = self.entries.as_mut().get_mut(place)
        {
            *entry = SynEntry::pack(syn);
            self.enter(now, Place(place), stage);
        }
        queued
    }

    /// The handshake of a peer with a listener at one of our addresses, all as in [`Syn`].
    #[must_use]
    pub fn find(&self, hash: u64, peer: &SocketAddr, listener: u16, local: u16) -> Option<Place> {
        self.window(hash).find(|place| {
            self.entry(*place).is_some_and(|entry| entry.is_of(peer, listener, local))
        })
    }

    /// What is known of a handshake, and how far it is.
    #[must_use]
    pub fn get(&self, place: Place) -> Option<(Syn, Stage)> {
        let entry = self.entry(place)?;
        Some((entry.unpack(), entry.stage()?))
    }

    /// The handshake is now so far, and what it waits for begins now: for [`Stage::Answered`] the SYN-ACK, whose number is
    /// the entry's, leaves now for the first time. An empty place stays empty.
    pub fn enter(&mut self, now: Instant, place: Place, stage: Stage) {
        let Some(entry) = self.entries.as_mut().get_mut(place.0) else { return };
        let at = Ticks::after(now, stage.wait(0));
        entry.enter(stage, at);
        if entry.stage().is_some() {
            let moment = at.moment(now);
            self.next = Some(self.next.map_or(moment, |next| next.min(moment)));
        }
    }

    /// The number of the SYN-ACK, for one that was kept before it had one.
    pub fn set_iss(&mut self, place: Place, iss: Seq) {
        if let Some(entry) = self.entries.as_mut().get_mut(place.0) {
            entry.iss = iss;
        }
    }

    /// Forgets a handshake: an endpoint has it now, or it was refused.
    pub fn remove(&mut self, place: Place) {
        if let Some(entry) = self.entries.as_mut().get_mut(place.0) {
            *entry = SynEntry::default();
        }
    }

    /// Forgets all of a listener that is closed. O(places).
    pub fn remove_listener(&mut self, listener: u16) {
        for entry in self.entries.as_mut().iter_mut().filter(|entry| entry.listener == listener) {
            *entry = SynEntry::default();
        }
    }

    /// Whether a handshake is with this address of ours. O(places).
    #[must_use]
    pub fn uses_local(&self, local: u16) -> bool {
        let mut entries = self.entries.as_ref().iter();
        entries.any(|entry| entry.stage().is_some() && entry.unpack().local == local)
    }

    /// One that nobody decided on. O(places).
    #[must_use]
    pub fn first_deferred(&self) -> Option<Syn> {
        let mut entries = self.entries.as_ref().iter();
        entries.find(|entry| entry.stage() == Some(Stage::Deferred)).map(SynEntry::unpack)
    }

    /// Before this moment [`poll_due`](Self::poll_due) has nothing; there may be nothing then either.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The next that is due, each once: to be called until there is none. O(places) in all, and O(1) before the deadline.
    pub fn poll_due(&mut self, now: Instant) -> Option<Due> {
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        while let Some(entry) = self.entries.as_mut().get_mut(self.cursor) {
            self.cursor += 1;
            let Some(stage) = entry.stage().filter(|_| entry.at.is_due(now)) else { continue };
            let syn = entry.unpack();
            return Some(match entry.expire(now) {
                Expiry::Resend => Due::Resend(syn),
                Expiry::Over => {
                    *entry = SynEntry::default();
                    Due::Expired(syn, stage)
                }
            });
        }
        self.cursor = 0;
        let waiting = self.entries.as_ref().iter().filter(|entry| entry.stage().is_some());
        self.next = waiting.map(|entry| entry.at.moment(now)).min();
        None
    }

    /// How many gave way to others.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many there are. O(places).
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.as_ref().iter().filter(|entry| entry.stage().is_some()).count()
    }

    /// Draws one of the window that has not completed.
    fn evict(&mut self, hash: u64, rng: &mut Rng) -> Queued {
        let can_go = |place: &Place| self.stage(*place) != Some(Stage::Completed);
        let count = self.window(hash).filter(can_go).count();
        let drawn = rng.below(u64::try_from(count).unwrap_or(0));
        let drawn = usize::try_from(drawn).unwrap_or(0);
        let Some(place) = self.window(hash).filter(can_go).nth(drawn) else { return Queued::Full };
        let Some(entry) = self.entry(place) else { return Queued::Full };
        let gone = entry.unpack();
        self.evicted = self.evicted.saturating_add(1);
        Queued::InsteadOf(place, gone)
    }

    fn entry(&self, place: Place) -> Option<&SynEntry> {
        self.entries.as_ref().get(place.0)
    }

    fn stage(&self, place: Place) -> Option<Stage> {
        self.entry(place)?.stage()
    }

    /// The places a hash can be in.
    fn window(&self, hash: u64) -> impl Iterator<Item = Place> + use<S> {
        let count = self.entries.as_ref().len();
        let wide = u64::try_from(count).unwrap_or(0);
        let first =
            usize::try_from(((hash >> 32) * (wide & u64::from(u32::MAX))) >> 32).unwrap_or(0);
        (0..WINDOW.min(count)).map(move |n| Place((first + n) % count))
    }
}

/// How long a completed or a deferred handshake is kept. RFC 9293 leaves it open; chosen: the handshake limit of the
/// specification's section 0.4
const KEEP: Duration = Duration::from_secs(75);
/// How long before the first SYN-ACK is sent again; twice as long before each further one. RFC 6298 §2.1
const RESEND: Duration = Duration::from_secs(1);
/// How often a SYN-ACK is sent again (TCP-530). chosen: the specification's
const RESENDS_MAX: u8 = 3;

impl Stage {
    /// How long it waits, after so many repetitions of the SYN-ACK.
    fn wait(self, resends: u8) -> Duration {
        match self {
            Self::Deferred | Self::Completed => KEEP,
            Self::Answered => RESEND.saturating_mul(1 << resends.min(RESENDS_MAX)),
        }
    }
}

#[cfg(test)]
mod tests;
