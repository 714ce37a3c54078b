//! How a connection ends, and what is still given before it does.

use crate::wire::{Bench, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, STATUS_200, frame};
use crate::world::{Answer, NOW, World, get, post};
use mainstay_base::{Network, Reason};
use mainstay_http::Body;
use mainstay_http::h2::{Client, Config, Misuse};

fn bench_with_three() -> Bench {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    bench.give(&frame(crate::wire::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 2]));
    for id in [1, 2, 3] {
        bench.client.open(NOW, id, &get("/")).unwrap();
    }
    bench.written();
    bench.head(1, 0);
    bench
}

#[test]
fn end_of_input_resets_every_stream_once_and_then_fails() {
    let mut bench = bench_with_three();
    bench.client.handle_eof(NOW);
    while let Some(event) = bench.client.poll_event() {
        bench.log.events.push(format!("{event:?}"));
    }
    let mut events = bench.log.events[1..].to_vec();
    assert_eq!(events.pop().unwrap(), "Failed(Peer(Closed))");
    events.sort();
    let expected = [1, 2, 3].map(|id| format!("Reset({id}, Peer(Closed))"));
    assert_eq!(events, expected);
    assert_eq!(bench.client.open(NOW, 4, &get("/")), Err(Misuse::Closed));
    bench.client.handle_eof(NOW);
    assert!(bench.client.poll_event().is_none());
    assert!(!bench.client.wants_transmit());
}

#[test]
fn a_lost_transport_gives_every_stream_its_reason() {
    let mut bench = bench_with_three();
    bench.client.handle_lost(NOW, Reason::Network(Network::TimedOut));
    bench.log.drain(&mut bench.client);
    for id in [1, 2, 3] {
        assert_eq!(bench.log.count(&format!("reset {id} Network(TimedOut)")), 1);
    }
    assert_eq!(bench.log.events.last().unwrap(), "failed Network(TimedOut)");
    assert_eq!(bench.log.events.len(), 5);
}

#[test]
fn payload_received_before_the_end_is_still_read_after_it() {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    for id in [1, 2] {
        bench.client.open(NOW, id, &get("/")).unwrap();
        bench.client.pause(id, true);
    }
    bench.written();
    bench.head(1, 0);
    bench.head(3, 0);
    bench.give(&frame(DATA, 0, 1, b"cut "));
    bench.give(&frame(DATA, 0, 1, b"off"));
    bench.give(&frame(DATA, END_STREAM, 3, b"whole"));
    bench.client.handle_lost(NOW, Reason::Network(Network::Reset));
    bench.log.drain(&mut bench.client);
    assert_eq!(bench.log.events, ["head 1 200", "head 2 200"]);
    bench.client.pause(2, false);
    bench.client.pause(1, false);
    bench.log.drain(&mut bench.client);
    assert_eq!(bench.log.body(1), b"cut off");
    assert_eq!(bench.log.body(2), b"whole");
    let rest = ["complete 2", "reset 1 Network(Reset)", "failed Network(Reset)"];
    assert_eq!(bench.log.events[2..], rest);
}

#[test]
fn closing_lets_streams_finish_and_then_says_goodbye() {
    let mut world = World::default(Answer::Nothing);
    world.client.open(NOW, 1, &get("/")).unwrap();
    world.run();
    world.client.close(NOW);
    assert_eq!(world.client.open(NOW, 2, &get("/")), Err(Misuse::Closed));
    world.run();
    assert_eq!(world.log.events, [""; 0]);
    world.respond(1, 200, true);
    world.run();
    assert_eq!(world.log.events, ["head 1 200", "complete 1", "failed Local(Closed)"]);
    assert_eq!(world.server_events.last().unwrap(), "failed Peer(Closed)");
}

#[test]
fn closing_an_idle_connection_writes_goaway() {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    bench.written();
    bench.client.close(NOW);
    assert_eq!(bench.written().last().unwrap().kind, GOAWAY);
    assert_eq!(bench.log.events, ["failed Local(Closed)"]);
}

#[test]
fn a_graceful_server_takes_no_more_streams_and_answers_those_it_has() {
    let mut world = World::default(Answer::Nothing);
    world.client.open(NOW, 1, &get("/")).unwrap();
    world.run();
    world.server.close(NOW);
    world.run();
    assert_eq!(world.log.events, ["goaway"]);
    world.respond(1, 200, false);
    world.owe(1, vec![1; 10], true);
    world.run();
    assert_eq!(world.log.events[1..], ["head 1 200", "complete 1", "failed Peer(Closed)"]);
}

#[test]
fn the_server_learns_of_our_reset() {
    let mut world = World::default(Answer::Nothing);
    world.client.open(NOW, 1, &post(Body::Unsized)).unwrap();
    world.client.send(NOW, 1, b"some");
    world.run();
    world.client.reset(NOW, 1);
    world.run();
    assert_eq!(world.server_events, ["reset 1 Peer(H2(8))"]);
}

#[test]
fn the_servers_refusal_says_unprocessed() {
    let mut world = World::default(Answer::Nothing);
    world.client.open(NOW, 1, &get("/")).unwrap();
    world.run();
    world.server.reset(NOW, 1, 7);
    world.run();
    assert_eq!(world.log.events, ["reset 1 Peer(Unprocessed)"]);
    world.client.open(NOW, 2, &get("/")).unwrap();
    world.run();
    world.server.abort(NOW, 2);
    world.run();
    world.client.handle_eof(NOW);
    world.run();
    assert_eq!(world.log.events.last().unwrap(), "failed Peer(H2(2))");
}

#[test]
fn a_connection_can_move_between_threads() {
    fn sendable<T: Send>(_: &T) {}
    sendable(&Client::new(NOW, Config::default()));
}

#[test]
fn a_head_and_its_end_before_the_end_of_input_complete_the_response() {
    let mut bench = Bench::new(Client::new(NOW, Config::default()));
    bench.client.open(NOW, 1, &get("/")).unwrap();
    bench.written();
    let mut bytes = frame(HEADERS, END_HEADERS, 1, STATUS_200);
    bytes.extend(frame(DATA, END_STREAM, 1, b"all"));
    bench.give_unread(&bytes);
    bench.client.handle_eof(NOW);
    bench.log.drain(&mut bench.client);
    assert_eq!(bench.log.body(1), b"all");
    assert_eq!(bench.log.events, ["head 1 200", "complete 1", "failed Peer(Closed)"]);
}
