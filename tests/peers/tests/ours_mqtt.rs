//! MQTT streams of ours against mosquitto, judged by its log and by its own clients.

use mainstay::{Blobs, Outcome, State};
use mainstay_peer_tests::{Document, Rig, Script, Told};
use mainstay_test_support::peers::{Mosquitto, Server};
use mainstay_test_support::{Peer, Ready, Site, program};

fn mqtt(port: u16, more: &str) -> String {
    format!(
        r#""endpoint":"localhost","port":{port},"protocol":"mqtt","mqtt_clean_start":true{more}"#
    )
}

/// A subscriber of mosquitto's own: prints `TOPIC PAYLOAD` per message, and ends after `count`.
fn subscriber(site: &Site, port: u16, filter: &str, count: usize) -> Peer {
    let own = program("mosquitto_sub", "mosquitto-clients");
    let (port, count) = (port.to_string(), count.to_string());
    let args = ["-oL", own.to_str().unwrap_or_default(), "-V", "mqttv311", "-d", "-v", "-q", "1"];
    let about = ["-i", "watcher", "-p", &port, "-C", &count, "-t", filter];
    let ready = Ready::Line("Subscribed".to_owned());
    site.start("watcher", &program("stdbuf", "coreutils"), &[&args[..], &about].concat(), &ready)
}

/// Publishes with mosquitto's own client.
fn publish(site: &Site, port: u16, topic: &str, message: &str) {
    let own = program("mosquitto_pub", "mosquitto-clients");
    let port = port.to_string();
    let args = ["-V", "mqttv311", "-p", &port, "-q", "1", "-t", topic, "-m", message];
    let _silent = site.run(&own, &args).ok();
}

fn named(id: &str) -> Blobs {
    Blobs { mqtt_client_id: Some(id.into()), ..Blobs::default() }
}

/// How often the broker's log says this.
fn said(broker: &Server, what: &str) -> usize {
    broker.log().matches(what).count()
}

// Covers SS-110, SS-560, SS-564, SS-565
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_publish_is_acknowledged_when_sent_or_when_the_broker_has_it() {
    let site = Site::loopback("ours-mqtt-qos");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port).start(&site);
    let mut watcher = subscriber(&site, port, "from/#", 2);
    let more = r#","mqtt_keep_alive":60,"mqtt_topic":"from/"#;
    let document = Document::new()
        .stream("zero", &mqtt(port, &format!("{more}zero\"")))
        .stream("one", &mqtt(port, &format!("{more}one\",\"mqtt_qos\":1")));
    let mut rig = Rig::with(&document, |builder| builder.blobs(named("device-1")));
    for (streamtype, outcome) in [("zero", Outcome::Sent), ("one", Outcome::Acknowledged)] {
        let told = rig.stream(streamtype);
        rig.send(&told, format!("by {streamtype}").as_bytes());
        rig.until(&told, State::QosAckRemote);
        assert_eq!(told.story().ends(), [outcome]);
        let expected = [
            State::Creating,
            State::Poll,
            State::Connecting,
            State::Connected,
            State::QosAckRemote,
        ];
        assert_eq!(told.story().states(), expected);
    }
    assert_eq!(watcher.wait_end(), Some(0));
    assert!(watcher.log().contains("from/zero by zero"), "{}", watcher.log());
    assert!(watcher.log().contains("from/one by one"), "{}", watcher.log());
    broker.wait_for("Received PUBLISH from device-1 (d0, q0, r0, m0, 'from/zero', ... (7 bytes))");
    broker.wait_for("Received PUBLISH from device-1 (d0, q1, r0, m");
    broker.wait_for("'from/one', ... (6 bytes))");
    broker.wait_for("Sending PUBACK to device-1 (m");
    broker.wait_for(" as device-1 (p2, c1, k60)");
}

// Covers SS-450, SS-563, SS-569
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_subscription_brings_messages_with_their_topics() {
    let site = Site::loopback("ours-mqtt-subscribe");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port).start(&site);
    let more = r#","mqtt_subscribe":"to/${who}/+","mqtt_qos":1,"metadata":[{"who":""}]"#;
    let mut rig = Rig::new(&Document::new().stream("sub", &mqtt(port, more)));
    let told = rig.stream("sub");
    rig.set(&told, "who", "lamp");
    rig.connect(&told);
    rig.until(&told, State::Connected);
    broker.wait_for("Sending SUBACK");
    let large = "x".repeat(100_000);
    for (topic, message) in
        [("to/lamp/on", "now"), ("to/other/on", "not"), ("to/lamp/large", &large)]
    {
        publish(&site, port, topic, message);
    }
    rig.until_messages(&told, 2);
    let story = told.story();
    assert_eq!(story.payloads(), [b"now", large.as_bytes()]);
    let topics: Vec<_> = story.messages.iter().map(|m| m.topic.as_deref()).collect();
    assert_eq!(topics, [Some("to/lamp/on"), Some("to/lamp/large")]);
    assert!(story.messages[1].pieces > 1);
    rig.run("both acknowledgements", |_node| said(&broker, "Received PUBACK from") == 2);
}

// Covers SS-561, SS-565, SS-567, SS-568
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn sixty_four_publishes_in_flight_are_each_acknowledged() {
    let site = Site::loopback("ours-mqtt-flight");
    let port = site.port();
    let broker = Mosquitto::new().rule("max_inflight_messages 0").mqtt(port).start(&site);
    let mut watcher = subscriber(&site, port, "many", 64);
    let more = r#","mqtt_topic":"many","mqtt_qos":1"#;
    let mut rig = Rig::new(&Document::new().stream("many", &mqtt(port, more)));
    let told = rig.stream("many");
    for number in 0..64 {
        rig.send_unannounced(&told, format!("number {number}").as_bytes());
    }
    rig.until_outcomes(&told, 64);
    let story = told.story();
    assert_eq!(story.ends(), [Outcome::Acknowledged; 64]);
    assert_eq!(story.count(State::QosAckRemote), 64);
    let ordinals: Vec<u32> = story
        .heard
        .iter()
        .filter(|heard| heard.state == State::QosAckRemote)
        .map(|heard| heard.ordinal)
        .collect();
    assert_eq!(ordinals, (0..64).collect::<Vec<u32>>());
    assert_eq!(watcher.wait_end(), Some(0));
    let log = watcher.log();
    let got: Vec<&str> = log.lines().filter_map(|line| line.strip_prefix("many ")).collect();
    let expected: Vec<String> = (0..64).map(|number| format!("number {number}")).collect();
    assert_eq!(got, expected);
    assert!(!broker.log().contains("(d1, q1"), "nothing was repeated");
}

// Covers SS-215, SS-564
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_long_message_goes_in_pieces_as_one_publish() {
    let site = Site::loopback("ours-mqtt-long");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port).start(&site);
    let more = r#","mqtt_topic":"long","mqtt_subscribe":"long","mqtt_qos":1"#;
    let mut rig = Rig::new(&Document::new().stream("long", &mqtt(port, more)));
    let told = rig.scripted("long", Script::default().pieces_of(4000));
    let message: Vec<u8> = (0..1_000_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    rig.send(&told, &message);
    rig.until_outcomes(&told, 1);
    rig.until_messages(&told, 1);
    assert!(told.story().messages[0].bytes == message);
    assert_eq!(told.story().ends(), [Outcome::Acknowledged]);
    assert_eq!(said(&broker, "Received PUBLISH from"), 1);
    broker.wait_for("'long', ... (1000000 bytes))");
}

// Covers SS-561, SS-569, SS-570, SS-571
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn streams_share_one_connection_and_leave_it_one_by_one() {
    let site = Site::loopback("ours-mqtt-shared");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port).start(&site);
    let document = Document::new()
        .stream("wide", &mqtt(port, r#","mqtt_subscribe":"s/#""#))
        .stream("also", &mqtt(port, r#","mqtt_subscribe":"s/a""#))
        .stream("pub", &mqtt(port, r#","mqtt_topic":"s/a""#));
    let mut rig = Rig::new(&document);
    let all: Vec<Told> = ["wide", "also", "pub"].iter().map(|name| rig.stream(name)).collect();
    for told in &all {
        rig.connect(told);
    }
    for told in &all {
        rig.until(told, State::Connected);
    }
    let ids: Vec<_> = all.iter().map(|told| rig.node().connection(told.id)).collect();
    assert!(ids[0].is_some() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(said(&broker, "New client connected from"), 1);
    rig.send(&all[2], b"to both");
    for told in &all[..2] {
        rig.until_messages(told, 1);
        assert_eq!(told.story().messages[0].topic.as_deref(), Some("s/a"));
    }
    rig.destroy(&all[1]);
    rig.run("UNSUBSCRIBE", |_node| said(&broker, "Received UNSUBSCRIBE from") == 1);
    assert_eq!(said(&broker, "Received DISCONNECT from"), 0);
    rig.send(&all[2], b"to one");
    rig.until_messages(&all[0], 2);
    rig.destroy(&all[0]);
    rig.destroy(&all[2]);
    rig.run("DISCONNECT", |_node| said(&broker, "Received DISCONNECT from") == 1);
    assert_eq!(said(&broker, "New client connected from"), 1);
    rig.run("no connection", |node| node.connection_count() == 0);
}

// Covers SS-437, SS-560, SS-563
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn birth_and_will_announce_the_device_and_its_sudden_end() {
    let site = Site::loopback("ours-mqtt-will");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port).start(&site);
    let mut watcher = subscriber(&site, port, "life/#", 2);
    let more = r#","mqtt_topic":"unused","metadata":[{"id":""}],"mqtt_birth_topic":"life/${id}","mqtt_birth_message":"born ${id}","mqtt_birth_qos":1,"mqtt_birth_retain":true,"mqtt_will_topic":"life/${id}","mqtt_will_message":"${id} is dead","mqtt_will_qos":1,"mqtt_will_retain":true"#;
    let mut rig = Rig::with(&Document::new().stream("live", &mqtt(port, more)), |builder| {
        builder.blobs(named("mortal"))
    });
    let told = rig.stream("live");
    rig.set(&told, "id", "d7");
    rig.connect(&told);
    rig.until(&told, State::Connected);
    // CONNECTED comes after the birth was acknowledged.
    broker.wait_for("Sending PUBACK to mortal");
    broker.wait_for("Will message specified (10 bytes) (r1, q1).");
    broker.wait_for("Received PUBLISH from mortal (d0, q1, r1, m");
    broker.wait_for("'life/d7', ... (7 bytes))");
    // The device loses its power.
    drop(rig);
    assert_eq!(watcher.wait_end(), Some(0));
    let log = watcher.log();
    let (birth, will) = (log.find("life/d7 born d7"), log.find("life/d7 d7 is dead"));
    assert!(birth.is_some() && birth < will, "{log}");
    let mut late = subscriber(&site, port, "life/#", 1);
    assert_eq!(late.wait_end(), Some(0));
    assert!(late.log().contains("life/d7 d7 is dead"), "the will was retained");
}

// Covers SS-437, SS-571
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_orderly_end_keeps_the_will_back_and_what_was_retained_stays() {
    let site = Site::loopback("ours-mqtt-retain");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port).start(&site);
    let more = r#","mqtt_topic":"kept/value","mqtt_retain":true,"mqtt_qos":1,"mqtt_will_topic":"kept/will","mqtt_will_message":"no","mqtt_will_retain":true"#;
    let mut rig = Rig::new(&Document::new().stream("keep", &mqtt(port, more)));
    let told = rig.stream("keep");
    rig.send(&told, b"42");
    rig.until(&told, State::QosAckRemote);
    rig.destroy(&told);
    rig.run("DISCONNECT", |_node| said(&broker, "Received DISCONNECT from") == 1);
    let mut watcher = subscriber(&site, port, "kept/#", 1);
    assert_eq!(watcher.wait_end(), Some(0));
    assert!(watcher.log().contains("kept/value 42"), "{}", watcher.log());
    assert!(!broker.log().contains("'kept/will'"), "{}", broker.log());
}

// Covers SS-445, SS-560
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_idle_connection_is_kept_alive_by_pings() {
    let site = Site::loopback("ours-mqtt-ping");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port).start(&site);
    let document = Document::new()
        .retry("valid", r#""backoff":[10],"conceal":1,"svalidping":1,"svalidhup":2"#)
        .stream("sub", &mqtt(port, r#","mqtt_subscribe":"any","retry":"valid""#));
    let mut rig = Rig::new(&document);
    let told = rig.stream("sub");
    rig.connect(&told);
    rig.until(&told, State::Connected);
    rig.run("two pings", |_node| said(&broker, "Sending PINGRESP to") >= 2);
    assert_eq!(told.story().count(State::Disconnected), 0);
}
