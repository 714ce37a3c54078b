//! The client session: opening, subscriptions, keep-alive, the end. Publishing is `exchange`'s.
//!
//! # Keep-alive
//! With a keep-alive of `k` seconds, PINGREQ is queued when nothing was taken by `poll_transmit` for `k`.
//! If then neither PINGRESP nor any other byte comes for `k / 2`, at least 5 s, the peer is silent (1.5
//! times the keep-alive, as the server counts). Time during which our reader sleeps does not count, but
//! PINGREQ goes on leaving, for the server counts too.
//!
//! # Memory
//! Everything a session needs while it works is one box, which is given back 3 s after the last packet.
//! Spec: MQTT 3.1.1 §3, §4; SS-560, SS-564 to SS-567.

mod answers;
mod liveness;
mod views;

use std::collections::VecDeque;

use mainstay_base::{Instant, Local, Outcome, Peer, Phase, Reason, Room};

use crate::arrival::Payload;
use crate::decode::{Decoder, Unit};
use crate::error::{Fault, Misuse};
use crate::exchange::{Carry, Exchange, Publish};
use crate::limits::{CLOSING_WAIT, Config, REQUEST_ID_MIN, REST_WAIT};
use crate::message::{self, Connect, Packet};
use crate::topic::valid_filter;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// CONNACK accepted us.
    Connected {
        /// The server remembers our session: subscriptions hold.
        session_present: bool,
    },
    /// CONNACK refused us with this code (MQTT 3.1.1 §3.2.2.3). The last event.
    Refused(u8),
    /// SUBACK.
    Subscribed {
        /// What `subscribe` returned.
        id: u16,
        /// The greatest QoS the server will use; none if it refused.
        granted: Option<u8>,
    },
    /// UNSUBACK.
    Unsubscribed {
        /// What `unsubscribe` returned.
        id: u16,
    },
    /// A publish is over; exactly one for each.
    Published {
        /// The caller's name for it.
        tag: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// PINGRESP, to our keep-alive or to `ping`.
    Pong,
    /// The session is over. The last event.
    Closed(Reason),
}

/// Where the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// CONNACK has not come.
    Opening { until: Instant },
    /// It did.
    Open,
    /// DISCONNECT waits for the transport.
    Closing { until: Instant },
    /// Nothing more happens.
    Over,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Subscribe(u16),
    Unsubscribe(u16),
}

/// What a session needs only while it works.
#[derive(Debug, Default)]
struct Work {
    decoder: Decoder,
    exchange: Exchange,
    asked: Vec<Asked>,
    facts: VecDeque<Event>,
}

impl Work {
    fn is_quiet(&self) -> bool {
        let idle = self.asked.is_empty() && self.facts.is_empty();
        idle && !self.decoder.is_partial() && self.exchange.is_quiet()
    }
}

/// An MQTT 3.1.1 session on one connection.
#[derive(Debug)]
pub struct Client {
    state: State,
    clean: bool,
    paused: bool,
    /// Zero for none.
    keep_alive_s: u16,
    /// Of the last SUBSCRIBE or UNSUBSCRIBE, counted from `REQUEST_ID_MIN`.
    request: u8,
    last_sent: Instant,
    last_received: Instant,
    /// How many PINGREQ are unanswered.
    pings: u16,
    /// When the first of them was queued.
    pinged_at: Instant,
    /// When to look whether `work` can go.
    rest_at: Instant,
    config: Config,
    carry: Carry,
    work: Option<Box<Work>>,
}

impl Client {
    /// Opens a session: CONNECT leaves with the next `poll_transmit`.
    ///
    /// # Errors
    /// `ClientId`, `Password`, `Topic` or `Qos` (of the will), `TooLong`.
    pub fn new(now: Instant, connect: &Connect<'_>, config: Config) -> Result<Self, Misuse> {
        let mut work = Box::<Work>::default();
        Packet::Connect(*connect).emit(work.exchange.output.tail())?;
        Ok(Self {
            state: State::Opening { until: now + config.opening_wait },
            clean: connect.clean,
            paused: false,
            keep_alive_s: connect.keep_alive_s,
            request: 0,
            last_sent: now,
            last_received: now,
            pings: 0,
            pinged_at: now,
            rest_at: now + REST_WAIT,
            config,
            carry: Carry::default(),
            work: Some(work),
        })
    }

    /// Takes received bytes up to one packet, head or slice of payload; returns how many.
    ///
    /// 0 when over, when the last slice of payload was not taken by `next_payload`, or when the peer
    /// takes none of our answers (`room().up` says so too).
    pub fn handle_input(&mut self, now: Instant, input: &mut [u8]) -> usize {
        match self.state {
            State::Over => return 0,
            State::Closing { .. } => return input.len(),
            State::Opening { .. } | State::Open => {}
        }
        let config = self.config;
        let work = self.work(now);
        if input.is_empty() || !work.exchange.takes_input(&config) {
            return 0;
        }
        if work.exchange.arrival.is_active() {
            let taken = work.exchange.continue_arrival(0, input.len());
            self.last_received = now;
            return taken;
        }
        let mut decoder = core::mem::take(&mut work.decoder);
        let (mut taken, unit) = decoder.take(input, config.packet_max);
        let fault = match unit {
            Unit::Partial => Ok(()),
            Unit::Fault(fault) => Err(fault),
            Unit::Packet(packet) => self.handle_packet(now, packet),
            Unit::Publish(..) if self.state != State::Open => Err(Fault::Malformed),
            Unit::Publish(head, len) => {
                let available = input.len() - taken;
                let payload = self.work(now).exchange.arrive(&config, &head, len, taken, available);
                payload.map(|count| taken += count)
            }
        };
        decoder.settle();
        self.last_received = now;
        match fault {
            Ok(()) => self.work(now).decoder = decoder,
            Err(fault) => self.close(fault.reason()),
        }
        taken
    }

    /// Lends the payload slice of the unit just taken, once; `input` is that unit.
    ///
    /// `topic` and the other getters tell of its message. With the last slice the message is acknowledged.
    pub fn next_payload<'b>(&'b mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.work.as_mut()?.exchange.next_payload(input)
    }

    /// The peer ended its side in order: the session is over.
    pub fn handle_eof(&mut self, _now: Instant) {
        let asked = matches!(self.state, State::Closing { .. });
        self.close(if asked { Reason::Local(Local::Closed) } else { Reason::Peer(Peer::Closed) });
    }

    /// The transport died: the session is over.
    pub fn handle_lost(&mut self, _now: Instant, reason: Reason) {
        self.close(reason);
    }

    /// Subscribes to one filter; returns the packet id that `Subscribed` will carry.
    ///
    /// # Errors
    /// `NotOpen`, `Filter`, `Qos`, `NoRoom` (too many wait).
    pub fn subscribe(&mut self, now: Instant, filter: &str, qos: u8) -> Result<u16, Misuse> {
        if qos > 2 {
            return Err(Misuse::Qos);
        }
        let id = self.ask(now, filter, Asked::Subscribe)?;
        self.work(now).exchange.control(|out| message::subscribe(out, id, filter, qos));
        Ok(id)
    }

    /// Unsubscribes from one filter; returns the packet id that `Unsubscribed` will carry.
    ///
    /// # Errors
    /// `NotOpen`, `Filter`, `NoRoom` (too many wait).
    pub fn unsubscribe(&mut self, now: Instant, filter: &str) -> Result<u16, Misuse> {
        let id = self.ask(now, filter, Asked::Unsubscribe)?;
        self.work(now).exchange.control(|out| message::unsubscribe(out, id, filter));
        Ok(id)
    }

    /// Begins a message; its payload follows by `send` until `len` bytes were taken, then it is complete.
    ///
    /// With QoS 1 and 2 several may wait for their acknowledgement, which may come in any order. One
    /// longer than `Config::inflight_bytes` is not sent again.
    ///
    /// # Errors
    /// `NotOpen`, `Unfinished`, `Topic`, `Qos`, `TooLong`, `NoRoom` (never while `room().down > 0`).
    pub fn publish(&mut self, now: Instant, publish: &Publish<'_>) -> Result<(), Misuse> {
        if self.state != State::Open {
            return Err(Misuse::NotOpen);
        }
        let config = self.config;
        self.work(now).exchange.publish(now, &config, publish)
    }

    /// Sends payload of the message begun by `publish`; returns how many bytes were taken, at most `room().down`.
    pub fn send(&mut self, now: Instant, bytes: &[u8]) -> usize {
        match &mut self.work {
            Some(work) if self.state == State::Open => work.exchange.send(now, &self.config, bytes),
            _ => 0,
        }
    }

    /// Asks the peer for a sign of life, unless one is awaited already.
    pub fn ping(&mut self, now: Instant) {
        if self.state == State::Open && self.pings == 0 {
            self.send_ping(now);
        }
    }

    /// The reader sleeps, or wakes: meanwhile `room().up` is 0 and the peer's silence is not its fault.
    /// Nor are acknowledgements missed that cannot be heard: nothing is repeated or given up until 3 s
    /// after the waking.
    pub fn pause(&mut self, now: Instant, paused: bool) {
        self.paused = paused;
        self.last_received = now;
        if let Some(work) = &mut self.work {
            work.exchange.pause(now, paused);
        }
    }

    /// Ends the session in order: DISCONNECT leaves with what is queued, then `Closed(Local(Closed))` comes.
    ///
    /// What is not acknowledged by then ends as unknown. A transport that takes nothing for 5 s ends it too. In the middle of a message the end comes at
    /// once and without DISCONNECT, which cannot stand there; before CONNACK it comes in order.
    pub fn disconnect(&mut self, now: Instant) {
        match self.state {
            State::Closing { .. } | State::Over => {}
            State::Opening { .. } | State::Open => {
                self.state = State::Closing { until: now + CLOSING_WAIT };
                let work = self.work(now);
                if work.exchange.is_open() {
                    self.close(Reason::Local(Local::Closed));
                } else {
                    work.exchange.control(message::disconnect);
                }
            }
        }
    }

    /// Does what is due: repetitions, PINGREQ, the end by silence, giving back memory.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Over => return,
            State::Opening { until } if until <= now => {
                return self.close(Reason::Local(Local::TimedOut(Phase::Open)));
            }
            State::Closing { until } if until <= now => {
                return self.close(Reason::Local(Local::TimedOut(Phase::Close)));
            }
            State::Opening { .. } | State::Open | State::Closing { .. } => {}
        }
        if self.silent_at().is_some_and(|at| at <= now) {
            return self.close(Reason::Peer(Peer::Silent));
        }
        if self.ping_at().is_some_and(|at| at <= now) {
            self.send_ping(now);
        }
        if let Some(work) = &mut self.work {
            if self.state == State::Open {
                work.exchange.handle_timeout(now, &self.config);
            }
            if self.rest_at <= now {
                self.rest_at = now + REST_WAIT;
                self.rest();
            }
        }
    }

    /// When `handle_timeout` has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ends = match self.state {
            State::Over => return None,
            State::Opening { until } | State::Closing { until } => Some(until),
            State::Open => None,
        };
        let work = self.work.as_ref();
        let open = work.filter(|_| self.state == State::Open);
        let repeat = open.and_then(|work| work.exchange.poll_timeout());
        let rest = work.map(|_| self.rest_at);
        [ends, repeat, rest, self.silent_at(), self.ping_at()].into_iter().flatten().min()
    }

    /// The next fact; the order is that of the wire.
    pub fn poll_event(&mut self) -> Option<Event> {
        let work = self.work.as_mut()?;
        if let Some((tag, outcome)) = work.exchange.poll_outcome() {
            return Some(Event::Published { tag, outcome });
        }
        let fact = work.facts.pop_front();
        if fact.is_none() && self.state == State::Over && !work.exchange.arrival.is_pending() {
            self.rest();
        }
        fact
    }

    /// Appends at most `limit` queued bytes to `out`.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize) {
        let Some(work) = &mut self.work else { return };
        if work.exchange.poll_transmit(now, out, limit) > 0 {
            self.last_sent = now;
            self.rest_at = now + REST_WAIT;
        }
    }

    /// All bytes polled so far were handed to the kernel: QoS 0 messages among them are sent.
    pub fn handle_written(&mut self, _now: Instant) {
        let Some(work) = &mut self.work else { return };
        work.exchange.output.handle_written();
        if matches!(self.state, State::Closing { .. }) && work.exchange.output.len() == 0 {
            self.close(Reason::Local(Local::Closed));
        }
    }

    /// Room both ways. `down` is 0 while too much is queued or too many messages wait for acknowledgement.
    #[must_use]
    pub fn room(&self) -> Room {
        let exchange = self.work.as_ref().map(|work| &work.exchange);
        let takes = exchange.is_none_or(|exchange| exchange.takes_input(&self.config));
        let up = if takes && !self.paused && self.state != State::Over { usize::MAX } else { 0 };
        let down = match exchange {
            _ if self.state != State::Open => 0,
            Some(exchange) => exchange.room_down(&self.config),
            None => self.config.send_room(),
        };
        Room { up, down }
    }

    /// Whether bytes are queued.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.exchange.output.len() > 0)
    }

    fn ask(&mut self, now: Instant, filter: &str, asked: fn(u16) -> Asked) -> Result<u16, Misuse> {
        if self.state != State::Open {
            return Err(Misuse::NotOpen);
        }
        if !valid_filter(filter) || filter.len() > usize::from(self.config.topic_max) {
            return Err(Misuse::Filter);
        }
        let most = usize::from(self.config.requests_max.clamp(1, 255));
        let Some(ids) = u16::MAX.checked_sub(REQUEST_ID_MIN) else { return Err(Misuse::NoRoom) };
        let mut request = self.request;
        let work = self.work(now);
        if work.asked.len() >= most {
            return Err(Misuse::NoRoom);
        }
        let id = loop {
            request = if u16::from(request) < ids { request + 1 } else { 0 };
            let id = REQUEST_ID_MIN + u16::from(request);
            if !work.asked.contains(&Asked::Subscribe(id))
                && !work.asked.contains(&Asked::Unsubscribe(id))
            {
                break id;
            }
        };
        work.asked.push(asked(id));
        self.request = request;
        Ok(id)
    }

    fn close(&mut self, reason: Reason) {
        if self.state == State::Over {
            return;
        }
        self.state = State::Over;
        let carry = self.carry;
        let work = self.work.get_or_insert_with(|| fresh(carry));
        work.exchange.close(reason);
        work.asked = Vec::new();
        work.facts.push_back(Event::Closed(reason));
    }

    fn work(&mut self, now: Instant) -> &mut Work {
        self.rest_at = now + REST_WAIT;
        let (carry, paused) = (self.carry, self.paused);
        self.work.get_or_insert_with(|| {
            let mut work = fresh(carry);
            work.exchange.pause(now, paused);
            work
        })
    }

    /// Gives the working memory back if nothing is under way.
    fn rest(&mut self) {
        if let Some(work) = &self.work
            && (self.state == State::Over || work.is_quiet())
        {
            self.carry = work.exchange.carry;
            self.work = None;
        }
    }
}

fn fresh(carry: Carry) -> Box<Work> {
    let mut work = Box::<Work>::default();
    work.exchange.carry = carry;
    work
}
