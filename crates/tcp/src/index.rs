//! Which endpoint is meant, which wants to send or has something to tell, which deadline comes first (TCP-006).

use mainstay_base::Instant;

/// What a slot can be on a list for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// It may have a segment to send.
    Transmit,
    /// It may have something to tell.
    Event,
}

/// See the module.
pub trait Index {
    /// Hashes are used; otherwise they need not be computed.
    const HASHED: bool;
    /// A slot is in use under this hash.
    fn insert(&mut self, slot: usize, hash: u64);
    /// A slot is not in use any more; it is on no list and has no deadline.
    fn remove(&mut self, slot: usize);
    /// The slot with this hash for which `is` says yes.
    fn find(&self, slots: usize, hash: u64, is: impl FnMut(usize) -> bool) -> Option<usize>;
    /// A slot wants to be on a list.
    fn want(&mut self, list: List, slot: usize);
    /// The first of a list, taken off it.
    fn take(&mut self, list: List, slots: usize, wants: impl FnMut(usize) -> bool)
    -> Option<usize>;
    /// A slot's earliest deadline.
    fn arm(&mut self, slot: usize, at: Option<Instant>);
    /// The earliest deadline of all; early at times, never late.
    fn deadline(
        &self,
        slots: usize,
        deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<Instant>;
    /// A slot whose deadline has come.
    fn due(
        &mut self,
        now: Instant,
        slots: usize,
        deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<usize>;
}

/// Asks every slot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    transmit: u16,
    event: u16,
}

impl Index for Scan {
    const HASHED: bool = false;

    fn insert(&mut self, _slot: usize, _hash: u64) {}

    fn remove(&mut self, _slot: usize) {}

    fn find(&self, slots: usize, _hash: u64, is: impl FnMut(usize) -> bool) -> Option<usize> {
        (0..slots).find({
            let mut is = is;
            move |slot| is(*slot)
        })
    }

    fn want(&mut self, _list: List, _slot: usize) {}

    fn take(
        &mut self,
        list: List,
        slots: usize,
        mut wants: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let cursor = match list {
            List::Transmit => &mut self.transmit,
            List::Event => &mut self.event,
        };
        let start = usize::from(*cursor);
        let slot = (0..slots).map(|step| (start + step) % slots).find(|slot| wants(*slot))?;
        *cursor = u16::try_from((slot + 1) % slots).unwrap_or(0);
        Some(slot)
    }

    fn arm(&mut self, _slot: usize, _at: Option<Instant>) {}

    fn deadline(
        &self,
        slots: usize,
        deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<Instant> {
        (0..slots).filter_map(deadline).min()
    }

    fn due(
        &mut self,
        now: Instant,
        slots: usize,
        mut deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<usize> {
        (0..slots).find(|slot| deadline(*slot).is_some_and(|at| at <= now))
    }
}
