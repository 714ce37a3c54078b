//! What each impairment does to frames, one at a time.

use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_impair::{
    Codel, Corrupt, Direction, Dropped, Impairment, Loss, Management, PER_MILLION, Reorder, Span,
    Wire,
};

fn direction(impairment: Impairment) -> Direction<u32> {
    Direction::new(impairment, Rng::from_run(5))
}

const fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

const fn wait(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Hands in `count` frames of `len` bytes, one every `gap` microseconds; what came of each.
fn feed(direction: &mut Direction<u32>, count: u32, len: usize, gap: u64) -> Vec<Verdict<Dropped>> {
    let frame = vec![0; len];
    let at = |number: u32| Instant::from_micros(u64::from(number) * gap);
    (0..count).map(|number| direction.handle_input(at(number), &frame, number)).collect()
}

/// Everything that comes, when, each at its time.
fn drain(direction: &mut Direction<u32>) -> Vec<(u64, u32)> {
    let mut buf = Vec::new();
    let mut all = Vec::new();
    while let Some(at) = direction.poll_timeout() {
        while let Some(meta) = direction.poll_transmit(at, &mut buf) {
            all.push((at.as_micros(), meta));
        }
    }
    all
}

fn order(direction: &mut Direction<u32>) -> Vec<u32> {
    drain(direction).into_iter().map(|(_, meta)| meta).collect()
}

#[test]
fn nothing_is_done_by_default() {
    let mut link = direction(Impairment::default());
    let mut buf = Vec::new();
    assert_eq!(link.handle_input(ms(3), b"frame", 7), Verdict::Accepted);
    assert_eq!((link.poll_timeout(), link.held()), (Some(ms(3)), 1));
    assert_eq!(link.poll_transmit(ms(3), &mut buf), Some(7));
    assert_eq!((buf.as_slice(), link.poll_timeout()), (&b"frame"[..], None));
    assert_eq!(link.poll_transmit(ms(3), &mut buf), None);
}

// Covers TCP-700
#[test]
fn delay_comes_after_the_bottleneck() {
    // 1250 bytes at 1 Mbit/s: 10 ms each.
    let mut link =
        direction(Impairment { rate: Some(1_000_000), delay: wait(50), ..Impairment::default() });
    feed(&mut link, 3, 1250, 1000);
    assert_eq!(drain(&mut link), [(60_000, 0), (70_000, 1), (80_000, 2)]);
}

// Covers TCP-700
#[test]
fn what_the_queue_cannot_take_is_dropped_at_its_tail() {
    let mut link =
        direction(Impairment { rate: Some(1_000_000), queue_bytes: 2500, ..Impairment::default() });
    let verdicts = feed(&mut link, 4, 1250, 1000);
    let full = Verdict::Dropped(Dropped::Queue);
    assert_eq!(verdicts, [Verdict::Accepted, Verdict::Accepted, full, full]);
    assert_eq!(link.backlog(ms(3)), 2500);
    assert_eq!(link.backlog(ms(10)), 1250);
    // There is room again when the first has left.
    assert_eq!(link.handle_input(ms(10), &[0; 1250], 9), Verdict::Accepted);
    assert_eq!(drain(&mut link), [(10_000, 0), (20_000, 1), (30_000, 9)]);
    assert_eq!(link.counters().queue.frames, 2);
}

#[test]
fn a_frame_of_many_segments_takes_the_time_of_all() {
    let mut link = direction(Impairment { rate: Some(8_000_000), ..Impairment::default() });
    let wire = Wire::cut(54 + 2800, 54, 1000);
    assert_eq!(wire, Wire { len: 2962, count: 3, largest: 1054 });
    let _accepted = link.handle_input_as(ms(0), &[0; 2854], 1, wire);
    assert_eq!(drain(&mut link), [(2962, 1)]);
    let counted = link.counters().output;
    assert_eq!((counted.frames, counted.segments, counted.bytes), (1, 3, 2962));
    assert_eq!(Wire::cut(900, 54, 1000), Wire::single(900));
    assert_eq!(Wire::cut(900, 54, 0), Wire::single(900));
}

// Covers TCP-700
#[test]
fn jitter_keeps_the_order_unless_it_is_asked_to_lose_it() {
    let mut spread = Impairment { delay: wait(10), jitter: wait(20), ..Impairment::default() };
    let mut link = direction(spread.clone());
    feed(&mut link, 200, 100, 1000);
    let all = drain(&mut link);
    assert!(all.iter().map(|(_, meta)| *meta).eq(0..200));
    let late = |(at, meta): &(u64, u32)| at - u64::from(*meta) * 1000;
    assert!(all.iter().all(|one| (10_000..=30_000).contains(&late(one))));
    assert!(all.iter().any(|one| late(one) > 28_000));
    spread.reorder.by_jitter = true;
    let mut link = direction(spread);
    feed(&mut link, 200, 100, 1000);
    assert!(!order(&mut link).is_sorted());
}

// Covers TCP-700
#[test]
fn a_frame_held_back_is_overtaken_by_so_many() {
    let reorder = Reorder { per_million: PER_MILLION, frames: 3, ..Reorder::default() };
    let mut link = direction(Impairment { reorder, ..Impairment::default() });
    feed(&mut link, 1, 100, 0);
    link.set(Impairment::default());
    let mut buf = Vec::new();
    assert_eq!(link.poll_transmit(ms(0), &mut buf), None);
    for number in 1..=3 {
        let _accepted = link.handle_input(ms(1), &[0; 100], number);
    }
    let _accepted = link.handle_input(ms(1), &[0; 100], 4);
    assert_eq!(order(&mut link), [1, 2, 3, 0, 4]);
    assert_eq!(link.counters().held_back, 1);
}

#[test]
fn a_frame_that_nobody_overtakes_comes_all_the_same() {
    let reorder = Reorder { per_million: PER_MILLION, patience: wait(7), ..Reorder::default() };
    let mut link = direction(Impairment { reorder, delay: wait(1), ..Impairment::default() });
    feed(&mut link, 1, 100, 0);
    let mut buf = Vec::new();
    assert_eq!(link.poll_transmit(ms(1), &mut buf), None);
    assert_eq!(link.poll_timeout(), Some(ms(8)));
    assert_eq!(drain(&mut link), [(8000, 0)]);
}

// Covers TCP-700
#[test]
fn duplicates_come_twice_and_are_counted() {
    let mut link = direction(Impairment {
        duplicate_per_million: 250_000,
        delay: wait(1),
        ..Impairment::default()
    });
    feed(&mut link, 1000, 100, 10);
    let all = order(&mut link);
    let twice = all.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!((200..300).contains(&twice), "{twice}");
    assert_eq!(all.len(), 1000 + twice);
    assert_eq!(link.counters().duplicated.frames, u64::try_from(twice).unwrap());
}

// Covers TCP-700
#[test]
fn a_link_that_is_down_takes_nothing() {
    let down = vec![Span { from: ms(10), until: ms(20) }];
    let mut link = direction(Impairment { down, delay: wait(5), ..Impairment::default() });
    let taken = |at| link.handle_input(at, &[0; 100], 0) == Verdict::Accepted;
    let before = Instant::from_micros(9_999);
    assert_eq!(
        [before, ms(10), Instant::from_micros(19_999), ms(20)].map(taken),
        [true, false, false, true]
    );
    assert_eq!(drain(&mut link), [(14_999, 0), (25_000, 0)]);
    assert_eq!(link.counters().down.frames, 2);
}

// Covers TCP-700
#[test]
fn a_frame_longer_than_the_link_takes_is_dropped_also_after_a_change() {
    let mut link =
        direction(Impairment { mtu: Some(1500), link_header: 14, ..Impairment::default() });
    assert_eq!(link.handle_input(ms(0), &[0; 1514], 0), Verdict::Accepted);
    assert_eq!(link.handle_input(ms(0), &[0; 1515], 0), Verdict::Dropped(Dropped::Mtu));
    link.set(Impairment { mtu: Some(1280), link_header: 14, ..Impairment::default() });
    assert_eq!(link.handle_input(ms(0), &[0; 1295], 0), Verdict::Dropped(Dropped::Mtu));
    // Only its segments have to fit.
    let wire = Wire::cut(4000, 54, 1000);
    assert_eq!(link.handle_input_as(ms(0), &[0; 4000], 0, wire), Verdict::Accepted);
}

/// A frame of Ethernet and IPv6 that is ECT(0).
fn capable() -> Vec<u8> {
    let mut frame = vec![0; 114];
    frame[14..16].copy_from_slice(&[0x60, 0x20]);
    frame
}

// Covers TCP-700
#[test]
fn packets_are_marked_by_chance_or_where_they_wait() {
    let mut link = direction(Impairment {
        mark_per_million: PER_MILLION,
        link_header: 14,
        ..Impairment::default()
    });
    let mut buf = Vec::new();
    let _accepted = link.handle_input(ms(0), &capable(), 0);
    assert_eq!(link.poll_transmit(ms(0), &mut buf), Some(0));
    assert_eq!(buf[14..16], [0x60, 0x30]);
    // 1 ms each: the third waits 2 ms, the fourth is not capable.
    let mut link = direction(Impairment {
        rate: Some(912_000),
        management: Management::MarkAbove(wait(1)),
        link_header: 14,
        ..Impairment::default()
    });
    let frames = [capable(), capable(), capable(), vec![0; 114]];
    for frame in &frames {
        assert_eq!(link.handle_input(ms(0), frame, 0), Verdict::Accepted);
    }
    let mut marked = Vec::new();
    while link.poll_transmit(ms(4), &mut buf).is_some() {
        marked.push(buf[15] == 0x30);
    }
    assert_eq!(marked, [false, false, true, false]);
    assert_eq!(link.counters().marked, 1);
}

// Covers TCP-700
#[test]
fn codel_keeps_a_queue_short_that_would_stand() {
    let codel = |ecn| Management::Codel(Codel { ecn, ..Codel::default() });
    let waits = |management| {
        // Each frame takes 1 ms, and one comes every 0.9 ms.
        let rate = Some(912_000);
        let mut link =
            direction(Impairment { rate, management, link_header: 14, ..Impairment::default() });
        let frame = capable();
        for number in 0..5000 {
            let _any =
                link.handle_input(Instant::from_micros(u64::from(number) * 900), &frame, number);
        }
        let longest =
            drain(&mut link).into_iter().map(|(at, number)| at - u64::from(number) * 900).max();
        (longest.unwrap() / 1000, link.counters().codel.frames, link.counters().marked)
    };
    let (longest, dropped, marked) = waits(Management::None);
    assert_eq!((longest / 100, dropped, marked), (5, 0, 0));
    let (longest, dropped, marked) = waits(codel(false));
    assert!(longest < 150 && dropped > 300 && marked == 0, "{longest} {dropped} {marked}");
    let (_, dropped, marked) = waits(codel(true));
    assert!(dropped == 0 && marked > 30, "{dropped} {marked}");
}

// Covers TCP-700
#[test]
fn damaged_frames_differ_where_they_may() {
    let corrupt = Corrupt { per_million: PER_MILLION, bits: 1, after: 20, fix_checksum: false };
    let mut link = direction(Impairment { corrupt, ..Impairment::default() });
    let mut buf = Vec::new();
    let _accepted = link.handle_input(ms(0), &[0; 60], 0);
    assert_eq!(link.poll_transmit(ms(0), &mut buf), Some(0));
    assert_eq!(buf[..20], [0; 20]);
    assert_eq!(buf[20..].iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    link.set(Impairment {
        truncate_per_million: PER_MILLION,
        link_header: 14,
        ..Impairment::default()
    });
    let _accepted = link.handle_input(ms(0), &[0; 60], 0);
    assert_eq!(link.poll_transmit(ms(0), &mut buf), Some(0));
    assert!((14..60).contains(&buf.len()));
    assert_eq!((link.counters().corrupted, link.counters().truncated), (1, 1));
}

#[test]
fn a_change_of_delay_does_not_change_the_order() {
    let mut link = direction(Impairment { delay: wait(100), ..Impairment::default() });
    let _accepted = link.handle_input(ms(0), &[0; 60], 0);
    link.set(Impairment { loss: Loss::EveryNth(2), ..Impairment::default() });
    assert_eq!(link.handle_input(ms(1), &[0; 60], 1), Verdict::Accepted);
    assert_eq!(link.handle_input(ms(2), &[0; 60], 2), Verdict::Dropped(Dropped::Loss));
    assert_eq!(drain(&mut link), [(100_000, 0), (100_000, 1)]);
}
