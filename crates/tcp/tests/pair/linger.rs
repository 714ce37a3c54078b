//! TIME-WAIT: what ends it, what does not, and who needs no endpoint for it.

use crate::peer::{Bench, header, stamped, syn};
use crate::world::{EventOf, Room};
use core::time::Duration;
use mainstay_tcp::{Config, Disconnected, Event, FastOpen, Handle, State};
use mainstay_wire::tcp::{Flags, Header};

const FIN: Flags = Flags::FIN.with(Flags::ACK);
/// What the peer's numbers and timestamps start from.
const IRS: u32 = 1000;
const STAMP: u32 = 7000;

/// What the peer would send next, and what it acknowledges, once the engine's first endpoint is in TIME-WAIT.
struct Ended {
    bench: Bench,
    next: u32,
    ack: u32,
    stamps: bool,
}

impl Ended {
    fn of(stamps: bool, room: Room) -> Self {
        let mut bench = Bench::new(Config::default(), 3, room);
        bench.engine.listen(Bench::local(80)).unwrap();
        let mut ended = Self { bench, next: IRS, ack: 0, stamps };
        let out = ended.send(syn(IRS));
        ended.ack = out[0].sequence.wrapping_add(1);
        ended.next += 1;
        ended.send(header(Flags::ACK, ended.next, ended.ack));
        let handle = ended.bench.handles[0];
        ended.bench.engine.at(ended.bench.now, handle).unwrap().finish().unwrap();
        assert!(ended.bench.sent()[0].0.flags.contains(Flags::FIN));
        ended.ack = ended.ack.wrapping_add(1);
        let out = ended.send(header(FIN, ended.next, ended.ack));
        ended.next += 1;
        assert_eq!(out.len(), 1, "the peer's end is acknowledged");
        assert_eq!(out[0].acknowledgment, ended.next);
        ended
    }

    /// With a timestamp, if they are used.
    fn send(&mut self, header: Header) -> Vec<Header> {
        let header = if self.stamps { stamped(header, STAMP, 0) } else { header };
        self.bench.send(header, &[]).into_iter().map(|(header, _)| header).collect()
    }

    fn told(&mut self) -> Vec<(Handle, EventOf)> {
        let ends = |(_, event): &(Handle, EventOf)| {
            matches!(event, Event::Disconnected(_) | Event::Accepted)
        };
        self.bench.events().into_iter().filter(ends).collect()
    }
}

const TABLE: Room = Room { time_wait: 4, syns: 0, servers: 0 };
const NONE: Room = Room { time_wait: 0, syns: 0, servers: 0 };

// S-28
// Covers TCP-140, TCP-068
#[test]
fn a_repeated_end_is_acknowledged_each_time_and_starts_the_wait_again() {
    for room in [NONE, TABLE] {
        let mut ended = Ended::of(true, room);
        ended.told();
        for _ in 0..5 {
            ended.bench.pass(Duration::from_secs(50));
            let out = ended.send(header(FIN, ended.next - 1, ended.ack));
            assert_eq!(out.len(), 1);
            assert_eq!((out[0].flags, out[0].acknowledgment), (Flags::ACK, ended.next));
            assert_eq!(out[0].options.timestamps.unwrap().echo, STAMP);
            assert_eq!(ended.told(), []);
        }
        ended.bench.pass(Duration::from_secs(61));
        let handle = ended.bench.handles[0];
        assert_eq!(ended.bench.state(handle), State::Closed);
        let out = ended.send(header(FIN, ended.next - 1, ended.ack));
        assert!(out[0].flags.contains(Flags::RST), "nobody remembers it any more");
    }
}

// Covers TCP-140
#[test]
fn late_data_is_acknowledged_and_does_not_start_the_wait_again() {
    for room in [NONE, TABLE] {
        let mut ended = Ended::of(false, room);
        ended.bench.pass(Duration::from_secs(50));
        let late = header(Flags::ACK, ended.next, ended.ack);
        let out = ended.bench.send(late, b"late");
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].0.acknowledgment, ended.next);
        ended.bench.pass(Duration::from_secs(11));
        let out = ended.send(header(FIN, ended.next - 1, ended.ack));
        assert!(out[0].flags.contains(Flags::RST));
    }
}

// S-29
// Covers TCP-185, TCP-068
#[test]
fn a_newer_syn_goes_to_the_listener_and_an_older_one_is_acknowledged() {
    // With timestamps: newer and lower number; older and higher; the same and higher; the same and lower.
    let cases = [
        (true, Some(STAMP + 1), -500, true),
        (true, Some(STAMP - 1), 500, false),
        (true, Some(STAMP), 500, true),
        (true, Some(STAMP), -500, false),
        (true, None, 500, true),
        (false, Some(1), -500, true),
        (false, None, 500, true),
        (false, None, -500, false),
    ];
    for (stamps, stamp, offset, taken) in cases {
        for room in [NONE, TABLE] {
            let mut ended = Ended::of(stamps, room);
            let wait = Event::Disconnected(Disconnected::TimeWait);
            let normal = Event::Disconnected(Disconnected::Normal);
            let (old, new) = (ended.bench.handles[0], ended.bench.handles[1]);
            let before: Vec<_> = ended.told().into_iter().map(|(_, event)| event).collect();
            if room.time_wait > 0 {
                assert_eq!(before, [Event::Accepted, wait, normal]);
            } else {
                assert_eq!(before, [Event::Accepted, wait]);
            }
            let mut again = syn(ended.next.wrapping_add_signed(offset));
            again.options.timestamps =
                stamp.map(|value| mainstay_wire::tcp::Timestamps { value, echo: 0 });
            let asked = ended.bench.asked;
            let out = ended.bench.send(again, &[]);
            assert_eq!(out.len(), 1);
            let answer = out[0].0;
            assert_eq!(
                ended.bench.asked - asked,
                usize::from(taken),
                "{stamps} {stamp:?} {offset}"
            );
            if taken {
                assert!(answer.flags.contains(Flags::SYN.with(Flags::ACK)));
                assert!(answer.sequence.wrapping_sub(ended.ack) < 1 << 31, "above the old numbers");
                let told = ended.told();
                let expected = if room.time_wait > 0 { vec![] } else { vec![(old, normal)] };
                assert_eq!(told, expected);
                let freed = if room.time_wait > 0 { old } else { new };
                assert_eq!(ended.bench.state(freed), State::SynReceived);
            } else {
                assert_eq!((answer.flags, answer.acknowledgment), (Flags::ACK, ended.next));
                assert_eq!(ended.told(), []);
            }
        }
    }
}

// S-30
// Covers TCP-140
#[test]
fn a_reset_does_not_end_the_wait() {
    for room in [NONE, TABLE] {
        let mut ended = Ended::of(false, room);
        let reset = header(Flags::RST, ended.next, ended.ack);
        assert_eq!(ended.send(reset), []);
        let out = ended.send(header(FIN, ended.next - 1, ended.ack));
        assert_eq!(out[0].flags, Flags::ACK);
    }
}

// Covers TCP-183, TCP-069
#[test]
fn with_a_table_the_endpoint_is_free_at_once() {
    let mut ended = Ended::of(true, TABLE);
    let handle = ended.bench.handles[0];
    assert_eq!(ended.bench.state(handle), State::Closed);
    ended.told();
    assert_eq!(ended.bench.connect(0, FastOpen::No), Ok(()));
}

// Covers TCP-184
#[test]
fn a_full_table_forgets_the_oldest() {
    let mut ended = Ended::of(true, Room { time_wait: 1, ..NONE });
    assert_eq!(ended.bench.engine.memory().time_wait_evicted(), 0);
    ended.told();
    let mut other = syn(5000);
    other.source = 4001;
    let out = ended.send(other);
    let (iss, mut ack) = (out[0].sequence, header(Flags::ACK, 5001, 0));
    (ack.source, ack.acknowledgment) = (4001, iss.wrapping_add(1));
    ended.send(ack);
    let handle = ended.bench.handles[0];
    ended.bench.engine.at(ended.bench.now, handle).unwrap().finish().unwrap();
    ended.bench.sent();
    (ack.flags, ack.acknowledgment) = (FIN, iss.wrapping_add(2));
    ended.send(ack);
    assert_eq!(ended.bench.state(handle), State::Closed);
    assert_eq!(ended.bench.engine.memory().time_wait_evicted(), 1);
    let out = ended.send(header(FIN, ended.next - 1, ended.ack));
    assert!(out[0].flags.contains(Flags::RST));
}

/// A connection of the engine's own from the only port there is, that it finished first; the numbers it used end here.
fn own(room: Room) -> (Bench, u32) {
    let mut config = Config::default();
    config.ports = (5555, 5555);
    let mut bench = Bench::new(config, 3, room);
    bench.connect(0, FastOpen::No).unwrap();
    let ours = bench.sent()[0].0;
    let reply = |flags, sequence, ack| {
        let mut header = stamped(header(flags, sequence, ack), STAMP, 1);
        (header.source, header.destination) = (80, 5555);
        header
    };
    let next = ours.sequence.wrapping_add(1);
    bench.send(reply(Flags::SYN.with(Flags::ACK), IRS, next), &[]);
    bench.engine.at(bench.now, bench.handles[0]).unwrap().finish().unwrap();
    bench.sent();
    bench.send(reply(FIN, IRS + 1, next.wrapping_add(1)), &[]);
    (bench, next.wrapping_add(1))
}

// Covers TCP-186, TCP-021
#[test]
fn a_connect_may_have_its_own_tuple_again_after_a_second() {
    for room in [NONE, TABLE] {
        let (mut bench, end) = own(room);
        let bind = |bench: &mut Bench| {
            bench.engine.at(bench.now, bench.handles[1]).unwrap().bind(Bench::local(5555))
        };
        assert_eq!(bind(&mut bench), Err(mainstay_tcp::TcpError::AddrInUse));
        assert_eq!(bench.connect(1, FastOpen::No), Err(mainstay_tcp::TcpError::NoRoute));
        bench.pass(Duration::from_secs(3));
        assert_eq!(bench.connect(1, FastOpen::No), Ok(()));
        assert_eq!(bench.state(bench.handles[0]), State::Closed);
        let again = bench.sent()[0].0;
        assert_eq!(again.source, 5555);
        assert!(again.sequence.wrapping_sub(end) < 1 << 31, "above the old numbers");
    }
}
