//! One endpoint: a byte says what is done, the next say how.
//!
//! `s` a segment near what is expected, `r` raw bytes, `c` a command, `t` time, `d` the next deadline, `i` a router, `o`
//! connect, `h` a handshake as a friendly peer would answer.

use super::endpoint::{PORTS, Side, Words, end, side, span};
use mainstay_base::Instant;
use mainstay_tcp::{IcmpError, IcmpKind, Tuple};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, Header, Options, SackBlock, SackBlocks, Timestamps};

/// What a peer knows that sees all.
#[derive(Debug, Default)]
struct Peer {
    /// The first number it has not sent, as the endpoint last acknowledged it.
    next: u32,
    /// The highest number the endpoint sent.
    seen: u32,
    stamp: u32,
}

/// Runs one input.
pub fn run(input: &[u8]) {
    let mut words = Words(input);
    let mut side = side(&mut words, 0, false);
    let (mut now, mut peer) = (Instant::from_micros(1_000_000), Peer::default());
    side.listen();
    let mut out = Vec::new();
    for _ in 0..400 {
        if words.is_over() {
            break;
        }
        match words.byte() % 16 {
            0..=4 => segment(side.as_mut(), &mut words, &peer),
            5 => raw(side.as_mut(), &mut words),
            6..=8 => side.command(words.byte(), usize::from(words.word())),
            9 => {
                now += span(&mut words);
                side.now(now);
                side.timeout();
            }
            10 | 11 => {
                now = side.deadline().unwrap_or(now).max(now);
                side.now(now);
                side.timeout();
            }
            12 => icmp(side.as_mut(), &mut words, &peer),
            13 => side.connect(),
            _ => handshake(side.as_mut(), &peer),
        }
        out.clear();
        side.drain(&mut out);
        for (_, _, bytes) in &out {
            peer.look(bytes);
        }
    }
}

impl Peer {
    fn look(&mut self, bytes: &[u8]) {
        let Some((header, len)) = Header::parse(bytes) else { panic!("it cannot be read") };
        let syn = u32::from(header.flags.contains(Flags::SYN));
        let fin = u32::from(header.flags.contains(Flags::FIN));
        let payload = u32::try_from(bytes.len() - len).unwrap_or(0);
        self.seen = header.sequence.wrapping_add(payload + syn + fin);
        if header.flags.contains(Flags::ACK) {
            self.next = header.acknowledgment;
        }
        if let Some(stamps) = header.options.timestamps {
            self.stamp = stamps.value;
        }
    }

    fn header(&self, flags: Flags) -> Header {
        Header {
            source: PORTS[1],
            destination: PORTS[0],
            sequence: self.next,
            acknowledgment: self.seen,
            flags,
            window: 20_000,
            urgent: 0,
            options: Options::default(),
        }
    }
}

/// A number near zero, at times far from it.
fn near(words: &mut Words<'_>) -> u32 {
    let (kind, word) = (words.byte(), words.word());
    let small = u32::from(word);
    match kind % 8 {
        0..=3 => 0,
        4 => u32::from(word % 64),
        5 => 0_u32.wrapping_sub(u32::from(word % 64)),
        6 => small,
        _ => small << 16 | small,
    }
}

fn segment(side: &mut dyn Side, words: &mut Words<'_>, peer: &Peer) {
    let bits = words.byte();
    let flags = Flags::from_bytes([0, if bits & 64 == 0 { bits | 16 } else { bits }]);
    let mut header = peer.header(flags);
    header.sequence = header.sequence.wrapping_add(near(words));
    header.acknowledgment = header.acknowledgment.wrapping_add(near(words));
    header.window = words.word();
    header.urgent = if flags.contains(Flags::URG) { words.word() } else { 0 };
    let options = words.byte();
    header.options = read_options(options, words, peer, flags.contains(Flags::SYN));
    let len = usize::from(words.byte()) * if options & 128 == 0 { 1 } else { 200 };
    let ecn = Ecn::from_bits(options >> 5);
    let mut bytes = vec![0; 60];
    let Some(head) = header.emit(&mut bytes) else { panic!("it cannot be written") };
    bytes.truncate(head);
    bytes.resize(head + len, 0xaa);
    let unit = (options & 128 != 0).then_some(1000);
    side.receive(ecn, unit, &bytes);
}

fn read_options(bits: u8, words: &mut Words<'_>, peer: &Peer, syn: bool) -> Options {
    let mut options = Options::default();
    if syn {
        options.mss = (bits & 1 != 0).then(|| words.word());
        options.window_scale = (bits & 2 != 0).then(|| words.byte() % 16);
        options.sack_permitted = bits & 4 != 0;
    } else if bits & 4 != 0 {
        let mut sack = SackBlocks::EMPTY;
        for _ in 0..bits % 4 + 1 {
            let left = peer.seen.wrapping_sub(u32::from(words.word()));
            let right = left.wrapping_add(near(words));
            sack.push(SackBlock { left, right });
        }
        options.sack = sack;
    }
    if bits & 8 != 0 {
        options.timestamps = Some(Timestamps { value: near(words), echo: peer.stamp });
    }
    options
}

fn raw(side: &mut dyn Side, words: &mut Words<'_>) {
    let len = usize::from(words.byte()).min(words.0.len());
    let (bytes, rest) = words.0.split_at(len);
    words.0 = rest;
    let mut bytes = bytes.to_vec();
    // To the endpoint: others are for nobody.
    for (place, port) in [(0, PORTS[1]), (2, PORTS[0])] {
        if let Some(place) = bytes.get_mut(place..place + 2) {
            place.copy_from_slice(&port.to_be_bytes());
        }
    }
    side.receive(Ecn::NotEct, None, &bytes);
}

fn icmp(side: &mut dyn Side, words: &mut Words<'_>, peer: &Peer) {
    let kind = match words.byte() % 3 {
        0 => IcmpKind::Hard,
        _ => IcmpKind::TooBig { mtu: words.word() },
    };
    let sequence = peer.seen.wrapping_sub(u32::from(words.word()));
    side.icmp(&IcmpError { tuple: Tuple::new(end(0), end(1)), sequence, kind });
}

/// What a friendly peer says next: its SYN with or without an answer, or an acknowledgement of all.
fn handshake(side: &mut dyn Side, peer: &Peer) {
    let mut header = peer.header(Flags::ACK);
    if peer.next == 0 {
        header.flags = if peer.seen == 0 { Flags::SYN } else { Flags::SYN | Flags::ACK };
        header.sequence = 77_000;
        header.options.mss = Some(1400);
        header.options.sack_permitted = true;
        header.options.window_scale = Some(3);
    }
    let mut bytes = vec![0; 60];
    let Some(len) = header.emit(&mut bytes) else { panic!("it cannot be written") };
    side.receive(Ecn::NotEct, None, &bytes[..len]);
}
