//! Payload under restarts, cuts, and peers of every kind.

use crate::stage::{MS, SEC, Stage, secured, tcp};
use mainstay_base::{Outcome, Peer, Reason};
use mainstay_policy::State;
use mainstay_sim::peer::{Answer, BrokerRules, Echo, Ws, WsRules};
use mainstay_sim::story::{Expect, Role, parse, pattern};
use mainstay_sim::{Faults, Server, fixture};
use std::rc::Rc;

const HOST: &str = r#""endpoint":"192.0.2.1""#;

fn role(messages: u32, size: usize, expect: Expect, announce: bool) -> Role {
    Role { messages, size, announce, expect, react: None }
}

// Covers SS-144, SS-565, SS-567, SS-580
#[test]
fn every_kind_of_stream_settles_what_it_was_given() {
    let mut stage = Stage::new(&format!(
        r#""s":[
        {{"ws":{{{HOST},"port":80,"protocol":"ws","http_url":""}}}},
        {{"get":{{{HOST},"port":81,"protocol":"h1","http_method":"GET","http_url":"x"}}}},
        {{"post":{{{HOST},"port":81,"protocol":"h1","http_method":"POST","http_url":"x"}}}},
        {{"h2":{{{HOST},"port":82,"protocol":"h2","http_method":"POST","http_url":"x"}}}},
        {{"mqtt":{{{HOST},"port":1883,"protocol":"mqtt","mqtt_topic":"up/x","mqtt_subscribe":"down/#","mqtt_qos":1}}}},
        {{"raw":{{{HOST},"port":7,"protocol":"raw"}}}}]"#
    ));
    stage.ws("192.0.2.1:80", WsRules::default());
    stage.h1("192.0.2.1:81", |_, _, _| Answer::ok(pattern(1000)));
    stage.h2("192.0.2.1:82", |_, _, _| Answer::ok(pattern(1000)));
    stage.broker("192.0.2.1:1883", BrokerRules::default());
    stage.echo("192.0.2.1:7");
    for (kind, expect, announce) in [
        ("ws", Expect::Echo, false),
        ("get", Expect::Pattern, false),
        ("post", Expect::Pattern, true),
        ("h2", Expect::Pattern, true),
        ("mqtt", Expect::Messages, true),
        ("raw", Expect::Echo, false),
    ] {
        stage.role(kind, role(10, 3000, expect, announce));
        stage.create(kind);
    }
    stage.run(SEC * 10);
    let counts = |stage: &mut Stage, kind: &str| {
        let story = stage.story(kind);
        println!("{kind}: {:?}, {} messages came", story.ledger.counts(), story.messages);
        (story.ledger.counts(), story.messages)
    };
    assert_eq!(counts(&mut stage, "ws"), ([0, 10, 0, 0], 10));
    assert_eq!(counts(&mut stage, "get"), ([0; 4], 10));
    assert_eq!(counts(&mut stage, "post"), ([10, 0, 0, 0], 10));
    assert_eq!(counts(&mut stage, "h2"), ([10, 0, 0, 0], 10));
    assert_eq!(counts(&mut stage, "mqtt"), ([10, 0, 0, 0], 10));
    assert_eq!(stage.story("mqtt").count(State::QosAckRemote), 10);
    let raw = stage.story("raw");
    assert_eq!((raw.todo, raw.received.len(), raw.ledger.open()), (0, 30_000, 0));
}

/// Restarts under load: everything begun ends once, and the stream is up afterwards.
fn restarted(kind: &str, body: &str, port: u16, announce: bool) -> Stage {
    let mut stage = Stage::new(&format!(
        r#""retry":[{{"r":{{"backoff":[100],"conceal":65535}}}}],
        "s":[{{"{kind}":{{{HOST},"port":{port},{body},"nailed_up":true,"retry":"r"}}}}]"#
    ));
    stage.role(kind, role(4000, 1000, Expect::Any, announce));
    let place = format!("192.0.2.1:{port}");
    stage.ws("192.0.2.1:80", WsRules::default());
    stage.broker("192.0.2.1:1883", BrokerRules::default());
    let weather = |_: &mut _| Faults { latency: MS * 50, window: 4096, ..Faults::default() };
    let log = Rc::clone(&stage.log);
    let server = Server::new(move |_| {
        let log = Rc::clone(&log);
        if port == 80 {
            Box::new(Ws::new(WsRules::default(), log))
        } else {
            Box::new(mainstay_sim::peer::Broker::new(BrokerRules::default(), log))
        }
    });
    stage.listen(&place, server.with_weather(weather));
    for time in 1..=50 {
        let place = tcp(&place);
        stage.world.after(SEC * time, move |world| world.restart(&place, MS * 100));
    }
    stage.create(kind);
    stage.run(SEC * 60);
    let story = stage.story(kind);
    let (connected, lost) = (story.count(State::Connected), story.count(State::Disconnected));
    let counts = story.ledger.counts();
    println!("{kind}: {connected} connections, {counts:?} acknowledged, sent, refused, unknown");
    assert_eq!((connected, lost), (51, 50));
    assert!(story.ledger.begun() > 100 && counts[3] > 0, "{counts:?}");
    assert_eq!(
        story.reasons(State::Disconnected)[0],
        Some(Reason::Network(mainstay_base::Network::Reset))
    );
    stage
}

// Covers SS-002, SS-015, SS-141
#[test]
fn a_server_restarted_fifty_times_loses_no_account_of_a_message() {
    let mut ws = restarted("ws", r#""protocol":"ws","http_url":"""#, 80, false);
    assert!(ws.is_connected("ws"));
    let body = r#""protocol":"mqtt","mqtt_clean_start":true,"mqtt_topic":"up/x","mqtt_qos":1"#;
    let mut mqtt = restarted("mqtt", body, 1883, true);
    let has: Vec<_> = mqtt.log.borrow().messages.iter().filter_map(|m| parse(m)).collect();
    let story = mqtt.story("mqtt");
    for id in story.ledger.with(Outcome::Acknowledged) {
        assert!(has.contains(&(story.number, id)), "{id} is acknowledged and not there");
    }
}

// Covers SS-566
#[test]
fn a_cut_of_the_link_delays_and_loses_nothing() {
    let mut stage = Stage::new(&format!(
        r#""retry":[{{"r":{{"backoff":[1000],"conceal":9,"svalidping":30,"svalidhup":35}}}}],
        "s":[{{"mqtt":{{{HOST},"protocol":"mqtt","mqtt_topic":"up/x","mqtt_qos":1,"retry":"r"}}}}]"#
    ));
    stage.broker("192.0.2.1:1883", BrokerRules::default());
    stage.role("mqtt", role(20, 500, Expect::Any, true));
    let place = tcp("192.0.2.1:1883");
    stage.world.after(MS * 61, move |world| world.cut(&place, SEC * 5));
    stage.create("mqtt");
    stage.run(SEC * 20);
    let story = stage.story("mqtt");
    println!("mqtt: {:?} after a cut of 5 s", story.ledger.counts());
    assert_eq!(story.ledger.counts(), [20, 0, 0, 0]);
    assert_eq!((story.count(State::Connected), story.count(State::Disconnected)), (1, 0));
}

// Covers SS-566
#[test]
fn without_acknowledgement_a_message_is_refused_after_three_repetitions() {
    let mut stage = Stage::new(&format!(
        r#""s":[{{"mqtt":{{{HOST},"protocol":"mqtt","mqtt_topic":"up/x","mqtt_qos":1}}}}]"#
    ));
    stage.broker("192.0.2.1:1883", BrokerRules { drop_acks: true, ..BrokerRules::default() });
    stage.role("mqtt", role(1, 100, Expect::Any, true));
    stage.create("mqtt");
    stage.run(SEC * 20);
    let log = stage.log.borrow().messages.len();
    let story = stage.story("mqtt");
    let refused = Outcome::Refused(Reason::Peer(Peer::Unacknowledged));
    let entry = story.ledger.entries().next().unwrap();
    let (at, outcome) = entry.2.unwrap();
    println!("refused {:?} after it was begun, seen {log} times", at - entry.1);
    assert_eq!((outcome, at - entry.1, log), (refused, SEC * 12, 4));
    assert_eq!(story.count(State::QosNackRemote), 1);
}

// Covers SS-544, LAY-193
#[test]
fn tls_carries_the_same_streams() {
    let authority = fixture::AUTHORITY.trim();
    let tls = r#""tls":true,"tls_trust_store":"sim","endpoint":"a.sim.example""#;
    let mut stage = Stage::new(&format!(
        r#""certs":[{{"a":"{authority}"}}],"trust_stores":[{{"name":"sim","stack":["a"]}}],"s":[
        {{"ws":{{{tls},"port":443,"protocol":"ws","http_url":""}}}},
        {{"raw":{{{tls},"port":444,"protocol":"raw"}}}}]"#
    ));
    stage.world.addresses("a.sim.example", &["192.0.2.1"]);
    stage.peer("192.0.2.1:443", |log| {
        secured(&["http/1.1"], Box::new(Ws::new(WsRules::default(), log)))
    });
    stage.peer("192.0.2.1:444", |log| secured(&[], Box::new(Echo::new(log))));
    for kind in ["ws", "raw"] {
        stage.role(kind, role(10, 2000, Expect::Echo, false));
        stage.create(kind);
    }
    stage.run(SEC * 5);
    assert_eq!(stage.story("ws").messages, 10);
    assert_eq!(stage.story("raw").received.len(), 20_000);
}
