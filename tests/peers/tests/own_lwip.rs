//! The reference lwIP (Debian's `liblwip-dev`, its raw interface) as a peer of our own TCP across a TAP, in both roles.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests in real time")]

use core::time::Duration;
use mainstay_host::own::WireKind;
use mainstay_peer_tests::own::{KERNEL, LINK, Lan, OURS, Shape, Stack};
use mainstay_tcp::queue::CopyQueue as _;
use mainstay_tcp::{Disconnected, Endpoint, Push, State};
use mainstay_test_support::{Peer, Ready, Site, program};
use std::path::{Path, PathBuf};
use std::time::Instant;

const KIB: u64 = 1 << 10;

/// What lwIP does with data: takes it; refuses it two times of three; holds it for four seconds without crediting it.
const MODES: [&str; 3] = ["plain", "refuse", "hold"];

/// Bytes of a connection. What comes while something is refused lwIP drops without a word, so that is slow.
fn bytes(mode: &str) -> u64 {
    if mode == "refuse" { 64 * KIB } else { 512 * KIB }
}

/// The peer, built from its source beside the tests.
fn build(site: &Site) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/lwip/echo.c");
    let to = site.dir().join("lwip-echo");
    let _header = program("/usr/include/lwip/lwip/tcp.h", "liblwip-dev");
    let args = ["-O1", "-o", to.to_str().unwrap(), source, "-I/usr/include/lwip", "-llwip"];
    let _silent = site.run(&program("gcc", "gcc"), &args).ok();
    to
}

/// A TAP that lwIP serves: this kernel has no part in it, and our stack is on its side of it.
fn over(test: &str, act: impl FnOnce(&Lan, &Path) + Send) {
    let site = Site::namespace(test);
    let lwip = build(&site);
    Lan::over(&site, |lan| {
        lan.set("ipv6/conf/default/disable_ipv6", "1");
        lan.ip(&format!("tuntap add dev {LINK} mode tap"));
        lan.ip(&format!("link set {LINK} up"));
        act(lan, &lwip);
    });
}

fn shape() -> Shape {
    let mut shape = Shape::new(false);
    shape.kind = WireKind::Packet;
    shape.receive_bytes = 64 << 10;
    shape
}

fn start(lan: &Lan, lwip: &Path, words: &str) -> Peer {
    lan.wait_free();
    let args: Vec<&str> = words.split_whitespace().collect();
    lan.site().start("lwip", lwip, &args, &Ready::Line("ready".to_owned()))
}

/// What lwIP says at the end of a connection: bytes received, and how many times it refused some.
fn told(peer: &Peer) -> (u64, u64) {
    peer.wait_for("over: ");
    let log = peer.log();
    let line = log.lines().rfind(|line| line.starts_with("over: ")).unwrap();
    let numbers: Vec<u64> =
        line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers[2], 0, "wrong bytes: {line}");
    (numbers[0], numbers[1])
}

// Covers LAY-334, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn lwip_sends_back_what_we_send_also_when_it_refuses_it_or_closes_its_window() {
    for mode in MODES {
        over("own-lwip-serve", |lan, lwip| {
            let words = format!("serve {LINK} {} 7 {mode}", KERNEL[0]);
            let peer = start(lan, lwip, &words);
            let mut stack = Stack::open(lan, &shape());
            let count = bytes(mode);
            let mut flows = [stack.connect((KERNEL[0], 7).into(), count)];
            let (start, mut last) = (Instant::now(), Instant::now());
            let mut closed = Duration::ZERO;
            while !flows[0].is_over() {
                assert!(start.elapsed() < Duration::from_secs(60), "{}", stack.tell(&flows));
                // For a while our window is closed to what comes back.
                let full = mode == "plain" && start.elapsed() < Duration::from_secs(2);
                flows[0].holds = full;
                stack.turn(&mut flows);
                let facts = flows[0].facts(stack.network());
                let shut = facts.backlog > 0 && facts.window == 0;
                closed += if shut { last.elapsed() } else { Duration::ZERO };
                last = Instant::now();
            }
            assert_eq!(flows[0].received(), count, "{mode}");
            assert_eq!(flows[0].ended(), Some(Disconnected::TimeWait), "{mode}");
            let (received, refused) = told(&peer);
            println!("{mode}: refused {refused} times, closed for {closed:?}");
            assert_eq!((received, refused > 0), (count, mode == "refuse"));
            assert!(mode != "hold" || closed > Duration::from_secs(1), "{closed:?}");
        });
    }
}

// Covers LAY-334, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn lwip_gets_back_what_it_sends_also_when_it_refuses_it_or_closes_its_window() {
    for mode in MODES {
        over("own-lwip-ask", |lan, lwip| {
            let count = bytes(mode);
            let words = format!("connect {LINK} {} 7 {mode} {} {count}", KERNEL[0], OURS[0]);
            let peer = start(lan, lwip, &words);
            let mut stack = Stack::open(lan, &shape());
            let listener = stack.listen(OURS[0], 7);
            let handle = stack.accept(listener, 0).handle();
            let (start, mut back) = (Instant::now(), Vec::new());
            let mut finished = false;
            stack.run_with(|stack| {
                let (now, network) = stack.network_mut();
                let Some(mut live) = network.at(now, handle) else { return true };
                // Nothing is read for a while: our window closes.
                let holds = mode == "plain" && start.elapsed() < Duration::from_secs(2);
                let mut space = [0; 8192];
                while !holds && back.len() < 32_768 {
                    let Ok(len @ 1..) = live.read(&mut space) else { break };
                    back.extend_from_slice(&space[..len]);
                }
                let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room());
                let piece = room.min(back.len());
                if piece > 0 && live.write(&back[..piece], Push::Now).is_ok() {
                    back.drain(..piece);
                }
                let over = live.endpoint().is_some_and(Endpoint::is_end_of_stream);
                if over && back.is_empty() && !finished {
                    finished = true;
                    live.finish().unwrap();
                }
                let state = live.endpoint().map_or(State::Closed, Endpoint::state);
                matches!(state, State::Closed | State::TimeWait)
            });
            let (received, refused) = told(&peer);
            assert_eq!((received, refused > 0), (count, mode == "refuse"), "{mode}");
        });
    }
}
