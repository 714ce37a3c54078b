//! When to acknowledge, and how much to offer.

use crate::node::{Mesh, Node, PlainTiny, quiet, stream};
use core::time::Duration;
use mainstay_tcp::{Event, Settings};

/// How many of `count` full segments are acknowledged at once, each on its own.
fn acknowledged(every: Option<u8>, count: u32) -> Vec<u32> {
    let mut settings = quiet(Settings::tiny(Default::default()));
    settings.mss_limit = 400;
    let mut node = Node::<Mesh>::open(settings, 20_000);
    if let Some(every) = every {
        node.live().set_ack_every(every);
    }
    let mut all = Vec::new();
    for n in 0..count {
        node.text(1 + 400 * n, 400, 1);
        all.extend(node.sent().into_iter().map(|seen| (seen.ack - 1) / 400));
    }
    all
}

// Covers TCP-413, TCP-557, TCP-411
#[test]
fn every_second_segment_is_acknowledged_or_every_so_many_where_that_was_asked_for() {
    assert_eq!(acknowledged(None, 8), [2, 4, 6, 8]);
    assert_eq!(acknowledged(Some(4), 8), [4, 8]);
    assert_eq!(acknowledged(Some(5), 11), [5, 10]);
    assert_eq!(acknowledged(Some(0), 8), [2, 4, 6, 8], "never more often than the standard says");
}

// Covers TCP-413, TCP-410
#[test]
fn however_rarely_an_acknowledgement_waits_no_longer_than_any() {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 20_000);
    node.live().set_ack_every(40);
    node.text(1, 1000, 1);
    assert_eq!(node.sent().len(), 0);
    assert!(node.wake().abs_diff(100) <= 3);
    assert_eq!(node.sent()[0].ack, 1001);
}

// Covers TCP-557, TCP-412
#[test]
fn an_acknowledgement_rides_on_data_that_is_ready_within_the_delay() {
    let mut node = Node::<PlainTiny>::open(quiet(Settings::tiny(Default::default())), 4000);
    node.text(1, 100, 1);
    assert_eq!(node.sent().len(), 0, "it waits");
    node.pass(60);
    node.write(50);
    let left = node.sent();
    assert_eq!((left.len(), left[0].len, left[0].ack), (1, 50, 101));
    node.pass(300);
    assert_eq!(node.sent().len(), 0, "and is not said again");
}

// Covers TCP-476, TCP-472
#[test]
fn a_lower_limit_freezes_the_edge_and_never_takes_it_back() {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 4000);
    node.live().set_receive_limit(1000);
    assert_eq!(node.sent().len(), 0, "there is nothing to say");
    let mut at = 1;
    let mut edges = Vec::new();
    for _ in 0..8 {
        node.text(at, 1000, 1);
        at += 1000;
        node.read();
        for seen in node.sent() {
            edges.push(seen.ack + u32::from(seen.window));
        }
        node.pass(200);
        for seen in node.sent() {
            edges.push(seen.ack + u32::from(seen.window));
        }
        if at >= 3001 {
            break;
        }
    }
    assert!(edges.iter().all(|edge| *edge == 4001), "frozen where it was: {edges:?}");
    // When what was promised has been used, the limit is what is offered.
    node.text(3001, 1000, 1);
    node.read();
    node.pass(200);
    let last = node.sent().pop().unwrap();
    assert_eq!((last.ack, last.window), (4001, 1000));
    node.live().set_receive_limit(usize::MAX);
    let opened = node.sent().pop().unwrap();
    assert_eq!((opened.ack, opened.window), (4001, 4000), "it opens at once");
}

// Covers TCP-476
#[test]
fn what_is_limited_from_the_start_is_not_offered_at_all_and_unread_bytes_count() {
    let mut node = Node::<Mesh>::closed(quiet(Settings::tiny(Default::default())), 4000);
    node.live().set_receive_limit(1200);
    assert_eq!(node.connect(1280).window, 1200);
    node.answer(Duration::from_millis(10));
    node.text(1, 500, 1);
    node.pass(200);
    assert_eq!(node.sent().pop().unwrap().window, 700);
    node.read();
    let left = node.sent().pop().map(|seen| seen.window);
    assert!(left.is_none_or(|window| window == 1200), "{left:?}");
}

// Covers TCP-456, TCP-142
#[test]
fn an_end_far_beyond_a_gap_is_remembered_by_its_number() {
    for (gap, storage) in [(40_000, 60_100), (33_000, 65_000), (5, 60_100)] {
        let mut node = Node::<PlainTiny>::open(quiet(Settings::tiny(Default::default())), storage);
        let end = gap + 20_000;
        for at in (gap..end).step_by(1000) {
            node.text(1 + at, 1000, 1);
        }
        node.fin(1 + end, 1);
        node.sent();
        assert!(!node.engine.endpoint(node.handle).unwrap().is_end_of_stream());
        for at in (0..gap).step_by(1000) {
            node.text(1 + at, (gap - at).min(1000) as usize, 1);
        }
        assert_eq!(node.sent().pop().unwrap().ack, end + 2, "text and end");
        let told = node
            .events()
            .into_iter()
            .any(|event| matches!(event, Event::ReceiveAvailable { end_of_stream: true, .. }));
        assert!(told, "the end is told");
        let bytes = node.read();
        assert_eq!(bytes.len(), end as usize);
        assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == stream(at + 1)));
    }
}
