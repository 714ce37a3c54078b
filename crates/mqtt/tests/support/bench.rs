//! A client and the bytes a server would send it, in virtual time.

use mainstay_base::Instant;
use mainstay_mqtt::{Client, Config, Connect, Event, Publish};

/// What came up, in wire order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Up {
    /// A fact.
    Fact(Event),
    /// A whole message: topic and payload.
    Message(String, Vec<u8>),
}

/// The client under test.
#[derive(Debug)]
pub(crate) struct Bench {
    /// It.
    pub(crate) client: Client,
    /// Virtual time in milliseconds.
    pub(crate) ms: u64,
    message: Vec<u8>,
}

impl Bench {
    /// A client whose CONNECT was answered.
    pub(crate) fn open(connect: &Connect<'_>, config: Config) -> Self {
        let mut bench = Self::opening(connect, config);
        bench.out();
        let connected = Event::Connected { session_present: false };
        assert_eq!(bench.feed(b"\x20\x02\0\0"), [Up::Fact(connected)]);
        bench
    }

    /// A client whose CONNECT was not sent yet.
    pub(crate) fn opening(connect: &Connect<'_>, config: Config) -> Self {
        let client = Client::new(Instant::ZERO, connect, config).unwrap();
        Self { client, ms: 0, message: Vec::new() }
    }

    /// A client with default limits, no keep-alive and a clean session.
    pub(crate) fn plain() -> Self {
        Self::open(
            &Connect { client_id: "me", clean: true, ..Connect::default() },
            Config::default(),
        )
    }

    /// Now.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(self.ms)
    }

    /// The server's bytes, handed in whole; what came up.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Up> {
        let (now, mut bytes, mut up) = (self.now(), bytes.to_vec(), Vec::new());
        let mut rest = &mut bytes[..];
        loop {
            let taken = self.client.handle_input(now, rest);
            let (unit, next) = core::mem::take(&mut rest).split_at_mut(taken);
            up.extend(self.facts());
            let topic = self.client.topic().to_owned();
            if let Some(payload) = self.client.next_payload(unit) {
                if payload.start {
                    self.message.clear();
                }
                self.message.extend_from_slice(payload.bytes);
                if payload.end {
                    up.push(Up::Message(topic, self.message.clone()));
                }
            }
            up.extend(self.facts());
            if taken == 0 || next.is_empty() {
                return up;
            }
            rest = next;
        }
    }

    /// Facts that wait.
    pub(crate) fn facts(&mut self) -> Vec<Up> {
        core::iter::from_fn(|| self.client.poll_event()).map(Up::Fact).collect()
    }

    /// All that is queued, handed to the kernel.
    pub(crate) fn out(&mut self) -> Vec<u8> {
        let (now, mut out) = (self.now(), Vec::new());
        self.client.poll_transmit(now, &mut out, usize::MAX);
        self.client.handle_written(now);
        out
    }

    /// Lets time pass up to `ms`, with every deadline on the way; what was sent when.
    pub(crate) fn until(&mut self, ms: u64) -> Vec<(u64, Vec<u8>)> {
        let mut sent = Vec::new();
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= Instant::from_millis(ms))
        {
            assert!(at > self.now(), "a deadline is never now");
            self.ms = at.as_micros() / 1000;
            self.client.handle_timeout(at);
            let out = self.out();
            if !out.is_empty() {
                sent.push((self.ms, out));
            }
        }
        self.ms = ms;
        sent
    }

    /// Publishes a whole small message.
    pub(crate) fn publish(&mut self, topic: &str, qos: u8, payload: &[u8], tag: u64) {
        let len = u32::try_from(payload.len()).unwrap();
        let now = self.now();
        self.client.publish(now, &Publish { topic, qos, retain: false, len, tag }).unwrap();
        assert_eq!(self.client.send(now, payload), payload.len());
    }
}
