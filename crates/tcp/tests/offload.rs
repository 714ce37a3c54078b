//! What devices do for a connection: long segments both ways, checksums, batches.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "mesh/node.rs"]
mod node;

use core::time::Duration;
use mainstay_tcp::{Ignored, Ingress, Keepalive, Push, Settings, State};
use mainstay_wire::tcp::{Flags, Header, Options, SackBlock};
use node::{MSS, Node, PEER_ISS, PlainStd, PlainTiny, Seen, meta, quiet, segment};

/// A node that leaves the cutting to its device.
fn long() -> Node<PlainStd> {
    let mut settings = quiet(Settings::host(Default::default()));
    settings.gso_max = 60_000;
    Node::open(settings, 20_000)
}

/// The acknowledgement of `ack` by a peer that holds these runs.
fn holds(node: &mut Node<PlainStd>, ack: u32, runs: &[(u32, u32)]) {
    let mut header = node.header(Flags::ACK, PEER_ISS + 1, ack);
    for (left, right) in runs {
        let (left, right) = (node.iss.wrapping_add(*left), node.iss.wrapping_add(*right));
        header.options.sack.push(SackBlock { left, right });
    }
    node.receive(&header, &[]);
}

fn whole(seen: &[Seen]) -> bool {
    seen.iter().all(|seen| seen.unit.is_none())
}

// Covers TCP-601
#[test]
fn syn_reset_probes_and_urgent_data_are_never_long() {
    let mut settings = quiet(Settings::host(Default::default()));
    (settings.gso_max, settings.keepalive) =
        (60_000, Some(Keepalive { idle: 10, interval: 10, count: 3 }));
    let mut node = Node::<PlainStd>::closed(settings, 4000);
    assert!(node.live().write(&[0; 1000], Push::Now).is_err(), "there is nothing to send yet");
    let syn = node.connect(1280);
    assert!(syn.flags.contains(Flags::SYN));
    node.live().write(&[1; 1500], Push::Urgent).unwrap();
    assert_eq!(node.sent().len(), 0, "the SYN has left alone");
    node.answer(Duration::from_millis(100)); // which polls what was queued
    node.ack(1501);
    node.live().write(&[1; 1500], Push::Urgent).unwrap();
    let urgent = node.sent();
    assert_eq!((urgent.len(), whole(&urgent)), (3, true), "each says where the urgent data ends");
    node.ack(3001);
    node.live().write(&[1; 1500], Push::Now).unwrap();
    assert!(!whole(&node.sent()), "what is not urgent is long again");
    node.ack(4501);
    node.sent();
    node.wake();
    let probe = node.sent();
    assert_eq!((probe.len(), probe[0].len, whole(&probe)), (1, 0, true), "keepalive");
    node.window = 0;
    node.ack(4501);
    node.live().write(&[1; 1500], Push::Now).unwrap();
    node.sent();
    node.wake();
    let probe = node.sent();
    assert_eq!((probe[0].len, whole(&probe)), (1, true), "a closed window");
    node.live().abort();
    assert!(whole(&node.sent()), "a reset");
}

// Covers TCP-601, TCP-602
#[test]
fn of_one_long_segment_only_the_lost_runs_are_repeated_each_as_its_own() {
    let mut node = long();
    node.write(10 * usize::from(MSS));
    let sent = node.sent();
    assert_eq!(sent.iter().map(|seen| seen.len).collect::<Vec<_>>(), [5000], "one of ten units");
    node.now += Duration::from_millis(100);
    // The second unit arrived, and the sixth to the tenth.
    let held = [(501, 1001), (2501, 5001)];
    holds(&mut node, 1, &held);
    let facts = node.facts();
    assert_eq!(facts.lost, 2000, "four units, not the segment");
    let mut again = Vec::new();
    for _ in 0..40 {
        again.extend(node.sent());
        node.now += Duration::from_millis(20);
        holds(&mut node, 1, &held);
        if node.facts().lost == 0 {
            break;
        }
    }
    let mut bytes: Vec<u32> = Vec::new();
    for seen in &again {
        let end = seen.at + u32::try_from(seen.len).unwrap();
        let touches = held.iter().any(|(left, right)| seen.at < *right && end > *left);
        assert!(!touches, "{seen:?} repeats what arrived");
        assert!(seen.unit.is_none_or(|unit| unit == MSS));
        bytes.extend(seen.at..end);
    }
    let lost: Vec<u32> = (1..501).chain(1001..2501).collect();
    assert_eq!(bytes, lost, "all that was lost, once and in order: {again:?}");
}

// Covers TCP-603
#[test]
fn a_long_segment_takes_no_more_than_half_the_window_and_what_the_congestion_window_has() {
    let mut node = long();
    node.window = 3000;
    // Whoever has seen a larger window counts by that.
    let mut fresh = Node::<PlainStd>::closed(
        {
            let mut settings = quiet(Settings::host(Default::default()));
            settings.gso_max = 60_000;
            settings
        },
        4000,
    );
    fresh.window = 3000;
    fresh.connect(1280);
    fresh.answer(Duration::from_millis(100));
    fresh.write(10 * usize::from(MSS));
    let lens: Vec<usize> = fresh.sent().iter().map(|seen| seen.len).collect();
    assert_eq!(lens, [1500, 1500], "half of it each");

    node.window = 60_000;
    node.ack(1);
    node.write(30 * usize::from(MSS));
    let lens: Vec<usize> = node.sent().iter().map(|seen| seen.len).collect();
    assert_eq!(lens, [5000], "the initial window");
}

// Covers TCP-613, TCP-458
#[test]
fn a_wrong_sum_changes_nothing_unless_a_device_has_looked() {
    for at in [1, 1001] {
        let mut node = Node::<PlainTiny>::open(quiet(Settings::tiny(Default::default())), 4000);
        let header = node.header(Flags::ACK, PEER_ISS + at, 1);
        let mut bytes = segment(&header, &[9; 300]);
        let last = bytes.len() - 1;
        bytes[last] ^= 0x40;
        let (before, now) = (node.facts(), node.now);
        let ingress = node.engine.handle_segment(now, &meta(false), &bytes);
        assert!(matches!(ingress, Ingress::Dropped(Ignored::Checksum)));
        assert_eq!(node.facts(), before, "neither numbers nor marks have moved");
        assert_eq!((node.sent().len(), node.events().len()), (0, 0));
        assert_eq!(node.read(), [0; 0]);
        // Offered by a device that says the sum is right, or will be, the same is taken.
        let ingress = node.engine.handle_segment(now, &meta(true), &bytes);
        assert!(matches!(ingress, Ingress::Accepted));
        let facts = node.facts();
        let place = if at == 1 { facts.unread } else { facts.out_of_order };
        assert_eq!(place, 300);
    }
}

// Covers TCP-614, TCP-143
#[test]
fn a_batch_of_packets_is_acknowledged_once() {
    let mut node = Node::<PlainStd>::open(quiet(Settings::host(Default::default())), 20_000);
    for n in 0..12 {
        node.text(1 + n * 1000, 1000, 1);
    }
    let sent = node.sent();
    assert_eq!(sent.iter().map(|seen| seen.ack).collect::<Vec<_>>(), [12_001]);
    let now = node.now;
    assert!(node.engine.poll_transmit(now).is_none());
}

// Covers TCP-532, TCP-076
#[test]
fn who_asks_is_known_before_an_endpoint_is_taken() {
    let mut node = Node::<PlainTiny>::closed(quiet(Settings::tiny(Default::default())), 4000);
    node.engine.listen("[fd00::1]:80".parse().unwrap()).unwrap();
    let syn = |source: u16| Header {
        source,
        destination: 80,
        sequence: 5,
        acknowledgment: 0,
        flags: Flags::SYN,
        window: 1000,
        urgent: 0,
        options: Options::default(),
    };
    let now = node.now;
    for port in 1000..1100 {
        let bytes = segment(&syn(port), &[]);
        let ingress = node.engine.handle_segment(now, &meta(false), &bytes);
        let Ingress::Incoming(incoming) = ingress else { unreachable!("a listener is asked") };
        assert_eq!(incoming.peer(), format!("[fd00::2]:{port}").parse().unwrap());
        incoming.defer();
    }
    assert_eq!(node.facts().state, State::Closed, "nobody's endpoint was touched");
    assert_eq!(node.sent().len(), 0, "and nothing was answered");
    let bytes = segment(&syn(7), &[]);
    let handle = node.handle;
    let Ingress::Incoming(incoming) = node.engine.handle_segment(now, &meta(false), &bytes) else {
        unreachable!("a listener is asked")
    };
    incoming.accept(handle).unwrap();
    assert_eq!(node.facts().state, State::SynReceived);
}
