//! Remembered sessions, counted. One store per configuration, so that a changed trust store,
//! identity or protocol list never meets an old session (LAY-254). In memory only (LAY-256).

use core::sync::atomic::{AtomicU64, Ordering};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

use crate::limits::RESUMED_NAMES;

/// Tickets per name the library keeps; its cache is sized in tickets.
const TICKETS_PER_NAME: usize = 8;

/// How often a session was looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResumptionCounters {
    /// A remembered session was offered.
    pub hits: u64,
    /// None was there.
    pub misses: u64,
}

#[derive(Debug)]
pub(crate) struct Remembered {
    sessions: ClientSessionMemoryCache,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Remembered {
    pub(crate) fn new() -> Self {
        Self {
            sessions: ClientSessionMemoryCache::new(RESUMED_NAMES * TICKETS_PER_NAME),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub(crate) fn counters(&self) -> ResumptionCounters {
        ResumptionCounters {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }
}

/// The library asks for a 1.3 ticket first and for a 1.2 session only if there was none, so a
/// miss is counted at the second question.
impl ClientSessionStore for Remembered {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.sessions.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.sessions.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.sessions.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let found = self.sessions.tls12_session(server_name);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.sessions.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.sessions.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        let found = self.sessions.take_tls13_ticket(server_name);
        if found.is_some() {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        found
    }
}
