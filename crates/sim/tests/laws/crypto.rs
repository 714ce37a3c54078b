//! TLS sessions and stacks of layers.

use crate::adapters::{letters, timers};
use mainstay_base::{Instant, Rng};
use mainstay_layers::{Registry, Stack, Target, TlsSpec, TrustSpec, stack};
use mainstay_sim::fixture;
use mainstay_sim::laws::{Lent, Pair, Subject};
use mainstay_tls::{ClientConfig, ClientOptions, Session, TrustStore, WallClock};

fn trust() -> TrustStore {
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        fixture::AUTHORITY.trim()
    );
    let mut trust = TrustStore::new();
    trust.add_pem(pem.as_bytes()).unwrap();
    trust
}

fn clock() -> WallClock {
    WallClock::new(Some(fixture::WALL))
}

struct Tls {
    session: Session,
    sealed: Vec<u8>,
}

impl Subject for Tls {
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.session.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let bytes = self.session.plain(unit).to_vec();
        self.session.consume(bytes.len());
        (!bytes.is_empty()).then_some(Lent { bytes, end: false })
    }
    fn event(&mut self) -> Option<String> {
        self.session.poll_event().map(|event| format!("{event:?}"))
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
        let reason = mainstay_base::Reason::Network(mainstay_base::Network::Reset);
        self.session.handle_lost(now, reason);
    }
    fn timeout(&mut self, _now: Instant) {}
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn act(&mut self, now: Instant, what: u64) {
        if what.is_multiple_of(16) {
            self.session.finish(now);
        } else if self.session.is_up() {
            self.session.seal(now, &letters(what % 3000), &mut self.sealed);
        }
    }
    fn is_replayable(&self) -> bool {
        false
    }
}

pub(crate) fn sessions() -> Pair {
    let mut options = ClientOptions::new(trust(), clock());
    options.resume = false;
    let config = ClientConfig::new(options).unwrap();
    let client = Session::client(&config, "a.sim.example").unwrap();
    let server = Session::server(&fixture::server(&[]).unwrap()).unwrap();
    let side = |session| Box::new(Tls { session, sealed: Vec::new() });
    (side(client), side(server))
}

struct Layers {
    stack: Stack,
    sealed: Vec<u8>,
}

impl Subject for Layers {
    timers!(stack);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.stack.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let bytes = self.stack.plain(unit).to_vec();
        self.stack.consume(bytes.len());
        (!bytes.is_empty()).then_some(Lent { bytes, end: false })
    }
    fn event(&mut self) -> Option<String> {
        self.stack.poll_event().map(|event| format!("{event:?}"))
    }
    fn transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize) {
        if self.sealed.is_empty() {
            return self.stack.poll_transmit(now, out, limit);
        }
        let len = limit.min(self.sealed.len());
        out.extend(self.sealed.drain(..len));
    }
    fn written(&mut self, _now: Instant) {}
    fn eof(&mut self, now: Instant) {
        self.stack.handle_eof(now);
    }
    fn lost(&mut self, now: Instant) {
        let reason = mainstay_base::Reason::Network(mainstay_base::Network::Reset);
        self.stack.handle_lost(now, reason);
    }
    fn act(&mut self, now: Instant, what: u64) {
        if what.is_multiple_of(16) {
            self.stack.finish(now);
        } else if self.stack.is_up() {
            self.stack.seal(now, &letters(what % 3000), &mut self.sealed);
        }
    }
    fn is_replayable(&self) -> bool {
        false
    }
}

fn opened(mut stack: Stack) -> Box<dyn Subject> {
    stack.handle_opened(Instant::from_millis(1000));
    Box::new(Layers { stack, sealed: Vec::new() })
}

pub(crate) fn stacks() -> Pair {
    let mut registry = Registry::new(clock());
    registry.set_trust("sim", trust());
    let tls =
        TlsSpec { trust: TrustSpec::Store("sim".into()), resume: false, ..TlsSpec::default() };
    let spec = stack(mainstay_layers::OsTcpSpec::default()).layer(tls).build().unwrap();
    let target = Target::new("a.sim.example", 443);
    let mut rng = Rng::from_run(1);
    let client = Stack::new(Instant::ZERO, &spec, &target, &registry, &mut rng).unwrap();
    let server = Stack::accepted(Instant::ZERO, Some(&fixture::server(&[]).unwrap())).unwrap();
    (opened(client), opened(server))
}

pub(crate) fn bare_stacks() -> Pair {
    let side = || opened(Stack::accepted(Instant::ZERO, None).unwrap());
    (side(), side())
}
