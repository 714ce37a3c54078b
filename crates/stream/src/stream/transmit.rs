//! Sending: when tx is offered (SS-144, SS-507), what `send` takes (SS-301, SS-310, SS-506), and
//! what the pool gets.

use super::Stream;
use crate::counters::Counters;
use crate::error::Misuse;
use crate::lifecycle::Life;
use crate::notice::Event;
use crate::opening;
use crate::payload::{Flags, PayloadId, Piece, piece};
use mainstay_base::{Instant, Local, Outcome, Policy, Reason};
use mainstay_http::Body;
use mainstay_policy::Protocol;
use mainstay_pool as pool;

/// The way for payload down.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The protocol permits payload.
    pub(super) is_open: bool,
    /// The application asked for tx.
    pub(super) wanted: bool,
    /// The pool was asked for room.
    pub(super) asked: bool,
    /// The pool has room and tx was not offered yet.
    pub(super) writable: bool,
    /// A message was begun and not ended.
    pub(super) message_open: bool,
    /// Ordinal of the next tx offer (SS-247).
    pub(super) ordinal: u32,
    /// Bytes of the message, or of the body, sent so far.
    pub(super) sent: u64,
}

impl Way {
    /// No payload any more on this channel; what was asked for stays asked for.
    pub(super) const fn shut(&mut self) {
        self.is_open = false;
        self.asked = false;
        self.writable = false;
        self.message_open = false;
        self.sent = 0;
    }
}

/// Topics of an mqtt stream.
#[derive(Debug, Default)]
pub(super) struct Topics {
    /// The expanded topic of the message being sent.
    pub(super) sent: String,
    /// The topic of the message last received.
    pub(super) received: Option<String>,
}

/// Longest topic name: MQTT 3.1.1 §1.5.3, and what AWS allows (SS-573).
const TOPIC_MAX: usize = 65_535;
const AWS_TOPIC_MAX: usize = 256;

impl Stream {
    /// Takes a chunk of a message, after `Event::Tx` or while `is_open`; the pool's chunk goes to the
    /// pool at once. The caller knows the pool's room and keeps to it.
    ///
    /// # Errors
    /// `Destroyed`, `NotConnected`: nothing happened. `NoRoom`: 4 GiB and more. `Framing`: flags contradict what
    /// went before, which on ws closes the connection (SS-310), or more or less is sent than was
    /// announced (SS-506). `Unsupported`: a receive-only stream, or a POLL chunk. `Policy`: the
    /// topic's template.
    pub fn send<'a>(
        &'a mut self,
        now: Instant,
        bytes: &'a [u8],
        flags: Flags,
    ) -> Result<(PayloadId, pool::Chunk<'a>), Misuse> {
        self.alive()?;
        if !self.may_send() {
            return Err(Misuse::NotConnected);
        }
        if flags.has(Flags::POLL) {
            return Err(Misuse::Unsupported);
        }
        let len = u32::try_from(bytes.len()).map_err(|_| Misuse::NoRoom)?;
        let Some(piece) = piece(self.streamtype.protocol, self.way.message_open, flags) else {
            self.abort(Local::Framing);
            self.lose(now, Reason::Local(Local::Framing));
            self.check();
            return Err(Misuse::Framing);
        };
        self.check_length(len, piece)?;
        if piece.start && self.streamtype.protocol == Protocol::Mqtt {
            self.choose_topic()?;
        }
        let (id, total) = self.book(len, piece);
        Ok((id, self.chunk(bytes, piece, id, total)))
    }

    /// The pool did not take the chunk of `id` after all: its message is refused and the connection,
    /// whose framing is torn, is dropped. Never needed where the pool's room is heeded.
    pub fn handle_refusal(&mut self, now: Instant, id: PayloadId, why: pool::Misuse) {
        let why = match why {
            pool::Misuse::NoRoom | pool::Misuse::NotOpen => Local::Limit,
            pool::Misuse::Framing | pool::Misuse::Unsupported => Local::Framing,
        };
        let reason = Reason::Local(why);
        if self.life.has_channel() && self.ledger.last() == id.0 && self.ledger.end(id.0).is_some()
        {
            let outcome = Outcome::Refused(reason);
            self.notices.push(crate::notice::Notice::Outcomes {
                from: id.0,
                to: id.0 + 1,
                outcome,
            });
        }
        if self.life.has_channel() {
            self.abort(why);
            self.lose_or_fail(now, reason);
        }
        self.check();
    }

    /// A piece that a handler sent was not taken, for this reason: its message gets its number and is
    /// refused at once. One in the midst of a message ends that: the connection is dropped.
    pub fn refuse(&mut self, now: Instant, why: Misuse) {
        if self.way.message_open {
            return self.handle_refusal(now, PayloadId(self.ledger.last()), pool::Misuse::Framing);
        }
        let id = self.ledger.refuse();
        let outcome = Outcome::Refused(why.reason());
        self.notices.push(crate::notice::Notice::Outcomes { from: id, to: id + 1, outcome });
        self.check();
    }

    /// Whether to ask the pool for room: wanted, permitted, and not asked already.
    pub(super) fn wants_room(&self) -> bool {
        self.way.wanted && !self.way.asked && !self.way.writable && self.may_send()
    }

    /// The tx opportunity, once all before it was told.
    pub(super) fn offer_tx(&mut self) -> Option<Event> {
        if !(self.way.writable && self.may_send()) {
            return None;
        }
        let room = opening::tx_max(&self.streamtype);
        let ordinal = self.way.ordinal;
        self.way.writable = false;
        self.way.wanted = false;
        self.way.ordinal = ordinal.wrapping_add(1);
        Some(Event::Tx { ordinal, room })
    }

    /// The opportunity just polled has no room after all: it comes again when there is some.
    pub fn postpone_tx(&mut self) {
        self.way.wanted = true;
        self.way.ordinal = self.way.ordinal.wrapping_sub(1);
        self.check();
    }

    /// The protocol permits payload, and the application knows of the connection where it must.
    pub(super) fn may_send(&self) -> bool {
        self.way.is_open && (self.told || self.is_http()) && self.open.is_none()
    }

    /// Holds the message to its announced length (SS-506, SS-564).
    fn check_length(&self, len: u32, piece: Piece) -> Result<(), Misuse> {
        let sent = if piece.start { 0 } else { self.way.sent } + u64::from(len);
        let total = match self.streamtype.protocol {
            Protocol::H1 | Protocol::H2 | Protocol::H3 => match self.body() {
                Body::Sized(total) => Some(total),
                Body::Unsized => None,
                Body::None => return Err(Misuse::Unsupported),
            },
            Protocol::Mqtt if self.streamtype.mqtt.topic.is_none() => {
                return Err(Misuse::Unsupported);
            }
            Protocol::Mqtt if self.announced.is_none() && !(piece.start && piece.end) => {
                return Err(Misuse::Framing);
            }
            Protocol::Mqtt => self.announced,
            Protocol::Ws | Protocol::Raw => None,
        };
        let fits = total.is_none_or(|total| if piece.end { sent == total } else { sent <= total });
        if fits { Ok(()) } else { Err(Misuse::Framing) }
    }

    fn body(&self) -> Body {
        self.transaction.as_ref().map_or(Body::None, |transaction| transaction.body)
    }

    /// Expands the topic of a publish: each one anew (SS-450).
    fn choose_topic(&mut self) -> Result<(), Misuse> {
        let mqtt = &self.streamtype.mqtt;
        let topic = mqtt.topic.as_deref().unwrap_or_default();
        let max = if mqtt.aws_iot { AWS_TOPIC_MAX } else { TOPIC_MAX };
        if topic.contains("${") {
            let topic = self.opener().expand(topic).map_err(Misuse::Policy)?;
            self.topics.get_or_insert_default().sent = topic;
        }
        let len = self.sent_topic().len();
        if len == 0 || len > max { Err(Misuse::Policy(Policy::Invalid)) } else { Ok(()) }
    }

    fn sent_topic(&self) -> &str {
        let written = self.streamtype.mqtt.topic.as_deref().unwrap_or_default();
        match &self.topics {
            Some(topics) if written.contains("${") => &topics.sent,
            Some(_) | None => written,
        }
    }

    /// Books the chunk: message number, counters, what is open.
    fn book(&mut self, len: u32, piece: Piece) -> (PayloadId, Option<u64>) {
        if piece.start {
            self.ledger.begin();
            self.way.sent = 0;
            self.counters.tx_messages = self.counters.tx_messages.saturating_add(1);
        }
        self.counters.tx_bytes = self.counters.tx_bytes.saturating_add(len.into());
        self.way.sent += u64::from(len);
        self.way.message_open = !piece.end;
        let mut total = self.announced;
        match self.streamtype.protocol {
            Protocol::H1 | Protocol::H2 | Protocol::H3 => {
                // One body per transaction.
                self.way.is_open = !piece.end;
            }
            Protocol::Mqtt if piece.end => self.announced = None,
            Protocol::Mqtt => {}
            Protocol::Ws | Protocol::Raw => total = None,
        }
        if piece.end {
            self.ledger.complete(self.way.ordinal.wrapping_sub(1));
        }
        (PayloadId(self.ledger.last()), total)
    }

    fn chunk<'a>(
        &'a self,
        bytes: &'a [u8],
        piece: Piece,
        id: PayloadId,
        total: Option<u64>,
    ) -> pool::Chunk<'a> {
        let mqtt = &self.streamtype.mqtt;
        let publish = (self.streamtype.protocol == Protocol::Mqtt).then(|| pool::Publish {
            topic: self.sent_topic(),
            qos: mqtt.qos,
            retain: mqtt.retain,
        });
        pool::Chunk { bytes, start: piece.start, end: piece.end, total, tag: id.0, publish }
    }

    /// Every message up to `tag` was handed to the transport.
    pub(super) fn sent_through(&mut self, tag: u64) {
        let count = self.ledger.end_through(tag);
        if count == 0 {
            return Counters::bump(&mut self.counters.ignored, 1);
        }
        Counters::bump(&mut self.counters.sent, count);
        let through = tag.min(self.ledger.last());
        self.notices.push(crate::notice::Notice::SentThrough(through));
    }

    /// Whether received payload is for the application.
    pub(super) const fn is_serving(&self) -> bool {
        matches!(self.life, Life::Connected)
    }
}
