//! `mainstay listen`: what arrives on one stream, alone on standard output.

use super::args;
use super::attempt::Attempts;
use super::document;
use super::ending::wind_up;
use super::exit::{Exit, Failure};
use super::journal;
use super::keep::has_body;
use super::send::undeclared;
use super::setup;
use super::signals::{Hangup, Signals};
use crate::{Context, Device, Handler};
use core::cell::RefCell;
use mainstay_base::{Instant, Reason};
use mainstay_policy::{Protocol, State};
use mainstay_stream::{Answer, Flags};
use std::io::{self, Write};
use std::rc::Rc;

/// The command.
pub(crate) fn run(args: &args::Listen) -> Result<(), Failure> {
    let one = &args.one;
    let policy = document::load(&one.document)?;
    let streamtype = policy
        .streamtypes
        .get(&one.stream)
        .cloned()
        .ok_or_else(|| setup::unknown(&one.stream, &policy))?;
    if has_body(&streamtype) {
        let words = format!("{}: its http_method sends a body; use `send`", one.stream);
        return Err(Failure::new(Exit::Usage, words));
    }
    let mut device = setup::device(policy, &one.device)?;
    let signals = Signals::new(device.waker(), Hangup::Stop)?;
    let inbox = Rc::new(RefCell::new(Inbox {
        attempts: Attempts::new(one.stream.clone()),
        left: args.count,
        last: None,
        end: None,
    }));
    let listener = Listener {
        inbox: Rc::clone(&inbox),
        metadata: one.metadata.clone(),
        connects: !streamtype.nailed_up,
        ends_lines: !args.raw && streamtype.protocol != Protocol::Raw,
        once: !streamtype.nailed_up_repeat,
    };
    let id = device
        .create(&one.stream, listener)
        .map_err(|error| setup::not_created(&one.stream, &error))?;
    let now = device.now();
    let limits = Limits { connected: now + one.wait, over: args.for_time.map(|time| now + time) };
    let heard = serve(&mut device, &inbox, &signals, &limits);
    wind_up(&mut device, &[id], || signals.stops() > 1, |_| Ok(()))?;
    heard
}

struct Limits {
    connected: Instant,
    over: Option<Instant>,
}

fn serve(
    device: &mut Device,
    inbox: &RefCell<Inbox>,
    signals: &Signals,
    limits: &Limits,
) -> Result<(), Failure> {
    loop {
        let mut inside = inbox.borrow_mut();
        if let Some(end) = inside.end.take() {
            return end;
        }
        let now = device.now();
        if signals.stops() > 0 {
            return Ok(());
        }
        if let Some(over) = limits.over.filter(|&over| over <= now) {
            // Who never came through has not listened.
            return inside.attempts.overdue(now, over).map_or(Ok(()), Err);
        }
        if let Some(failure) = inside.attempts.overdue(now, limits.connected) {
            return Err(failure);
        }
        let connected = (!inside.attempts.began).then_some(limits.connected);
        let next = [connected, limits.over].into_iter().flatten().min();
        drop(inside);
        device.turn(next.map(|at| at.since(now)))?;
    }
}

/// How far listening has come.
#[derive(Debug)]
struct Inbox {
    attempts: Attempts,
    /// Messages still wanted; `None`: all.
    left: Option<u64>,
    /// The last byte written of the message under way.
    last: Option<u8>,
    end: Option<Result<(), Failure>>,
}

impl Inbox {
    fn end(&mut self, end: Result<(), Failure>) {
        self.end.get_or_insert(end);
    }
}

#[derive(Debug)]
struct Listener {
    inbox: Rc<RefCell<Inbox>>,
    metadata: Vec<(String, String)>,
    connects: bool,
    ends_lines: bool,
    /// HTTP: one transaction is all.
    once: bool,
}

impl Handler for Listener {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        journal::state(cx, state, reason);
        let mut inbox = self.inbox.borrow_mut();
        if state == State::Creating {
            for (name, value) in &self.metadata {
                if cx.set_metadata(name, value.as_bytes()).is_err() {
                    let failure = undeclared(inbox.attempts.stream(), name);
                    inbox.end(Err(failure));
                }
            }
            if self.connects {
                cx.connect();
            }
        } else if state == State::QosAckRemote && self.once {
            inbox.end(Ok(()));
        } else if let (State::QosNackRemote, Some(why)) = (state, reason) {
            let failure = Failure::ended(inbox.attempts.stream(), why);
            inbox.end(Err(failure));
        }
        if let Some(failure) = inbox.attempts.take(state, reason) {
            inbox.end(Err(failure));
        }
        Answer::Ok
    }

    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        journal::moved(cx, "rx", payload.len());
        let mut inbox = self.inbox.borrow_mut();
        if inbox.left == Some(0) {
            return Answer::Ok;
        }
        let ends = flags.has(Flags::EOM);
        inbox.last = payload.last().copied().or(inbox.last);
        let line_end = ends && self.ends_lines && inbox.last != Some(b'\n');
        let mut out = io::stdout().lock();
        let written = out
            .write_all(payload)
            .and_then(|()| if line_end { out.write_all(b"\n") } else { Ok(()) })
            .and_then(|()| out.flush());
        if let Err(error) = written {
            inbox.end(super::exit::unless_closed(Err(error)));
        }
        if ends {
            inbox.last = None;
            inbox.left = inbox.left.map(|left| left.saturating_sub(1));
            if inbox.left == Some(0) {
                inbox.end(Ok(()));
            }
        }
        Answer::Ok
    }
}
