//! The client's session of TLS: against arbitrary bytes, and against a real server whose flights are tampered with.
//!
//! `a` seals text, `b` finishes. As first letter: `A` both versions, `B` TLS 1.2 only, `C` with a protocol that must be
//! agreed on, `T` a real server; then each letter that follows is a flight of the server, and the bytes say what is done to it.

use crate::adapter::TEXT;
use crate::{Lent, Machine};
use mainstay_base::Instant;
use mainstay_sim::fixture;
use mainstay_tls::{ClientConfig, ClientOptions, Event, ServerConfig, Session};
use mainstay_tls::{TrustStore, Version, WallClock};
use std::sync::LazyLock;

/// Configurations by kind; their keys are read once.
static CONFIGS: LazyLock<Vec<ClientConfig>> = LazyLock::new(|| (0..3).filter_map(config).collect());

static SERVER: LazyLock<Option<ServerConfig>> = LazyLock::new(|| fixture::server(&["fuzz"]));

/// The authority of simulated worlds.
pub(crate) fn trust() -> TrustStore {
    let authority = fixture::AUTHORITY.trim();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{authority}\n-----END CERTIFICATE-----\n");
    let mut trust = TrustStore::new();
    assert!(trust.add_pem(pem.as_bytes()).is_ok(), "the fixture is a certificate");
    trust
}

fn config(kind: u8) -> Option<ClientConfig> {
    let mut options = ClientOptions::new(trust(), WallClock::new(Some(fixture::WALL)));
    options.resume = false;
    if kind == 1 {
        options.max = Version::Tls12;
    }
    if kind == 2 {
        options.alpn = vec![b"fuzz".to_vec()];
        options.require_alpn = true;
    }
    ClientConfig::new(options).ok()
}

/// The machine, and what it sealed.
#[derive(Debug)]
pub struct Client {
    session: Session,
    sealed: Vec<u8>,
}

impl Machine for Client {
    /// A handshake of 64 KiB grown to twice that, what the library makes of it, and what was sealed.
    const HELD_MAX: usize = 512 * 1024;

    fn open(_now: Instant, kind: u8) -> Self {
        let config = CONFIGS.get(usize::from(kind) % 3).or_else(|| CONFIGS.first());
        let session = config.map(|config| Session::client(config, "a.sim.example"));
        let Some(Ok(session)) = session else { panic!("a plain session is refused") };
        Self { session, sealed: Vec::new() }
    }
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.session.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let bytes = self.session.plain(unit).to_vec();
        self.session.consume(bytes.len());
        (!bytes.is_empty()).then_some(Lent { channel: 0, bytes, end: false })
    }
    fn event(&mut self, _now: Instant) -> Option<(String, bool)> {
        let event = self.session.poll_event()?;
        let over = matches!(event, Event::Failed(_));
        Some((format!("{event:?}"), over))
    }
    fn transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize) {
        if self.sealed.is_empty() {
            return self.session.poll_transmit(now, out, limit);
        }
        let len = limit.min(self.sealed.len());
        out.extend(self.sealed.drain(..len));
    }
    fn written(&mut self, _now: Instant) {}
    fn eof(&mut self, now: Instant) {
        self.session.handle_eof(now);
    }
    fn lost(&mut self, now: Instant) {
        self.session.handle_lost(now, crate::adapter::LOST);
    }
    fn timeout(&mut self, _now: Instant) {}
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn act(&mut self, now: Instant, what: u8) {
        if what == 1 {
            self.session.finish(now);
        } else if self.session.is_up() {
            self.session.seal(now, TEXT, &mut self.sealed);
        }
    }
    fn is_deaf(&self) -> bool {
        false
    }
}

/// Runs one input.
pub fn run(input: &[u8]) {
    match input.split_first() {
        Some((b'T', rest)) => tampered(rest),
        Some(_) | None => crate::run::<Client>(input),
    }
}

/// A handshake with a real server and ten flights of text after it, each flight changed as the input says: three bytes
/// are how, where and what. Whatever is done, the client reads what the server wrote, or the beginning of it.
fn tampered(input: &[u8]) {
    let (mut changes, now) = (input.chunks_exact(3), Instant::ZERO);
    let Some(server) = SERVER.as_ref() else { panic!("the fixture is a server") };
    let Ok(mut server) = Session::server(server) else { panic!("a plain session is refused") };
    let mut client = Client::open(now, input.first().map_or(0, |first| first % 3));
    let (mut written, mut read) = (Vec::new(), Vec::new());
    for flight in 0_u8..12 {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        client.transmit(now, &mut up, usize::MAX);
        receive(&mut server, &mut up);
        if server.is_up() && flight > 2 {
            let text = vec![flight; 50 * usize::from(flight)];
            server.seal(now, &text, &mut down);
            written.extend_from_slice(&text);
        }
        server.poll_transmit(now, &mut down, usize::MAX);
        if let Some(&[how, place, what]) = changes.next() {
            change(&mut down, how, place, what);
        }
        read.extend(receive(&mut client.session, &mut down));
        assert!(written.starts_with(&read), "read what was not written");
    }
    client.session.handle_eof(now);
    while client.session.poll_event().is_some() {}
}

fn change(flight: &mut Vec<u8>, how: u8, place: u8, what: u8) {
    // The place is a part of the flight, since flights are longer than a byte can count.
    let at = flight.len() * usize::from(place) / 256;
    match how % 8 {
        0 => flight.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= what.max(1)),
        1 => flight.truncate(at),
        2 => flight.insert(at, what),
        3 => flight.extend_from_within(at..),
        4 => flight.rotate_left(at),
        5 => flight.iter_mut().skip(usize::from(place)).take(1).for_each(|byte| *byte = what),
        _ => {}
    }
}

/// Hands all of it in, in the order of the contract; the plaintext that came of it.
fn receive(session: &mut Session, bytes: &mut [u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let taken = session.handle_input(Instant::ZERO, rest);
        assert_ne!(taken, 0, "nothing taken, and nothing waits");
        let (unit, after) = rest.split_at_mut(taken);
        let lent = session.plain(unit);
        plain.extend_from_slice(lent);
        let len = lent.len();
        session.consume(len);
        while session.poll_event().is_some() {}
        rest = after;
    }
    plain
}
