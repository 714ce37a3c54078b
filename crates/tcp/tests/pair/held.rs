//! What the application holds while more arrives, and endpoints that are taken away while somebody asks.

use crate::peer::{Bench, header, syn};
use crate::world::{Room, endpoint, engine, leak, settings};
use core::time::Duration;
use mainstay_tcp::{Config, State};
use mainstay_wire::tcp::{Flags, Header};

/// Bytes that were there before.
const KEPT: usize = 100;
const ACK: Flags = Flags::ACK;

/// A connection over whose first endpoint's storage `before` bytes have gone; where the peer stands, and what it
/// acknowledges.
fn open(capacity: usize, before: usize) -> (Bench, u32, u32) {
    let mut bench = Bench::new(Config::default(), 1, Room::default());
    bench.engine = engine(5, Config::default(), 1, Room::default());
    bench.handles = vec![bench.engine.attach(endpoint(leak(settings()), capacity, 1000)).unwrap()];
    bench.engine.listen(Bench::local(80)).unwrap();
    let out = bench.send(syn(100), &[]);
    let ack = out[0].0.sequence.wrapping_add(1);
    bench.send(header(ACK, 101, ack), &[]);
    bench.send(header(ACK, 101, ack), &text(0, before));
    // Some are not read: a buffer that is empty starts anew.
    let mut live = bench.engine.at(bench.now, bench.handles[0]).unwrap();
    live.commit(before - KEPT).unwrap();
    bench.sent(); // the window is open again
    (bench, 101 + u32::try_from(before).unwrap(), ack)
}

/// Bytes of the stream.
fn text(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn segment(base: u32, ack: u32, at: usize, flags: Flags) -> Header {
    header(flags, base.wrapping_add(u32::try_from(at).unwrap()), ack)
}

// S-43
// Covers TCP-053, TCP-142
#[test]
fn what_is_moved_into_one_piece_loses_no_hole_and_no_end() {
    // 900 bytes went by and most were read, so that what is unread lies in two pieces.
    let (mut bench, base, ack) = open(1000, 900);
    let stream = text(900, 800);
    let give = |bench: &mut Bench, from: usize, len: usize, flags| {
        bench.send(segment(base, ack, from, flags), &stream[from..from + len]);
    };
    give(&mut bench, 0, 300, ACK);
    // Three holes, and the end of the stream behind the last.
    give(&mut bench, 400, 100, ACK);
    give(&mut bench, 600, 50, ACK);
    give(&mut bench, 700, 100, ACK | Flags::FIN);
    let handle = bench.handles[0];
    let pieces = bench.engine.endpoint(handle).unwrap().recv().map(<[u8]>::len);
    assert!(pieces[0] > 0 && pieces[1] > 0, "{pieces:?}");
    let unread = text(900 - KEPT, KEPT + 300);
    let mut live = bench.engine.at(bench.now, handle).unwrap();
    assert_eq!(live.contiguify().unwrap(), unread);
    assert_eq!(live.endpoint().unwrap().recv()[1], []);
    // The holes close, and all is as it would have been.
    give(&mut bench, 300, 100, ACK);
    give(&mut bench, 500, 100, ACK);
    assert!(!bench.engine.endpoint(handle).unwrap().is_end_of_stream());
    give(&mut bench, 650, 50, ACK);
    assert!(bench.engine.endpoint(handle).unwrap().is_end_of_stream());
    assert_eq!(bench.state(handle), State::CloseWait);
    assert_eq!(bench.read(0), text(900 - KEPT, KEPT + 800));
}

// S-44
// Covers TCP-051, TCP-453
#[test]
fn bytes_that_are_being_looked_at_stay_where_they_are_whatever_arrives() {
    let (mut bench, base, ack) = open(1000, 900);
    bench.send(segment(base, ack, 0, ACK), &text(900, 300));
    let handle = bench.handles[0];
    let seen = |bench: &Bench| {
        let pieces = bench.engine.endpoint(handle).unwrap().recv();
        (pieces.map(<[u8]>::as_ptr), pieces.concat())
    };
    let before = seen(&bench);
    assert_eq!(before.1, text(900 - KEPT, KEPT + 300));
    // Out of order, over each other, with other bytes than before, beyond the window, and old.
    let forged = [0xff; 700];
    for from in [400, 800, 350, 600, 850] {
        bench.send(segment(base, ack, from, ACK), &forged[..100]);
        assert_eq!(seen(&bench), before);
    }
    bench.send(header(ACK, base.wrapping_sub(200), ack), &forged[..500]);
    assert_eq!(seen(&bench), before);
}

// S-07
// Covers TCP-085, TCP-018
#[test]
fn another_connection_is_aborted_while_somebody_asks_and_its_endpoint_taken() {
    let full = std::env::var("MAINSTAY_FULL").is_ok_and(|value| value == "1");
    let rounds = if full { 100_000 } else { 3000 };
    let mut bench = Bench::new(Config::default(), 1, Room::default());
    bench.engine.listen(Bench::local(80)).unwrap();
    let handle = bench.handles[0];
    for round in 0..rounds {
        let mut first = syn(100 + 7 * round);
        first.source = 1024 + u16::try_from(round % 60_000).unwrap();
        // Somebody asks; the answer waits, since the only endpoint is in use, and is made free.
        bench.engine.at(bench.now, handle).unwrap().abort();
        bench.events();
        let out = bench.send(first, &[]);
        let answer = out.iter().find(|(out, _)| out.flags.contains(Flags::SYN)).unwrap().0;
        assert_eq!(
            out.len(),
            if round == 0 { 1 } else { 2 },
            "the reset of the other, and the answer"
        );
        let mut third =
            header(ACK, first.sequence.wrapping_add(1), answer.sequence.wrapping_add(1));
        third.source = first.source;
        bench.send(third, b"x");
        assert_eq!(bench.state(handle), State::Established);
        assert_eq!(bench.read(0), b"x");
        bench.events();
        bench.pass(Duration::from_millis(1));
    }
    assert_eq!(bench.asked, usize::try_from(rounds).unwrap());
}
