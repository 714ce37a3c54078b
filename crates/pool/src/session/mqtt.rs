//! MQTT: members of one connection, each with its own subscription and messages (SS-561, SS-563).

mod member;

use crate::channel::{Birth, ChannelId, Chunk, Event, Misuse, MqttConnect, MqttOpen};
use crate::limits::UNSUBSCRIBE_WAIT;
use crate::queue::{Marks, Note, Queue};
use crate::session::NOBODY;
use core::time::Duration;
use mainstay_base::{Instant, Local, Outcome, Peer, Phase, Reason, Rng};
use mainstay_mqtt as mqtt;
use member::{Member, Stage};
use slab::Slab;

/// The tag of the birth message among the machine's tags; flights are numbered from 0.
const BIRTH: u64 = u64::MAX;

/// A machine from an owned CONNECT; draws the client id if there is none (SS-560).
pub(crate) fn connect(
    now: Instant,
    wish: &MqttConnect,
    config: mqtt::Config,
    rng: &mut Rng,
) -> Result<mqtt::Client, mqtt::Misuse> {
    let drawn;
    let client_id = if wish.client_id.is_empty() {
        drawn = mqtt::random_client_id(rng);
        drawn.as_ref()
    } else {
        wish.client_id.as_str()
    };
    let will = wish.will.as_ref().map(|will| mqtt::Will {
        topic: &will.topic,
        message: &will.message,
        qos: will.qos,
        retain: will.retain,
    });
    let connect = mqtt::Connect {
        client_id,
        keep_alive_s: wish.keep_alive_s,
        clean: wish.clean,
        will,
        username: wish.username.as_deref(),
        password: wish.password.as_deref(),
    };
    mqtt::Client::new(now, &connect, config)
}

/// One connection and who shares it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: mqtt::Client,
    /// CONNECT as asked for, before a client id was drawn.
    connect: Box<MqttConnect>,
    connected: Option<bool>,
    members: Vec<Member>,
    birth: BirthStage,
    /// Whose message is half sent: nobody else may begin one.
    sending: Option<ChannelId>,
    flights: Slab<(ChannelId, u64)>,
    /// Who gets the message being received.
    receivers: Vec<ChannelId>,
    open_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BirthStage {
    Unborn,
    /// Published by this member, not yet acknowledged.
    Sent(ChannelId),
    Done,
}

impl Session {
    pub(crate) fn new(client: mqtt::Client, connect: &MqttConnect, open_timeout: Duration) -> Self {
        Self {
            client,
            connect: Box::new(connect.clone()),
            connected: None,
            members: Vec::new(),
            birth: BirthStage::Unborn,
            sending: None,
            flights: Slab::new(),
            receivers: Vec::new(),
            open_timeout,
        }
    }

    /// A stream joins; it is open once subscribed and born.
    pub(crate) fn join(
        &mut self,
        now: Instant,
        channel: ChannelId,
        open: MqttOpen,
        queue: &mut Queue,
    ) {
        let until = now + self.open_timeout;
        self.members.push(Member::new(channel, open, until));
        if self.connected.is_some() {
            self.begin(now, self.members.len() - 1, queue);
        }
        self.sweep(now, queue);
    }

    /// Whether a stream with this CONNECT may join (SS-562).
    pub(crate) fn shares(&self, connect: &MqttConnect) -> bool {
        !self.members.is_empty() && *self.connect == *connect
    }

    pub(crate) fn handle_input(
        &mut self,
        now: Instant,
        bytes: &mut [u8],
        queue: &mut Queue,
    ) -> usize {
        let taken = self.client.handle_input(now, bytes);
        self.translate(now, queue);
        let Some(unit) = bytes.get_mut(..taken) else { return taken };
        let Self { client, receivers, members, .. } = self;
        // The message's topic, as long as there is a payload to lend.
        let topic = client.topic();
        queue.set_topic(topic);
        receivers.clear();
        receivers.extend(members.iter().filter(|m| m.wants(topic)).map(|m| m.channel));
        while let Some(payload) = client.next_payload(unit) {
            let marks = Marks { start: payload.start, end: payload.end, binary: true };
            queue.payload(receivers, payload.bytes, marks, true);
        }
        self.translate(now, queue);
        taken
    }

    pub(crate) fn handle_eof(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_eof(now);
        self.translate(now, queue);
        self.end_all(now, Reason::Peer(Peer::Closed), queue);
        queue.note(Note::Done);
    }

    pub(crate) fn handle_lost(&mut self, now: Instant, reason: Reason, queue: &mut Queue) {
        self.client.handle_lost(now, reason);
        self.translate(now, queue);
        self.end_all(now, reason, queue);
    }

    pub(crate) fn handle_written(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_written(now);
        self.translate(now, queue);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_timeout(now);
        self.translate(now, queue);
        for member in &mut self.members {
            if member.until().is_some_and(|until| now >= until) {
                let reason = if member.is_leaving() {
                    Reason::Local(Local::Closed)
                } else {
                    Reason::Local(Local::TimedOut(Phase::Open))
                };
                member.stage = Stage::Over(reason);
            }
        }
        self.sweep(now, queue);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let members = self.members.iter().filter_map(Member::until).min();
        [self.client.poll_timeout(), members].into_iter().flatten().min()
    }

    pub(crate) fn room(&self, channel: ChannelId) -> usize {
        let ready = self.members.iter().any(|m| m.channel == channel && m.stage == Stage::Ready);
        if !ready || self.sending.is_some_and(|sending| sending != channel) {
            return 0;
        }
        self.client.room().down
    }

    pub(crate) fn send(
        &mut self,
        now: Instant,
        channel: ChannelId,
        chunk: &Chunk<'_>,
    ) -> Result<(), Misuse> {
        let continues = self.sending == Some(channel);
        if chunk.start == continues {
            return Err(Misuse::Framing);
        }
        if chunk.bytes.len() > self.room(channel) {
            return Err(Misuse::NoRoom);
        }
        if chunk.start {
            self.publish(now, channel, chunk)?;
        }
        self.client.send(now, chunk.bytes);
        self.sending = (!chunk.end).then_some(channel);
        Ok(())
    }

    fn publish(
        &mut self,
        now: Instant,
        channel: ChannelId,
        chunk: &Chunk<'_>,
    ) -> Result<(), Misuse> {
        let publish = chunk.publish.ok_or(Misuse::NotOpen)?;
        let whole = chunk.end.then_some(chunk.bytes.len() as u64);
        let total = chunk.total.or(whole).ok_or(Misuse::Framing)?;
        let len = u32::try_from(total).map_err(|_| Misuse::Unsupported)?;
        let flight = self.flights.insert((channel, chunk.tag));
        let request = mqtt::Publish {
            topic: publish.topic,
            qos: publish.qos,
            retain: publish.retain,
            len,
            tag: flight as u64,
        };
        self.client.publish(now, &request).map_err(|_| {
            self.flights.remove(flight);
            Misuse::Unsupported
        })
    }

    /// A member leaves in order: its subscription first, if nobody else has the same (SS-570).
    pub(crate) fn finish(&mut self, now: Instant, channel: ChannelId, queue: &mut Queue) {
        let Some(at) = self.members.iter().position(|m| m.channel == channel) else { return };
        let alone =
            self.members.iter().all(|m| m.channel == channel || !m.same_filter(&self.members[at]));
        let filter = self.members[at].subscribed().filter(|_| alone).map(str::to_owned);
        let leaving = filter.and_then(|filter| self.client.unsubscribe(now, &filter).ok());
        self.members[at].stage = match leaving {
            Some(id) => Stage::Leaving(id, now + UNSUBSCRIBE_WAIT),
            None => Stage::Over(Reason::Local(Local::Closed)),
        };
        self.sweep(now, queue);
    }

    /// A member leaves at once.
    pub(crate) fn drop_member(
        &mut self,
        now: Instant,
        channel: ChannelId,
        reason: Reason,
        queue: &mut Queue,
    ) {
        if let Some(member) = self.members.iter_mut().find(|m| m.channel == channel) {
            member.stage = Stage::Over(reason);
        }
        self.sweep(now, queue);
    }

    /// What is still said to a member is for nobody.
    pub(crate) fn orphan(&mut self, channel: ChannelId) {
        for member in self.members.iter_mut().filter(|member| member.channel == channel) {
            member.channel = NOBODY;
        }
        for (_, (owner, _)) in self.flights.iter_mut().filter(|(_, (owner, _))| *owner == channel) {
            *owner = NOBODY;
        }
        if self.sending == Some(channel) {
            self.sending = Some(NOBODY);
        }
    }

    fn translate(&mut self, now: Instant, queue: &mut Queue) {
        while let Some(event) = self.client.poll_event() {
            match event {
                mqtt::Event::Connected { session_present } => {
                    self.connected = Some(session_present);
                    queue.note(Note::Alive);
                    for at in 0..self.members.len() {
                        self.begin(now, at, queue);
                    }
                }
                mqtt::Event::Refused(code) => {
                    let reason = Reason::Peer(Peer::Connack(code));
                    self.end_all(now, reason, queue);
                    queue.note(Note::Failed(reason));
                }
                mqtt::Event::Subscribed { id, granted } => self.subscribed(now, id, granted, queue),
                mqtt::Event::Unsubscribed { id } => {
                    let left = self.members.iter_mut().find(|m| m.is_leaving_with(id));
                    if let Some(member) = left {
                        member.stage = Stage::Over(Reason::Local(Local::Closed));
                    }
                    self.sweep(now, queue);
                }
                mqtt::Event::Published { tag, outcome } => self.published(tag, outcome, queue),
                mqtt::Event::Pong => {
                    queue.note(Note::Alive);
                    for member in &self.members {
                        queue.event(member.channel, Event::Valid);
                    }
                }
                mqtt::Event::Closed(reason) => {
                    self.end_all(now, reason, queue);
                    queue.note(Note::Failed(reason));
                }
            }
        }
        self.sweep(now, queue);
    }

    fn subscribed(&mut self, now: Instant, id: u16, granted: Option<u8>, queue: &mut Queue) {
        let waiting = Stage::Subscribing(id);
        let Some(at) = self.members.iter().position(|m| m.stage == waiting) else { return };
        if granted.is_some() {
            self.bear(now, at, queue);
        } else {
            self.members[at].stage = Stage::Over(Reason::Peer(Peer::Suback));
        }
    }

    fn published(&mut self, tag: u64, outcome: Outcome, queue: &mut Queue) {
        if tag == BIRTH {
            if let BirthStage::Sent(channel) = self.birth {
                self.birth = BirthStage::Done;
                let bearing = |m: &Member| m.channel == channel && m.stage == Stage::Bearing;
                if let Some(at) = self.members.iter().position(bearing) {
                    self.born(at, outcome, queue);
                }
            }
            return;
        }
        let Ok(key) = usize::try_from(tag) else { return };
        if let Some((channel, tag)) = self.flights.try_remove(key) {
            if self.flights.is_empty() {
                self.flights = Slab::new();
            }
            queue.event(channel, Event::Outcome(tag, outcome));
            queue.note(Note::Alive);
        }
    }

    /// The first step of a member on a connected session.
    fn begin(&mut self, now: Instant, at: usize, queue: &mut Queue) {
        let resumes = !self.connect.clean && self.connected == Some(true);
        let member = &mut self.members[at];
        let subscribe = member.filter.as_deref().filter(|_| !resumes);
        let Some(filter) = subscribe else { return self.bear(now, at, queue) };
        member.stage = match self.client.subscribe(now, filter, member.qos) {
            Ok(id) => Stage::Subscribing(id),
            Err(_) => Stage::Over(Reason::Policy(mainstay_base::Policy::Invalid)),
        };
    }

    /// The birth message, once per connection.
    fn bear(&mut self, now: Instant, at: usize, queue: &mut Queue) {
        let birth = self.members[at].birth.take().filter(|_| self.birth == BirthStage::Unborn);
        let Some(birth) = birth else { return self.ready(at, queue) };
        let channel = self.members[at].channel;
        if self.publish_birth(now, &birth) {
            self.birth = BirthStage::Sent(channel);
            self.members[at].stage = Stage::Bearing;
        } else {
            self.members[at].stage = Stage::Over(Reason::Policy(mainstay_base::Policy::Invalid));
        }
    }

    fn publish_birth(&mut self, now: Instant, birth: &Birth) -> bool {
        let Ok(len) = u32::try_from(birth.message.len()) else { return false };
        let Birth { topic, message, qos, retain } = birth;
        let publish = mqtt::Publish { topic, qos: *qos, retain: *retain, len, tag: BIRTH };
        self.client.publish(now, &publish).is_ok()
            && self.client.send(now, message) == message.len()
    }

    fn born(&mut self, at: usize, outcome: Outcome, queue: &mut Queue) {
        match outcome {
            Outcome::Acknowledged | Outcome::Sent => self.ready(at, queue),
            Outcome::Refused(reason) | Outcome::Unknown(reason) => {
                self.members[at].stage = Stage::Over(reason);
            }
        }
    }

    fn ready(&mut self, at: usize, queue: &mut Queue) {
        let member = &mut self.members[at];
        member.stage = Stage::Ready;
        queue.event(member.channel, Event::Opened);
    }

    /// Says goodbye to members whose time is over; behind the last one, to the broker (SS-571).
    fn sweep(&mut self, now: Instant, queue: &mut Queue) {
        let before = self.members.len();
        while let Some(at) = self.members.iter().position(|m| matches!(m.stage, Stage::Over(_))) {
            let member = self.members.swap_remove(at);
            if self.sending == Some(member.channel) {
                self.sending = None;
                // Half a publish cannot be taken back: only the connection's end undoes it.
                queue.note(Note::Failed(Reason::Local(Local::Closed)));
            }
            if let Stage::Over(reason) = member.stage {
                queue.event(member.channel, Event::Closed(reason));
            }
            queue.note(Note::Off(member.channel));
        }
        if before > 0 && self.members.is_empty() {
            self.client.disconnect(now);
            queue.note(Note::Done);
        }
    }

    fn end_all(&mut self, now: Instant, reason: Reason, queue: &mut Queue) {
        self.sending = None;
        for member in &mut self.members {
            let leaving = member.is_leaving();
            member.stage = Stage::Over(if leaving { Reason::Local(Local::Closed) } else { reason });
        }
        self.sweep(now, queue);
    }
}
