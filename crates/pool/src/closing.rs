//! What follows from what happened, and every way a channel or connection ends.

use crate::border::Request;
use crate::channel::{ChannelId, Close, Event};
use crate::connection::{Stage, Step};
use crate::members::Members;
use crate::pool::Pool;
use crate::queue::Note;
use crate::session::Session;
use mainstay_base::{Instant, Local, Reason, SocketId};
use mainstay_layers::Event as StackEvent;

impl Pool {
    /// Ends a channel. `Event::Closed` follows, for `Finish` once the peer agreed.
    pub fn close(&mut self, now: Instant, channel: ChannelId, how: Close) {
        match how {
            Close::Abort(reason) => self.abort(now, channel, reason),
            Close::Finish => self.finish(now, channel),
        }
    }

    /// The caller's number is free for another stream: nothing more is said on it. What the
    /// channel had asked to leave still leaves, in the background.
    pub fn forget(&mut self, now: Instant, channel: ChannelId) {
        self.finish(now, channel);
        let left = self.channel(channel).map(|place| place.connection);
        if let Some(at) = left
            && let Some(connection) = self.connections.get_mut(at)
        {
            connection.members.remove(channel);
            connection.session.orphan(channel);
            if connection.members.is_empty() {
                let until = now + self.config.linger;
                connection.until = Some(connection.until.map_or(until, |other| other.min(until)));
            }
            self.arm(at);
        }
        if let Some(place) = self.channels.get_mut(channel.0 as usize) {
            *place = None;
        }
        self.queue.forget(channel);
        if let Some(at) = left.filter(|&at| !self.is_paused(at)) {
            // A sleeper's leftovers hold up the goodbye.
            self.wake(at);
        }
    }

    fn finish(&mut self, now: Instant, channel: ChannelId) {
        let Some(at) = self.channel(channel).map(|place| place.connection) else { return };
        let closed = Reason::Local(Local::Closed);
        let until = now + self.config.linger;
        let Some(connection) = self.connections.get_mut(at) else { return };
        match &mut connection.session {
            Session::Ws(session) if session.is_open() => session.finish(now, &mut self.rng),
            Session::Raw(session) => {
                session.finish();
                connection.until = Some(until);
                // Even with nothing queued the end must be written.
                self.finish_output(now, at);
            }
            Session::Mqtt(session) => session.finish(now, channel, &mut self.queue),
            Session::Waiting | Session::H1(_) | Session::H2(_) | Session::Ws(_) => {
                return self.abort(now, channel, closed);
            }
        }
        self.settle(now, at);
    }

    /// Ends a channel at once.
    pub(crate) fn abort(&mut self, now: Instant, channel: ChannelId, reason: Reason) {
        let Some(at) = self.channel(channel).map(|place| place.connection) else { return };
        let Some(connection) = self.connections.get_mut(at) else { return };
        match (&mut connection.stage, &mut connection.session) {
            (Stage::Rising(rising), _) => {
                rising.waiting.retain(|(waiting, _)| *waiting != channel);
                let alone = rising.waiting.is_empty();
                self.off(channel);
                self.queue.event(channel, Event::Closed(reason));
                if alone {
                    self.retire(at, true);
                }
            }
            (_, Session::H2(session)) => {
                session.reset(now, channel);
                connection.members.remove(channel);
                self.off(channel);
                self.queue.event(channel, Event::Closed(reason));
                self.settle(now, at);
            }
            (_, Session::Mqtt(session)) => {
                session.drop_member(now, channel, reason, &mut self.queue);
                self.settle(now, at);
            }
            (_, Session::Waiting | Session::H1(_) | Session::Ws(_) | Session::Raw(_)) => {
                if let Session::H1(session) = &mut connection.session {
                    session.give_up();
                }
                self.fail(now, at, reason);
            }
        }
    }

    fn off(&mut self, channel: ChannelId) {
        if let Some(place) = self.channels.get_mut(channel.0 as usize) {
            *place = None;
        }
    }

    /// Follows up on a call into a connection: its events, its notes, its wish to write, its timer.
    pub(crate) fn settle(&mut self, now: Instant, at: usize) {
        self.follow_events(now, at);
        self.want_write(at);
        self.arm(at);
    }

    /// As `settle`, on the busy path: the wish to write and the timer are noted once for a run of
    /// units and sends on one connection, at the latest when `poll_next` has nothing more to say.
    pub(crate) fn settle_later(&mut self, now: Instant, at: usize) {
        self.follow_events(now, at);
        if self.unsettled != Some(at) {
            self.settle_rest();
            self.unsettled = Some(at);
        }
    }

    /// Notes what `settle_later` left. A place that has another connection by now loses nothing.
    pub(crate) fn settle_rest(&mut self) {
        if let Some(at) = self.unsettled.take() {
            self.want_write(at);
            self.arm(at);
        }
    }

    fn follow_events(&mut self, now: Instant, at: usize) {
        loop {
            let Some(connection) = self.connections.get_mut(at) else { return };
            let Some(event) = connection.stack.poll_event() else { break };
            match event {
                StackEvent::Up(_) => self.risen(now, at),
                StackEvent::PeerFinished => {
                    connection.session.handle_eof(now, &mut self.queue);
                    self.follow_notes(now, at);
                }
                StackEvent::Failed(reason) => self.fall(now, at, reason),
            }
        }
        self.follow_notes(now, at);
        // An acknowledgement may open the window of messages in flight, and causes no output.
        if matches!(self.connections.get(at).map(|c| &c.session), Some(Session::Mqtt(_))) {
            self.offer(at);
        }
    }

    fn follow_notes(&mut self, now: Instant, at: usize) {
        while let Some(note) = self.queue.pop_note() {
            match note {
                Note::Alive => self.alive(now, at),
                Note::Off(channel) => self.leave(now, at, channel),
                Note::Done => self.done(now, at),
                Note::Failed(reason) => self.fail(now, at, reason),
            }
        }
    }

    fn alive(&mut self, now: Instant, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        if let Some(watch) = connection.watch.as_deref_mut() {
            watch.prove(now);
        }
        if matches!(&connection.session, Session::Ws(session) if session.is_open()) {
            connection.until = None;
        }
    }

    /// A channel is off its connection; the connection may be kept for the next one.
    fn leave(&mut self, now: Instant, at: usize, channel: ChannelId) {
        self.off(channel);
        let idle_time = now + self.config.idle_time;
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.members.remove(channel);
        if !connection.is_open() || !connection.members.is_empty() {
            return;
        }
        let idle = match &connection.session {
            Session::H1(session) => session.is_idle(),
            Session::H2(session) => session.stream_count() == 0,
            Session::Waiting | Session::Ws(_) | Session::Mqtt(_) | Session::Raw(_) => false,
        };
        if idle {
            connection.until = Some(idle_time);
            self.idle.push_back(at);
            if self.idle.len() > self.config.idle_count
                && let Some(oldest) = self.idle.pop_front()
            {
                self.done(now, oldest);
                self.want_write(oldest);
                self.arm(oldest);
            }
        }
    }

    /// The session is over in order: what is queued leaves, then the transport closes.
    pub(crate) fn done(&mut self, now: Instant, at: usize) {
        self.again(now, at);
        let linger = now + self.config.linger;
        self.idle.retain(|&idle| idle != at);
        let Some(connection) = self.connections.get_mut(at) else { return };
        if !matches!(connection.stage, Stage::Closing) {
            connection.stage = Stage::Closing;
            connection.until = Some(linger);
            connection.stack.finish(now);
            if let Some(key) = connection.key.take() {
                self.index.remove(&key, at);
            }
        }
    }

    /// A kept connection died in silence: what was asked on it is asked again elsewhere.
    fn again(&mut self, now: Instant, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        if let Session::H1(session) = &mut connection.session
            && let Some((channel, open)) = session.take_again()
        {
            connection.members = Members::new();
            self.place(now, channel, open, true);
        }
    }

    /// A layer gave the connection up: its last words to the peer, a fatal alert say, still leave
    /// (RFC 8446 §6.2, LAY-260).
    fn fall(&mut self, now: Instant, at: usize, reason: Reason) {
        self.tell_lost(now, at, reason);
        let linger = now + self.config.linger;
        let Some(connection) = self.connections.get_mut(at) else { return };
        if connection.socket.is_none() || !connection.stack.wants_transmit() {
            return self.retire(at, true);
        }
        connection.stage = Stage::Closing;
        connection.until = Some(linger);
        connection.members = Members::new();
        self.idle.retain(|&idle| idle != at);
        if let Some(key) = connection.key.take() {
            self.index.remove(&key, at);
        }
    }

    /// The connection is lost or given up: everybody on it hears why.
    pub(crate) fn fail(&mut self, now: Instant, at: usize, reason: Reason) {
        self.tell_lost(now, at, reason);
        self.retire(at, true);
    }

    fn tell_lost(&mut self, now: Instant, at: usize, reason: Reason) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        if let Stage::Rising(rising) = &mut connection.stage {
            for (channel, _) in core::mem::take(&mut rising.waiting) {
                self.off(channel);
                self.queue.event(channel, Event::Closed(reason));
            }
        } else {
            connection.session.handle_lost(now, reason, &mut self.queue);
            while let Some(note) = self.queue.pop_note() {
                if let Note::Off(channel) = note {
                    self.off(channel);
                }
            }
            self.again(now, at);
        }
    }

    /// Takes a connection out; its sockets are closed or aborted.
    pub(crate) fn retire(&mut self, at: usize, abort: bool) {
        let Some(connection) = self.connections.try_remove(at) else { return };
        if let Some(key) = &connection.key {
            self.index.remove(key, at);
        }
        if let Some(armed) = connection.armed {
            self.timers.remove(&(armed, at));
        }
        self.idle.retain(|&idle| idle != at);
        self.ready.retain(|&ready| ready != at);
        self.resolving.retain(|_, &mut waiting| waiting != at);
        if self.current.as_ref().is_some_and(|current| current.connection == at) {
            self.current = None;
        }
        if let Stage::Rising(rising) = connection.stage
            && let Step::Racing(race) = rising.step
        {
            for id in race.abandoned() {
                self.free_socket(id, Request::Abort(id));
            }
        }
        if let Some(id) = connection.socket {
            self.free_socket(id, if abort { Request::Abort(id) } else { Request::Close(id) });
        }
    }

    pub(crate) fn free_socket(&mut self, id: SocketId, request: Request) {
        if let Some(socket) = self.sockets.get_mut(id.0 as usize)
            && socket.connection.take().is_some()
        {
            self.requests.push_back(request);
        }
    }
}
