//! Whatever the link does and whatever comes: the laws hold, every frame is accounted for, and it replays.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_impair::{
    Codel, Corrupt, Counters, Direction, Impairment, Loss, Management, Reorder, Span,
};
use proptest::prelude::*;

fn micros(range: core::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_micros)
}

/// Never, sometimes, always.
fn share() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 2 => 1..500_000_u32, 1 => Just(1_000_000)]
}

fn loss() -> impl Strategy<Value = Loss> {
    let burst =
        (share(), share(), share(), share()).prop_map(|(enter, leave, good, bad)| Loss::Burst {
            enter_per_million: enter,
            leave_per_million: leave,
            good_per_million: good,
            bad_per_million: bad,
        });
    prop_oneof![
        Just(Loss::None),
        share().prop_map(|per_million| Loss::Random { per_million }),
        burst,
        (0..5_u32).prop_map(Loss::EveryNth),
    ]
}

fn management() -> impl Strategy<Value = Management> {
    let codel = (micros(0..5000), micros(0..20_000), any::<bool>())
        .prop_map(|(target, interval, ecn)| Management::Codel(Codel { target, interval, ecn }));
    prop_oneof![Just(Management::None), micros(0..9000).prop_map(Management::MarkAbove), codel]
}

prop_compose! {
    fn reorder()(
        per_million in share(),
        frames in 0..6_u16,
        patience in micros(0..9000),
        by_jitter in any::<bool>(),
    ) -> Reorder {
        Reorder { per_million, frames, patience, by_jitter }
    }
}

prop_compose! {
    fn corrupt()(per_million in share(), bits in 0..5_u16, after in 0..80_usize, fix_checksum in any::<bool>())
        -> Corrupt {
        Corrupt { per_million, bits, after, fix_checksum }
    }
}

prop_compose! {
    fn impairment()(
        (rate, queue_bytes) in (prop::option::of(0..100_000_000_u64), 0..20_000_usize),
        (delay, jitter) in (micros(0..50_000), micros(0..5000)),
        (management, loss, reorder, corrupt) in (management(), loss(), reorder(), corrupt()),
        (duplicate_per_million, truncate_per_million, mark_per_million) in (share(), share(), share()),
        mtu in prop::option::of(100..1600_u16),
        link_header in prop_oneof![Just(0_usize), Just(14)],
        down in prop::collection::vec((0..90_000_u64, 0..90_000_u64), 0..3),
    ) -> Impairment {
        let span = |(from, until)| Span { from: Instant::from_micros(from), until: Instant::from_micros(until) };
        let down = down.into_iter().map(span).collect();
        let memory_max = usize::MAX;
        Impairment {
            rate, queue_bytes, management, delay, jitter, loss, reorder, duplicate_per_million, corrupt,
            truncate_per_million, mark_per_million, mtu, link_header, down, memory_max,
        }
    }
}

/// Frames: how long after the one before, and how long.
fn frames() -> impl Strategy<Value = Vec<(u64, usize)>> {
    prop::collection::vec((prop_oneof![Just(0), 0..3000_u64], 0..1600_usize), 0..120)
}

fn frame(number: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![number.to_le_bytes()[0]; len];
    for (byte, with) in bytes.iter_mut().zip([0x45, 2]) {
        *byte = with;
    }
    bytes
}

/// One frame of the output: its number, when it was taken, its bytes.
type Output = (usize, Instant, Vec<u8>);

/// Takes what is due, and checks the laws on the way.
fn drain(link: &mut Direction<usize>, now: Instant, out: &mut Vec<Output>) {
    let mut buf = Vec::new();
    let bound = link.held();
    let mut taken = 0;
    while let Some(number) = link.poll_transmit(now, &mut buf) {
        taken += 1;
        assert!(taken <= bound, "L2");
        out.push((number, now, buf.clone()));
    }
    assert!(link.poll_timeout().is_none_or(|at| at > now), "L3");
    assert_eq!(link.poll_timeout().is_none(), link.held() == 0);
}

fn check_conservation(link: &Direction<usize>) {
    let counted = link.counters();
    let held = u64::try_from(link.held()).unwrap();
    let sum = counted.output.frames + counted.dropped() + held;
    assert_eq!(counted.input.frames + counted.duplicated.frames, sum);
}

/// Feeds all frames; between them takes what is due at its time if `prompt`, otherwise only at the end.
fn run(
    impairment: &Impairment,
    seed: u64,
    frames: &[(u64, usize)],
    prompt: bool,
) -> (Vec<Output>, Counters) {
    let mut link = Direction::new(impairment.clone(), Rng::from_run(seed));
    let mut out = Vec::new();
    let mut now = Instant::ZERO;
    for (number, &(gap, len)) in frames.iter().enumerate() {
        let next = now + Duration::from_micros(gap);
        while let Some(at) = link.poll_timeout().filter(|at| prompt && *at < next) {
            drain(&mut link, at, &mut out);
        }
        now = next;
        let before = link.held();
        let verdict = link.handle_input(now, &frame(number, len), number);
        let added = link.held() - before;
        assert!(if verdict == Verdict::Accepted { added == 1 || added == 2 } else { added == 0 });
        check_conservation(&link);
    }
    while let Some(at) = link.poll_timeout() {
        // L4: looking too early finds nothing and changes nothing.
        if prompt && let Some(early) = at.as_micros().checked_sub(1) {
            assert_eq!(link.poll_transmit(Instant::from_micros(early), &mut Vec::new()), None);
            assert_eq!(link.poll_timeout(), Some(at));
        }
        drain(&mut link, if prompt { at } else { Instant::from_micros(u64::MAX) }, &mut out);
        check_conservation(&link);
    }
    (out, link.counters())
}

proptest! {
    // Covers TCP-700
    #[test]
    fn a_run_replays_from_its_seed(link in impairment(), seed in any::<u64>(), frames in frames()) {
        prop_assert_eq!(run(&link, seed, &frames, true), run(&link, seed, &frames, true));
    }

    #[test]
    fn looking_late_changes_nothing_but_the_time(link in impairment(), seed in any::<u64>(), frames in frames()) {
        let (prompt, one) = run(&link, seed, &frames, true);
        let (late, other) = run(&link, seed, &frames, false);
        prop_assert_eq!(one, other);
        let plain = |out: Vec<Output>| -> Vec<(usize, Vec<u8>)> {
            out.into_iter().map(|(number, _, bytes)| (number, bytes)).collect()
        };
        prop_assert_eq!(plain(prompt), plain(late));
    }

    #[test]
    fn order_is_kept_unless_it_was_asked_to_be_lost(mut link in impairment(), seed in any::<u64>(), frames in frames()) {
        link.reorder = Reorder::default();
        let (out, _) = run(&link, seed, &frames, true);
        prop_assert!(out.is_sorted_by_key(|(number, ..)| *number));
    }

    #[test]
    fn without_damage_the_bytes_are_the_same(mut link in impairment(), seed in any::<u64>(), frames in frames()) {
        (link.corrupt, link.truncate_per_million, link.mark_per_million) = (Corrupt::default(), 0, 0);
        link.management = Management::None;
        for (number, _, bytes) in run(&link, seed, &frames, true).0 {
            prop_assert_eq!(&bytes, &frame(number, frames[number].1));
        }
    }

    // Covers TCP-700
    #[test]
    fn the_rate_is_exact(rate in 1_000..1_000_000_000_u64, lens in prop::collection::vec(1..1600_usize, 1..100)) {
        let link = Impairment { rate: Some(rate), ..Impairment::default() };
        let frames: Vec<(u64, usize)> = lens.iter().map(|&len| (0, len)).collect();
        let mut bits = 0_u128;
        for (number, at, bytes) in run(&link, 0, &frames, true).0 {
            bits += u128::try_from(bytes.len()).unwrap() * 8;
            prop_assert_eq!(bytes.len(), lens[number]);
            prop_assert_eq!(u128::from(at.as_micros()), (bits * 1_000_000).div_ceil(u128::from(rate)));
        }
    }

    #[test]
    fn memory_is_bounded(mut link in impairment(), memory_max in 0..50_000_usize, frames in frames()) {
        link.memory_max = memory_max;
        let queue = link.queue_bytes;
        let mut link = Direction::new(link, Rng::from_run(1));
        for (number, &(_, len)) in frames.iter().enumerate() {
            let _any = link.handle_input(Instant::ZERO, &frame(number, len), number);
            prop_assert!(link.held() <= 1 || link.held_bytes() <= memory_max);
            let longest = frames.iter().map(|(_, len)| *len).max().unwrap_or(0);
            prop_assert!(link.backlog(Instant::ZERO) <= queue.max(longest));
        }
    }
}
