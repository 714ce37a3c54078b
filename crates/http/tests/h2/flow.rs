//! Payload both ways, windows, many streams.

use crate::wire::{
    Bench, DATA, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame,
};
use crate::world::{Answer, NOW, World, get, post, request};
use mainstay_http::Body;
use mainstay_http::h2::{Client, Config, Misuse};
use mainstay_http::http::{Method, StatusCode};

#[test]
fn a_get_is_answered_with_head_payload_and_end_in_this_order() {
    let mut world = World::default(Answer::Bytes(100_000));
    world.client.open(NOW, 70, &get("/a?b=c")).unwrap();
    world.run();
    assert_eq!(world.log.events, ["head 70 200", "complete 70"]);
    assert_eq!(world.log.body(70), vec![7; 100_000]);
    let head = &world.asked[0].1;
    assert_eq!(head.uri().to_string(), "https://device.example/a?b=c");
    assert_eq!(head.headers().len(), 0);
    assert_eq!(world.client.stream_count(), 0);
}

#[test]
fn thirty_two_streams_share_one_connection_and_each_gets_its_own() {
    let mut world = World::default(Answer::Echo);
    world.run();
    for id in 0..32 {
        world.client.open(NOW, id, &post(Body::Unsized)).unwrap();
        let body = vec![u8::try_from(id).unwrap(); 1000];
        assert_eq!(world.client.send(NOW, id, &body), 1000);
        world.client.finish(NOW, id).unwrap();
    }
    world.run();
    assert!(world.asked.iter().all(|(_, head)| head.headers().is_empty()));
    for id in 0..32 {
        assert!(world.log.has(&format!("complete {id}")));
        assert_eq!(world.log.body(id), vec![u8::try_from(id).unwrap(); 1000]);
    }
    assert_eq!(world.log.events.len(), 64);
}

#[test]
fn one_stream_goes_before_the_settings_and_the_others_after_them() {
    let server = Config { streams_max: 1, ..Config::default() };
    let mut world = World::new(Config::default(), server, Answer::Echo);
    for id in 0..4 {
        world.client.open(NOW, id, &post(Body::Unsized)).unwrap();
        world.client.finish(NOW, id).unwrap();
    }
    world.run();
    let ends: Vec<bool> = (0..4).map(|id| world.log.has(&format!("complete {id}"))).collect();
    assert_eq!(ends, [true; 4], "{:?}", world.log.events);
}

#[test]
fn a_head_alone_completes_the_response() {
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
        let mut world = World::default(Answer::Status(status));
        world.client.open(NOW, 1, &request(method, "/", Body::None)).unwrap();
        world.run();
        assert_eq!(world.log.events, [format!("head 1 {status}"), "complete 1".into()]);
    }
}

#[test]
fn interim_heads_are_skipped() {
    let mut world = World::default(Answer::Nothing);
    world.client.open(NOW, 1, &get("/")).unwrap();
    world.run();
    let mut early = mainstay_http::Response::new(());
    *early.status_mut() = StatusCode::EARLY_HINTS;
    world.server.inform(NOW, 1, &early).unwrap();
    world.run();
    assert_eq!(world.log.events, [""; 0]);
    world.respond(1, 200, true);
    world.run();
    assert_eq!(world.log.events, ["head 1 200", "complete 1"]);
}

// Covers SS-505, SS-506
#[test]
fn an_announced_length_goes_out_and_is_kept() {
    let mut world = World::default(Answer::Echo);
    world.client.open(NOW, 1, &post(Body::Sized(5))).unwrap();
    assert_eq!(world.client.send(NOW, 1, b"abc"), 3);
    assert_eq!(world.client.finish(NOW, 1), Err(Misuse::Length));
    assert_eq!(world.client.send(NOW, 1, b"defgh"), 2);
    assert_eq!(world.client.send(NOW, 1, b"i"), 0);
    assert_eq!(world.client.finish(NOW, 1), Ok(()));
    world.run();
    let (id, head) = &world.asked[0];
    assert_eq!(head.headers().get("content-length").unwrap(), "5");
    assert_eq!(world.received[id], b"abcde");
    assert!(world.log.has("complete 1"));
}

// Covers SS-531
#[test]
fn room_is_what_the_windows_allow_and_writable_says_when_there_is_more() {
    let server = Config { stream_window: 1000, ..Config::default() };
    let mut world = World::new(Config::default(), server, Answer::Nothing);
    world.run();
    world.client.open(NOW, 1, &post(Body::Unsized)).unwrap();
    world.run();
    world.server.pause(1, true);
    assert_eq!(world.client.stream_room(1), 1000);
    assert_eq!(world.client.send(NOW, 1, &[1; 1500]), 1000);
    assert_eq!(world.client.stream_room(1), 0);
    world.run();
    assert_eq!(world.client.stream_room(1), 0);
    let quiet = world.log.count("writable 1");
    world.server.pause(1, false);
    world.run();
    assert_eq!(world.log.count("writable 1"), quiet + 1);
    assert!(world.client.stream_room(1) >= 500);
}

// Covers SS-531
#[test]
fn room_is_none_while_the_connections_window_is_used_up() {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    let wide = [0, 4, 0, 1, 0, 0];
    bench.give(&frame(SETTINGS, 0, 0, &wide));
    for id in 0..5 {
        bench.client.open(NOW, id, &post(Body::Unsized)).unwrap();
    }
    let sent: usize = (0..5).map(|id| bench.client.send(NOW, id, &[0; 16_384])).sum();
    assert_eq!(sent, 65_535, "RFC 9113 section 6.9.2");
    let payload: usize =
        bench.written().iter().filter(|f| f.kind == DATA).map(|f| f.payload.len()).sum();
    assert_eq!(payload, 65_535);
    assert_eq!(bench.client.stream_room(0), 0);
    bench.give(&frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 10]));
    assert!(bench.log.events.iter().any(|event| event.starts_with("writable")));
}

#[test]
fn offered_room_is_kept_for_the_stream_and_given_back_by_an_empty_send() {
    let server = Config { connection_window_max: 0, ..Config::default() };
    let mut world = World::new(Config::default(), server, Answer::Nothing);
    world.run();
    for id in 0..5 {
        world.client.open(NOW, id, &post(Body::Unsized)).unwrap();
    }
    let offered: usize = (0..4).map(|id| world.client.stream_room(id)).sum();
    assert_eq!(offered, 65_535);
    assert_eq!(world.client.stream_room(4), 0);
    assert_eq!(world.client.send(NOW, 0, &[]), 0);
    world.run();
    assert_eq!(world.log.count("writable 4"), 1);
    // One byte was owed to stream 3, which had been offered one less.
    assert_eq!(world.client.stream_room(4), 16_383);
}

#[test]
fn the_response_may_come_while_the_body_is_still_sent() {
    let mut world = World::default(Answer::Nothing);
    world.client.open(NOW, 1, &post(Body::Unsized)).unwrap();
    world.client.send(NOW, 1, b"first");
    world.run();
    world.respond(1, 200, false);
    world.owe(1, b"early".to_vec(), false);
    world.run();
    assert_eq!(world.log.events, ["head 1 200"]);
    assert_eq!(world.log.body(1), b"early");
    assert_eq!(world.client.send(NOW, 1, b"second"), 6);
    world.client.finish(NOW, 1).unwrap();
    world.owe(1, b" and late".to_vec(), true);
    world.run();
    assert_eq!(world.received[&1], b"firstsecond");
    assert_eq!(world.log.body(1), b"early and late");
    assert_eq!(world.log.events, ["head 1 200", "complete 1"]);
}

#[test]
fn a_complete_response_stands_though_a_reset_without_error_follows() {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    bench.client.open(NOW, 1, &post(Body::Unsized)).unwrap();
    bench.client.send(NOW, 1, b"first");
    bench.written();
    let mut bytes = frame(HEADERS, 4, 1, crate::wire::STATUS_200);
    bytes.extend(frame(DATA, END_STREAM, 1, b"enough"));
    bytes.extend(frame(RST_STREAM, 0, 1, &[0; 4]));
    bench.give(&bytes);
    assert_eq!(bench.log.events, ["head 1 200", "complete 1"]);
    assert_eq!(bench.log.body(1), b"enough");
}

#[test]
fn a_paused_streams_sender_stops_at_the_window_while_another_moves_a_mebibyte() {
    const MIB: usize = 1 << 20;
    let mut world = World::default(Answer::Bytes(MIB));
    world.client.open(NOW, 1, &get("/paused")).unwrap();
    world.client.pause(1, true);
    world.client.open(NOW, 2, &get("/moving")).unwrap();
    world.run();
    assert_eq!(world.log.body(2).len(), MIB);
    assert!(world.log.has("complete 2"));
    assert_eq!(world.log.body(1).len(), 0);
    // The server's own buffer holds what it took beyond the window.
    let sent = MIB - world.unsent(1);
    assert!(sent <= 64 * 1024 + 16 * 1024, "{sent}");
    assert!(sent >= 64 * 1024);
    world.client.pause(1, false);
    world.run();
    assert_eq!(world.log.body(1).len(), MIB);
    assert!(world.log.has("complete 1"));
}

#[test]
fn all_streams_but_one_paused_do_not_starve_the_last() {
    let mut world = World::default(Answer::Bytes(300_000));
    for id in 0..31 {
        world.client.open(NOW, id, &get("/")).unwrap();
        world.client.pause(id, true);
    }
    world.client.open(NOW, 31, &get("/")).unwrap();
    world.run();
    assert_eq!(world.log.body(31).len(), 300_000);
    for id in 0..31 {
        assert!(world.log.has(&format!("head {id} 200")));
        assert_eq!(world.log.body(id).len(), 0);
    }
}

#[test]
fn a_sleeping_reader_and_a_whole_window_of_small_frames_do_not_kill_the_connection() {
    let config = Config { streams_max: 1, ..Config::default() };
    let mut bench = Bench::new(Client::new(NOW, config));
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.written();
    bench.head(1, 0);
    bench.client.pause(1, true);
    for _ in 0..6500 {
        bench.give(&frame(DATA, 0, 1, &[b'x'; 10]));
    }
    bench.give(&frame(DATA, END_STREAM, 1, b"end"));
    assert_eq!(bench.log.events, ["head 1 200"]);
    bench.client.pause(1, false);
    bench.log.drain(&mut bench.client);
    assert_eq!(bench.log.body(1).len(), 65_003);
    assert_eq!(bench.log.events, ["head 1 200", "complete 1"]);
}

#[test]
fn streams_beyond_what_the_peer_allows_wait_for_their_turn() {
    let server = Config { streams_max: 2, ..Config::default() };
    let mut world = World::new(Config::default(), server, Answer::Nothing);
    world.run();
    for id in 0..5 {
        world.client.open(NOW, id, &get("/")).unwrap();
    }
    world.run();
    assert_eq!(world.asked.len(), 2);
    assert_eq!(world.client.stream_count(), 5);
    world.client.reset(NOW, 4);
    for turn in 0..4 {
        let (id, _) = world.asked[turn];
        world.respond(id, 200, true);
        world.run();
    }
    let mut completed: Vec<_> = world.log.events.clone();
    completed.retain(|event| event.starts_with("complete"));
    assert_eq!(completed, ["complete 0", "complete 1", "complete 2", "complete 3"]);
    assert_eq!(world.asked.len(), 4);
}

#[test]
fn a_body_sent_while_its_stream_waits_goes_when_it_is_writable() {
    let server = Config { streams_max: 1, ..Config::default() };
    let mut world = World::new(Config::default(), server, Answer::Echo);
    world.run();
    world.client.open(NOW, 1, &get("/")).unwrap();
    world.client.open(NOW, 2, &post(Body::Sized(3))).unwrap();
    assert_eq!(world.client.stream_room(2), 0);
    assert_eq!(world.client.send(NOW, 2, b"abc"), 0);
    world.run();
    assert_eq!(world.log.events, ["head 1 200", "complete 1", "writable 2"]);
    assert_eq!(world.client.send(NOW, 2, b"abc"), 3);
    world.run();
    assert_eq!(world.log.body(2), b"abc");
}

#[test]
fn what_the_caller_does_wrong_is_told_and_changes_nothing() {
    let config = Config { streams_max: 1, ..Config::default() };
    let mut client = Client::new(NOW, config);
    assert_eq!(client.open(NOW, 1, &get("no slash")), Err(Misuse::Target));
    assert_eq!(client.finish(NOW, 1), Err(Misuse::Unknown));
    assert_eq!(client.send(NOW, 1, b"x"), 0);
    client.open(NOW, 1, &get("/")).unwrap();
    assert_eq!(client.open(NOW, 1, &get("/")), Err(Misuse::InUse));
    assert_eq!(client.open(NOW, 2, &get("/")), Err(Misuse::Full));
    client.reset(NOW, 1);
    assert_eq!(client.open(NOW, 2, &get("/")), Ok(()));
}

#[test]
fn a_ping_is_answered_once() {
    let mut world = World::default(Answer::Nothing);
    world.client.ping(NOW);
    world.client.ping(NOW);
    world.run();
    assert_eq!(world.log.events, ["pong"]);
    world.client.ping(NOW);
    world.run();
    assert_eq!(world.log.events, ["pong", "pong"]);
}

#[test]
fn the_peers_pings_are_answered() {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    bench.written();
    bench.give(&frame(PING, 0, 0, b"01234567"));
    let written = bench.written();
    assert_eq!(written.len(), 1);
    assert_eq!((written[0].kind, written[0].flags), (PING, crate::wire::ACK));
    assert_eq!(written[0].payload, b"01234567");
}

#[test]
fn every_limit_of_output_loses_nothing() {
    for grain in [1, 2, 3, 100, 16_384] {
        let mut world = World::default(Answer::Echo);
        world.grain = grain;
        world.client.open(NOW, 1, &post(Body::Sized(3000))).unwrap();
        assert_eq!(world.client.send(NOW, 1, &[9; 3000]), 3000);
        let mut out = Vec::new();
        world.client.poll_transmit(NOW, &mut out, 0);
        assert!(out.is_empty());
        world.run();
        assert_eq!(world.log.events, ["head 1 200", "complete 1"], "{grain}");
        assert_eq!(world.log.body(1), vec![9; 3000]);
    }
}

#[test]
fn unread_input_is_bounded_while_nothing_can_be_written() {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    bench.written();
    let ping = frame(PING, 0, 0, b"01234567");
    let mut flood = ping.repeat(10_000);
    let mut taken = 0;
    loop {
        let more = bench.client.handle_input(NOW, &mut flood[taken..]);
        if more == 0 {
            break;
        }
        taken += more;
    }
    assert!(taken < flood.len());
    assert_eq!(bench.client.room().up, 0);
    let mut pongs = 0;
    while taken < flood.len() || bench.client.wants_transmit() {
        pongs += bench.written().len();
        taken += bench.client.handle_input(NOW, &mut flood[taken..]);
    }
    assert_eq!(pongs, 10_000);
}

#[test]
fn a_thousand_streams_stay_open_while_one_is_answered() {
    let wide = Config { streams_max: 1100, ..Config::default() };
    let mut world = World::new(wide.clone(), wide, Answer::Nothing);
    world.run();
    for id in 0..1000 {
        world.client.open(NOW, id, &get("/")).unwrap();
    }
    world.run();
    assert_eq!(world.asked.len(), 1000);
    let (stream, _) = world.asked[500];
    world.respond(stream, 200, true);
    world.run();
    assert_eq!(world.log.events, ["head 500 200", "complete 500"]);
    assert!(!world.client.wants_transmit());
    assert_eq!(world.client.stream_count(), 999);
}

// Covers SS-232
#[test]
fn the_peers_credit_is_the_window_less_what_was_not_taken() {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.written();
    assert_eq!(bench.client.peer_credit(1), 65_536);
    assert_eq!(bench.client.peer_credit(2), 0);
    bench.give(&frame(SETTINGS, crate::wire::ACK, 0, &[]));
    bench.head(1, 0);
    bench.client.pause(1, true);
    bench.give(&frame(DATA, 0, 1, &[0; 16_000]));
    assert_eq!(bench.client.peer_credit(1), 49_536);
    bench.client.pause(1, false);
    bench.log.drain(&mut bench.client);
    assert_eq!(bench.client.peer_credit(1), 65_536);
}

#[test]
fn payload_beyond_the_streams_window_ends_the_stream_instead_of_filling_memory() {
    let config = Config { stream_window: 10_000, ..Config::default() };
    let mut bench = Bench::new(Client::new(NOW, config));
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.client.open(NOW, 2, &get("/")).unwrap();
    bench.written();
    bench.give(&frame(SETTINGS, crate::wire::ACK, 0, &[]));
    bench.head(1, 0);
    bench.client.pause(1, true);
    bench.give(&frame(DATA, 0, 1, &[0; 10_000]));
    bench.give(&frame(DATA, 0, 1, &[0; 1]));
    let reset = bench.written().into_iter().find(|f| f.kind == RST_STREAM).unwrap();
    assert_eq!((reset.stream, reset.payload), (1, vec![0, 0, 0, 3]));
    bench.client.pause(1, false);
    bench.head(3, END_STREAM);
    bench.log.drain(&mut bench.client);
    assert_eq!(bench.log.body(1).len(), 10_000);
    assert!(bench.log.has("reset 1 Peer(Malformed)"));
    assert!(bench.log.has("complete 2"));
}

#[test]
fn frames_smaller_than_promised_cannot_fill_memory() {
    let config = Config { streams_max: 1, data_frame_min: 100, ..Config::default() };
    let mut bench = Bench::new(Client::new(NOW, config));
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.written();
    bench.head(1, 0);
    bench.client.pause(1, true);
    let mut count = 0;
    while bench.client.is_open_for_streams() && count < 65_536 {
        bench.give(&frame(DATA, 0, 1, b"x"));
        count += 1;
    }
    assert!((400..500).contains(&count), "{count}");
}

#[test]
fn no_more_than_send_max_is_taken_before_it_is_written() {
    let config = Config { send_max: 1000, ..Config::default() };
    let mut bench = Bench::new(Client::new(NOW, config));
    bench.client.open(NOW, 1, &post(Body::Unsized)).unwrap();
    bench.written();
    assert_eq!(bench.client.stream_room(1), 1000);
    assert_eq!(bench.client.send(NOW, 1, &[1; 4000]), 1000);
    assert_eq!(bench.client.send(NOW, 1, &[1; 4000]), 0);
    bench.written();
    assert_eq!(bench.log.events, ["writable 1"]);
    assert_eq!(bench.client.send(NOW, 1, &[1; 4000]), 1000);
}

#[test]
fn window_is_given_back_only_for_payload_that_was_taken() {
    let config = Config { streams_max: 1, stream_window: 20_000, ..Config::default() };
    let mut bench = Bench::new(Client::new(NOW, config));
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.written();
    bench.give(&frame(SETTINGS, crate::wire::ACK, 0, &[]));
    bench.head(1, 0);
    bench.written();
    bench.give_unread(&frame(DATA, 0, 1, &[0; 15_000]));
    assert!(bench.client.poll_event().is_none());
    let mut out = Vec::new();
    bench.client.poll_transmit(NOW, &mut out, usize::MAX);
    assert!(out.is_empty(), "nothing was taken");
    assert_eq!(bench.client.next_payload(&mut []).unwrap().bytes.len(), 15_000);
    let updates = bench.written();
    assert!(updates.iter().any(|f| f.kind == WINDOW_UPDATE && f.stream == 1));
}
