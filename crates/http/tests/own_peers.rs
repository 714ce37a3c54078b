//! Our client against our server, in memory.

use mainstay_base::{Instant, Rng};
use mainstay_http::http::{HeaderMap, Method, StatusCode};
use mainstay_http::{Body, Request, h1, ws};

const NOW: Instant = Instant::ZERO;

fn request(method: Method, body: Body) -> Request {
    let (authority, path) = ("example.com:8080".into(), "/a?b".into());
    Request { method, secure: false, authority, path, headers: HeaderMap::new(), body }
}

#[test]
fn two_transactions_on_one_connection() {
    let mut client = h1::Client::new(h1::Config::default());
    let mut server = h1::Server::new(h1::Config::default());
    for body in [Body::Sized(5), Body::Unsized] {
        client.request(NOW, &request(Method::POST, body)).unwrap();
        assert_eq!(client.send(NOW, b"hello"), 5);
        client.finish(NOW).unwrap();
        let mut wire = Vec::new();
        client.poll_transmit(NOW, &mut wire, usize::MAX);
        let (mut seen, mut at) = (Vec::new(), 0);
        while at < wire.len() {
            let taken = server.handle_input(NOW, &mut wire[at..]);
            while let Some(event) = server.poll_event() {
                assert!(matches!(event, h1::Asked::Head(_) | h1::Asked::Complete));
            }
            if let Some(payload) = server.next_payload(&mut wire[at..at + taken]) {
                seen.extend_from_slice(payload.bytes);
            }
            at += taken;
        }
        assert_eq!(seen, b"hello");
        while server.poll_event().is_some() {}
        server.respond(NOW, StatusCode::OK, &HeaderMap::new(), body).unwrap();
        assert_eq!(server.send(NOW, b"world"), 5);
        server.finish(NOW).unwrap();
        assert!(matches!(server.poll_event(), Some(h1::Asked::Answered(true))));
        let mut wire = Vec::new();
        server.poll_transmit(NOW, &mut wire, usize::MAX);
        let (mut seen, mut at, mut complete) = (Vec::new(), 0, 0);
        while at < wire.len() {
            let taken = client.handle_input(NOW, &mut wire[at..]);
            while let Some(event) = client.poll_event() {
                complete += usize::from(matches!(event, h1::Event::Complete));
            }
            if let Some(payload) = client.next_payload(&mut wire[at..at + taken]) {
                seen.extend_from_slice(payload.bytes);
            }
            while let Some(event) = client.poll_event() {
                complete += usize::from(matches!(event, h1::Event::Complete));
            }
            at += taken;
        }
        assert_eq!((seen, complete), (b"world".to_vec(), 1));
        assert!(client.is_idle() && client.is_reusable());
    }
}

#[test]
fn a_message_goes_both_ways_and_both_close() {
    let mut rng = Rng::from_run(1);
    let config = ws::Config::default();
    let request = request(Method::GET, Body::None);
    let mut client = ws::Client::new(NOW, &request, Some("chat"), config, &mut rng).unwrap();
    let mut server = ws::Server::new(config);
    let mut wire = Vec::new();
    client.poll_transmit(NOW, &mut wire, usize::MAX);
    assert_eq!(server.handle_input(NOW, &mut wire), wire.len());
    assert_eq!(server.poll_request().unwrap().uri(), "/a?b");
    server.accept(NOW, Some("chat"), &HeaderMap::new()).unwrap();
    let chunk = ws::Chunk { start: true, end: true, binary: false, tag: 7 };
    server.send(NOW, &mut rng, b"hi", chunk).unwrap();
    let mut wire = Vec::new();
    server.poll_transmit(NOW, &mut wire, usize::MAX);
    let head = client.handle_input(NOW, &mut wire);
    assert!(matches!(client.poll_event(), Some(ws::Event::Accepted(_))));
    let taken = client.handle_input(NOW, &mut wire[head..]);
    assert_eq!(head + taken, wire.len());
    let payload = client.next_payload(&mut wire[head..]).unwrap();
    assert_eq!(
        (&*payload.bytes, payload.start, payload.end, payload.binary),
        (&b"hi"[..], true, true, false)
    );
    client.send(NOW, &mut rng, b"ho", chunk).unwrap();
    client.close(NOW, &mut rng, 1000, "done");
    let mut wire = Vec::new();
    client.poll_transmit(NOW, &mut wire, usize::MAX);
    client.handle_written(NOW);
    assert!(matches!(client.poll_event(), Some(ws::Event::SentThrough(7))));
    let taken = server.handle_input(NOW, &mut wire);
    assert_eq!(server.next_payload(&mut wire[..taken]).unwrap().bytes, b"ho");
    assert_eq!(server.handle_input(NOW, &mut wire[taken..]), wire.len() - taken);
    let mut wire = Vec::new();
    server.poll_transmit(NOW, &mut wire, usize::MAX);
    server.handle_written(NOW);
    assert!(matches!(server.poll_event(), Some(ws::Event::SentThrough(7))));
    assert!(matches!(server.poll_event(), Some(ws::Event::PeerClosing { code: Some(1000) })));
    assert!(matches!(server.poll_event(), Some(ws::Event::Closed)));
    assert_eq!(client.handle_input(NOW, &mut wire), wire.len());
    assert!(matches!(client.poll_event(), Some(ws::Event::PeerClosing { code: Some(1000) })));
    assert!(matches!(client.poll_event(), Some(ws::Event::Closed)));
}
