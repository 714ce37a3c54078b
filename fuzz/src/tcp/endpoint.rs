//! An engine with one endpoint, made of as little as the input says.

use core::marker::PhantomData;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::congestion::{AnyCc, any, bbr, cubic, reno};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::{
    Config, Disconnected, Endpoint, Engine, Event, FastOpen, Handle, Host, IcmpError, Ingress,
    Listener, Live, Meta, Path, Profile, Push, Settings, SettingsOf, Slot, Std, Tables, Tiny,
};
use mainstay_wire::ip::Ecn;

/// No moment may cause more than this.
const BURST: usize = 4000;

pub(super) const PORTS: [u16; 2] = [4000, 80];

/// What the input has not said yet; zeros when it has said all.
pub(super) struct Words<'a>(pub(super) &'a [u8]);

impl Words<'_> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

pub(super) fn address(which: usize) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, if which == 0 { 1 } else { 2 }).into()
}

pub(super) fn end(which: usize) -> SocketAddr {
    SocketAddr::new(address(which), PORTS[which])
}

/// Byte `at` of a stream.
pub(super) fn byte(which: usize, at: usize) -> u8 {
    let [low, ..] = (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes();
    if which == 0 { low } else { !low }
}

struct Vecs<P>(PhantomData<P>);

impl<P: Profile> Tables for Vecs<P> {
    type Profile = P;
    type Slots = Vec<Slot<P>>;
    type Listeners = Vec<Listener>;
    type Index = Scan;
    type Memory = ();
}

/// An endpoint, whatever it is made of.
pub(super) trait Side {
    fn now(&mut self, now: Instant);
    fn connect(&mut self);
    fn listen(&mut self);
    /// A segment from the peer; whether it was a SYN nobody had decided on.
    fn receive(&mut self, ecn: Ecn, unit: Option<u16>, bytes: &[u8]);
    fn icmp(&mut self, error: &IcmpError);
    fn command(&mut self, what: u8, count: usize);
    /// Takes all events and segments; checks the laws.
    fn drain(&mut self, out: &mut Vec<(Ecn, Option<u16>, Vec<u8>)>);
    fn deadline(&self) -> Option<Instant>;
    fn timeout(&mut self);
    fn is_over(&self) -> bool;
    /// For messages.
    fn describe(&self) -> String;
    /// Bytes queued and bytes read.
    fn bytes(&self) -> (usize, usize);
}

pub(super) struct Device<P: Profile> {
    engine: Engine<Vecs<P>>,
    handle: Handle,
    which: usize,
    now: Instant,
    sent: usize,
    read: usize,
    ended: bool,
    /// Somebody forges, so what is read may be anything.
    trusts: bool,
    started: bool,
}

type Copying = RingQueue<Vec<u8>>;

/// A side as the input says.
pub(super) fn side(words: &mut Words<'_>, which: usize, trusts: bool) -> Box<dyn Side> {
    let (kind, switches) = (words.byte(), words.byte());
    let (receive, send) = (usize::from(words.word()) + 10, usize::from(words.word()) % 4096 + 1);
    match kind % 8 {
        0 => {
            let settings = Settings::tiny(reno::Config::default());
            Device::<Tiny<Vec<u8>, Copying>>::boxed(
                settings,
                switches,
                [receive.min(60_000), send],
                which,
                trusts,
            )
        }
        1 | 2 => {
            let settings = Settings::host(cubic::Config::default());
            let sizes = [receive, send];
            Device::<Std<Vec<u8>, Copying>>::boxed(settings, switches, sizes, which, trusts)
        }
        other => {
            let config = match other {
                3 => any::Config::NewReno(reno::Config::default()),
                4 => any::Config::Bbr3(bbr::Config::default()),
                5 => any::Config::NewRenoHyStart(reno::Config::default()),
                _ => any::Config::Cubic(cubic::Config::default()),
            };
            let sizes = [receive * if switches & 128 == 0 { 1 } else { 8 }, send];
            let settings = Settings::host(config);
            Device::<Host<Vec<u8>, Copying, (), AnyCc>>::boxed(
                settings, switches, sizes, which, trusts,
            )
        }
    }
}

impl<P> Device<P>
where
    P: Profile<Storage = Vec<u8>, Queue = Copying, Context = (), Settings = &'static SettingsOf<P>>
        + 'static,
    SettingsOf<P>: 'static,
{
    fn boxed(
        mut settings: SettingsOf<P>,
        switches: u8,
        [receive, send]: [usize; 2],
        which: usize,
        trusts: bool,
    ) -> Box<dyn Side> {
        settings.sack = switches & 1 == 0;
        settings.timestamps = switches & 2 == 0;
        settings.window_scale = switches & 4 == 0;
        settings.ecn = switches & 8 == 0;
        settings.nagle = switches & 16 == 0;
        settings.pacing = switches & 32 != 0;
        settings.gso_max = if switches & 64 == 0 { 0 } else { 20_000 };
        // A few bytes for each input; what a process of a fuzzer holds is bounded by how long it runs.
        let settings: &'static SettingsOf<P> = Box::leak(Box::new(settings));
        let seed = u64::from(switches) + if which == 0 { 0 } else { 1000 };
        let slots = vec![Slot::default()];
        let listeners = vec![Listener::default()];
        let mut engine =
            Engine::new(Config::default(), Rng::from_run(seed), slots, listeners, Scan::default());
        let queue = RingQueue::new(vec![0; send]);
        let Ok(endpoint) = Endpoint::new(vec![0; receive], queue, settings, ()) else {
            panic!("a storage of {receive} bytes is refused")
        };
        let Ok(handle) = engine.attach(endpoint) else { panic!("there is no place") };
        Box::new(Self {
            engine,
            handle,
            which,
            now: Instant::from_micros(1_000_000),
            sent: 0,
            read: 0,
            ended: false,
            trusts,
            started: false,
        })
    }

    fn live(&mut self) -> Live<'_, Vecs<P>> {
        let Some(live) = self.engine.at(self.now, self.handle) else { panic!("it is gone") };
        live
    }

    fn told<B: core::fmt::Debug>(&mut self, event: &Event<B>) {
        assert!(!self.ended, "{event:?} after the end");
        if let Event::Disconnected(reason) = event
            && *reason != Disconnected::TimeWait
        {
            self.ended = true;
            self.started = false;
        }
    }

    fn write(&mut self, count: usize, push: Push) {
        let (which, at) = (self.which, self.sent);
        let bytes: Vec<u8> = (at..at + count).map(|at| byte(which, at)).collect();
        if let Ok(count) = self.live().write(&bytes, push) {
            self.sent += count;
        }
    }

    fn read(&mut self, count: usize) {
        let unread = self.live().endpoint().map_or(0, |endpoint| endpoint.facts().unread);
        let mut buffer = vec![0; count.min(unread)];
        let Ok(count) = self.live().read(&mut buffer) else { panic!("it cannot be read") };
        if self.trusts {
            for (place, got) in buffer.iter().take(count).enumerate() {
                assert_eq!(*got, byte(1 - self.which, self.read + place), "another byte");
            }
        }
        self.read += count;
    }
}

impl<P> Side for Device<P>
where
    P: Profile<Storage = Vec<u8>, Queue = Copying, Context = (), Settings = &'static SettingsOf<P>>
        + 'static,
    SettingsOf<P>: 'static,
{
    fn now(&mut self, now: Instant) {
        self.now = now;
    }

    fn connect(&mut self) {
        let (source, peer, local) = (address(self.which), end(1 - self.which), end(self.which));
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1500 });
        let mut live = self.live();
        let _bound = live.bind(local);
        if live.connect(peer, FastOpen::No, &mut paths).is_ok() {
            (self.ended, self.started) = (false, true);
        }
    }

    fn listen(&mut self) {
        let _listens = self.engine.listen(end(self.which));
    }

    fn receive(&mut self, ecn: Ecn, unit: Option<u16>, bytes: &[u8]) {
        let (source, destination) = (address(1 - self.which), address(self.which));
        let meta = Meta { source, destination, ecn, unit, verified: true, mtu: 1500 };
        if let Ingress::Incoming(incoming) = self.engine.handle_segment(self.now, &meta, bytes)
            && (!self.trusts || !self.started && !self.ended)
            && incoming.accept(self.handle).is_ok()
        {
            (self.ended, self.started) = (false, true);
        }
    }

    fn icmp(&mut self, error: &IcmpError) {
        let _verdict = self.engine.handle_icmp(self.now, error);
    }

    fn command(&mut self, what: u8, count: usize) {
        match what % 12 {
            0..=2 => self.write(count, Push::Now),
            3 => self.write(count, Push::More),
            4 => self.write(count, Push::Urgent),
            5..=7 => self.read(count),
            8 => drop(self.live().finish()),
            9 => drop(self.live().close()),
            10 => {
                let on = count.is_multiple_of(2);
                self.live().set_nagle(on);
            }
            _ => self.live().abort(),
        }
    }

    fn drain(&mut self, out: &mut Vec<(Ecn, Option<u16>, Vec<u8>)>) {
        let before = out.len();
        for round in 0.. {
            assert!(round < BURST, "it never becomes dry");
            let Some((_, event)) = self.engine.poll_event() else { break };
            self.told(&event);
        }
        while let Some(sent) = self.engine.poll_transmit(self.now) {
            let bytes = [&[sent.header][..], sent.payload.as_slice()].concat().concat();
            out.push((sent.ecn, sent.unit, bytes));
            assert!(out.len() - before < BURST, "it never becomes dry");
        }
        let deadline = self.engine.next_deadline();
        assert!(deadline.is_none_or(|at| at > self.now), "a deadline that has come");
    }

    fn deadline(&self) -> Option<Instant> {
        self.engine.next_deadline()
    }

    fn timeout(&mut self) {
        self.engine.handle_timeout(self.now);
    }

    fn is_over(&self) -> bool {
        self.ended
    }

    fn describe(&self) -> String {
        format!("{:?}", self.engine.endpoint(self.handle))
    }

    fn bytes(&self) -> (usize, usize) {
        (self.sent, self.read)
    }
}

/// So much time as a word says: mostly little, at times weeks.
pub(super) fn span(words: &mut Words<'_>) -> Duration {
    let (scale, count) = (words.byte(), u64::from(words.byte()) + 1);
    match scale % 8 {
        0 => Duration::from_micros(count),
        1..=3 => Duration::from_millis(count),
        4 | 5 => Duration::from_millis(count * 20),
        6 => Duration::from_secs(count),
        _ => Duration::from_secs(count * 3600),
    }
}
