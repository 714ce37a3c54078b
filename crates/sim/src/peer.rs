//! The other end of a connection: what a server does, as a value.

mod broker;
mod echo;
mod h1;
mod h2;
mod script;
mod secured;
mod ws;

pub use broker::{Broker, BrokerRules};
pub use echo::Echo;
pub use h1::H1;
pub use h2::H2;
pub use script::Script;
pub use secured::Secured;
pub use ws::{Ws, WsRules};

use core::cell::RefCell;
use core::fmt::Debug;
use core::time::Duration;
use mainstay_base::{Instant, Reason, Rng};
use std::rc::Rc;

/// How a peer wants its connection to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It sends no more once its output is written; it reads on.
    Finish,
    /// It closes once its output is written.
    Close,
    /// It resets the connection now.
    Abort,
}

/// A server's end of one connection. Any order of calls is legal.
pub trait Peer: Debug {
    /// The connection is there.
    fn handle_opened(&mut self, _now: Instant) {}

    /// Takes bytes from the front; how many. What is not taken is offered again.
    fn handle_input(&mut self, now: Instant, rng: &mut Rng, bytes: &mut [u8]) -> usize;

    /// The device sends no more.
    fn handle_eof(&mut self, _now: Instant) {}

    /// The connection is gone.
    fn handle_lost(&mut self, _now: Instant, _reason: Reason) {}

    /// A deadline passed.
    fn handle_timeout(&mut self, _now: Instant, _rng: &mut Rng) {}

    /// When `handle_timeout` has something to do.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Appends at most `limit` bytes.
    fn poll_transmit(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<u8>, limit: usize);

    /// All that was polled was taken by the transport.
    fn handle_written(&mut self, _now: Instant) {}

    /// How it wants to end, if it does.
    fn ending(&self) -> Option<Ending> {
        None
    }
}

/// What all connections of one server saw. The test holds it too.
#[derive(Debug, Default)]
pub struct Log {
    /// Whole messages received (ws, mqtt) and whole bodies of requests, in order.
    pub messages: Vec<Vec<u8>>,
    /// Bodies whose request was answered with 2xx, and messages that were acknowledged.
    pub answered: Vec<Vec<u8>>,
    /// Connections made.
    pub connections: u32,
    /// Requests seen (h1, h2), upgrades (ws), CONNECTs (mqtt).
    pub requests: u32,
    /// Pings seen (mqtt).
    pub pings: u32,
    /// When each connection was made.
    pub opened: Vec<Instant>,
    /// SUBSCRIBE filters and UNSUBSCRIBE filters (with a leading `-`), DISCONNECT as `.`.
    pub notes: Vec<String>,
}

/// A log that a server's connections share with the test.
pub type SharedLog = Rc<RefCell<Log>>;

/// What an HTTP server does about a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Status, headers, body. Without `sized` the body is chunked on h1.
    Respond {
        /// The status.
        status: u16,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
        /// Announce its length.
        sized: bool,
    },
    /// The same, so much later.
    Later(Duration, Box<Self>),
    /// Close without a word.
    Drop,
    /// Reset.
    Reset,
    /// Say nothing, ever.
    Never,
    /// These bytes instead of a response, then close.
    Bytes(Vec<u8>),
}

impl Answer {
    /// 200 with a body of announced length.
    #[must_use]
    pub const fn ok(body: Vec<u8>) -> Self {
        Self::Respond { status: 200, headers: Vec::new(), body, sized: true }
    }

    /// A status without a body.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::Respond { status, headers: Vec::new(), body: Vec::new(), sized: true }
    }

    /// A status with a header and without a body.
    #[must_use]
    pub fn with_header(status: u16, name: &'static str, value: &str) -> Self {
        let headers = vec![(name, value.to_owned())];
        Self::Respond { status, headers, body: Vec::new(), sized: true }
    }
}

/// Decides about requests: method and path, and how many came before.
pub type Judge = Rc<dyn Fn(&str, &str, u32) -> Answer>;
