//! A WebSocket endpoint of ours that echoes, either side, and a plain frame codec to talk to it.

use super::codec::{frame, frames};
use mainstay_base::{Instant, Rng};
use mainstay_http::ws::{Chunk, Client, Config, Event, Server};

/// The machine under test.
pub(crate) enum Side {
    Client(Box<Client>),
    Server(Box<Server>),
}

/// What came out of it.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) enum Out {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
}

pub(crate) struct Echo {
    side: Side,
    rng: Rng,
    /// Not closed, not failed.
    pub(crate) alive: bool,
    pub(crate) failed: bool,
    wire: Vec<u8>,
}

const NOW: Instant = Instant::ZERO;

impl Echo {
    pub(crate) fn client() -> Self {
        let mut rng = Rng::from_run(1);
        let client = Client::established(Config::default(), &mut rng);
        Self::new(Side::Client(Box::new(client)), rng)
    }

    pub(crate) fn server() -> Self {
        let server = Server::established(Config::default());
        Self::new(Side::Server(Box::new(server)), Rng::from_run(1))
    }

    fn new(side: Side, rng: Rng) -> Self {
        Self { side, rng, alive: true, failed: false, wire: Vec::new() }
    }

    /// The frame as the peer of this side sends it.
    pub(crate) fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        frame(
            first,
            payload,
            matches!(self.side, Side::Server(_)).then_some([0x11, 0x22, 0xf3, 0x04]),
        )
    }

    /// Feeds `bytes` in pieces of `chop`, echoing whatever comes.
    pub(crate) fn feed(&mut self, bytes: &[u8], chop: usize) {
        for piece in bytes.chunks(chop.max(1)) {
            let mut piece = piece.to_vec();
            let mut at = 0;
            while at < piece.len() {
                let rest = &mut piece[at..];
                let taken = match &mut self.side {
                    Side::Client(client) => client.handle_input(NOW, rest),
                    Side::Server(server) => server.handle_input(NOW, rest),
                };
                self.events();
                let lent = match &mut self.side {
                    Side::Client(client) => client.next_payload(&mut rest[..taken]),
                    Side::Server(server) => server.next_payload(&mut rest[..taken]),
                };
                let lent = lent.map(|p| (p.bytes.to_vec(), p.start, p.end, p.binary));
                if let Some((bytes, start, end, binary)) = lent {
                    self.send(&bytes, Chunk { start, end, binary, tag: 1 });
                }
                self.events();
                if taken == 0 {
                    assert!(!self.alive, "only what is over takes nothing");
                    return;
                }
                at += taken;
            }
        }
    }

    fn send(&mut self, mut bytes: &[u8], mut chunk: Chunk) {
        let end = chunk.end;
        loop {
            let (now, later) = bytes.split_at(bytes.len().min(16 * 1024));
            chunk.end = end && later.is_empty();
            self.poll();
            let sent = match &mut self.side {
                Side::Client(client) => client.send(NOW, &mut self.rng, now, chunk),
                Side::Server(server) => server.send(NOW, &mut self.rng, now, chunk),
            };
            sent.unwrap();
            (bytes, chunk.start) = (later, false);
            if bytes.is_empty() {
                return;
            }
        }
    }

    fn poll(&mut self) {
        match &mut self.side {
            Side::Client(client) => client.poll_transmit(NOW, &mut self.wire, usize::MAX),
            Side::Server(server) => server.poll_transmit(NOW, &mut self.wire, usize::MAX),
        }
    }

    fn events(&mut self) {
        self.poll();
        loop {
            let event = match &mut self.side {
                Side::Client(client) => client.poll_event(),
                Side::Server(server) => server.poll_event(),
            };
            match event {
                None => return,
                Some(Event::Closed) => self.alive = false,
                Some(Event::Failed(_)) => (self.alive, self.failed) = (false, true),
                Some(_) => {}
            }
        }
    }

    /// What was said, fragments joined; every frame masked as the side must.
    pub(crate) fn said(&mut self) -> Vec<Out> {
        self.poll();
        let masked = matches!(self.side, Side::Client(_));
        join(&frames(&self.wire, masked))
    }
}

fn join(frames: &[(u8, Vec<u8>)]) -> Vec<Out> {
    let mut all = Vec::new();
    let mut open: Option<(u8, Vec<u8>)> = None;
    for (first, payload) in frames {
        match first & 0x0f {
            opcode @ (1 | 2) => assert!(open.replace((opcode, payload.clone())).is_none()),
            0 => open.as_mut().unwrap().1.extend_from_slice(payload),
            8 => all.push(Out::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code)))),
            9 => all.push(Out::Ping(payload.clone())),
            10 => all.push(Out::Pong(payload.clone())),
            other => unreachable!("opcode {other}"),
        }
        if first & 0x88 == 0x80 {
            let (opcode, payload) = open.take().unwrap();
            all.push(if opcode == 1 { Out::Text(payload) } else { Out::Binary(payload) });
        }
    }
    all
}
