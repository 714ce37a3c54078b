//! HTTP/2 streams of ours against nginx and nghttpd, judged by nginx's connection numbers and nghttpd's frames.

use mainstay::{Outcome, Peer, Reason, State};
use mainstay_peer_tests::{Document, Rig, Script, Told};
use mainstay_test_support::peers::{Nghttpd, Nginx};
use mainstay_test_support::{Pki, Site};

const TLS: &str = r#","tls":true,"tls_trust_store":"site""#;

fn h2(port: u16, method: &str, url: &str, more: &str) -> String {
    format!(
        r#""endpoint":"localhost","port":{port},"protocol":"h2","http_method":"{method}","http_url":"{url}"{more}"#
    )
}

fn assert_usual(told: &Told) {
    let expected = [
        State::Creating,
        State::Connecting,
        State::Connected,
        State::QosAckRemote,
        State::Disconnected,
    ];
    assert_eq!(told.story().states(), expected);
}

// Covers SS-525, SS-526
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn twenty_streams_opened_together_share_one_connection_to_nginx() {
    let site = Site::loopback("ours-h2-nginx");
    let pki = Pki::new(&site);
    let port = site.port();
    let nginx = Nginx::new().h2(port, &pki.server).start(&site);
    let document = Document::new().trust(&pki.ca).stream("get", &h2(port, "GET", "/hello", TLS));
    let mut rig = Rig::new(&document);
    let all: Vec<Told> = (0..20).map(|_| rig.stream("get")).collect();
    for told in &all {
        rig.connect(told);
    }
    let mut most = 0;
    rig.run("all to end", |node| {
        most = most.max(node.connection_count());
        all.iter().all(|told| told.story().count(State::Disconnected) == 1)
    });
    for told in &all {
        assert_usual(told);
        assert_eq!(told.story().payloads(), [b"hello\n"]);
    }
    assert_eq!(most, 1);
    nginx.wait_for("conn=1/20");
    let log = nginx.log();
    assert_eq!(log.lines().count(), 20, "{log}");
    assert!(
        log.lines().all(|l| l.contains("\"GET /hello HTTP/2.0\" 200") && l.contains("alpn=h2"))
    );
    assert!(log.lines().all(|l| l.contains("conn=1/")), "{log}");
}

// Covers SS-505, SS-525, SS-526, SS-529
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn posts_to_nghttpd_come_back_in_the_clear_and_over_tls() {
    let site = Site::loopback("ours-h2-nghttpd");
    let pki = Pki::new(&site);
    for secure in [false, true] {
        let port = site.port();
        let server = if secure { Nghttpd::tls(port, &pki.server) } else { Nghttpd::clear(port) };
        let server = server.echo().start(&site);
        let more = if secure { TLS } else { "" };
        let document =
            Document::new().trust(&pki.ca).stream("post", &h2(port, "POST", "echo", more));
        let mut rig = Rig::new(&document);
        let all: Vec<Told> =
            (0..20).map(|_| rig.scripted("post", Script::default().pieces_of(3000))).collect();
        let body = |i: u8| vec![i; 7000 * (1 + usize::from(i))];
        for (i, told) in (0..).zip(&all) {
            if i % 2 == 0 {
                rig.send(told, &body(i));
            } else {
                rig.send_unannounced(told, &body(i));
            }
        }
        for (i, told) in (0..).zip(&all) {
            rig.until(told, State::Disconnected);
            let story = told.story();
            assert!(story.messages[0].bytes == body(i), "{i}: {}", story.received.len());
            assert_eq!(story.ends(), [Outcome::Acknowledged]);
            assert_eq!(story.count(State::QosAckRemote), 1);
        }
        server.wait_for("content-length: 7000");
        let log = server.log();
        assert!(log.contains("[id=1]") && !log.contains("[id=2]"), "more than one connection");
        // Ours acknowledges the server's SETTINGS once.
        let acks = log.matches("recv SETTINGS frame <length=0, flags=0x01").count();
        assert_eq!(acks, 1, "{acks} acknowledgements");
        assert!(!log.contains("GOAWAY"), "{log}");
    }
}

// Covers SS-525
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn streams_beyond_what_the_server_allows_at_once_wait_their_turn() {
    let site = Site::loopback("ours-h2-one-at-a-time");
    let port = site.port();
    let server = Nghttpd::clear(port).option("--max-concurrent-streams=1").start(&site);
    site.write("h2www/file", vec![b'x'; 40_000]);
    let document = Document::new().stream("get", &h2(port, "GET", "file", ""));
    let mut rig = Rig::new(&document);
    let all: Vec<Told> = (0..10).map(|_| rig.stream("get")).collect();
    for told in &all {
        rig.connect(told);
    }
    for told in &all {
        rig.until(told, State::Disconnected);
        assert_usual(told);
        assert_eq!(told.story().received.len(), 40_000);
    }
    server.wait_for("recv (stream_id=19");
    assert!(!server.log().contains("REFUSED_STREAM"));
    assert!(!server.log().contains("[id=2]"));
}

// Covers SS-527
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_sleeping_reader_stops_its_stream_and_no_other() {
    let site = Site::loopback("ours-h2-windows");
    let port = site.port();
    let nginx = Nginx::new().h2c(port).start(&site);
    site.write("www/large", vec![7; 8 * 1024 * 1024]);
    let document = Document::new().stream("get", &h2(port, "GET", "large", ""));
    let mut rig = Rig::new(&document);
    let (lazy, eager) = (rig.stream("get"), rig.stream("get"));
    rig.connect(&lazy);
    rig.connect(&eager);
    rig.run("the first byte", |_node| !lazy.story().received.is_empty());
    rig.pause(&lazy, true);
    rig.until(&eager, State::Disconnected);
    assert_eq!(eager.story().received.len(), 8 * 1024 * 1024);
    assert!(lazy.story().received.len() < 4 * 1024 * 1024, "{}", lazy.story().received.len());
    rig.pause(&lazy, false);
    rig.until(&lazy, State::Disconnected);
    assert_eq!(lazy.story().received.len(), 8 * 1024 * 1024);
    nginx.wait_for("conn=1/2");
}

// Covers SS-525, LAY-253
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_server_chooses_between_h2_and_http_1_where_the_policy_leaves_it_the_choice() {
    let site = Site::loopback("ours-h2-fallback");
    let pki = Pki::new(&site);
    let (both, old) = (site.port(), site.port());
    let nginx = Nginx::new().h2(both, &pki.server).https(old, &pki.server).start(&site);
    let fallback = format!(r#"{TLS},"h1_fallback":true"#);
    let document = Document::new()
        .trust(&pki.ca)
        .stream("both", &h2(both, "GET", "hello", &fallback))
        .stream("old", &h2(old, "GET", "hello", &fallback))
        .stream("strict", &h2(old, "GET", "hello", TLS));
    let mut rig = Rig::new(&document);
    for (streamtype, port, version) in [("both", both, "2.0"), ("old", old, "1.1")] {
        let told = rig.stream(streamtype);
        rig.fetch(&told);
        assert_usual(&told);
        assert_eq!(told.story().payloads(), [b"hello\n"]);
        nginx.wait_for(&format!("{port} \"GET /hello HTTP/{version}\" 200"));
    }
    let strict = rig.stream("strict");
    rig.connect(&strict);
    rig.until(&strict, State::AllRetriesFailed);
    let reasons = strict.story().reasons();
    // no_application_protocol (RFC 7301 section 3.2), or a server that ignores ALPN.
    let refused = [Reason::Peer(Peer::Alpn), Reason::Peer(Peer::Alert(120))];
    assert!(reasons.len() == 1 && refused.contains(&reasons[0]), "{reasons:?}");
    assert_eq!(nginx.log().lines().count(), 2, "{}", nginx.log());
}

// Covers SS-501, SS-503, SS-504
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn statuses_and_redirects_mean_on_h2_what_they_mean_on_http_1() {
    let site = Site::loopback("ours-h2-status");
    let pki = Pki::new(&site);
    let port = site.port();
    let nginx = Nginx::new().h2(port, &pki.server).start(&site);
    let follow = format!(r#"{TLS},"allow_redirects":true"#);
    let document = Document::new()
        .trust(&pki.ca)
        .stream("missing", &h2(port, "GET", "status/404", TLS))
        .stream("busy", &h2(port, "GET", "status/503", TLS))
        .stream("moved", &h2(port, "GET", "redirect", &follow))
        .stream("head", &h2(port, "HEAD", "hello", TLS));
    let mut rig = Rig::new(&document);
    let missing = rig.stream("missing");
    rig.fetch(&missing);
    assert_eq!(missing.story().count(State::QosNackRemote), 1);
    let busy = rig.stream("busy");
    rig.connect(&busy);
    rig.until(&busy, State::AllRetriesFailed);
    assert_eq!(busy.story().reasons(), [Reason::Peer(Peer::Status(503))]);
    let moved = rig.stream("moved");
    rig.fetch(&moved);
    assert_usual(&moved);
    assert_eq!(moved.story().payloads(), [b"hello\n"]);
    let head = rig.stream("head");
    rig.fetch(&head);
    assert_usual(&head);
    assert!(head.story().received.is_empty());
    nginx.wait_for("\"HEAD /hello HTTP/2.0\" 200");
    nginx.wait_for("\"GET /redirect HTTP/2.0\" 302");
}
