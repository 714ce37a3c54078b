//! `mainstay send`: standard input on one stream, until the peer has it.

use super::args;
use super::attempt::{Attempts, interrupted};
use super::document;
use super::ending::wind_up;
use super::exit::{Exit, Failure};
use super::journal;
use super::keep::{has_body, is_http};
use super::setup;
use super::signals::{Hangup, Signals};
use super::source::{self, Cut, Fed, Piece};
use crate::{Context, Device, Handler, StreamId, Tx};
use core::cell::RefCell;
use core::time::Duration;
use mainstay_base::{Local, Outcome, Peer, Reason};
use mainstay_policy::{Protocol, State, Streamtype, template};
use mainstay_stream::{Answer, Flags, PayloadId};
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::mpsc::Receiver;

/// How long a WebSocket or raw peer may take to close. chosen: as long as the wind-up would wait.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// The command.
pub(crate) fn run(args: &args::Send) -> Result<(), Failure> {
    let one = &args.one;
    let policy = document::load(&one.document)?;
    let streamtype = policy
        .streamtypes
        .get(&one.stream)
        .cloned()
        .ok_or_else(|| setup::unknown(&one.stream, &policy))?;
    if is_http(streamtype.protocol) && !has_body(&streamtype) {
        let words = format!("{}: its http_method takes no body; use `listen`", one.stream);
        return Err(Failure::new(Exit::Usage, words));
    }
    let mut device = setup::device(policy, &one.device)?;
    let cut = match (args.lines, streamtype.protocol) {
        (true, _) => Cut::Lines,
        (false, Protocol::Mqtt) => Cut::Whole,
        (false, _) => Cut::Stream,
    };
    let signals = Signals::new(device.waker(), Hangup::Stop)?;
    let outbox = Rc::new(RefCell::new(Outbox {
        source: source::stdin(cut, device.waker())?,
        head: None,
        taken: 0,
        asked: false,
        begun: 0,
        ended: 0,
        is_over: false,
        down: None,
        failure: None,
        attempts: Attempts::new(one.stream.clone()),
    }));
    let sender = Sender { outbox: Rc::clone(&outbox), metadata: one.metadata.clone() };
    let id = device
        .create(&one.stream, sender)
        .map_err(|error| setup::not_created(&one.stream, &error))?;
    let sent = serve(&mut device, id, &outbox, &signals, &streamtype, one.wait);
    wind_up(&mut device, &[id], || signals.stops() > 1, |_| Ok(()))?;
    sent
}

/// Feeds the stream until every message has its outcome, and the peer closed where that is the
/// only sign that it has them.
fn serve(
    device: &mut Device,
    id: StreamId,
    outbox: &RefCell<Outbox>,
    signals: &Signals,
    streamtype: &Streamtype,
    wait: Duration,
) -> Result<(), Failure> {
    let until = device.now() + wait;
    loop {
        let mut out = outbox.borrow_mut();
        if let Some(failure) = out.failure.take() {
            return Err(failure);
        }
        if let Some(failure) = out.attempts.overdue(device.now(), until) {
            return Err(failure);
        }
        if signals.stops() > 0 {
            return Err(interrupted(out.attempts.stream(), out.begun - out.ended));
        }
        out.pull();
        if out.is_done() {
            // The input broke, or held nothing.
            if out.failure.is_some() || out.begun == 0 {
                return out.failure.take().map_or(Ok(()), Err);
            }
            drop(out);
            return confirm(device, id, outbox, streamtype.protocol);
        }
        let free = !is_http(streamtype.protocol) || is_between(device, id, &out);
        if let Some(len) = out.ask(free) {
            let (now, node) = device.node_mut();
            match len {
                Some(len) => node.request_tx_len(now, id, len),
                None => node.request_tx(now, id),
            }
        }
        let wait = (!out.attempts.began).then(|| until.since(device.now()));
        drop(out);
        device.turn(wait)?;
    }
}

/// HTTP: the next message needs the transaction before to be over.
fn is_between(device: &Device, id: StreamId, out: &Outbox) -> bool {
    let busy = device.node().stream(id).is_some_and(|stream| stream.is_connected());
    out.taken > 0 || out.begun == 0 || (out.ended == out.begun && !busy)
}

/// Where nothing acknowledges, the close handshake is the peer's word that it read everything.
fn confirm(
    device: &mut Device,
    id: StreamId,
    outbox: &RefCell<Outbox>,
    protocol: Protocol,
) -> Result<(), Failure> {
    if !matches!(protocol, Protocol::Ws | Protocol::Raw) {
        return Ok(());
    }
    let (now, node) = device.node_mut();
    let until = now + CLOSE_MAX;
    node.close(now, id);
    outbox.borrow_mut().down = None;
    while outbox.borrow().down.is_none() && device.now() < until {
        device.turn(Some(until.since(device.now())))?;
    }
    let out = outbox.borrow();
    match out.down {
        Some(None | Some(Reason::Local(Local::Closed) | Reason::Peer(Peer::Closed))) => Ok(()),
        Some(Some(Reason::Peer(Peer::WsClose(1000 | 1001 | 1005)))) => Ok(()),
        Some(Some(why)) => Err(unconfirmed(&out, why)),
        None => Err(unconfirmed(&out, Reason::Local(Local::TimedOut(mainstay_base::Phase::Close)))),
    }
}

fn unconfirmed(out: &Outbox, why: Reason) -> Failure {
    let unknown = Failure::of_outcome(out.attempts.stream(), Outcome::Unknown(why));
    unknown.unwrap_or_else(|| Failure::ended(out.attempts.stream(), why))
}

/// What is to be sent, and what became of what was.
#[derive(Debug)]
struct Outbox {
    source: Receiver<Fed>,
    head: Option<Piece>,
    /// Bytes of `head` already sent.
    taken: usize,
    /// A tx opportunity is asked for.
    asked: bool,
    begun: u64,
    ended: u64,
    /// The input ended.
    is_over: bool,
    /// The connection went down: why, if it is known.
    down: Option<Option<Reason>>,
    failure: Option<Failure>,
    attempts: Attempts,
}

impl Outbox {
    /// Fetches the next piece, if there is one.
    fn pull(&mut self) {
        if self.head.is_some() || self.is_over {
            return;
        }
        match self.source.try_recv() {
            Ok(Fed::Piece(piece)) => self.head = Some(piece),
            Ok(Fed::Over) => self.is_over = true,
            Ok(Fed::Broken(error)) => {
                self.is_over = true;
                self.failure = Some(error.into());
            }
            Err(_) => {}
        }
    }

    const fn is_done(&self) -> bool {
        self.is_over && self.head.is_none() && self.ended >= self.begun
    }

    /// Whether to ask for a tx opportunity now, and for a message of which length.
    fn ask(&mut self, free: bool) -> Option<Option<u64>> {
        let head = self.head.as_ref()?;
        let starts = head.start && self.taken == 0;
        if self.asked || (starts && !free) {
            return None;
        }
        self.asked = true;
        Some(head.total.filter(|_| starts))
    }

    /// Puts the next piece into `buffer`; its length, and whether it starts and ends its message.
    fn fill(&mut self, buffer: &mut [u8]) -> Option<(usize, bool, bool)> {
        let head = self.head.as_ref()?;
        let rest = head.bytes.get(self.taken..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer.get_mut(..len)?.copy_from_slice(rest.get(..len)?);
        let whole = len == rest.len();
        let (start, end) = (head.start && self.taken == 0, head.end && whole);
        self.taken += len;
        if whole {
            (self.head, self.taken) = (None, 0);
        }
        self.begun += u64::from(start);
        Some((len, start, end))
    }
}

/// The handler.
#[derive(Debug)]
struct Sender {
    outbox: Rc<RefCell<Outbox>>,
    metadata: Vec<(String, String)>,
}

impl Sender {
    /// A metadata that the MQTT topic needs and that has no value, neither here nor in the policy.
    fn missing<'a>(&self, cx: &Context<'a>) -> Option<&'a str> {
        let topic = cx.stream().streamtype().mqtt.topic.as_deref()?;
        template::names(topic).find(|&name| {
            let given =
                self.metadata.iter().any(|(other, value)| other == name && !value.is_empty());
            let set = cx.metadata(name).is_some_and(|value| !value.is_empty());
            !given && !set
        })
    }
}

impl Handler for Sender {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        journal::state(cx, state, reason);
        let mut out = self.outbox.borrow_mut();
        if state == State::Creating {
            for (name, value) in &self.metadata {
                if cx.set_metadata(name, value.as_bytes()).is_err() {
                    out.failure = Some(undeclared(out.attempts.stream(), name));
                }
            }
            if let Some(name) = self.missing(cx).filter(|_| out.failure.is_none()) {
                out.failure = Some(unset(out.attempts.stream(), name));
            }
        }
        if matches!(state, State::Disconnected | State::Unreachable) {
            out.down = Some(reason);
        }
        let failure = out.attempts.take(state, reason);
        if out.failure.is_none() {
            out.failure = failure;
        }
        Answer::Ok
    }

    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], _flags: Flags) -> Answer {
        journal::moved(cx, "rx", payload.len());
        if is_http(cx.stream().streamtype().protocol) {
            let mut stdout = io::stdout().lock();
            let written = stdout.write_all(payload).and_then(|()| stdout.flush());
            if let Err(failure) = super::exit::unless_closed(written) {
                self.outbox.borrow_mut().failure = Some(failure);
            }
        }
        Answer::Ok
    }

    fn tx(&mut self, cx: &mut Context<'_>, _ordinal: u32, buffer: &mut [u8]) -> Tx {
        let mut out = self.outbox.borrow_mut();
        out.asked = false;
        out.pull();
        let Some((len, start, end)) = out.fill(buffer) else { return Tx::DontSend };
        journal::moved(cx, "tx", len);
        out.attempts.began = true;
        out.pull();
        let free = !is_http(cx.stream().streamtype().protocol);
        match out.ask(free) {
            Some(Some(len)) => cx.request_tx_len(len),
            Some(None) => cx.request_tx(),
            None => {}
        }
        Tx::Send { len, flags: Flags::ends(start, end) }
    }

    fn outcome(&mut self, cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, through: bool) {
        journal::outcome(cx, id, outcome);
        let mut out = self.outbox.borrow_mut();
        out.ended = if through { out.ended.max(id.0 + 1) } else { out.ended + 1 };
        let failure = Failure::of_outcome(out.attempts.stream(), outcome);
        if out.failure.is_none() {
            out.failure = failure;
        }
    }
}

/// A metadata the topic needs was not given.
fn unset(stream: &str, name: &str) -> Failure {
    let words = format!("{stream}: its mqtt_topic needs a value: -m {name}=VALUE");
    Failure::new(Exit::Usage, words)
}

/// A metadata was given that the streamtype does not declare.
pub(crate) fn undeclared(stream: &str, name: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{stream}: the policy declares no metadata {name}"))
}
