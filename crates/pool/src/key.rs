//! Which channels may ride together, and which connections are there to ride on.

use crate::channel::{Attributes, Open, Protocol};
use mainstay_layers::{StackSpec, Target};
use std::collections::BTreeMap;

/// What two channels must have in common to share a connection (SS-520, SS-525, SS-561).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    target: Target,
    stack: StackSpec,
    attributes: Attributes,
    kind: Kind,
}

/// The way of sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// One after the other.
    H1,
    /// Side by side.
    H2,
    /// Side by side, or one after the other if ALPN says so.
    Either,
    /// Members of one session.
    Mqtt,
}

impl Key {
    /// The key of what is asked for; `None` for what is never shared (ws, raw: SS-581). It takes
    /// target and stack out of `open` until `give_back`: a lookup for every transaction copies nothing.
    pub(crate) fn borrow(open: &mut Open) -> Option<Self> {
        let kind = match &open.protocol {
            Protocol::H1(_) => Kind::H1,
            Protocol::H2 { fallback: false, .. } => Kind::H2,
            Protocol::H2 { fallback: true, .. } => Kind::Either,
            Protocol::Mqtt(_) => Kind::Mqtt,
            Protocol::Ws { .. } | Protocol::Raw => return None,
        };
        let target = core::mem::replace(&mut open.target, Target::new("", 0));
        let nothing = StackSpec { base: open.stack.base.clone(), layers: Vec::new() };
        let stack = core::mem::replace(&mut open.stack, nothing);
        Some(Self { target, stack, attributes: open.attributes, kind })
    }

    /// Puts back what `borrow` took.
    pub(crate) fn give_back(self, open: &mut Open) {
        open.target = self.target;
        open.stack = self.stack;
    }
}

/// The connections by key. A connection is in it from its first wish to its end.
#[derive(Debug, Default)]
pub(crate) struct Index(BTreeMap<Key, Vec<usize>>);

impl Index {
    pub(crate) fn insert(&mut self, key: Key, connection: usize) {
        self.0.entry(key).or_default().push(connection);
    }

    pub(crate) fn remove(&mut self, key: &Key, connection: usize) {
        if let Some(connections) = self.0.get_mut(key) {
            connections.retain(|&other| other != connection);
            if connections.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// The connections of a key, oldest first.
    pub(crate) fn get(&self, key: &Key) -> &[usize] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}
