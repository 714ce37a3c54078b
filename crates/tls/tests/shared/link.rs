//! Two sessions and the wire between them, in memory, with the clumsiest permitted reader.
#![allow(dead_code, reason = "each test binary uses its part")]

use mainstay_base::{Instant, Reason};
use mainstay_tls::{
    ClientConfig, ClientOptions, Event, Identity, Info, ServerConfig, ServerOptions, Session,
    TrustStore, WallClock,
};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};

/// 2026-11-20, in the middle of what the certificates here are valid for.
pub(crate) const NOW: u64 = 1_795_132_800;

/// A certification authority of our own.
pub(crate) struct Authority(pub(crate) CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("test authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn trust(&self) -> TrustStore {
        let mut trust = TrustStore::new();
        trust.add(self.0.der()).unwrap();
        trust
    }

    /// An identity for `params`, signed by this authority.
    pub(crate) fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.0).unwrap();
        Identity { chain: vec![leaf.der().to_vec()], key: key.serialize_der() }
    }

    pub(crate) fn identity(&self, name: &str) -> Identity {
        self.sign(&params(name))
    }
}

/// An end entity's parameters, valid from 2020 to 2040.
pub(crate) fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    params.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ClientAuth);
    params
}

pub(crate) fn clock() -> WallClock {
    WallClock::new(Some(NOW))
}

pub(crate) fn client_options(authority: &Authority) -> ClientOptions {
    ClientOptions::new(authority.trust(), clock())
}

pub(crate) fn server_options(authority: &Authority) -> ServerOptions {
    ServerOptions::new(vec![authority.identity("server.test")], clock())
}

/// One side with everything it said.
pub(crate) struct Side {
    pub(crate) session: Session,
    pub(crate) events: Vec<Event>,
    pub(crate) read: Vec<u8>,
}

impl Side {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, events: Vec::new(), read: Vec::new() }
    }

    pub(crate) fn client(config: &ClientConfig, name: &str) -> Self {
        Self::new(Session::client(config, name).unwrap())
    }

    pub(crate) fn server(config: &ServerConfig) -> Self {
        Self::new(Session::server(config).unwrap())
    }

    /// Gives all of `bytes`, in pieces of `piece`, and drains in the order of the contract.
    pub(crate) fn give(&mut self, mut bytes: Vec<u8>, piece: usize) {
        for chunk in bytes.chunks_mut(piece) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let taken = self.session.handle_input(Instant::ZERO, rest);
                assert_ne!(taken, 0, "takes whatever comes once drained");
                let (unit, after) = rest.split_at_mut(taken);
                self.drain();
                loop {
                    let plain = self.session.plain(unit);
                    let len = plain.len().min(1000);
                    self.read.extend_from_slice(&plain[..len]);
                    if len == 0 {
                        break;
                    }
                    self.session.consume(len);
                }
                self.drain();
                rest = after;
            }
        }
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        self.events.extend(core::iter::from_fn(|| self.session.poll_event()));
    }

    pub(crate) fn out(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.session.wants_transmit() {
            self.session.poll_transmit(Instant::ZERO, &mut out, 700);
        }
        out
    }

    pub(crate) fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(self.session.seal(Instant::ZERO, plain, &mut out), plain.len());
        out
    }

    pub(crate) fn info(&self) -> &Info {
        let up = self.events.iter().find_map(|event| match event {
            Event::Up(info) => Some(info),
            Event::PeerFinished | Event::Failed(_) => None,
        });
        up.expect("up")
    }

    pub(crate) fn failure(&self) -> Option<Reason> {
        self.events.iter().find_map(|event| match event {
            Event::Failed(reason) => Some(*reason),
            Event::PeerFinished | Event::Up(_) => None,
        })
    }
}

/// Carries bytes both ways until nobody has more.
pub(crate) fn run(client: &mut Side, server: &mut Side, piece: usize) {
    for _ in 0..20 {
        let (up, down) = (client.out(), server.out());
        if up.is_empty() && down.is_empty() {
            break;
        }
        server.give(up, piece);
        client.give(down, piece);
    }
    client.drain();
    server.drain();
}

/// Both ends of a connection that is up.
pub(crate) fn connect(client: &ClientConfig, server: &ServerConfig) -> (Side, Side) {
    let mut client = Side::client(client, "server.test");
    let mut server = Side::server(server);
    run(&mut client, &mut server, usize::MAX);
    (client, server)
}
