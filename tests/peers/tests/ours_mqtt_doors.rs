//! Doors of mosquitto: TLS, client certificates, passwords, and brokers that refuse.

use mainstay::{Blobs, Outcome, Peer, Reason, State};
use mainstay_peer_tests::{Document, Rig};
use mainstay_test_support::peers::Mosquitto;
use mainstay_test_support::{Pki, Site};

fn mqtt(port: u16, more: &str) -> String {
    format!(
        r#""endpoint":"localhost","port":{port},"protocol":"mqtt","mqtt_clean_start":true,"mqtt_topic":"t","mqtt_qos":1{more}"#
    )
}

// Covers SS-560, LAY-243
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn tls_and_client_certificates_open_their_doors() {
    let site = Site::loopback("ours-mqtt-tls");
    let pki = Pki::new(&site);
    let (tls, mutual) = (site.port(), site.port());
    let broker = Mosquitto::new()
        .rule("use_identity_as_username false")
        .tls(tls, &pki.chained)
        .mutual(mutual, &pki.server, &pki.ca)
        .start(&site);
    let trust = r#","tls":true,"tls_trust_store":"site""#;
    let shown = format!(r#"{trust},"client_cert":0"#);
    let document = Document::new()
        .trust(&pki.ca)
        .stream("tls", &mqtt(tls, trust))
        .stream("mutual", &mqtt(mutual, &shown))
        .stream("bare", &mqtt(mutual, trust));
    let (cert, key) = (pki.client.der.clone(), pki.client.key_der.clone());
    let mut rig = Rig::with(&document, |builder| builder.client_cert(0, cert, key));
    for streamtype in ["tls", "mutual"] {
        let told = rig.stream(streamtype);
        rig.send(&told, streamtype.as_bytes());
        rig.until_outcomes(&told, 1);
        assert_eq!(told.story().ends(), [Outcome::Acknowledged], "{streamtype}");
    }
    broker.wait_for("'t', ... (3 bytes))");
    broker.wait_for("'t', ... (6 bytes))");
    let bare = rig.stream("bare");
    rig.connect(&bare);
    rig.until(&bare, State::AllRetriesFailed);
    // certificate_required (RFC 8446 section 6.2).
    assert_eq!(bare.story().reasons(), [Reason::Peer(Peer::Alert(116))]);
    broker.wait_for("peer did not return a certificate");
}

// Covers SS-112, SS-562
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_wrong_password_is_auth_failed_and_follows_the_retry_scheme() {
    let site = Site::loopback("ours-mqtt-password");
    let port = site.port();
    let broker = Mosquitto::new().user("dev", "secret").mqtt(port).start(&site);
    let document = Document::new()
        .retry("once", r#""backoff":[10],"conceal":1"#)
        .stream("pub", &mqtt(port, r#","retry":"once""#));
    let blobs = |password: &str| Blobs {
        mqtt_username: Some("dev".into()),
        mqtt_password: Some(password.as_bytes().into()),
        ..Blobs::default()
    };
    let mut rig = Rig::with(&document, |builder| builder.blobs(blobs("secret")));
    let told = rig.stream("pub");
    rig.send(&told, b"let in");
    rig.until_outcomes(&told, 1);
    assert_eq!(told.story().ends(), [Outcome::Acknowledged]);
    broker.wait_for("'t', ... (6 bytes))");
    assert!(broker.log().contains("u'dev'"), "{}", broker.log());
    drop(rig);
    for (blobs, code) in [(blobs("wrong"), 5), (Blobs::default(), 5)] {
        let mut rig = Rig::with(&document, |builder| builder.blobs(blobs));
        let told = rig.stream("pub");
        rig.connect(&told);
        rig.until(&told, State::AllRetriesFailed);
        let attempt = [State::Connecting, State::AuthFailed];
        let expected = [&[State::Creating][..], &attempt, &[State::Poll], &attempt];
        let expected = [&expected.concat()[..], &[State::AllRetriesFailed]].concat();
        assert_eq!(told.story().states(), expected);
        assert_eq!(told.story().reasons(), [Reason::Peer(Peer::Connack(code)); 2]);
    }
    broker.wait_for("not authorised");
}

// Covers SS-560, SS-572
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_client_id_taken_over_is_a_lost_connection() {
    let site = Site::loopback("ours-mqtt-taken");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port).start(&site);
    let document = Document::new().stream("pub", &mqtt(port, r#","opportunistic":true"#));
    let named = || Blobs { mqtt_client_id: Some("twin".into()), ..Blobs::default() };
    let mut first = Rig::with(&document, |builder| builder.blobs(named()));
    let one = first.stream("pub");
    first.connect(&one);
    first.until(&one, State::Connected);
    let mut second = Rig::with(&document, |builder| builder.blobs(named()));
    let two = second.stream("pub");
    second.connect(&two);
    second.until(&two, State::Connected);
    first.until(&one, State::Disconnected);
    assert_eq!(one.story().reason(), Some(Reason::Peer(Peer::Closed)));
    broker.wait_for("Client twin already connected, closing old connection");
}
