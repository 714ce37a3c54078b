//! The server session of one client: as much of a broker as tests and simulations need.
//!
//! Owns the opening, the filters that were granted and the client's silence. Who gets which message,
//! what is retained and what outlives the connection is the caller's affair: it asks [`Server::granted`]
//! of each session and publishes into it. Repeats unacknowledged publishes as the client does.
//! Spec: MQTT 3.1.1 §3, §4.

use core::time::Duration;
use std::collections::VecDeque;

use mainstay_base::{Instant, Local, Outcome, Peer, Phase, Reason, Room};

use crate::arrival::Payload;
use crate::decode::{Decoder, Unit};
use crate::error::{Fault, Misuse};
use crate::exchange::{Counters, Exchange, Publish};
use crate::inflight::Stage;
use crate::limits::Config;
use crate::message::{Connect, Filters, Packet, SUBACK_REFUSED, Will};
use crate::topic::matches;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// CONNECT came: see [`Server::connect`]; answer with `accept` or `refuse`.
    Connect,
    /// SUBSCRIBE came: answer with `grant`.
    Subscribe(Request),
    /// UNSUBSCRIBE came and was answered.
    Unsubscribed(Request),
    /// A publish of ours is over.
    Published {
        /// The caller's name for it.
        tag: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// PINGREQ came and was answered.
    Pinged,
    /// DISCONNECT came: the will is void. The last event.
    Disconnected,
    /// The session is over otherwise: the will is due. The last event.
    Closed(Reason),
}

/// The filters of one SUBSCRIBE or UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its packet id.
    pub id: u16,
    /// In order; never empty.
    pub filters: Vec<Subscription>,
}

/// A filter and a quality of service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// A valid filter.
    pub filter: String,
    /// 0 to 2: asked for, or granted; 0 in an UNSUBSCRIBE.
    pub qos: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening { until: Instant },
    Asked { until: Instant },
    Open,
    Over,
}

/// The CONNECT that came, kept.
#[derive(Debug)]
struct Opening {
    client_id: String,
    keep_alive_s: u16,
    clean: bool,
    will: Option<(String, Vec<u8>, u8, bool)>,
    username: Option<String>,
    password: Option<Vec<u8>>,
}

/// The session of one client.
#[derive(Debug)]
pub struct Server {
    state: State,
    config: Config,
    decoder: Decoder,
    exchange: Exchange,
    opening: Option<Box<Opening>>,
    filters: Vec<Subscription>,
    last_received: Instant,
    facts: VecDeque<ServerEvent>,
}

impl Server {
    /// A session on a connection just accepted.
    #[must_use]
    pub fn new(now: Instant, config: Config) -> Self {
        Self {
            state: State::Opening { until: now + config.opening_wait },
            config,
            decoder: Decoder::default(),
            exchange: Exchange::default(),
            opening: None,
            filters: Vec::new(),
            last_received: now,
            facts: VecDeque::new(),
        }
    }

    /// Takes received bytes up to one packet, head or slice of payload; returns how many.
    pub fn handle_input(&mut self, now: Instant, input: &mut [u8]) -> usize {
        let deaf = matches!(self.state, State::Over | State::Asked { .. });
        if deaf || input.is_empty() || !self.exchange.takes_input(&self.config) {
            return 0;
        }
        self.last_received = now;
        if self.exchange.arrival.is_active() {
            return self.exchange.continue_arrival(0, input.len());
        }
        let mut decoder = core::mem::take(&mut self.decoder);
        let (mut taken, unit) = decoder.take(input, self.config.packet_max);
        let judged = match unit {
            Unit::Partial => Ok(()),
            Unit::Fault(fault) => Err(fault),
            Unit::Packet(packet) => self.handle_packet(now, packet),
            Unit::Publish(..) if self.state != State::Open => Err(Fault::Malformed),
            Unit::Publish(head, len) => {
                let available = input.len() - taken;
                let payload = self.exchange.arrive(&self.config, &head, len, taken, available);
                payload.map(|count| taken += count)
            }
        };
        decoder.settle();
        self.decoder = decoder;
        if let Err(fault) = judged {
            self.end(ServerEvent::Closed(fault.reason()), fault.reason());
        }
        taken
    }

    /// Lends the payload slice of the unit just taken, once; `input` is that unit.
    pub fn next_payload<'b>(&'b mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.exchange.next_payload(input)
    }

    /// The client ended its side without DISCONNECT, or after it.
    pub fn handle_eof(&mut self, _now: Instant) {
        let reason = Reason::Peer(Peer::Closed);
        self.end(ServerEvent::Closed(reason), reason);
    }

    /// The transport died.
    pub fn handle_lost(&mut self, _now: Instant, reason: Reason) {
        self.end(ServerEvent::Closed(reason), reason);
    }

    /// What the client opened with, once `Connect` came.
    #[must_use]
    pub fn connect(&self) -> Option<Connect<'_>> {
        let opening = self.opening.as_ref()?;
        let will = opening.will.as_ref();
        Some(Connect {
            client_id: &opening.client_id,
            keep_alive_s: opening.keep_alive_s,
            clean: opening.clean,
            will: will.map(|&(ref topic, ref message, qos, retain)| Will {
                topic,
                message,
                qos,
                retain,
            }),
            username: opening.username.as_deref(),
            password: opening.password.as_deref(),
        })
    }

    /// Lets the client in.
    ///
    /// # Errors
    /// `NotOpen` unless CONNECT waits for its answer.
    pub fn accept(&mut self, now: Instant, session_present: bool) -> Result<(), Misuse> {
        let State::Asked { .. } = self.state else { return Err(Misuse::NotOpen) };
        self.state = State::Open;
        self.last_received = now;
        Packet::Connack { session_present, code: 0 }.emit(self.exchange.output.tail())
    }

    /// Turns the client away with a CONNACK code; close the connection once it is written.
    ///
    /// # Errors
    /// `NotOpen` unless CONNECT waits for its answer.
    pub fn refuse(&mut self, _now: Instant, code: u8) -> Result<(), Misuse> {
        let State::Asked { .. } = self.state else { return Err(Misuse::NotOpen) };
        self.state = State::Over;
        Packet::Connack { session_present: false, code }.emit(self.exchange.output.tail())
    }

    /// Answers a SUBSCRIBE: per filter the QoS granted, or none to refuse it; missing ones are refused.
    ///
    /// A filter beyond `Config::filters_max` is refused whatever was granted.
    pub fn grant(&mut self, _now: Instant, request: &Request, granted: &[Option<u8>]) {
        if self.state != State::Open {
            return;
        }
        let answers = granted.iter().copied().chain(core::iter::repeat(None));
        let mut codes = Vec::new();
        for (asked, granted) in request.filters.iter().zip(answers) {
            let known = self.filters.iter().position(|one| one.filter == asked.filter);
            let room = known.is_some() || self.filters.len() < usize::from(self.config.filters_max);
            let Some(qos) = granted.filter(|&qos| qos <= 2 && room) else {
                codes.push(SUBACK_REFUSED);
                continue;
            };
            codes.push(qos);
            match known.and_then(|index| self.filters.get_mut(index)) {
                Some(one) => one.qos = qos,
                None => self.filters.push(Subscription { filter: asked.filter.clone(), qos }),
            }
        }
        let id = request.id;
        self.exchange.control(|out| {
            // A list as long as one that came fits.
            let _ = Packet::Suback { id, codes: &codes }.emit(out);
        });
    }

    /// Answers a SUBSCRIBE with what it asks for.
    pub fn grant_all(&mut self, now: Instant, request: &Request) {
        let all: Vec<_> = request.filters.iter().map(|one| Some(one.qos)).collect();
        self.grant(now, request, &all);
    }

    /// The greatest QoS granted for messages to `topic`; none if no filter matches.
    #[must_use]
    pub fn granted(&self, topic: &str) -> Option<u8> {
        let fitting = self.filters.iter().filter(|one| matches(&one.filter, topic));
        fitting.map(|one| one.qos).max()
    }

    /// Begins a message to the client, as `Client::publish`.
    ///
    /// # Errors
    /// As `Client::publish`.
    pub fn publish(&mut self, now: Instant, publish: &Publish<'_>) -> Result<(), Misuse> {
        if self.state != State::Open {
            return Err(Misuse::NotOpen);
        }
        self.exchange.publish(now, &self.config, publish)
    }

    /// Sends payload of the message begun by `publish`; returns how many bytes were taken.
    pub fn send(&mut self, now: Instant, bytes: &[u8]) -> usize {
        if self.state == State::Open { self.exchange.send(now, &self.config, bytes) } else { 0 }
    }

    /// Does what is due: repetitions, the end by silence (1.5 times the keep-alive, MQTT-3.1.2-24).
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Opening { until } | State::Asked { until } if until <= now => {
                let reason = Reason::Local(Local::TimedOut(Phase::Open));
                self.end(ServerEvent::Closed(reason), reason);
            }
            State::Open if self.silent_at().is_some_and(|at| at <= now) => {
                let reason = Reason::Peer(Peer::Silent);
                self.end(ServerEvent::Closed(reason), reason);
            }
            State::Open => self.exchange.handle_timeout(now, &self.config),
            State::Opening { .. } | State::Asked { .. } | State::Over => {}
        }
    }

    /// When `handle_timeout` has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Opening { until } | State::Asked { until } => Some(until),
            State::Open => {
                [self.silent_at(), self.exchange.poll_timeout()].into_iter().flatten().min()
            }
            State::Over => None,
        }
    }

    /// The next fact.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        let outcome = self.exchange.poll_outcome();
        let published = outcome.map(|(tag, outcome)| ServerEvent::Published { tag, outcome });
        published.or_else(|| self.facts.pop_front())
    }

    /// Appends at most `limit` queued bytes to `out`.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize) {
        self.exchange.poll_transmit(now, out, limit);
    }

    /// All bytes polled so far were handed to the kernel.
    pub fn handle_written(&mut self, _now: Instant) {
        self.exchange.output.handle_written();
    }

    /// Room both ways.
    #[must_use]
    pub fn room(&self) -> Room {
        let (open, asked) =
            (self.state == State::Open, matches!(self.state, State::Opening { .. }));
        let takes = (open || asked) && self.exchange.takes_input(&self.config);
        let down = if open { self.exchange.room_down(&self.config) } else { 0 };
        Room { up: if takes { usize::MAX } else { 0 }, down }
    }

    /// Whether bytes are queued.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        self.exchange.output.len() > 0
    }

    /// Whether the session is over; a refusal may still wait to be written.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// The topic of the message being received, or of the last one.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.exchange.arrival.topic
    }

    /// The QoS of the message being received.
    #[must_use]
    pub const fn qos(&self) -> u8 {
        self.exchange.arrival.qos
    }

    /// Whether the message being received is to be kept for later subscribers.
    #[must_use]
    pub const fn retain(&self) -> bool {
        self.exchange.arrival.retain
    }

    /// The whole payload length of the message being received.
    #[must_use]
    pub const fn payload_len(&self) -> u32 {
        self.exchange.arrival.len
    }

    /// Counts since the connection began.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.exchange.carry.counters
    }

    fn handle_packet(&mut self, now: Instant, packet: Packet<'_>) -> Result<(), Fault> {
        match (self.state, packet) {
            (State::Opening { until }, Packet::Connect(connect)) => {
                self.state = State::Asked { until };
                self.opening = Some(Box::new(Opening::from(&connect)));
                self.facts.push_back(ServerEvent::Connect);
                Ok(())
            }
            (State::Open, packet) => self.handle_open_packet(now, packet),
            (State::Opening { .. } | State::Asked { .. } | State::Over, _) => Err(Fault::Malformed),
        }
    }

    fn handle_open_packet(&mut self, now: Instant, packet: Packet<'_>) -> Result<(), Fault> {
        let (exchange, config) = (&mut self.exchange, &self.config);
        match packet {
            Packet::Puback(id) => exchange.acknowledged(now, config, Stage::Puback, id),
            Packet::Pubrec(id) => exchange.acknowledged(now, config, Stage::Pubrec, id),
            Packet::Pubcomp(id) => exchange.acknowledged(now, config, Stage::Pubcomp, id),
            Packet::Pubrel(id) => exchange.released(id),
            Packet::Subscribe { id, filters } => {
                self.facts.push_back(ServerEvent::Subscribe(Request::new(id, filters)));
            }
            Packet::Unsubscribe { id, filters } => {
                let request = Request::new(id, filters);
                let gone = |one: &Subscription| {
                    request.filters.iter().any(|other| other.filter == one.filter)
                };
                self.filters.retain(|one| !gone(one));
                exchange.control(|out| {
                    let _ = Packet::Unsuback(id).emit(out);
                });
                self.facts.push_back(ServerEvent::Unsubscribed(request));
            }
            Packet::Pingreq => {
                exchange.control(|out| {
                    let _ = Packet::Pingresp.emit(out);
                });
                self.facts.push_back(ServerEvent::Pinged);
            }
            Packet::Disconnect => self.end(ServerEvent::Disconnected, Reason::Peer(Peer::Closed)),
            Packet::Connect(_)
            | Packet::Connack { .. }
            | Packet::Suback { .. }
            | Packet::Unsuback(_)
            | Packet::Pingresp => return Err(Fault::Malformed),
        }
        Ok(())
    }

    fn silent_at(&self) -> Option<Instant> {
        let keep_alive_s = self.opening.as_ref()?.keep_alive_s;
        let wait = Duration::from_millis(1500) * u32::from(keep_alive_s);
        (keep_alive_s > 0 && !self.exchange.arrival.is_pending()).then(|| self.last_received + wait)
    }

    fn end(&mut self, event: ServerEvent, reason: Reason) {
        if self.state == State::Over {
            return;
        }
        self.state = State::Over;
        self.exchange.close(reason);
        self.facts.push_back(event);
    }
}

impl Request {
    fn new(id: u16, filters: Filters<'_>) -> Self {
        let owned = |(filter, qos): (&str, u8)| Subscription { filter: filter.to_owned(), qos };
        Self { id, filters: filters.map(owned).collect() }
    }
}

impl From<&Connect<'_>> for Opening {
    fn from(connect: &Connect<'_>) -> Self {
        let will = connect.will.map(|will| {
            let Will { topic, message, qos, retain } = will;
            (topic.to_owned(), message.to_vec(), qos, retain)
        });
        Self {
            client_id: connect.client_id.to_owned(),
            keep_alive_s: connect.keep_alive_s,
            clean: connect.clean,
            will,
            username: connect.username.map(str::to_owned),
            password: connect.password.map(<[u8]>::to_vec),
        }
    }
}
