//! Streams of a policy over our own TCP, against the servers that the tests over the kernel's know.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay::{Outcome, Resolved, State};
use mainstay_peer_tests::own::{KERNEL, LINK, Lan, OURS, Shape, listener, taking};
use mainstay_peer_tests::{Document, Rig};
use mainstay_test_support::peers::{Mosquitto, Nginx, Openssl, Websockets};
use mainstay_test_support::{Pki, Ran, Site, built};
use std::io::{Read, Write};

const TLS: &str = r#","tls":true,"tls_trust_store":"site""#;

/// A stream to the one server there is.
fn stream(port: u16, protocol: &str, more: &str) -> String {
    format!(r#""endpoint":"server.test","port":{port},"protocol":"{protocol}"{more}"#)
}

/// A device on the link; the server's name stands for the kernel's address of this family.
fn rig(lan: &Lan, family: usize, document: &Document) -> Rig {
    let shape = Shape::new(family == 0);
    let rig = Rig::with(document, |builder| {
        let resolver = Box::new(move |name: &str| {
            (name == "server.test").then(|| Resolved::Addresses(vec![KERNEL[family]]))
        });
        builder.links(shape.network(), vec![shape.link()]).resolver(resolver)
    });
    lan.wait_up();
    rig
}

/// Bytes of which none follows from its neighbours.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..len).map(|_| next()).collect()
}

// Covers TCP-702, SS-506
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn nginx_serves_http_and_takes_uploads() {
    Lan::run("own-http", |lan| {
        let site = lan.site();
        let port = site.port();
        let nginx = Nginx::new().everywhere().http(port).start(site);
        let body = noise(3_000_000);
        site.write("www/file", &body);
        let document = Document::new()
            .stream("get", &stream(port, "h1", r#","http_method":"GET","http_url":"file""#))
            .stream("put", &stream(port, "h1", r#","http_method":"PUT","http_url":"put/it""#));
        for family in [0, 1] {
            let mut rig = rig(lan, family, &document);
            let (get, put) = (rig.stream("get"), rig.stream("put"));
            rig.fetch(&get);
            assert!(get.story().received == body);
            rig.post(&put, &body);
            assert_eq!(put.story().ends(), [Outcome::Acknowledged]);
            let path = site.dir().join("www/put/it");
            assert!(std::fs::read(&path).unwrap() == body);
            std::fs::remove_file(path).unwrap();
        }
        nginx.wait_for("\"PUT /put/it HTTP/1.1\" 201");
        assert_eq!(nginx.log().lines().count(), 4);
    });
}

// Covers TCP-702, SS-525
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn nginx_serves_many_streams_of_one_http2_connection_over_tls() {
    Lan::run("own-h2", |lan| {
        let site = lan.site();
        let pki = Pki::new(site);
        let port = site.port();
        let nginx = Nginx::new().everywhere().h2(port, &pki.chained).start(site);
        let body = noise(300_000);
        site.write("www/file", &body);
        let more = format!(r#","http_method":"GET","http_url":"file"{TLS}"#);
        let document = Document::new().trust(&pki.ca).stream("get", &stream(port, "h2", &more));
        for family in [0, 1] {
            let mut rig = rig(lan, family, &document);
            let all: Vec<_> = (0..10).map(|_| rig.stream("get")).collect();
            all.iter().for_each(|told| rig.connect(told));
            rig.run("all to end", |_| {
                all.iter().all(|told| told.story().count(State::Disconnected) == 1)
            });
            assert!(all.iter().all(|told| told.story().received == body));
        }
        nginx.wait_for("conn=2/10 tls=TLSv1.3 alpn=h2");
    });
}

// Covers TCP-702, SS-563
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn mosquitto_acknowledges_what_is_published() {
    Lan::run("own-mqtt", |lan| {
        let site = lan.site();
        let pki = Pki::new(site);
        let (clear, tls) = (site.port(), site.port());
        let broker = Mosquitto::new().everywhere().mqtt(clear).tls(tls, &pki.chained).start(site);
        let more = r#","nailed_up":true,"mqtt_clean_start":true,"mqtt_subscribe":"loop","mqtt_topic":"loop","mqtt_qos":1"#;
        let document = Document::new()
            .trust(&pki.ca)
            .stream("clear", &stream(clear, "mqtt", more))
            .stream("tls", &stream(tls, "mqtt", &format!("{more}{TLS}")));
        let message = noise(50_000);
        for (family, name) in [(0, "clear"), (1, "clear"), (0, "tls"), (1, "tls")] {
            let mut rig = rig(lan, family, &document);
            let told = rig.stream(name);
            rig.until(&told, State::Connected);
            rig.send(&told, &message);
            rig.until_outcomes(&told, 1);
            rig.until_messages(&told, 1);
            assert_eq!(told.story().ends(), [Outcome::Acknowledged]);
            assert!(told.story().received == message);
        }
        broker.wait_for("Sending PUBACK");
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_websocket_echoes_and_comes_back_with_its_server() {
    Lan::run("own-ws", |lan| {
        let site = lan.site();
        let pki = Pki::new(site);
        let port = site.port();
        let start = || Websockets::tls(port, &pki.chained).everywhere().start(site);
        let members = format!(r#","nailed_up":true,"retry":"on"{TLS}"#);
        let document = Document::new()
            .trust(&pki.ca)
            .retry("on", r#""backoff":[20,50],"conceal":65535,"jitterpc":10"#)
            .stream("ws", &stream(port, "ws", &members));
        let mut server = start();
        for family in [0, 1] {
            let mut rig = rig(lan, family, &document);
            let told = rig.stream("ws");
            rig.until(&told, State::Connected);
            // In order, and not.
            for (round, signal) in ["TERM", "KILL"].into_iter().enumerate() {
                rig.send(&told, format!("round {round}").as_bytes());
                rig.until_messages(&told, round + 1);
                server.signal(signal);
                rig.until(&told, State::Disconnected);
                server.stop();
                rig.until(&told, State::Unreachable);
                server = start();
                rig.until(&told, State::Connected);
            }
            assert_eq!(told.story().payloads(), [b"round 0", b"round 1"]);
            assert_eq!(told.story().count(State::AllRetriesFailed), 0);
        }
    });
}

// Covers TCP-702, LAY-246
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn openssl_and_we_agree_on_tls_and_both_ends() {
    Lan::run("own-tls", |lan| {
        let site = lan.site();
        let pki = Pki::new(site);
        let port = site.port();
        let server = Openssl::new(port, &pki.chained).everywhere().reversing().start(site);
        let members = stream(port, "raw", &format!(r#","opportunistic":true{TLS}"#));
        let document = Document::new().trust(&pki.ca).stream("raw", &members);
        for family in [0, 1] {
            let mut rig = rig(lan, family, &document);
            let told = rig.stream("raw");
            rig.send(&told, b"abc\n");
            rig.run("the line reversed", |_node| told.story().received == b"cba\n");
            rig.destroy(&told);
            let closed = |log: String| log.matches("CONNECTION CLOSED").count();
            rig.run("our close_notify", |_node| closed(server.log()) == family + 1);
        }
    });
}

/// The command over our link: its policy and what is sent.
fn send(site: &Site, text: &str, more: &[&str]) -> Ran {
    let policy = site.write("policy.json", text);
    let addresses = [format!("{}/24", OURS[0]), format!("{}/64", OURS[1])];
    let link = format!("tap:{LINK}");
    let mut args = vec!["send", policy.to_str().unwrap(), "s", "--link", &link];
    for address in &addresses {
        args.extend(["--address", address]);
    }
    args.extend(more);
    site.run(&built("mainstay"), &args)
}

/// A policy with one stream of bytes.
fn bytes_to(address: &str, port: u16) -> String {
    let members =
        format!(r#""endpoint":"{address}","port":{port},"protocol":"raw","opportunistic":true"#);
    Document::new().stream("s", &members).text()
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_command_tells_that_nobody_listens_and_that_there_is_no_way() {
    Lan::run("own-exits", |lan| {
        for address in KERNEL {
            let refused = send(lan.site(), &bytes_to(&address.to_string(), 9), &["--wait", "5"]);
            assert_eq!(refused.code, Some(5), "{refused:?}");
            assert!(refused.stderr.contains("nobody listens there"), "{refused:?}");
        }
        for address in ["192.0.2.1", "2001:db8::1"] {
            let nowhere = send(lan.site(), &bytes_to(address, 9), &["--wait", "5"]);
            assert_eq!(nowhere.code, Some(5), "there is no gateway: {nowhere:?}");
            assert!(nowhere.stderr.contains("no route"), "{nowhere:?}");
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_command_tells_that_nobody_has_an_address() {
    let ask = |address| {
        Lan::run("own-absent", |lan| {
            let absent = send(lan.site(), &bytes_to(address, 9), &["--wait", "9"]);
            assert_eq!(absent.code, Some(5), "{absent:?}");
            assert!(absent.stderr.contains("no route"), "{absent:?}");
        });
    };
    // Each takes 4 s and more.
    std::thread::scope(|scope| {
        scope.spawn(|| ask("198.18.1.99"));
        ask("fd00:18:1::99");
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_first_attempt_waits_until_our_address_is_ours() {
    Lan::run("own-tentative", |_lan| {
        let (listener, port) = listener(KERNEL[1]);
        let kernel = taking(listener, |mut stream| {
            let mut line = [0; 6];
            stream.read_exact(&mut line).unwrap();
            stream.write_all(&line).unwrap();
        });
        let shape = Shape::new(true);
        let members = stream(port, "raw", r#","opportunistic":true"#);
        let document = Document::new().stream("s", &members);
        let mut rig = Rig::with(&document, |builder| {
            let mut network = shape.network();
            network.stack.probes_v6 = 1; // RFC 4862 §5.1
            let resolver = Box::new(|_: &str| Some(Resolved::Addresses(vec![KERNEL[1]])));
            builder.links(network, vec![shape.link()]).resolver(resolver)
        });
        // One that is given up while it waits, and one that is not.
        let given_up = rig.stream("s");
        rig.connect(&given_up);
        rig.until(&given_up, State::Connecting);
        rig.destroy(&given_up);
        let told = rig.stream("s");
        rig.send(&told, b"hello\n");
        rig.run("the echo", |_| told.story().received == b"hello\n");
        assert_eq!(told.story().count(State::Unreachable), 0);
        kernel.join().unwrap();
    });
}
