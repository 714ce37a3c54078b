//! One engine with one endpoint, and the application on it.

#[path = "../shared/vecs.rs"]
mod vecs;

pub(crate) use vecs::Vecs;

use crate::lent::{Feed, Given as _};
use crate::plan::{App, End, Knobs, START};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_impair::Span;
use mainstay_tcp::index::Scan;
use mainstay_tcp::reassembly::Assembly as _;
use mainstay_tcp::{
    Config, Counters, Disconnected, Endpoint, Engine, Event, Facts, FastOpen, Handle, IcmpError,
    Ignored, Ingress, Keepalive, Listener, Meta, Path, Profile, Push, Settings, SettingsOf, Slot,
    State, TcpError, Transmitted,
};
use mainstay_wire::ip::Ecn;

/// A segment as it leaves an engine.
pub(crate) struct Sent {
    pub(crate) ecn: Ecn,
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) unit: Option<u16>,
}

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(1 << 30);

/// What an application saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Bytes queued and bytes read.
    pub(crate) sent: usize,
    pub(crate) read: usize,
    pub(crate) acked: usize,
    /// Buffers lent and returned.
    pub(crate) lent: usize,
    pub(crate) returned: usize,
    pub(crate) established: bool,
    pub(crate) started: bool,
    pub(crate) finished: bool,
    pub(crate) end_of_stream: bool,
    pub(crate) ended: Option<Disconnected>,
    pub(crate) lingered: bool,
    pub(crate) events: u64,
}

/// A side, whatever its profile.
pub(crate) trait Side {
    fn seen(&self) -> &Seen;
    fn facts(&self) -> Facts;
    fn counters(&self) -> Counters;
    fn listen(&mut self, local: SocketAddr);
    fn connect(&mut self, now: Instant, local: Option<SocketAddr>, peer: SocketAddr);
    /// Takes events, writes, reads, ends; what it was told goes to `note`.
    fn application(&mut self, now: Instant, note: &mut dyn FnMut(&str));
    /// When the application wants to do something.
    fn wake(&self, now: Instant) -> Option<Instant>;
    fn transmit(&mut self, now: Instant) -> Option<Sent>;
    fn receive(&mut self, now: Instant, meta: &Meta, bytes: &[u8]);
    fn icmp(&mut self, now: Instant, error: &IcmpError) -> Verdict<Ignored>;
    fn timeout(&mut self, now: Instant);
    fn deadline(&self) -> Option<Instant>;
    /// Its clock is ahead by so much.
    fn set_clock(&mut self, ahead: Duration);
    /// Reads as fast as it can from now on.
    fn hurry(&mut self);
    /// Writes so many more bytes, or reads, or does not.
    fn change(&mut self, total: usize, reads: bool);
    /// Reads what is left after the end (TCP-055).
    fn drain(&mut self, now: Instant);
}

pub(crate) struct Device<P: Profile> {
    engine: Engine<Vecs<P>>,
    handle: Handle,
    address: IpAddr,
    app: App,
    mtu: u16,
    ahead: Duration,
    seen: Seen,
    /// What tells the streams of the two sides apart.
    keys: [u8; 2],
    rng: Rng,
    write_at: Instant,
    read_at: Instant,
    /// It is not accepted twice.
    accepted: bool,
    no_buffer_percent: u64,
    device: Rng,
}

/// Byte `at` of a stream.
pub(crate) fn byte(key: u8, at: usize) -> u8 {
    let [low, ..] = (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes();
    low ^ key
}

impl<P> Device<P>
where
    P: Profile<Storage = Vec<u8>, Context = (), Settings = &'static SettingsOf<P>>,
    P::Queue: Feed,
    P::Congestion: 'static,
    SettingsOf<P>: 'static,
{
    pub(crate) fn boxed(
        address: IpAddr,
        seed: u64,
        keys: [u8; 2],
        knobs: &Knobs,
        app: &App,
        mut settings: SettingsOf<P>,
    ) -> Box<dyn Side>
    where
        P: 'static,
    {
        apply(&mut settings, knobs);
        let settings: &'static SettingsOf<P> = Box::leak(Box::new(settings));
        let mut engine = Engine::new(
            Config::default(),
            Rng::from_run(seed),
            vec![Slot::default(), Slot::default()],
            vec![Listener::default(); 2],
            Scan::default(),
        );
        // Ranges stand elsewhere.
        let marked = P::Assembly::data_len(9) < 9;
        let marks = if marked { knobs.receive.div_ceil(8) } else { 0 };
        let storage = vec![0; knobs.receive + marks];
        let queue = P::Queue::with_room(knobs.send);
        let endpoint = Endpoint::new(storage, queue, settings, ()).unwrap();
        let handle = engine.attach(endpoint).unwrap();
        Box::new(Self {
            engine,
            handle,
            address,
            app: app.clone(),
            mtu: knobs.mtu,
            ahead: Duration::ZERO,
            seen: Seen::default(),
            keys,
            rng: Rng::from_run(seed ^ 0x5a5a),
            write_at: START,
            read_at: START,
            accepted: false,
            no_buffer_percent: knobs.no_buffer_percent,
            device: Rng::from_run(seed ^ 0x3c3c),
        })
    }

    fn here(&self, now: Instant) -> Instant {
        now + self.ahead
    }

    fn told(&mut self, event: &Event<<P::Queue as mainstay_tcp::queue::TxQueue>::Buf>) {
        let seen = &mut self.seen;
        seen.events += 1;
        assert!(seen.ended.is_none(), "{event:?} after the end");
        match event {
            Event::Established => {
                assert!(!seen.established, "established twice");
                seen.established = true;
            }
            Event::SendDone(buffer) | Event::Reclaimed(buffer) => {
                assert_eq!(buffer.number(), seen.returned, "buffers come back once and in order");
                seen.returned += 1;
            }
            Event::BytesAcked(count) => {
                assert!(*count > 0, "nothing was acknowledged");
                seen.acked += count;
                assert!(seen.acked <= seen.sent, "more was acknowledged than was sent");
            }
            Event::ReceiveAvailable { end_of_stream, .. } => {
                assert!(
                    !seen.end_of_stream || *end_of_stream,
                    "the end of the stream is taken back"
                );
                seen.end_of_stream = *end_of_stream;
            }
            Event::Disconnected(Disconnected::TimeWait) => {
                assert!(!seen.lingered, "TIME-WAIT twice");
                seen.lingered = true;
                assert_eq!(seen.returned, seen.lent, "buffers are missing");
            }
            Event::Disconnected(reason) => {
                seen.ended = Some(*reason);
                assert_eq!(seen.returned, seen.lent, "buffers are missing at the end");
            }
            Event::Accepted
            | Event::Progress { .. }
            | Event::SendReady
            | Event::Urgent { .. }
            | Event::Error(_) => {}
            _ => panic!("an event nobody knows: {event:?}"),
        }
    }

    /// Every buffer is here or there (TCP-715).
    fn account(&self) {
        let held = self.engine.endpoint(self.handle).unwrap().queue().held();
        let seen = &self.seen;
        assert_eq!(seen.lent, seen.returned + held, "buffers taken, and returned or queued");
    }

    fn write(&mut self, now: Instant) {
        let here = self.here(now);
        let mut rounds = 0;
        while self.seen.sent < self.app.total && self.write_at <= now && rounds < 200 {
            rounds += 1;
            let at = self.seen.sent;
            let count = self.app.chunk.min(self.app.total - at);
            let bytes: Vec<u8> = (at..at + count).map(|at| byte(self.keys[0], at)).collect();
            let push = match self.rng.below(100) {
                n if n < self.app.more_percent => Push::More,
                n if n >= 100 - self.app.urgent_percent => Push::Urgent,
                _ => Push::Now,
            };
            let Some(mut live) = self.engine.at(here, self.handle) else { return };
            match P::Queue::feed(&mut live, &bytes, push, self.seen.lent) {
                Ok((count, lent)) => {
                    self.seen.lent += usize::from(lent);
                    self.seen.sent += count;
                    if count == 0 {
                        break;
                    }
                    self.write_at = self.write_at.max(now) + self.app.gap;
                }
                Err(TcpError::NotOpen | TcpError::SendClosed) => return,
                Err(error) => panic!("a write is refused: {error}"),
            }
        }
    }

    fn read(&mut self, now: Instant) {
        let here = self.here(now);
        let stalls = |app: &App| app.stall.is_some_and(|span| span.from <= now && now < span.until);
        while self.read_at <= now && !stalls(&self.app) {
            let contiguous = self.rng.below(4) == 0;
            let Some(mut live) = self.engine.at(here, self.handle) else { return };
            let chunks = live.endpoint().unwrap().recv().map(<[u8]>::to_vec);
            let mut count = 0;
            for byte_read in chunks.concat().iter().take(self.app.read_size) {
                let want = byte(self.keys[1], self.seen.read + count);
                assert_eq!(*byte_read, want, "byte {} is another", self.seen.read + count);
                count += 1;
            }
            if count == 0 {
                return;
            }
            if contiguous {
                let mut buffer = vec![0; count];
                assert_eq!(live.read(&mut buffer), Ok(count));
                assert!(buffer == chunks.concat()[..count], "two ways to read differ");
            } else {
                live.commit(count).unwrap();
            }
            self.seen.read += count;
            self.read_at = self.read_at.max(now) + self.app.read_gap;
        }
    }

    fn end(&mut self, now: Instant) {
        let here = self.here(now);
        let all = self.seen.sent == self.app.total;
        let Some(mut live) = self.engine.at(here, self.handle) else { return };
        match self.app.end {
            End::AbortAt(at) if at <= now => {
                live.abort();
                self.seen.finished = true;
            }
            End::Finish | End::AbortAt(_) if all && !self.seen.finished => {
                self.seen.finished = live.finish().is_ok();
            }
            End::Close if all && !self.seen.finished => {
                self.seen.finished = live.close().is_ok();
            }
            End::Finish | End::Close | End::AbortAt(_) | End::Never => {}
        }
    }
}

fn apply<C>(settings: &mut Settings<C>, knobs: &Knobs) {
    settings.sack = knobs.sack;
    settings.timestamps = knobs.timestamps;
    settings.window_scale = knobs.window_scale;
    settings.ecn = knobs.ecn;
    settings.accurate_ecn = knobs.delayed_ack != 40; // as often as not
    settings.nagle = knobs.nagle;
    settings.pacing = knobs.pacing;
    settings.gso_max = knobs.gso_max;
    settings.delayed_ack = knobs.delayed_ack;
    settings.quick_acks = knobs.quick_acks;
    // Where a reset may be lost only silence tells that the other is gone.
    let often = Keepalive { idle: 20, interval: 5, count: 12 };
    settings.keepalive = knobs.keepalive.then_some(often);
}

impl<P> Side for Device<P>
where
    P: Profile<Storage = Vec<u8>, Context = (), Settings = &'static SettingsOf<P>> + 'static,
    P::Queue: Feed,
    SettingsOf<P>: 'static,
{
    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn counters(&self) -> Counters {
        *self.engine.counters()
    }

    fn facts(&self) -> Facts {
        self.engine.endpoint(self.handle).unwrap().facts()
    }

    fn listen(&mut self, local: SocketAddr) {
        self.engine.listen(local).unwrap();
    }

    fn connect(&mut self, now: Instant, local: Option<SocketAddr>, peer: SocketAddr) {
        let (source, mtu) = (self.address, self.mtu);
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu });
        let here = self.here(now);
        let mut live = self.engine.at(here, self.handle).unwrap();
        if let Some(local) = local {
            live.bind(local).unwrap();
        }
        live.connect(peer, FastOpen::No, &mut paths).unwrap();
        self.seen.started = true;
    }

    fn application(&mut self, now: Instant, note: &mut dyn FnMut(&str)) {
        while let Some((_, event)) = self.engine.poll_event() {
            note(&format!("{event:?}"));
            self.told(&event);
            self.account();
        }
        if !self.seen.started {
            return;
        }
        if self.seen.ended.is_none() {
            self.write(now);
            self.account();
        }
        self.read(now);
        if self.seen.ended.is_none() {
            self.end(now);
            self.account();
        }
        while let Some((_, event)) = self.engine.poll_event() {
            note(&format!("{event:?}"));
            self.told(&event);
            self.account();
        }
    }

    fn wake(&self, now: Instant) -> Option<Instant> {
        if !self.seen.started || self.seen.ended.is_some() {
            return None;
        }
        let write = (self.seen.sent < self.app.total).then_some(self.write_at);
        let stall = self.app.stall.map(|span| span.until);
        let abort = match self.app.end {
            End::AbortAt(at) => Some(at),
            End::Finish | End::Close | End::Never => None,
        };
        let at = [write, Some(self.read_at), stall, abort];
        at.into_iter().flatten().filter(|at| *at > now).min()
    }

    fn transmit(&mut self, now: Instant) -> Option<Sent> {
        let here = self.here(now);
        loop {
            let out = self.engine.poll_transmit(here)?;
            let sent = Sent {
                ecn: out.ecn,
                header: out.header.to_vec(),
                payload: out.payload.as_slice().concat(),
                unit: out.unit,
            };
            if self.device.below(100) >= self.no_buffer_percent {
                return Some(sent);
            }
            self.engine.transmit_result(here, Transmitted::NoBuffer);
            if self.device.below(3) == 0 {
                self.engine.transmit_ready();
            }
        }
    }

    fn receive(&mut self, now: Instant, meta: &Meta, bytes: &[u8]) {
        let here = self.here(now);
        let meta = Meta { mtu: self.mtu, ..*meta };
        if let Ingress::Incoming(incoming) = self.engine.handle_segment(here, &meta, bytes) {
            if self.accepted {
                incoming.refuse();
                return;
            }
            incoming.accept(self.handle).unwrap();
            (self.accepted, self.seen.started) = (true, true);
        }
    }

    fn icmp(&mut self, now: Instant, error: &IcmpError) -> Verdict<Ignored> {
        let here = self.here(now);
        self.engine.handle_icmp(here, error)
    }

    fn timeout(&mut self, now: Instant) {
        let here = self.here(now);
        self.engine.handle_timeout(here);
    }

    fn deadline(&self) -> Option<Instant> {
        let ahead = u64::try_from(self.ahead.as_micros()).unwrap();
        let at = self.engine.next_deadline()?.as_micros();
        Some(Instant::from_micros(at.saturating_sub(ahead)))
    }

    fn set_clock(&mut self, ahead: Duration) {
        self.ahead = ahead;
    }

    fn hurry(&mut self) {
        self.app.read_gap = Duration::ZERO;
        self.app.gap = Duration::ZERO;
        self.no_buffer_percent = 0;
        (self.app.read_size, self.app.chunk) = (1 << 20, self.app.chunk.max(1000));
    }

    fn change(&mut self, total: usize, reads: bool) {
        self.app.total += total;
        self.app.stall = (!reads).then_some(Span { from: START, until: START + FOREVER });
    }

    fn drain(&mut self, now: Instant) {
        self.app.stall = None;
        self.read(now);
    }
}

/// For messages: where a side is.
pub(crate) fn describe(side: &dyn Side) -> String {
    let facts = side.facts();
    let open = if facts.state == State::Closed { "over" } else { "open" };
    format!("{open}: {:?}\n  {facts:?}", side.seen())
}
