//! What a connection costs on the air, when to listen, and what the standard says of small devices.

use crate::node::{MSS, Mesh, MeshStd, Node, PlainTiny, quiet};
use core::time::Duration;
use mainstay_tcp::sizing::{FEW_HOPS, MANY_HOPS, mss_for_frames};
use mainstay_tcp::{Config, Expect, Extra, FastOpenPolicy, Settings, State, Transmitted};
use mainstay_wire::tcp::Flags;

// Covers TCP-556
#[test]
fn segments_bytes_repetitions_and_bare_acknowledgements_are_counted_both_ways() {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 4000);
    let begin = node.live().budget();
    assert_eq!((begin.sent.segments, begin.sent.bare, begin.resent), (2, 1, 0), "SYN and ACK");
    assert_eq!((begin.received.segments, begin.received.bare), (1, 0), "SYN-ACK");

    node.write(700);
    assert_eq!(node.sent().len(), 2);
    let sent = node.live().budget().sent;
    assert_eq!(sent.segments - begin.sent.segments, 2);
    assert_eq!(sent.bytes - begin.sent.bytes, 2 * 20 + 700);
    node.wake();
    assert_eq!(node.sent().len(), 1);
    assert_eq!(node.live().budget().resent, 1);
    node.ack(701);
    node.text(1, 300, 701);
    node.wake();
    assert_eq!(node.sent().len(), 1);
    let end = node.live().budget();
    assert_eq!((end.sent.segments, end.sent.bare, end.resent), (6, 2, 1));
    assert_eq!((end.received.segments, end.received.bare), (3, 1));
    assert_eq!(end.received.bytes - begin.received.bytes, 20 + 320);
}

// Covers TCP-556, TCP-553
#[test]
fn what_the_device_had_no_room_for_was_not_on_the_air_and_a_long_segment_is_many() {
    let mut settings = quiet(Settings::host(Default::default()));
    settings.gso_max = 60_000;
    let mut node = Node::<MeshStd>::open(settings, 4000);
    let begin = node.live().budget().sent;
    node.write(3 * usize::from(MSS));
    let now = node.now;
    assert!(node.engine.poll_transmit(now).unwrap().unit.is_some());
    let long = node.live().budget().sent;
    assert_eq!((long.segments - begin.segments, long.bytes - begin.bytes), (3, 3 * 520));
    node.engine.transmit_result(now, Transmitted::NoBuffer);
    assert_eq!(node.live().budget().sent, begin);
    node.engine.transmit_ready();
    assert_eq!(node.sent().len(), 1);
    assert_eq!(node.live().budget().sent, long);
    assert_eq!(node.live().budget().resent, 0, "it had never left");
}

// Covers TCP-556
#[test]
fn a_repeated_syn_counts_and_the_next_connection_counts_from_nothing() {
    let mut node = Node::<Mesh>::closed(quiet(Settings::tiny(Default::default())), 4000);
    node.connect(1280);
    node.wake();
    assert_eq!(node.sent().len(), 1);
    assert_eq!(node.live().budget().resent, 1);
    node.live().abort();
    node.events();
    node.connect(1280);
    let budget = node.live().budget();
    assert_eq!((budget.sent.segments, budget.resent), (1, 0));
}

// Covers TCP-543, TCP-018
#[test]
fn a_policy_can_see_who_holds_bytes_for_long_without_taking_any() {
    let mut node = Node::<Mesh>::open(quiet(Settings::tiny(Default::default())), 4000);
    node.write(1000);
    node.sent();
    node.pass(500);
    node.window = 0;
    node.ack(501);
    node.text(1, 30, 501);
    node.now += Duration::from_secs(70);
    let standing = node.live().standing().unwrap();
    assert_eq!(standing.age, Duration::from_millis(70_500));
    assert_eq!(standing.zero_window, Duration::from_secs(70));
    assert_eq!((standing.queued, standing.unread), (500, 30));
    node.window = 5000;
    node.text(31, 0, 501);
    node.now += Duration::from_secs(10);
    let standing = node.live().standing().unwrap();
    assert_eq!(standing.zero_window, Duration::from_secs(70), "it is open again");
    node.live().abort();
    node.events();
    node.connect(1280);
    node.answer(Duration::from_millis(100));
    assert_eq!(node.live().standing().unwrap().zero_window, Duration::ZERO);
}

fn expecting(node: &Node<Mesh>) -> Expect {
    node.engine.expecting(node.now)
}

// Covers TCP-554
#[test]
fn a_node_that_sleeps_is_told_when_to_listen() {
    let mut node = Node::<Mesh>::closed(quiet(Settings::tiny(Default::default())), 4000);
    assert_eq!(expecting(&node), Expect::Nothing);
    node.connect(1280);
    assert_eq!(node.sent().len(), 0);
    let Expect::Soon(at) = expecting(&node) else { panic!("a handshake") };
    assert_eq!(Some(at), node.engine.next_deadline());
    node.answer(Duration::from_millis(100));
    assert_eq!(expecting(&node), Expect::Nothing, "an idle connection");

    node.write(100);
    assert_eq!(expecting(&node), Expect::Burst, "something is to be sent");
    node.sent();
    assert_eq!(expecting(&node), Expect::Burst, "an acknowledgement is due");
    node.now += Duration::from_millis(900);
    let Expect::Soon(at) = expecting(&node) else { panic!("it is late") };
    assert_eq!(Some(at), node.engine.next_deadline(), "the timeout");
    node.wake();
    node.sent();
    assert!(matches!(expecting(&node), Expect::Soon(_)), "and the next one");
    node.ack(101);
    node.sent();
    assert_eq!(expecting(&node), Expect::Nothing);

    node.text(1, 100, 101);
    assert_eq!(expecting(&node), Expect::Burst, "the peer is sending");
    node.pass(105);
    node.sent();
    assert_eq!(expecting(&node), Expect::Burst, "it may go on");
    node.now += Duration::from_secs(2);
    assert_eq!(expecting(&node), Expect::Nothing, "it did not");

    node.window = 0;
    node.text(101, 0, 101);
    node.write(10);
    node.sent();
    assert!(matches!(expecting(&node), Expect::Soon(_)), "a closed window is asked about");
}

// Covers TCP-562, TCP-551
#[test]
fn the_smallest_profile_is_as_rfc_9006_wants_it() {
    let settings = Settings::tiny(Default::default());
    let mut node = Node::<PlainTiny>::closed(settings, FEW_HOPS - FEW_HOPS.div_ceil(9));
    let syn = node.connect(1500);
    assert_eq!(syn.options.mss, Some(1220), "what needs no discovery of the path");
    assert!(syn.flags.contains(Flags::ECE | Flags::CWR), "ECN is asked for");
    assert!(syn.options.sack_permitted && syn.options.timestamps.is_some());
    assert_eq!(syn.options.window_scale, None, "no option that is not needed");
    let segment = mss_for_frames(5, 106, 36) - 12;
    assert!(usize::from(syn.window) >= 5 * segment, "five segments");
    assert!(MANY_HOPS > 8 * segment);
    assert!((1..500).contains(&settings.delayed_ack), "acknowledgements are delayed");
    assert_eq!(Config::default().fast_open, FastOpenPolicy::Off, "Fast Open is a policy");
    node.answer(Duration::from_millis(100));
    assert_eq!(node.armed(), [], "kept open, for nothing");
    assert_eq!(node.facts().state, State::Established);
}

// Covers TCP-552
#[test]
fn every_segment_asks_for_protection_and_data_may_be_marked() {
    use mainstay_wire::ip::Ecn;
    let mut settings = quiet(Settings::tiny(Default::default()));
    settings.ecn = true;
    let mut node = Node::<PlainTiny>::closed(settings, 4000);
    node.connect(1280);
    node.now += Duration::from_millis(10);
    node.answer_with(Flags::ECE);
    node.write(100);
    let now = node.now;
    let out = node.engine.poll_transmit(now).unwrap();
    assert_eq!((out.payload.len(), out.link_security, out.ecn), (100, true, Ecn::Ect0));
    node.live().abort();
    let reset = node.engine.poll_transmit(now).unwrap();
    assert!(reset.link_security, "what has no connection as well");
}

// Covers TCP-556, TCP-650
#[test]
fn what_is_not_asked_for_takes_no_byte() {
    assert_eq!(size_of::<()>(), 0);
    let plain = size_of::<mainstay_tcp::Endpoint<PlainTiny>>();
    let mesh = size_of::<mainstay_tcp::Endpoint<Mesh>>();
    assert!(mesh > plain && mesh <= plain + size_of::<Extra>() + 2 * 4 + 8, "{plain}, {mesh}");
}
