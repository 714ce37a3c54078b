#![expect(clippy::unwrap_used, reason = "tests")]
//! What a WebSocket machine owes besides framing: the handshake, deadlines, bounds, outcomes.

#[path = "drive/codec.rs"]
mod codec;

use codec::{frame, frames};
use core::time::Duration;
use mainstay_base::{Instant, Local, Peer, Phase, Reason, Rng};
use mainstay_http::http::{HeaderMap, HeaderValue, Method, StatusCode};
use mainstay_http::ws::{Chunk, Client, Config, Event, Server};
use mainstay_http::{Body, Misuse, Request};

const NOW: Instant = Instant::ZERO;

fn request() -> Request {
    let (authority, path) = ("example.com".into(), "/chat".into());
    Request {
        method: Method::POST,
        secure: true,
        authority,
        path,
        headers: HeaderMap::new(),
        body: Body::None,
    }
}

fn open() -> (Client, Rng) {
    let mut rng = Rng::from_run(5);
    (Client::established(Config::default(), &mut rng), rng)
}

fn whole(tag: u64) -> Chunk {
    Chunk { start: true, end: true, binary: true, tag }
}

fn poll(client: &mut Client, limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    client.poll_transmit(NOW, &mut out, limit);
    out
}

/// The client's request, and the server's right answer to it.
fn asked(subprotocol: Option<&str>) -> (Client, String, String) {
    let mut rng = Rng::from_run(3);
    let mut client =
        Client::new(NOW, &request(), subprotocol, Config::default(), &mut rng).unwrap();
    let mut wire = poll(&mut client, usize::MAX);
    let text = String::from_utf8(wire.clone()).unwrap();
    let mut server = Server::new(Config::default());
    assert_eq!(server.handle_input(NOW, &mut wire), wire.len());
    assert!(server.poll_request().is_some() && server.poll_request().is_none());
    server.accept(NOW, subprotocol, &HeaderMap::new()).unwrap();
    let mut answer = Vec::new();
    server.poll_transmit(NOW, &mut answer, usize::MAX);
    (client, text, String::from_utf8(answer).unwrap())
}

fn feed(client: &mut Client, bytes: &[u8]) -> Vec<Event> {
    let mut bytes = bytes.to_vec();
    let (mut at, mut events) = (0, Vec::new());
    while at < bytes.len() {
        let taken = client.handle_input(NOW, &mut bytes[at..]);
        events.extend(core::iter::from_fn(|| client.poll_event()));
        let _ = client.next_payload(&mut bytes[at..at + taken]);
        events.extend(core::iter::from_fn(|| client.poll_event()));
        if taken == 0 {
            break;
        }
        at += taken;
    }
    events
}

// Covers SS-540, SS-541
#[test]
fn the_upgrade_is_a_get_with_key_version_subprotocol_and_the_callers_headers() {
    let mut rng = Rng::from_run(3);
    let mut request = request();
    request.headers.insert("authorization", HeaderValue::from_static("bearer x"));
    let mut client = Client::new(NOW, &request, Some("chat"), Config::default(), &mut rng).unwrap();
    let text = String::from_utf8(poll(&mut client, usize::MAX)).unwrap();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[..2], ["GET /chat HTTP/1.1", "host: example.com"]);
    for line in [
        "upgrade: websocket",
        "connection: Upgrade",
        "sec-websocket-version: 13",
        "sec-websocket-protocol: chat",
        "authorization: bearer x",
    ] {
        assert!(lines.contains(&line), "{line}");
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("sec-websocket-key: ")).count(), 1);
    let mut other = Client::new(NOW, &request, Some("chat"), Config::default(), &mut rng).unwrap();
    assert_ne!(
        String::from_utf8(poll(&mut other, usize::MAX)).unwrap(),
        text,
        "the key is drawn anew"
    );
}

#[test]
fn a_right_answer_opens_and_its_headers_are_told() {
    let (mut client, _, answer) = asked(Some("chat, superchat"));
    assert_eq!(client.send(NOW, &mut Rng::from_run(1), b"early", whole(1)), Err(Misuse::NotOpen));
    let answer = answer.replace(
        "sec-websocket-protocol: chat, superchat",
        "Sec-WebSocket-Protocol: superchat\r\nx-a: b",
    );
    let mut events = feed(&mut client, answer.as_bytes());
    let Some(Event::Accepted(head)) = events.pop() else { unreachable!("not accepted") };
    assert_eq!(head.headers()["x-a"], "b");
    assert_eq!(client.send(NOW, &mut Rng::from_run(1), b"now", whole(1)), Ok(()));
}

#[test]
fn a_wrong_101_fails_in_each_of_its_ways() {
    let (_, _, right) = asked(Some("chat"));
    let accept = right.lines().find(|line| line.starts_with("sec-websocket-accept")).unwrap();
    for (from, to) in [
        ("upgrade: websocket", "upgrade: h2c"),
        ("upgrade: websocket\r\n", ""),
        ("connection: Upgrade", "connection: keep-alive"),
        (accept, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        (accept, "x: y"),
        ("sec-websocket-protocol: chat", "sec-websocket-protocol: other"),
        ("sec-websocket-protocol: chat", "sec-websocket-extensions: permessage-deflate"),
        ("-protocol: chat", "-protocol: chat\r\nsec-websocket-protocol: chat"),
        ("HTTP/1.1 101", "HTTP/1.0 101"),
    ] {
        let (mut client, _, answer) = asked(Some("chat"));
        let wrong = answer.replace(from, to);
        assert_ne!(wrong, answer);
        let events = feed(&mut client, wrong.as_bytes());
        assert!(
            matches!(events[..], [Event::Failed(Reason::Peer(Peer::Malformed))]),
            "{wrong}: {events:?}"
        );
    }
    let (mut client, _, answer) = asked(None);
    let unasked = answer.replace("\r\n\r\n", "\r\nsec-websocket-protocol: chat\r\n\r\n");
    assert!(matches!(feed(&mut client, unasked.as_bytes())[..], [Event::Failed(_)]));
}

#[test]
fn any_other_status_is_a_refusal_with_its_head_and_the_last_event() {
    for status in ["200 OK", "302 Found", "401 Unauthorized", "426 Upgrade Required", "503 Busy"] {
        let (mut client, ..) = asked(None);
        let answer = format!("HTTP/1.1 {status}\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\nno");
        let events = feed(&mut client, answer.as_bytes());
        let [Event::Refused(head)] = &events[..] else { unreachable!("{events:?}") };
        assert!(status.starts_with(head.status().as_str()));
        assert_eq!(head.headers()["retry-after"], "3");
        client.handle_eof(NOW);
        assert!(client.poll_event().is_none() && client.poll_timeout().is_none());
    }
}

#[test]
fn interim_answers_are_skipped_up_to_eight() {
    let (mut client, _, answer) = asked(None);
    let early = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
    let events = feed(&mut client, (early.repeat(8) + &answer).as_bytes());
    assert!(matches!(events[..], [Event::Accepted(_)]), "{events:?}");
    let (mut client, ..) = asked(None);
    assert!(matches!(feed(&mut client, early.repeat(9).as_bytes())[..], [Event::Failed(_)]));
}

#[test]
fn what_cannot_stand_in_a_request_is_refused_to_the_caller() {
    let mut rng = Rng::from_run(1);
    let mut make = |change: fn(&mut Request), subprotocol| {
        let mut request = request();
        change(&mut request);
        Client::new(NOW, &request, subprotocol, Config::default(), &mut rng).err()
    };
    assert_eq!(make(|r| r.path = "/a b".into(), None), Some(Misuse::Path));
    assert_eq!(make(|r| r.path = "/a\r\nx: y".into(), None), Some(Misuse::Path));
    assert_eq!(make(|r| r.path = "a".into(), None), Some(Misuse::Path));
    assert_eq!(make(|r| r.authority = "a\r\nx: y".into(), None), Some(Misuse::Authority));
    assert_eq!(make(|_| (), Some("chat\r\nx: y")), Some(Misuse::Header));
    assert_eq!(make(|_| (), Some("")), Some(Misuse::Header));
    let own = |r: &mut Request| drop(r.headers.insert("upgrade", HeaderValue::from_static("x")));
    assert_eq!(make(own, None), Some(Misuse::Header));
}

#[test]
fn a_server_refuses_what_is_no_upgrade() {
    let (_, right, _) = asked(None);
    for (from, to, status) in [
        ("GET ", "POST ", "400"),
        ("upgrade: websocket", "upgrade: x", "426"),
        ("version: 13", "version: 8", "426"),
        ("sec-websocket-key: ", "sec-websocket-key: AAAA", "400"),
        ("connection: Upgrade", "connection: close", "400"),
        (" HTTP/1.1", "", "400"),
    ] {
        let mut wire = right.replace(from, to).into_bytes();
        let mut server = Server::new(Config::default());
        assert_eq!(server.handle_input(NOW, &mut wire), wire.len());
        assert!(matches!(server.poll_event(), Some(Event::Failed(_))));
        let mut answer = Vec::new();
        server.poll_transmit(NOW, &mut answer, usize::MAX);
        assert!(
            String::from_utf8(answer).unwrap().starts_with(&format!("HTTP/1.1 {status}")),
            "{from}"
        );
    }
    let mut server = Server::new(Config::default());
    server.handle_input(NOW, &mut right.into_bytes());
    server.refuse(NOW, StatusCode::FORBIDDEN).unwrap();
    let mut answer = Vec::new();
    server.poll_transmit(NOW, &mut answer, usize::MAX);
    assert!(answer.starts_with(b"HTTP/1.1 403"));
}

// Covers SS-301, SS-310, SS-545
#[test]
fn start_and_end_make_frames_and_a_wrong_start_is_refused() {
    let (mut client, mut rng) = open();
    let chunk = |start, end, binary| Chunk { start, end, binary, tag: 1 };
    assert_eq!(client.send(NOW, &mut rng, b"x", chunk(false, true, false)), Err(Misuse::Framing));
    for (bytes, chunk) in [
        (b"a", chunk(true, false, false)),
        (b"b", chunk(false, false, true)),
        (b"c", chunk(false, true, true)),
    ] {
        client.send(NOW, &mut rng, bytes, chunk).unwrap();
        assert_eq!(client.message_open(), !chunk.end);
        if !chunk.end {
            assert_eq!(client.send(NOW, &mut rng, b"x", whole(1)), Err(Misuse::Framing));
        }
    }
    client.send(NOW, &mut rng, b"", whole(2)).unwrap();
    let said = frames(&poll(&mut client, usize::MAX), true);
    assert_eq!(
        said,
        [(0x01, b"a".to_vec()), (0x00, b"b".to_vec()), (0x80, b"c".to_vec()), (0x82, Vec::new())]
    );
}

#[test]
fn a_message_is_sent_when_its_last_byte_was_polled_and_written() {
    let (mut client, mut rng) = open();
    for tag in 1..=3 {
        client.send(NOW, &mut rng, &[0; 10], whole(tag)).unwrap();
    }
    client.handle_written(NOW);
    assert!(client.poll_event().is_none());
    let mut sent = Vec::new();
    for _ in 0..48 {
        assert_eq!(poll(&mut client, 1).len(), 1);
        client.handle_written(NOW);
        if let Some(Event::SentThrough(tag)) = client.poll_event() {
            sent.push(tag);
        }
    }
    assert_eq!(sent, [1, 2, 3]);
    assert!(!client.wants_transmit());
}

#[test]
fn the_queue_is_bounded_and_a_flood_of_pings_costs_one_pong() {
    let (mut client, mut rng) = open();
    let mut queued = 0;
    while client.room().down > 0 {
        let len = client.room().down.min(1000);
        client.send(NOW, &mut rng, &vec![0; len], whole(1)).unwrap();
        queued += len + 8;
    }
    assert_eq!(client.send(NOW, &mut rng, b"", whole(1)), Err(Misuse::NoRoom));
    for n in 0..1000_u16 {
        assert!(feed(&mut client, &frame(0x89, &n.to_be_bytes(), None)).is_empty());
        client.ping(NOW, &mut rng);
    }
    let mut wire = Vec::new();
    while client.wants_transmit() {
        client.poll_transmit(NOW, &mut wire, 100);
    }
    assert!(wire.len() < queued + 64);
    let said = frames(&wire, true);
    let control: Vec<_> = said.iter().filter(|(first, _)| *first > 0x88).collect();
    assert_eq!(control, [&(0x8a, 999_u16.to_be_bytes().to_vec()), &(0x89, Vec::new())]);
}

#[test]
fn masks_differ_from_frame_to_frame_even_of_pongs() {
    let (mut client, mut rng) = open();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        feed(&mut client, &frame(0x89, b"", None));
        seen.insert(poll(&mut client, usize::MAX)[2..6].to_vec());
        client.send(NOW, &mut rng, b"", whole(1)).unwrap();
        seen.insert(poll(&mut client, usize::MAX)[2..6].to_vec());
    }
    assert_eq!(seen.len(), 40);
}

#[test]
fn a_close_that_is_not_answered_fails_after_five_seconds() {
    let (mut client, mut rng) = open();
    client.close(NOW, &mut rng, 4001, "bye");
    assert_eq!(frames(&poll(&mut client, usize::MAX), true), [(0x88, b"\x0f\xa1bye".to_vec())]);
    let until = client.poll_timeout().unwrap();
    assert_eq!(until - NOW, Duration::from_secs(5));
    client.handle_timeout(Instant::from_millis(4999));
    assert!(client.poll_event().is_none());
    // A ping is not answered after a close, and what the peer still sends is delivered.
    feed(&mut client, &frame(0x89, b"late", None));
    assert!(!client.wants_transmit());
    let mut late = frame(0x82, b"late", None);
    assert_eq!(client.handle_input(NOW, &mut late), late.len());
    assert_eq!(client.next_payload(&mut late).unwrap().bytes, b"late");
    client.handle_timeout(until);
    let timed_out = Reason::Local(Local::TimedOut(Phase::Close));
    assert!(matches!(client.poll_event(), Some(Event::Failed(reason)) if reason == timed_out));
    assert!(client.poll_event().is_none() && client.poll_timeout().is_none());
}

#[test]
fn a_close_of_the_peer_is_told_answered_and_over_when_the_answer_left() {
    let (mut client, mut rng) = open();
    let events = feed(&mut client, &frame(0x88, b"\x03\xe9going", None));
    assert!(matches!(events[..], [Event::PeerClosing { code: Some(1001) }]));
    assert_eq!(client.close_reason(), "going");
    assert_eq!(client.send(NOW, &mut rng, b"x", whole(1)), Err(Misuse::NotOpen));
    assert_eq!(frames(&poll(&mut client, usize::MAX), true), [(0x88, b"\x03\xe9".to_vec())]);
    assert!(matches!(client.poll_event(), Some(Event::Closed)));
    assert_eq!(client.handle_input(NOW, &mut [0x81, 0]), 0);
    assert!(client.poll_event().is_none());
}

#[test]
fn closed_comes_after_what_was_sent_before_it() {
    let (mut client, mut rng) = open();
    client.send(NOW, &mut rng, b"last", whole(4)).unwrap();
    client.close(NOW, &mut rng, 1000, "");
    let close = frame(0x88, b"\x03\xe8", None);
    assert!(
        matches!(feed(&mut client, &close)[..], [Event::PeerClosing { .. }]),
        "ours has not left"
    );
    assert_eq!(frames(&poll(&mut client, usize::MAX), true).len(), 2);
    assert!(client.poll_event().is_none(), "polled is not written");
    client.handle_written(NOW);
    assert!(matches!(client.poll_event(), Some(Event::SentThrough(4))));
    assert!(matches!(client.poll_event(), Some(Event::Closed)));
    client.handle_written(NOW);
    assert!(client.poll_event().is_none());
}

#[test]
fn an_end_without_a_close_is_a_failure() {
    let (mut client, mut rng) = open();
    client.send(NOW, &mut rng, b"x", whole(1)).unwrap();
    client.handle_eof(NOW);
    assert!(matches!(client.poll_event(), Some(Event::Failed(Reason::Peer(Peer::Closed)))));
    assert!(!client.wants_transmit(), "nothing can leave");
}

#[test]
fn a_client_is_small() {
    assert!(size_of::<Client>() <= 240, "{}", size_of::<Client>());
}
