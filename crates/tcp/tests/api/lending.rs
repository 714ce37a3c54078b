//! Buffers that are lent until they are acknowledged (TCP-030 to TCP-039, TCP-047).

use crate::bench::{Bench, Text};
use core::pin::Pin;
use core::time::Duration;
use mainstay_tcp::queue::{ArrayBuf, ArrayQueue, TxBuf, TxQueue as _};
use mainstay_tcp::{Event, FastOpen, Push, SendError, TcpError};
use mainstay_wire::tcp::Header;
use std::sync::Arc;

/// The buffer that is given back because it was acknowledged.
fn given(event: Event<Text>) -> Option<Text> {
    if let Event::SendDone(text) = event { Some(text) } else { None }
}

fn refused(result: Result<(), SendError<Text>>) -> (Text, TcpError) {
    let SendError { buffer, error } = result.unwrap_err();
    (buffer, error)
}

// Covers TCP-030
#[test]
fn a_buffer_that_is_not_taken_is_in_the_error_as_it_was() {
    let mut bench = Bench::new(1);
    let text = Text::with_room(b"text", 3);
    let place = text.place();
    let (text, error) = refused(bench.live(0).send(text, Push::Now));
    assert_eq!((text.place(), error), (place, TcpError::NotOpen));
    let mut peer = bench.established(0);
    for _ in 0..8 {
        bench.send(0, b"more");
    }
    let (text, error) = refused(bench.live(0).send(text, Push::Now));
    assert_eq!((text.place(), error), (place, TcpError::QueueFull));
    bench.hears(&mut peer);
    bench.says(&mut peer, b"");
    bench.told();
    bench.live(0).finish().unwrap();
    let (text, error) = refused(bench.live(0).send(text, Push::Now));
    assert_eq!((text.place(), error), (place, TcpError::SendClosed));
    assert_eq!(text, Text::with_room(b"text", 3));
    let error = SendError { buffer: (), error }.to_string();
    assert_eq!(error, TcpError::SendClosed.to_string());
}

/// Lends the bytes and says what the connection sees of them.
fn lend<B: TxBuf>(buffer: B) -> (*const u8, usize, B) {
    let mut queue = ArrayQueue::<B, 1>::default();
    assert!(queue.push(buffer).is_ok());
    let seen = queue.slices(0, usize::MAX).as_slice().concat();
    assert_eq!(seen, b"lent");
    let place = queue.slices(0, 4).as_slice()[0].as_ptr();
    let room = queue.tail_mut().unwrap().len();
    queue.acknowledge(4);
    (place, room, queue.done().unwrap())
}

// Covers TCP-031
#[test]
fn what_leads_to_bytes_that_stay_can_be_lent_and_is_seen_where_it_lies() {
    static LENT: [u8; 4] = *b"lent";
    let borrowed = *b"lent";
    let shared: Arc<[u8]> = borrowed.into();
    let pinned = Pin::new(borrowed.to_vec().into_boxed_slice());
    for (seen, own) in [
        (lend(&LENT[..]).0, LENT.as_ptr()),
        (lend(&borrowed[..]).0, borrowed.as_ptr()),
        (lend(Pin::new(Arc::clone(&shared))).0, shared.as_ptr()),
    ] {
        assert_eq!(seen, own);
    }
    let place = pinned.as_ptr();
    let (seen, room, pinned) = lend(pinned);
    assert_eq!((seen, room, pinned.as_ptr()), (place, 0, place));
    let (_, room, owned) = lend(ArrayBuf::<7>::new(b"lent").unwrap());
    assert_eq!((room, owned.bytes()), (3, &b"lent"[..]));
}

// Covers TCP-033
#[test]
fn what_is_sent_while_earlier_bytes_are_outstanding_follows_them() {
    let mut bench = Bench::new(1);
    let mut peer = bench.established(0);
    bench.live(0).set_nagle(false);
    let first = peer.expects;
    let mut stream = Vec::new();
    for n in 0..8_u8 {
        bench.send(0, &[b'a' + n; 100]);
        for (header, payload) in bench.sent() {
            let at = usize::try_from(header.sequence.wrapping_sub(first)).unwrap();
            assert_eq!(at, stream.len(), "in the order of the calls");
            stream.extend(payload);
        }
    }
    let order: Vec<u8> = stream.chunks(100).map(|chunk| chunk[0]).collect();
    assert_eq!((stream.len(), order), (800, b"abcdefgh".to_vec()));
    peer.expects = first.wrapping_add(800);
    bench.says(&mut peer, b"");
    let back: Vec<u8> =
        bench.told().into_iter().filter_map(given).map(|text| text.bytes()[0]).collect();
    assert_eq!(back, b"abcdefgh");
}

// Covers TCP-035, TCP-038, TCP-039
#[test]
fn a_buffer_grows_at_its_end_only_and_comes_back_as_the_same_with_all_it_was_given() {
    let mut bench = Bench::new(1);
    let mut peer = bench.established(0);
    assert_eq!(bench.live(0).tail_mut(), None, "nothing is queued");
    let text = Text::with_room(b"begun", 6);
    let place = text.place();
    bench.live(0).send(text, Push::Now).unwrap();
    bench.hears(&mut peer);
    let mut live = bench.live(0);
    let tail = live.tail_mut().unwrap();
    assert_eq!(
        (tail.as_ptr(), tail.len()),
        (place.wrapping_add(5), 6),
        "what is sent is out of reach"
    );
    tail[..3].copy_from_slice(b" on");
    live.extend(3, Push::Now).unwrap();
    let tail = live.tail_mut().unwrap();
    assert_eq!((tail.as_ptr(), tail.len()), (place.wrapping_add(8), 3));
    assert_eq!(live.extend(4, Push::Now), Err(TcpError::InvalidArgs));
    bench.says(&mut peer, b""); // the beginning is acknowledged, and the rest may go
    assert!(!bench.told().iter().any(|event| matches!(event, Event::SendDone(_))));
    bench.pass(Duration::from_millis(500));
    bench.hears(&mut peer);
    bench.says(&mut peer, b"");
    let back = bench.told().into_iter().find_map(given).unwrap();
    assert_eq!((back.place(), back.bytes()), (place, &b"begun on"[..]));
    assert_eq!(bench.live(0).tail_mut(), None, "it is not the connection's any more");
}

/// Where the payload of the next segment lies, and its sequence number.
fn next_place(bench: &mut Bench) -> (u32, Vec<(*const u8, usize)>) {
    let out = bench.engine.poll_transmit(bench.now).unwrap();
    let (header, _) = Header::parse(out.header).unwrap();
    let parts = out.payload.as_slice().iter();
    (header.sequence, parts.map(|part| (part.as_ptr(), part.len())).collect())
}

// Covers TCP-047
#[test]
fn payload_is_not_copied_on_its_way_out_nor_when_it_is_sent_again() {
    let mut bench = Bench::new(1);
    let peer = bench.established(0);
    let (one, two) = (Text::new(&[1; 1000]), Text::new(&[2; 1000]));
    let places = [one.place(), two.place()];
    bench.live(0).send(one, Push::More).unwrap();
    bench.live(0).send(two, Push::Now).unwrap();
    let (sequence, parts) = next_place(&mut bench);
    assert_eq!(sequence, peer.expects);
    assert_eq!(parts, [(places[0], 1000), (places[1], 460)]);
    let (_, parts) = next_place(&mut bench);
    assert_eq!(parts, [(places[1].wrapping_add(460), 540)]);
    assert!(bench.sent().is_empty());
    bench.pass(Duration::from_secs(3));
    let (sequence, parts) = next_place(&mut bench);
    assert_eq!((sequence, parts[0]), (peer.expects, (places[0], 1000)), "it is the same again");
}

// Covers TCP-030, TCP-036
#[test]
fn an_empty_buffer_in_front_of_a_connection_that_waits_for_one_starts_nothing() {
    let mut bench = Bench::new(1);
    bench.connect(0, FastOpen::Deferred).unwrap();
    bench.send(0, b"");
    assert!(bench.sent().is_empty());
    assert!(matches!(&bench.told()[..], [Event::SendDone(text)] if text.bytes().is_empty()));
}
