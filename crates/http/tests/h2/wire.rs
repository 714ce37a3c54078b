//! Frames by hand (RFC 9113 §4), for what no well-behaved server sends.

use crate::world::{Log, NOW};
use mainstay_http::h2::Client;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// HPACK: `:status: 200` from the static table (RFC 7541 appendix A, 8).
pub(crate) const STATUS_200: &[u8] = &[0x88];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![len[1], len[2], len[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// What a client wrote, its preface left out.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut rest = bytes.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(bytes);
    let mut frames = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<9>() {
        let len = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = after[..len].to_vec();
        frames.push(Frame { kind: head[3], flags: head[4], stream, payload });
        rest = &after[len..];
    }
    assert!(rest.is_empty());
    frames
}

/// A client whose peer is written by hand.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) log: Log,
}

impl Bench {
    pub(crate) fn new(client: Client) -> Self {
        let mut bench = Self { client, log: Log::default() };
        let settings = bench.written();
        assert_eq!(settings[0].kind, SETTINGS);
        bench.give(&frame(SETTINGS, 0, 0, &[]));
        bench
    }

    /// Hands bytes in and drains.
    pub(crate) fn give(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        crate::world::feed(&mut bytes, |part| {
            let taken = self.client.handle_input(NOW, part);
            self.log.drain(&mut self.client);
            taken
        });
    }

    /// Hands bytes in; events only, payload stays.
    pub(crate) fn give_unread(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        crate::world::feed(&mut bytes, |part| self.client.handle_input(NOW, part));
    }

    /// What the client writes now.
    pub(crate) fn written(&mut self) -> Vec<Frame> {
        let mut out = Vec::new();
        self.client.poll_transmit(NOW, &mut out, usize::MAX);
        self.log.drain(&mut self.client);
        frames(&out)
    }

    pub(crate) fn head(&mut self, stream: u32, flags: u8) {
        self.give(&frame(HEADERS, END_HEADERS | flags, stream, STATUS_200));
    }
}
