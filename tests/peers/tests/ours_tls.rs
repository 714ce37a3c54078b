//! TLS of ours against openssl and gnutls: what is agreed, what is resumed, whom we refuse and why.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::time::Duration;
use mainstay::{Builder, Certificate, Peer, Reason, State};
use mainstay_peer_tests::{Document, Rig, Told};
use mainstay_test_support::peers::{Gnutls, Nginx, Openssl};
use mainstay_test_support::{Leaf, Pki, Site};
use std::collections::BTreeSet;
use std::sync::mpsc::channel;

fn raw(port: u16, more: &str) -> String {
    format!(
        r#""endpoint":"localhost","port":{port},"protocol":"raw","opportunistic":true,"tls":true,"tls_trust_store":"site"{more}"#
    )
}

/// Connects once and waits for the verdict: `None` when the connection came up.
fn verdict(rig: &mut Rig, told: &Told) -> Option<Reason> {
    rig.connect(told);
    rig.run("a verdict", |_node| {
        let story = told.story();
        story.count(State::Connected) + story.count(State::AllRetriesFailed) > 0
    });
    let story = told.story();
    let refused = story.count(State::Connected) == 0;
    assert_eq!(refused, story.count(State::Unreachable) == 1);
    refused.then(|| story.reason().unwrap())
}

/// A time of the year as time since 1970; no leap seconds, 365.25 days.
fn year(number: u64) -> Duration {
    Duration::from_secs((number - 1970) * 31_557_600 + 15_000_000)
}

// Covers LAY-241, LAY-246, SS-580
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn both_versions_carry_bytes_to_openssl_and_both_sides_agree_on_them() {
    let site = Site::loopback("ours-tls-versions");
    let pki = Pki::new(&site);
    for (flag, version, said) in [
        ("tls1_2", "1.2", "Protocol version: TLSv1.2"),
        ("tls1_3", "1.3", "Protocol version: TLSv1.3"),
    ] {
        let port = site.port();
        let server = Openssl::new(port, &pki.chained).reversing().only(flag).start(&site);
        let mut rig = Rig::new(&Document::new().trust(&pki.ca).stream("raw", &raw(port, "")));
        let told = rig.stream("raw");
        rig.send(&told, b"abc\n");
        rig.run("the line reversed", |_node| told.story().received == b"cba\n");
        let tls = rig.node().connection_info(told.id).and_then(|info| info.tls).unwrap();
        assert!(
            format!("{:?}", tls.version).contains(&version.replace('.', "")),
            "{:?}",
            tls.version
        );
        assert_eq!(tls.peer_certificates[0], pki.chained.der);
        // The intermediate came along.
        assert!(tls.peer_certificates.len() > 1);
        assert!(!tls.resumed && !tls.cipher.is_empty());
        server.wait_for(said);
        rig.destroy(&told);
        // It tells an end by close_notify from one without.
        rig.run("our close_notify", |_node| server.log().contains("CONNECTION CLOSED"));
    }
}

// Covers LAY-241, LAY-246, SS-580
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn both_versions_carry_bytes_to_gnutls() {
    let site = Site::loopback("ours-tls-gnutls");
    let pki = Pki::new(&site);
    for version in ["TLS1.2", "TLS1.3"] {
        let port = site.port();
        let priority = format!("NORMAL:-VERS-ALL:+VERS-{version}");
        let server = Gnutls::new(port, &pki.server).priority(&priority).start(&site);
        let mut rig = Rig::new(&Document::new().trust(&pki.ca).stream("raw", &raw(port, "")));
        let told = rig.stream("raw");
        let line = format!("{}\n", "over gnutls ".repeat(20));
        rig.send(&told, line.as_bytes());
        rig.run("the echo", |_node| told.story().received == line.as_bytes());
        server.wait_for(version);
    }
}

// Covers LAY-264
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_key_log_is_the_peers_and_goes_to_the_sink_that_was_given() {
    let site = Site::loopback("ours-tls-keys");
    let pki = Pki::new(&site);
    for (version, secrets) in [("tls1_2", 1), ("tls1_3", 5)] {
        let port = site.port();
        let theirs = site.dir().join(format!("{version}.keys"));
        let log = ["-keylogfile", theirs.to_str().unwrap()];
        let _server =
            Openssl::new(port, &pki.server).reversing().only(version).args(&log).start(&site);
        let (sink, lines) = channel();
        let document = Document::new().trust(&pki.ca).stream("raw", &raw(port, ""));
        let told = |builder: Builder| {
            builder.key_log(move |line| sink.send(line.to_owned()).unwrap_or_default())
        };
        let mut rig = Rig::with(&document, told);
        let told = rig.stream("raw");
        rig.send(&told, b"yek\n");
        rig.run("the line reversed", |_node| told.story().received == b"key\n");
        let ours: BTreeSet<String> = lines.try_iter().collect();
        let theirs = std::fs::read_to_string(theirs).unwrap();
        let theirs: BTreeSet<String> =
            theirs.lines().filter(|line| !line.starts_with('#')).map(str::to_lowercase).collect();
        assert_eq!(ours.len(), secrets, "{version}");
        assert!(
            ours.iter().all(|line| theirs.contains(&line.to_lowercase())),
            "{ours:?} {theirs:?}"
        );
    }
}

// Covers LAY-263
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_server_that_wants_to_renegotiate_is_refused_by_a_warning_and_we_do_not_hang_up() {
    let site = Site::loopback("ours-tls-again");
    let pki = Pki::new(&site);
    let port = site.port();
    let server =
        Gnutls::new(port, &pki.server).priority("NORMAL:-VERS-ALL:+VERS-TLS1.2").start(&site);
    let mut rig = Rig::new(&Document::new().trust(&pki.ca).stream("raw", &raw(port, "")));
    let told = rig.stream("raw");
    rig.send(&told, b"before\n");
    rig.run("the echo", |_node| told.story().received == b"before\n");
    // What this server takes as a command: it asks for a new handshake at once. It gives up on those
    // who decline, so that the connection ends by its hand and not by ours.
    rig.send(&told, b"**REHANDSHAKE**\n");
    rig.run("the refusal", |_node| {
        let log = server.log();
        log.contains("Received NO_RENEGOTIATION alert") && log.contains("A TLS warning alert")
    });
    rig.run("the peer's end", |_node| told.story().count(State::Disconnected) == 1);
    assert_eq!(told.story().reason(), Some(Reason::Peer(Peer::Truncated)));
}

// Covers LAY-249, LAY-260
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn each_bad_certificate_is_refused_for_its_own_reason() {
    let site = Site::loopback("ours-tls-bad");
    let pki = Pki::new(&site);
    let rsa = pki.rsa_1024();
    let cases: [(&Leaf, Certificate, u16); 8] = [
        (&pki.expired, Certificate::Expired, 1100),
        (&pki.not_yet_valid, Certificate::NotYetValid, 1101),
        (&pki.unknown_ca, Certificate::UnknownIssuer, 1102),
        (&pki.self_signed, Certificate::UnknownIssuer, 1102),
        (&pki.wrong_host, Certificate::WrongName, 1103),
        (&pki.common_name_only, Certificate::WrongName, 1103),
        (&pki.client_only, Certificate::WrongUsage, 1104),
        (&rsa, Certificate::Weak, 1106),
    ];
    for (leaf, why, code) in cases {
        let port = site.port();
        let server = Openssl::new(port, leaf).lax().start(&site);
        let mut rig = Rig::new(&Document::new().trust(&pki.ca).stream("raw", &raw(port, "")));
        let told = rig.stream("raw");
        let reason = verdict(&mut rig, &told);
        assert_eq!(reason, Some(Reason::Peer(Peer::Certificate(why))), "{}", leaf.cert_path());
        assert_eq!(reason.map(Reason::code), Some(code));
        // The alert reached it (RFC 8446 section 6.2).
        rig.run("our alert", |_node| server.log().contains("alert"));
    }
}

// Covers LAY-248
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_self_signed_certificate_that_is_listed_is_trusted() {
    let site = Site::loopback("ours-tls-listed");
    let pki = Pki::new(&site);
    let port = site.port();
    let _server = Openssl::new(port, &pki.self_signed).start(&site);
    let mut rig = Rig::new(&Document::new().trust(&pki.self_signed).stream("raw", &raw(port, "")));
    let told = rig.stream("raw");
    assert_eq!(verdict(&mut rig, &told), None);
}

// Covers LAY-251, LAY-260
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn certificates_are_judged_by_the_clock_that_was_given_and_no_other() {
    let site = Site::loopback("ours-tls-clock");
    let pki = Pki::new(&site);
    for (leaf, now, refused) in [
        (&pki.server, Duration::ZERO, Some(Certificate::NotYetValid)),
        (&pki.server, year(2041), Some(Certificate::Expired)),
        (&pki.server, year(2030), None),
        (&pki.expired, year(2041), Some(Certificate::Expired)),
    ] {
        let port = site.port();
        let _server = Openssl::new(port, leaf).start(&site);
        let document = Document::new().trust(&pki.ca).stream("raw", &raw(port, ""));
        let mut rig = Rig::with(&document, |builder| builder.wall(Box::new(move || now)));
        let told = rig.stream("raw");
        let expected = refused.map(|why| Reason::Peer(Peer::Certificate(why)));
        assert_eq!(verdict(&mut rig, &told), expected, "{now:?}");
    }
}

// Covers LAY-241, LAY-260
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn versions_below_1_2_are_refused_by_both_sides() {
    let site = Site::loopback("ours-tls-old");
    let pki = Pki::new(&site);
    let port = site.port();
    let server = Openssl::new(port, &pki.server).only("tls1_1").lax().start(&site);
    let mut rig = Rig::new(&Document::new().trust(&pki.ca).stream("raw", &raw(port, "")));
    let told = rig.stream("raw");
    assert_eq!(verdict(&mut rig, &told), Some(Reason::Peer(Peer::TlsIncompatible)));
    server.wait_for("unsupported protocol");
}

// Covers LAY-245
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_client_certificate_is_shown_where_the_policy_says_so_and_missed_where_not() {
    let site = Site::loopback("ours-tls-mutual");
    let pki = Pki::new(&site);
    let (cert, key) = (pki.client.der.clone(), pki.client.key_der.clone());
    for version in ["tls1_2", "tls1_3"] {
        let (with, without) = (site.port(), site.port());
        let start = |port| {
            Openssl::new(port, &pki.server).reversing().only(version).verify(&pki.ca).start(&site)
        };
        let (known, unknown) = (start(with), start(without));
        let document = Document::new()
            .trust(&pki.ca)
            .stream("shown", &raw(with, r#","client_cert":3"#))
            .stream("bare", &raw(without, ""));
        let (cert, key) = (cert.clone(), key.clone());
        let mut rig = Rig::with(&document, |builder| builder.client_cert(3, cert, key));
        let shown = rig.stream("shown");
        rig.send(&shown, b"ab\n");
        rig.run("the line reversed", |_node| shown.story().received == b"ba\n");
        known.wait_for("CN = client.test");
        let bare = rig.stream("bare");
        rig.connect(&bare);
        rig.run("the alert", |_node| bare.story().reason().is_some());
        // handshake_failure in 1.2; in 1.3 certificate_required, when we are up already.
        let alert = if version == "tls1_2" { 40 } else { 116 };
        assert_eq!(bare.story().reason(), Some(Reason::Peer(Peer::Alert(alert))), "{version}");
        unknown.wait_for("peer did not return a certificate");
    }
}

// Covers LAY-179, LAY-259, SS-581
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_end_without_close_notify_is_told_from_one_with() {
    let site = Site::loopback("ours-tls-truncated");
    let pki = Pki::new(&site);
    for orderly in [true, false] {
        let port = site.port();
        let server = Openssl::new(port, &pki.server).reversing().start(&site);
        let mut rig = Rig::new(&Document::new().trust(&pki.ca).stream("raw", &raw(port, "")));
        let told = rig.stream("raw");
        rig.send(&told, b"eyb\n");
        rig.run("the line reversed", |_node| told.story().received == b"bye\n");
        if orderly {
            // Its word for an end with close_notify.
            rig.send(&told, b"CLOSE\n");
        } else {
            server.signal("KILL");
        }
        rig.until(&told, State::Disconnected);
        let peer = if orderly { Peer::Closed } else { Peer::Truncated };
        assert_eq!(told.story().reason(), Some(Reason::Peer(peer)));
        assert_eq!(told.story().received, b"bye\n");
    }
}

// Covers LAY-254, LAY-255
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_second_connection_resumes_the_first_until_the_server_forgot_it() {
    let site = Site::loopback("ours-tls-resumed");
    let pki = Pki::new(&site);
    for version in ["tls1_2", "tls1_3"] {
        let port = site.port();
        let start = || Openssl::new(port, &pki.server).reversing().only(version).start(&site);
        let mut server = start();
        let mut rig = Rig::new(&Document::new().trust(&pki.ca).stream("raw", &raw(port, "")));
        let mut resumed = Vec::new();
        for round in 0..3 {
            if round == 2 {
                server.stop();
                server = start();
            }
            let told = rig.stream("raw");
            rig.send(&told, b"xy\n");
            rig.run("the line reversed", |_node| told.story().received == b"yx\n");
            let tls = rig.node().connection_info(told.id).and_then(|info| info.tls).unwrap();
            resumed.push(tls.resumed);
            rig.destroy(&told);
            let closed = usize::from(round != 2) * round + 1;
            rig.run("the end", |_node| server.log().matches("CONNECTION CLOSED").count() >= closed);
        }
        assert_eq!(resumed, [false, true, false], "{version}");
    }
}

// Covers LAY-253
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_protocol_is_agreed_by_alpn_and_a_stranger_is_refused() {
    let site = Site::loopback("ours-tls-alpn");
    let pki = Pki::new(&site);
    let (good, bad) = (site.port(), site.port());
    let nginx = Nginx::new().h2(good, &pki.server).start(&site);
    let stranger = Openssl::new(bad, &pki.server).alpn("smtp").start(&site);
    let h2 = |port: u16| {
        format!(
            r#""endpoint":"localhost","port":{port},"protocol":"h2","http_method":"GET","http_url":"hello","tls":true,"tls_trust_store":"site""#
        )
    };
    let document = Document::new().trust(&pki.ca).stream("good", &h2(good)).stream("bad", &h2(bad));
    let mut rig = Rig::new(&document);
    let told = rig.stream("good");
    rig.fetch(&told);
    nginx.wait_for("alpn=h2");
    let told = rig.stream("bad");
    let reason = verdict(&mut rig, &told);
    let refusals = [Reason::Peer(Peer::Alpn), Reason::Peer(Peer::Alert(120))];
    assert!(reason.is_some_and(|reason| refusals.contains(&reason)), "{reason:?}");
    stranger.wait_for("ALPN protocols advertised by the client: h2");
}
