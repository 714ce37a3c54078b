//! A stack, its peers, and the wire between them, in memory.
#![allow(dead_code, reason = "each test binary uses its part")]

use mainstay_base::{Instant, Reason, Rng};
use mainstay_layers::{ConnInfo, Event, Registry, Stack, StackSpec, Target, TlsSpec, TrustSpec};
use mainstay_tls::{Identity, ServerConfig, ServerOptions, TrustStore, WallClock};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};

/// 2026-11-20, in the middle of what the certificates here are valid for.
pub(crate) const NOW: u64 = 1_795_132_800;

/// A certification authority of our own.
pub(crate) struct Authority(pub(crate) CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn trust(&self) -> TrustStore {
        let mut trust = TrustStore::new();
        trust.add(self.0.der()).unwrap();
        trust
    }

    pub(crate) fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.0).unwrap();
        Identity { chain: vec![leaf.der().to_vec()], key: key.serialize_der() }
    }

    /// A server called `name` that speaks `alpn`.
    pub(crate) fn server(&self, name: &str, alpn: &[&str]) -> ServerConfig {
        let clock = WallClock::new(Some(NOW));
        let mut options = ServerOptions::new(vec![self.identity(name)], clock);
        options.alpn = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        ServerConfig::new(options).unwrap()
    }

    /// A registry that calls this authority `test`.
    pub(crate) fn registry(&self) -> Registry {
        let mut registry = Registry::new(WallClock::new(Some(NOW)));
        registry.set_trust("test", self.trust());
        registry
    }
}

/// A `tls` layer that believes the store called `test`.
pub(crate) fn tls() -> TlsSpec {
    TlsSpec { trust: TrustSpec::Store("test".to_owned()), ..TlsSpec::default() }
}

/// One side with everything it said.
pub(crate) struct Side {
    pub(crate) stack: Stack,
    pub(crate) events: Vec<Event>,
    pub(crate) read: Vec<u8>,
}

impl Side {
    pub(crate) fn client(spec: &StackSpec, target: &Target, registry: &Registry) -> Self {
        let rng = &mut Rng::from_run(1);
        Self::new(Stack::new(Instant::ZERO, spec, target, registry, rng).unwrap())
    }

    pub(crate) fn server(tls: Option<&ServerConfig>) -> Self {
        Self::new(Stack::accepted(Instant::ZERO, tls).unwrap())
    }

    pub(crate) fn new(mut stack: Stack) -> Self {
        stack.handle_opened(Instant::ZERO);
        Self { stack, events: Vec::new(), read: Vec::new() }
    }

    /// Gives all of `bytes`, in pieces of `piece`, and drains in the order of the contract.
    pub(crate) fn give(&mut self, mut bytes: Vec<u8>, piece: usize) {
        for chunk in bytes.chunks_mut(piece) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let taken = self.stack.handle_input(Instant::ZERO, rest);
                assert_ne!(taken, 0, "takes whatever comes once drained");
                let (unit, after) = rest.split_at_mut(taken);
                self.drain();
                loop {
                    let plain = self.stack.plain(unit);
                    let len = plain.len().min(1000);
                    if len == 0 {
                        break;
                    }
                    self.read.extend_from_slice(&plain[..len]);
                    self.stack.consume(len);
                }
                self.drain();
                rest = after;
            }
        }
    }

    pub(crate) fn drain(&mut self) {
        self.events.extend(core::iter::from_fn(|| self.stack.poll_event()));
    }

    pub(crate) fn out(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.stack.wants_transmit() {
            self.stack.poll_transmit(Instant::ZERO, &mut out, 99);
        }
        out
    }

    pub(crate) fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(self.stack.seal(Instant::ZERO, plain, &mut out), plain.len());
        out
    }

    pub(crate) fn info(&mut self) -> ConnInfo {
        self.drain();
        let up = self.events.iter().find_map(|event| match event {
            Event::Up(info) => Some((**info).clone()),
            Event::PeerFinished | Event::Failed(_) => None,
        });
        up.expect("up")
    }

    pub(crate) fn failure(&mut self) -> Option<Reason> {
        self.drain();
        self.events.iter().find_map(|event| match event {
            Event::Failed(reason) => Some(*reason),
            Event::PeerFinished | Event::Up(_) => None,
        })
    }
}

/// Carries bytes both ways until nobody has more.
pub(crate) fn run(client: &mut Side, server: &mut Side, piece: usize) {
    for _ in 0..30 {
        let (up, down) = (client.out(), server.out());
        if up.is_empty() && down.is_empty() {
            break;
        }
        server.give(up, piece);
        client.give(down, piece);
    }
}
