//! What the kernel may put into its segments and we do not know, or know better: Multipath TCP, extension headers, ECN as it
//! was; and losses where it leaves options away.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_host::own::WireKind;
use mainstay_peer_tests::own::{
    BEHIND, Flow, KERNEL, LINK, Lan, OURS, Routed, Shape, Stack, accepted, converse, exchange,
    listener, taking,
};
use mainstay_test_support::{Peer, Ready, Site};
use std::path::Path;

const MIB: u64 = 1 << 20;

/// Sends back what comes, over Multipath TCP (protocol 262) or with hop-by-hop and destination options in every packet.
const ECHO: &str = "
import socket, sys
role, host, port, kind = sys.argv[1:]
family = socket.AF_INET6 if ':' in host else socket.AF_INET
def equip(s):
    if kind == 'headers':
        for option in (socket.IPV6_HOPOPTS, socket.IPV6_DSTOPTS):
            s.setsockopt(socket.IPPROTO_IPV6, option, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
s = socket.socket(family, socket.SOCK_STREAM, 262 if kind == 'mptcp' else 0)
equip(s)
if role == 'serve':
    s.bind((host, int(port)))
    s.listen()
    print('ready', flush=True)
    s = s.accept()[0]
    equip(s)
else:
    s.connect((host, int(port)))
while True:
    bytes = s.recv(65536)
    if not bytes:
        break
    s.sendall(bytes)
s.close()
";

fn echo(site: &Site, role: &str, host: &str, port: u16, kind: &str) -> Peer {
    let script = site.write("echo.py", ECHO);
    let args = [script.to_str().unwrap(), role, host, &port.to_string(), kind];
    let ready = if role == "serve" { Ready::Line("ready".to_owned()) } else { Ready::Started };
    site.start(&format!("echo-{port}"), Path::new("/usr/bin/python3"), &args, &ready)
}

/// A connection whoever begins it, over which everything comes back.
fn both_ways(lan: &Lan, stack: &mut Stack, family: usize, kind: &str) {
    let site = lan.site();
    let count = 2 * MIB;
    let port = site.port();
    let mut server = echo(site, "serve", &KERNEL[family].to_string(), port, kind);
    let flow = stack.connect((KERNEL[family], port).into(), count);
    let flow = stack.finish(flow);
    assert_eq!((flow.received(), server.wait_end()), (count, Some(0)), "{}", server.log());
    let port = site.port();
    let listener = stack.listen(OURS[family], port);
    let mut client = echo(site, "connect", &OURS[family].to_string(), port, kind);
    let flow = stack.accept(listener, count);
    let flow: Flow = stack.finish(flow);
    assert_eq!((flow.received(), client.wait_end()), (count, Some(0)), "{}", client.log());
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn multipath_falls_back_to_one_path() {
    Lan::run("own-mptcp", |lan| {
        let mut stack = Stack::open(lan, &Shape::new(true));
        for family in [0, 1] {
            both_ways(lan, &mut stack, family, "mptcp");
        }
        // It did ask us, in its SYNs, and its listener saw that ours do not.
        assert_eq!(lan.counter("MPTcpExtMPCapableSYNTX"), 2);
        assert_eq!(lan.counter("MPTcpExtMPCapableSYNRX"), 0);
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn extension_headers_before_segments_are_passed_over() {
    Lan::run("own-headers", |lan| {
        let mut stack = Stack::open(lan, &Shape::new(false));
        both_ways(lan, &mut stack, 1, "headers");
    });
}

// Covers TCP-305, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn who_knows_only_plain_ecn_or_none_gets_that() {
    for mode in 0..3_u8 {
        Lan::run("own-ecn-modes", |lan| {
            lan.set("ipv4/tcp_ecn", &mode.to_string());
            let mut shape = Shape::new(true);
            shape.settings.accurate_ecn = true;
            let mut stack = Stack::open(lan, &shape);
            // It agrees in modes 1 and 2, and asks for it only in mode 1.
            let (heard, facts) = exchange(lan.site(), &mut stack, 0, [2 * MIB; 2]);
            let asked = accepted(lan.site(), &mut stack, 1, [2 * MIB; 2]);
            assert_eq!(facts.ecn, mode > 0, "{mode}: {}", heard.said);
            assert_eq!(heard.said.contains(" ecn "), mode > 0, "{mode}: {}", heard.said);
            assert_eq!(asked.1.ecn, mode == 1, "{mode}: {}", asked.0.said);
        });
    }
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn losses_are_repaired_also_without_sack_or_timestamps() {
    let words = "loss=1%,delay=2ms,reorder=1%,by=3,duplicate=1%";
    let routed = Routed::new("own-bare-loss", WireKind::Tap, [words; 2], 3);
    for (sack, timestamps) in [("0", "1"), ("1", "0"), ("0", "0")] {
        Lan::over(routed.far(), |lan| {
            lan.set("ipv4/tcp_sack", sack);
            lan.set("ipv4/tcp_timestamps", timestamps);
        });
        Lan::over(routed.router(), |lan| {
            let mut shape = Shape::new(false);
            shape.gateways = KERNEL.to_vec();
            let mut stack = Stack::open(lan, &shape);
            for address in BEHIND {
                let (port, kernel) = Lan::over(routed.far(), |far| {
                    let (listener, port) = listener(address);
                    let place = far.site().clone();
                    (port, taking(listener, move |stream| converse(&place, &stream, MIB)))
                });
                let flow = stack.connect((address, port).into(), MIB);
                let mut flows = [flow];
                stack.run(&mut flows, |flows| flows[0].is_open());
                let facts = flows[0].facts(stack.network());
                assert_eq!((facts.sack, facts.timestamps), (sack == "1", timestamps == "1"));
                let [flow] = flows;
                let flow = stack.finish(flow);
                assert_eq!((flow.received(), kernel.join().unwrap().received), (MIB, MIB));
            }
        });
        // The TAP is free again once the stack is gone.
        Lan::over(routed.router(), |lan| {
            assert!(lan.ip(&format!("link show {LINK}")).contains(LINK));
        });
    }
    for report in routed.report() {
        assert!(report.counters.loss.frames > 0, "{report:?}");
    }
}
