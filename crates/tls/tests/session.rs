//! Sessions of both sides against each other, in memory.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_base::{Instant, Local, Peer, Reason};
use mainstay_tls::{
    ClientAuth, ClientConfig, Event, Info, Pin, ServerConfig, UnknownName, Version, WallClock,
};

#[path = "shared/link.rs"]
mod link;
use link::{Authority, Side, client_options, connect, run, server_options};

fn configs() -> (ClientConfig, ServerConfig) {
    let authority = Authority::new();
    let client = ClientConfig::new(client_options(&authority)).unwrap();
    (client, ServerConfig::new(server_options(&authority)).unwrap())
}

// Covers LAY-241, LAY-243
#[test]
fn both_versions_carry_payload_both_ways() {
    for (version, cipher) in [(Version::Tls13, "TLS13"), (Version::Tls12, "TLS_ECDHE")] {
        let authority = Authority::new();
        let mut options = client_options(&authority);
        options.max = version;
        let client = ClientConfig::new(options).unwrap();
        let server = ServerConfig::new(server_options(&authority)).unwrap();
        let (mut client, mut server) = connect(&client, &server);
        let info: &Info = client.info();
        assert_eq!(info.version, version);
        assert!(info.cipher.starts_with(cipher), "{}", info.cipher);
        assert_eq!(info.peer_certificates.len(), 1);
        assert!(!info.resumed);
        let text: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let sealed = client.seal(&text);
        server.give(sealed, usize::MAX);
        assert!(server.read == text);
        let sealed = server.seal(b"answer");
        client.give(sealed, 1);
        assert_eq!(client.read, b"answer");
    }
}

// Covers LAY-241
#[test]
fn a_session_for_1_3_only_refuses_1_2() {
    let authority = Authority::new();
    let mut options = client_options(&authority);
    options.min = Version::Tls13;
    let client = ClientConfig::new(options).unwrap();
    let mut options = server_options(&authority);
    options.max = Version::Tls12;
    let (client, server) = connect(&client, &ServerConfig::new(options).unwrap());
    assert_eq!(client.failure(), Some(Reason::Peer(Peer::TlsIncompatible)));
    assert_eq!(server.failure(), Some(Reason::Peer(Peer::TlsIncompatible)));
}

#[test]
fn close_notify_ends_each_direction_on_its_own() {
    let (client, server) = configs();
    let (mut client, mut server) = connect(&client, &server);
    let mut wire = client.seal(b"last words");
    client.session.finish(Instant::ZERO);
    client.session.finish(Instant::ZERO);
    wire.extend(client.out());
    server.give(wire, usize::MAX);
    assert_eq!(server.read, b"last words");
    assert_eq!(server.events.last(), Some(&Event::PeerFinished));
    server.session.handle_eof(Instant::ZERO);
    let wire = server.seal(b"still here");
    client.give(wire, usize::MAX);
    assert_eq!(client.read, b"still here");
    let mut nothing = Vec::new();
    assert_eq!(client.session.seal(Instant::ZERO, b"no", &mut nothing), 0);
    assert!(nothing.is_empty());
}
