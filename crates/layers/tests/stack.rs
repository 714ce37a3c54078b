//! Stacks end to end in memory: bare, through TLS, and over the memory transport.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::time::Duration;

use mainstay_base::{Certificate, Instant, Local, Network, Peer, Phase, Policy, Reason, Rng};
use mainstay_layers::memory::{End, Pair, Read};
use mainstay_layers::{
    Event, IdentitySpec, MemSpec, OsTcpSpec, Registry, Secret, Stack, StackSpec, Target, TlsSpec,
    TrustSpec, stack,
};
use mainstay_tls::WallClock;

#[path = "shared/wire.rs"]
mod wire;
use wire::{Authority, NOW, Side, run, tls};

fn tls_spec(tls: TlsSpec) -> StackSpec {
    stack(OsTcpSpec::default()).layer(tls).build().unwrap()
}

fn target() -> Target {
    Target::new("server.test", 443)
}

// Covers LAY-179, LAY-230
#[test]
fn a_bare_stack_is_transparent_at_once() {
    let registry = Registry::new(WallClock::new(None));
    let rng = &mut Rng::from_run(1);
    let mut stack =
        Stack::new(Instant::ZERO, &StackSpec::os_tcp(), &target(), &registry, rng).unwrap();
    assert_eq!((stack.handle_input(Instant::ZERO, &mut [1]), stack.phase()), (0, Phase::Connect));
    let mut client = Side::new(stack);
    assert!(client.stack.is_transparent() && client.info().tls.is_none());
    client.give(b"payload".to_vec(), 3);
    assert_eq!(client.read, b"payload");
    assert_eq!(client.seal(b"out"), b"out");
    client.stack.handle_eof(Instant::ZERO);
    client.stack.handle_eof(Instant::ZERO);
    client.drain();
    assert_eq!(client.events.len(), 2);
    assert_eq!(client.events.last(), Some(&Event::PeerFinished));
    assert_eq!(client.seal(b"reading is over, writing is not").len(), 31);
}

// Covers LAY-177, LAY-253
#[test]
fn tls_on_a_bare_base_carries_payload_and_endings() {
    let authority = Authority::new();
    let registry = authority.registry();
    let mut wanted = target();
    wanted.alpn = vec![b"h2".to_vec()];
    let mut client = Side::client(&tls_spec(tls()), &wanted, &registry);
    let mut server = Side::server(Some(&authority.server("server.test", &["h2"])));
    run(&mut client, &mut server, 100);
    assert_eq!(client.info().alpn(), Some(&b"h2"[..]));
    assert!(!client.stack.is_transparent() && client.stack.poll_timeout().is_none());
    let wire = client.seal(b"last");
    server.give(wire, 2);
    client.stack.finish(Instant::ZERO);
    client.stack.finish(Instant::ZERO);
    let mut nothing = Vec::new();
    assert_eq!(client.stack.seal(Instant::ZERO, b"x", &mut nothing), 0);
    server.give(client.out(), 2);
    server.stack.handle_eof(Instant::ZERO);
    server.drain();
    assert_eq!(
        (server.read.as_slice(), server.events.last()),
        (&b"last"[..], Some(&Event::PeerFinished))
    );
    let wire = server.seal(b"after");
    client.give(wire, 9);
    assert_eq!(client.read, b"after");
}

// Covers LAY-259
#[test]
fn an_end_below_tls_is_no_end() {
    let authority = Authority::new();
    let mut client = Side::client(&tls_spec(tls()), &target(), &authority.registry());
    let mut server = Side::server(Some(&authority.server("server.test", &[])));
    run(&mut client, &mut server, usize::MAX);
    client.stack.handle_eof(Instant::ZERO);
    assert_eq!(client.failure(), Some(Reason::Peer(Peer::Truncated)));
}

// Covers LAY-182, LAY-268
#[test]
fn a_handshake_has_ten_seconds_from_its_own_beginning() {
    let registry = Authority::new().registry();
    let rng = &mut Rng::from_run(1);
    let mut stack = Stack::new(Instant::ZERO, &tls_spec(tls()), &target(), &registry, rng).unwrap();
    assert_eq!(stack.poll_timeout(), None, "connecting is the pool's");
    stack.handle_opened(Instant::from_millis(5_000));
    assert_eq!(stack.poll_timeout(), Some(Instant::from_millis(15_000)));
    stack.handle_timeout(Instant::from_millis(14_999));
    assert_eq!(stack.poll_event(), None);
    stack.handle_timeout(Instant::from_millis(15_000));
    let late = Reason::Local(Local::TimedOut(Phase::Handshake));
    assert_eq!(stack.poll_event(), Some(Event::Failed(late)));
    let mut server =
        Stack::accepted(Instant::ZERO, Some(&Authority::new().server("a.test", &[]))).unwrap();
    server.handle_opened(Instant::ZERO);
    server.handle_timeout(Instant::from_millis(10_000));
    assert_eq!(server.poll_event(), Some(Event::Failed(late)));
}

#[test]
fn an_untrusted_peer_fails_the_stack_and_is_told() {
    let authority = Authority::new();
    let mut client = Side::client(&tls_spec(tls()), &target(), &authority.registry());
    let mut server = Side::server(Some(&authority.server("other.test", &[])));
    run(&mut client, &mut server, 1);
    let wrong = Reason::Peer(Peer::Certificate(Certificate::WrongName));
    assert_eq!(client.failure(), Some(wrong));
    assert!(matches!(server.failure(), Some(Reason::Peer(Peer::Alert(_)))));
    client.give(vec![1; 10], 10);
    client.stack.handle_lost(Instant::ZERO, Reason::Network(Network::Reset));
    client.drain();
    assert_eq!(client.events.len(), 1, "inert when over");
}

// Covers LAY-246
#[test]
fn the_name_is_the_layers_then_the_targets_override_then_the_host() {
    let authority = Authority::new();
    let registry = authority.registry();
    let with = |name: Option<&str>, server_name: Option<&str>, certificate: &str| {
        let spec = TlsSpec { name: name.map(str::to_owned), ..tls() };
        let mut target = target();
        target.server_name = server_name.map(str::to_owned);
        let mut client = Side::client(&tls_spec(spec), &target, &registry);
        let mut server = Side::server(Some(&authority.server(certificate, &[])));
        run(&mut client, &mut server, usize::MAX);
        client.failure()
    };
    assert_eq!(with(Some("a.test"), Some("b.test"), "a.test"), None);
    assert_eq!(with(None, Some("b.test"), "b.test"), None);
    assert_eq!(with(None, None, "server.test"), None);
    assert!(with(None, Some("b.test"), "server.test").is_some());
}

// Covers LAY-196, LAY-254
#[test]
fn a_replaced_store_affects_new_connections_only() {
    let authority = Authority::new();
    let mut registry = authority.registry();
    let server_config = authority.server("server.test", &[]);
    let open = |registry: &Registry| {
        let mut client = Side::client(&tls_spec(tls()), &target(), registry);
        let mut server = Side::server(Some(&server_config));
        run(&mut client, &mut server, usize::MAX);
        (client, server)
    };
    let (mut old, mut server) = open(&registry);
    assert!(open(&registry).0.info().tls.unwrap().resumed, "equal parameters share sessions");
    registry.set_trust("test", mainstay_tls::TrustStore::new());
    let rng = &mut Rng::from_run(1);
    let new = Stack::new(Instant::ZERO, &tls_spec(tls()), &target(), &registry, rng);
    assert_eq!(new.err(), Some(Reason::Policy(Policy::Trust)));
    let wire = old.seal(b"lives on");
    server.give(wire, usize::MAX);
    assert_eq!(server.read, b"lives on");
    registry.set_trust("test", authority.trust());
    assert!(!open(&registry).0.info().tls.unwrap().resumed, "a changed store resumes nothing");
}

// Covers LAY-247
#[test]
fn trust_comes_from_the_platform_a_name_or_pem() {
    let authority = Authority::new();
    let server_config = authority.server("server.test", &[]);
    let mut registry = Registry::new(WallClock::new(Some(NOW)));
    let open = |trust: TrustSpec, registry: &Registry| {
        let spec = tls_spec(TlsSpec { trust, ..TlsSpec::default() });
        let rng = &mut Rng::from_run(1);
        let mut client = Side::new(Stack::new(Instant::ZERO, &spec, &target(), registry, rng)?);
        let mut server = Side::server(Some(&server_config));
        run(&mut client, &mut server, usize::MAX);
        client.failure().map_or(Ok(()), Err)
    };
    let missing = Err(Reason::Policy(Policy::Trust));
    assert_eq!(open(TrustSpec::Os, &registry), missing);
    assert_eq!(open(TrustSpec::Store("site".to_owned()), &registry), missing);
    assert_eq!(open(TrustSpec::Pem(authority.0.pem()), &registry), Ok(()));
    registry.set_platform_roots(authority.trust());
    registry.set_trust("site", authority.trust());
    assert_eq!(open(TrustSpec::Os, &registry), Ok(()));
    assert_eq!(open(TrustSpec::Store("site".to_owned()), &registry), Ok(()));
    let key = Secret("no key".to_owned());
    let identity = Some(IdentitySpec::Pem { cert: authority.0.pem(), key });
    let spec = tls_spec(TlsSpec { identity, ..TlsSpec::default() });
    let rng = &mut Rng::from_run(1);
    let stack = Stack::new(Instant::ZERO, &spec, &target(), &registry, rng);
    assert_eq!(stack.err(), Some(Reason::Policy(Policy::Trust)));
}

// Covers LAY-216
#[test]
fn a_reader_that_stops_stops_the_sender_over_memory() {
    let authority = Authority::new();
    let spec = MemSpec {
        latency: Duration::from_millis(3),
        chunk: Some(900),
        ring: 8192,
        ..MemSpec::new("server")
    };
    let mut pair = Pair::new(&spec);
    let stack_spec = stack(spec).layer(tls()).build().unwrap();
    let mut client = Side::client(&stack_spec, &target(), &authority.registry());
    let mut server = Side::server(Some(&authority.server("server.test", &[])));
    let mut now = Instant::ZERO;
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let mut accepted = 0;
    for round in 0..4000 {
        up.extend(client.out());
        down.extend(server.out());
        if client.stack.is_up() && up.len() < 4096 && accepted < 200_000 {
            up.extend(client.seal(&[5; 1000]));
            accepted += 1000;
        }
        up.drain(..pair.write(now, End::Client, &up));
        down.drain(..pair.write(now, End::Server, &down));
        now += Duration::from_millis(1);
        // For a while nobody reads: the ring and one write are all that is taken.
        if (500..1500).contains(&round) && server.stack.is_up() {
            assert!(accepted - server.read.len() < 8192 + 4096 + 1000 + 2 * 900);
        } else {
            pull(&mut pair, now, End::Server, &mut server);
        }
        pull(&mut pair, now, End::Client, &mut client);
    }
    assert_eq!(server.read.len(), 200_000);
}

fn pull(pair: &mut Pair, now: Instant, end: End, side: &mut Side) {
    let mut bytes = Vec::new();
    while let Read::Bytes(_) = pair.read(now, end, &mut bytes, 4096) {}
    side.give(bytes, usize::MAX);
    side.drain();
}
