//! Deadlines: how many there are, what they mean, and how late they may be.

use crate::node::{Mesh, MeshStd, Node, PlainStd, PlainTiny, quiet};
use core::time::Duration;
use mainstay_tcp::{Disconnected, Keepalive, Profile, Rtx, Settings, State, Timer, Watch};

/// Near enough for deadlines in ticks of a millisecond.
fn about(found: u64, wanted: u64) -> bool {
    found.abs_diff(wanted) <= 3
}

// Covers TCP-406, TCP-425
#[test]
fn three_deadlines_of_four_bytes_serve_the_smallest_profile_and_each_says_what_it_is_for() {
    assert_eq!(size_of::<<PlainTiny as Profile>::Slots>(), 12);
    assert_eq!(size_of::<<PlainStd as Profile>::Slots>(), 20);
    let mut settings = quiet(Settings::tiny(Default::default()));
    settings.keepalive = Some(Keepalive { idle: 100, interval: 10, count: 3 });
    (settings.user_timeout, settings.pacing) = (Some(50_000), true); // there is no room for their deadlines
    let mut node = Node::<PlainTiny>::open(settings, 4000);
    assert_eq!(
        node.armed().iter().map(|(timer, _)| *timer).collect::<Vec<_>>(),
        [Timer::Watch(Watch::Keepalive)]
    );
    node.write(100);
    node.sent();
    node.text(1, 100, 1);
    let armed = node.armed();
    let wanted = [
        (Timer::Acknowledge, 100),
        (Timer::Retransmit(Rtx::Timeout), 1000),
        (Timer::Watch(Watch::Keepalive), 100_000),
    ];
    assert_eq!(armed.len(), 3, "{armed:?}");
    for ((timer, wait), (meant, millis)) in armed.into_iter().zip(wanted) {
        assert_eq!(timer, meant);
        assert!(about(wait, millis), "{timer:?} in {wait} ms");
    }
    assert!(about(node.wake(), 100), "the first of them is the engine's");
}

// Covers TCP-424
#[test]
fn a_user_timeout_holds_where_it_has_no_deadline_of_its_own() {
    let mut settings = quiet(Settings::tiny(Default::default()));
    settings.user_timeout = Some(10_000);
    let mut node = Node::<PlainTiny>::open(settings, 4000);
    node.write(100);
    node.sent();
    let mut passed = 0;
    while node.facts().state == State::Established {
        passed += node.wake();
        node.sent();
        assert!(passed < 60_000, "it goes on for ever");
    }
    assert!(passed >= 10_000, "{passed}");
    assert_eq!(node.ended(), [Disconnected::TimedOut]);
}

// Covers TCP-420, TCP-425
#[test]
fn each_kind_of_deadline_ends_the_connection_for_its_reason() {
    let mut settings = quiet(Settings::host(Default::default()));
    settings.keepalive = Some(Keepalive { idle: 30, interval: 10, count: 2 });
    let end = |mut node: Node<PlainStd>, timer: Timer| {
        assert!(node.armed().iter().any(|(armed, _)| *armed == timer), "{timer:?}");
        while node.facts().state != State::Closed {
            node.wake();
            node.sent();
        }
        node.ended().pop().unwrap()
    };
    let node = Node::<PlainStd>::open(settings, 4000);
    assert_eq!(end(node, Timer::Watch(Watch::Keepalive)), Disconnected::TimedOut);
    settings.keepalive = None;

    let mut node = Node::<PlainStd>::open(settings, 4000);
    node.window = 0;
    node.ack(1);
    node.write(100);
    node.sent();
    assert_eq!(end(node, Timer::Retransmit(Rtx::Persist)), Disconnected::TimedOut);

    let mut node = Node::<PlainStd>::open(settings, 4000);
    node.live().close().unwrap();
    node.sent();
    node.ack(2);
    assert_eq!(end(node, Timer::Watch(Watch::FinWait2)), Disconnected::Normal);

    let mut node = Node::<PlainStd>::open(settings, 4000);
    node.live().finish().unwrap();
    node.sent();
    node.fin(1, 2);
    assert_eq!(node.ended(), [Disconnected::TimeWait]);
    assert_eq!(end(node, Timer::Watch(Watch::TimeWait)), Disconnected::Normal);
}

/// When a keepalive of 30 seconds and an acknowledgement of 100 ms wake a node that may be so late.
fn waits(slack: u64) -> (u64, u64) {
    let mut settings = quiet(Settings::tiny(Default::default()));
    settings.keepalive = Some(Keepalive { idle: 30, interval: 10, count: 3 });
    let mut node = Node::<Mesh>::open(settings, 4000);
    node.live().set_slack(Duration::from_millis(slack));
    let keepalive = node.engine.next_deadline().unwrap().since(node.now);
    node.text(1, 100, 1);
    let ack = node.engine.next_deadline().unwrap().since(node.now);
    (u64::try_from(keepalive.as_millis()).unwrap(), u64::try_from(ack.as_millis()).unwrap())
}

// Covers TCP-408, TCP-410
#[test]
fn slack_makes_keepalive_and_acknowledgements_wait_for_company_but_none_half_a_second() {
    let (keepalive, ack) = waits(0);
    assert!(about(keepalive, 30_000) && about(ack, 100), "{keepalive} {ack}");
    let (keepalive, ack) = waits(50);
    assert!(about(keepalive, 30_050) && about(ack, 150), "{keepalive} {ack}");
    let (keepalive, ack) = waits(5000);
    assert!(about(keepalive, 35_000) && ack < 500, "{keepalive} {ack}");
}

// Covers TCP-408
#[test]
fn what_is_late_is_done_at_the_next_wake_up_for_something_else() {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 4000);
    node.live().set_slack(Duration::from_millis(300));
    node.text(1, 100, 1);
    node.pass(90);
    assert_eq!(node.sent().len(), 0, "the delay is not over");
    node.pass(20); // anything that wakes the device
    assert_eq!(node.sent().len(), 1, "it was due and the device was awake");

    // A retransmission has no slack, and takes what is late along.
    node.write(100);
    node.sent();
    node.pass(850);
    node.text(101, 100, 1);
    let waited = node.wake();
    assert!(about(waited, 150), "{waited}");
    assert_eq!(node.sent().iter().map(|seen| seen.ack).collect::<Vec<_>>(), [201]);
}

// Covers TCP-408, TCP-160
#[test]
fn probes_of_a_closed_window_may_be_late_and_nothing_else_that_repeats() {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 4000);
    node.live().set_slack(Duration::from_millis(700));
    node.write(100);
    node.sent();
    assert!(about(node.wake(), 1000), "a timeout is not late");
    node.sent();
    node.window = 0;
    node.ack(101);
    node.write(100);
    node.sent();
    let (timer, wait) = node.armed()[0];
    assert_eq!(timer, Timer::Retransmit(Rtx::Persist));
    assert!(about(node.wake(), wait + 700));
    assert_eq!(node.sent().len(), 1);
}

// Covers TCP-555
#[test]
fn a_peer_that_sleeps_is_given_its_time_before_anything_is_repeated() {
    let settings = quiet(Settings::tiny(Default::default()));
    let mut node = Node::<Mesh>::closed(settings, 4000);
    node.live().set_peer_latency(Duration::from_secs(3));
    node.connect(1280);
    assert!(about(node.wake(), 4000), "a SYN");
    node.sent();
    node.answer(Duration::from_millis(100));
    node.write(100);
    node.sent();
    let wait = node.armed()[0].1;
    assert!((4000..=6100).contains(&wait), "data: {wait}");

    // The probe for a loss at the end, where there is one: two round trips, the peer's delay, and its sleep.
    let settings = quiet(Settings::host(Default::default()));
    let mut waits = [0, 2000].map(|latency| {
        let mut node = Node::<MeshStd>::open(settings, 4000);
        node.live().set_peer_latency(Duration::from_millis(latency));
        node.write(100);
        node.sent();
        let (timer, wait) = node.armed()[0];
        (timer, wait)
    });
    waits.sort_by_key(|(_, wait)| *wait);
    assert_eq!(waits[0].0, Timer::Retransmit(Rtx::TailProbe));
    assert_eq!(waits[1].0, Timer::Retransmit(Rtx::TailProbe));
    assert!(about(waits[0].1, 400 - 100) || about(waits[0].1, 400), "{waits:?}");
    assert!(waits[1].1 >= 2000 + 200, "{waits:?}");
}
