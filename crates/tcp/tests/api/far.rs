//! Deadlines that lie further ahead than a clock of 32 bits in fine ticks says, and a device that holds everybody up.

use crate::bench::{Bench, Peer, settings};
use core::time::Duration;
use mainstay_tcp::{FastOpen, Keepalive, State, Transmitted};
use mainstay_wire::tcp::Flags;

const MINUTE: Duration = Duration::from_secs(60);

// Covers TCP-424, TCP-401
#[test]
fn a_user_timeout_of_a_day_does_not_end_a_connection_at_once() {
    let mut own = settings();
    own.user_timeout = Some(86_400_000);
    let mut bench = Bench::with(1, own);
    bench.established(0);
    bench.send(0, b"is anybody there?");
    for minute in 0..200 {
        bench.pass(MINUTE);
        bench.sent();
        assert_eq!(bench.state(0), State::Established, "after {minute} minutes");
    }
}

// Covers TCP-170, TCP-005
#[test]
fn a_peer_that_may_be_silent_for_a_day_is_not_asked_at_once() {
    let mut own = settings();
    own.keepalive = Some(Keepalive { idle: 86_400, interval: 86_400, count: 3 });
    let mut bench = Bench::with(1, own);
    let mut peer = bench.established(0);
    bench.sent();
    for minute in 0..200 {
        bench.pass(MINUTE);
        assert!(bench.sent().is_empty(), "after {minute} minutes");
    }
    // Not while something is in flight either, nor for ever in one call.
    bench.send(0, b"hello");
    bench.hears(&mut peer);
    bench.pass(MINUTE * 300);
    let next = bench.engine.next_deadline().unwrap();
    assert!(next > bench.now || !bench.sent().is_empty());
}

// Covers TCP-553
#[test]
fn one_long_path_without_room_does_not_hold_up_the_others() {
    let mut own = settings();
    own.rto_min = 30_000;
    let mut bench = Bench::with(2, own);
    let mut slow = bench.established(0);
    let _quick = bench.accept(1, 4001);
    for _ in 0..12 {
        bench.send(0, b"far");
        bench.hears(&mut slow);
        bench.pass(Duration::from_secs(4));
        bench.says(&mut slow, &[]);
        bench.told();
    }
    assert!(bench.endpoint(0).facts().srtt.unwrap() > 2_000_000);
    bench.send(0, b"far");
    let now = bench.now;
    assert!(bench.engine.poll_transmit(now).is_some());
    bench.engine.transmit_result(now, Transmitted::NoBuffer);
    bench.send(1, b"near");
    assert!(bench.sent().is_empty(), "the device has no room");
    bench.pass(Duration::from_millis(20));
    let sent = bench.sent();
    assert!(sent.iter().any(|(_, payload)| payload == b"near"), "{sent:?}");
    assert!(sent.iter().any(|(_, payload)| payload == b"far"), "it comes again");
}

// Covers TCP-512
#[test]
fn so_many_strangers_are_told_that_nobody_is_here_and_no_more() {
    let mut bench = Bench::new(1);
    let stranger = Peer { port: 5000, next: 7, expects: 9 };
    let mut resets = 0;
    for _ in 0..300 {
        bench.arrive(&stranger.header(Flags::ACK), &[], None);
        resets += bench.sent().len();
    }
    assert_eq!(resets, 100, "of one second");
    bench.pass(Duration::from_millis(100));
    for _ in 0..300 {
        bench.arrive(&stranger.header(Flags::ACK), &[], None);
        resets += bench.sent().len();
    }
    assert_eq!(resets, 110);
}

// Covers TCP-521, TCP-357
#[test]
fn the_clock_of_each_connection_is_another() {
    let mut bench = Bench::new(2);
    bench.connect(0, FastOpen::No).unwrap();
    bench.connect(1, FastOpen::No).unwrap();
    let values: Vec<u32> =
        bench.sent().iter().map(|(syn, _)| syn.options.timestamps.unwrap().value).collect();
    let now = u32::try_from(bench.now.as_micros() / 1000).unwrap();
    let (one, other) = (values[0].wrapping_sub(now), values[1].wrapping_sub(now));
    assert!(one != 0 && other != 0 && one != other, "{values:?}");
}
