//! The ledger: which messages have no outcome yet. Every `PayloadId` gets exactly one.
//!
//! Where outcomes come in order (HTTP, ws, raw) two numbers are the whole ledger; mqtt, whose
//! acknowledgements come in any order, keeps one entry per message in flight, bounded by what the
//! session lets be in flight.

use mainstay_policy::Protocol;

/// Messages begun and not ended.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The next message's number.
    next: u64,
    flight: Flight,
}

#[derive(Debug)]
enum Flight {
    /// All from the first to before the second. Those from there to `next` ended before them: they
    /// were refused, and what refuses a message takes no other until these have ended.
    Run(u64, u64),
    /// These, by rising number, with the tx ordinal of the chunk that completed each (SS-568).
    Each(Vec<(u64, u32)>),
}

impl Ledger {
    pub(crate) const fn new(protocol: Protocol) -> Self {
        let flight = match protocol {
            Protocol::Mqtt => Flight::Each(Vec::new()),
            Protocol::H1 | Protocol::H2 | Protocol::H3 | Protocol::Ws | Protocol::Raw => {
                Flight::Run(0, 0)
            }
        };
        Self { next: 0, flight }
    }

    /// Another protocol's ledger from here on; numbers go on.
    pub(crate) fn convert(&mut self, protocol: Protocol) {
        if self.pending() == 0 {
            *self = Self { next: self.next, ..Self::new(protocol) };
            if let Flight::Run(first, end) = &mut self.flight {
                (*first, *end) = (self.next, self.next);
            }
        }
    }

    /// A message begins.
    pub(crate) fn begin(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        match &mut self.flight {
            Flight::Each(each) => each.push((id, 0)),
            Flight::Run(first, end) => {
                if *first == *end {
                    *first = id;
                }
                *end = self.next;
            }
        }
        id
    }

    /// A message gets its number and is over: it never was in flight.
    pub(crate) const fn refuse(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    /// The last message begun gets its last chunk in the tx callback `ordinal`.
    pub(crate) fn complete(&mut self, ordinal: u32) {
        if let Flight::Each(each) = &mut self.flight
            && let Some(last) = each.last_mut()
        {
            last.1 = ordinal;
        }
    }

    /// The number the next message will get.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// The message being sent, or the last one sent.
    pub(crate) const fn last(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Ends one message; its completing ordinal, or `None` if it had ended or never was.
    pub(crate) fn end(&mut self, id: u64) -> Option<u32> {
        match &mut self.flight {
            Flight::Run(first, end) if *first == id && id < *end => {
                *first += 1;
                Some(0)
            }
            Flight::Run(..) => None,
            Flight::Each(each) => {
                let place = each.binary_search_by_key(&id, |&(id, _)| id).ok()?;
                let (_, ordinal) = each.remove(place);
                if each.is_empty() {
                    *each = Vec::new();
                }
                Some(ordinal)
            }
        }
    }

    /// Ends every message up to and with `id`; how many that were. Only where they end in order.
    pub(crate) fn end_through(&mut self, id: u64) -> u64 {
        let Flight::Run(first, end) = &mut self.flight else { return 0 };
        let through = id.saturating_add(1).min(*end).max(*first);
        let count = through - *first;
        *first = through;
        count
    }

    /// Ends all that is in flight: the numbers, rising.
    pub(crate) fn end_all(&mut self) -> Ended {
        match &mut self.flight {
            Flight::Run(first, end) => {
                let (from, to) = (*first, *end);
                *first = to;
                Ended::Run { from, to }
            }
            Flight::Each(each) => {
                Ended::Each(core::mem::take(each).into_iter().map(|(id, _)| id).collect())
            }
        }
    }

    /// How many messages have no outcome yet.
    pub(crate) fn pending(&self) -> u64 {
        match &self.flight {
            Flight::Run(first, end) => end - first,
            Flight::Each(each) => u64::try_from(each.len()).unwrap_or(u64::MAX),
        }
    }
}

/// Messages that ended together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Run { from: u64, to: u64 },
    Each(Vec<u64>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_once_in_any_order_where_the_protocol_has_no_order() {
        let mut ledger = Ledger::new(Protocol::Mqtt);
        for ordinal in [7, 8, 9] {
            ledger.begin();
            ledger.complete(ordinal);
        }
        assert_eq!(ledger.end(1), Some(8));
        assert_eq!(ledger.end(1), None);
        assert_eq!(ledger.end(9), None);
        assert_eq!(ledger.end_all(), Ended::Each(vec![0, 2]));
        assert_eq!(ledger.pending(), 0);
    }

    #[test]
    fn in_order_protocols_end_runs() {
        let mut ledger = Ledger::new(Protocol::Ws);
        for _ in 0..5 {
            ledger.begin();
        }
        assert_eq!(ledger.end_through(1), 2);
        assert_eq!(ledger.end_through(1), 0);
        assert_eq!(ledger.end_all(), Ended::Run { from: 2, to: 5 });
        assert_eq!(ledger.end_through(9), 0);
    }

    #[test]
    fn what_was_refused_ends_once_whatever_is_in_flight() {
        for protocol in [Protocol::H1, Protocol::Mqtt] {
            let mut ledger = Ledger::new(protocol);
            assert_eq!([ledger.begin(), ledger.refuse(), ledger.refuse()], [0, 1, 2]);
            assert_eq!((ledger.pending(), ledger.end(2), ledger.end(1)), (1, None, None));
            assert_eq!(ledger.end(0), Some(0));
            assert_eq!((ledger.begin(), ledger.pending()), (3, 1));
            let left = match ledger.end_all() {
                Ended::Run { from, to } => (from..to).collect(),
                Ended::Each(each) => each,
            };
            assert_eq!(left, [3]);
        }
    }
}
