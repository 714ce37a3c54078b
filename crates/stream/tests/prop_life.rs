//! Whatever is done to a stream in whatever order, its promises hold.
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

use core::time::Duration;
use mainstay_base::{Instant, Local, Network, Outcome, Peer, Reason, Rng};
use mainstay_http::http::Response;
use mainstay_policy::model::Retry;
use mainstay_policy::{Policy, Protocol, State, Streamtype, legal};
use mainstay_pool as pool;
use mainstay_stream::{Answer, Event, Flags, Info, Request, Stream};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One thing done to a stream. Numbers choose among what is possible.
#[derive(Clone, Debug)]
enum Step {
    RequestTx(Option<u64>),
    Connect,
    Close,
    Destroy,
    StartTimeout(u32),
    WaitCancelled,
    Send(u8, usize),
    Opened,
    Head(u16, bool),
    Writable,
    Finished,
    Settle(u64, u8),
    SentThrough(u64),
    Valid,
    Closed(u8),
    Payload(bool, bool),
    AnswerPayload(u8),
    Decline(u8),
    Wait(u32),
    Early,
    Drain(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => proptest::option::of(0_u64..6).prop_map(Step::RequestTx),
        2 => Just(Step::Connect),
        1 => Just(Step::Close),
        1 => (0_u8..12).prop_map(|n| if n == 0 { Step::Destroy } else { Step::Early }),
        1 => (0_u32..3000).prop_map(Step::StartTimeout),
        1 => Just(Step::WaitCancelled),
        4 => (0_u8..4, 0_usize..5).prop_map(|(flags, len)| Step::Send(flags, len)),
        4 => Just(Step::Opened),
        3 => (prop::sample::select(vec![101, 200, 302, 307, 404, 429, 503]), any::<bool>())
            .prop_map(|(status, short)| Step::Head(status, short)),
        3 => Just(Step::Writable),
        2 => Just(Step::Finished),
        3 => (0_u64..30, 0_u8..4).prop_map(|(tag, how)| Step::Settle(tag, how)),
        2 => (0_u64..30).prop_map(Step::SentThrough),
        1 => Just(Step::Valid),
        2 => (0_u8..5).prop_map(Step::Closed),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(start, end)| Step::Payload(start, end)),
        1 => (0_u8..30).prop_map(Step::AnswerPayload),
        1 => (0_u8..30).prop_map(Step::Decline),
        3 => (0_u32..40_000).prop_map(Step::Wait),
        1 => Just(Step::Early),
        6 => (0_u8..60).prop_map(Step::Drain),
    ]
}

fn streamtype() -> impl Strategy<Value = Streamtype> {
    let protocol = prop::sample::select(vec![
        Protocol::H1,
        Protocol::H2,
        Protocol::Ws,
        Protocol::Mqtt,
        Protocol::Raw,
    ]);
    let flags = any::<[bool; 6]>();
    (protocol, flags, prop::sample::select(vec!["GET", "POST"]), 0_u16..4).prop_map(
        |(
            protocol,
            [opportunistic, nailed_up, repeat, redirects, retry, endpoint],
            method,
            conceal,
        )| {
            let scheme = Retry { backoff_ms: vec![0, 700], conceal, ..Retry::default() };
            let mut streamtype = Streamtype {
                endpoint: (endpoint || nailed_up).then(|| "peer.example".into()),
                port: 1,
                protocol,
                opportunistic,
                nailed_up,
                nailed_up_repeat: repeat,
                retry: retry.then(|| Arc::new(scheme)),
                ..Streamtype::default()
            };
            streamtype.http.method = Some(method.into());
            streamtype.http.allow_redirects = redirects;
            streamtype.http.resp_map = vec![(404, 1404), (101, 1101)];
            streamtype.mqtt.topic = Some("t".into());
            streamtype
        },
    )
}

const fn answer(n: u8) -> Answer {
    match n {
        0 => Answer::DestroyMe,
        1..=3 => Answer::DisconnectMe,
        4..=6 => Answer::TxDontSend,
        _ => Answer::Ok,
    }
}

/// What is believed of a stream by what it says.
struct World {
    stream: Stream,
    now: Instant,
    rng: Rng,
    last: State,
    standing: bool,
    channel: bool,
    connected: bool,
    destroying: bool,
    over: bool,
    /// Messages taken and not yet given an outcome.
    pending: BTreeSet<u64>,
    sent: u64,
    trace: Vec<String>,
}

impl World {
    fn new(streamtype: Streamtype) -> Self {
        let policy = Arc::new(Policy::default());
        let stream =
            Stream::new(Instant::ZERO, &policy, &Arc::new(streamtype), &Info::default()).unwrap();
        Self {
            stream,
            now: Instant::ZERO,
            rng: Rng::from_run(3),
            last: State::Unset,
            standing: false,
            channel: false,
            connected: false,
            destroying: false,
            over: false,
            pending: BTreeSet::new(),
            sent: 0,
            trace: Vec::new(),
        }
    }

    fn act(&mut self, step: &Step) {
        match *step {
            Step::RequestTx(Some(len)) => self.stream.request_tx_len(self.now, len),
            Step::RequestTx(None) => self.stream.request_tx(self.now),
            Step::Connect => drop(self.stream.connect(self.now)),
            Step::Close => self.stream.close(self.now),
            Step::Destroy => self.stream.destroy(self.now),
            Step::StartTimeout(ms) => self.stream.start_timeout(self.now, ms),
            Step::WaitCancelled => self.stream.wait_cancelled(),
            Step::Send(flags, len) => {
                let open = self.stream.is_open();
                let bytes = &b"12345"[..len];
                if let Ok((id, _)) =
                    self.stream.send(self.now, bytes, Flags::from_bits(flags.into()))
                {
                    assert!(open, "only through an open way");
                    if id.0 == self.sent {
                        self.sent += 1;
                        assert!(self.pending.insert(id.0));
                    }
                    assert_eq!(id.0 + 1, self.sent, "numbers rise by one");
                }
            }
            Step::Payload(start, end) => {
                let payload = pool::Payload { bytes: b"x", start, end, binary: false, topic: None };
                if self.channel {
                    self.stream.handle_payload(self.now, &payload);
                }
            }
            Step::AnswerPayload(n) => self.stream.answer_payload(self.now, answer(n)),
            Step::Decline(n) => self.stream.decline(self.now, answer(n)),
            Step::Wait(ms) => self.wait(ms),
            Step::Early => {
                let before = format!("{:?}", self.stream);
                let due = self.stream.poll_timeout().is_some_and(|at| at <= self.now);
                if !due {
                    self.stream.handle_timeout(self.now, &mut self.rng);
                    assert_eq!(format!("{:?}", self.stream), before, "L4");
                }
            }
            Step::Drain(n) => self.drain(n, false),
            _ => self.pool(step),
        }
    }

    /// What a pool says on a channel that is there.
    fn pool(&mut self, step: &Step) {
        let event = match *step {
            Step::Opened => pool::Event::Opened,
            Step::Head(status, short) => {
                let mut head = Response::builder().status(status).header("location", "/next");
                if short {
                    head = head.header("content-length", "3");
                }
                pool::Event::Head(Box::new(head.body(()).unwrap()))
            }
            Step::Writable => pool::Event::Writable,
            Step::Finished => pool::Event::Finished,
            Step::Settle(tag, how) => {
                let reset = Reason::Network(Network::Reset);
                let all = [
                    Outcome::Acknowledged,
                    Outcome::Sent,
                    Outcome::Refused(reset),
                    Outcome::Unknown(reset),
                ];
                pool::Event::Outcome(tag, all[usize::from(how)])
            }
            Step::SentThrough(tag) => pool::Event::SentThrough(tag),
            Step::Valid => pool::Event::Valid,
            Step::Closed(n) => {
                let reasons = [
                    Reason::Network(Network::ResolverUnreachable),
                    Reason::Peer(Peer::Connack(5)),
                    Reason::Peer(Peer::WsClose(1000)),
                    Reason::Local(Local::Closed),
                    Reason::Network(Network::Reset),
                ];
                pool::Event::Closed(reasons[usize::from(n)])
            }
            _ => return,
        };
        if self.channel {
            self.channel = !matches!(event, pool::Event::Finished | pool::Event::Closed(_));
            self.stream.handle_event(self.now, &mut self.rng, event);
        }
    }

    fn wait(&mut self, ms: u32) {
        self.now += Duration::from_millis(ms.into());
        self.stream.handle_timeout(self.now, &mut self.rng);
        assert!(self.stream.poll_timeout().is_none_or(|at| at > self.now), "L3");
    }

    fn drain(&mut self, n: u8, to_the_end: bool) {
        for round in 0.. {
            assert!(round < 1000, "L2: {:?}", self.trace);
            while let Some(request) = self.stream.poll_request() {
                self.ask(&request);
            }
            let Some(event) = self.stream.poll_event() else {
                if !self.standing {
                    return;
                }
                let reply = if to_the_end || round > 5 { Answer::Ok } else { answer(n) };
                self.standing = false;
                self.stream.answer(self.now, &mut self.rng, reply);
                continue;
            };
            assert!(!self.standing, "nothing is said while a state stands");
            self.hear(event);
            // A state may be left standing while other things happen.
            if self.standing && n % 5 == 4 && !to_the_end {
                return;
            }
        }
    }

    fn ask(&mut self, request: &Request) {
        assert!(!self.over, "L7");
        self.trace.push(format!("{request:?}").chars().take(12).collect());
        match request {
            Request::Open(_) => {
                assert!(!self.channel, "one channel at a time (SS-145): {:?}", self.trace);
                self.channel = true;
            }
            Request::Close(pool::Close::Abort(_)) => self.channel = false,
            Request::Close(pool::Close::Finish) | Request::WantTx | Request::Confirm => {}
            Request::Over => self.over = true,
        }
    }

    fn hear(&mut self, event: Event) {
        self.trace.push(format!("{event:?}"));
        assert!(!self.over, "L7: {:?}", self.trace);
        match event {
            Event::State { state, .. } => self.hear_state(state),
            Event::Tx { .. } => assert!(self.stream.is_open()),
            Event::EndOfMessage(_) => {}
            Event::Outcome(id, _) => {
                assert!(self.pending.remove(&id.0), "one outcome for {}: {:?}", id.0, self.trace);
            }
            Event::SentThrough(id) => {
                let before = self.pending.len();
                self.pending.retain(|&pending| pending > id.0);
                assert!(self.pending.len() < before, "one outcome");
            }
        }
    }

    fn hear_state(&mut self, state: State) {
        assert!(!self.destroying, "DESTROYING is last: {:?}", self.trace);
        assert!(legal(self.last, state), "{:?} to {state:?}: {:?}", self.last, self.trace);
        self.standing = true;
        if !state.is_transient() {
            self.last = state;
        }
        match state {
            State::Connected => {
                assert!(!self.connected);
                self.connected = true;
            }
            State::Disconnected => {
                assert!(core::mem::take(&mut self.connected), "{:?}", self.trace);
            }
            State::Destroying => {
                assert!(!self.connected, "DISCONNECTED comes first");
                self.destroying = true;
            }
            _ => {}
        }
    }

    /// At the end: all is told, all outcomes are there, destruction works, and then nothing.
    fn end(mut self) {
        self.drain(59, true);
        self.stream.destroy(self.now);
        self.drain(59, true);
        assert!(self.over && !self.connected, "{:?}", self.trace);
        assert!(self.pending.is_empty(), "every payload has an outcome: {:?}", self.pending);
        assert_eq!(self.stream.counters().illegal, 0);
        self.stream.request_tx(self.now);
        let event = pool::Event::Closed(Reason::Local(Local::Closed));
        self.stream.handle_event(self.now, &mut self.rng, event);
        self.stream.handle_timeout(self.now, &mut self.rng);
        self.stream.wait_cancelled();
        assert!(self.stream.poll_event().is_none() && self.stream.poll_request().is_none());
        assert_eq!(self.stream.poll_timeout(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // Covers SS-102, SS-106, SS-132, SS-145, SS-971
    #[test]
    fn no_sequence_breaks_the_promises(
        streamtype in streamtype(),
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut world = World::new(streamtype);
        for step in &steps {
            world.act(step);
        }
        world.end();
    }

    // Covers SS-921
    #[test]
    fn an_idle_stream_always_accepts_tx(
        streamtype in streamtype(),
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut world = World::new(Streamtype { endpoint: Some("peer.example".into()), ..streamtype });
        for step in &steps {
            world.act(step);
        }
        world.drain(59, true);
        let idle = !world.channel && !world.over && world.stream.poll_timeout().is_none();
        if idle {
            world.stream.request_tx(world.now);
            world.drain(59, true);
            prop_assert!(world.channel, "{:?}", world.trace);
        }
    }

    #[test]
    fn the_same_steps_say_the_same(
        streamtype in streamtype(),
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let run = || {
            let mut world = World::new(streamtype.clone());
            for step in &steps {
                world.act(step);
            }
            (world.trace, format!("{:?}", world.stream))
        };
        prop_assert_eq!(run(), run());
    }
}
