//! An MQTT broker as one client sees it: it echoes what comes under `up/..` to the client's own
//! subscriptions under `down/..`.

use super::{Ending, Peer, SharedLog};
use mainstay_base::{Instant, Reason, Rng};
use mainstay_mqtt::{Config, Publish, Server, ServerEvent};

/// How it behaves.
#[derive(Clone, Debug, Default)]
pub struct BrokerRules {
    /// Refuse CONNECT with this code.
    pub refuse: Option<u8>,
    /// Refuse every SUBSCRIBE.
    pub refuse_filters: bool,
    /// Let no PUBACK out.
    pub drop_acks: bool,
    /// After CONNACK take everything and answer nothing.
    pub deaf: bool,
    /// Do not echo.
    pub mute: bool,
}

/// One connection of it.
#[derive(Debug)]
pub struct Broker {
    server: Server,
    rules: BrokerRules,
    log: SharedLog,
    open: bool,
    over: bool,
    message: Vec<u8>,
    queue: Vec<(String, Vec<u8>)>,
    /// What is left of the message being sent to the client.
    rest: Vec<u8>,
}

impl Broker {
    /// A connection that behaves so.
    #[must_use]
    pub fn new(rules: BrokerRules, log: SharedLog) -> Self {
        Self {
            server: Server::new(Instant::ZERO, Config::default()),
            rules,
            log,
            open: false,
            over: false,
            message: Vec::new(),
            queue: Vec::new(),
            rest: Vec::new(),
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.server.poll_event() {
            match event {
                ServerEvent::Connect => self.answer(now),
                ServerEvent::Subscribe(request) => {
                    for one in &request.filters {
                        self.log.borrow_mut().notes.push(one.filter.clone());
                    }
                    if self.rules.refuse_filters {
                        self.server.grant(now, &request, &[]);
                    } else {
                        self.server.grant_all(now, &request);
                    }
                }
                ServerEvent::Unsubscribed(request) => {
                    for one in &request.filters {
                        self.log.borrow_mut().notes.push(format!("-{}", one.filter));
                    }
                }
                ServerEvent::Pinged => self.log.borrow_mut().pings += 1,
                ServerEvent::Published { .. } => {}
                ServerEvent::Disconnected => {
                    self.log.borrow_mut().notes.push(".".to_owned());
                    self.over = true;
                }
                ServerEvent::Closed(_) => self.over = true,
            }
        }
    }

    fn answer(&mut self, now: Instant) {
        self.log.borrow_mut().requests += 1;
        if let Some(code) = self.rules.refuse {
            let _misuse = self.server.refuse(now, code);
            self.over = true;
            return;
        }
        self.open = self.server.accept(now, false).is_ok();
    }

    fn take_message(&mut self) {
        let message = core::mem::take(&mut self.message);
        let topic = self.server.topic().to_owned();
        {
            let mut log = self.log.borrow_mut();
            log.messages.push(message.clone());
            if !self.rules.drop_acks {
                log.answered.push(message.clone());
            }
        }
        if let Some(name) = topic.strip_prefix("up/").filter(|_| !self.rules.mute) {
            let back = format!("down/{name}");
            if self.server.granted(&back).is_some() {
                self.queue.push((back, message));
            }
        }
    }

    fn send(&mut self, now: Instant) {
        loop {
            let taken = self.server.send(now, &self.rest);
            self.rest.drain(..taken);
            if !self.rest.is_empty() {
                return;
            }
            let Some((topic, message)) = self.queue.first() else { return };
            let len = u32::try_from(message.len()).unwrap_or(0);
            let qos = self.server.granted(topic).unwrap_or(0).min(1);
            let publish = Publish { topic, qos, retain: false, len, tag: 0 };
            if self.server.publish(now, &publish).is_err() {
                return;
            }
            self.rest = self.queue.remove(0).1;
        }
    }

    /// Takes PUBACK packets out of what leaves.
    fn without_acks(bytes: &[u8]) -> Vec<u8> {
        let mut kept = Vec::new();
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            let (mut len, mut shift, mut used) = (0_usize, 0, 1);
            for byte in tail {
                len |= usize::from(byte & 0x7f) << shift;
                (shift, used) = (shift + 7, used + 1);
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let (packet, later) = rest.split_at((used + len).min(rest.len()));
            // PUBACK: MQTT 3.1.1 section 3.4.
            if *first != 0x40 {
                kept.extend_from_slice(packet);
            }
            rest = later;
        }
        kept
    }
}

impl Peer for Broker {
    fn handle_opened(&mut self, now: Instant) {
        let mut log = self.log.borrow_mut();
        log.connections += 1;
        log.opened.push(now);
    }

    fn handle_input(&mut self, now: Instant, _rng: &mut Rng, bytes: &mut [u8]) -> usize {
        if self.open && self.rules.deaf {
            return bytes.len();
        }
        let taken = self.server.handle_input(now, bytes);
        self.drain(now);
        let lent = self.server.next_payload(bytes.get_mut(..taken).unwrap_or_default());
        if let Some(payload) = lent {
            if payload.start {
                self.message.clear();
            }
            self.message.extend_from_slice(payload.bytes);
            if payload.end {
                self.take_message();
            }
        }
        self.drain(now);
        self.send(now);
        if self.over { bytes.len() } else { taken }
    }

    fn handle_eof(&mut self, now: Instant) {
        self.server.handle_eof(now);
        self.drain(now);
        self.over = true;
    }

    fn handle_lost(&mut self, now: Instant, reason: Reason) {
        self.server.handle_lost(now, reason);
        self.drain(now);
        self.over = true;
    }

    fn handle_timeout(&mut self, now: Instant, _rng: &mut Rng) {
        self.server.handle_timeout(now);
        self.drain(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.server.poll_timeout()
    }

    fn poll_transmit(&mut self, now: Instant, _rng: &mut Rng, out: &mut Vec<u8>, limit: usize) {
        self.send(now);
        if self.rules.drop_acks {
            let mut all = Vec::new();
            self.server.poll_transmit(now, &mut all, usize::MAX);
            out.extend(Self::without_acks(&all));
        } else {
            self.server.poll_transmit(now, out, limit);
        }
    }

    fn handle_written(&mut self, now: Instant) {
        self.server.handle_written(now);
        self.drain(now);
    }

    fn ending(&self) -> Option<Ending> {
        (self.over && !self.server.wants_transmit()).then_some(Ending::Close)
    }
}
