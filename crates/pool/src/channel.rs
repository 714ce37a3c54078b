//! What a stream asks of the pool and hears from it. Values only; the pool is in `pool.rs`.

use core::time::Duration;
use mainstay_base::{Outcome, Reason};
use mainstay_http::{Request, Response};
use mainstay_layers::{StackSpec, Target};
use std::sync::Arc;

/// A stream's place in the pool: the caller's number, one channel per stream at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u32);

/// Everything needed to bring one channel up.
#[derive(Clone, Debug)]
pub struct Open {
    /// Where, and through what. Whoever opens the same again shares it: then nothing is compared.
    pub route: Arc<Route>,
    /// What to speak there.
    pub protocol: Protocol,
    /// Validity checks of the network connection, if this channel opens it (SS-446).
    pub validity: Option<Validity>,
    /// Socket priority and type of service (SS-019).
    pub attributes: Attributes,
    /// Most payload bytes queued between application and wire; at least 1024 (SS-248).
    pub tx_max: usize,
}

/// Where a channel leads and through what; channels with equal ones may ride together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Where, in the end: host and port, or a Unix address.
    pub target: Target,
    /// Through which layers.
    pub stack: StackSpec,
}

/// What to speak once the layers are up.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// One HTTP/1.1 transaction.
    H1(Box<Request>),
    /// One HTTP/2 transaction; with `fallback` ALPN decides between h2 and http/1.1.
    H2 {
        /// What to ask.
        request: Box<Request>,
        /// Offer `http/1.1` too (`h1_fallback`).
        fallback: bool,
    },
    /// A WebSocket.
    Ws {
        /// The upgrade request; method and body are ignored.
        request: Box<Request>,
        /// `Sec-WebSocket-Protocol` offered.
        subprotocol: Option<String>,
        /// Whether messages leave as binary.
        binary: bool,
    },
    /// A member of an MQTT connection.
    Mqtt(Box<MqttOpen>),
    /// Bytes.
    Raw,
}

/// What an MQTT member brings: the connection's parameters and its own opening.
#[derive(Clone, Debug)]
pub struct MqttOpen {
    /// CONNECT, of the member that opens the connection (SS-561).
    pub connect: MqttConnect,
    /// Filter and QoS subscribed before CONNECTED.
    pub subscribe: Option<(String, u8)>,
    /// Published once per connection before CONNECTED.
    pub birth: Option<Birth>,
}

/// CONNECT's fields (MQTT 3.1.1 section 3.1). Equal ones may share a connection (SS-562).
#[derive(Clone, PartialEq, Eq)]
pub struct MqttConnect {
    /// Empty: the pool draws one for the connection (SS-560).
    pub client_id: String,
    /// Seconds; 0 for none.
    pub keep_alive_s: u16,
    /// Clean session.
    pub clean: bool,
    /// Last will.
    pub will: Option<Will>,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Vec<u8>>,
}

impl core::fmt::Debug for MqttConnect {
    /// Everything but the password.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MqttConnect")
            .field("client_id", &self.client_id)
            .field("keep_alive_s", &self.keep_alive_s)
            .field("clean", &self.clean)
            .field("will", &self.will)
            .field("username", &self.username.is_some())
            .finish_non_exhaustive()
    }
}

/// The last will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Topic name.
    pub topic: String,
    /// Payload.
    pub message: Vec<u8>,
    /// 0 to 2.
    pub qos: u8,
    /// Retain flag.
    pub retain: bool,
}

/// The birth message (SS-563).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Birth {
    /// Topic name.
    pub topic: String,
    /// Payload.
    pub message: Vec<u8>,
    /// 0 to 2.
    pub qos: u8,
    /// Retain flag.
    pub retain: bool,
}

/// Proof of two-way traffic is wanted (SS-445).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Silence before a ping; `None` for no ping (SS-447).
    pub ping: Option<Duration>,
    /// Silence before hanging up.
    pub hangup: Duration,
}

/// Socket attributes of a streamtype (SS-019).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attributes {
    /// `SO_PRIORITY`, 0 to 7.
    pub priority: u8,
    /// IP type of service or IPv6 traffic class (RFC 1349 values).
    pub tos: u8,
}

/// What happened on a channel, in order. Payload comes between events, in wire order.
#[derive(Debug)]
pub enum Event {
    /// The way is free: ws upgraded, MQTT subscribed and born, raw up; for HTTP the connection
    /// is there and the request is on its way.
    Opened,
    /// Head of the HTTP response, or of the answer to a ws upgrade (before `Opened` or `Closed`).
    Head(Box<Response>),
    /// There is room again, once per `want_tx`.
    Writable,
    /// HTTP: the response is complete. The channel is over; nothing follows.
    Finished,
    /// A message's end, by the tag it was sent under.
    Outcome(u64, Outcome),
    /// Every message up to and with this tag was handed to the transport (ws, raw).
    SentThrough(u64),
    /// Two-way traffic was proved, or a whole validity interval passed: the connection is good.
    Valid,
    /// The channel is over; nothing follows. Messages without an outcome are unknown.
    Closed(Reason),
}

/// A piece of received payload.
#[derive(Debug)]
pub struct Payload<'b> {
    /// The bytes, lent for this turn; may be empty.
    pub bytes: &'b [u8],
    /// First piece of its message (ws, mqtt; HTTP: of the body).
    pub start: bool,
    /// Last piece of its message (ws, mqtt; HTTP and raw: never).
    pub end: bool,
    /// ws: the message is binary.
    pub binary: bool,
    /// mqtt: the topic it came under.
    pub topic: Option<&'b str>,
}

/// A piece of payload to send.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// First piece of its message.
    pub start: bool,
    /// Last piece of its message; ends the request body on HTTP.
    pub end: bool,
    /// Length of the whole message, needed by mqtt when it comes in pieces (SS-564).
    pub total: Option<u64>,
    /// Comes back in the message's outcome; grows by message.
    pub tag: u64,
    /// mqtt: the topic to publish under, its QoS and retain flag.
    pub publish: Option<Publish<'a>>,
}

/// How to publish (SS-437).
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// Topic name, substituted.
    pub topic: &'a str,
    /// 0 to 2.
    pub qos: u8,
    /// Retain flag.
    pub retain: bool,
}

/// Why a chunk was not taken. Decidable by the caller before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// No such channel, or not open for payload.
    NotOpen,
    /// More than `room` bytes: ask `want_tx` and wait for `Writable`.
    NoRoom,
    /// Start and end flags contradict what went before, or the announced length (SS-310, SS-506).
    Framing,
    /// The protocol or this version cannot do it.
    Unsupported,
}

/// How to end a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// In order: what is queued leaves, ws closes by handshake, mqtt unsubscribes and disconnects.
    Finish,
    /// At once, with this reason.
    Abort(Reason),
}
