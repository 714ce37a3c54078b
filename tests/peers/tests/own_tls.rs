//! openssl's client and server, unmodified, over our own TCP on a TUN, with a router and a link between that loses one
//! frame in a hundred.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

// Deferred LAY-319: all of LAY-313 to LAY-318 but early data (LAY-257, LAY-258), which TLS here does not have, and the C twins.

#[path = "own_tls/secure.rs"]
mod secure;

use mainstay_base::{Certificate, Peer, Reason};
use mainstay_host::own::WireKind;
use mainstay_layers::{IdentitySpec, Registry, TlsSpec, TrustSpec};
use mainstay_peer_tests::own::{BEHIND, Lan, OURS, Routed, Shape, Stack};
use mainstay_peer_tests::pressure::is_full;
use mainstay_test_support::peers::Openssl;
use mainstay_test_support::{Leaf, Peer as Program, Pki, Ready, Site, program};
use mainstay_tls::{
    ClientAuth, Identity, ServerConfig, ServerOptions, TrustStore, Version, WallClock,
};
use secure::Secure;

const MIB: usize = 1 << 20;

/// Bytes of a long exchange: 1.2 is as fast as 1.3, and has less.
fn long(version: Version) -> usize {
    if version == Version::Tls13 || is_full() { 16 * MIB } else { MIB }
}

/// 2026-11-20, in the middle of what the certificates here are valid for.
const NOW: u64 = 1_795_132_800;

const WAY: &str = "loss=1%,delay=1ms";

/// Each version, as openssl's flag, as ours, and as openssl says it.
const VERSIONS: [(&str, Version, &str); 2] =
    [("tls1_2", Version::Tls12, "TLSv1.2"), ("tls1_3", Version::Tls13, "TLSv1.3")];

/// Our stack on a TUN, with openssl's place beyond the bad link; again and again until frames were lost.
fn over_tun(test: &str, act: impl Fn(&Site, &Pki, &mut Stack) + Sync) {
    let routed = Routed::new(test, WireKind::Tun, [WAY; 2], 1);
    let (far, pki) = (routed.far(), Pki::new(routed.far()));
    Lan::over(routed.router(), |lan| {
        let mut shape = Shape::new(false);
        shape.kind = WireKind::Tun;
        shape.gateways = mainstay_peer_tests::own::KERNEL.to_vec();
        let mut stack = Stack::open(lan, &shape);
        for _ in 0..20 {
            act(far, &pki, &mut stack);
            let lost: u64 = routed.report().iter().map(|report| report.counters.loss.frames).sum();
            if lost > 0 {
                return;
            }
        }
        panic!("{test}: no frame was lost");
    });
}

fn registry(pki: &Pki) -> Registry {
    let mut trust = TrustStore::new();
    trust.add(&pki.ca.der).unwrap();
    let mut registry = Registry::new(WallClock::new(Some(NOW)));
    registry.set_trust("site", trust);
    registry.set_identity("we", identity(&pki.client));
    registry
}

fn identity(leaf: &Leaf) -> Identity {
    let read = |path| std::fs::read(path).unwrap();
    Identity::from_pem(&read(&leaf.cert), &read(&leaf.key)).unwrap()
}

fn tls() -> TlsSpec {
    TlsSpec { trust: TrustSpec::Store("site".to_owned()), ..TlsSpec::default() }
}

/// So many bytes in lines; openssl's `-rev` sends back each reversed.
fn lines(count: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let mut state = 0x9e37_79b9_u32;
    while there.len() < count {
        let len = (count - there.len()).min(8192) - 1;
        let mut line: Vec<u8> = Vec::with_capacity(len);
        for _ in 0..len {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            line.push(b'a' + state.to_le_bytes()[1] % 26);
        }
        there.extend_from_slice(&line);
        line.reverse();
        back.extend_from_slice(&line);
        there.push(b'\n');
        back.push(b'\n');
    }
    (there, back)
}

/// A suite of ours in openssl's words: `ECDHE-ECDSA-AES256-GCM-SHA384`, in 1.3 IANA's.
fn in_their_words(cipher: &str) -> String {
    if let Some(rest) = cipher.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let words = cipher.trim_start_matches("TLS_").replace("_WITH_", "_");
    words.replace("AES_256", "AES256").replace("AES_128", "AES128").replace('_', "-")
}

// Covers LAY-246
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_openssl_server_reverses_what_we_send_in_both_versions_and_both_agree() {
    over_tun("own-tls-rev", |far, pki, stack| {
        for (family, (flag, version, said)) in VERSIONS.into_iter().enumerate() {
            // openssl's second context, that of the name, knows no ALPN: each has a server of its own.
            let base = |port| Openssl::new(port, &pki.chained).everywhere().reversing().only(flag);
            let names = ["-servername", "server.test", "-cert2", pki.server.cert_path()];
            let key = ["-key2", pki.server.key_path()];
            let ports = [far.port(), far.port()];
            let named = base(ports[0]).args(&names).args(&key).start(far);
            let agreeing = base(ports[1]).alpn("mqtt").start(far);
            let offers = TlsSpec { alpn: vec!["h9".to_owned(), "mqtt".to_owned()], ..tls() };
            let rounds = [
                (1, &named, ports[0], tls(), None, &pki.server),
                (16 << 10, &named, ports[0], tls(), None, &pki.server),
                (long(version), &agreeing, ports[1], offers, Some(&b"mqtt"[..]), &pki.chained),
            ];
            for (count, server, port, spec, alpn, leaf) in rounds {
                let peer = (BEHIND[family], port).into();
                let mut client = Secure::client(stack, peer, &spec, &registry(pki));
                let (there, back) = lines(count);
                assert_eq!(there.len(), count);
                client.to_send = there;
                client.run(stack, |client| client.received.len() >= count);
                assert!(client.received == back, "{count} bytes");
                let info = client.info().unwrap().clone();
                assert_eq!((info.version, info.alpn.as_deref()), (version, alpn));
                assert_eq!(info.peer_certificates[0], leaf.der, "that of the name");
                // It tells an end by close_notify from one without.
                let closed = || server.log().matches("CONNECTION CLOSED").count();
                let before = closed();
                client.ends = true;
                client.run(stack, |client| client.peer_finished() && closed() > before);
                server.wait_for(&format!("Protocol version: {said}"));
                server.wait_for(&format!("Ciphersuite: {}", in_their_words(info.cipher)));
            }
            agreeing.wait_for("ALPN protocols selected: mqtt");
            named.wait_for("Hostname in TLS extension: \"server.test\"");
        }
    });
}

// Covers LAY-245
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_openssl_server_that_asks_for_our_certificate_gets_it_or_says_no() {
    over_tun("own-tls-mutual", |far, pki, stack| {
        for (flag, version, _) in VERSIONS {
            let port = far.port();
            let server = Openssl::new(port, &pki.server).everywhere().reversing().only(flag);
            let server = server.verify(&pki.ca).start(far);
            let peer = (BEHIND[0], port).into();
            let shown = TlsSpec { identity: Some(IdentitySpec::Store("we".to_owned())), ..tls() };
            let mut client = Secure::client(stack, peer, &shown, &registry(pki));
            client.to_send = b"ab\n".to_vec();
            client.run(stack, |client| client.received == b"ba\n");
            server.wait_for("CN = client.test");
            client.ends = true;
            client.run(stack, Secure::peer_finished);
            let mut bare = Secure::client(stack, peer, &tls(), &registry(pki));
            bare.run(stack, |bare| bare.failure().is_some());
            // handshake_failure in 1.2; in 1.3 certificate_required, when we are up already.
            let alert = if version == Version::Tls12 { 40 } else { 116 };
            assert_eq!(bare.failure(), Some(Reason::Peer(Peer::Alert(alert))), "{flag}");
            server.wait_for("peer did not return a certificate");
        }
    });
}

/// A list in which the authority takes back what it signed for `leaf`.
fn revoke(site: &Site, pki: &Pki, leaf: &Leaf) -> Vec<u8> {
    let openssl = program("openssl", "openssl");
    let serial = ["x509", "-noout", "-serial", "-in", leaf.cert_path()];
    let serial = site.run(&openssl, &serial).ok();
    let serial = serial.trim().trim_start_matches("serial=");
    let entry = format!("R\t400101000000Z\t240101000000Z\t{serial}\tunknown\t/CN=gone\n");
    let index = site.write("index.txt", entry);
    let config = format!(
        "[ca]\ndefault_ca = it\n[it]\ndatabase = {}\ncrlnumber = {}\ndefault_md = sha256\n\
         default_crl_days = 4000\ncrl_extensions = more\n[more]\nauthorityKeyIdentifier = keyid\n",
        index.display(),
        site.write("number", "01\n").display()
    );
    let config = site.write("ca.cnf", config);
    let (ca, key) = (pki.ca.cert_path(), pki.ca.key_path());
    let args = ["ca", "-gencrl", "-config", config.to_str().unwrap(), "-cert", ca, "-keyfile", key];
    site.run(&openssl, &args).ok().into_bytes()
}

// Covers LAY-249, LAY-248
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn each_bad_certificate_of_an_openssl_server_is_refused_for_its_own_reason() {
    over_tun("own-tls-bad", |far, pki, stack| {
        let cases: [(&Leaf, Option<Certificate>); 8] = [
            (&pki.expired, Some(Certificate::Expired)),
            (&pki.wrong_host, Some(Certificate::WrongName)),
            (&pki.common_name_only, Some(Certificate::WrongName)),
            (&pki.self_signed, Some(Certificate::UnknownIssuer)),
            (&pki.unknown_ca, Some(Certificate::UnknownIssuer)),
            (&pki.client_only, Some(Certificate::WrongUsage)),
            (&pki.chained, None),
            // Good, until the list is known.
            (&pki.server, Some(Certificate::Revoked)),
        ];
        for (leaf, why) in cases {
            let port = far.port();
            let server = Openssl::new(port, leaf).everywhere().reversing().start(far);
            let mut trust = TrustStore::new();
            trust.add(&pki.ca.der).unwrap();
            if why == Some(Certificate::Revoked) {
                let list = revoke(far, pki, leaf);
                assert_eq!(trust.add_revocation_lists_pem(&list).unwrap(), 1);
            }
            let mut registry = registry(pki);
            registry.set_trust("site", trust);
            let peer = (BEHIND[1], port).into();
            let mut client = Secure::client(stack, peer, &tls(), &registry);
            client.run(stack, |client| client.failure().is_some() || client.info().is_some());
            let expected = why.map(|why| Reason::Peer(Peer::Certificate(why)));
            assert_eq!(client.failure(), expected, "{}", leaf.cert_path());
            if why.is_some() {
                client.run(stack, |_| server.log().contains("alert"));
            }
        }
        // One's own signature is taken where it is listed (LAY-248), a name outside of SAN where that is allowed (LAY-249).
        let common = TlsSpec { name: Some("localhost".to_owned()), ..tls() };
        let allowed = TlsSpec { allow_common_name: true, ..common.clone() };
        let wrong = Some(Reason::Peer(Peer::Certificate(Certificate::WrongName)));
        let cases = [
            (&pki.self_signed, &pki.self_signed, tls(), None),
            (&pki.common_name_only, &pki.ca, common, wrong),
            (&pki.common_name_only, &pki.ca, allowed, None),
        ];
        for (leaf, listed, spec, expected) in cases {
            let port = far.port();
            let _server = Openssl::new(port, leaf).everywhere().start(far);
            let mut trust = TrustStore::new();
            trust.add(&listed.der).unwrap();
            let mut registry = registry(pki);
            registry.set_trust("site", trust);
            let mut client = Secure::client(stack, (BEHIND[1], port).into(), &spec, &registry);
            client.run(stack, |client| client.failure().is_some() || client.info().is_some());
            assert_eq!(client.failure(), expected, "{}", leaf.cert_path());
        }
    });
}

// Covers LAY-254, LAY-255
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_openssl_server_resumes_with_tickets_and_not_without_nor_after_a_restart() {
    over_tun("own-tls-resumed", |far, pki, stack| {
        for (flag, tickets) in
            [("tls1_2", true), ("tls1_3", true), ("tls1_2", false), ("tls1_3", false)]
        {
            let port = far.port();
            let start = || {
                let server = Openssl::new(port, &pki.server).everywhere().reversing().only(flag);
                let off = ["-no_ticket", "-no_cache", "-num_tickets", "0"];
                server.args(if tickets { &[] } else { &off }).start(far)
            };
            let mut server = start();
            let registry = registry(pki);
            let mut resumed = Vec::new();
            for round in 0..3 {
                if round == 2 {
                    server.stop();
                    server = start();
                }
                let mut client = Secure::client(stack, (BEHIND[0], port).into(), &tls(), &registry);
                client.to_send = b"xy\n".to_vec();
                client.run(stack, |client| client.received == b"yx\n");
                resumed.push(client.info().unwrap().resumed);
                client.ends = true;
                client.run(stack, Secure::peer_finished);
            }
            assert_eq!(resumed, [false, tickets, false], "{flag}");
        }
    });
}

/// A connection of an openssl client with these words to a server of ours, once it is up or refused.
fn serve(
    far: &Site,
    stack: &mut Stack,
    config: &ServerConfig,
    family: usize,
    words: &str,
) -> (Secure, Program) {
    let port = far.port();
    let listener = stack.listen(OURS[family], port);
    let at = if family == 0 { OURS[0].to_string() } else { format!("[{}]", OURS[1]) };
    let line = format!("exec openssl s_client -connect {at}:{port} {words}");
    let shell = program("bash", "bash");
    let client = far.start(&format!("client-{port}"), &shell, &["-c", &line], &Ready::Started);
    let handle = stack.accept(listener, 0).handle();
    let mut ours = Secure::server(stack.now(), handle, config);
    ours.echoes = true;
    ours.run(stack, |ours| ours.info().is_some() || ours.failure().is_some());
    (ours, client)
}

/// A server's, with two names.
fn options(pki: &Pki) -> ServerOptions {
    let identities = vec![identity(&pki.server), identity(&pki.wrong_host)];
    let mut options = ServerOptions::new(identities, WallClock::new(Some(NOW)));
    options.alpn = vec![b"mqtt".to_vec(), b"h2".to_vec()];
    options
}

// Covers LAY-253
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_openssl_client_gets_the_certificate_of_the_name_it_asks_for_and_every_byte_back() {
    over_tun("own-tls-serve", |far, pki, stack| {
        let config = ServerConfig::new(options(pki)).unwrap();
        let authority = pki.ca.cert_path();
        for (family, (flag, version, _)) in VERSIONS.into_iter().enumerate() {
            let long = long(version);
            for (name, count) in
                [("server.test", 1), ("other.test", 16 << 10), ("server.test", long)]
            {
                let (there, _) = lines(count);
                far.write("there", &there);
                let words = format!(
                    "-{flag} -servername {name} -alpn h2,mqtt -verify_return_error \
                     -verify_hostname {name} -CAfile {authority} -quiet < there > back"
                );
                let (mut ours, mut theirs) = serve(far, stack, &config, family, &words);
                assert_eq!(ours.failure(), None, "{}", theirs.log());
                let info = ours.info().unwrap();
                assert_eq!((info.version, info.alpn.as_deref()), (version, Some(&b"mqtt"[..])));
                ours.run(stack, |ours| ours.received.len() >= count);
                assert!(ours.received == there, "{count} bytes");
                // It stays until our close_notify, and answers it with its own.
                ours.ends = true;
                ours.run(stack, Secure::peer_finished);
                assert_eq!(theirs.wait_end(), Some(0), "{}", theirs.log());
                assert!(std::fs::read(far.dir().join("back")).unwrap() == there, "{count} bytes");
            }
        }
    });
}

// Covers LAY-244
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_openssl_client_shows_its_certificate_resumes_and_is_refused_what_is_too_old() {
    over_tun("own-tls-ask", |far, pki, stack| {
        let mut trust = TrustStore::new();
        trust.add(&pki.ca.der).unwrap();
        let mut asking = options(pki);
        asking.client_auth = ClientAuth::Required(trust);
        let asking = ServerConfig::new(asking).unwrap();
        let config = ServerConfig::new(options(pki)).unwrap();
        let who = format!("-cert {} -key {}", pki.client.cert_path(), pki.client.key_path());
        for (flag, ..) in VERSIONS {
            let words = format!("-{flag} -quiet {who}");
            let (mut ours, mut theirs) = serve(far, stack, &asking, 0, &words);
            let shown = &ours.info().unwrap().peer_certificates;
            assert_eq!(shown.first(), Some(&pki.client.der));
            theirs.type_in("echo\n");
            ours.run(stack, |ours| ours.received == b"echo\n");
            ours.run(stack, |_| theirs.log().contains("echo"));
            let (ours, theirs) = serve(far, stack, &asking, 0, &format!("-{flag} -quiet"));
            assert!(matches!(ours.failure(), Some(Reason::Peer(_))), "{:?}", ours.events);
            drop((ours, theirs));

            for resumed in [false, true] {
                let kept = if resumed { "-sess_in kept" } else { "-sess_out kept" };
                let words = format!("-{flag} -servername server.test {kept}");
                let (mut ours, mut theirs) = serve(far, stack, &config, 1, &words);
                assert_eq!(ours.info().unwrap().resumed, resumed, "{flag}");
                theirs.type_in("echo\n");
                ours.run(stack, |_| theirs.log().contains("\necho\n"));
                // Its word for the end.
                theirs.type_in("Q\n");
                ours.run(stack, Secure::peer_finished);
                assert_eq!(theirs.wait_end(), Some(0));
            }
        }
        // Its word for a new handshake.
        let (mut ours, mut theirs) = serve(far, stack, &config, 1, "-tls1_2");
        theirs.type_in("R\n");
        ours.run(stack, |ours| {
            ours.failure().is_some() || theirs.log().contains("no renegotiation")
        });
        let old = "-tls1_1 -cipher DEFAULT@SECLEVEL=0";
        let (mut ours, mut theirs) = serve(far, stack, &config, 0, old);
        assert_eq!(ours.failure(), Some(Reason::Peer(Peer::TlsIncompatible)));
        ours.run(stack, |_| theirs.log().contains("SSL alert number"));
        assert_eq!(theirs.wait_end(), Some(1));
    });
}
