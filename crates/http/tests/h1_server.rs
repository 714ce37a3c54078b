//! What an HTTP/1 server of ours takes for a request, and how it answers.

use mainstay_base::{Instant, Peer, Reason};
use mainstay_http::h1::{Asked, Config, Server};
use mainstay_http::http::{HeaderMap, StatusCode};
use mainstay_http::{Body, Misuse};

const NOW: Instant = Instant::ZERO;

/// What the server says to `wire`, fed at once: events by name, body in between; and what it left.
fn fed(server: &mut Server, wire: &str) -> (Vec<String>, usize) {
    let mut wire = wire.as_bytes().to_vec();
    let (mut at, mut said) = (0, Vec::new());
    while at < wire.len() {
        let taken = server.handle_input(NOW, &mut wire[at..]);
        events(server, &mut said);
        if let Some(payload) = server.next_payload(&mut wire[at..at + taken]) {
            said.push(String::from_utf8_lossy(payload.bytes).into_owned());
        }
        events(server, &mut said);
        if taken == 0 {
            break;
        }
        at += taken;
    }
    (said, wire.len() - at)
}

fn events(server: &mut Server, said: &mut Vec<String>) {
    while let Some(event) = server.poll_event() {
        said.push(match event {
            Asked::Head(head) => format!("{} {}", head.method(), head.uri()),
            Asked::Complete => "complete".into(),
            Asked::Answered(kept) => format!("answered {kept}"),
            Asked::Failed(Reason::Peer(Peer::Malformed)) => "malformed".into(),
            Asked::Failed(reason) => format!("{reason:?}"),
        });
    }
}

fn polled(server: &mut Server) -> String {
    let mut out = Vec::new();
    server.poll_transmit(NOW, &mut out, usize::MAX);
    String::from_utf8(out).unwrap_or_default()
}

#[test]
fn requests_that_two_readers_could_read_in_two_ways_are_refused() {
    for wire in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n",
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "GET /\r\n\r\n",
        "G(T / HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let mut server = Server::new(Config::default());
        assert_eq!(fed(&mut server, wire).0, ["malformed"], "{wire}");
        let answer = polled(&mut server);
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"),
            "{answer}"
        );
        assert_eq!(server.handle_input(NOW, &mut [b'x']), 0);
    }
    let mut server = Server::new(Config::default());
    let (said, _) = fed(&mut server, &format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(20_000)));
    assert_eq!(said, ["Peer(TooLarge)"]);
    assert!(polled(&mut server).starts_with("HTTP/1.1 431 "));
}

#[test]
fn the_next_request_is_read_when_the_last_is_answered() {
    let mut server = Server::new(Config::default());
    let wire =
        "GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let (said, left) = fed(&mut server, wire);
    assert_eq!(said, ["GET /1", "complete"]);
    assert_eq!(server.room().up, 0);
    assert_eq!(server.respond(NOW, StatusCode::OK, &HeaderMap::new(), Body::None), Ok(()));
    assert_eq!(
        server.respond(NOW, StatusCode::OK, &HeaderMap::new(), Body::None),
        Err(Misuse::Busy)
    );
    let mut said = Vec::new();
    events(&mut server, &mut said);
    assert_eq!(said, ["answered true"]);
    assert_eq!(fed(&mut server, &wire[wire.len() - left..]).0, ["GET /2", "complete"]);
    polled(&mut server);
    assert_eq!(server.respond(NOW, StatusCode::OK, &HeaderMap::new(), Body::Unsized), Ok(()));
    assert_eq!((server.send(NOW, b"x"), server.finish(NOW)), (1, Ok(())));
    events(&mut server, &mut said);
    assert_eq!(said, ["answered true", "answered false"]);
    assert!(
        polled(&mut server).ends_with(
            "connection: close\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
        )
    );
}

#[test]
fn a_response_suits_its_request() {
    for (request, status, body, expected) in [
        (
            "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n",
            200,
            Body::Sized(5),
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        ),
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", 204, Body::None, "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            200,
            Body::None,
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            "GET / HTTP/1.0\r\n\r\n",
            200,
            Body::None,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        ),
    ] {
        let mut server = Server::new(Config::default());
        fed(&mut server, request);
        let status = StatusCode::from_u16(status).unwrap_or_default();
        assert_eq!(server.respond(NOW, status, &HeaderMap::new(), body), Ok(()));
        assert_eq!(polled(&mut server), expected);
        let mut said = Vec::new();
        events(&mut server, &mut said);
        assert_eq!(said, [format!("answered {}", !expected.contains("close"))]);
    }
}

#[test]
fn who_expects_100_gets_it_and_the_body_is_told() {
    let mut server = Server::new(Config::default());
    let (said, _) = fed(
        &mut server,
        "PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
    );
    assert_eq!(said, ["PUT /"]);
    assert_eq!(polled(&mut server), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(fed(&mut server, "ok").0, ["ok", "complete"]);
}
