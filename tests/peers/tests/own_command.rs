//! The command over our own stack and over the kernel's: tests of iperf3 with its unmodified client and server, bytes to and
//! from socat, and streams of a policy over IPv6.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::net::{IpAddr, SocketAddr};
use mainstay_peer_tests::Document;
use mainstay_peer_tests::own::{KERNEL, LINK, Lan, OURS};
use mainstay_test_support::peers::{Mosquitto, Nginx};
use mainstay_test_support::{Peer, Ran, Ready, Site, built, program};
use serde_json::Value;
use std::path::PathBuf;

const MIB: u64 = 1 << 20;

/// Whose stack the command runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Kernels,
}

/// The flags that put the command on our stack.
fn link(whose: Whose) -> Vec<String> {
    if whose == Whose::Kernels {
        return Vec::new();
    }
    let words = format!("--link tap:{LINK} --address {}/24 --address {}/64", OURS[0], OURS[1]);
    words.split_whitespace().map(str::to_owned).collect()
}

/// `mainstay tcp` with these words.
fn words(role: &str, at: SocketAddr, more: &str, whose: Whose) -> Vec<String> {
    let mut words = vec!["tcp".to_owned(), role.to_owned(), at.to_string()];
    words.extend(more.split_whitespace().map(str::to_owned));
    words.extend(link(whose));
    words
}

fn args(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn iperf3() -> PathBuf {
    program("iperf3", "iperf3")
}

/// What iperf3 counted: bytes sent and received, and how many streams there were.
fn counted(said: &str) -> (u64, u64, usize) {
    let json = said.find('{').map_or("", |at| &said[at..]);
    let all: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(all.get("error"), None, "{said}");
    let end = &all["end"];
    let bytes = |name: &str| end[name]["bytes"].as_u64().unwrap();
    (bytes("sum_sent"), bytes("sum_received"), end["streams"].as_array().unwrap().len())
}

/// What the command counted: bytes out and in, and what it says the peer counted.
fn told(said: &str) -> [u64; 3] {
    let line =
        said.lines().find(|line| line.contains("peer counted")).unwrap_or_else(|| panic!("{said}"));
    let after =
        |word: &str| line[line.find(word).unwrap() + word.len()..].split_whitespace().next();
    [" out ", "  in ", "peer counted "].map(|word| after(word).unwrap().parse().unwrap())
}

/// Our side asks, iperf3 serves: bytes out, in, and what iperf3 said of itself.
fn ask(site: &Site, to: IpAddr, more: &str, whose: Whose) -> ([u64; 3], (u64, u64, usize)) {
    let port = site.port();
    let serve = ["-s", "-1", "-J", "-p", &port.to_string()];
    let mut server = site.start("iperf3", &iperf3(), &serve, &Ready::Port(port));
    let words = words("connect", (to, port).into(), &format!("--iperf3 {more}"), whose);
    let ran = site.run(&built("mainstay"), &args(&words));
    assert_eq!(ran.code, Some(0), "{more}: {ran:?}");
    assert_eq!(server.wait_end(), Some(0), "{more}");
    (told(&ran.stderr), counted(&server.log()))
}

/// Our side serves, iperf3 asks.
fn serve(lan: &Lan, at: IpAddr, more: &str, whose: Whose) -> ([u64; 3], (u64, u64, usize)) {
    let site = lan.site();
    let (mut server, port) = listening(lan, at, "--iperf3", whose);
    let port = port.to_string();
    let mut all = vec!["-c".to_owned(), at.to_string(), "-p".to_owned(), port, "-J".to_owned()];
    all.extend(more.split_whitespace().map(str::to_owned));
    let ran = site.run(&iperf3(), &args(&all));
    assert_eq!(ran.code, Some(0), "{more}: {ran:?}\n{}", server.log());
    assert_eq!(server.wait_end(), Some(0), "{more}: {}", server.log());
    (told(&server.log()), counted(&ran.stdout))
}

/// The command, waiting for connections.
fn listening(lan: &Lan, at: IpAddr, more: &str, whose: Whose) -> (Peer, u16) {
    let port = lan.site().port();
    let words = words("listen", (at, port).into(), more, whose);
    let ready = match whose {
        Whose::Kernels => Ready::Port(port),
        Whose::Ours => {
            lan.wait_free();
            Ready::Started
        }
    };
    let server = lan.site().start("mainstay", &built("mainstay"), &args(&words), &ready);
    if whose == Whose::Ours {
        // Who has opened the link listens before it takes the first frame.
        lan.wait_up();
    }
    (server, port)
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_address_that_nobody_on_the_link_has_is_unreachable_and_not_waited_for() {
    Lan::run("own-nobody", |lan| {
        let at = SocketAddr::from(([198, 18, 1, 77], 9));
        for more in ["--send 1", "--iperf3"] {
            lan.wait_free();
            let words = words("connect", at, more, Whose::Ours);
            let ran = lan.site().run(&built("mainstay"), &args(&words));
            assert_eq!(ran.code, Some(5), "{more}: {ran:?}");
            assert!(ran.stderr.contains("nobody on the link"), "{more}: {ran:?}");
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_unmodified_iperf3_server_counts_what_we_send_and_sends_what_we_count() {
    Lan::run("own-iperf3-ask", |lan| {
        for (whose, family) in [(Whose::Ours, 0), (Whose::Ours, 1), (Whose::Kernels, 0)] {
            let to = KERNEL[family];
            let ([out, _, peer], (_, received, streams)) =
                ask(lan.site(), to, "--send 40M -P 2", whose);
            assert_eq!((out, peer, streams), (40 * MIB, received, 2), "{whose:?}");
            // iperf3 reads no further once it is told that the test is over.
            assert!(received <= out && received > out / 2, "{whose:?}: {received}");

            let ([_, taken, peer], (sent, _, streams)) =
                ask(lan.site(), to, "--send 3M -R -P 3", whose);
            assert_eq!((peer, streams), (sent, 3), "{whose:?}");
            assert!(taken >= 3 * MIB && sent >= taken, "{whose:?}: {taken} of {sent}");

            let ([out, _, peer], (_, received, _)) = ask(lan.site(), to, "--for 1", whose);
            assert!(peer == received && received > 0 && received <= out, "{whose:?}");
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_unmodified_iperf3_client_counts_what_we_send_and_sends_what_we_count() {
    Lan::run("own-iperf3-serve", |lan| {
        for (whose, family) in [(Whose::Ours, 0), (Whose::Ours, 1), (Whose::Kernels, 0)] {
            let at = if whose == Whose::Ours { OURS[family] } else { KERNEL[family] };
            let ([_, taken, peer], (sent, received, streams)) =
                serve(lan, at, "-n 12M -P 3", whose);
            assert_eq!((taken, peer, received), (sent, sent, sent), "{whose:?}");
            assert!(sent >= 12 * MIB && streams == 3, "{whose:?}");

            let ([out, _, peer], (sent, received, streams)) =
                serve(lan, at, "-n 6M -R -P 2", whose);
            assert_eq!((out, peer, streams), (sent, received, 2), "{whose:?}");
            assert!(received >= 6 * MIB && received <= out, "{whose:?}");

            let ([_, taken, _], (sent, received, _)) = serve(lan, at, "-t 1", whose);
            assert!(taken == received && received > 0 && received <= sent, "{whose:?}");
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn what_iperf3_may_ask_for_and_we_do_not_have_is_refused_in_its_words() {
    Lan::run("own-iperf3-refused", |lan| {
        for more in ["-u", "--bidir"] {
            let (mut server, port) = listening(lan, OURS[0], "--iperf3", Whose::Ours);
            let (at, port) = (OURS[0].to_string(), port.to_string());
            let ran = lan.site().run(&iperf3(), &["-c", &at, "-p", &port, "-t", "1", more]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            assert!(ran.stderr.contains("not implemented"), "{ran:?}");
            assert_eq!(server.wait_end(), Some(4), "{}", server.log());
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_command_and_socat_exchange_bytes_whoever_listens() {
    Lan::run("own-socat-command", |lan| {
        let site = lan.site();
        let (socat, mainstay) = (program("socat", "socat"), built("mainstay"));
        let bytes: String = (0..200_000).map(|n| format!("{n}\n")).collect();
        let file = site.write("bytes", &bytes);
        for (whose, family) in [(Whose::Ours, 0), (Whose::Ours, 1), (Whose::Kernels, 1)] {
            // socat has the file and sends it to whoever connects.
            let (port, kind) = (site.port(), ["TCP4", "TCP6"][family]);
            let (listen, from) = (format!("{kind}-LISTEN:{port}"), file.display().to_string());
            let _sender = site.start("socat", &socat, &["-u", &from, &listen], &Ready::Port(port));
            let words = words("connect", (KERNEL[family], port).into(), "--send 0", whose);
            let ran = site.run(&mainstay, &args(&words));
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(ran.stdout == bytes, "{whose:?}: {} bytes", ran.stdout.len());

            // socat connects, sends it and takes what comes back.
            let at = if whose == Whose::Ours { OURS[family] } else { KERNEL[family] };
            let (mut echo, port) = listening(lan, at, "--echo", whose);
            let to = match at {
                IpAddr::V4(at) => format!("TCP4:{at}:{port}"),
                IpAddr::V6(at) => format!("TCP6:[{at}]:{port}"),
            };
            let file = format!("{from}!!CREATE:back");
            let ran = site.run(&socat, &["-t", "10", &file, &to]);
            assert_eq!((ran.code, echo.wait_end()), (Some(0), Some(0)), "{ran:?}");
            assert!(site.read("back") == bytes, "{whose:?}");
        }
    });
}

/// A command with a policy over our stack.
fn with_policy(site: &Site, command: &str, policy: &str, more: &str) -> Ran {
    let mut words = vec![command.to_owned(), policy.to_owned()];
    words.extend(more.split_whitespace().map(str::to_owned));
    words.extend(link(Whose::Ours));
    site.run(&built("mainstay"), &args(&words))
}

// Covers TCP-702, LAY-211
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn run_and_listen_hold_their_streams_over_our_ipv6() {
    Lan::run("own-run-v6", |lan| {
        let site = lan.site();
        let (http, mqtt) = (site.port(), site.port());
        let nginx = Nginx::new().everywhere().http(http).start(site);
        let broker = Mosquitto::new().everywhere().mqtt(mqtt).start(site);
        site.write("www/file", "what nginx has\n");
        let to = |port: u16| format!(r#""endpoint":"{}","port":{port}"#, KERNEL[1]);
        let get = format!(r#"{},"protocol":"h1","http_method":"GET","http_url":"file""#, to(http));
        let subscribe = format!(
            r#"{},"protocol":"mqtt","nailed_up":true,"mqtt_subscribe":"loop","mqtt_topic":"loop","mqtt_qos":1"#,
            to(mqtt)
        );
        let document = Document::new().stream("get", &get).stream("mqtt", &subscribe);
        let policy = site.write("policy.json", document.text());
        let policy = policy.to_str().unwrap();

        let ran = with_policy(site, "run", policy, "--for 4 --plain");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        broker.wait_for(&format!("New client connected from {}", OURS[1]));
        nginx.wait_for("\"GET /file HTTP/1.1\" 200");

        let ran = with_policy(site, "listen", policy, "get --for 9");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "what nginx has\n"), "{ran:?}");
    });
}
