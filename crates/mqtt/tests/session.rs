//! Opening, subscriptions, keep-alive, receiving, and what a broken peer can do.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/bench.rs"]
mod bench;

use core::time::Duration;

use bench::{Bench, Up};
use mainstay_base::{Local, Peer, Phase, Reason, Room};
use mainstay_mqtt::{Client, Config, Connect, Event, Misuse, Publish};

fn fine() -> Connect<'static> {
    Connect { client_id: "me", clean: true, ..Connect::default() }
}

fn closed(reason: Reason) -> Up {
    Up::Fact(Event::Closed(reason))
}

fn message(topic: &str, payload: &[u8]) -> Up {
    Up::Message(topic.into(), payload.into())
}

const MALFORMED: Reason = Reason::Peer(Peer::Malformed);

// Covers SS-560
#[test]
fn connect_leaves_first_and_nothing_else_may_before_connack() {
    let connect = Connect { keep_alive_s: 60, username: Some("u"), ..fine() };
    let mut bench = Bench::opening(&connect, Config::default());
    let now = bench.now();
    let publish = Publish { topic: "t", qos: 0, retain: false, len: 0, tag: 1 };
    assert_eq!(bench.client.publish(now, &publish), Err(Misuse::NotOpen));
    assert_eq!(bench.client.subscribe(now, "f", 0), Err(Misuse::NotOpen));
    bench.client.ping(now);
    assert_eq!(bench.client.room(), Room { up: usize::MAX, down: 0 });
    assert_eq!(bench.out(), b"\x10\x11\0\x04MQTT\x04\x82\0\x3c\0\x02me\0\x01u");
    assert_eq!(
        bench.feed(b"\x20\x02\0\0"),
        [Up::Fact(Event::Connected { session_present: false })]
    );
    assert!(bench.client.is_open());
}

#[test]
fn a_client_id_of_more_than_128_bytes_is_misuse() {
    let id = "i".repeat(129);
    let connect = Connect { client_id: &id, ..fine() };
    let refused = Client::new(mainstay_base::Instant::ZERO, &connect, Config::default());
    assert_eq!(refused.err(), Some(Misuse::ClientId));
}

#[test]
fn every_connack_code_but_zero_is_a_refusal_and_the_last_event() {
    for code in [1, 5, 6, 255] {
        let mut bench = Bench::opening(&fine(), Config::default());
        bench.out();
        assert_eq!(bench.feed(&[0x20, 2, 0, code]), [Up::Fact(Event::Refused(code))]);
        bench.client.handle_eof(bench.now());
        assert_eq!((bench.facts(), bench.client.poll_timeout()), (vec![], None));
        assert!(bench.client.is_over());
    }
}

#[test]
fn a_resumed_session_is_told_unless_it_cannot_be() {
    let kept = Connect { clean: false, ..fine() };
    let mut bench = Bench::opening(&kept, Config::default());
    assert_eq!(
        bench.feed(b"\x20\x02\x01\0"),
        [Up::Fact(Event::Connected { session_present: true })]
    );
    let mut bench = Bench::opening(&fine(), Config::default());
    assert_eq!(bench.feed(b"\x20\x02\x01\0"), [closed(MALFORMED)]);
}

#[test]
fn an_opening_without_connack_ends_in_time() {
    let mut bench = Bench::opening(&fine(), Config::default());
    bench.out();
    bench.until(29_999);
    assert_eq!(bench.facts(), []);
    bench.until(30_000);
    assert_eq!(bench.facts(), [closed(Reason::Local(Local::TimedOut(Phase::Open)))]);
}

#[test]
fn subscriptions_are_granted_or_refused_by_their_own_answer() {
    let mut bench = Bench::plain();
    let now = bench.now();
    let one = bench.client.subscribe(now, "a/+", 1).unwrap();
    let two = bench.client.subscribe(now, "#", 2).unwrap();
    let three = bench.client.unsubscribe(now, "x").unwrap();
    let [[a, b], [c, d], [e, f]] = [one, two, three].map(u16::to_be_bytes);
    let mut wire = vec![0x82, 8, a, b, 0, 3, b'a', b'/', b'+', 1];
    wire.extend([0x82, 6, c, d, 0, 1, b'#', 2, 0xa2, 5, e, f, 0, 1, b'x']);
    assert_eq!(bench.out(), wire);
    assert_eq!(bench.feed(&[0xb0, 2, e, f]), [Up::Fact(Event::Unsubscribed { id: three })]);
    let refused = Event::Subscribed { id: two, granted: None };
    assert_eq!(bench.feed(&[0x90, 3, c, d, 0x80]), [Up::Fact(refused)]);
    let granted = Event::Subscribed { id: one, granted: Some(1) };
    assert_eq!(bench.feed(&[0x90, 3, a, b, 1]), [Up::Fact(granted)]);
    assert_eq!(bench.feed(&[0x90, 3, a, b, 1]), [], "answered before");
    assert_eq!(bench.client.subscribe(now, "a/#/b", 0), Err(Misuse::Filter));
    assert_eq!(bench.client.subscribe(now, "a", 3), Err(Misuse::Qos));
}

#[test]
fn only_so_many_requests_wait_for_their_answer() {
    let mut bench = Bench::open(&fine(), Config { requests_max: 2, ..Config::default() });
    let now = bench.now();
    bench.client.subscribe(now, "a", 0).unwrap();
    let id = bench.client.unsubscribe(now, "a").unwrap();
    assert_eq!(bench.client.subscribe(now, "b", 0), Err(Misuse::NoRoom));
    let [high, low] = id.to_be_bytes();
    bench.feed(&[0xb0, 2, high, low]);
    assert!(bench.client.subscribe(now, "b", 0).is_ok());
}

#[test]
fn a_message_goes_up_with_its_topic_and_flags() {
    let mut bench = Bench::plain();
    assert_eq!(
        bench.feed(b"\x36\x09\0\x03a/b\0\x07hi"),
        [Up::Fact(Event::Closed(MALFORMED))],
        "QoS 3 is none"
    );
    let mut bench = Bench::plain();
    assert_eq!(bench.feed(b"\x3b\x09\0\x03a/b\0\x07hi"), [message("a/b", b"hi")]);
    assert_eq!((bench.client.qos(), bench.client.retain(), bench.client.dup()), (1, true, true));
    assert_eq!(bench.client.payload_len(), 2);
    assert_eq!(bench.feed(b"\x30\x03\0\x01t"), [message("t", b"")], "an empty message is one too");
    assert_eq!((bench.client.qos(), bench.client.retain(), bench.client.dup()), (0, false, false));
    assert_eq!(bench.out(), b"\x40\x02\0\x07");
}

// Covers SS-569
#[test]
fn puback_leaves_only_when_the_last_slice_was_taken() {
    let mut bench = Bench::plain();
    let now = bench.now();
    let mut first = *b"\x32\x09\0\x01t\0\x07ab";
    assert_eq!(bench.client.handle_input(now, &mut first), 9);
    assert_eq!(bench.client.handle_input(now, &mut [b'c', b'd']), 0, "the slice waits");
    assert_eq!(bench.client.room().up, 0);
    let payload = bench.client.next_payload(&mut first).unwrap();
    assert_eq!((&*payload.bytes, payload.start, payload.end), (&b"ab"[..], true, false));
    assert_eq!(bench.client.next_payload(&mut first), None);
    let mut last = *b"cd";
    assert_eq!(bench.client.handle_input(now, &mut last), 2);
    assert_eq!(bench.out(), b"");
    let payload = bench.client.next_payload(&mut last).unwrap();
    assert_eq!((&*payload.bytes, payload.start, payload.end), (&b"cd"[..], false, true));
    assert_eq!(bench.out(), b"\x40\x02\0\x07");
}

#[test]
fn a_received_qos_2_message_is_delivered_once_until_it_is_released() {
    let mut bench = Bench::plain();
    assert_eq!(bench.feed(b"\x34\x06\0\x01t\0\x07a"), [message("t", b"a")]);
    assert_eq!(bench.out(), b"\x50\x02\0\x07");
    assert_eq!(bench.feed(b"\x3c\x06\0\x01t\0\x07a"), []);
    assert_eq!(bench.out(), b"\x50\x02\0\x07");
    bench.feed(b"\x62\x02\0\x07");
    assert_eq!(bench.out(), b"\x70\x02\0\x07");
    assert_eq!(bench.feed(b"\x34\x06\0\x01t\0\x07b"), [message("t", b"b")]);
    assert_eq!(bench.client.counters().duplicates, 1);
}

#[test]
fn a_peer_that_never_releases_meets_a_limit() {
    let mut bench = Bench::open(&fine(), Config { received_max: 1, ..Config::default() });
    bench.feed(b"\x34\x06\0\x01t\0\x07a");
    assert_eq!(bench.feed(b"\x34\x06\0\x01t\0\x08a"), [closed(Reason::Peer(Peer::TooLarge))]);
}

#[test]
fn a_peer_that_takes_no_answers_is_not_read_further() {
    let mut bench = Bench::open(&fine(), Config { send_max: 10, ..Config::default() });
    let now = bench.now();
    let mut fed = 0;
    while fed < 100 {
        let mut one = *b"\x32\x06\0\x01t\0\x07a";
        if bench.client.handle_input(now, &mut one) == 0 {
            break;
        }
        bench.client.next_payload(&mut one).unwrap();
        fed += 1;
    }
    assert_eq!((fed, bench.client.room().up), (6, 0));
    assert_eq!(bench.out().len(), 24);
    assert_eq!(bench.client.room().up, usize::MAX);
}

#[test]
fn pingreq_leaves_when_nothing_was_sent_for_the_keep_alive() {
    let mut bench = Bench::open(&Connect { keep_alive_s: 10, ..fine() }, Config::default());
    bench.ms = 4_000;
    bench.publish("t", 0, b"", 1);
    bench.out();
    assert_eq!(bench.until(13_999), []);
    assert_eq!(bench.until(14_000), [(14_000, b"\xc0\0".to_vec())]);
    bench.ms = 15_000;
    bench.facts();
    assert_eq!(bench.feed(b"\xd0\0"), [Up::Fact(Event::Pong)]);
    assert_eq!(bench.until(24_000), [(24_000, b"\xc0\0".to_vec())]);
}

#[test]
fn a_peer_that_does_not_answer_pingreq_is_silent_after_one_and_a_half_keep_alives() {
    let mut bench = Bench::open(&Connect { keep_alive_s: 20, ..fine() }, Config::default());
    bench.until(29_999);
    assert_eq!(bench.facts(), []);
    bench.until(30_000);
    assert_eq!(bench.facts(), [closed(Reason::Peer(Peer::Silent))]);
}

#[test]
fn pingresp_has_at_least_five_seconds_however_short_the_keep_alive() {
    let mut bench = Bench::open(&Connect { keep_alive_s: 2, ..fine() }, Config::default());
    assert_eq!(bench.until(6_999).len(), 3);
    assert_eq!(bench.facts(), []);
    bench.until(7_000);
    assert_eq!(bench.facts(), [closed(Reason::Peer(Peer::Silent))]);
}

#[test]
fn bytes_of_a_long_message_are_signs_of_life_and_a_sleeping_reader_blames_nobody() {
    let mut bench = Bench::open(&Connect { keep_alive_s: 20, ..fine() }, Config::default());
    bench.until(25_000);
    bench.feed(b"\x30\x7f\0\x01t");
    bench.until(34_999);
    bench.client.pause(bench.now(), true);
    assert_eq!(bench.client.room().up, 0);
    let pings = bench.until(100_000);
    assert_eq!(
        pings.iter().map(|(ms, _)| *ms).collect::<Vec<_>>(),
        [40_000, 60_000, 80_000, 100_000]
    );
    bench.client.pause(bench.now(), false);
    bench.until(109_999);
    assert_eq!(bench.facts(), []);
    bench.until(110_000);
    assert_eq!(bench.facts(), [closed(Reason::Peer(Peer::Silent))]);
}

#[test]
fn a_ping_of_the_caller_is_not_doubled() {
    let mut bench = Bench::plain();
    bench.client.ping(bench.now());
    bench.client.ping(bench.now());
    assert_eq!(bench.out(), b"\xc0\0");
    assert_eq!(bench.feed(b"\xd0\0"), [Up::Fact(Event::Pong)]);
}

#[test]
fn what_breaks_the_protocol_ends_the_session() {
    for bytes in [
        &b"\x20\x02\0\0"[..],                  // a second CONNACK
        b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0", // what only clients send
        b"\xc0\0",
        b"\xe0\0",
        b"\x40\x02\0\0", // packet id 0
        b"\x32\x05\0\x01t\0\0",
        b"\x30\x05\0\x03a/+",      // a wildcard in a topic
        b"\x30\x02\0\0",           // no topic
        b"\x30\x04\0\x02\xc3\x28", // not UTF-8
        b"\x30\x05\0\x03a\0b",
        b"\x30\x04\0\x09ab",         // a topic longer than its packet
        b"\x38\x03\0\x01t",          // DUP with QoS 0
        b"\x90\x03\0\x09\x03",       // a SUBACK code that is none
        b"\x90\x04\0\x09\0\0",       // more answers than questions
        b"\x30\xff\xff\xff\xff\x7f", // a length of five bytes
        b"\xf0\0",
    ] {
        let mut bench = Bench::plain();
        assert_eq!(bench.feed(bytes), [closed(MALFORMED)], "{bytes:?}");
        assert!(bench.out().is_empty());
    }
    let mut bench = Bench::opening(&fine(), Config::default());
    assert_eq!(bench.feed(b"\x30\x03\0\x01t"), [closed(MALFORMED)], "before CONNACK");
}

#[test]
fn only_messages_may_be_long() {
    let mut bench = Bench::plain();
    assert_eq!(bench.feed(b"\x90\x81\x80\x04"), [closed(Reason::Peer(Peer::TooLarge))]);
}

#[test]
fn the_end_of_the_peers_side_ends_the_session() {
    let mut bench = Bench::plain();
    bench.client.handle_eof(bench.now());
    assert_eq!(bench.facts(), [closed(Reason::Peer(Peer::Closed))]);
}

#[test]
fn disconnect_in_the_middle_of_a_message_ends_at_once() {
    let mut bench = Bench::plain();
    let now = bench.now();
    let publish = Publish { topic: "t", qos: 1, retain: false, len: 9, tag: 1 };
    bench.client.publish(now, &publish).unwrap();
    bench.client.disconnect(now);
    let reason = Reason::Local(Local::Closed);
    let unknown = Event::Published { tag: 1, outcome: mainstay_base::Outcome::Unknown(reason) };
    assert_eq!(bench.facts(), [Up::Fact(unknown), closed(reason)]);
    assert_eq!((bench.out(), bench.client.send(now, b"x")), (vec![], 0));
}

#[test]
fn a_session_at_rest_gives_its_memory_back_and_goes_on_working() {
    let mut bench = Bench::plain();
    bench.publish("t", 1, b"x", 1);
    let first = bench.out();
    bench.feed(&[0x40, 2, first[5], first[6]]);
    bench.until(3_000);
    assert_eq!(bench.client.poll_timeout(), None);
    assert_eq!(bench.client.memory(), 0);
    assert!(size_of::<Client>() <= 150, "{}", size_of::<Client>());
    assert_eq!(bench.client.room().down, 16 * 1024);
    bench.publish("t", 1, b"x", 2);
    let second = bench.out();
    assert_ne!((first[5], first[6]), (second[5], second[6]), "ids are not used again so soon");
    assert_eq!(bench.until(6_000).len(), 1);
}

#[test]
fn a_disconnect_the_transport_does_not_take_ends_in_time() {
    let mut bench = Bench::plain();
    bench.client.disconnect(bench.now());
    bench.client.handle_timeout(mainstay_base::Instant::from_millis(4_999));
    assert_eq!(bench.facts(), []);
    bench.client.handle_timeout(mainstay_base::Instant::from_millis(5_000));
    assert_eq!(bench.facts(), [closed(Reason::Local(Local::TimedOut(Phase::Close)))]);
}

#[test]
fn the_opening_wait_is_configuration() {
    let config = Config { opening_wait: Duration::from_millis(1), ..Config::default() };
    let mut bench = Bench::opening(&fine(), config);
    bench.until(1);
    assert!(bench.client.is_over());
}
