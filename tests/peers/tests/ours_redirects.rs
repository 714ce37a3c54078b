//! Redirects by nginx: followed, refused, and what changes on the way.

use mainstay::{Blobs, Outcome, Peer, Reason, State};
use mainstay_peer_tests::{Document, Rig, Script};
use mainstay_test_support::peers::Nginx;
use mainstay_test_support::{Pki, Site};

/// A door that redirects `/301` .. `/308` to `/target`, which says how it was asked.
fn redirecting(port: u16) -> Nginx {
    let target = "return 200 \"$request_method $http_authorization length=$http_content_length\";";
    let nginx = Nginx::new().http(port).location("= /target", target);
    [301, 302, 303, 307, 308].iter().fold(nginx, |nginx, code| {
        nginx.location(&format!("= /{code}"), &format!("return {code} /target;"))
    })
}

fn stream(port: u16, method: &str, url: &str, more: &str) -> String {
    format!(
        r#""endpoint":"localhost","port":{port},"protocol":"h1","http_method":"{method}","http_url":"{url}"{more}"#
    )
}

const FOLLOW: &str = r#","allow_redirects":true"#;

// Covers SS-504
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_redirected_post_becomes_a_get_or_stays_a_post_by_its_status() {
    let site = Site::loopback("ours-redirects");
    let port = site.port();
    let nginx = redirecting(port).start(&site);
    for (code, expected) in [
        (301, "GET  length="),
        (302, "GET  length="),
        (303, "GET  length="),
        (307, "POST  length=4"),
        (308, "POST  length=4"),
    ] {
        let document =
            Document::new().stream("post", &stream(port, "POST", &code.to_string(), FOLLOW));
        let mut rig = Rig::new(&document);
        let post = rig.scripted("post", Script::default().again());
        rig.post(&post, b"body");
        let story = post.story();
        assert_eq!(String::from_utf8_lossy(story.payloads()[0]), expected, "{code}");
        let usual = [
            State::Creating,
            State::Poll,
            State::Connecting,
            State::Connected,
            State::QosAckRemote,
            State::Disconnected,
        ];
        assert_eq!(story.states(), usual, "{code}");
        // The first body ended with the redirect; one that was sent again was acknowledged.
        let redirected = Outcome::Refused(Reason::Peer(Peer::Redirect(code)));
        let again = [redirected, Outcome::Acknowledged];
        let count = if code < 307 { 1 } else { 2 };
        assert_eq!(story.ends(), again[..count], "{code}");
        nginx.wait_for(&format!("\"POST /{code} HTTP/1.1\" {code}"));
        let second = if code < 307 { "GET" } else { "POST" };
        nginx.wait_for(&format!("\"{second} /target HTTP/1.1\" 200"));
    }
}

// Covers SS-504
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_redirect_that_may_not_be_followed_fails_the_attempt() {
    let site = Site::loopback("ours-redirect-refused");
    let port = site.port();
    let nginx = redirecting(port).start(&site);
    let more = r#","retry":"once""#;
    let document = Document::new()
        .retry("once", r#""backoff":[10],"conceal":1"#)
        .stream("get", &stream(port, "GET", "302", more));
    let mut rig = Rig::new(&document);
    let get = rig.stream("get");
    rig.connect(&get);
    rig.until(&get, State::AllRetriesFailed);
    assert_eq!(get.story().reasons(), [Reason::Peer(Peer::Redirect(302)); 2]);
    assert_eq!(get.story().count(State::Unreachable), 2);
    assert_eq!(get.story().count(State::Connected), 0);
    assert!(get.story().received.is_empty());
    let asked = mainstay_test_support::wait_until(core::time::Duration::from_secs(5), || {
        nginx.log().matches("GET /302").count() == 2
    });
    assert!(asked && !nginx.log().contains("/target"), "{}", nginx.log());
}

// Covers SS-504
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_redirect_may_lead_into_tls_and_never_out_of_it() {
    let site = Site::loopback("ours-redirect-tls");
    let pki = Pki::new(&site);
    let (clear, tls) = (site.port(), site.port());
    let nginx = Nginx::new()
        .http(clear)
        .https(tls, &pki.server)
        .location("= /in", &format!("return 302 https://localhost:{tls}/hello;"))
        .location("= /out", &format!("return 302 http://localhost:{clear}/hello;"))
        .start(&site);
    let trust = format!(r#"{FOLLOW},"tls_trust_store":"site""#);
    let secure = format!(r#"{trust},"tls":true"#);
    let document = Document::new()
        .trust(&pki.ca)
        .stream("in", &stream(clear, "GET", "in", &trust))
        .stream("out", &stream(tls, "GET", "out", &secure));
    let mut rig = Rig::new(&document);
    let into = rig.stream("in");
    rig.fetch(&into);
    assert_eq!(into.story().payloads(), [b"hello\n"]);
    nginx.wait_for(&format!("{tls} \"GET /hello HTTP/1.1\" 200"));
    let out = rig.stream("out");
    rig.connect(&out);
    rig.until(&out, State::AllRetriesFailed);
    assert_eq!(out.story().reasons(), [Reason::Peer(Peer::Redirect(302))]);
    nginx.wait_for("\"GET /out HTTP/1.1\" 302");
    assert!(!nginx.log().contains(&format!("{clear} \"GET /hello")), "{}", nginx.log());
}

// Covers SS-504
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn credentials_do_not_follow_a_redirect_to_another_server() {
    let site = Site::loopback("ours-redirect-foreign");
    let (own, other) = (site.port(), site.port());
    let nginx = redirecting(own)
        .http(other)
        .location("= /away", &format!("return 302 http://localhost:{other}/target;"))
        .start(&site);
    let auth = r#","allow_redirects":true,"http_auth_header":"authorization:""#;
    let document = Document::new()
        .stream("here", &stream(own, "GET", "302", auth))
        .stream("away", &stream(own, "GET", "away", auth));
    let blobs = Blobs { auth: [Some("secret-token".into()), None, None, None], ..Blobs::default() };
    let mut rig = Rig::with(&document, |builder| builder.blobs(blobs));
    let (here, away) = (rig.stream("here"), rig.stream("away"));
    rig.fetch(&here);
    rig.fetch(&away);
    assert_eq!(here.story().payloads(), [b"GET secret-token length="]);
    assert_eq!(away.story().payloads(), [b"GET  length="]);
    nginx.wait_for(&format!("{other} \"GET /target HTTP/1.1\" 200"));
}

// Covers SS-504
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn redirects_in_a_circle_come_to_an_end() {
    let site = Site::loopback("ours-redirect-circle");
    let port = site.port();
    let nginx = Nginx::new().http(port).location("= /circle", "return 302 /circle;").start(&site);
    let document = Document::new().stream("get", &stream(port, "GET", "circle", FOLLOW));
    let mut rig = Rig::new(&document);
    let get = rig.stream("get");
    rig.connect(&get);
    rig.until(&get, State::AllRetriesFailed);
    assert_eq!(get.story().reasons(), [Reason::Peer(Peer::Redirect(302))]);
    let asked = mainstay_test_support::wait_until(core::time::Duration::from_secs(5), || {
        nginx.log().lines().count() == 11
    });
    assert!(asked, "{}", nginx.log());
}
