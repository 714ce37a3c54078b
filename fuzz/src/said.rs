//! What a machine said, put together so that where the bytes were cut does not show.

use std::collections::BTreeMap;

/// Events and payload, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said(Vec<Word>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Event(String),
    Payload(u32, Vec<u8>),
    /// A message's end.
    End(u32),
    /// The transport was out of order: what follows is another matter.
    Mark(&'static str),
}

impl Said {
    pub(crate) fn event(&mut self, event: String) {
        self.0.push(Word::Event(event));
    }

    pub(crate) fn mark(&mut self, what: &'static str) {
        self.0.push(Word::Mark(what));
    }

    pub(crate) fn payload(&mut self, channel: u32, bytes: &[u8], end: bool) {
        match self.0.last_mut() {
            Some(Word::Payload(last, joined)) if *last == channel => {
                joined.extend_from_slice(bytes)
            }
            _ if bytes.is_empty() => {}
            _ => self.0.push(Word::Payload(channel, bytes.to_vec())),
        }
        if end {
            self.0.push(Word::End(channel));
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Without the order among channels: all events, and each channel's payload.
    fn apart(&self) -> (Vec<&str>, BTreeMap<u32, Vec<u8>>) {
        let mut payload: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut events = Vec::new();
        for word in &self.0 {
            match word {
                Word::Event(event) => events.push(event.as_str()),
                Word::Payload(channel, bytes) => {
                    payload.entry(*channel).or_default().extend_from_slice(bytes);
                }
                Word::End(channel) => payload.entry(*channel).or_default().push(b'|'),
                Word::Mark(_) => {}
            }
        }
        events.sort_unstable();
        (events, payload)
    }

    /// Panics where two runs of one input did not say the same.
    pub(crate) fn assert_same(&self, other: &Self, ordered: bool) {
        if ordered {
            assert_eq!(self, other, "whole and in pieces mean the same");
        } else {
            assert_eq!(self.apart(), other.apart(), "whole and in pieces mean the same");
        }
    }
}
