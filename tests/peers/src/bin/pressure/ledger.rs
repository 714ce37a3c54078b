//! Numbered messages, and what became of each.

use core::cell::RefCell;
use core::fmt::Write as _;
use core::time::Duration;
use mainstay::{Answer, Builder, Context, Handler, Outcome, PayloadId, Policy, Reason, State, Tx};
use mainstay_base::Instant;
use mainstay_node::PoolConfig;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// Every message is as long, so that it can be announced before it exists. chosen: a small reading of a sensor.
const LEN: usize = 200;

/// chosen: what waits for an acknowledgement at once, below what any broker here allows.
const FLIGHT_MAX: usize = 64;

/// chosen: some thousand messages a second at most.
const TICK: Duration = Duration::from_millis(5);

/// chosen: above the 12 s after which an unacknowledged publish is given up (SS-566).
const PATIENCE: Duration = Duration::from_secs(14);

#[derive(Default)]
struct Story {
    /// The next message.
    next: u64,
    /// Messages of this tick that may still be sent.
    burst: u32,
    /// Messages without an outcome, by the stream's number.
    pending: BTreeMap<PayloadId, u64>,
    counts: [u64; 4],
    violations: u64,
    stopping: bool,
    connected: bool,
    destroyed: bool,
    /// HTTP: a stream carries one message.
    single: bool,
    now: Instant,
}

struct Bookkeeper(Rc<RefCell<Story>>);

impl Handler for Bookkeeper {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        let mut story = self.0.borrow_mut();
        if matches!(state, State::Connected | State::Disconnected) {
            story.connected = state == State::Connected;
        }
        story.destroyed |= state == State::Destroying;
        let reason = reason.map_or_else(|| "-".to_owned(), |reason| format!("{reason:?}"));
        let ms = story.now.since(Instant::ZERO).as_millis();
        println!(
            r#"{{"event":"state","state":"{state:?}","ms":{ms},"reason":"{}"}}"#,
            reason.replace('"', "'")
        );
        let begins = matches!(state, State::Creating | State::Disconnected);
        if !story.stopping && (begins || state == State::Connected && !story.single) {
            cx.request_tx_len(LEN as u64);
        }
        Answer::Ok
    }

    fn tx(&mut self, cx: &mut Context<'_>, _ordinal: u32, buffer: &mut [u8]) -> Tx {
        let mut story = self.0.borrow_mut();
        let full = story.pending.len() >= FLIGHT_MAX || (!story.single && story.burst == 0);
        if story.stopping || full || buffer.len() < LEN {
            return Tx::DontSend;
        }
        let number = story.next;
        story.next += 1;
        story.burst = story.burst.saturating_sub(1);
        let mut text = String::with_capacity(LEN);
        let _ = write!(text, "id-{number:08};");
        buffer[..LEN].fill(b'x');
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        story.pending.insert(cx.stream().next_payload(), number);
        println!(r#"{{"event":"sent","id":{number}}}"#);
        if !story.single && story.burst > 0 {
            cx.request_tx_len(LEN as u64);
        }
        Tx::Send { len: LEN, flags: mainstay::Flags::ends(true, true) }
    }

    fn outcome(&mut self, _cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, through: bool) {
        let mut story = self.0.borrow_mut();
        let ended: Vec<PayloadId> = if through {
            story.pending.range(..=id).map(|(&id, _)| id).collect()
        } else {
            vec![id]
        };
        for id in ended {
            let Some(number) = story.pending.remove(&id) else {
                story.violations += 1;
                println!(r#"{{"event":"violation","payload":{}}}"#, id.0);
                continue;
            };
            let (place, word) = match outcome {
                Outcome::Acknowledged => (0, "acknowledged"),
                Outcome::Sent => (1, "sent"),
                Outcome::Refused(_) => (2, "refused"),
                Outcome::Unknown(_) => (3, "unknown"),
            };
            story.counts[place] += 1;
            println!(r#"{{"event":"outcome","id":{number},"outcome":"{word}"}}"#);
        }
    }
}

pub(crate) fn run(policy: Policy, stream: &str, open: Duration, burst: u32) {
    let http = policy.streamtypes.get(stream).is_some_and(|s| s.http.method.is_some());
    let limits = PoolConfig { open_timeout: open, body_timeout: open, ..PoolConfig::default() };
    let mut device = Builder::new(policy).limits(limits).build().unwrap();
    let story = Rc::new(RefCell::new(Story { single: http, ..Story::default() }));
    let id = device.create(stream, Bookkeeper(Rc::clone(&story))).unwrap();
    let (mut stop_at, mut tick) = (None, Instant::ZERO);
    loop {
        device.turn(Some(Duration::from_millis(5))).unwrap();
        let now = device.now();
        let mut told = story.borrow_mut();
        told.now = now;
        if now.since(tick) >= TICK {
            tick = now;
            told.burst = burst;
        }
        if told.connected && !told.stopping && !http {
            drop(told);
            let (now, node) = device.node_mut();
            node.request_tx_len(now, id, LEN as u64);
            told = story.borrow_mut();
        }
        if !told.stopping && Path::new("stop").exists() {
            told.stopping = true;
            stop_at = Some(now + PATIENCE);
        }
        if stop_at.is_some_and(|at| told.pending.is_empty() || now >= at) {
            break;
        }
    }
    let waiting = story.borrow().pending.len();
    device.destroy(id);
    for _ in 0..1000 {
        device.turn(Some(Duration::from_millis(5))).unwrap();
        if story.borrow().destroyed {
            break;
        }
    }
    let story = story.borrow();
    let [acknowledged, sent, refused, unknown] = story.counts;
    println!(
        r#"{{"event":"over","messages":{},"acknowledged":{acknowledged},"sent":{sent},"refused":{refused},"unknown":{unknown},"waiting":{waiting},"pending":{},"violations":{},"destroyed":{},"refused_commands":{}}}"#,
        story.next,
        story.pending.len(),
        story.violations,
        story.destroyed,
        device.node().refused_commands()
    );
}
