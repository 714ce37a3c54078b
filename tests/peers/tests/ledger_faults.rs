//! Real servers that stall, lie or say nothing, and links that are cut: every message has one outcome, and the stream is
//! where the specification says, when it says.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests: peers live in real time; the counts are for the reader"
)]

use core::time::Duration;
use mainstay_peer_tests::pressure::{Device, number, script};
use mainstay_test_support::peers::Mosquitto;
use mainstay_test_support::{Peer, Ready, Site, program};
use serde_json::Value;
use std::time::Instant;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pressure");

/// The four kinds of streams, as rules of a streamtype on port 8080.
const KINDS: [&str; 4] = [
    r#""protocol":"h1","http_method":"POST","http_url":"silent""#,
    r#""protocol":"h2","http_method":"POST","http_url":"silent""#,
    r#""protocol":"ws","http_url":"x","nailed_up":true"#,
    r#""protocol":"mqtt","mqtt_topic":"load","mqtt_qos":1,"mqtt_clean_start":true,"nailed_up":true"#,
];

fn policy(retry: &str, rules: &str) -> String {
    format!(
        r#"{{"retry":[{{"r":{{{retry}}}}}],
        "s":[{{"load":{{"endpoint":"127.0.0.1","port":8080,"retry":"r",{rules}}}}}]}}"#
    )
}

/// A scheme that never gives up and looks after its connection every 2 s, hanging up after 4 s.
const VIGILANT: &str =
    r#""backoff":[100],"conceal":65535,"jitterpc":10,"svalidping":2,"svalidhup":4"#;

/// Starts the load; `open_ms` is how long an answer is waited for.
fn load(site: &Site, policy: &str, open_ms: u32) -> Device {
    let open = open_ms.to_string();
    Device::start(site, PROGRAM, "ledger", policy, &["load", &open, "2"])
}

/// Ends the load: every message has exactly one outcome.
fn settle(site: &Site, device: &mut Device) -> Value {
    site.write("stop", "");
    let over = device.wait("over", Duration::from_secs(40));
    println!("{over}");
    for key in ["pending", "violations", "refused_commands"] {
        assert_eq!(number(&over, key), 0, "{over}");
    }
    let outcomes = device.all("outcome").len() as u64;
    assert_eq!(outcomes, number(&over, "messages"), "one outcome each");
    over
}

/// The state lines: state, milliseconds, reason.
fn states(device: &Device) -> Vec<(String, u64, String)> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let each = device.all("state").into_iter();
    each.map(|l| (text(&l, "state"), number(&l, "ms"), text(&l, "reason"))).collect()
}

/// From a live connection on, the peer is `silenced`: the stream hangs up when validity says so. Then it is `revived`.
fn hangs_up(device: &Device, silence: impl FnOnce(), revive: impl FnOnce()) {
    device.wait_state("Connected", 1, Duration::from_secs(10));
    // At least one proof of life by now.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(device.count_state("Disconnected"), 0, "validity is not kept up");
    let since = Instant::now();
    silence();
    device.wait_state("Disconnected", 1, Duration::from_secs(10));
    let took = since.elapsed();
    println!("hung up {took:?} after the silence began");
    // The last proof is up to one ping interval older than the silence.
    assert!(took >= Duration::from_millis(1900) && took <= Duration::from_millis(4700), "{took:?}");
    let reason = states(device).into_iter().find(|s| s.0 == "Disconnected").map(|s| s.2);
    assert_eq!(reason.as_deref(), Some("Peer(Silent)"));
    revive();
    device.wait_state("Connected", 2, Duration::from_secs(20));
}

// Covers SS-445
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_stalled_websocket_server_is_hung_up_on_in_time() {
    let site = Site::namespace("fault-ws-stop");
    let log = site.dir().join("ids").display().to_string();
    let server = script(&site, "ws", "ws_pressure.py", 8080, &["--log", &log]);
    let mut device = load(&site, &policy(VIGILANT, KINDS[2]), 1000);
    hangs_up(
        &device,
        || server.signal("STOP"),
        || {
            // The kernel of a stalled server still accepts: the upgrade is what does not come.
            device.wait_state("Unreachable", 1, Duration::from_secs(5));
            let last = states(&device).into_iter().rfind(|s| s.0 == "Unreachable").map(|s| s.2);
            assert_eq!(last.as_deref(), Some("Local(TimedOut(Open))"));
            server.signal("CONT");
        },
    );
    let _over = settle(&site, &mut device);
}

// Covers SS-445, SS-446
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_stalled_broker_is_hung_up_on_in_time() {
    let site = Site::namespace("fault-mqtt-stop");
    let broker = Mosquitto::new().mqtt(8080).start(&site);
    let mut device = load(&site, &policy(VIGILANT, KINDS[3]), 1000);
    hangs_up(&device, || broker.peer.signal("STOP"), || broker.peer.signal("CONT"));
    let over = settle(&site, &mut device);
    broker.wait_for("Received PUBLISH");
    assert!(number(&over, "unknown") > 0, "what was in flight is unknown: {over}");
    assert!(number(&over, "acknowledged") > 0);
}

// Covers SS-445, SS-141
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_cut_link_is_noticed_in_time_and_the_stream_comes_back_with_it() {
    let site = Site::namespace("fault-cut");
    let log = site.dir().join("ids").display().to_string();
    let _server = script(&site, "ws", "ws_pressure.py", 8080, &["--log", &log]);
    let mut device = load(&site, &policy(VIGILANT, KINDS[2]), 1000);
    let nft = program("nft", "nftables");
    let cut = "add table inet cut
add chain inet cut in { type filter hook input priority 0; }
add rule inet cut in tcp dport 8080 drop
add rule inet cut in tcp sport 8080 drop";
    hangs_up(
        &device,
        || {
            let _cut = site.run(&nft, &[cut]).ok();
        },
        || {
            let _healed = site.run(&nft, &["delete table inet cut"]).ok();
        },
    );
    let _over = settle(&site, &mut device);
}

/// A server made of a shell line, run for every connection.
fn shell_server(site: &Site, line: &str) -> Peer {
    let system = format!("SYSTEM:{line}");
    let args = ["TCP-LISTEN:8080,reuseaddr,fork", &system];
    site.start("socat", &program("socat", "socat"), &args, &Ready::Port(8080))
}

/// Three attempts, each `UNREACHABLE` for a reason that contains `reason`, then `ALL_RETRIES_FAILED` once.
fn fails_thrice(
    site: &Site,
    rules: &str,
    open_ms: u32,
    reason: &str,
) -> Vec<(String, u64, String)> {
    let scheme = r#""backoff":[100,200],"conceal":2,"jitterpc":10"#;
    let mut device = load(site, &policy(scheme, rules), open_ms);
    device.wait_state("AllRetriesFailed", 1, Duration::from_secs(20));
    let _over = settle(site, &mut device);
    let states = states(&device);
    let failed: Vec<_> = states.iter().filter(|s| s.0 == "Unreachable").collect();
    assert_eq!(failed.len(), 3, "{rules}: {states:?}");
    for failure in failed {
        assert!(failure.2.contains(reason), "{rules}: {failure:?}");
    }
    assert_eq!(states.iter().filter(|s| s.0 == "AllRetriesFailed").count(), 1);
    assert!(states.iter().all(|s| s.0 != "Connected"), "{rules}: {states:?}");
    states
}

// Covers SS-441, SS-113
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_server_that_talks_garbage_is_unreachable_for_every_kind() {
    for rules in KINDS {
        let site = Site::namespace("fault-garbage");
        let _server = shell_server(&site, "head -c 20000 /dev/urandom; sleep 3");
        let _states = fails_thrice(&site, rules, 1500, "");
    }
}

// Covers SS-113
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn endless_headers_are_given_up_on() {
    for (rules, head) in [(KINDS[0], "200 OK"), (KINDS[2], "101 Switching Protocols")] {
        let site = Site::namespace("fault-headers");
        let line = format!(
            "echo HTTP/1.1 {head}; yes x-filler\\: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        );
        let _server = shell_server(&site, &line);
        let _states = fails_thrice(&site, rules, 5000, "Peer(");
    }
}

// Covers SS-440, SS-441, SS-443, SS-444
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_server_that_never_answers_is_given_up_on_in_time_for_every_kind() {
    for rules in KINDS {
        let site = Site::namespace("fault-silent");
        let _server = shell_server(&site, "sleep 1000");
        let states = fails_thrice(&site, rules, 1000, "TimedOut");
        let mut asked = None;
        let mut delays = Vec::new();
        for (at, (state, ms, _)) in states.iter().enumerate() {
            match state.as_str() {
                "Connecting" => asked = Some(*ms),
                "Unreachable" => {
                    let took = ms - asked.take().unwrap_or_default();
                    assert!((980..1700).contains(&took), "{rules}: given up after {took} ms");
                    if let Some(next) = states.get(at + 1).filter(|next| next.0 == "Poll") {
                        delays.push(next.1 - ms);
                    }
                }
                _ => {}
            }
        }
        println!("{rules}: back-off {delays:?}");
        let [first, second] = delays.as_slice() else { unreachable!("two retries: {delays:?}") };
        assert!((95..250).contains(first) && (195..360).contains(second), "{delays:?}");
    }
}
