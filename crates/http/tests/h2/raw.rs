//! What only raw frames show: settings, GOAWAY, resets, malformed and too large input.

use crate::wire::{
    ACK, Bench, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, frame,
};
use crate::world::{NOW, get, post};
use mainstay_http::Body;
use mainstay_http::h2::{Client, Config, Misuse};

fn bench() -> Bench {
    Bench::new(Client::new(NOW, Config::default()))
}

// Covers SS-529, SS-933
#[test]
fn each_settings_frame_is_acknowledged_once() {
    let mut bench = bench();
    let acks = |bench: &mut Bench| {
        let written = bench.written();
        written.iter().filter(|f| f.kind == SETTINGS && f.flags == ACK).count()
    };
    assert_eq!(acks(&mut bench), 1);
    bench.give(&frame(SETTINGS, ACK, 0, &[]));
    assert_eq!(acks(&mut bench), 0);
    for _ in 0..3 {
        bench.give(&frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]));
        assert_eq!(acks(&mut bench), 1);
        assert_eq!(acks(&mut bench), 0);
    }
}

#[test]
fn streams_above_goaway_end_as_unprocessed_and_those_below_go_on() {
    let mut bench = bench();
    for id in [10, 11, 12] {
        bench.client.open(NOW, id, &get("/")).unwrap();
    }
    bench.written();
    bench.give(&frame(GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]));
    assert_eq!(bench.log.events, ["goaway", "reset 12 Peer(Unprocessed)"]);
    assert!(!bench.client.is_open_for_streams());
    assert_eq!(bench.client.open(NOW, 13, &get("/")), Err(Misuse::Closed));
    bench.head(1, END_STREAM);
    bench.head(3, END_STREAM);
    bench.written();
    let rest = ["head 10 200", "complete 10", "head 11 200", "complete 11", "failed Peer(Closed)"];
    assert_eq!(bench.log.events[2..], rest);
}

#[test]
fn requests_that_waited_when_goaway_came_end_as_unprocessed() {
    let mut bench = bench();
    bench.give(&frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]));
    for id in [1, 2] {
        bench.client.open(NOW, id, &get("/")).unwrap();
    }
    bench.written();
    bench.give(&frame(GOAWAY, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    assert_eq!(bench.log.events, ["goaway", "reset 2 Peer(Unprocessed)"]);
}

#[test]
fn a_goaway_with_an_error_names_it_when_the_connection_ends() {
    let mut bench = bench();
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.written();
    bench.give(&frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 2]));
    bench.client.handle_eof(NOW);
    bench.log.drain(&mut bench.client);
    assert_eq!(bench.log.events, ["goaway", "reset 1 Peer(H2(2))", "failed Peer(H2(2))"]);
}

#[test]
fn a_reset_by_the_peer_comes_after_what_it_sent_and_names_its_code() {
    let mut bench = bench();
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.client.open(NOW, 2, &get("/")).unwrap();
    bench.written();
    let mut bytes = frame(HEADERS, END_HEADERS, 1, crate::wire::STATUS_200);
    bytes.extend(frame(DATA, 0, 1, b"part"));
    bytes.extend(frame(RST_STREAM, 0, 1, &[0, 0, 0, 2]));
    bytes.extend(frame(RST_STREAM, 0, 3, &[0, 0, 0, 7]));
    bench.give(&bytes);
    assert_eq!(bench.log.body(1), b"part");
    let mut events = bench.log.events.clone();
    events.sort();
    assert_eq!(events, ["head 1 200", "reset 1 Peer(H2(2))", "reset 2 Peer(Unprocessed)"]);
    assert!(bench.client.is_open_for_streams());
}

#[test]
fn our_reset_goes_to_the_peer_and_frees_the_id_without_an_event() {
    let mut bench = bench();
    bench.client.open(NOW, 1, &post(Body::Unsized)).unwrap();
    bench.written();
    bench.client.reset(NOW, 1);
    let written = bench.written();
    let cancel = written.iter().find(|f| f.kind == RST_STREAM).unwrap();
    assert_eq!((cancel.stream, cancel.payload.as_slice()), (1, &[0, 0, 0, 8][..]));
    bench.head(1, END_STREAM);
    assert_eq!(bench.log.events, [""; 0]);
    assert_eq!(bench.client.open(NOW, 1, &get("/")), Ok(()));
}

#[test]
fn a_body_cut_off_by_the_whole_response_is_cancelled() {
    let mut bench = bench();
    bench.client.open(NOW, 1, &post(Body::Unsized)).unwrap();
    bench.client.send(NOW, 1, b"some");
    bench.written();
    bench.head(1, END_STREAM);
    assert_eq!(bench.log.events, ["head 1 200", "complete 1"]);
    assert!(bench.written().iter().any(|f| f.kind == RST_STREAM && f.stream == 1));
}

#[test]
fn malformed_frames_end_every_stream_once_and_then_the_connection() {
    let mut bench = bench();
    for id in [1, 2] {
        bench.client.open(NOW, id, &get("/")).unwrap();
    }
    bench.written();
    bench.head(1, 0);
    bench.give(&frame(SETTINGS, 0, 5, &[]));
    let said = bench.written();
    assert_eq!(said.last().unwrap().kind, GOAWAY);
    let mut events = bench.log.events.clone();
    assert_eq!(events.pop().unwrap(), "failed Peer(Malformed)");
    events.sort();
    assert_eq!(events, ["head 1 200", "reset 1 Peer(Malformed)", "reset 2 Peer(Malformed)"]);
    assert_eq!(bench.client.handle_input(NOW, &mut [0; 9]), 0);
    assert!(bench.client.poll_event().is_none());
}

#[test]
fn a_malformed_head_ends_its_own_stream_only() {
    let mut bench = bench();
    for id in [1, 2] {
        bench.client.open(NOW, id, &get("/")).unwrap();
    }
    bench.written();
    // No :status at all.
    bench.give(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0, 1, b'a', 1, b'b']));
    bench.head(3, END_STREAM);
    let mut events = bench.log.events.clone();
    events.sort();
    assert_eq!(events, ["complete 2", "head 2 200", "reset 1 Peer(Malformed)"]);
}

#[test]
fn a_head_above_the_limit_ends_its_stream_as_too_large() {
    let config = Config { header_list_max: 100, ..Config::default() };
    let mut bench = Bench::new(Client::new(NOW, config));
    for id in [1, 2] {
        bench.client.open(NOW, id, &get("/")).unwrap();
    }
    bench.written();
    let mut block = crate::wire::STATUS_200.to_vec();
    block.extend([0, 1, b'a', 90]);
    block.extend([b'v'; 90]);
    bench.give(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    bench.head(3, END_STREAM);
    assert_eq!(bench.log.events, ["reset 1 Peer(TooLarge)", "head 2 200", "complete 2"]);
}

#[test]
fn a_head_far_above_the_limit_ends_the_connection_as_too_large() {
    let config = Config { header_list_max: 100, ..Config::default() };
    let mut bench = Bench::new(Client::new(NOW, config));
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.written();
    let mut block = crate::wire::STATUS_200.to_vec();
    for _ in 0..30 {
        block.extend([0, 1, b'a', 90]);
        block.extend([b'v'; 90]);
    }
    bench.give(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    bench.written();
    assert_eq!(bench.log.events, ["reset 1 Peer(TooLarge)", "failed Peer(TooLarge)"]);
}

#[test]
fn a_body_longer_or_shorter_than_its_length_is_never_complete() {
    for body in [&b"12"[..], b"1234"] {
        let mut bench = bench();
        bench.client.open(NOW, 1, &get("/")).unwrap();
        bench.written();
        let mut block = crate::wire::STATUS_200.to_vec();
        // HPACK: content-length (static 28) without indexing.
        block.extend([0x0f, 0x0d, 1, b'3']);
        bench.give(&frame(HEADERS, END_HEADERS, 1, &block));
        bench.give(&frame(DATA, END_STREAM, 1, body));
        assert!(bench.log.has("reset 1 Peer(Malformed)"), "{:?}", bench.log);
        assert!(!bench.log.has("complete 1"));
    }
}

#[test]
fn trailers_end_a_response_like_its_last_data_would() {
    let mut bench = bench();
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.written();
    bench.head(1, 0);
    bench.give(&frame(DATA, 0, 1, b"body"));
    bench.give(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0, 1, b'a', 1, b'b']));
    assert_eq!(bench.log.events, ["head 1 200", "complete 1"]);
    assert_eq!(bench.log.body(1), b"body");
}
