//! Which channels may ride together, and which connections are there to ride on.

use crate::channel::{Attributes, Open, Protocol, Route};
use core::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What two channels must have in common to share a connection (SS-520, SS-525, SS-561).
#[derive(Clone, Debug)]
pub(crate) struct Key {
    route: Arc<Route>,
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
    /// The key of what is asked for; `None` for what is never shared (ws, raw: SS-581).
    pub(crate) fn of(open: &Open) -> Option<Self> {
        let kind = match &open.protocol {
            Protocol::H1(_) => Kind::H1,
            Protocol::H2 { fallback: false, .. } => Kind::H2,
            Protocol::H2 { fallback: true, .. } => Kind::Either,
            Protocol::Mqtt(_) => Kind::Mqtt,
            Protocol::Ws { .. } | Protocol::Raw => return None,
        };
        Some(Self { route: Arc::clone(&open.route), attributes: open.attributes, kind })
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let routes = if Arc::ptr_eq(&self.route, &other.route) {
            Ordering::Equal
        } else {
            self.route.cmp(&other.route)
        };
        routes.then(self.attributes.cmp(&other.attributes)).then(self.kind.cmp(&other.kind))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

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
