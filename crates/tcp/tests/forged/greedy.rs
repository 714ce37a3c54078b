//! A peer that wants more than its share, or wants to make the other work.

use crate::pair::{Pair, app, knobs};
use core::time::Duration;
use mainstay_base::Rng;
use mainstay_tcp::State;
use mainstay_wire::tcp::{Flags, Header, Options, SackBlock, SackBlocks};

const SECOND: Duration = Duration::from_secs(1);

/// A has much in flight to B, and nothing comes back but what is forged.
fn in_flight() -> (Pair, Header, u32) {
    let mut pair = Pair::new(&knobs(900_000), &[app(0), app(0)]);
    pair.run(SECOND);
    let idle = pair.newest(0);
    pair.passes = Box::new(|from, _, _| from == 0);
    pair.sides[0].change(500_000, true);
    pair.settle();
    let flight = pair.sides[0].facts().flight;
    assert!(flight > 10_000);
    // An acknowledgement as B would send it, of all that came before.
    let sequence = idle.acknowledgment;
    let bare = Header {
        source: idle.destination,
        destination: idle.source,
        sequence,
        acknowledgment: idle.sequence,
        flags: Flags::ACK,
        window: 20_000,
        ..Header::default()
    };
    (pair, bare, flight)
}

// Covers TCP-542, TCP-136
#[test]
fn who_acknowledges_what_was_not_sent_gets_nothing_for_it() {
    let (mut pair, bare, flight) = in_flight();
    let before = pair.sides[0].facts();
    for step in 1..1000 {
        let acknowledgment = bare.acknowledgment.wrapping_add(flight + step * 1460);
        pair.forge(1, &Header { acknowledgment, ..bare }, &[]);
    }
    let after = pair.sides[0].facts();
    assert_eq!((after.cwnd, after.flight), (before.cwnd, before.flight));
    assert!(pair.sides[0].counters().ignored >= 999);
}

// Covers TCP-542, TCP-250
#[test]
fn many_acknowledgements_of_few_bytes_open_the_window_by_those_bytes() {
    let (mut pair, bare, _) = in_flight();
    let before = pair.sides[0].facts().cwnd;
    for step in 1..=1460 {
        let acknowledgment = bare.acknowledgment.wrapping_add(step);
        pair.forge(1, &Header { acknowledgment, ..bare }, &[]);
    }
    let grown = pair.sides[0].facts().cwnd - before;
    assert!(grown <= 1460, "{grown} for 1460");
}

fn sack(bare: &Header, blocks: &[(u32, u32)]) -> Header {
    let mut sack = SackBlocks::EMPTY;
    for (left, right) in blocks {
        let base = bare.acknowledgment;
        let block = SackBlock { left: base.wrapping_add(*left), right: base.wrapping_add(*right) };
        assert!(sack.push(block));
    }
    Header { options: Options { sack, ..Options::default() }, ..*bare }
}

// S-52
// Covers TCP-272
#[test]
fn blocks_that_cannot_be_are_not_believed() {
    let (mut pair, bare, flight) = in_flight();
    let before = pair.sides[0].facts();
    let cannot: [&[(u32, u32)]; 5] = [
        &[(flight, flight + 1460), (flight + 1, flight + 2)],
        &[(2920, 1460), (5840, 4380)],
        &[(1460, 1460), (1460, flight + 1)],
        &[(u32::MAX - 5000, 1460), (1460, 0x8000_0000)],
        &[(u32::MAX - 9, u32::MAX), (0x8000_0000, 0x8000_1000)],
    ];
    for blocks in cannot {
        for _ in 0..50 {
            pair.forge(1, &sack(&bare, blocks), &[]);
        }
    }
    let after = pair.sides[0].facts();
    assert_eq!((after.flight, after.lost), (before.flight, before.lost));
    assert_eq!(after.recovering_to, None);
}

// S-52
// Covers TCP-540, TCP-271
#[test]
fn a_hundred_thousand_tiny_blocks_cost_as_much_each_and_break_nothing() {
    let (mut pair, bare, flight) = in_flight();
    let mut rng = Rng::from_run(52);
    let mut sent = 0;
    for _ in 0..25_000 {
        let blocks: [(u32, u32); 4] = core::array::from_fn(|_| {
            let left = u32::try_from(rng.below(u64::from(flight) - 20)).unwrap() + 1;
            (left, left + 1 + u32::try_from(rng.below(15)).unwrap())
        });
        sent += pair.forge(1, &sack(&bare, &blocks), &[]);
    }
    // Each byte it says it holds may let one leave, and no more.
    let bytes: usize = pair.wire.iter().rev().take(sent).map(|seen| seen.3).sum();
    assert!(bytes < 500_000, "{bytes} bytes in {sent} segments");
    pair.passes = Box::new(|_, _, _| true);
    pair.run(SECOND * 60);
    assert_eq!(pair.sides[1].seen().read, 500_000);
}

// Covers TCP-005
#[test]
fn a_window_that_opens_and_closes_all_the_time_makes_no_storm() {
    let (mut pair, bare, _) = in_flight();
    let before = pair.wire.len();
    for step in 0..4000_u32 {
        pair.now += Duration::from_millis(1);
        let now = pair.now;
        pair.sides[0].timeout(now);
        let window = [0, 1, 20_000, 0, 7][step as usize % 5];
        pair.forge(1, &Header { window, ..bare }, &[]);
    }
    let sent = pair.wire.len() - before;
    assert!(sent < 4000, "{sent} segments for 4000");
    pair.passes = Box::new(|_, _, _| true);
    pair.run(SECOND * 120);
    assert_eq!(pair.sides[1].seen().read, 500_000);
    assert_eq!(pair.sides[0].facts().state, State::Established);
}
