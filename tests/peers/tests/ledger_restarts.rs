//! Numbered messages to real servers that are restarted under load: every message has one outcome, and what counts as
//! acknowledged was received.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests: the counts are for the reader"
)]

use core::time::Duration;
use mainstay_peer_tests::pressure::{Device, is_full, number, script};
use mainstay_test_support::peers::{Mosquitto, Nginx};
use mainstay_test_support::{Ready, Site, program, wait_until};
use std::collections::{BTreeMap, BTreeSet};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pressure");
const PATIENCE: Duration = Duration::from_secs(20);

fn restarts() -> usize {
    if is_full() { 50 } else { 10 }
}

/// A policy with one streamtype `load` that never gives up.
fn policy(rules: &str) -> String {
    format!(
        r#"{{"retry":[{{"brisk":{{"backoff":[20,50,100],"conceal":65535,"jitterpc":10}}}}],
        "s":[{{"load":{{"endpoint":"127.0.0.1","retry":"brisk",{rules}}}}}]}}"#
    )
}

/// Ids in a log of ours, each once or more.
fn ids(log: &str) -> Vec<u64> {
    log.lines()
        .filter_map(|l| l.trim().strip_prefix("id-")?.split(';').next()?.parse().ok())
        .collect()
}

/// Waits until `count` more messages are in the log: the load is on.
fn under_load(site: &Site, log: &str, count: usize, device: &Device) {
    let before = ids(&site.read(log)).len();
    let grown = wait_until(PATIENCE, || ids(&site.read(log)).len() >= before + count);
    let said = device.peer().log();
    assert!(grown, "no load on {log}:\n{}", &said[said.len().saturating_sub(3000)..]);
}

/// What became of every message; fails unless each has exactly one outcome.
struct Outcomes(BTreeMap<&'static str, BTreeSet<u64>>);

impl Outcomes {
    fn of(device: &mut Device) -> Self {
        let over = device.wait("over", Duration::from_secs(60));
        println!("{over}");
        for (key, wanted) in [("pending", 0), ("violations", 0), ("refused_commands", 0)] {
            assert_eq!(number(&over, key), wanted, "{over}");
        }
        assert_eq!(over["destroyed"], true);
        let mut kinds: BTreeMap<&'static str, BTreeSet<u64>> = BTreeMap::new();
        let mut all = BTreeSet::new();
        for line in device.all("outcome") {
            let id = number(&line, "id");
            assert!(all.insert(id), "message {id} has two outcomes");
            let words = ["acknowledged", "sent", "refused", "unknown"];
            let word = words.into_iter().find(|&word| line["outcome"] == word).unwrap();
            kinds.entry(word).or_default().insert(id);
        }
        assert_eq!(all.len() as u64, number(&over, "messages"), "a message has no outcome");
        Self(kinds)
    }

    fn get(&self, word: &str) -> BTreeSet<u64> {
        self.0.get(word).cloned().unwrap_or_default()
    }
}

/// What was acknowledged is in the peer's log; what is there was sent.
fn assert_received(outcomes: &Outcomes, log: &str) {
    let received: BTreeSet<u64> = ids(log).into_iter().collect();
    let acknowledged = outcomes.get("acknowledged");
    let lost: Vec<&u64> = acknowledged.difference(&received).collect();
    assert!(lost.is_empty(), "acknowledged and not received: {lost:?}");
    let possible: BTreeSet<u64> = outcomes.0.values().flatten().copied().collect();
    assert!(received.is_subset(&possible));
    println!("received {} of them, acknowledged {}", received.len(), acknowledged.len());
}

// Covers SS-501, SS-113, SS-441, SS-500
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn every_h1_post_has_one_outcome_over_restarts() {
    let site = Site::namespace("ledger-h1");
    let log = site.dir().join("ids").to_str().unwrap().to_owned();
    let start =
        |n: usize| script(&site, &format!("http-{n}"), "http_log.py", 8080, &["--log", &log]);
    let mut server = start(0);
    let rules = r#""port":8080,"protocol":"h1","http_method":"POST","http_url":"log""#;
    let mut device =
        Device::start(&site, PROGRAM, "ledger", &policy(rules), &["load", "2000", "1"]);
    for n in 1..=restarts() {
        under_load(&site, "ids", 20, &device);
        server.signal("KILL");
        drop(server);
        server = start(n);
    }
    under_load(&site, "ids", 20, &device);
    site.write("stop", "");
    let outcomes = Outcomes::of(&mut device);
    assert!(outcomes.get("sent").is_empty(), "HTTP acknowledges");
    assert!(outcomes.get("acknowledged").len() >= 20 * restarts());
    assert_received(&outcomes, &site.read("ids"));
    // Nothing is sent twice: what was sent and not acknowledged ended as unknown or refused.
    let received = ids(&site.read("ids"));
    let distinct: BTreeSet<u64> = received.iter().copied().collect();
    assert_eq!(received.len(), distinct.len(), "a post was repeated");
}

// Covers SS-501, SS-525, SS-441
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn every_h2_post_has_one_outcome_over_restarts() {
    let site = Site::namespace("ledger-h2");
    let log = site.dir().join("ids").to_str().unwrap().to_owned();
    let _logger = script(&site, "http", "http_log.py", 9000, &["--log", &log]);
    let start = || {
        let rules = "proxy_pass http://127.0.0.1:9000; proxy_http_version 1.1;";
        Nginx::new().location("/log", rules).h2c(8080).start(&site)
    };
    let mut nginx = start();
    let rules = r#""port":8080,"protocol":"h2","http_method":"POST","http_url":"log""#;
    let mut device =
        Device::start(&site, PROGRAM, "ledger", &policy(rules), &["load", "2000", "1"]);
    for _ in 0..restarts() {
        under_load(&site, "ids", 20, &device);
        nginx.peer.signal("KILL");
        drop(nginx);
        // Who is killed does not tidy up.
        let _left = std::fs::remove_file(site.dir().join("nginx/post.sock"));
        nginx = start();
    }
    under_load(&site, "ids", 20, &device);
    site.write("stop", "");
    let outcomes = Outcomes::of(&mut device);
    assert!(outcomes.get("sent").is_empty(), "HTTP acknowledges");
    assert!(outcomes.get("acknowledged").len() >= 20 * restarts());
    assert_received(&outcomes, &site.read("ids"));
    nginx.wait_for("POST /log HTTP/2.0\" 200");
}

// Covers SS-141, SS-125, SS-102
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn every_websocket_message_has_one_outcome_over_restarts() {
    let site = Site::namespace("ledger-ws");
    let log = site.dir().join("ids").to_str().unwrap().to_owned();
    let start =
        |n: usize| script(&site, &format!("ws-{n}"), "ws_pressure.py", 8080, &["--log", &log]);
    let mut server = start(0);
    let rules = r#""port":8080,"protocol":"ws","http_url":"log","nailed_up":true"#;
    let mut device =
        Device::start(&site, PROGRAM, "ledger", &policy(rules), &["load", "2000", "5"]);
    for n in 1..=restarts() {
        under_load(&site, "ids", 50, &device);
        server.signal("KILL");
        drop(server);
        server = start(n);
    }
    under_load(&site, "ids", 50, &device);
    site.write("stop", "");
    let outcomes = Outcomes::of(&mut device);
    assert!(outcomes.get("acknowledged").is_empty(), "a websocket acknowledges nothing");
    assert!(outcomes.get("sent").len() >= 50 * restarts());
    assert_received(&outcomes, &site.read("ids"));
    let received = ids(&site.read("ids"));
    let distinct: BTreeSet<u64> = received.iter().copied().collect();
    assert_eq!(received.len(), distinct.len(), "a message came twice");
    let (up, down) = (device.count_state("Connected"), device.count_state("Disconnected"));
    assert_eq!(up, down, "DISCONNECTED once per CONNECTED");
    assert!(up > restarts());
}

// Covers SS-565, SS-567, SS-141
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn every_mqtt_publish_has_one_outcome_over_restarts() {
    let site = Site::namespace("ledger-mqtt");
    let broker = Mosquitto::new().mqtt(1883).persistent().rule("max_queued_messages 0");
    let mut running = broker.start(&site);
    // A subscriber whose session outlives the broker: what the broker acknowledged, it brings.
    let subscriber = program("mosquitto_sub", "mosquitto-clients");
    let args = ["-p", "1883", "-q", "1", "-t", "load", "-c", "-i", "reader"];
    let reader = site.start("reader", &subscriber, &args, &Ready::Started);
    running.wait_for("Received SUBSCRIBE from reader");
    let rules = r#""port":1883,"protocol":"mqtt","mqtt_topic":"load","mqtt_qos":1,"mqtt_keep_alive":30,
        "mqtt_clean_start":true,"nailed_up":true"#;
    let mut device =
        Device::start(&site, PROGRAM, "ledger", &policy(rules), &["load", "2000", "5"]);
    for _ in 0..restarts() {
        under_load(&site, "reader.log", 50, &device);
        // TERM: a broker that is killed forgets what it acknowledged.
        running.peer.stop();
        drop(running);
        running = broker.start(&site);
    }
    under_load(&site, "reader.log", 50, &device);
    site.write("stop", "");
    let outcomes = Outcomes::of(&mut device);
    assert!(outcomes.get("sent").is_empty(), "QoS 1 acknowledges");
    let acknowledged = outcomes.get("acknowledged");
    assert!(acknowledged.len() >= 50 * restarts());
    let _caught_up = wait_until(PATIENCE, || {
        let received: BTreeSet<u64> = ids(&reader.log()).into_iter().collect();
        acknowledged.is_subset(&received)
    });
    assert_received(&outcomes, &reader.log());
}
