//! A stream, its application and its pool in one hand. What happens is told as words.

use core::time::Duration;
use mainstay_base::{Instant, Network, Outcome, Reason, Rng};
use mainstay_http::http;
use mainstay_policy::model::Retry;
use mainstay_policy::{Policy, Protocol, State, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::{Answer, Blobs, Event, Flags, Info, Request, Stream};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) const RESET: Reason = Reason::Network(Network::Reset);

pub(crate) struct Script {
    pub(crate) stream: Stream,
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    /// Everything asked of the pool so far.
    pub(crate) opens: Vec<pool::Open>,
    /// States that carried a reason or an ordinal.
    pub(crate) details: Vec<(State, u32, Option<Reason>)>,
    /// Ordinal and room of the tx offers.
    pub(crate) offers: Vec<(u32, usize)>,
    /// Outcomes in order.
    pub(crate) outcomes: Vec<(u64, Outcome)>,
    answers: VecDeque<(State, Act)>,
    words: Vec<String>,
}

/// What the application does in a state's handler.
pub(crate) type Act = Box<dyn FnOnce(&mut Stream, Instant) -> Answer>;

impl Script {
    pub(crate) fn new(streamtype: Streamtype) -> Self {
        Self::with(Policy::default(), streamtype, Blobs::default())
    }

    pub(crate) fn with(policy: Policy, streamtype: Streamtype, blobs: Blobs) -> Self {
        let info = Info { index: 7, blobs: Arc::new(blobs) };
        let stream =
            Stream::new(Instant::ZERO, &Arc::new(policy), &Arc::new(streamtype), &info).unwrap();
        Self {
            stream,
            now: Instant::ZERO,
            rng: Rng::from_run(1),
            opens: Vec::new(),
            details: Vec::new(),
            offers: Vec::new(),
            outcomes: Vec::new(),
            answers: VecDeque::new(),
            words: Vec::new(),
        }
    }

    /// The next time `state` comes it is answered so.
    pub(crate) fn on(&mut self, state: State, answer: Answer) -> &mut Self {
        self.when(state, move |_, _| answer)
    }

    /// The next time `state` comes the handler does this.
    pub(crate) fn when(
        &mut self,
        state: State,
        act: impl FnOnce(&mut Stream, Instant) -> Answer + 'static,
    ) -> &mut Self {
        self.answers.push_back((state, Box::new(act)));
        self
    }

    /// Lets everything happen that is due; tells it in words.
    pub(crate) fn run(&mut self) -> String {
        loop {
            if let Some(request) = self.stream.poll_request() {
                self.ask(request);
            } else if let Some(event) = self.stream.poll_event() {
                self.hear(event);
            } else {
                break;
            }
        }
        assert!(self.stream.poll_timeout().is_none_or(|at| at > self.now), "L3");
        core::mem::take(&mut self.words).join(" ")
    }

    fn ask(&mut self, request: Request) {
        let word = match request {
            Request::Open(open) => {
                self.opens.push(*open);
                "open"
            }
            Request::Close(pool::Close::Finish) => "finish",
            Request::Close(pool::Close::Abort(_)) => "abort",
            Request::WantTx => "want",
            Request::Confirm => "confirm",
            Request::Over => "over",
        };
        self.words.push(word.into());
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::State { state, ordinal, reason } => {
                let name = match state {
                    State::User(n) => format!("USER{n}"),
                    other => other.name().trim_start_matches("LWSSSCS_").to_owned(),
                };
                self.words.push(name);
                if ordinal != 0 || reason.is_some() {
                    self.details.push((state, ordinal, reason));
                }
                assert_eq!(self.stream.poll_event(), None, "it stands still");
                let place = self.answers.iter().position(|(wanted, _)| *wanted == state);
                let answer = match place.and_then(|place| self.answers.remove(place)) {
                    Some((_, act)) => act(&mut self.stream, self.now),
                    None => Answer::Ok,
                };
                self.stream.answer(self.now, &mut self.rng, answer);
            }
            Event::Tx { ordinal, room } => {
                self.offers.push((ordinal, room));
                self.words.push(format!("tx{ordinal}"));
            }
            Event::EndOfMessage(flags) => {
                assert_eq!(flags, Flags::EOM);
                self.words.push("eom".into());
            }
            Event::Outcome(id, outcome) => {
                self.outcomes.push((id.0, outcome));
                let word = match outcome {
                    Outcome::Acknowledged => "acked",
                    Outcome::Sent => "sent",
                    Outcome::Refused(_) => "refused",
                    Outcome::Unknown(_) => "unknown",
                };
                self.words.push(format!("{word}{}", id.0));
            }
            Event::SentThrough(id) => self.words.push(format!("through{}", id.0)),
        }
    }

    pub(crate) fn event(&mut self, event: pool::Event) -> String {
        self.stream.handle_event(self.now, &mut self.rng, event);
        self.run()
    }

    pub(crate) fn opened(&mut self) -> String {
        self.event(pool::Event::Opened)
    }

    pub(crate) fn closed(&mut self, reason: Reason) -> String {
        self.event(pool::Event::Closed(reason))
    }

    pub(crate) fn head(&mut self, status: u16, headers: &[(&str, &str)]) -> String {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        self.event(pool::Event::Head(Box::new(response.body(()).unwrap())))
    }

    pub(crate) fn payload(&mut self, bytes: &[u8], start: bool, end: bool) -> Option<Flags> {
        let payload = pool::Payload { bytes, start, end, binary: false, topic: None };
        self.stream.handle_payload(self.now, &payload)
    }

    pub(crate) fn connect(&mut self) -> String {
        self.stream.connect(self.now).unwrap();
        self.run()
    }

    pub(crate) fn request_tx(&mut self) -> String {
        self.stream.request_tx(self.now);
        self.run()
    }

    pub(crate) fn destroy(&mut self) -> String {
        self.stream.destroy(self.now);
        self.run()
    }

    pub(crate) fn send(&mut self, bytes: &[u8], flags: Flags) -> u64 {
        self.stream.send(self.now, bytes, flags).unwrap().0.0
    }

    /// Lets time pass, deadline by deadline.
    pub(crate) fn wait(&mut self, ms: u64) -> String {
        let until = self.now + Duration::from_millis(ms);
        let mut all = Vec::new();
        while let Some(at) = self.stream.poll_timeout().filter(|&at| at <= until) {
            self.now = at;
            self.stream.handle_timeout(at, &mut self.rng);
            all.push(self.run());
        }
        self.now = until;
        all.retain(|words| !words.is_empty());
        all.join(" ")
    }

    /// Milliseconds to the next deadline.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let at = self.stream.poll_timeout()?;
        Some(u64::try_from(at.since(self.now).as_millis()).unwrap())
    }

    pub(crate) fn request(&self) -> &mainstay_http::Request {
        match &self.opens.last().unwrap().protocol {
            pool::Protocol::H1(request)
            | pool::Protocol::H2 { request, .. }
            | pool::Protocol::Ws { request, .. } => request,
            pool::Protocol::Mqtt(_) | pool::Protocol::Raw => panic!("no request"),
        }
    }
}

/// A scheme without jitter to speak of: 1 s, 2 s, 2 s..
pub(crate) fn scheme(conceal: u16) -> Option<Arc<Retry>> {
    Some(Arc::new(Retry {
        backoff_ms: vec![1000, 2000],
        conceal,
        jitter_percent: 1,
        ..Retry::default()
    }))
}

pub(crate) fn streamtype(protocol: Protocol) -> Streamtype {
    Streamtype {
        name: "sensor".into(),
        endpoint: Some("peer.example".into()),
        port: 4000,
        protocol,
        retry: scheme(u16::MAX),
        ..Streamtype::default()
    }
}

pub(crate) fn http(method: &str) -> Streamtype {
    let mut streamtype = streamtype(Protocol::H1);
    streamtype.http.method = Some(method.into());
    streamtype.http.url = Some("v1/things?key=secret".into());
    streamtype
}

pub(crate) fn ws() -> Streamtype {
    streamtype(Protocol::Ws)
}

/// A stream past CREATING.
pub(crate) fn created(streamtype: Streamtype) -> Script {
    let mut script = Script::new(streamtype);
    script.run();
    script
}

/// A ws, raw or mqtt stream that is connected, or an HTTP stream with a 200 head.
pub(crate) fn connected(streamtype: Streamtype) -> Script {
    let http = matches!(streamtype.protocol, Protocol::H1 | Protocol::H2);
    let mut script = created(streamtype);
    script.connect();
    script.opened();
    if http {
        script.head(200, &[]);
    }
    assert!(script.stream.is_connected());
    script
}
