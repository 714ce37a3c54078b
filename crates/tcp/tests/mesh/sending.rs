//! How much waits to be sent, and how far apart segments leave.

use crate::node::{MSS, Mesh, Node, quiet};
use core::time::Duration;
use mainstay_tcp::sizing::gap_for;
use mainstay_tcp::{Event, Settings, Timer};

/// What is told after each acknowledged segment of thirty that were written at once.
fn told(limit: Option<u32>) -> Vec<Vec<&'static str>> {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 4000);
    node.live().set_unsent_limit(limit);
    node.write(30 * usize::from(MSS));
    let name = |event| {
        if event == Event::SendReady {
            return Some("ready");
        }
        matches!(event, Event::Progress { .. }).then_some("progress")
    };
    let mut all = Vec::new();
    let mut acked = 1;
    loop {
        node.sent();
        all.push(node.events().into_iter().filter_map(name).collect());
        if node.facts().flight == 0 {
            return all;
        }
        acked += u32::from(MSS);
        node.now += Duration::from_millis(100);
        node.ack(acked);
    }
}

// Covers TCP-312
#[test]
fn with_a_low_water_mark_nothing_is_told_until_less_than_that_waits() {
    // Ten segments may leave at first, twenty wait; each acknowledgement lets one or two more go.
    let usual = told(None);
    assert_eq!(usual[0], Vec::<&str>::new());
    assert_eq!(usual[1], ["progress"], "{usual:?}");
    let limited = told(Some(1600));
    let first = limited.iter().position(|told| !told.is_empty()).unwrap();
    assert!(first > 1, "{limited:?}");
    assert_eq!(limited[first], ["progress", "ready"], "{limited:?}");
    let usually = usual.iter().position(|told| told.contains(&"ready")).unwrap();
    assert!(first < usually, "before all has left: {first}, {usually}");
    // What is larger than everything asks for more at once.
    assert_eq!(told(Some(1 << 20))[0], ["ready"]);
}

// Covers TCP-312, TCP-045
#[test]
fn an_application_that_follows_the_mark_keeps_little_waiting() {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 4000);
    let limit = 700;
    node.live().set_unsent_limit(Some(limit));
    let (mut written, mut acked, mut ready, mut most) = (0, 1, true, 0);
    while written < 8000 {
        while ready {
            node.write(100);
            written += 100;
            ready = node.events().contains(&Event::SendReady);
        }
        node.sent();
        most = most.max(node.facts().backlog);
        ready |= node.events().contains(&Event::SendReady);
        if !ready {
            node.now += Duration::from_millis(50);
            acked += node.facts().flight.min(u32::from(MSS));
            node.ack(acked);
            node.sent();
            ready = node.events().contains(&Event::SendReady);
        }
    }
    assert!(most < limit + 100, "{most}");
}

// Covers TCP-558
#[test]
fn segments_of_a_window_leave_with_a_gap_between_them() {
    let mut settings = quiet(Settings::tiny(Default::default()));
    settings.gso_max = 60_000;
    let mut node = Node::<Mesh>::open(settings, 4000);
    node.live().set_gap(gap_for(Duration::from_millis(20), 9));
    node.write(3 * usize::from(MSS));
    let mut times = Vec::new();
    let begin = node.now;
    while node.facts().backlog > 0 {
        let left = node.sent();
        assert_eq!(left.len(), 1, "one at a time");
        assert_eq!((left[0].len, left[0].unit), (MSS.into(), None), "and not as one");
        times.push(u64::try_from(node.now.since(begin).as_millis()).unwrap());
        if node.facts().backlog > 0 {
            assert!(node.armed().iter().any(|(timer, _)| *timer == Timer::Pace));
            node.wake();
        }
    }
    assert!(times[1] - times[0] >= 60 && times[1] - times[0] <= 62, "{times:?}");
    assert!(times[2] - times[1] >= 60 && times[2] - times[1] <= 62, "{times:?}");
    // When nothing is in flight nothing can be disturbed.
    node.now += Duration::from_millis(30);
    node.ack(1501);
    node.write(10);
    assert_eq!(node.sent().len(), 1);
    // Without a gap they leave together.
    node.ack(1511);
    node.live().set_gap(Duration::ZERO);
    node.write(3 * usize::from(MSS));
    assert_eq!(node.sent().iter().map(|seen| seen.len).sum::<usize>(), 1500);
}

// Covers TCP-558
#[test]
fn a_gap_is_the_air_of_one_segment_for_three_hops_at_most() {
    let air = Duration::from_millis(7);
    let gaps = [0, 1, 2, 3, 4, 9].map(|hops| gap_for(air, hops).as_millis());
    assert_eq!(gaps, [0, 7, 14, 21, 21, 21]);
}

// Covers TCP-560, TCP-159
#[test]
fn a_month_of_silence_ends_nothing_and_the_first_window_after_it_is_the_initial_one() {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 4000);
    let first = node.facts().cwnd;
    for _ in 0..4 {
        node.write(15_000);
        let mut end = 0;
        while node.facts().backlog > 0 || node.facts().flight > 0 {
            end = node.sent().last().map_or(end, |seen| seen.at + u32::try_from(seen.len).unwrap());
            node.now += Duration::from_millis(100);
            node.ack(end);
        }
    }
    assert!(node.facts().cwnd > first, "it grew");
    assert_eq!(node.engine.next_deadline(), None, "nothing wakes an idle node");
    node.now += Duration::from_secs(30 * 24 * 3600);
    node.events();
    node.write(100);
    assert_eq!(node.facts().cwnd, first);
    assert_eq!(node.sent().len(), 1, "it leaves at once");
    assert_eq!(node.ended(), []);
}
