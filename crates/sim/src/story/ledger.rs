//! The test's own ledger: which messages were begun, and how each ended. Exactly one outcome each.

use mainstay_base::{Instant, Outcome};
use std::collections::BTreeMap;

/// Messages of one stream by their numbers.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: BTreeMap<u64, (Instant, Option<(Instant, Outcome)>)>,
}

impl Ledger {
    pub(crate) fn begin(&mut self, now: Instant, id: u64) {
        self.entries.insert(id, (now, None));
    }

    /// Ends one; `false` if it was not open.
    pub(crate) fn end(&mut self, now: Instant, id: u64, outcome: Outcome) -> bool {
        match self.entries.get_mut(&id) {
            Some((_, end @ None)) => {
                *end = Some((now, outcome));
                true
            }
            Some(_) | None => false,
        }
    }

    /// Ends all that are open up to and with `id`; `false` if that is none.
    pub(crate) fn end_through(&mut self, now: Instant, id: u64, outcome: Outcome) -> bool {
        let mut any = false;
        for (_, end) in self.entries.range_mut(..=id).map(|(_, entry)| entry) {
            if end.is_none() {
                *end = Some((now, outcome));
                any = true;
            }
        }
        any
    }

    /// Whether such a message was begun.
    #[must_use]
    pub fn knows(&self, id: u64) -> bool {
        self.entries.contains_key(&id)
    }

    /// Messages begun.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.entries.len()
    }

    /// Messages without outcome.
    #[must_use]
    pub fn open(&self) -> usize {
        self.entries.values().filter(|(_, end)| end.is_none()).count()
    }

    /// Every message with when it was begun, and when and how it ended.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Instant, Option<(Instant, Outcome)>)> {
        self.entries.iter().map(|(&id, &(begun, end))| (id, begun, end))
    }

    /// Numbers with this outcome.
    #[must_use]
    pub fn with(&self, wanted: Outcome) -> Vec<u64> {
        let fits = |end: &Option<(Instant, Outcome)>| end.is_some_and(|(_, got)| got == wanted);
        self.entries.iter().filter(|(_, (_, end))| fits(end)).map(|(&id, _)| id).collect()
    }

    /// How many were acknowledged, sent, refused, and of unknown fate.
    #[must_use]
    pub fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for (_, end) in self.entries.values() {
            match end {
                Some((_, Outcome::Acknowledged)) => counts[0] += 1,
                Some((_, Outcome::Sent)) => counts[1] += 1,
                Some((_, Outcome::Refused(_))) => counts[2] += 1,
                Some((_, Outcome::Unknown(_))) => counts[3] += 1,
                None => {}
            }
        }
        counts
    }
}
