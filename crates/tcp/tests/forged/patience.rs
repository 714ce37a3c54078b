//! Waiting: for a window, for more, for an acknowledgement; and not waiting for ever.

use crate::pair::{Pair, app, knobs};
use crate::plan::Kind;
use core::time::Duration;
use mainstay_tcp::{Disconnected, State};

const SECOND: Duration = Duration::from_secs(1);

// S-34
// Covers TCP-160, TCP-161, TCP-470, TCP-472
#[test]
fn a_window_closed_for_an_hour_ends_nothing_and_opens_again() {
    for receive in [100, 5000, 900_000] {
        let mut pair = Pair::new(&knobs(receive), &[app(2_000_000), app(0)]);
        pair.sides[1].change(0, false);
        pair.run(SECOND * 3600);
        assert_eq!(pair.sides[0].facts().window, 0, "of {receive}");
        assert_eq!(pair.sides[0].facts().state, State::Established, "with {receive}");
        let left = pair.wire.iter().rev().take_while(|seen| seen.0 + SECOND * 600 > pair.now);
        assert!(left.count() < 30, "probes are rare");
        let read = pair.sides[1].seen().read;
        pair.sides[1].change(0, true);
        pair.run(DELAY * 8);
        assert!(pair.sides[1].seen().read > read + receive.min(5000), "it goes on at once");
    }
}

use crate::pair::DELAY;

// Covers TCP-164
#[test]
fn a_closed_window_of_a_peer_that_is_gone_is_not_asked_for_ever() {
    let mut pair = Pair::new(&knobs(5000), &[app(20_000), app(0)]);
    pair.sides[1].change(0, false);
    pair.run(SECOND * 1000);
    assert_eq!(pair.sides[0].facts().state, State::Established);
    pair.passes = Box::new(|_, _, _| false);
    let gone = pair.now;
    let end = gone + SECOND * 400;
    assert!(pair.run_until(end, |pair| pair.sides[0].seen().ended.is_some()));
    assert_eq!(pair.sides[0].seen().ended, Some(Disconnected::TimedOut));
    assert!(pair.now - gone >= SECOND * 100, "{:?}", pair.now - gone);
}

// Covers TCP-404
#[test]
fn a_lost_segment_comes_again_though_the_peer_sends_all_the_time() {
    for sack in [false, true] {
        let mut busy = app(0);
        (busy.chunk, busy.gap) = (500, Duration::from_millis(20));
        let mut knobs = knobs(200_000);
        knobs.sack = sack;
        let mut pair = Pair::new(&knobs, &[app(0), busy]);
        pair.run(SECOND);
        pair.sides[1].change(2_000_000, true);
        pair.run(SECOND);
        let mut dropped = false;
        pair.passes = Box::new(move |from, _, len| {
            let drops = from == 0 && len > 0 && !dropped;
            dropped |= drops;
            !drops
        });
        let asked = pair.now;
        pair.sides[0].change(10, true);
        let end = asked + SECOND * 20;
        assert!(pair.run_until(end, |pair| pair.sides[1].seen().read == 10));
        assert!(pair.now - asked < SECOND, "after {:?}", pair.now - asked);
    }
}

// Covers TCP-131
#[test]
fn a_peer_that_filled_the_window_is_heard_though_what_it_sent_is_lost() {
    let mut knobs = knobs(5000);
    knobs.nagle = false;
    let mut pair = Pair::new(&knobs, &[app(0), app(0)]);
    pair.run(SECOND);
    pair.passes = Box::new(|from, _, len| from == 1 || len == 0);
    pair.sides[0].change(5000, true);
    pair.settle();
    assert_eq!(pair.sides[0].facts().flight, pair.sides[0].facts().window, "it is full");
    pair.sides[1].change(1000, true);
    pair.run(SECOND / 5);
    assert_eq!(pair.sides[1].seen().acked, 1000);
}

// S-39
// Covers TCP-040
#[test]
fn what_waits_for_more_does_not_wait_longer_because_the_peer_sends() {
    let mut busy = app(0);
    // Two full segments at a time are acknowledged at once, and nothing else comes due.
    (busy.chunk, busy.gap) = (2920, Duration::from_millis(20));
    let mut held = app(0);
    held.more_percent = 100;
    let mut pair = Pair::new(&knobs(200_000), &[held, busy]);
    pair.run(SECOND);
    pair.sides[1].change(2_000_000, true);
    pair.run(SECOND);
    let asked = pair.now;
    pair.sides[0].change(10, true);
    let end = asked + SECOND * 20;
    assert!(pair.run_until(end, |pair| pair.sides[1].seen().read == 10));
    assert!(pair.now - asked <= SECOND / 4, "after {:?}", pair.now - asked);
}

// Covers TCP-401
#[test]
fn after_any_silence_a_paced_connection_sends_at_once() {
    let mut knobs = knobs(200_000);
    knobs.pacing = true;
    let mut pair = Pair::new(&knobs, &[app(100_000), app(0)]);
    pair.run(SECOND * 10);
    let mut total = 100_000;
    for minutes in [10, 20, 36, 45, 55, 60, 65, 70, 71, 100, 40_000] {
        pair.run(SECOND * 60 * minutes);
        let asked = pair.now;
        pair.sides[0].change(50_000, true);
        total += 50_000;
        let end = asked + SECOND * 5000;
        assert!(pair.run_until(end, |pair| pair.sides[1].seen().read == total));
        assert!(pair.now - asked < SECOND, "{:?} after {minutes} min", pair.now - asked);
    }
}

// Covers TCP-034, TCP-607
#[test]
fn many_short_buffers_leave_without_a_gap() {
    let mut knobs = knobs(200_000);
    knobs.kind = Kind::Host { lent: true };
    let mut short = app(0);
    short.chunk = 50;
    let mut pair = Pair::new(&knobs, &[short, app(0)]);
    pair.run(SECOND);
    pair.sides[0].change(20_000, true);
    pair.run(SECOND * 20);
    assert_eq!(pair.sides[1].seen().read, 20_000);
    let mut next = None;
    for (_, from, header, len) in &pair.wire {
        if *from == 0 && *len > 0 {
            assert!(next.is_none_or(|next| next == header.sequence), "a gap");
            next = Some(header.sequence.wrapping_add(u32::try_from(*len).unwrap()));
        }
    }
}
