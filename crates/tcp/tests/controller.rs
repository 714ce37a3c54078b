//! What a congestion controller is told, and what the engine does itself whatever the controller thinks, shown by a
//! controller that only takes notes.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::cell::RefCell;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::congestion::{AckSample, CongestionControl, Signal};
use mainstay_tcp::index::Scan;
use mainstay_tcp::losses::{Rack, Record, Ring};
use mainstay_tcp::profile::SettingsOf;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::rate::{DeliveryRate, RateStamp};
use mainstay_tcp::reassembly::Bitmap;
use mainstay_tcp::scoreboard::Scoreboard;
use mainstay_tcp::{
    Config, Endpoint, Engine, Finest, Handle, Ingress, Listener, Meta, Profile, Push, Settings,
    SipHash, Slot, Tables,
};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, HEADER_MAX, Header, SackBlock, SackBlocks};

#[derive(Clone, Copy, Debug)]
enum Note {
    Ack(AckSample),
    Congestion(Signal, u32),
    End,
    Undo(u32),
}

thread_local! {
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
}

fn note(note: Note) {
    NOTES.with_borrow_mut(|notes| notes.push(note));
}

fn notes() -> Vec<Note> {
    NOTES.take()
}

const MSS: u32 = 1000;

/// Its window is always of one size, and its threshold half of that.
#[derive(Clone, Copy, Debug)]
struct Scribe {
    cwnd: u32,
    snapshots: u32,
}

impl CongestionControl for Scribe {
    type Config = u32;
    type Snapshot = u32;

    fn new(cwnd: u32, _mss: u32, _initial: u32) -> Self {
        Self { cwnd, snapshots: 0 }
    }

    fn on_ack(&mut self, sample: &AckSample) {
        note(Note::Ack(*sample));
    }

    fn on_congestion(&mut self, _now: Instant, signal: Signal, flight: u32) {
        self.snapshots += 1;
        note(Note::Congestion(signal, flight));
    }

    fn on_recovery_end(&mut self, _now: Instant) {
        note(Note::End);
    }

    fn snapshot(&self) -> u32 {
        self.snapshots
    }

    fn undo(&mut self, before: u32) {
        note(Note::Undo(before));
    }

    fn on_idle(&mut self, _now: Instant, _idle_micros: u32, _rto_micros: u32) {}

    fn set_mss(&mut self, _mss: u32) {}

    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.cwnd / 2
    }

    fn pacing_rate(&self) -> Option<u64> {
        (self.cwnd == CRAWL).then_some(10)
    }
}

/// With this window it thinks that the path takes ten bytes a second.
const CRAWL: u32 = 77_777;

#[derive(Debug)]
struct Parts;

impl Profile for Parts {
    type Storage = Vec<u8>;
    type Queue = RingQueue<Vec<u8>>;
    type Context = ();
    type Address = IpAddr;
    type Offset = u32;
    type Assembly = Bitmap;
    type Board = Scoreboard<u32, 32>;
    type Losses = Rack<RateStamp, Ring<Record<RateStamp>, 64>>;
    type Rate = DeliveryRate;
    type Congestion = Scribe;
    type Settings = &'static SettingsOf<Self>;
    type Prf = SipHash;
    type Slots = [u32; 5];
    type Finer = Finest;
    type Extras = ();
    const TICK_SHIFT: u32 = 3;
}

struct InVecs;

impl Tables for InVecs {
    type Profile = Parts;
    type Slots = [Slot<Parts>; 1];
    type Listeners = [Listener; 1];
    type Index = Scan;
    type Memory = ();
}

/// An established connection with a peer that is the test.
struct Bench {
    engine: Engine<InVecs>,
    handle: Handle,
    now: Instant,
    una: u32,
}

impl Bench {
    fn new(cwnd: u32) -> Self {
        let mut settings = Settings::host(cwnd);
        (settings.timestamps, settings.rto_min) = (false, 1000);
        settings.pacing = cwnd == CRAWL;
        let settings: &'static SettingsOf<Parts> = Box::leak(Box::new(settings));
        let rng = Rng::from_run(3);
        let (slots, listeners) = ([Slot::default()], [Listener::default()]);
        let mut engine = Engine::new(Config::default(), rng, slots, listeners, Scan::default());
        let queue = RingQueue::new(vec![0; 1 << 20]);
        let handle =
            engine.attach(Endpoint::new(vec![0; 9000], queue, settings, ()).unwrap()).unwrap();
        engine.listen(SocketAddr::new([192, 0, 2, 1].into(), 80)).unwrap();
        let mut bench = Self { engine, handle, now: Instant::from_millis(5000), una: 0 };
        let mut syn = Header { flags: Flags::SYN | Flags::ECE | Flags::CWR, ..Header::default() };
        (syn.options.mss, syn.options.sack_permitted) = (Some(1000), true);
        bench.deliver(&syn);
        bench.una = bench.sent()[0].0.wrapping_add(1);
        bench.pass(100);
        bench.ack(0, &[], Flags::NONE);
        notes();
        bench
    }

    fn deliver(&mut self, header: &Header) {
        let header = Header { source: 4000, destination: 80, window: 65_535, ..*header };
        let mut bytes = [0; HEADER_MAX];
        let len = header.emit(&mut bytes).unwrap();
        let meta = Meta {
            source: [192, 0, 2, 2].into(),
            destination: [192, 0, 2, 1].into(),
            ecn: Ecn::NotEct,
            unit: None,
            verified: true,
            mtu: 1040,
        };
        if let Ingress::Incoming(incoming) =
            self.engine.handle_segment(self.now, &meta, &bytes[..len])
        {
            incoming.accept(self.handle).unwrap();
        }
    }

    /// An acknowledgement up to byte `to`, with blocks; what leaves for it, in sequence numbers from the first byte.
    fn ack(&mut self, to: u32, blocks: &[(u32, u32)], more: Flags) -> Vec<(u32, usize)> {
        let mut sack = SackBlocks::EMPTY;
        for (left, right) in blocks {
            let (left, right) = (self.una.wrapping_add(*left), self.una.wrapping_add(*right));
            assert!(sack.push(SackBlock { left, right }));
        }
        let mut header = Header { sequence: 1, flags: Flags::ACK | more, ..Header::default() };
        header.acknowledgment = self.una.wrapping_add(to);
        header.options.sack = sack;
        self.deliver(&header);
        self.left()
    }

    fn left(&mut self) -> Vec<(u32, usize)> {
        let una = self.una;
        self.sent().into_iter().map(|(at, len)| (at.wrapping_sub(una), len)).collect()
    }

    fn sent(&mut self) -> Vec<(u32, usize)> {
        while self.engine.poll_event().is_some() {}
        let mut sent = Vec::new();
        while let Some(out) = self.engine.poll_transmit(self.now) {
            sent.push((Header::parse(out.header).unwrap().0.sequence, out.payload.len()));
        }
        sent
    }

    fn write(&mut self, len: usize) -> Vec<(u32, usize)> {
        self.engine.at(self.now, self.handle).unwrap().write(&vec![1; len], Push::Now).unwrap();
        self.left()
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.engine.handle_timeout(self.now);
    }
}

fn acks(notes: &[Note]) -> Vec<AckSample> {
    let ack = |note: &Note| if let Note::Ack(sample) = note { Some(*sample) } else { None };
    notes.iter().filter_map(ack).collect()
}

fn congestions(notes: &[Note]) -> Vec<(Signal, u32)> {
    let one = |note: &Note| match note {
        Note::Congestion(signal, flight) => Some((*signal, *flight)),
        Note::Ack(_) | Note::End | Note::Undo(_) => None,
    };
    notes.iter().filter_map(one).collect()
}

fn bytes(left: &[(u32, usize)]) -> usize {
    left.iter().map(|(_, len)| len).sum()
}

// Covers TCP-261
#[test]
fn a_sample_says_what_was_acknowledged_held_and_lost_and_how_long_it_took() {
    let mut bench = Bench::new(10 * MSS);
    assert_eq!(bytes(&bench.write(20_000)), 10_000);
    bench.pass(150);
    bench.ack(2000, &[], Flags::NONE);
    let plain = acks(&notes())[0];
    assert_eq!((plain.acked, plain.sacked, plain.lost), (2000, 0, 0));
    assert_eq!((plain.flight_before, plain.flight), (10_000, 8000));
    assert_eq!((plain.rtt, plain.min_rtt), (Some(150_000), 100_000));
    assert!(plain.cwnd_limited && !plain.in_recovery && !plain.after_rto && plain.round_start);
    assert_eq!((plain.now, plain.ce_bytes), (bench.now, 0));
    let rate = plain.rate.unwrap();
    assert_eq!((rate.delivered, rate.interval_micros, rate.app_limited), (2000, 150_000, false));
    // 2000 to 3000 is missing, and then is lost with the third report; the window was filled again in between.
    bench.ack(2000, &[(3000, 4000)], Flags::NONE);
    let held = acks(&notes())[0];
    assert_eq!((held.acked, held.sacked, held.lost), (0, 1000, 0));
    assert_eq!(held.flight_before - held.flight, 1000);
    bench.ack(2000, &[(3000, 6000)], Flags::NONE);
    let lost = acks(&notes())[0];
    assert_eq!((lost.acked, lost.sacked, lost.lost), (0, 2000, 1000));
    assert!(lost.in_recovery);
}

// Covers TCP-261
#[test]
fn a_sample_says_what_was_marked_and_who_held_back() {
    let mut bench = Bench::new(10 * MSS);
    bench.write(3000);
    bench.write(1000); // after that nothing was left to send
    bench.pass(100);
    bench.ack(2000, &[], Flags::NONE);
    bench.ack(4000, &[], Flags::ECE);
    let all = notes();
    let [first, last] = acks(&all)[..] else { panic!("{all:?}") };
    assert!(!first.cwnd_limited && !last.cwnd_limited);
    assert!(!first.rate.unwrap().app_limited && last.rate.unwrap().app_limited);
    assert_eq!((first.ce_bytes, last.ce_bytes), (0, 2000));
    assert_eq!(congestions(&all), [(Signal::Ecn { ce_bytes: 2000 }, 2000)]);
}

// Covers TCP-262, TCP-290
#[test]
fn an_episode_is_told_once_and_the_engine_sends_less_in_it_though_the_controller_would_not() {
    let mut bench = Bench::new(20 * MSS);
    assert_eq!(bytes(&bench.write(100_000)), 20_000);
    bench.pass(100);
    let mut left = 0;
    for end in 1..10 {
        left += bytes(&bench.ack(0, &[(1000, 1000 + end * 1000)], Flags::NONE));
    }
    // A second hole in the same window of data.
    left += bytes(&bench.ack(0, &[(12_000, 16_000), (1000, 10_000)], Flags::NONE));
    let told = notes();
    assert_eq!(congestions(&told), [(Signal::Loss, 20_000)]);
    // 13 segments arrived: two new ones for the first two reports, then one for every two at most, and one for safety.
    assert!(left <= 10_000, "{left} bytes left");
    let facts = bench.engine.endpoint(bench.handle).unwrap().facts();
    assert!(facts.cwnd < 20_000 && facts.recovering_to.is_some(), "{facts:?}");
    let end = facts.flight;
    bench.pass(100);
    let burst = bench.ack(end, &[], Flags::NONE);
    assert!(matches!(notes()[..], [Note::End, Note::Ack(_)]));
    assert!(bytes(&burst) <= usize::try_from(end + 3 * MSS).unwrap(), "{burst:?}");
}

// Covers TCP-262, TCP-254
#[test]
fn after_a_timeout_one_segment_leaves_and_then_what_arrives_though_the_controller_would_send_all() {
    let mut bench = Bench::new(20 * MSS);
    assert_eq!(bytes(&bench.write(20_000)), 20_000);
    bench.pass(200); // the probe for a loss at the end
    assert_eq!(bench.left().len(), 1);
    bench.pass(1000);
    assert_eq!(bench.left(), [(0, 1000)]);
    assert_eq!(congestions(&notes()), [(Signal::Rto, 20_000)]);
    bench.pass(100);
    assert_eq!(bytes(&bench.ack(1000, &[], Flags::NONE)), 2000);
    bench.pass(100);
    assert_eq!(bytes(&bench.ack(3000, &[], Flags::NONE)), 4000);
    assert!(congestions(&notes()).is_empty());
}

// Covers TCP-262, TCP-295
#[test]
fn what_was_before_an_episode_is_kept_and_brought_back_by_the_engine() {
    let mut bench = Bench::new(20 * MSS);
    bench.write(40_000);
    bench.pass(100);
    bench.ack(0, &[(1000, 4000)], Flags::NONE);
    bench.pass(100);
    let end = bench.engine.endpoint(bench.handle).unwrap().facts().flight;
    bench.ack(end, &[], Flags::NONE);
    notes();
    bench.pass(100);
    let missing = (end, end + 1000);
    bench.ack(end, &[(end + 1000, end + 4000)], Flags::NONE);
    assert_eq!(congestions(&notes()).len(), 1);
    // All was sent again for nothing: it was the second episode, and one was before it.
    bench.pass(100);
    bench.ack(end + 4000, &[missing], Flags::NONE);
    let undone = notes();
    assert!(undone.iter().any(|note| matches!(note, Note::Undo(1))), "{undone:?}");
}

// Covers TCP-310
#[test]
fn however_slow_the_path_is_thought_to_be_a_segment_leaves_in_the_time_of_a_timeout() {
    let mut bench = Bench::new(CRAWL);
    let mut left = bench.write(20_000);
    for step in 1..10 {
        assert_eq!(left.len(), 1, "{left:?} before step {step}");
        bench.pass(100);
        assert!(bench.ack(1000 * step, &[], Flags::NONE).is_empty(), "it is spread");
        bench.pass(1000);
        left = bench.left();
    }
}
