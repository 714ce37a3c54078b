//! Handshakes without an endpoint: kept in the queue, or in a cookie when there are too many.

use crate::peer::{Bench, Policy, Sent, header, stamped, syn};
use crate::world::Room;
use core::time::Duration;
use mainstay_tcp::{Config, Event, Handle, State};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, Header};

const SYN_ACK: Flags = Flags::SYN.with(Flags::ACK);

fn queue(syns: usize) -> Bench {
    let mut bench = Bench::new(Config::default(), 1, Room { syns, ..Room::default() });
    bench.engine.listen(Bench::local(80)).unwrap();
    bench.policy = Policy::Answer;
    bench
}

/// A SYN with every option.
fn full(sequence: u32) -> Header {
    let mut header = stamped(syn(sequence), 77, 0);
    header.options.window_scale = Some(7);
    header.options.sack_permitted = true;
    header
}

/// The end of the handshake that `answer` is of.
fn third(answer: &Header, flags: Flags) -> Header {
    let ack = header(flags, answer.acknowledgment, answer.sequence.wrapping_add(1));
    match answer.options.timestamps {
        Some(stamps) => stamped(ack, 78, stamps.value),
        None => ack,
    }
}

fn one(mut out: Vec<Sent>) -> Header {
    assert_eq!(out.len(), 1);
    out.remove(0).0
}

fn check_established(bench: &mut Bench, handle: Handle, data: &[u8]) {
    assert_eq!(bench.state(handle), State::Established);
    let told: Vec<_> = bench.events().into_iter().map(|(_, event)| event).collect();
    assert_eq!(told[..2], [Event::Accepted, Event::Established]);
    assert_eq!(bench.read(0), data);
    let facts = bench.engine.endpoint(handle).unwrap().facts();
    assert!(facts.timestamps && facts.sack);
    assert_eq!(facts.scale.map(|(theirs, _)| theirs), Some(7));
    assert_eq!(facts.window, 60_000 << 7);
    assert_eq!(facts.mss, 1460);
}

// Covers TCP-076, TCP-531
#[test]
fn the_last_segment_of_an_answered_handshake_makes_a_connection_and_its_data_is_not_lost() {
    for syns in [8, 0] {
        let mut bench = queue(syns);
        let answer = one(bench.send(full(100), &[]));
        assert_eq!((answer.flags, answer.acknowledgment), (SYN_ACK, 101));
        assert_eq!(answer.options.mss, Some(1460));
        assert_eq!(bench.state(bench.handles[0]), State::Closed, "no endpoint is used");
        bench.policy = Policy::Accept;
        let out = bench.send(third(&answer, Flags::ACK), b"hello");
        assert_eq!(bench.asked, 2);
        assert!(out.iter().all(|(out, _)| out.flags == Flags::ACK && out.acknowledgment == 106));
        let handle = bench.handles[0];
        check_established(&mut bench, handle, b"hello");
        let facts = bench.engine.endpoint(handle).unwrap().facts();
        assert_eq!(facts.scale.map(|(_, ours)| ours), answer.options.window_scale);
        // It is a connection as any other.
        bench.write(0, b"answer").unwrap();
        let out = bench.sent();
        assert_eq!(out[0].0.sequence, answer.sequence.wrapping_add(1));
        assert_eq!(out[0].1, b"answer");
    }
}

// Covers TCP-530
#[test]
fn an_answer_from_the_queue_is_repeated_three_times_and_then_forgotten() {
    let mut bench = queue(8);
    let answer = one(bench.send(full(100), &[]));
    assert_eq!(one(bench.send(full(100), &[])).sequence, answer.sequence, "a repeated SYN");
    assert_eq!(bench.asked, 1);
    let mut at = Vec::new();
    while let Some(next) = bench.engine.next_deadline() {
        assert!(next > bench.now);
        let wait = next.since(bench.now);
        bench.pass(wait);
        if let [(again, _)] = bench.sent().as_slice() {
            assert_eq!(again.sequence, answer.sequence);
            at.push(bench.now.since(mainstay_base::Instant::from_millis(500_000)).as_secs());
        }
    }
    assert_eq!(at, [1, 3, 7]);
    let out = one(bench.send(third(&answer, Flags::ACK), &[]));
    assert!(out.flags.contains(Flags::RST));
}

// Covers TCP-076
#[test]
fn a_wrong_number_or_a_reset_makes_no_connection_of_an_answered_handshake() {
    let mut bench = queue(8);
    let answer = one(bench.send(full(100), &[]));
    let mut wrong = third(&answer, Flags::ACK);
    wrong.acknowledgment = wrong.acknowledgment.wrapping_add(1);
    assert_eq!(one(bench.send(wrong, &[])).flags, Flags::RST);
    let reset = third(&answer, Flags::RST);
    assert_eq!(bench.send(reset, &[]), []);
    assert!(one(bench.send(third(&answer, Flags::ACK), &[])).flags.contains(Flags::RST));
    assert_eq!(bench.asked, 1);
}

// Covers TCP-076
#[test]
fn a_kept_syn_is_decided_on_without_waiting_for_the_peer() {
    let mut bench = queue(8);
    bench.policy = Policy::Keep;
    assert_eq!(bench.send(full(100), &[]), []);
    assert_eq!(bench.send(full(100), &[]), [], "it need not ask again");
    bench.pass(Duration::from_secs(5));
    let handle = bench.handles[0];
    let incoming = bench.engine.next_kept(bench.now).unwrap();
    assert_eq!(incoming.peer().port(), 4000);
    incoming.accept(handle).unwrap();
    assert!(bench.engine.next_kept(bench.now).is_none());
    let answer = one(bench.sent());
    assert_eq!((answer.flags, answer.acknowledgment), (SYN_ACK, 101));
    bench.send(third(&answer, Flags::ACK), b"hello");
    check_established(&mut bench, handle, b"hello");
}

// S-51
// Covers TCP-530, TCP-531
#[test]
fn in_a_flood_of_syns_an_honest_client_connects_and_no_endpoint_is_used() {
    let mut bench = queue(8);
    for n in 0..100_000_u32 {
        let [_, b, c, d] = n.to_be_bytes();
        let mut spoofed = full(n.wrapping_mul(2_654_435_761));
        spoofed.source = 1024 + u16::from(d);
        let from = format!("10.{b}.{c}.{d}");
        let out = bench.send_from(&from, spoofed, &[], Ecn::NotEct);
        assert!(!out.is_empty());
        if n % 10 == 0 {
            bench.pass(Duration::from_micros(100));
        }
    }
    assert_eq!(bench.state(bench.handles[0]), State::Closed);
    let out = bench.send(full(100), &[]);
    let answer = out.iter().find(|(out, _)| out.destination == 4000).unwrap().0;
    bench.pass(Duration::from_millis(30));
    bench.sent();
    bench.policy = Policy::Accept;
    bench.send(third(&answer, Flags::ACK), b"hello");
    let handle = bench.handles[0];
    check_established(&mut bench, handle, b"hello");
}

// Covers TCP-530
#[test]
fn a_cookie_is_good_for_a_minute_or_two_and_nothing_else_is() {
    let mut bench = queue(0);
    let answer = one(bench.send(full(100), &[]));
    let mut guess = third(&answer, Flags::ACK);
    guess.acknowledgment ^= 1 << 12;
    assert!(one(bench.send(guess, &[])).flags.contains(Flags::RST));
    bench.pass(Duration::from_secs(121));
    let late = third(&answer, Flags::ACK);
    assert!(one(bench.send(late, &[])).flags.contains(Flags::RST));
    assert_eq!(bench.asked, 1);
}

// Covers TCP-530
#[test]
fn without_timestamps_a_cookie_offers_nothing_that_it_could_not_remember() {
    let mut bench = queue(0);
    let mut plain = full(100);
    plain.options.timestamps = None;
    let answer = one(bench.send(plain, &[]));
    assert!(!answer.options.sack_permitted && answer.options.window_scale.is_none());
    bench.policy = Policy::Accept;
    bench.send(third(&answer, Flags::ACK), &[]);
    let facts = bench.engine.endpoint(bench.handles[0]).unwrap().facts();
    assert_eq!((facts.state, facts.sack, facts.scale), (State::Established, false, None));
}
