//! Servers that go away and come back, three times, under a stream that is to last.

use mainstay::{Outcome, State};
use mainstay_peer_tests::{Document, Rig, Told};
use mainstay_test_support::Site;
use mainstay_test_support::peers::{Mosquitto, Nginx, Websockets};

const PERSISTENT: &str = r#""backoff":[20,50],"conceal":65535,"jitterpc":10"#;

/// States of a life with `count` losses: each is told, then nothing but attempts until one succeeds.
fn assert_rides_out(told: &Told, count: usize) {
    let story = told.story();
    let states = story.states();
    assert_eq!(story.count(State::Disconnected), count, "{states:?}");
    assert_eq!(story.count(State::Connected), count + 1, "{states:?}");
    assert_eq!(story.count(State::AllRetriesFailed), 0);
    assert_eq!(story.count(State::Creating), 1);
    for pair in states.windows(2) {
        let fits = match pair {
            [State::Creating, next] => *next == State::Connecting,
            [State::Disconnected | State::Unreachable, next] => *next == State::Poll,
            [State::Poll, next] => *next == State::Connecting,
            [State::Connecting, next] => matches!(next, State::Connected | State::Unreachable),
            [State::Connected | State::QosAckRemote, next] => {
                matches!(next, State::Disconnected | State::QosAckRemote)
            }
            _ => false,
        };
        assert!(fits, "{pair:?} in {states:?}");
    }
}

// Covers SS-014, SS-102, SS-125, SS-141, SS-444
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_websocket_comes_back_with_its_server() {
    let site = Site::loopback("ours-restart-ws");
    let port = site.port();
    let mut server = Websockets::clear(port).start(&site);
    let document = Document::new().retry("on", PERSISTENT).stream(
        "ws",
        &format!(
            r#""endpoint":"localhost","port":{port},"protocol":"ws","nailed_up":true,"retry":"on""#
        ),
    );
    let mut rig = Rig::new(&document);
    let told = rig.stream("ws");
    rig.until(&told, State::Connected);
    for round in 1..=3 {
        // In order, and not.
        if round == 2 {
            server.signal("KILL");
        } else {
            server.signal("TERM");
        }
        rig.until(&told, State::Disconnected);
        server.stop();
        rig.until(&told, State::Unreachable);
        server = Websockets::clear(port).start(&site);
        rig.until(&told, State::Connected);
        rig.send(&told, format!("round {round}").as_bytes());
        rig.until_messages(&told, round);
        server.wait_for("message text 7");
    }
    assert_rides_out(&told, 3);
    assert_eq!(told.story().payloads(), [b"round 1", b"round 2", b"round 3"]);
}

// Covers SS-141, SS-144, SS-563
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_subscription_comes_back_with_its_broker() {
    let site = Site::loopback("ours-restart-mqtt");
    let port = site.port();
    let config = Mosquitto::new().mqtt(port);
    let mut broker = config.start(&site);
    let document = Document::new().retry("on", PERSISTENT).stream(
        "both",
        &format!(
            r#""endpoint":"localhost","port":{port},"protocol":"mqtt","nailed_up":true,"retry":"on","mqtt_clean_start":true,"mqtt_subscribe":"loop","mqtt_topic":"loop","mqtt_qos":1"#
        ),
    );
    let mut rig = Rig::new(&document);
    let told = rig.stream("both");
    rig.until(&told, State::Connected);
    for round in 1..=3 {
        broker.peer.signal(if round == 2 { "KILL" } else { "TERM" });
        rig.until(&told, State::Disconnected);
        broker.peer.stop();
        rig.until(&told, State::Unreachable);
        // Asked for while nobody is there: it waits.
        rig.send(&told, format!("round {round}").as_bytes());
        broker = config.start(&site);
        rig.until(&told, State::Connected);
        rig.until_messages(&told, round);
        rig.until_outcomes(&told, round);
        broker.wait_for("Sending SUBACK");
    }
    assert_rides_out(&told, 3);
    assert_eq!(told.story().ends(), [Outcome::Acknowledged; 3]);
    assert_eq!(told.story().payloads(), [b"round 1", b"round 2", b"round 3"]);
}

// Covers SS-141, SS-501, SS-522
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_download_cut_off_three_times_is_asked_for_again_until_it_is_whole() {
    let site = Site::loopback("ours-restart-http");
    let port = site.port();
    let start = || Nginx::new().http(port).start(&site);
    let mut nginx = start();
    site.write("www/file", "y".repeat(20_000));
    let document = Document::new().retry("on", PERSISTENT).stream(
        "get",
        &format!(
            r#""endpoint":"localhost","port":{port},"protocol":"h1","http_method":"GET","http_url":"slow/file","nailed_up":true,"retry":"on""#
        ),
    );
    let mut rig = Rig::new(&document);
    let told = rig.stream("get");
    for round in 1..=3 {
        rig.until(&told, State::Connected);
        nginx.peer.signal("KILL");
        rig.until(&told, State::Disconnected);
        nginx.peer.stop();
        rig.until(&told, State::Unreachable);
        assert_eq!(told.story().count(State::Disconnected), round);
        nginx = start();
    }
    rig.until(&told, State::QosAckRemote);
    rig.until(&told, State::Disconnected);
    let story = told.story();
    assert_eq!(story.count(State::Connected), 4);
    assert_eq!(story.count(State::QosAckRemote), 1);
    assert_eq!(story.messages.len(), 1);
    assert_eq!(story.messages[0].bytes.len(), 20_000);
    nginx.wait_for("\"GET /slow/file HTTP/1.1\" 200 sent=20000");
    // Complete: a nailed-up transaction is not repeated (SS-142).
    assert_eq!(*story.states().last().unwrap(), State::Disconnected);
}

// Covers SS-142
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_repeated_transaction_goes_on_after_its_server_was_away() {
    let site = Site::loopback("ours-restart-repeat");
    let port = site.port();
    let start = || Nginx::new().http(port).start(&site);
    let mut nginx = start();
    let document = Document::new().retry("on", PERSISTENT).stream(
        "get",
        &format!(
            r#""endpoint":"localhost","port":{port},"protocol":"h1","http_method":"GET","http_url":"hello","nailed_up":true,"nailed_up_repeat":true,"retry":"on""#
        ),
    );
    let mut rig = Rig::new(&document);
    let told = rig.stream("get");
    for round in 1..=3 {
        rig.until_messages(&told, round * 5);
        nginx.peer.signal("KILL");
        nginx.peer.stop();
        rig.until(&told, State::Unreachable);
        nginx = start();
    }
    rig.until_messages(&told, 20);
    assert_eq!(told.story().count(State::AllRetriesFailed), 0);
    nginx.wait_for("\"GET /hello HTTP/1.1\" 200");
}
