#![expect(clippy::unwrap_used, reason = "tests")]
//! Whatever comes, however it is cut: the same is said, and nothing panics.

#[path = "drive/feed.rs"]
mod feed;

use feed::{NOW, Said, events, feed};
use mainstay_http::h1::{Client, Config, Server};
use mainstay_http::http::{HeaderMap, Method};
use mainstay_http::{Body, Request};
use proptest::collection::vec;
use proptest::prelude::*;

fn asked(method: Method, config: Config) -> Client {
    let (authority, path) = ("example.com".into(), "/".into());
    let request = Request {
        method,
        secure: false,
        authority,
        path,
        headers: HeaderMap::new(),
        body: Body::None,
    };
    let mut client = Client::new(config);
    client.request(NOW, &request).unwrap();
    client
}

fn said(wire: &[u8], cuts: &[usize], eof: bool) -> Vec<Said> {
    let mut client =
        asked(Method::GET, Config { head_max: 300, headers_max: 5, ..Config::default() });
    let mut said = feed(&mut client, wire, cuts);
    if eof {
        client.handle_eof(NOW);
        events(&mut client, &mut said);
    }
    said
}

fn chunked(pieces: &[Vec<u8>], end: &str) -> Vec<u8> {
    let mut wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        wire.extend(format!("{:X};x=y\r\n", piece.len()).into_bytes());
        wire.extend(piece);
        wire.extend(b"\r\n");
    }
    wire.extend(end.as_bytes());
    wire
}

/// Responses as they should be.
fn response() -> impl Strategy<Value = Vec<u8>> {
    let bytes = vec(any::<u8>(), 0..60);
    prop_oneof![
        bytes.clone().prop_map(|body| {
            let mut wire =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
            wire.extend(body);
            wire
        }),
        bytes.clone().prop_map(|body| [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\na: b\r\n\r\n".to_vec(),
            body
        ]
        .concat()),
        (vec(bytes, 0..5), prop_oneof![Just("0\r\n\r\n"), Just("0\r\nt: v\r\n\r\n")])
            .prop_map(|(pieces, end)| chunked(&pieces, end)),
    ]
}

/// Responses, perhaps with a byte changed, perhaps followed by something.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = proptest::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (response(), change, vec(any::<u8>(), 0..4)).prop_map(|(mut wire, change, tail)| {
        if let Some((at, byte)) = change {
            let at = at.index(wire.len());
            wire[at] = byte;
        }
        wire.extend(tail);
        wire
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    // Covers SS-521
    #[test]
    fn cuts_do_not_change_what_a_response_says(wire in mutated(), cuts in vec(1..40_usize, 0..20), eof: bool) {
        let whole = said(&wire, &[], eof);
        prop_assert_eq!(&said(&wire, &cuts, eof), &whole);
        prop_assert_eq!(&said(&wire, &[1], eof), &whole);
    }

    #[test]
    fn a_right_response_completes_with_its_body(pieces in vec(vec(any::<u8>(), 0..60), 0..5), cuts in vec(1..40_usize, 0..20)) {
        let body = pieces.concat();
        let mut expected = vec![Said::Head(200)];
        if !body.is_empty() {
            expected.push(Said::Body(body));
        }
        expected.push(Said::Complete);
        prop_assert_eq!(said(&chunked(&pieces, "0\r\n\r\n"), &cuts, false), expected);
    }

    #[test]
    fn no_bytes_panic_a_client_or_a_server(wire in vec(any::<u8>(), 0..400), cuts in vec(1..40_usize, 0..5)) {
        let first = said(&wire, &cuts, true);
        prop_assert!(matches!(first.last(), Some(Said::Failed(_) | Said::Complete)));
        let mut server = Server::new(Config::default());
        let mut wire = wire;
        let taken = server.handle_input(NOW, &mut wire);
        prop_assert!(taken > 0 || wire.is_empty());
    }

    #[test]
    fn a_request_body_arrives_whatever_the_pieces(pieces in vec(vec(any::<u8>(), 0..300), 0..6), sized: bool, limit in 1..50_usize) {
        let whole = pieces.concat();
        let body = if sized { Body::Sized(whole.len() as u64) } else { Body::Unsized };
        let (authority, path) = ("example.com".into(), "/".into());
        let request = Request { method: Method::POST, secure: false, authority, path, headers: HeaderMap::new(), body };
        let config = Config { send_max: 64, ..Config::default() };
        let (mut client, mut server) = (Client::new(config), Server::new(config));
        client.request(NOW, &request).unwrap();
        let mut seen = Vec::new();
        let mut carry = |client: &mut Client| {
            while client.wants_transmit() {
                let mut wire = Vec::new();
                client.poll_transmit(NOW, &mut wire, limit);
                let mut at = 0;
                while at < wire.len() {
                    let taken = server.handle_input(NOW, &mut wire[at..]);
                    assert!(taken > 0);
                    while server.poll_event().is_some() {}
                    if let Some(payload) = server.next_payload(&mut wire[at..at + taken]) {
                        seen.extend_from_slice(payload.bytes);
                    }
                    at += taken;
                }
            }
        };
        for piece in &pieces {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                rest = &rest[client.send(NOW, rest)..];
                carry(&mut client);
            }
        }
        client.finish(NOW).unwrap();
        carry(&mut client);
        prop_assert_eq!(seen, whole);
    }
}
