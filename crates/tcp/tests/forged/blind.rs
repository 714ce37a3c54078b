//! Forgeries by someone who does not see the connection (RFC 5961, RFC 5927).

use crate::pair::{Pair, app, knobs};
use core::time::Duration;
use mainstay_base::Verdict;
use mainstay_tcp::{Disconnected, IcmpError, IcmpKind, Ignored, Seq, State};
use mainstay_wire::tcp::{Flags, Header};

const SECOND: Duration = Duration::from_secs(1);

/// An open connection over which 50 000 bytes went each way.
fn open() -> Pair {
    let mut pair = Pair::new(&knobs(60_000), &[app(50_000), app(50_000)]);
    pair.run(SECOND * 5);
    assert!(pair.sides.iter().all(|side| side.seen().read == 50_000));
    pair
}

/// It still carries bytes, and all of them.
fn still_open(mut pair: Pair) {
    for side in &mut pair.sides {
        side.change(30_000, true);
    }
    pair.run(SECOND * 5);
    for side in &pair.sides {
        assert_eq!(side.facts().state, State::Established);
        assert_eq!(side.seen().read, 80_000);
    }
}

/// Where the next segment of A would stand.
fn next(pair: &Pair) -> Header {
    let newest = pair.wire.iter().filter(|seen| seen.1 == 0).max_by_key(|seen| seen.0).unwrap();
    let len = u32::try_from(newest.3).unwrap();
    Header { sequence: newest.2.sequence.wrapping_add(len), flags: Flags::ACK, ..pair.newest(0) }
}

// S-49
// Covers TCP-133, TCP-510, TCP-500
#[test]
fn a_sweep_of_resets_over_the_window_resets_nothing_but_the_exact_one() {
    let mut pair = open();
    let exact = next(&pair);
    let mut answers = 0;
    for step in 1..2000_u32 {
        let sequence = exact.sequence.wrapping_sub(30_000).wrapping_add(step * 100);
        if sequence == exact.sequence {
            continue;
        }
        for flags in [Flags::RST, Flags::RST | Flags::ACK] {
            answers += pair.forge(0, &Header { sequence, flags, ..exact }, &[]);
        }
    }
    assert!((1..=3).contains(&answers), "{answers} answers in no time");
    assert_eq!(pair.sides[1].facts().state, State::Established);
    pair.run(SECOND * 10);
    let mut answers = 0;
    for step in 1..1000_u32 {
        pair.run(SECOND / 100);
        let sequence = exact.sequence.wrapping_add(step);
        answers += pair.forge(0, &Header { sequence, flags: Flags::RST, ..exact }, &[]);
    }
    assert!((15..=23).contains(&answers), "{answers} answers in ten seconds");
    pair.forge(0, &Header { flags: Flags::RST, ..exact }, &[]);
    assert_eq!(pair.sides[1].seen().ended, Some(Disconnected::Reset));
}

// S-50
// Covers TCP-134, TCP-136, TCP-511
#[test]
fn blind_syns_and_data_are_answered_rarely_and_change_nothing() {
    let mut pair = open();
    let exact = next(&pair);
    let mut answers = 0;
    for step in 0..3000_u32 {
        let sequence = exact.sequence.wrapping_add(step.wrapping_mul(1_431_655));
        let syn = Header { sequence, flags: Flags::SYN, ..exact };
        answers += pair.forge(0, &syn, b"nothing");
        // In the window, but it acknowledges what cannot be.
        let acknowledgment = exact.acknowledgment.wrapping_sub(3_000_000 + step);
        answers += pair.forge(0, &Header { acknowledgment, ..exact }, b"forged");
        let acknowledgment = exact.acknowledgment.wrapping_add(1 + step);
        answers += pair.forge(0, &Header { acknowledgment, ..exact }, b"forged");
    }
    assert!(answers <= 3, "{answers} answers in no time");
    assert_eq!(pair.sides[1].facts().unread, 0);
    still_open(pair);
}

// Covers TCP-130, TCP-131
#[test]
fn what_passed_once_may_pass_again_in_any_order() {
    let mut pair = open();
    let mut raw = core::mem::take(&mut pair.raw);
    raw.reverse();
    for (from, bytes) in &raw {
        pair.replay(*from, bytes);
    }
    pair.run(SECOND);
    let half = raw.len() / 2;
    raw.rotate_left(half);
    for (from, bytes) in &raw {
        pair.replay(*from, bytes);
    }
    still_open(pair);
}

// S-70
// Covers TCP-545
#[test]
fn urgent_pointers_beyond_the_window_point_to_its_end() {
    let mut pair = open();
    let exact = next(&pair);
    for urgent in [0, 1, 1000, 65_535] {
        let flags = Flags::ACK | Flags::URG;
        pair.forge(0, &Header { flags, urgent, ..exact }, &[]);
    }
    still_open(pair);
}

// S-54
// Covers TCP-175, TCP-177, TCP-178, TCP-544
#[test]
fn routers_nobody_asked_change_little() {
    let mut pair = open();
    let exact = next(&pair);
    pair.sides[0].change(20_000, true);
    pair.settle();
    let flight = pair.sides[0].facts().flight;
    assert!(flight > 0);
    let tell = |pair: &mut Pair, sequence: u32, kind| {
        let now = pair.now;
        let error = IcmpError { tuple: Pair::tuple(0), sequence, kind };
        pair.sides[0].icmp(now, &error)
    };
    let kinds = [IcmpKind::Hard, IcmpKind::TooBig { mtu: 68 }];
    for kind in kinds {
        for outside in [Seq(exact.sequence) - 1, Seq(exact.sequence) + flight] {
            assert_eq!(tell(&mut pair, outside.0, kind), Verdict::Dropped(Ignored::Window));
        }
    }
    assert_eq!(pair.sides[0].facts().mss, 1460);
    assert_eq!(tell(&mut pair, exact.sequence, IcmpKind::Hard), Verdict::Accepted);
    assert_eq!(pair.sides[0].facts().state, State::Established);
    let tiny = IcmpKind::TooBig { mtu: 68 };
    assert_eq!(tell(&mut pair, exact.sequence, tiny), Verdict::Accepted);
    assert_eq!(pair.sides[0].facts().mss, 552 - 40);
    pair.sides[0].change(10_000, true);
    pair.sides[1].change(30_000, true);
    pair.run(SECOND * 5);
    assert_eq!(pair.sides[1].seen().read, 80_000);
}
