//! Proxies on the way: squid, tinyproxy and microsocks, alone and in a row, to nginx with TLS and without.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use mainstay::{Peer as Side, PolicyReason, Reason, State};
use mainstay_peer_tests::{Document, Rig};
use mainstay_test_support::peers::{Microsocks, Nginx, Squid, Tinyproxy};
use mainstay_test_support::{Pki, Ready, Site, program, wait_until};
use std::sync::Arc;

const TLS: &str = r#","tls":true,"tls_trust_store":"site""#;

fn h1(port: u16, more: &str) -> String {
    format!(
        r#""endpoint":"localhost","port":{port},"protocol":"h1","http_method":"GET","http_url":"hello"{more}"#
    )
}

fn http_proxy(at: &str, more: &str) -> String {
    format!(r#","via-http-proxy":"{at}"{more}"#)
}

fn socks(at: &str, more: &str) -> String {
    format!(r#","via-socks5":"{at}"{more}"#)
}

/// One transaction; the greeting must come.
fn greets(rig: &mut Rig, streamtype: &str) {
    let told = rig.stream(streamtype);
    rig.fetch(&told);
    assert_eq!(told.story().payloads(), [b"hello\n"], "{streamtype}");
}

/// One attempt, which must fail for this reason.
fn refused(rig: &mut Rig, streamtype: &str, reason: Side) {
    let told = rig.stream(streamtype);
    rig.connect(&told);
    rig.until(&told, State::AllRetriesFailed);
    assert_eq!(told.story().reasons(), [Reason::Peer(reason)], "{streamtype}");
    assert_eq!(told.story().count(State::Unreachable), 1);
}

// Covers LAY-220, LAY-221, LAY-222, LAY-225, LAY-226
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn squid_tunnels_for_us_and_its_refusals_are_told_apart() {
    let site = Site::loopback("ours-squid");
    let pki = Pki::new(&site);
    let (clear, tls, proxy, denied, dead) =
        (site.port(), site.port(), site.port(), site.port(), site.port());
    let nginx = Nginx::new().http(clear).https(tls, &pki.server).start(&site);
    let squid = Squid::new(proxy).user("dev", "s%c:ret").deny(denied).start(&site);
    let with = |port: u16, user: &str, more: &str| {
        h1(port, &http_proxy(&format!("{user}127.0.0.1:{proxy}"), more))
    };
    let good = "dev:s%c:ret@";
    let document = Document::new()
        .trust(&pki.ca)
        .stream("clear", &with(clear, good, ""))
        .stream("tls", &with(tls, good, TLS))
        .stream("wrong", &with(clear, "dev:wrong@", ""))
        .stream("nobody", &with(clear, "", ""))
        .stream("denied", &with(denied, good, ""))
        .stream("dead", &with(dead, good, ""));
    let mut rig = Rig::new(&document);
    greets(&mut rig, "clear");
    greets(&mut rig, "tls");
    refused(&mut rig, "wrong", Side::ProxyAuth);
    refused(&mut rig, "nobody", Side::ProxyAuth);
    refused(&mut rig, "denied", Side::ProxyStatus(403));
    refused(&mut rig, "dead", Side::ProxyStatus(503));
    nginx.wait_for(&format!("{clear} \"GET /hello HTTP/1.1\" 200"));
    nginx.wait_for(&format!("{tls} \"GET /hello HTTP/1.1\" 200"));
    rig.run("the kept connections", |node| node.connection_count() <= 2);
    drop(rig);
    for line in [
        "TCP_TUNNEL/200 ".to_owned(),
        format!("CONNECT localhost:{tls}"),
        "TCP_DENIED/407".to_owned(),
        "TCP_DENIED/403 ".to_owned(),
        format!("CONNECT localhost:{denied}"),
    ] {
        squid.server.wait_for(&line);
    }
}

// Covers LAY-220, LAY-221, LAY-222, LAY-226
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn tinyproxy_tunnels_for_us_and_its_refusals_are_told_apart() {
    let site = Site::loopback("ours-tinyproxy");
    let pki = Pki::new(&site);
    let (tls, proxy, other) = (site.port(), site.port(), site.port());
    let nginx = Nginx::new().http(other).https(tls, &pki.chained).start(&site);
    let tinyproxy = Tinyproxy::new(proxy).user("dev", "secret").allow(tls).start(&site);
    let with = |port: u16, user: &str, more: &str| {
        h1(port, &http_proxy(&format!("{user}@localhost:{proxy}"), more))
    };
    let document = Document::new()
        .trust(&pki.ca)
        .stream("tls", &with(tls, "dev:secret", TLS))
        .stream("wrong", &with(tls, "dev:wrong", TLS))
        .stream("nobody", &h1(tls, &http_proxy(&format!("localhost:{proxy}"), TLS)))
        .stream("denied", &with(other, "dev:secret", ""));
    let mut rig = Rig::new(&document);
    greets(&mut rig, "tls");
    // It answers 407 to those who show no password, and 401 to those who show a wrong one.
    refused(&mut rig, "nobody", Side::ProxyAuth);
    refused(&mut rig, "wrong", Side::ProxyStatus(401));
    refused(&mut rig, "denied", Side::ProxyStatus(403));
    tinyproxy.wait_for(&format!("CONNECT localhost:{tls}"));
    nginx.wait_for(&format!("{tls} \"GET /hello HTTP/1.1\" 200"));
    assert_eq!(nginx.log().lines().count(), 1, "{}", nginx.log());
}

// Covers LAY-227, LAY-225
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_target_that_speaks_first_and_a_proxy_that_is_gone() {
    let site = Site::loopback("ours-proxy-banner");
    let (target, proxy, nobody) = (site.port(), site.port(), site.port());
    let banner = format!("TCP-LISTEN:{target},bind=127.0.0.1,reuseaddr,fork");
    let script = site.write("banner.sh", "printf '220 ready\\r\\n'; exec cat\n");
    let shell = format!("EXEC:bash {}", script.display());
    let socat = program("socat", "socat");
    let _server = site.start("socat", &socat, &[&banner, &shell], &Ready::Port(target));
    let squid = Squid::new(proxy).start(&site);
    let raw = |proxy: u16| {
        let via = http_proxy(&format!("127.0.0.1:{proxy}"), "");
        format!(
            r#""endpoint":"localhost","port":{target},"protocol":"raw","opportunistic":true{via}"#
        )
    };
    let document = Document::new().stream("raw", &raw(proxy)).stream("gone", &raw(nobody));
    let mut rig = Rig::new(&document);
    let told = rig.stream("raw");
    rig.send(&told, b"HELO us\r\n");
    rig.run("banner and echo", |_node| told.story().received == b"220 ready\r\nHELO us\r\n");
    rig.destroy(&told);
    let gone = rig.stream("gone");
    rig.connect(&gone);
    rig.until(&gone, State::AllRetriesFailed);
    let reason = Reason::Network(mainstay::Network::Refused);
    assert_eq!(gone.story().reasons(), [reason]);
    rig.run("squid's log", |_node| squid.server.log().contains("TCP_TUNNEL/200"));
}

// Covers LAY-232, LAY-233, LAY-234, LAY-235, LAY-237
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn microsocks_connects_for_us_and_resolves_the_name_itself() {
    let site = Site::loopback("ours-microsocks");
    let pki = Pki::new(&site);
    let (clear, tls, proxy, dead) = (site.port(), site.port(), site.port(), site.port());
    let nginx = Nginx::new().http(clear).https(tls, &pki.server).start(&site);
    let microsocks = Microsocks::new(proxy).user("dev", "secret").start(&site);
    let with = |port: u16, user: &str, more: &str| {
        h1(port, &socks(&format!("{user}127.0.0.1:{proxy}"), more))
    };
    let document = Document::new()
        .trust(&pki.ca)
        .stream("clear", &with(clear, "dev:secret@", ""))
        .stream("tls", &with(tls, "dev:secret@", TLS))
        .stream("wrong", &with(clear, "dev:wrong@", ""))
        .stream("nobody", &with(clear, "", ""))
        .stream("dead", &with(dead, "dev:secret@", ""));
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let mut rig = Rig::with(&document, |builder| {
        builder.resolver(Box::new(move |_name| {
            counter.fetch_add(1, Ordering::Relaxed);
            None
        }))
    });
    greets(&mut rig, "clear");
    greets(&mut rig, "tls");
    refused(&mut rig, "wrong", Side::ProxyAuth);
    refused(&mut rig, "nobody", Side::ProxyAuth);
    // 5: refused (RFC 1928 section 6).
    refused(&mut rig, "dead", Side::Socks(5));
    assert_eq!(asked.load(Ordering::Relaxed), 0, "names are the proxy's business");
    microsocks.wait_for(&format!("connected to localhost:{tls}"));
    nginx.wait_for(&format!("{tls} \"GET /hello HTTP/1.1\" 200"));
}

// Covers LAY-193, SS-416
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_documents_proxy_holds_for_every_stream_without_one_of_its_own() {
    let site = Site::loopback("ours-document-proxy");
    let (clear, common, special) = (site.port(), site.port(), site.port());
    let nginx = Nginx::new().http(clear).start(&site);
    let first = Microsocks::new(common).start(&site);
    let squid = Squid::new(special).start(&site);
    let document = Document::new()
        .top(&format!(r#""via-socks5":"127.0.0.1:{common}""#))
        .stream("common", &h1(clear, ""))
        .stream("special", &h1(clear, &http_proxy(&format!("127.0.0.1:{special}"), "")));
    let mut rig = Rig::new(&document);
    greets(&mut rig, "common");
    greets(&mut rig, "special");
    first.wait_for(&format!("connected to localhost:{clear}"));
    assert_eq!(first.log().matches("connected to").count(), 1, "{}", first.log());
    drop(rig);
    squid.server.wait_for("TCP_TUNNEL/200");
    // Two ways are two connections.
    nginx.wait_for("conn=2/1");
}

// Covers LAY-238, LAY-246
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn proxies_stand_in_a_row_and_the_certificate_is_the_targets() {
    let site = Site::loopback("ours-proxy-chain");
    let pki = Pki::new(&site);
    let (tls, wrong, one, two) = (site.port(), site.port(), site.port(), site.port());
    let nginx = Nginx::new().https(wrong, &pki.wrong_host).https(tls, &pki.server).start(&site);
    let microsocks = Microsocks::new(one).user("a", "b").start(&site);
    let tinyproxy = Tinyproxy::new(two).user("c", "d").start(&site);
    let chain = format!(
        r#","via-socks5":"a:b@localhost:{one}","via-http-proxy":"c:d@localhost:{two}"{TLS}"#
    );
    let document = Document::new()
        .trust(&pki.ca)
        .stream("good", &h1(tls, &chain))
        .stream("wrong", &h1(wrong, &chain));
    let mut rig = Rig::new(&document);
    greets(&mut rig, "good");
    refused(&mut rig, "wrong", Side::Certificate(mainstay::Certificate::WrongName));
    microsocks.wait_for(&format!("connected to localhost:{two}"));
    tinyproxy.wait_for(&format!("CONNECT localhost:{tls}"));
    nginx.wait_for(&format!("{tls} \"GET /hello HTTP/1.1\" 200"));
}

// Covers LAY-191, LAY-229, LAY-266
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_proxy_may_itself_be_behind_tls() {
    let site = Site::loopback("ours-https-proxy");
    let pki = Pki::new(&site);
    let (tls, proxy, front) = (site.port(), site.port(), site.port());
    let nginx = Nginx::new().https(tls, &pki.server).start(&site);
    let tinyproxy = Tinyproxy::new(proxy).start(&site);
    let listen = format!(
        "OPENSSL-LISTEN:{front},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={},key={}",
        pki.chained.cert_path(),
        pki.chained.key_path()
    );
    let to = format!("TCP:127.0.0.1:{proxy}");
    let socat = program("socat", "socat");
    let _front = site.start("socat", &socat, &[&listen, &to], &Ready::Port(front));
    let layers = format!(
        r#","stack":{{"base":{{"use":"os-tcp"}},"layers":[{{"use":"tls","trust":"site","name":"server.test"}},{{"use":"http-connect","proxy":"localhost:{front}"}},{{"use":"tls","trust":"site"}}]}}"#
    );
    let document = Document::new().trust(&pki.ca).stream("get", &h1(tls, &layers));
    let mut rig = Rig::new(&document);
    greets(&mut rig, "get");
    tinyproxy.wait_for(&format!("CONNECT localhost:{tls}"));
    nginx.wait_for("alpn=http/1.1");
}

// Covers LAY-218, SS-433, SS-580
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn unix_sockets_lead_to_servers_by_path_and_by_abstract_name() {
    let site = Site::loopback("ours-unix");
    let pki = Pki::new(&site);
    let (clear, tls) = (site.port(), site.port());
    let path = site.dir().join("web.sock");
    let path = path.to_str().unwrap();
    let nginx = Nginx::new().unix(path).http(clear).https(tls, &pki.server).start(&site);
    let name = format!("mainstay-test-{}-{tls}", std::process::id());
    let socat = program("socat", "socat");
    let listen = format!("ABSTRACT-LISTEN:{name},fork");
    let to = format!("TCP:127.0.0.1:{tls}");
    let _front = site.start("socat", &socat, &[&listen, &to], &Ready::Started);
    let listening = wait_until(Duration::from_secs(5), || {
        std::fs::read_to_string("/proc/net/unix").unwrap().contains(&name)
    });
    assert!(listening);
    let get = |endpoint: &str, more: &str| {
        format!(
            r#""endpoint":"{endpoint}","protocol":"h1","http_method":"GET","http_url":"hello"{more}"#
        )
    };
    let document = Document::new()
        .trust(&pki.ca)
        .stream("path", &get(&format!("+{path}"), ""))
        .stream("name", &get(&format!("+@{name}"), TLS))
        .stream("nobody", &get(&format!("+{path}.not"), ""));
    let mut rig = Rig::new(&document);
    greets(&mut rig, "path");
    greets(&mut rig, "name");
    nginx.wait_for("0 \"GET /hello HTTP/1.1\" 200");
    nginx.wait_for(&format!("{tls} \"GET /hello HTTP/1.1\" 200"));
    let nobody = rig.stream("nobody");
    rig.connect(&nobody);
    rig.until(&nobody, State::AllRetriesFailed);
    let reasons = nobody.story().reasons();
    assert!(matches!(reasons[..], [Reason::Network(_)]), "{reasons:?}");
    assert_ne!(reasons, [Reason::Policy(PolicyReason::Invalid)]);
}
