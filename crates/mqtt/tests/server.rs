//! The server session where a well-behaved client does not lead.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_base::{Instant, Local, Peer, Phase, Reason};
use mainstay_mqtt::{Config, Misuse, Publish, Server, ServerEvent};

const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x04\x02\0\x0a\0\x02me";

fn feed(server: &mut Server, ms: u64, bytes: &[u8]) -> Vec<ServerEvent> {
    let mut bytes = bytes.to_vec();
    let (mut rest, mut facts) = (&mut bytes[..], Vec::new());
    while !rest.is_empty() {
        let taken = server.handle_input(Instant::from_millis(ms), rest);
        if taken == 0 {
            break;
        }
        let (unit, next) = rest.split_at_mut(taken);
        server.next_payload(unit);
        facts.extend(core::iter::from_fn(|| server.poll_event()));
        rest = next;
    }
    facts
}

fn out(server: &mut Server) -> Vec<u8> {
    let mut out = Vec::new();
    server.poll_transmit(Instant::ZERO, &mut out, usize::MAX);
    out
}

fn open(config: Config) -> Server {
    let mut server = Server::new(Instant::ZERO, config);
    assert_eq!(feed(&mut server, 0, CONNECT), [ServerEvent::Connect]);
    server.accept(Instant::ZERO, true).unwrap();
    assert_eq!(out(&mut server), b"\x20\x02\x01\0");
    server
}

#[test]
fn a_client_is_turned_away_with_the_code_given() {
    let mut server = Server::new(Instant::ZERO, Config::default());
    assert_eq!(server.refuse(Instant::ZERO, 5), Err(Misuse::NotOpen));
    feed(&mut server, 0, CONNECT);
    assert_eq!(server.handle_input(Instant::ZERO, &mut [0xc0, 0]), 0, "not before the answer");
    server.refuse(Instant::ZERO, 5).unwrap();
    assert_eq!(out(&mut server), b"\x20\x02\0\x05");
    assert!(server.is_over());
}

#[test]
fn what_is_no_connect_first_or_again_ends_the_session() {
    let malformed = [ServerEvent::Closed(Reason::Peer(Peer::Malformed))];
    let mut server = Server::new(Instant::ZERO, Config::default());
    assert_eq!(feed(&mut server, 0, b"\xc0\0"), malformed);
    let mut server = open(Config::default());
    assert_eq!(feed(&mut server, 0, CONNECT), malformed);
    let mut server = Server::new(Instant::ZERO, Config { packet_max: 13, ..Config::default() });
    assert_eq!(feed(&mut server, 0, CONNECT), [ServerEvent::Closed(Reason::Peer(Peer::TooLarge))]);
}

#[test]
fn filters_are_granted_refused_replaced_and_forgotten() {
    let mut server = open(Config { filters_max: 2, ..Config::default() });
    let facts = feed(&mut server, 0, b"\x82\x0e\0\x01\0\x01a\x02\0\x01#\x00\0\x01b\x01");
    let [ServerEvent::Subscribe(request)] = &facts[..] else { panic!("{facts:?}") };
    server.grant(Instant::ZERO, request, &[Some(1), None, Some(0)]);
    assert_eq!(out(&mut server), b"\x90\x05\0\x01\x01\x80\x00");
    assert_eq!(
        [server.granted("a"), server.granted("b"), server.granted("c")],
        [Some(1), Some(0), None]
    );
    let facts = feed(&mut server, 0, b"\x82\x0a\0\x02\0\x01a\x02\0\x01c\x00");
    let [ServerEvent::Subscribe(request)] = &facts[..] else { panic!("{facts:?}") };
    server.grant_all(Instant::ZERO, request);
    assert_eq!(out(&mut server), b"\x90\x04\0\x02\x02\x80", "a third filter is one too many");
    assert_eq!(server.granted("a"), Some(2));
    feed(&mut server, 0, b"\xa2\x05\0\x03\0\x01a");
    assert_eq!((server.granted("a"), out(&mut server)), (None, b"\xb0\x02\0\x03".to_vec()));
}

#[test]
fn a_client_silent_for_one_and_a_half_keep_alives_is_given_up() {
    let mut server = open(Config::default());
    assert_eq!(feed(&mut server, 4_000, b"\xc0\0"), [ServerEvent::Pinged]);
    assert_eq!(out(&mut server), b"\xd0\0");
    assert_eq!(server.poll_timeout(), Some(Instant::from_millis(19_000)));
    server.handle_timeout(Instant::from_millis(18_999));
    assert_eq!(server.poll_event(), None);
    server.handle_timeout(Instant::from_millis(19_000));
    assert_eq!(server.poll_event(), Some(ServerEvent::Closed(Reason::Peer(Peer::Silent))));
    let mut unasked = Server::new(Instant::ZERO, Config::default());
    unasked.handle_timeout(Instant::from_millis(30_000));
    let late = Reason::Local(Local::TimedOut(Phase::Open));
    assert_eq!(unasked.poll_event(), Some(ServerEvent::Closed(late)));
}

#[test]
fn a_session_that_is_over_takes_and_says_nothing() {
    let mut server = open(Config::default());
    assert_eq!(feed(&mut server, 0, b"\xe0\0\xc0\0"), [ServerEvent::Disconnected]);
    server.handle_eof(Instant::ZERO);
    let publish = Publish { topic: "t", qos: 0, retain: false, len: 0, tag: 1 };
    assert_eq!(server.publish(Instant::ZERO, &publish), Err(Misuse::NotOpen));
    assert_eq!(
        (server.poll_event(), server.poll_timeout(), out(&mut server)),
        (None, None, vec![])
    );
}
