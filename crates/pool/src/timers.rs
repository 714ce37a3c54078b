//! Time: one table for all connections, brought up to date after each call into one.

use crate::channel::ChannelId;
use crate::connection::Stage;
use crate::pool::Pool;
use crate::session::Session;
use crate::validity::Due;
use mainstay_base::{Instant, Local, Peer, Phase, Reason};

impl Pool {
    /// The earliest deadline of all connections.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// Acts on every deadline that has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(at, connection)) = self.timers.first() {
            if now < at {
                return;
            }
            self.timers.pop_first();
            if let Some(connection) = self.connections.get_mut(connection) {
                connection.armed = None;
            }
            self.expire(now, connection);
            self.settle(now, connection);
        }
    }

    /// Keeps a connection's entry no later than its deadline. An entry that is too early is
    /// harmless and corrected when it fires, so the busy path does not touch the table.
    pub(crate) fn arm(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        let Some(deadline) = connection.deadline() else { return };
        if connection.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        if let Some(armed) = connection.armed.replace(deadline) {
            self.timers.remove(&(armed, at));
        }
        self.timers.insert((deadline, at));
    }

    fn expire(&mut self, now: Instant, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        if let Stage::Rising(rising) = &connection.stage
            && connection.socket.is_none()
        {
            if now >= rising.until {
                let reason = Self::late(rising);
                return self.fail(now, at, reason);
            }
            self.attempt(now, at);
        }
        let sleeps = self.is_paused(at);
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.stack.handle_timeout(now);
        connection.session.handle_timeout(now, &mut self.queue);
        if let Some(watch) = connection.watch.as_deref_mut().filter(|_| sleeps) {
            // Whose reader sleeps hears no answer: silence proves nothing.
            watch.prove(now);
        }
        match connection.watch.as_deref_mut().map_or(Due::Nothing, |watch| watch.due(now)) {
            Due::Nothing => {}
            Due::Ping => connection.session.ping(now, &mut self.rng),
            Due::HangUp => return self.fail(now, at, Reason::Peer(Peer::Silent)),
        }
        if connection.until.is_some_and(|until| now >= until) {
            self.overdue(now, at);
        }
    }

    /// The pool's own deadline of a connection passed.
    fn overdue(&mut self, now: Instant, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.until = None;
        match (&connection.stage, &mut connection.session) {
            (Stage::Closing, _) => self.retire(at, true),
            (Stage::Open, Session::Ws(session)) if !session.is_open() => {
                self.fail(now, at, Reason::Local(Local::TimedOut(Phase::Open)));
            }
            (Stage::Open, Session::Raw(session)) if session.is_finishing() => {
                self.fail(now, at, Reason::Local(Local::Closed));
            }
            (Stage::Open, Session::H1(session)) if session.is_idle() => self.done(now, at),
            (Stage::Open, Session::H1(_) | Session::H2(_)) => self.check_silence(now, at),
            (Stage::Rising(_) | Stage::Open, _) => {}
        }
    }

    /// SS-509: a transaction on which the peer is silent for too long is given up.
    fn check_silence(&mut self, now: Instant, at: usize) {
        let wait = self.config.body_timeout;
        let Some(connection) = self.connections.get(at) else { return };
        let mut silent: Vec<ChannelId> = Vec::new();
        let mut next: Option<Instant> = None;
        for member in connection.members.iter() {
            let Some(place) = self.channel(member) else { continue };
            let until = if place.paused { now + wait } else { place.progress + wait };
            if until <= now {
                silent.push(member);
            } else {
                next = Some(next.map_or(until, |next| next.min(until)));
            }
        }
        if let Some(connection) = self.connections.get_mut(at) {
            connection.until = next;
            if connection.members.is_empty() {
                self.done(now, at);
            }
        }
        for member in silent {
            self.abort(now, member, Reason::Local(Local::TimedOut(Phase::Data)));
        }
    }
}
