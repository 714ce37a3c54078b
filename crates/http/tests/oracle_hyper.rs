#![expect(clippy::unwrap_used, reason = "tests")]
//! Our HTTP/1 against hyper's: transactions both ways, and who believes which response.

#[path = "drive/feed.rs"]
mod feed;

use feed::{NOW, Said, events, feed};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::TokioIo;
use mainstay_http::h1::{Asked, Client, Config, Server};
use mainstay_http::http::{HeaderMap, Method, StatusCode};
use mainstay_http::{Body, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

fn request(method: Method, body: Body) -> Request {
    let (authority, path) = ("example.com:81".into(), "/p?q".into());
    Request { method, secure: false, authority, path, headers: HeaderMap::new(), body }
}

/// What hyper's client makes of the bytes, followed by the end: status and body, or nothing.
async fn hyper_reads(method: Method, wire: Vec<u8>) -> Option<(u16, Vec<u8>)> {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    tokio::task::spawn_local(connection);
    let request = hyper::Request::builder()
        .method(method)
        .uri("/")
        .header("host", "a")
        .body(Full::<Bytes>::default());
    let answer = send.send_request(request.unwrap());
    let play = async move {
        // hyper refuses bytes that come before it asked.
        let mut head = [0; 1024];
        assert!(far.read(&mut head).await.unwrap() > 0);
        far.write_all(&wire).await.unwrap();
        far.shutdown().await.unwrap();
        far
    };
    let (_far, answer) = futures_join(play, answer).await;
    let answer = answer.ok()?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.ok()?.to_bytes().to_vec();
    Some((status, body))
}

/// Both futures' results; the first may need the second to proceed.
async fn futures_join<A, B>(
    first: impl Future<Output = A> + 'static,
    second: impl Future<Output = B>,
) -> (A, B)
where
    A: 'static,
{
    let first = tokio::task::spawn_local(first);
    let second = second.await;
    (first.await.unwrap(), second)
}

/// The same of ours.
fn ours_reads(method: Method, wire: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut client = Client::new(Config::default());
    client.request(NOW, &request(method, Body::None)).unwrap();
    let mut said = feed(&mut client, wire, &[]);
    client.handle_eof(NOW);
    events(&mut client, &mut said);
    // What follows a complete response is the connection's trouble, not the response's.
    let end = said.iter().position(|said| *said == Said::Complete)?;
    let (mut status, mut body) = (0, Vec::new());
    for said in &said[..end] {
        match said {
            Said::Head(code) => status = *code,
            Said::Body(bytes) => body.extend_from_slice(bytes),
            Said::Continue | Said::Complete | Said::Failed(_) => return None,
        }
    }
    Some((status, body))
}

fn responses() -> impl Strategy<Value = Vec<u8>> {
    let status = prop::sample::select(vec![
        "200 OK",
        "204 No Content",
        "304 Not Modified",
        "404 Not Found",
        "500",
    ]);
    let framing = prop::sample::select(vec![
        "content-length: 5\r\n\r\nhello",
        "Content-Length:5\r\nx: \t y \t\r\n\r\nhello",
        "content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        "content-length: 7\r\n\r\nhello",
        "content-length: 0\r\n\r\n",
        "\r\nhello",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n003\r\nllo\r\n0\r\nt: v\r\n\r\n",
        "transfer-encoding: CHUNKED\r\n\r\n5\r\nhello\r\n",
        "connection: close\r\ntransfer-encoding: chunked\r\n\r\nA \r\n0123456789\r\n0\r\n\r\n",
    ]);
    let before = prop::sample::select(vec![
        "",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Hi\r\na: b\r\n\r\n",
    ]);
    (status, framing, before).prop_map(|(status, framing, before)| {
        format!("{before}HTTP/1.1 {status}\r\n{framing}").into_bytes()
    })
}

/// Our client asks hyper's server, which echoes the body, sized or chunked; twice on one connection.
async fn ask_hyper(body: Vec<u8>, sized: bool, back_sized: bool, limit: usize) {
    let (near, mut far) = tokio::io::duplex(limit);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| async move {
        assert_eq!(request.uri(), "/p?q");
        assert_eq!(request.headers()["host"], "example.com:81");
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>(hyper::Response::new(echo_body(body, back_sized)))
    });
    tokio::task::spawn_local(
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(near), service),
    );
    let mut client = Client::new(Config::default());
    for _ in 0..2 {
        let announced = if sized { Body::Sized(body.len() as u64) } else { Body::Unsized };
        client.request(NOW, &request(Method::POST, announced)).unwrap();
        let (mut rest, mut finished, mut said, mut buf) =
            (&body[..], false, Vec::new(), vec![0; 4096]);
        while !said.contains(&Said::Complete) {
            rest = &rest[client.send(NOW, rest)..];
            if rest.is_empty() && !finished {
                client.finish(NOW).unwrap();
                finished = true;
            }
            let mut wire = Vec::new();
            client.poll_transmit(NOW, &mut wire, limit);
            if !wire.is_empty() {
                far.write_all(&wire).await.unwrap();
                continue;
            }
            let count = far.read(&mut buf).await.unwrap();
            assert!(count > 0);
            said.extend(feed(&mut client, &buf[..count], &[]));
        }
        let seen: Vec<u8> = said
            .iter()
            .filter_map(
                |said| if let Said::Body(bytes) = said { Some(bytes.clone()) } else { None },
            )
            .flatten()
            .collect();
        assert_eq!((said.first(), seen), (Some(&Said::Head(200)), body.clone()));
        assert!(client.is_idle());
    }
}

fn echo_body(body: Bytes, sized: bool) -> BoxBody<Bytes, core::convert::Infallible> {
    if sized {
        return Full::new(body).boxed();
    }
    let pieces: Vec<_> =
        body.chunks(700).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    StreamBody::new(futures_util::stream::iter(pieces)).boxed()
}

/// hyper's client asks our server, which echoes the body.
async fn hyper_asks(body: Vec<u8>, sized: bool, back_sized: bool, limit: usize) {
    let (near, far) = tokio::io::duplex(limit);
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    tokio::task::spawn_local(connection);
    tokio::task::spawn_local(serve(far, back_sized));
    for _ in 0..2 {
        let request = hyper::Request::post("/p")
            .header("host", "a")
            .body(echo_body(body.clone().into(), sized))
            .unwrap();
        let answer = send.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
        send.ready().await.unwrap();
    }
}

async fn serve(mut far: DuplexStream, sized: bool) {
    let mut server = Server::new(Config::default());
    let (mut body, mut buf) = (Vec::new(), vec![0; 4096]);
    loop {
        let Ok(count @ 1..) = far.read(&mut buf).await else { return };
        let mut at = 0;
        while at < count {
            let taken = server.handle_input(NOW, &mut buf[at..count]);
            let mut complete = drain(&mut server);
            if let Some(payload) = server.next_payload(&mut buf[at..at + taken]) {
                body.extend_from_slice(payload.bytes);
            }
            complete |= drain(&mut server);
            at += taken;
            if complete {
                answer(&mut server, &mut far, &core::mem::take(&mut body), sized).await;
            }
        }
    }
}

fn drain(server: &mut Server) -> bool {
    let mut complete = false;
    while let Some(event) = server.poll_event() {
        assert!(!matches!(event, Asked::Failed(_)));
        complete |= matches!(event, Asked::Complete);
    }
    complete
}

async fn answer(server: &mut Server, far: &mut DuplexStream, mut body: &[u8], sized: bool) {
    let announced = if sized { Body::Sized(body.len() as u64) } else { Body::Unsized };
    server.respond(NOW, StatusCode::OK, &HeaderMap::new(), announced).unwrap();
    loop {
        body = &body[server.send(NOW, body)..];
        if body.is_empty() {
            server.finish(NOW).unwrap();
        }
        let mut wire = Vec::new();
        server.poll_transmit(NOW, &mut wire, usize::MAX);
        far.write_all(&wire).await.unwrap();
        if body.is_empty() {
            drain(server);
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 5000, ..ProptestConfig::default() })]

    #[test]
    fn both_read_the_same_from_right_responses(wire in responses(), head: bool) {
        let method = if head { Method::HEAD } else { Method::GET };
        let theirs = run(hyper_reads(method.clone(), wire.clone()));
        prop_assert_eq!(ours_reads(method, &wire), theirs, "{}", String::from_utf8_lossy(&wire));
    }

    #[test]
    fn what_we_believe_of_wrong_responses_hyper_believes_too(wire in responses(), at: prop::sample::Index, byte: u8) {
        let mut wire = wire;
        let at = at.index(wire.len());
        wire[at] = byte;
        if let Some(mine) = ours_reads(Method::GET, &wire) {
            prop_assert_eq!(run(hyper_reads(Method::GET, wire.clone())), Some(mine), "{}", String::from_utf8_lossy(&wire));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 150, ..ProptestConfig::default() })]

    // Covers SS-505, SS-520, SS-521
    #[test]
    fn our_client_and_hypers_server_understand_each_other(body in vec(any::<u8>(), 0..40_000), sized: bool, back: bool, limit in 1000..9000_usize) {
        run(ask_hyper(body, sized, back, limit));
    }

    #[test]
    fn our_server_and_hypers_client_understand_each_other(body in vec(any::<u8>(), 0..40_000), sized: bool, back: bool, limit in 1000..9000_usize) {
        run(hyper_asks(body, sized, back, limit));
    }
}
