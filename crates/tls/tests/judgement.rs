//! Who is believed, and what is said of those who are not.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_base::{Certificate, Local, Peer, Reason};
use mainstay_tls::{
    ClientAuth, ClientConfig, ClientOptions, ConfigFault, Event, Identity, Misuse, Pin, PinMode,
    ServerConfig, ServerOptions, Session, TrustStore, UnknownName, Version, WallClock,
};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};

#[path = "shared/link.rs"]
mod link;
use link::{Authority, NOW, Side, client_options, clock, connect, params, run, server_options};

/// What a client that goes by `options` says of a server called `server.test` that is `identity`.
fn judge(options: ClientOptions, identity: Identity) -> Option<Reason> {
    let server = ServerOptions::new(vec![identity], clock());
    let server = ServerConfig::new(server).unwrap();
    connect(&ClientConfig::new(options).unwrap(), &server).0.failure()
}

const fn refused(why: Certificate) -> Option<Reason> {
    Some(Reason::Peer(Peer::Certificate(why)))
}

fn self_signed(params: &CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    let leaf = params.self_signed(&key).unwrap();
    Identity { chain: vec![leaf.der().to_vec()], key: key.serialize_der() }
}

// Covers LAY-249, LAY-260
#[test]
fn every_bad_certificate_is_refused_with_its_reason() {
    let authority = Authority::new();
    let of = |change: fn(&mut CertificateParams)| {
        let mut params = params("server.test");
        change(&mut params);
        judge(client_options(&authority), authority.sign(&params))
    };
    assert_eq!(of(|_| {}), None);
    let expired = of(|params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    assert_eq!(expired, refused(Certificate::Expired));
    let early = of(|params| params.not_before = rcgen::date_time_ymd(2039, 1, 1));
    assert_eq!(early, refused(Certificate::NotYetValid));
    let elsewhere = authority.identity("other.test");
    assert_eq!(judge(client_options(&authority), elsewhere), refused(Certificate::WrongName));
    let usage = of(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    assert_eq!(usage, refused(Certificate::WrongUsage));
    let common_name_only = of(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, "server.test");
    });
    assert_eq!(common_name_only, refused(Certificate::WrongName));
    let stranger = Authority::named("stranger").identity("server.test");
    assert_eq!(judge(client_options(&authority), stranger), refused(Certificate::UnknownIssuer));
    for authority_bit in [false, true] {
        let mut params = params("server.test");
        if authority_bit {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let alone = self_signed(&params);
        assert_eq!(judge(client_options(&authority), alone), refused(Certificate::UnknownIssuer));
    }
    let mut forged = authority.identity("server.test");
    let last = forged.chain[0].last_mut().unwrap();
    *last ^= 1;
    assert_eq!(judge(client_options(&authority), forged), refused(Certificate::BadSignature));
}

// Covers LAY-260
#[test]
fn the_refused_server_is_told_by_alert() {
    let authority = Authority::new();
    let client = ClientConfig::new(client_options(&Authority::named("stranger"))).unwrap();
    let server = ServerConfig::new(server_options(&authority)).unwrap();
    let (client, server) = connect(&client, &server);
    assert_eq!(client.failure(), refused(Certificate::UnknownIssuer));
    // unknown_ca. RFC 8446 §6.
    assert_eq!(server.failure(), Some(Reason::Peer(Peer::Alert(48))));
}

// Covers LAY-249
#[test]
fn a_common_name_counts_only_when_allowed_and_alone() {
    let authority = Authority::new();
    let mut options = client_options(&authority);
    options.trust.set_allow_common_name(true);
    let mut params = params("other.test");
    params.distinguished_name.push(DnType::CommonName, "Server.Test");
    let with_dns_name = judge(options.clone(), authority.sign(&params));
    assert_eq!(with_dns_name, refused(Certificate::WrongName));
    params.subject_alt_names.clear();
    assert_eq!(judge(options, authority.sign(&params)), None);
}

// Covers LAY-251
#[test]
fn the_wall_clock_decides_and_not_the_operating_system() {
    let authority = Authority::new();
    let at = |set: fn(&WallClock)| {
        let mut options = client_options(&authority);
        options.clock = WallClock::new(None);
        set(&options.clock);
        judge(options, authority.identity("server.test"))
    };
    assert_eq!(at(|_| {}), Some(Reason::Local(Local::NoTime)));
    assert_eq!(at(|clock| clock.set(Some(0))), refused(Certificate::NotYetValid));
    assert_eq!(at(|clock| clock.set(Some(2_208_988_801))), refused(Certificate::Expired));
    assert_eq!(at(|clock| clock.set(Some(NOW))), None);
    assert_eq!(at(|clock| clock.set_floor(0)), None);
    assert_eq!(at(|clock| clock.set_floor(2_208_988_801)), refused(Certificate::Expired));
}

// Covers LAY-252
#[test]
fn a_clock_step_leaves_established_sessions_alone() {
    let authority = Authority::new();
    let options = client_options(&authority);
    let clock = options.clock.clone();
    let client = ClientConfig::new(options).unwrap();
    let server_config = ServerConfig::new(server_options(&authority)).unwrap();
    let (mut old, mut server) = connect(&client, &server_config);
    clock.set(Some(2_300_000_000));
    let wire = old.seal(b"still here");
    server.give(wire, usize::MAX);
    assert_eq!(server.read, b"still here");
    // A fresh configuration has no session to resume, so the certificate is judged.
    let mut options = client_options(&authority);
    options.clock = clock;
    let new = connect(&ClientConfig::new(options).unwrap(), &server_config).0;
    assert_eq!(new.failure(), refused(Certificate::Expired));
}

// Covers LAY-248
#[test]
fn a_listed_self_signed_end_entity_is_accepted_as_it_is() {
    for authority_bit in [false, true] {
        let mut leaf = params("server.test");
        if authority_bit {
            leaf.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let with = |leaf: &CertificateParams, anchor: bool, at: u64| {
            let identity = self_signed(leaf);
            let mut trust = TrustStore::new();
            trust.add(&identity.chain[0]).unwrap();
            trust.set_leaf_anchor(anchor);
            judge(ClientOptions::new(trust, WallClock::new(Some(at))), identity)
        };
        assert_eq!(with(&leaf, true, NOW), None);
        assert_eq!(with(&leaf, true, 0), refused(Certificate::NotYetValid));
        assert_eq!(with(&leaf, true, 2_300_000_000), refused(Certificate::Expired));
        if authority_bit {
            assert!(with(&leaf, false, NOW).is_some(), "path building rejects it");
        }
        let mut other = leaf.clone();
        other.subject_alt_names = params("other.test").subject_alt_names;
        assert_eq!(with(&other, true, NOW), refused(Certificate::WrongName));
    }
}

// Covers LAY-247
#[test]
fn pins_hold_with_roots_or_alone() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let leaf = params("server.test").signed_by(&key, &authority.0).unwrap();
    let identity = Identity { chain: vec![leaf.der().to_vec()], key: key.serialize_der() };
    let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
    let digest = rustls_sha256(&spki);
    let with = |pins: &[Pin], mode, trust: TrustStore| {
        let mut options = ClientOptions::new(trust, clock());
        pins.iter().for_each(|pin| options.trust.add_pin(pin.clone()));
        options.trust.set_pin_mode(mode);
        judge(options, identity.clone())
    };
    let good = [Pin::PublicKey(digest), Pin::Leaf(identity.chain[0].clone())];
    let bad = Pin::PublicKey([7; 32]);
    for pin in &good {
        assert_eq!(with(&[bad.clone(), pin.clone()], PinMode::And, authority.trust()), None);
        assert_eq!(with(core::slice::from_ref(pin), PinMode::PinOnly, TrustStore::new()), None);
        let strangers = Authority::named("stranger").trust();
        let chain = with(core::slice::from_ref(pin), PinMode::And, strangers);
        assert_eq!(chain, refused(Certificate::UnknownIssuer));
    }
    for mode in [PinMode::And, PinMode::PinOnly] {
        assert_eq!(
            with(core::slice::from_ref(&bad), mode, authority.trust()),
            refused(Certificate::Pin)
        );
    }
}

fn rustls_sha256(bytes: &[u8]) -> [u8; 32] {
    let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    suite.tls13().unwrap().common.hash_provider.hash(bytes).as_ref().try_into().unwrap()
}

// Covers LAY-261
#[test]
fn a_revoked_or_unlisted_certificate_is_refused() {
    let authority = Authority::new();
    let lists = |serials: &[u8]| {
        let revoked = serials.iter().map(|&serial| rcgen::RevokedCertParams {
            serial_number: vec![serial].into(),
            revocation_time: rcgen::date_time_ymd(2025, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2025, 1, 1),
            next_update: rcgen::date_time_ymd(2035, 1, 1),
            crl_number: vec![1].into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        }
    };
    let with = |serials: &[u8], serial: u8| {
        let mut options = client_options(&authority);
        let list = lists(serials).signed_by(&authority.0).unwrap();
        options.trust.add_revocation_list(list.der());
        let mut params = params("server.test");
        params.serial_number = Some(vec![serial].into());
        judge(options, authority.sign(&params))
    };
    assert_eq!(with(&[5, 6], 6), refused(Certificate::Revoked));
    assert_eq!(with(&[5, 6], 7), None);
}

// Covers LAY-268
#[test]
fn a_chain_of_more_than_ten_certificates_is_too_much() {
    let authority = Authority::new();
    let with = |count| {
        let mut identity = authority.identity("server.test");
        identity.chain.resize(count, authority.0.der().to_vec());
        judge(client_options(&authority), identity)
    };
    assert_eq!(with(10), None);
    assert_eq!(with(11), Some(Reason::Peer(Peer::TooLarge)));
}

// Covers LAY-245
#[test]
fn a_client_shows_its_certificate_when_asked() {
    let authority = Authority::new();
    for (version, optional) in
        [(Version::Tls13, false), (Version::Tls12, false), (Version::Tls13, true)]
    {
        let mut options = server_options(&authority);
        options.client_auth = match optional {
            true => ClientAuth::Optional(authority.trust()),
            false => ClientAuth::Required(authority.trust()),
        };
        let server = ServerConfig::new(options).unwrap();
        let mut options = client_options(&authority);
        options.max = version;
        let (without, refusing) = connect(&ClientConfig::new(options.clone()).unwrap(), &server);
        if optional {
            assert!(refusing.info().peer_certificates.is_empty());
        } else {
            assert_eq!(refusing.failure(), refused(Certificate::Missing));
            // certificate_required. RFC 8446 §6.2.
            assert_eq!(without.failure(), Some(Reason::Peer(Peer::Alert(116))));
        }
        let identity = authority.identity("client.test");
        options.identity = Some(identity.clone());
        let (_, accepting) = connect(&ClientConfig::new(options).unwrap(), &server);
        assert_eq!(accepting.info().peer_certificates, identity.chain);
    }
}

// Covers LAY-244
#[test]
fn the_server_chooses_its_identity_by_name() {
    let authority = Authority::new();
    let identities = ["default.test", "*.wild.test", "exact.test"].map(|n| authority.identity(n));
    let mut options = ServerOptions::new(identities.to_vec(), clock());
    let ask = |options: &ServerOptions, name: &str| {
        let server = ServerConfig::new(options.clone()).unwrap();
        let client = ClientConfig::new(client_options(&authority)).unwrap();
        let (mut client, mut server) = (Side::client(&client, name), Side::server(&server));
        run(&mut client, &mut server, usize::MAX);
        (client.failure(), client.events)
    };
    let leaf = |events: &[Event]| match &events[0] {
        Event::Up(info) => info.peer_certificates[0].clone(),
        other @ (Event::PeerFinished | Event::Failed(_)) => panic!("{other:?}"),
    };
    for (name, at) in [("exact.test", 2), ("a.wild.test", 1), ("default.test", 0)] {
        assert_eq!(leaf(&ask(&options, name).1), identities[at].chain[0], "{name}");
    }
    assert_eq!(ask(&options, "other.test").0, refused(Certificate::WrongName));
    options.unknown_name = UnknownName::Reject;
    assert!(matches!(ask(&options, "other.test").0, Some(Reason::Peer(Peer::Alert(_)))));
}

// Covers LAY-246
#[test]
fn an_address_is_judged_as_an_address() {
    let authority = Authority::new();
    let client = ClientConfig::new(client_options(&authority)).unwrap();
    let with = |san: &str, name: &str| {
        let options = ServerOptions::new(vec![authority.identity(san)], clock());
        let server = ServerConfig::new(options).unwrap();
        let (mut client, mut server) = (Side::client(&client, name), Side::server(&server));
        run(&mut client, &mut server, usize::MAX);
        client.failure()
    };
    assert_eq!(with("192.0.2.1", "192.0.2.1"), None);
    assert_eq!(with("2001:db8::1", "2001:db8::1"), None);
    assert_eq!(with("192.0.2.1", "192.0.2.2"), refused(Certificate::WrongName));
    assert_eq!(with("server.test", "server.test."), None);
    for bad in ["", "a b", "-", "[::1]"] {
        assert_eq!(Session::client(&client, bad).err(), Some(Misuse::ServerName), "{bad:?}");
    }
}

// Covers LAY-243
#[test]
fn a_configuration_that_cannot_work_is_refused_at_once() {
    let authority = Authority::new();
    let fault = |change: fn(&mut ClientOptions)| {
        let mut options = client_options(&authority);
        change(&mut options);
        ClientConfig::new(options).err()
    };
    assert_eq!(fault(|_| {}), None);
    assert_eq!(fault(|options| options.trust = TrustStore::new()), Some(ConfigFault::NoTrust));
    assert_eq!(fault(|options| options.alpn = vec![vec![]]), Some(ConfigFault::Alpn));
    let versions = fault(|options| (options.min, options.max) = (Version::Tls13, Version::Tls12));
    assert_eq!(versions, Some(ConfigFault::Versions));
    let mut options = client_options(&authority);
    let (mut mixed, other) = (authority.identity("a.test"), authority.identity("b.test"));
    mixed.key = other.key;
    options.identity = Some(mixed);
    assert_eq!(ClientConfig::new(options).err(), Some(ConfigFault::Identity));
    let none = ServerConfig::new(ServerOptions::new(Vec::new(), clock()));
    assert_eq!(none.err(), Some(ConfigFault::NoIdentity));
    assert_eq!(TrustStore::new().add(b"no"), Err(ConfigFault::Certificate));
}

#[test]
fn an_identity_and_a_store_are_read_from_pem() {
    let key = KeyPair::generate().unwrap();
    let certificate = params("server.test").self_signed(&key).unwrap();
    let identity =
        Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    assert_eq!(identity.chain, [certificate.der().to_vec()]);
    assert!(!format!("{identity:?}").contains(&format!("{:?}", &identity.key[..4])));
    let mut trust = TrustStore::new();
    assert_eq!(trust.add_pem(certificate.pem().repeat(2).as_bytes()), Ok(2));
    assert_eq!(judge(ClientOptions::new(trust, clock()), identity), None);
}
