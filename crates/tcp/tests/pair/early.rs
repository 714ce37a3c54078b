//! Data in SYNs: both sides of Fast Open, and what is done when it does not go through.

use crate::peer::{Bench, Sent, header, syn};
use crate::world::{Room, leak, settings};
use core::time::Duration;
use mainstay_tcp::{Config, Disconnected, Event, FastOpen, FastOpenPolicy, State, TcpError};
use mainstay_wire::tcp::{Cookie, Flags, Header};

const SYN_ACK: Flags = Flags::SYN.with(Flags::ACK);
const ROOM: Room = Room { time_wait: 0, syns: 0, servers: 4 };

fn with(policy: FastOpenPolicy) -> Config {
    let mut config = Config::default();
    config.fast_open = policy;
    config
}

fn client(policy: FastOpenPolicy) -> Bench {
    Bench::new(with(policy), 3, ROOM)
}

fn cookie() -> Cookie {
    Cookie::new(&[7; 8]).unwrap()
}

/// The peer's answer to `ours`, which acknowledges `len` bytes of its data.
fn answer(ours: &Header, len: u32, give: Option<Cookie>) -> Header {
    let mut answer = header(SYN_ACK, 9000, ours.sequence.wrapping_add(1 + len));
    (answer.source, answer.destination) = (ours.destination, ours.source);
    answer.options.mss = Some(1000);
    answer.options.fast_open = give;
    answer
}

/// Starts with `bytes`; the SYN.
fn begin(bench: &mut Bench, n: usize, bytes: &[u8]) -> Sent {
    bench.connect(n, FastOpen::Deferred).unwrap();
    assert_eq!(bench.write(n, bytes), Ok(bytes.len()));
    let mut out = bench.sent();
    assert_eq!(out.len(), 1);
    out.remove(0)
}

/// A client that has met the server and got a cookie.
fn acquainted(policy: FastOpenPolicy) -> Bench {
    let mut bench = client(policy);
    let (ours, data) = begin(&mut bench, 0, b"first");
    assert_eq!(data, [] as [u8; 0]);
    assert_eq!(ours.options.fast_open, Some(Cookie::REQUEST));
    let out = bench.send(answer(&ours, 0, Some(cookie())), &[]);
    assert_eq!(out[0].1, b"first");
    bench.engine.at(bench.now, bench.handles[0]).unwrap().abort();
    bench.sent();
    bench.events();
    bench
}

// S-56, the first contact
// Covers TCP-026, TCP-360
#[test]
fn a_deferred_connect_asks_for_a_cookie_with_the_first_bytes() {
    let mut bench = client(FastOpenPolicy::Cookie);
    bench.connect(0, FastOpen::Deferred).unwrap();
    assert_eq!(bench.state(bench.handles[0]), State::Armed);
    assert_eq!(bench.sent(), []);
    assert_eq!(bench.write(0, &[]), Ok(0));
    assert_eq!((bench.sent(), bench.state(bench.handles[0])), (vec![], State::Armed));
    let mut live = bench.engine.at(bench.now, bench.handles[0]).unwrap();
    assert_eq!(live.finish(), Err(TcpError::NotOpen));
    bench.connect(0, FastOpen::Deferred).unwrap();
    bench.engine.at(bench.now, bench.handles[0]).unwrap().abort();
    assert_eq!((bench.events(), bench.state(bench.handles[0])), (vec![], State::Closed));
    acquainted(FastOpenPolicy::Cookie);
}

// S-56, the second contact
// Covers TCP-360, TCP-362, TCP-125
#[test]
fn with_a_cookie_the_bytes_leave_with_the_syn() {
    let mut bench = acquainted(FastOpenPolicy::Cookie);
    let (ours, data) = begin(&mut bench, 1, b"second");
    assert_eq!(ours.options.fast_open, Some(cookie()));
    assert_eq!((ours.flags.contains(Flags::ACK), data.as_slice()), (false, &b"second"[..]));
    let out = bench.send(answer(&ours, 6, None), &[]);
    assert_eq!(out.len(), 1);
    assert_eq!((out[0].0.flags, out[0].1.len()), (Flags::ACK, 0));
    let told: Vec<_> = bench.events().into_iter().map(|(_, event)| event).collect();
    assert_eq!(told[..2], [Event::Established, Event::BytesAcked(6)]);
}

// Covers TCP-360
#[test]
fn a_syn_carries_no_more_than_the_server_takes() {
    let mut bench = acquainted(FastOpenPolicy::Cookie);
    let (_, data) = begin(&mut bench, 1, &[1; 5000]);
    assert_eq!(data.len(), 536);
}

// S-56, the cookie is rejected
// Covers TCP-366, TCP-125
#[test]
fn what_the_server_did_not_take_is_sent_at_once_and_no_window_shrinks() {
    for taken in [0, 100] {
        let mut bench = acquainted(FastOpenPolicy::Cookie);
        let (ours, _) = begin(&mut bench, 1, &[1; 536]);
        let out = bench.send(answer(&ours, taken, Some(Cookie::new(&[8; 8]).unwrap())), &[]);
        let again: usize = out.iter().map(|(_, data)| data.len()).sum();
        assert_eq!(again, 536 - usize::try_from(taken).unwrap());
        assert_eq!(out[0].0.sequence, ours.sequence.wrapping_add(1 + taken));
        let facts = bench.engine.endpoint(bench.handles[1]).unwrap().facts();
        assert!(facts.cwnd >= 10 * 960, "{}", facts.cwnd);
        let (ours, _) = begin(&mut bench, 2, b"third");
        assert_eq!(ours.options.fast_open, Cookie::new(&[8; 8]), "the newest is remembered");
    }
}

// S-56, a middlebox drops SYNs with data
// Covers TCP-363, TCP-367
#[test]
fn a_syn_that_was_lost_is_repeated_alone_and_the_server_is_left_alone_for_a_while() {
    let mut bench = acquainted(FastOpenPolicy::Cookie);
    begin(&mut bench, 1, b"second");
    bench.pass(Duration::from_secs(1));
    let out = bench.sent();
    assert_eq!((out.len(), out[0].1.len()), (1, 0));
    assert_eq!(out[0].0.options.fast_open, None);
    let out = bench.send(answer(&out[0].0, 0, None), &[]);
    assert_eq!(out[0].1, b"second");
    let (ours, data) = begin(&mut bench, 2, b"third");
    assert_eq!((ours.options.fast_open, data.len()), (None, 0));
    bench.engine.at(bench.now, bench.handles[2]).unwrap().abort();
    bench.sent();
    bench.events();
    bench.pass(Duration::from_mins(15));
    bench.sent();
    let (ours, data) = begin(&mut bench, 2, b"fourth");
    assert_eq!((ours.options.fast_open, data.as_slice()), (Some(cookie()), &b"fourth"[..]));
}

// Covers TCP-363
#[test]
fn a_reset_for_a_syn_with_data_is_a_failure_as_well() {
    let mut bench = acquainted(FastOpenPolicy::Cookie);
    let (ours, _) = begin(&mut bench, 1, b"second");
    let mut reset = answer(&ours, 6, None);
    reset.flags = Flags::RST.with(Flags::ACK);
    bench.send(reset, &[]);
    assert_eq!(bench.state(bench.handles[1]), State::Closed);
    let (ours, _) = begin(&mut bench, 2, b"third");
    assert_eq!(ours.options.fast_open, None);
}

// Covers TCP-028
#[test]
fn a_deferred_connect_that_cannot_begin_leaves_nothing_behind() {
    let mut config = with(FastOpenPolicy::Cookie);
    config.ports = (5000, 5000);
    let mut bench = Bench::new(config, 2, ROOM);
    bench.connect(0, FastOpen::Deferred).unwrap();
    bench.connect(1, FastOpen::Deferred).unwrap();
    assert_eq!(bench.write(0, b"mine"), Ok(4));
    assert_eq!(bench.write(1, b"too late"), Err(TcpError::NoRoute));
    let late = bench.engine.endpoint(bench.handles[1]).unwrap().facts();
    assert_eq!((late.state, late.queued), (State::Closed, 0));
}

fn server(policy: FastOpenPolicy, max: u32) -> Bench {
    let mut config = with(policy);
    config.fast_open_pending = Some(max);
    let mut bench = Bench::new(config, 3, ROOM);
    bench.engine.listen(Bench::local(80)).unwrap();
    bench
}

fn asking(port: u16, sequence: u32, shown: Cookie) -> Header {
    let mut header = syn(sequence);
    header.source = port;
    header.options.fast_open = Some(shown);
    header
}

/// Gets a cookie and goes away.
fn acquire(bench: &mut Bench) -> Cookie {
    let out = bench.send(asking(3999, 1, Cookie::REQUEST), b"data");
    assert_eq!(out[0].0.acknowledgment, 2, "without a cookie the data is not taken");
    let mut reset = header(Flags::RST, 2, 0);
    reset.source = 3999;
    bench.send(reset, &[]);
    bench.events();
    out[0].0.options.fast_open.unwrap()
}

// Covers TCP-365, TCP-079, TCP-364, TCP-368
#[test]
fn data_with_a_valid_cookie_is_delivered_before_the_handshake_is_over() {
    let mut bench = server(FastOpenPolicy::Cookie, 1);
    let given = acquire(&mut bench);
    assert_eq!(given.as_bytes().len(), 8);
    let out = bench.send(asking(4000, 100, given), b"hello");
    assert_eq!(out[0].0.flags, SYN_ACK);
    assert_eq!(out[0].0.acknowledgment, 106);
    assert!(bench.early, "whoever decides knows");
    assert_eq!(out[0].0.options.fast_open, None, "it has the newest");
    let told: Vec<_> = bench.events().into_iter().map(|(_, event)| event).collect();
    assert_eq!(told[0], Event::Accepted);
    assert!(matches!(told[1], Event::ReceiveAvailable { available: 5, .. }));
    assert_eq!(told.len(), 2);
    assert_eq!(bench.read(0), b"hello");
    // It may be answered at once.
    bench.write(0, b"answer").unwrap();
    let early = bench.sent();
    assert_eq!((early.len(), early[0].1.as_slice()), (1, &b"answer"[..]));
    assert_eq!(early[0].0.sequence, out[0].0.sequence.wrapping_add(1));
    // Another has to wait for the usual handshake.
    let more = bench.send(asking(4001, 200, given), b"hello");
    assert!(!bench.early);
    assert_eq!(more[0].0.acknowledgment, 201);
    let ack = header(Flags::ACK, 106, early[0].0.sequence.wrapping_add(6));
    assert_eq!(bench.send(ack, &[]), []);
    let told: Vec<_> = bench.events().into_iter().map(|(_, event)| event).collect();
    assert_eq!(told[..2], [Event::Established, Event::BytesAcked(6)]);
    // The first is confirmed, so there is room for one.
    let third = bench.send(asking(4002, 300, given), b"hello");
    assert_eq!(third[0].0.acknowledgment, 306);
}

// Covers TCP-079
#[test]
fn what_was_early_is_told_before_established_also_when_nobody_looked_between() {
    let mut bench = server(FastOpenPolicy::Cookie, 1);
    let given = acquire(&mut bench);
    let out = bench.send(asking(4000, 100, given), b"hello");
    bench.send(header(Flags::ACK, 106, out[0].0.sequence.wrapping_add(1)), &[]);
    let told: Vec<_> = bench.events().into_iter().map(|(_, event)| event).collect();
    assert_eq!(told[0], Event::Accepted);
    assert!(matches!(told[1], Event::ReceiveAvailable { available: 5, .. }));
    assert_eq!(told[2], Event::Established);
}

// Covers TCP-081, TCP-367
#[test]
fn a_repeated_syn_gets_the_same_answer_and_no_second_delivery() {
    let mut bench = server(FastOpenPolicy::Cookie, 1);
    let given = acquire(&mut bench);
    let first = bench.send(asking(4000, 100, given), b"hello");
    let again = bench.send(asking(4000, 100, given), b"hello");
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].0.acknowledgment, first[0].0.acknowledgment);
    assert_eq!(bench.read(0), b"hello");
    bench.pass(Duration::from_secs(1));
    let out = bench.sent();
    assert_eq!((out[0].0.flags, out[0].0.options.fast_open), (SYN_ACK, None));
}

// S-56, the cookie is rotated
// Covers TCP-364
#[test]
fn an_older_cookie_is_taken_and_a_newer_one_given() {
    let mut bench = server(FastOpenPolicy::Cookie, 8);
    let given = acquire(&mut bench);
    bench.pass(Duration::from_hours(13));
    let out = bench.send(asking(4000, 100, given), b"hello");
    assert_eq!(out[0].0.acknowledgment, 106);
    let newer = out[0].0.options.fast_open.unwrap();
    assert_ne!(newer, given);
    let wrong = Cookie::new(&[1; 8]).unwrap();
    let out = bench.send(asking(4001, 200, wrong), b"hello");
    assert_eq!((out[0].0.acknowledgment, out[0].0.options.fast_open), (201, Some(newer)));
}

// S-57
// Covers TCP-361
#[test]
fn where_all_are_trusted_data_goes_both_ways_without_a_cookie() {
    let mut bench = server(FastOpenPolicy::Open, 8);
    let out = bench.send(asking(4000, 100, Cookie::REQUEST), b"hello");
    assert_eq!(out[0].0.acknowledgment, 106);
    assert!(out[0].0.options.fast_open.is_some());
    assert_eq!(bench.read(0), b"hello");
    let mut bench = client(FastOpenPolicy::Open);
    let (ours, data) = begin(&mut bench, 0, b"first");
    assert_eq!((ours.options.fast_open, data.as_slice()), (Some(Cookie::REQUEST), &b"first"[..]));
}

// Covers TCP-361
#[test]
fn where_it_is_off_the_option_is_neither_sent_nor_heard() {
    let mut bench = server(FastOpenPolicy::Off, 8);
    let out = bench.send(asking(4000, 100, Cookie::REQUEST), b"hello");
    assert_eq!((out[0].0.acknowledgment, out[0].0.options.fast_open), (101, None));
    let mut bench = client(FastOpenPolicy::Off);
    let (ours, data) = begin(&mut bench, 0, b"first");
    assert_eq!((ours.options.fast_open, data.len()), (None, 0));
}

// Covers TCP-365
#[test]
fn one_that_is_never_confirmed_makes_room_when_it_ends() {
    let mut bench = server(FastOpenPolicy::Cookie, 1);
    let given = acquire(&mut bench);
    bench.send(asking(4000, 100, given), b"hello");
    bench.events();
    for _ in 0..12 {
        bench.pass(Duration::from_secs(8));
        bench.sent();
    }
    let ended: Vec<_> = bench.events().into_iter().map(|(_, event)| event).collect();
    assert_eq!(ended.last(), Some(&Event::Disconnected(Disconnected::TimedOut)));
    let out = bench.send(asking(4001, 200, given), b"hello");
    assert_eq!(out[0].0.acknowledgment, 206);
}

// Covers TCP-041
#[test]
fn bytes_sent_during_the_handshake_wait_for_its_end_or_are_refused_if_that_is_wanted() {
    for strict in [false, true] {
        let mut own = settings();
        own.strict_seed_send = strict;
        let mut bench = Bench::with(with(FastOpenPolicy::Off), 1, ROOM, leak(own));
        bench.connect(0, FastOpen::No).unwrap();
        let (ours, _) = bench.sent().remove(0);
        let written = bench.write(0, b"soon");
        assert_eq!(bench.sent(), []);
        let out = bench.send(answer(&ours, 0, None), &[]);
        if strict {
            assert_eq!((written, out[0].1.len()), (Err(TcpError::NotOpen), 0));
        } else {
            assert_eq!((written, out[0].1.as_slice()), (Ok(4), &b"soon"[..]));
        }
    }
}

// Covers TCP-363
#[test]
fn a_request_for_a_cookie_that_was_lost_says_nothing_about_data_in_syns() {
    let mut bench = client(FastOpenPolicy::Cookie);
    let (ours, data) = begin(&mut bench, 0, b"first");
    assert_eq!((ours.options.fast_open, data.len()), (Some(Cookie::REQUEST), 0));
    bench.pass(Duration::from_secs(1));
    let out = bench.sent();
    assert_eq!((out.len(), out[0].0.options.fast_open), (1, None));
    bench.send(answer(&out[0].0, 0, None), &[]);
    let (ours, _) = begin(&mut bench, 1, b"second");
    assert_eq!(ours.options.fast_open, Some(Cookie::REQUEST), "it is asked again");
}
