//! A stream that is kept up: its handler, and the row that shows how it fares.

use super::feed::Producer;
use super::{journal, reason};
use crate::{Context, Handler, Tx};
use core::cell::RefCell;
use mainstay_base::{Outcome, Reason};
use mainstay_policy::{Protocol, State, Streamtype};
use mainstay_stream::{Answer, Counters, Flags, PayloadId, Stream};
use std::rc::Rc;

/// Characters of a message that are shown. chosen: what fits beside the rest of a line.
const PREVIEW_MAX: usize = 48;

/// How one stream fares.
#[derive(Clone, Debug)]
pub struct Row {
    /// The streamtype.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// The state last heard; none before CREATING.
    pub state: Option<State>,
    /// Why the last attempt or connection ended, until the next one succeeds.
    pub reason: Option<Reason>,
    /// The connection it rides on; equal numbers share one.
    pub connection: Option<usize>,
    /// Messages, bytes and outcomes.
    pub counters: Counters,
    /// Messages without an outcome yet.
    pub pending: u64,
    /// Attempts that followed a failure.
    pub retries: u32,
    /// Why it cannot run at all.
    pub refused: Option<String>,
    /// What arrived last, shortened.
    pub last: String,
    pub(crate) failed: bool,
}

impl Row {
    pub(crate) fn new(streamtype: &Streamtype) -> Self {
        Self {
            name: streamtype.name.clone(),
            protocol: streamtype.protocol,
            state: None,
            reason: None,
            connection: None,
            counters: Counters::default(),
            pending: 0,
            retries: 0,
            refused: None,
            last: String::new(),
            failed: false,
        }
    }

    /// Whether an HTTP transaction is begun and not over.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        let at = self.state;
        let over = matches!(
            at,
            None | Some(State::Creating | State::Disconnected | State::Unreachable | State::Poll)
        );
        is_http(self.protocol) && !over
    }

    fn see(&mut self, stream: &Stream) {
        self.counters = *stream.counters();
        self.pending = stream.pending();
    }

    fn entered(&mut self, state: State, reason: Option<Reason>) {
        self.state = Some(state);
        self.reason = reason.or(self.reason);
        let lasting = !is_http(self.protocol);
        if state == State::Connected {
            (self.reason, self.failed) = (None, false);
        } else if matches!(state, State::Unreachable | State::AuthFailed) {
            self.failed = true;
        } else if state == State::Disconnected {
            self.failed = lasting;
        } else if state == State::Connecting && self.failed {
            self.retries += 1;
        }
    }
}

/// What all kept streams share with the loop.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) rows: Vec<Row>,
    /// What happened since the screen was last served: the row, and the words. Served every turn.
    pub(crate) lines: Vec<(usize, String)>,
    /// Whether arrivals and good outcomes get lines too.
    pub(crate) is_chatty: bool,
    /// Whether lines are wanted at all.
    pub(crate) has_lines: bool,
    /// Nothing is repeated.
    pub(crate) is_resting: bool,
}

impl Board {
    fn row(&mut self, place: usize) -> Option<&mut Row> {
        self.rows.get_mut(place)
    }

    pub(crate) fn say(&mut self, place: usize, words: impl FnOnce() -> String) {
        if self.has_lines {
            self.lines.push((place, words()));
        }
    }
}

/// The handler of a kept stream.
#[derive(Debug)]
pub(crate) struct Keeper {
    place: usize,
    board: Rc<RefCell<Board>>,
    metadata: Rc<[(String, String)]>,
    producer: Option<Producer>,
    /// Connect at creation although the policy does not say so.
    connects: bool,
}

impl Keeper {
    pub(crate) fn new(
        place: usize,
        board: &Rc<RefCell<Board>>,
        metadata: &Rc<[(String, String)]>,
        producer: Option<Producer>,
        streamtype: &Streamtype,
    ) -> Self {
        let connects = !streamtype.nailed_up && producer.is_none() && !has_body(streamtype);
        let (board, metadata) = (Rc::clone(board), Rc::clone(metadata));
        Self { place, board, metadata, producer, connects }
    }

    fn created(&self, cx: &mut Context<'_>) {
        for (name, value) in self.metadata.iter() {
            // Not every stream declares every name.
            let _undeclared = cx.set_metadata(name, value.as_bytes());
        }
        if self.connects {
            cx.connect();
        }
    }
}

impl Handler for Keeper {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        if state == State::Creating {
            self.created(cx);
        }
        if matches!(state, State::Disconnected | State::Unreachable)
            && let Some(producer) = &mut self.producer
        {
            producer.interrupted();
        }
        journal::state(cx, state, reason);
        let mut board = self.board.borrow_mut();
        if let Some(row) = board.row(self.place) {
            row.entered(state, reason);
            row.see(cx.stream());
        }
        let told = board.is_chatty || is_news(cx.stream(), state);
        if told {
            board.say(self.place, || match reason {
                Some(why) => format!("{}: {}", reason::state(state), why),
                None => reason::state(state),
            });
        }
        // A POLL or CONNECTING that is declined leaves the stream as it is, idle.
        let begins = matches!(state, State::Poll | State::Connecting);
        if board.is_resting && begins { Answer::DisconnectMe } else { Answer::Ok }
    }

    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        journal::moved(cx, "rx", payload.len());
        let mut board = self.board.borrow_mut();
        let shown = preview(payload);
        // A response's end may come without bytes, and its state is told.
        let is_end = payload.is_empty() && is_http(cx.stream().streamtype().protocol);
        if board.is_chatty && !is_end {
            let topic = cx.topic().filter(|_| flags.has(Flags::SOM));
            board.say(self.place, || {
                let topic = topic.map(|topic| format!(" under {topic}")).unwrap_or_default();
                format!("received {} bytes{topic}: {shown}", payload.len())
            });
        }
        if let Some(row) = board.row(self.place) {
            row.see(cx.stream());
            if !payload.is_empty() {
                row.last = shown;
            }
        }
        Answer::Ok
    }

    fn tx(&mut self, cx: &mut Context<'_>, _ordinal: u32, buffer: &mut [u8]) -> Tx {
        let Some(producer) = &mut self.producer else { return Tx::DontSend };
        producer.begin();
        let (len, start, end) = producer.fill(buffer);
        journal::moved(cx, "tx", len);
        if !end {
            cx.request_tx();
        }
        Tx::Send { len, flags: Flags::ends(start, end) }
    }

    fn outcome(&mut self, cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, _through: bool) {
        journal::outcome(cx, id, outcome);
        let mut board = self.board.borrow_mut();
        if let Some(row) = board.row(self.place) {
            row.see(cx.stream());
        }
        let good = matches!(outcome, Outcome::Acknowledged | Outcome::Sent);
        if !good || board.is_chatty {
            board.say(self.place, || format!("message {} {outcome}", id.0));
        }
    }
}

/// Whether a state is worth a line to someone who wants few: the first connection, and trouble.
fn is_news(stream: &Stream, state: State) -> bool {
    let lasting = !is_http(stream.streamtype().protocol);
    if state == State::Connected {
        return lasting || stream.counters().connections == 1;
    }
    matches!(
        state,
        State::Unreachable
            | State::AuthFailed
            | State::AllRetriesFailed
            | State::QosNackRemote
            | State::Destroying
    ) || (lasting && state == State::Disconnected)
}

/// Whether a stream is a transaction, and not a lasting connection.
pub(crate) const fn is_http(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::H1 | Protocol::H2 | Protocol::H3)
}

/// Whether a streamtype's requests carry what the application sends.
pub(crate) fn has_body(streamtype: &Streamtype) -> bool {
    let http = is_http(streamtype.protocol);
    let method = streamtype.http.method.as_deref().unwrap_or("GET");
    http && ["POST", "PUT", "PATCH"].iter().any(|body| method.eq_ignore_ascii_case(body))
}

/// The start of a payload, as far as it is text a terminal may be shown.
pub(crate) fn preview(payload: &[u8]) -> String {
    let head = payload.get(..payload.len().min(PREVIEW_MAX * 4)).unwrap_or_default();
    let text = String::from_utf8_lossy(head);
    let visible = |c: char| if c.is_control() || c == '\u{fffd}' { '.' } else { c };
    let mut shown: String = text.trim_end().chars().take(PREVIEW_MAX).map(visible).collect();
    if text.trim_end().chars().count() > PREVIEW_MAX {
        shown.push_str("..");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_base::Network;

    #[test]
    fn a_preview_holds_nothing_a_terminal_would_obey() {
        assert_eq!(preview(b"a\x1b[2Jb\n"), "a.[2Jb");
        assert_eq!(preview(&[0xff, 0x00, b'x']), "..x");
        assert_eq!(preview(&[b'y'; 100]).len(), PREVIEW_MAX + 2);
        assert_eq!(preview(b""), "");
    }

    #[test]
    fn a_retry_is_an_attempt_after_a_failure_or_a_loss() {
        let streamtype = Streamtype { protocol: Protocol::Ws, ..Streamtype::default() };
        let mut row = Row::new(&streamtype);
        row.entered(State::Connecting, None);
        row.entered(State::Unreachable, Some(Reason::Network(Network::Refused)));
        assert!(row.reason.is_some());
        row.entered(State::Connecting, None);
        row.entered(State::Connected, None);
        assert_eq!((row.retries, row.reason), (1, None));
        row.entered(State::Disconnected, None);
        row.entered(State::Connecting, None);
        assert_eq!(row.retries, 2);
        let mut get = Row::new(&Streamtype::default());
        for state in [State::Connecting, State::Connected, State::Disconnected, State::Connecting] {
            get.entered(state, None);
        }
        assert_eq!(get.retries, 0, "a completed transaction that repeats is none");
    }
}
