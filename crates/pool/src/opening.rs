//! Bringing channels up: placing, resolving, racing addresses, choosing by ALPN.

use crate::border::{Request, ResolveId, Resolved, SocketOptions, UnixAddress};
use crate::channel::{ChannelId, Event, Open, Protocol, Route};
use crate::connection::{Connection, Rising, Stage, Step};
use crate::key::Key;
use crate::pool::{Channel, Pool, Socket};
use crate::race::Race;
use crate::session::{Session, h1, h2, mqtt, raw, ws};
use crate::validity::Watch;
use core::net::IpAddr;
use mainstay_base::{Instant, Local, Network, Peer, Phase, Policy, Reason, SocketId};
use mainstay_http as http;
use mainstay_layers::{Stack, Transport};

impl Pool {
    /// Finds a place for a channel; `fresh` keeps off connections that may be dead.
    pub(crate) fn place(&mut self, now: Instant, channel: ChannelId, open: Box<Open>, fresh: bool) {
        let index = channel.0 as usize;
        if self.channels.len() <= index {
            self.channels.resize_with(index + 1, || None);
        }
        self.channels[index] =
            Some(Channel { connection: usize::MAX, want_tx: false, paused: false, progress: now });
        let key = Key::of(&open);
        match key.as_ref().filter(|_| !fresh).and_then(|key| self.find(key, &open)) {
            Some(at) => self.ride(now, at, channel, open),
            None => self.connect(now, channel, open, key),
        }
    }

    /// A connection that can take this channel now, or will once it is up.
    fn find(&self, key: &Key, open: &Open) -> Option<usize> {
        self.index.get(key).iter().copied().find(|&at| {
            let Some(connection) = self.connections.get(at) else { return false };
            match (&connection.stage, &connection.session, &open.protocol) {
                (Stage::Rising(rising), _, Protocol::H2 { .. }) => !rising.waiting.is_empty(),
                (Stage::Rising(rising), _, Protocol::Mqtt(wish)) => {
                    rising.waiting.first().is_some_and(|(_, first)| {
                        matches!(&first.protocol, Protocol::Mqtt(other) if other.connect == wish.connect)
                    })
                }
                (Stage::Open, Session::H1(session), Protocol::H1(_) | Protocol::H2 { .. }) => {
                    session.is_idle()
                }
                (Stage::Open, Session::H2(session), Protocol::H2 { .. }) => {
                    session.client.is_open_for_streams()
                }
                (Stage::Open, Session::Mqtt(session), Protocol::Mqtt(wish)) => {
                    session.shares(&wish.connect)
                }
                _ => false,
            }
        })
    }

    /// Puts a channel on a connection that is there or on its way.
    fn ride(&mut self, now: Instant, at: usize, channel: ChannelId, open: Box<Open>) {
        if let Some(place) = self.channel_mut(channel) {
            place.connection = at;
        }
        let Some(connection) = self.connections.get_mut(at) else { return };
        if let Stage::Rising(rising) = &mut connection.stage {
            rising.waiting.push((channel, open));
            return;
        }
        connection.members.push(channel);
        self.idle.retain(|&idle| idle != at);
        self.start(now, at, channel, open, true);
        self.settle(now, at);
    }

    /// Opens a connection for a channel.
    fn connect(&mut self, now: Instant, channel: ChannelId, open: Box<Open>, key: Option<Key>) {
        let Route { target, stack } = &*open.route;
        let transport = stack.transport(target);
        let stack = Stack::new(now, stack, target, &self.registry, &mut self.rng);
        let stack = match stack {
            Ok(stack) => Box::new(stack),
            Err(reason) => return self.refuse(channel, reason),
        };
        let rising = Rising {
            waiting: Vec::new(),
            step: Step::Resolving,
            port: 0,
            attributes: open.attributes,
            validity: open.validity,
            until: now + self.config.connect_timeout,
        };
        let at = self.connections.insert(Connection::new(
            stack,
            Box::new(rising),
            key.clone().map(Box::new),
        ));
        if let Some(key) = key {
            self.index.insert(key, at);
        }
        self.ride(now, at, channel, open);
        match transport {
            Transport::Tcp { host, port } => self.reach(now, at, &host, port),
            Transport::Unix(address) => {
                let id = self.new_socket(at);
                self.race(at, Race::single(id));
                let address = UnixAddress::parse(&address);
                self.requests.push_back(Request::OpenUnix { id, address });
            }
            Transport::Mem(label) => {
                let id = self.new_socket(at);
                self.race(at, Race::single(id));
                self.requests.push_back(Request::OpenMem { id, label });
            }
        }
        self.settle(now, at);
    }

    fn refuse(&mut self, channel: ChannelId, reason: Reason) {
        if let Some(place) = self.channels.get_mut(channel.0 as usize) {
            *place = None;
        }
        self.queue.event(channel, Event::Closed(reason));
    }

    /// An address is raced at once, a name asked for first.
    fn reach(&mut self, now: Instant, at: usize, host: &str, port: u16) {
        if let Some(rising) = self.rising(at) {
            rising.port = port;
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.try_addresses(now, at, &[address]);
        }
        let id = ResolveId(self.resolve_next);
        self.resolve_next = self.resolve_next.wrapping_add(1);
        self.resolving.insert(id, at);
        self.requests.push_back(Request::Resolve { id, name: host.to_owned() });
    }

    /// The resolver's answer to a `Request::Resolve`.
    pub fn handle_resolved(&mut self, now: Instant, id: ResolveId, resolved: &Resolved) {
        let Some(at) = self.resolving.remove(&id) else { return };
        match resolved {
            Resolved::Addresses(addresses) => self.try_addresses(now, at, addresses),
            Resolved::NoSuchName => self.fail(now, at, Reason::Network(Network::NameNotFound)),
            Resolved::Unanswered => {
                self.fail(now, at, Reason::Network(Network::ResolverUnreachable));
            }
        }
        self.settle(now, at);
    }

    fn try_addresses(&mut self, now: Instant, at: usize, addresses: &[IpAddr]) {
        let (count, delay) = (self.config.address_count, self.config.attempt_delay);
        let Some(port) = self.rising(at).map(|rising| rising.port) else { return };
        let race = Race::new(now, addresses, port, count, delay);
        if race.is_over() {
            return self.fail(now, at, Reason::Network(Network::NameNotFound));
        }
        self.race(at, race);
        self.attempt(now, at);
    }

    fn race(&mut self, at: usize, race: Race) {
        if let Some(rising) = self.rising(at) {
            rising.step = Step::Racing(race);
        }
    }

    /// Starts every attempt whose turn has come.
    pub(crate) fn attempt(&mut self, now: Instant, at: usize) {
        loop {
            let id = SocketId(u32::try_from(self.sockets.vacant_key()).unwrap_or(u32::MAX));
            let Some(rising) = self.rising(at) else { return };
            let Step::Racing(race) = &mut rising.step else { return };
            let Some(target) = race.poll_attempt(now) else { return };
            race.started(id);
            let options = SocketOptions {
                priority: rising.attributes.priority,
                tos: rising.attributes.tos,
                no_delay: true,
            };
            self.new_socket(at);
            self.requests.push_back(Request::OpenTcp { id, target, options });
        }
    }

    fn rising(&mut self, at: usize) -> Option<&mut Rising> {
        match &mut self.connections.get_mut(at)?.stage {
            Stage::Rising(rising) => Some(rising),
            Stage::Open | Stage::Closing => None,
        }
    }

    fn new_socket(&mut self, at: usize) -> SocketId {
        let key = self.sockets.insert(Socket { connection: Some(at), wanting: false });
        SocketId(u32::try_from(key).unwrap_or(u32::MAX))
    }

    /// The layers are up: everybody who waited gets a place.
    pub(crate) fn risen(&mut self, now: Instant, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        let Stage::Rising(rising) = core::mem::replace(&mut connection.stage, Stage::Open) else {
            return;
        };
        connection.watch = rising.validity.and_then(|v| Watch::new(now, v)).map(Box::new);
        let mut waiting = rising.waiting.into_iter();
        if let Some((channel, open)) = waiting.next() {
            connection.members.push(channel);
            if self.establish(now, at, &open) {
                self.start(now, at, channel, open, false);
            }
        }
        for (channel, open) in waiting {
            let connection = self.connections.get_mut(at);
            let full =
                connection.is_none_or(|c| matches!(c.session, Session::H1(_) | Session::Waiting));
            if full {
                // ALPN chose http/1.1: one after the other, or side by side on connections of their own.
                self.place(now, channel, open, false);
            } else {
                self.ride(now, at, channel, open);
            }
        }
    }

    /// Makes the session the first channel asks for; false if it cannot be.
    fn establish(&mut self, now: Instant, at: usize, open: &Open) -> bool {
        let Some(connection) = self.connections.get_mut(at) else { return false };
        let info = connection.stack.info();
        let alpn = info.tls.as_ref().and_then(|tls| tls.alpn.clone());
        let config = &self.config;
        let until = now + config.open_timeout;
        let session = match &open.protocol {
            Protocol::H1(_) => {
                Session::H1(Box::new(h1::Session::new(http::h1::Client::new(config.h1))))
            }
            Protocol::H2 { fallback, .. } => match alpn.as_deref() {
                Some(b"http/1.1") if *fallback => {
                    Session::H1(Box::new(h1::Session::new(http::h1::Client::new(config.h1))))
                }
                None if *fallback && info.tls.is_some() => {
                    Session::H1(Box::new(h1::Session::new(http::h1::Client::new(config.h1))))
                }
                Some(b"h2") | None => {
                    let client = http::h2::Client::new(now, config.h2.clone());
                    Session::H2(Box::new(h2::Session::new(client)))
                }
                Some(_) => {
                    self.fail(now, at, Reason::Peer(Peer::Alpn));
                    return false;
                }
            },
            Protocol::Ws { request, subprotocol, binary } => {
                let Some(channel) = connection.members.first() else { return false };
                let client = http::ws::Client::new(
                    now,
                    request,
                    subprotocol.as_deref(),
                    config.ws,
                    &mut self.rng,
                );
                let Ok(client) = client else {
                    self.fail(now, at, Reason::Policy(Policy::Invalid));
                    return false;
                };
                connection.until = Some(until);
                Session::Ws(Box::new(ws::Session::new(client, channel, *binary)))
            }
            Protocol::Mqtt(wish) => {
                let Ok(client) = mqtt::connect(now, &wish.connect, config.mqtt, &mut self.rng)
                else {
                    self.fail(now, at, Reason::Policy(Policy::Invalid));
                    return false;
                };
                let session = mqtt::Session::new(client, &wish.connect, config.open_timeout);
                Session::Mqtt(Box::new(session))
            }
            Protocol::Raw => {
                let Some(channel) = connection.members.first() else { return false };
                self.queue.event(channel, Event::Opened);
                Session::Raw(Box::new(raw::Session::new(channel, open.tx_max.max(1024))))
            }
        };
        connection.session = session;
        true
    }

    /// Starts a channel on an open session.
    fn start(
        &mut self,
        now: Instant,
        at: usize,
        channel: ChannelId,
        open: Box<Open>,
        reused: bool,
    ) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        let queue = &mut self.queue;
        let started = match &mut connection.session {
            Session::H1(session) => {
                connection.until = Some(now + self.config.open_timeout);
                session.start(now, channel, open, reused, queue)
            }
            Session::H2(session) => {
                let Protocol::H2 { request, .. } = &open.protocol else { return };
                connection.until.get_or_insert(now + self.config.open_timeout);
                session.start(now, channel, request, queue)
            }
            Session::Mqtt(session) => {
                let Protocol::Mqtt(wish) = open.protocol else { return };
                session.join(now, channel, *wish, queue);
                Ok(())
            }
            Session::Waiting | Session::Ws(_) | Session::Raw(_) => Ok(()),
        };
        if started.is_err() {
            connection.members.remove(channel);
            self.refuse(channel, Reason::Policy(Policy::Invalid));
        }
    }

    /// Why a connection that did not come up in time failed.
    pub(crate) fn late(rising: &Rising) -> Reason {
        let phase = match rising.step {
            Step::Resolving => Phase::Resolve,
            Step::Racing(_) => Phase::Connect,
            Step::Negotiating => Phase::Negotiate,
        };
        Reason::Local(Local::TimedOut(phase))
    }
}
