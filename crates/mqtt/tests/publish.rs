//! Publishing: quality of service, repetition, many in flight, the end of each.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/bench.rs"]
mod bench;

use bench::{Bench, Up};
use mainstay_base::{Local, Network, Outcome, Peer, Reason};
use mainstay_mqtt::{Config, Connect, Event, Misuse, Publish};

fn published(tag: u64, outcome: Outcome) -> Up {
    Up::Fact(Event::Published { tag, outcome })
}

fn acknowledged(tag: u64) -> Up {
    published(tag, Outcome::Acknowledged)
}

const UNACKNOWLEDGED: Outcome = Outcome::Refused(Reason::Peer(Peer::Unacknowledged));

/// The packet ids of QoS 1 and 2 publishes with a topic of one byte, in the order they were sent.
fn ids(mut wire: &[u8]) -> Vec<[u8; 2]> {
    let mut ids = Vec::new();
    while let [_, len, _, 1, _, high, low, ..] = *wire {
        ids.push([high, low]);
        wire = wire.get(2 + usize::from(len)..).unwrap_or_default();
    }
    ids
}

fn ack(first: u8, id: [u8; 2]) -> [u8; 4] {
    [first, 2, id[0], id[1]]
}

// Covers SS-565, SS-564
#[test]
fn qos_0_is_sent_when_its_last_byte_was_handed_to_the_kernel_and_not_before() {
    let mut bench = Bench::plain();
    let now = bench.now();
    bench.publish("t", 0, b"hello", 7);
    let mut out = Vec::new();
    bench.client.poll_transmit(now, &mut out, 9);
    bench.client.handle_written(now);
    assert_eq!(bench.facts(), []);
    bench.client.poll_transmit(now, &mut out, 100);
    assert_eq!(bench.facts(), []);
    bench.client.handle_written(now);
    assert_eq!(bench.facts(), [published(7, Outcome::Sent)]);
    assert_eq!(out, b"\x30\x08\0\x01thello");
}

// Covers SS-565
#[test]
fn qos_1_is_acknowledged_by_puback() {
    let mut bench = Bench::plain();
    bench.publish("t", 1, b"x", 7);
    let wire = bench.out();
    assert_eq!((wire[0], bench.facts()), (0x32, vec![]));
    assert_eq!(bench.feed(&ack(0x40, ids(&wire)[0])), [acknowledged(7)]);
    assert_eq!(bench.until(60_000), []);
}

// Covers SS-565
#[test]
fn qos_2_is_acknowledged_by_pubcomp_and_not_by_pubrec() {
    let mut bench = Bench::plain();
    bench.publish("t", 2, b"x", 7);
    let id = ids(&bench.out())[0];
    assert_eq!(bench.feed(&ack(0x70, id)), [], "PUBCOMP before PUBREC is a stray");
    assert_eq!(bench.feed(&ack(0x50, id)), []);
    assert_eq!(bench.out(), ack(0x62, id));
    assert_eq!(bench.feed(&ack(0x50, id)), []);
    assert_eq!(bench.out(), ack(0x62, id), "a repeated PUBREC is answered again");
    assert_eq!(bench.feed(&ack(0x70, id)), [acknowledged(7)]);
    assert_eq!(bench.client.counters().strays, 2);
}

// Covers SS-566
#[test]
fn a_publish_is_repeated_three_times_every_three_seconds_then_refused() {
    let mut bench = Bench::plain();
    bench.publish("t", 1, b"x", 7);
    let first = bench.out();
    let mut again = first.clone();
    again[0] = 0x3a;
    let repeats = [3_000, 6_000, 9_000].map(|ms| (ms, again.clone()));
    assert_eq!(bench.until(11_999), repeats);
    assert_eq!(bench.facts(), []);
    assert_eq!(bench.until(12_000), []);
    assert_eq!(bench.facts(), [published(7, UNACKNOWLEDGED)]);
    assert_eq!(bench.until(100_000), []);
    assert_eq!(bench.feed(&ack(0x40, ids(&first)[0])), [], "too late");
    assert_eq!((bench.client.counters().repeats, bench.client.counters().strays), (3, 1));
}

// Covers SS-566
#[test]
fn pubrel_is_repeated_as_the_publish_was() {
    let mut bench = Bench::plain();
    bench.publish("t", 2, b"x", 7);
    let id = ids(&bench.out())[0];
    bench.ms = 1_000;
    bench.feed(&ack(0x50, id));
    assert_eq!(bench.out(), ack(0x62, id));
    let pubrel = ack(0x62, id).to_vec();
    assert_eq!(bench.until(13_000), [4_000, 7_000, 10_000].map(|ms| (ms, pubrel.clone())));
    assert_eq!(bench.facts(), [published(7, UNACKNOWLEDGED)]);
}

// Covers SS-566
#[test]
fn the_three_seconds_run_from_when_the_publish_left() {
    let mut bench = Bench::plain();
    bench.publish("t", 1, b"x", 7);
    bench.ms = 5_000;
    bench.client.handle_timeout(bench.now());
    bench.out();
    let sent = bench.until(8_000);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, 8_000);
}

// Covers SS-567, SS-940
#[test]
fn sixty_four_are_in_flight_and_acknowledged_in_any_order() {
    let mut bench = Bench::plain();
    for tag in 0..64 {
        assert!(bench.client.room().down > 0);
        bench.publish("t", 1, b"x", tag);
    }
    assert_eq!(bench.client.room().down, 0, "the window is full");
    let full = Publish { topic: "t", qos: 1, retain: false, len: 0, tag: 64 };
    assert_eq!(bench.client.publish(bench.now(), &full), Err(Misuse::NoRoom));
    let ids = ids(&bench.out());
    assert_eq!(ids.len(), 64);
    for step in 0..64 {
        let tag = (step * 37 + 11) % 64;
        assert_eq!(bench.feed(&ack(0x40, ids[tag])), [acknowledged(u64::try_from(tag).unwrap())]);
        assert!(bench.client.room().down > 0);
    }
    assert_eq!(bench.client.counters().strays, 0);
    assert_eq!(bench.until(60_000), []);
}

// Covers SS-566, SS-567
#[test]
fn only_those_not_acknowledged_are_repeated() {
    let mut bench = Bench::plain();
    for tag in 0..5 {
        bench.publish("t", 1, b"x", tag);
    }
    let all = ids(&bench.out());
    for tag in [1, 3] {
        bench.feed(&ack(0x40, all[tag]));
    }
    let sent = bench.until(3_000);
    assert_eq!(ids(&sent[0].1), [all[0], all[2], all[4]]);
}

#[test]
fn acknowledgements_of_nothing_are_counted_and_harmless() {
    let mut bench = Bench::plain();
    for first in [0x40, 0x50, 0x70] {
        assert_eq!(bench.feed(&ack(first, [0x12, 0x34])), []);
    }
    assert_eq!(bench.feed(b"\x90\x03\0\x09\0"), []);
    assert_eq!(bench.feed(b"\xb0\x02\0\x09"), []);
    assert_eq!(bench.feed(b"\xd0\0"), []);
    assert_eq!(bench.client.counters().strays, 6);
    assert_eq!(bench.out(), ack(0x62, [0x12, 0x34]), "the server may forget the id");
}

#[test]
fn an_acknowledgement_of_what_has_not_left_is_a_stray() {
    let mut bench = Bench::plain();
    bench.publish("t", 1, b"x", 7);
    let mut out = Vec::new();
    bench.client.poll_transmit(bench.now(), &mut out, 7);
    assert_eq!(bench.feed(&ack(0x40, ids(&out)[0])), []);
    assert_eq!(bench.client.counters().strays, 1);
}

// Covers SS-564
#[test]
fn a_message_in_chunks_is_one_publish_and_nothing_comes_between() {
    let mut bench = Bench::plain();
    let now = bench.now();
    let publish = Publish { topic: "t", qos: 1, retain: true, len: 6, tag: 1 };
    bench.client.publish(now, &publish).unwrap();
    assert_eq!(bench.client.room().down, 6);
    assert_eq!(bench.client.send(now, b"ab"), 2);
    assert_eq!(bench.client.publish(now, &publish), Err(Misuse::Unfinished));
    bench.client.ping(now);
    let id = bench.client.subscribe(now, "f", 0).unwrap();
    let arrived = bench.feed(b"\x32\x06\0\x01u\0\x09m");
    assert_eq!(arrived, [Up::Message("u".into(), b"m".into())]);
    let head = bench.out();
    assert_eq!(bench.client.send(now, b"cdefgh"), 4, "no more than announced");
    let tail = bench.out();
    let [high, low] = id.to_be_bytes();
    assert_eq!(head[..5], *b"\x33\x0b\0\x01t");
    assert_eq!(head[7..], *b"ab");
    let mut expected = b"cdef\xc0\0\x82\x06".to_vec();
    expected.extend([high, low]);
    expected.extend(b"\0\x01f\0\x40\x02\0\x09");
    assert_eq!(tail, expected);
}

// Covers SS-566
#[test]
fn a_repetition_waits_for_the_open_message_to_be_whole() {
    let mut bench = Bench::plain();
    bench.publish("t", 1, b"x", 1);
    bench.out();
    let open = Publish { topic: "t", qos: 0, retain: false, len: 2, tag: 2 };
    bench.client.publish(bench.now(), &open).unwrap();
    assert_eq!(bench.client.send(bench.now(), b"a"), 1);
    bench.out();
    assert_eq!(bench.until(5_000), []);
    assert_eq!(bench.client.send(bench.now(), b"b"), 1);
    let out = bench.out();
    assert_eq!(out[..2], [b'b', 0x3a]);
}

// Covers SS-566
#[test]
fn a_message_too_long_to_keep_is_not_repeated_but_given_up_in_time() {
    let config = Config { inflight_bytes: 10, ..Config::default() };
    let connect = Connect { client_id: "me", clean: true, ..Connect::default() };
    let mut bench = Bench::open(&connect, config);
    bench.publish("t", 1, &[0; 100], 7);
    bench.out();
    assert_eq!(bench.until(12_000), []);
    assert_eq!(bench.facts(), [published(7, UNACKNOWLEDGED)]);
}

#[test]
fn no_publish_begins_while_the_copies_fill_their_limit() {
    let config = Config { inflight_bytes: 100, ..Config::default() };
    let connect = Connect { client_id: "me", clean: true, ..Connect::default() };
    let mut bench = Bench::open(&connect, config);
    bench.publish("t", 1, &[0; 60], 1);
    bench.publish("t", 1, &[0; 60], 2);
    assert_eq!(bench.client.room().down, 0);
    let third = Publish { topic: "t", qos: 1, retain: false, len: 0, tag: 3 };
    assert_eq!(bench.client.publish(bench.now(), &third), Err(Misuse::NoRoom));
    bench.publish("t", 0, b"", 4);
    let id = ids(&bench.out())[0];
    bench.feed(&ack(0x40, id));
    assert!(bench.client.room().down > 0);
}

#[test]
fn a_repetition_is_not_queued_behind_output_the_peer_does_not_take() {
    let config = Config { send_max: 20, ..Config::default() };
    let connect = Connect { client_id: "me", clean: true, ..Connect::default() };
    let mut bench = Bench::open(&connect, config);
    bench.publish("t", 1, b"x", 7);
    bench.out();
    bench.publish("t", 0, &[0; 15], 8);
    for ms in [3_000, 6_000, 9_000, 12_000] {
        bench.ms = ms;
        bench.client.handle_timeout(bench.now());
    }
    assert_eq!(bench.facts(), [published(7, UNACKNOWLEDGED)]);
    assert_eq!(bench.out().len(), 20);
}

#[test]
fn when_the_connection_dies_every_publish_ends_once_as_unknown() {
    let mut bench = Bench::plain();
    let now = bench.now();
    bench.publish("t", 1, b"x", 2);
    bench.publish("t", 2, b"x", 3);
    let wire = bench.out();
    bench.feed(&ack(0x50, ids(&wire)[1]));
    bench.publish("t", 0, b"x", 1);
    bench.out();
    bench.publish("t", 0, b"x", 4);
    let open = Publish { topic: "t", qos: 1, retain: false, len: 9, tag: 5 };
    bench.client.publish(now, &open).unwrap();
    bench.client.send(now, b"part");
    let reason = Reason::Network(Network::Reset);
    bench.client.handle_lost(now, reason);
    let mut facts = bench.facts();
    assert_eq!(facts.pop(), Some(Up::Fact(Event::Closed(reason))));
    let expected = [1, 2, 3, 4, 5].map(|tag| {
        let sent = tag == 1;
        published(tag, if sent { Outcome::Sent } else { Outcome::Unknown(reason) })
    });
    assert_eq!(facts.len(), 5);
    assert!(expected.iter().all(|one| facts.contains(one)), "{facts:?}");
    bench.client.handle_eof(now);
    assert_eq!((bench.facts(), bench.out()), (vec![], vec![]));
    assert_eq!((bench.client.poll_timeout(), bench.client.handle_input(now, &mut [0])), (None, 0));
}

#[test]
fn disconnect_leaves_behind_all_that_is_queued_and_then_the_session_is_closed() {
    let mut bench = Bench::plain();
    bench.publish("t", 0, b"x", 1);
    bench.publish("t", 1, b"x", 2);
    bench.client.disconnect(bench.now());
    assert_eq!(bench.facts(), []);
    let out = bench.out();
    assert_eq!(out[out.len() - 2..], [0xe0, 0]);
    let reason = Reason::Local(Local::Closed);
    let ends = [published(1, Outcome::Sent), published(2, Outcome::Unknown(reason))];
    let [one, two] = ends;
    assert_eq!(bench.facts(), [one, two, Up::Fact(Event::Closed(reason))]);
}

// Covers SS-573
#[test]
fn a_topic_has_at_most_65535_bytes_or_what_the_configuration_says() {
    let mut bench = Bench::plain();
    let long = "t".repeat(65_535);
    bench.publish(&long, 0, b"", 1);
    bench.out();
    let topics =
        [("a/+", Misuse::Topic), ("", Misuse::Topic), (&*"t".repeat(65_536), Misuse::Topic)];
    for (topic, misuse) in topics {
        let publish = Publish { topic, qos: 0, retain: false, len: 0, tag: 1 };
        assert_eq!(bench.client.publish(bench.now(), &publish), Err(misuse));
    }
    let connect = Connect { client_id: "me", clean: true, ..Connect::default() };
    let mut aws = Bench::open(&connect, Config { topic_max: 256, ..Config::default() });
    let publish = Publish { topic: &"t".repeat(257), qos: 1, retain: false, len: 0, tag: 1 };
    assert_eq!(aws.client.publish(aws.now(), &publish), Err(Misuse::Topic));
    assert_eq!(aws.client.subscribe(aws.now(), publish.topic, 0), Err(Misuse::Filter));
    aws.publish(&"t".repeat(256), 1, b"", 2);
}

#[test]
fn a_publish_that_cannot_be_is_refused_and_changes_nothing() {
    let mut bench = Bench::plain();
    let fine = Publish { topic: "t", qos: 0, retain: false, len: 1, tag: 1 };
    for (publish, misuse) in [
        (Publish { qos: 3, ..fine }, Misuse::Qos),
        (Publish { len: 268_435_455, ..fine }, Misuse::TooLong),
    ] {
        assert_eq!(bench.client.publish(bench.now(), &publish), Err(misuse));
    }
    assert!(!bench.client.is_publishing() && bench.out().is_empty());
}

// Covers SS-564
#[test]
fn the_room_that_was_told_is_taken_although_a_head_comes_before_it() {
    let config = Config { send_max: 100, ..Config::default() };
    let connect = Connect { client_id: "me", clean: true, ..Connect::default() };
    let mut bench = Bench::open(&connect, config);
    let now = bench.now();
    let room = bench.client.room().down;
    let len = u32::try_from(room + 50).unwrap();
    let publish = Publish { topic: "a/topic", qos: 1, retain: false, len, tag: 1 };
    bench.client.publish(now, &publish).unwrap();
    assert_eq!(bench.client.send(now, &vec![b'x'; room]), room);
    let mut out = Vec::new();
    bench.client.poll_transmit(now, &mut out, usize::MAX);
    assert_eq!(bench.client.send(now, &[b'x'; 50]), 50);
}
