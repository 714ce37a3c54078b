//! Sessions of both sides against each other, in memory.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_base::{Instant, Peer, Reason};
use mainstay_tls::{ClientConfig, Event, Info, ServerConfig, Version};

#[path = "shared/link.rs"]
mod link;
use link::{Authority, Side, client_options, connect, server_options};

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

// Covers LAY-242
#[test]
fn no_process_wide_provider_is_installed_or_needed() {
    let (client, server) = configs();
    assert!(connect(&client, &server).0.session.is_up());
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
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

// Covers LAY-259
#[test]
fn an_end_without_close_notify_is_believed_only_on_request() {
    let authority = Authority::new();
    let server = ServerConfig::new(server_options(&authority)).unwrap();
    let mut options = client_options(&authority);
    let (mut client, _) = connect(&ClientConfig::new(options.clone()).unwrap(), &server);
    client.session.handle_eof(Instant::ZERO);
    client.drain();
    assert_eq!(client.failure(), Some(Reason::Peer(Peer::Truncated)));
    options.tolerate_truncation = true;
    let (mut client, _) = connect(&ClientConfig::new(options).unwrap(), &server);
    client.session.handle_eof(Instant::ZERO);
    client.drain();
    assert_eq!((client.events.last(), client.failure()), (Some(&Event::PeerFinished), None));
}

#[test]
fn an_end_or_loss_during_the_handshake_fails_the_session() {
    let (config, _) = configs();
    let mut client = Side::client(&config, "server.test");
    client.session.handle_eof(Instant::ZERO);
    client.drain();
    assert_eq!(client.failure(), Some(Reason::Peer(Peer::Closed)));
    let mut client = Side::client(&config, "server.test");
    let lost = Reason::Network(mainstay_base::Network::Reset);
    client.session.handle_lost(Instant::ZERO, lost);
    client.drain();
    assert_eq!((client.failure(), client.session.wants_transmit()), (Some(lost), false));
}

// Covers LAY-253
#[test]
fn protocols_are_chosen_by_the_server_and_required_if_asked() {
    let authority = Authority::new();
    let of = |offer: &[&str], known: &[&str], require: bool| {
        let names = |names: &[&str]| names.iter().map(|n| n.as_bytes().to_vec()).collect();
        let mut options = client_options(&authority);
        (options.alpn, options.require_alpn) = (names(offer), require);
        let client = ClientConfig::new(options).unwrap();
        let mut options = server_options(&authority);
        options.alpn = names(known);
        connect(&client, &ServerConfig::new(options).unwrap())
    };
    let (client, server) = of(&["http/1.1", "h2"], &["h2", "http/1.1"], true);
    assert_eq!(client.info().alpn.as_deref(), Some(&b"h2"[..]));
    assert_eq!(server.info().alpn, client.info().alpn);
    assert_eq!(of(&["h2"], &[], false).0.info().alpn, None);
    assert_eq!(of(&["h2"], &[], true).0.failure(), Some(Reason::Peer(Peer::Alpn)));
    let (client, server) = of(&["h2"], &["mqtt"], false);
    // no_application_protocol. RFC 7301 §3.2.
    assert_eq!(client.failure(), Some(Reason::Peer(Peer::Alert(120))));
    assert_eq!(server.failure(), Some(Reason::Peer(Peer::Alpn)));
}

// Covers LAY-254, LAY-255, LAY-256
#[test]
fn a_session_is_resumed_by_its_own_configuration_and_server_only() {
    for version in [Version::Tls13, Version::Tls12] {
        let authority = Authority::new();
        let mut options = client_options(&authority);
        options.max = version;
        let client = ClientConfig::new(options.clone()).unwrap();
        let first = ServerConfig::new(server_options(&authority)).unwrap();
        assert!(!connect(&client, &first).0.info().resumed);
        let (again, server) = connect(&client, &first);
        assert!(again.info().resumed && server.info().resumed, "{version:?}");
        assert_eq!(again.info().peer_certificates.len(), 1);
        let counted = client.resumption();
        assert_eq!((counted.hits, counted.misses), (1, 1));
        // As after a restart: what was remembered went with the configuration.
        let other = ClientConfig::new(options.clone()).unwrap();
        assert!(!connect(&other, &first).0.info().resumed);
        let restarted = ServerConfig::new(server_options(&authority)).unwrap();
        let (mut full, mut server) = connect(&client, &restarted);
        assert!(!full.info().resumed, "a server that forgot");
        let wire = full.seal(b"works");
        server.give(wire, usize::MAX);
        assert_eq!(server.read, b"works");
        options.resume = false;
        let never = ClientConfig::new(options).unwrap();
        connect(&never, &first);
        assert!(!connect(&never, &first).0.info().resumed);
    }
}

#[test]
fn what_is_no_tls_is_refused_without_waiting_for_more() {
    let (config, server) = configs();
    for nonsense in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[22, 3, 3, 0xff, 0xff], b"SSH-2"] {
        let mut client = Side::client(&config, "server.test");
        client.out();
        client.give(nonsense.to_vec(), 1);
        assert!(matches!(client.failure(), Some(Reason::Peer(_))), "{:?}", client.events);
        let mut server = Side::server(&server);
        server.give(nonsense.to_vec(), usize::MAX);
        assert!(matches!(server.failure(), Some(Reason::Peer(_))));
    }
}

// Covers LAY-186, LAY-265
#[test]
fn a_handshake_message_that_never_ends_is_cut_off() {
    let (_, config) = configs();
    let mut server = Side::server(&config);
    // A ClientHello that claims 65 535 bytes, in records of 200.
    let mut record = vec![22, 3, 1, 0, 200, 1, 0, 0xff, 0xff];
    record.resize(205, 0);
    server.give(record, 50);
    let mut filler = vec![22, 3, 1, 0, 200];
    filler.resize(205, 0);
    for _ in 0..400 {
        server.give(filler.clone(), 50);
    }
    assert_eq!(server.failure(), Some(Reason::Peer(Peer::TooLarge)));
    assert!(server.session.is_over());
}

// Covers LAY-186
#[test]
fn a_flipped_bit_ends_the_session_and_never_reaches_the_reader() {
    let (client, server) = configs();
    for at in [0, 3, 4, 5, 20, 40] {
        let (mut client, mut server) = connect(&client, &server);
        let mut wire = client.seal(&[7; 64]);
        wire[at] ^= 0x40;
        server.give(wire, usize::MAX);
        let wire = client.seal(&[7; 20_000]);
        server.give(wire, 999);
        assert!(server.failure().is_some() && server.read.is_empty(), "flipped {at}");
        client.give(server.out(), usize::MAX);
        assert!(matches!(client.failure(), Some(Reason::Peer(Peer::Alert(_)))), "flipped {at}");
    }
}

#[test]
fn plaintext_a_slow_reader_keeps_outlives_the_turn() {
    let (client, server) = configs();
    let (mut client, mut server) = connect(&client, &server);
    let mut wire = client.seal(b"one two");
    wire.extend(client.seal(b" three"));
    let taken = server.session.handle_input(Instant::ZERO, &mut wire);
    assert_eq!(server.session.plain(&mut wire[..taken]), b"one two");
    server.session.consume(4);
    assert_eq!(server.session.handle_input(Instant::ZERO, &mut wire[taken..]), 0);
    server.session.keep(&wire[..taken]);
    wire[..taken].fill(0);
    let mut answer = Vec::new();
    assert_eq!(server.session.seal(Instant::ZERO, b"ok", &mut answer), 2);
    assert_eq!(server.session.plain(&mut []), b"two");
    server.session.consume(3);
    server.give(wire.split_off(taken), 3);
    assert_eq!(server.read, b" three");
}

// Covers LAY-262
#[test]
fn a_peer_that_changes_its_keys_is_followed() {
    // A library of its own as the peer: ours has no command to change keys.
    let authority = Authority::new();
    let config = ClientConfig::new(client_options(&authority)).unwrap();
    let identity = authority.identity("server.test");
    let key = rustls::pki_types::PrivateKeyDer::try_from(identity.key).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut peer = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.chain[0].clone().into()], key)
        .unwrap();
    // So that handshake messages, tickets included, span records.
    peer.max_fragment_size = Some(64);
    let mut peer = rustls::ServerConnection::new(std::sync::Arc::new(peer)).unwrap();
    let mut client = Side::client(&config, "server.test");
    let exchange = |client: &mut Side, peer: &mut rustls::ServerConnection| {
        for _ in 0..4 {
            let mut up = &client.out()[..];
            while !up.is_empty() {
                peer.read_tls(&mut up).unwrap();
                peer.process_new_packets().unwrap();
            }
            let mut down = Vec::new();
            while peer.wants_write() {
                peer.write_tls(&mut down).unwrap();
            }
            client.give(down, 7);
        }
    };
    exchange(&mut client, &mut peer);
    for round in 0..3 {
        peer.refresh_traffic_keys().unwrap();
        std::io::Write::write_all(&mut peer.writer(), b"after").unwrap();
        exchange(&mut client, &mut peer);
        assert_eq!(client.read, b"after".repeat(round + 1));
        let sealed = client.seal(b"back");
        peer.read_tls(&mut &sealed[..]).unwrap();
        peer.process_new_packets().unwrap();
        let mut back = [0; 4];
        std::io::Read::read_exact(&mut peer.reader(), &mut back).unwrap();
        assert_eq!(&back, b"back");
    }
}
