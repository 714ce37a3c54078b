//! What a machine said, put together so that where the bytes were cut does not show.

use crate::machine::Alike;
use std::collections::BTreeMap;

/// The transport takes nothing, or takes again.
pub(crate) const PLUGGED: &str = "plugged";

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
                joined.extend_from_slice(bytes);
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

    /// What was said after the first `len` words, for whoever reads it.
    pub(crate) fn since(&self, len: usize) -> String {
        let news = self.0.get(len..).unwrap_or_default();
        news.iter().map(|word| format!("{word:?} ")).collect()
    }

    /// Without the order among channels: all events, and each channel's payload.
    fn apart(&self) -> (Vec<&str>, BTreeMap<u32, Vec<u8>>) {
        let mut payload: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut events = Vec::new();
        for word in &self.0 {
            match word {
                Word::Event(event) if event.is_empty() => {}
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

    /// Without payload that a failure broke off.
    fn whole(&self) -> Vec<&Word> {
        let after = self.0.iter().skip(1).map(Some).chain([None]);
        let broken = |next: Option<&Word>| match next {
            Some(Word::Event(event)) => event.starts_with("Failed"),
            Some(Word::Payload(..) | Word::End(_) | Word::Mark(_)) | None => false,
        };
        let kept = self.0.iter().zip(after);
        let kept =
            kept.filter(|(word, next)| !(matches!(word, Word::Payload(..)) && broken(*next)));
        kept.map(|(word, _)| word).collect()
    }

    /// Whether it ended by what the peer said, not by the end of the transport; or that took nothing for a while, and what
    /// cannot be answered is not read.
    fn failed(&self) -> bool {
        let ends = ["Failed(Peer(Closed))", "Failed(Network(Reset))"];
        self.0.iter().any(|word| match word {
            Word::Event(event) if event == "GoAway" => true,
            Word::Event(event) => event.starts_with("Failed") && !ends.contains(&event.as_str()),
            Word::Mark(what) => *what == PLUGGED,
            Word::Payload(..) | Word::End(_) => false,
        })
    }

    /// Panics where two runs of one input did not say the same.
    pub(crate) fn assert_same(&self, other: &Self, alike: Alike) {
        match alike {
            Alike::Exactly => assert_eq!(self, other, "whole and in pieces are not the same"),
            Alike::ButForBroken => {
                assert_eq!(self.whole(), other.whole(), "whole and in pieces are not the same");
            }
            Alike::UnlessFailed if self.failed() || other.failed() => {}
            Alike::UnlessFailed => {
                assert_eq!(self.apart(), other.apart(), "whole and in pieces are not the same");
            }
        }
    }
}
