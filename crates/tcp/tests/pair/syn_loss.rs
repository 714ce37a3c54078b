//! What a lost SYN or SYN-ACK changes, and ECN where it does not get through.

use crate::peer::{Bench, Sent, header, stamped, syn};
use crate::world::Room;
use core::time::Duration;
use mainstay_tcp::{Config, FastOpen, State};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, Header};

const SYN_ACK: Flags = Flags::SYN.with(Flags::ACK);
const ASKS: Flags = Flags::ECE.with(Flags::CWR);

fn bench() -> Bench {
    Bench::new(Config::default(), 1, Room::default())
}

/// Connects, loses the first `lost` SYNs and answers the next one; all of them.
fn connect(bench: &mut Bench, lost: usize, flags: Flags) -> Vec<Header> {
    connect_by(bench, lost, header(flags, 9000, 0))
}

/// The same with this answer.
fn connect_by(bench: &mut Bench, lost: usize, mut answer: Header) -> Vec<Header> {
    bench.connect(0, FastOpen::No).unwrap();
    let mut syns: Vec<Header> = bench.sent().into_iter().map(|(header, _)| header).collect();
    for n in 0..lost {
        bench.pass(Duration::from_secs(1 << n));
        syns.extend(bench.sent().into_iter().map(|(header, _)| header));
    }
    assert_eq!(syns.len(), lost + 1);
    let last = syns.last().unwrap();
    answer.acknowledgment = last.sequence.wrapping_add(1);
    (answer.source, answer.destination) = (last.destination, last.source);
    answer.options.mss = Some(1000);
    bench.send(answer, &[]);
    assert_eq!(bench.state(bench.handles[0]), State::Established);
    syns
}

fn abort(bench: &mut Bench) {
    bench.engine.at(bench.now, bench.handles[0]).unwrap().abort();
    bench.sent();
    bench.events();
}

// S-09
// Covers TCP-254
#[test]
fn after_a_lost_handshake_segment_the_window_begins_with_one_segment() {
    let mut bench = bench();
    bench.engine.listen(Bench::local(80)).unwrap();
    let out = bench.send(syn(100), &[]);
    for n in 0..3 {
        bench.pass(Duration::from_secs(1 << n));
        assert_eq!(bench.sent()[0].0.flags, SYN_ACK);
    }
    bench.send(header(Flags::ACK, 101, out[0].0.sequence.wrapping_add(1)), &[]);
    bench.write(0, &[1; 10_000]).unwrap();
    let out = bench.sent();
    assert_eq!((out.len(), out[0].1.len()), (1, 1460));
}

// Covers TCP-403
#[test]
fn after_a_lost_syn_data_waits_three_seconds_unless_a_round_trip_is_known() {
    let mut bench = bench();
    connect(&mut bench, 1, SYN_ACK);
    bench.write(0, b"data").unwrap();
    assert_eq!(bench.sent().len(), 1);
    bench.pass(Duration::from_millis(2999));
    assert_eq!(bench.sent(), [] as [Sent; 0]);
    bench.pass(Duration::from_millis(2));
    assert_eq!(bench.sent().len(), 1);
}

// Covers TCP-300
#[test]
fn a_repeated_syn_asks_for_ecn_once_more_and_then_no_longer() {
    let mut bench = bench();
    let syns = connect(&mut bench, 3, SYN_ACK.with(Flags::ECE));
    let asks: Vec<_> = syns.iter().map(|syn| syn.flags.contains(ASKS)).collect();
    assert_eq!(asks, [true, true, false, false]);
    assert!(!bench.engine.endpoint(bench.handles[0]).unwrap().facts().ecn, "it was not asked for");
}

// Covers TCP-304
#[test]
fn where_three_syns_with_ecn_were_lost_in_a_row_it_is_left_out_for_ten_minutes() {
    let mut bench = bench();
    connect(&mut bench, 2, SYN_ACK);
    abort(&mut bench);
    // One that gets through in between starts the count again.
    connect(&mut bench, 0, SYN_ACK.with(Flags::ECE));
    abort(&mut bench);
    connect(&mut bench, 2, SYN_ACK);
    abort(&mut bench);
    let syns = connect(&mut bench, 1, SYN_ACK);
    assert!(syns[0].flags.contains(ASKS));
    abort(&mut bench);
    let syns = connect(&mut bench, 0, SYN_ACK);
    assert!(!syns[0].flags.contains(ASKS));
    abort(&mut bench);
    bench.pass(Duration::from_mins(10));
    let syns = connect(&mut bench, 0, SYN_ACK);
    assert!(syns[0].flags.contains(ASKS));
}

/// Sends twelve packets, with timestamps or without, of which the `n`th is not marked; whether ECN is used then, and how
/// often a mark was echoed.
fn marked(n: Option<usize>, stamps: bool) -> (bool, usize) {
    let mut bench = bench();
    let stamp = |header| if stamps { stamped(header, 1, 0) } else { header };
    let answer = stamp(header(SYN_ACK.with(Flags::ECE), 9000, 0));
    let syns = connect_by(&mut bench, 0, answer);
    let mut data = stamp(header(Flags::ACK, 9001, syns[0].sequence.wrapping_add(1)));
    (data.source, data.destination) = (syns[0].destination, syns[0].source);
    let mut echoes = 0;
    for packet in 0..12 {
        let ecn = if n == Some(packet) { Ecn::Ect0 } else { Ecn::Ce };
        let out = bench.send_from(crate::peer::CLIENT, data, &[1; 100], ecn);
        echoes += out.iter().filter(|(out, _)| out.flags.contains(Flags::ECE)).count();
        data.sequence += 100;
    }
    (bench.engine.endpoint(bench.handles[0]).unwrap().facts().ecn, echoes)
}

// Covers TCP-304
#[test]
fn where_each_of_the_first_ten_packets_is_marked_marks_mean_nothing() {
    for stamps in [false, true] {
        assert_eq!(marked(None, stamps), (false, 9));
        assert_eq!(marked(Some(9), stamps), (true, 12));
        assert_eq!(marked(Some(10), stamps), (false, 9));
    }
}
