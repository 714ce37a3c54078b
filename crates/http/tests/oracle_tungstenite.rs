#![expect(clippy::unwrap_used, reason = "tests")]
//! Our WebSocket against tungstenite's: the handshake and messages both ways, and who believes which frames.

#[path = "drive/codec.rs"]
mod codec;

use codec::{frame, frames};
use core::cell::RefCell;
use mainstay_base::{Instant, Rng};
use mainstay_http::http::{HeaderMap, Method};
use mainstay_http::ws::{Chunk, Client, Config, Event, Server};
use mainstay_http::{Body, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::{self, Read, Write};
use std::rc::Rc;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

const NOW: Instant = Instant::ZERO;

/// Two byte queues: what tungstenite may read, what it has written.
#[derive(Clone, Default)]
struct Pipe {
    read: Rc<RefCell<Vec<u8>>>,
    written: Rc<RefCell<Vec<u8>>>,
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut queue = self.read.borrow_mut();
        if queue.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buf.len().min(queue.len());
        buf[..count].copy_from_slice(&queue[..count]);
        queue.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.written.borrow_mut().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whole messages, binary or not, and whether the connection failed.
type Seen = (Vec<(bool, Vec<u8>)>, bool);

/// A machine of ours, either side.
enum Ours {
    Client(Box<Client>),
    Server(Box<Server>),
}

impl Ours {
    /// Takes what tungstenite wrote; returns whole messages and whether it failed.
    fn take(&mut self, wire: &mut [u8], open: &mut Vec<u8>) -> Seen {
        let (mut messages, mut failed, mut at) = (Vec::new(), false, 0);
        while at < wire.len() {
            let rest = &mut wire[at..];
            let taken = match self {
                Self::Client(client) => client.handle_input(NOW, rest),
                Self::Server(server) => server.handle_input(NOW, rest),
            };
            let payload = match self {
                Self::Client(client) => client.next_payload(&mut rest[..taken]),
                Self::Server(server) => server.next_payload(&mut rest[..taken]),
            };
            if let Some(payload) = payload {
                open.extend_from_slice(payload.bytes);
                if payload.end {
                    messages.push((payload.binary, core::mem::take(open)));
                }
            }
            while let Some(event) = self.event() {
                failed |= matches!(event, Event::Failed(_));
            }
            if taken == 0 {
                break;
            }
            at += taken;
        }
        (messages, failed)
    }

    fn event(&mut self) -> Option<Event> {
        match self {
            Self::Client(client) => client.poll_event(),
            Self::Server(server) => server.poll_event(),
        }
    }

    fn poll(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Client(client) => {
                client.poll_transmit(NOW, out, usize::MAX);
                client.handle_written(NOW);
            }
            Self::Server(server) => {
                server.poll_transmit(NOW, out, usize::MAX);
                server.handle_written(NOW);
            }
        }
    }

    fn send(&mut self, rng: &mut Rng, bytes: &[u8], chunk: Chunk) {
        match self {
            Self::Client(client) => client.send(NOW, rng, bytes, chunk).unwrap(),
            Self::Server(server) => server.send(NOW, rng, bytes, chunk).unwrap(),
        }
    }
}

fn request() -> Request {
    let (authority, path) = ("example.com".into(), "/chat?x=1".into());
    Request {
        method: Method::GET,
        secure: false,
        authority,
        path,
        headers: HeaderMap::new(),
        body: Body::None,
    }
}

/// Our client and tungstenite's server, shaken hands.
fn our_client(rng: &mut Rng) -> (Ours, WebSocket<Pipe>, Pipe) {
    let mut client = Client::new(NOW, &request(), Some("chat"), Config::default(), rng).unwrap();
    let pipe = Pipe::default();
    client.poll_transmit(NOW, &mut pipe.read.borrow_mut(), usize::MAX);
    let socket = tungstenite::accept_hdr(pipe.clone(), choose).unwrap_or_else(|_| unreachable!());
    let mut wire = pipe.written.take();
    assert_eq!(client.handle_input(NOW, &mut wire), wire.len());
    assert!(matches!(client.poll_event(), Some(Event::Accepted(_))));
    (Ours::Client(Box::new(client)), socket, pipe)
}

#[expect(clippy::result_large_err, reason = "tungstenite's signature")]
fn choose(
    request: &tungstenite::handshake::server::Request,
    mut response: tungstenite::handshake::server::Response,
) -> Result<tungstenite::handshake::server::Response, tungstenite::handshake::server::ErrorResponse>
{
    assert_eq!(request.uri(), "/chat?x=1");
    let offered = request.headers()["sec-websocket-protocol"].clone();
    response.headers_mut().insert("sec-websocket-protocol", offered);
    Ok(response)
}

/// Our server and tungstenite's client, shaken hands.
fn our_server() -> (Ours, WebSocket<Pipe>, Pipe) {
    let pipe = Pipe::default();
    let Err(HandshakeError::Interrupted(half)) =
        tungstenite::client("ws://example.com/chat", pipe.clone())
    else {
        unreachable!("it has to wait for the answer")
    };
    let mut server = Server::new(Config::default());
    let mut wire = pipe.written.take();
    assert_eq!(server.handle_input(NOW, &mut wire), wire.len());
    assert_eq!(server.poll_request().unwrap().uri(), "/chat");
    server.accept(NOW, None, &HeaderMap::new()).unwrap();
    server.poll_transmit(NOW, &mut pipe.read.borrow_mut(), usize::MAX);
    let (socket, _) = half.handshake().unwrap_or_else(|_| unreachable!());
    (Ours::Server(Box::new(server)), socket, pipe)
}

/// A message in pieces.
type Pieces = (bool, Vec<Vec<u8>>);

fn messages() -> impl Strategy<Value = Vec<Pieces>> {
    let text =
        vec("\\PC{0,30}".prop_map(String::into_bytes), 1..4).prop_map(|pieces| (false, pieces));
    let binary = vec(vec(any::<u8>(), 0..300), 1..4).prop_map(|pieces| (true, pieces));
    vec(prop_oneof![text, binary], 0..6)
}

fn exchange(mut ours: Ours, mut theirs: WebSocket<Pipe>, pipe: &Pipe, messages: &[Pieces]) {
    let mut rng = Rng::from_run(9);
    for (binary, pieces) in messages {
        let whole = pieces.concat();
        for (n, piece) in pieces.iter().enumerate() {
            let (start, end) = (n == 0, n + 1 == pieces.len());
            ours.send(&mut rng, piece, Chunk { start, end, binary: *binary, tag: 1 });
        }
        let mut wire = Vec::new();
        ours.poll(&mut wire);
        assert_eq!(frames(&wire, matches!(ours, Ours::Client(_))).len(), pieces.len());
        pipe.read.borrow_mut().extend_from_slice(&wire);
        let read = theirs.read().unwrap();
        assert_eq!((read.is_binary(), read.into_data().to_vec()), (*binary, whole.clone()));
        let back = if *binary {
            Message::binary(whole.clone())
        } else {
            Message::text(String::from_utf8(whole.clone()).unwrap())
        };
        theirs.send(back).unwrap();
        let (seen, failed) = ours.take(&mut pipe.written.take(), &mut Vec::new());
        assert_eq!((seen, failed), (vec![(*binary, whole)], false));
    }
    // A ping is answered, and both close.
    theirs.send(Message::Ping(vec![1, 2].into())).unwrap();
    ours.take(&mut pipe.written.take(), &mut Vec::new());
    ours.poll(&mut pipe.read.borrow_mut());
    assert_eq!(theirs.read().unwrap(), Message::Pong(vec![1, 2].into()));
    theirs.close(None).unwrap();
    ours.take(&mut pipe.written.take(), &mut Vec::new());
    ours.poll(&mut pipe.read.borrow_mut());
    let told: Vec<Event> = core::iter::from_fn(|| ours.event()).collect();
    assert!(matches!(told.last(), Some(Event::Closed)), "{told:?}");
    assert!(matches!(
        theirs.read(),
        Ok(Message::Close(None)) | Err(tungstenite::Error::ConnectionClosed)
    ));
}

/// Which whole messages each of us believes in `wire`, and whether it ends in a failure.
fn believed(wire: &[u8]) -> [Seen; 2] {
    let server = Server::established(Config::default());
    let mine = Ours::Server(Box::new(server)).take(&mut wire.to_vec(), &mut Vec::new());
    let pipe = Pipe::default();
    pipe.read.borrow_mut().extend_from_slice(wire);
    let mut theirs = WebSocket::from_raw_socket(pipe, Role::Server, None);
    let mut seen = Vec::new();
    let failed = loop {
        match theirs.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                seen.push((message.is_binary(), message.into_data().to_vec()));
            }
            Ok(Message::Close(_)) => break false,
            Ok(_) => {}
            Err(tungstenite::Error::Io(_)) => break false,
            Err(_) => break true,
        }
    };
    [mine, (seen, failed)]
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        12 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        1 => (0..=255_u8).prop_filter("closes have rules of their own", |first| first & 0x0f != 8),
    ];
    let payload = prop_oneof![
        6 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..140),
    ];
    let mask = prop_oneof![20 => any::<[u8; 4]>().prop_map(Some), 1 => Just(None)];
    (first, payload, mask).prop_map(|(first, payload, mask)| frame(first, &payload, mask))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn our_client_and_their_server_understand_each_other(messages in messages()) {
        let (ours, theirs, pipe) = our_client(&mut Rng::from_run(7));
        exchange(ours, theirs, &pipe, &messages);
    }

    #[test]
    fn our_server_and_their_client_understand_each_other(messages in messages()) {
        let (ours, theirs, pipe) = our_server();
        exchange(ours, theirs, &pipe, &messages);
    }

    #[test]
    fn both_believe_the_same_frames(wire in vec(any_frame(), 0..10)) {
        let [mine, theirs] = believed(&wire.concat());
        prop_assert_eq!(mine, theirs);
    }
}
