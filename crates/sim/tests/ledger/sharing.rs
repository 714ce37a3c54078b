//! Who rides on which connection.

use crate::stage::{MS, SEC, Stage, secured, tcp};
use State::{Connected, Connecting, Creating, Disconnected, Poll, QosAckRemote, Unreachable};
use core::time::Duration;
use mainstay_policy::State;
use mainstay_sim::fixture;
use mainstay_sim::peer::{Answer, BrokerRules, H2, Judge, WsRules};
use mainstay_sim::story::{Expect, Role, pattern};
use std::rc::Rc;

// Covers SS-525, SS-526
#[test]
fn two_h2_streams_opened_together_share_one_connection() {
    let authority = fixture::AUTHORITY.trim();
    let h2 = r#""tls":true,"tls_trust_store":"sim","endpoint":"a.sim.example","port":443,"protocol":"h2","http_method":"GET","nailed_up":true"#;
    let mut stage = Stage::new(&format!(
        r#""certs":[{{"a":"{authority}"}}],"trust_stores":[{{"name":"sim","stack":["a"]}}],"s":[
        {{"one":{{{h2},"http_url":"1"}}}},{{"two":{{{h2},"http_url":"2"}}}}]"#
    ));
    stage.world.addresses("a.sim.example", &["192.0.2.1"]);
    stage.peer("192.0.2.1:443", |log| {
        let judge: Judge = Rc::new(|_, _, _| Answer::ok(pattern(5000)));
        secured(&["h2"], Box::new(H2::new(judge, log, mainstay_http::h2::Config::default())))
    });
    for kind in ["one", "two"] {
        stage.role(kind, Role { expect: Expect::Pattern, ..Role::default() });
        stage.create(kind);
    }
    stage.run(SEC * 5);
    for kind in ["one", "two"] {
        assert_eq!(stage.path(kind), [Creating, Connecting, Connected, QosAckRemote, Disconnected]);
        assert_eq!(stage.story(kind).received.len(), 5000);
    }
    let log = stage.log.borrow();
    println!("{} requests on {} connection", log.requests, log.connections);
    assert_eq!((log.requests, log.connections), (2, 1));
}

const GET: &str = r#""s":[{"get":{"endpoint":"192.0.2.1","port":80,"protocol":"h1","http_method":"GET","http_url":"","retry":"r"}}],
    "retry":[{"r":{"backoff":[1000],"conceal":5}}]"#;

// Covers SS-520, SS-522
#[test]
fn one_connection_serves_transactions_one_after_the_other() {
    let mut stage = Stage::new(GET);
    stage.h1("192.0.2.1:80", |_, _, _| Answer::ok(pattern(1000)));
    stage.role("get", Role { messages: 3, expect: Expect::Pattern, ..Role::default() });
    stage.create("get");
    stage.run(SEC * 5);
    let each = [Poll, Connecting, Connected, QosAckRemote, Disconnected];
    assert_eq!(stage.path("get"), [vec![Creating], each.repeat(3)].concat());
    {
        let log = stage.log.borrow();
        println!("{} requests on {} connection", log.requests, log.connections);
        assert_eq!((log.requests, log.connections), (3, 1));
    }
    assert_eq!(stage.world.connections(&tcp("192.0.2.1:80")), 1);
    // It is kept for half a minute.
    stage.run(SEC * 40);
    assert_eq!(stage.world.connections(&tcp("192.0.2.1:80")), 0);
    assert_eq!(stage.world.seen(0).connection_count(), 0);
}

// Covers SS-520
#[test]
fn a_kept_connection_that_turns_out_dead_costs_a_new_one_and_no_state() {
    let mut stage = Stage::new(GET);
    stage.h1("192.0.2.1:80", |_, _, _| Answer::ok(pattern(1000)));
    stage.role("get", Role { messages: 2, expect: Expect::Pattern, ..Role::default() });
    // The second request leaves at 40 ms; the reset that is under way then arrives at 51 ms.
    let place = tcp("192.0.2.1:80");
    stage.world.after(MS * 41, move |world| world.restart(&place, Duration::ZERO));
    stage.create("get");
    stage.run(SEC * 5);
    let each = [Poll, Connecting, Connected, QosAckRemote, Disconnected];
    assert_eq!(stage.path("get"), [vec![Creating], each.repeat(2)].concat());
    let log = stage.log.borrow();
    println!("{} answers on {} connections", log.answered.len(), log.connections);
    assert_eq!((log.answered.len(), log.connections), (2, 2));
}

const MQTT: &str =
    r#""endpoint":"192.0.2.1","protocol":"mqtt","mqtt_clean_start":true,"nailed_up":true"#;

// Covers SS-561, SS-562, SS-569, SS-570, SS-571
#[test]
fn mqtt_streams_share_a_connection_and_the_last_one_says_goodbye() {
    let mut stage = Stage::new(&format!(
        r#""s":[{{"a":{{{MQTT},"mqtt_topic":"up/a","mqtt_subscribe":"down/a","mqtt_qos":1}}}},
        {{"b":{{{MQTT},"mqtt_topic":"up/b","mqtt_subscribe":"down/b","mqtt_qos":1}}}},
        {{"other":{{{MQTT},"mqtt_keep_alive":77}}}}]"#
    ));
    stage.broker("192.0.2.1:1883", BrokerRules::default());
    let role =
        Role { messages: 5, size: 300, announce: true, expect: Expect::Messages, react: None };
    stage.role("a", role.clone());
    stage.role("b", role);
    let (a, b) = (stage.create("a"), stage.create("b"));
    stage.run(SEC);
    assert_eq!(stage.log.borrow().connections, 1);
    stage.create("other");
    stage.run(SEC);
    assert_eq!(stage.log.borrow().connections, 2);
    for kind in ["a", "b"] {
        let story = stage.story(kind);
        println!("{kind}: {:?}, {} came", story.ledger.counts(), story.messages);
        assert_eq!((story.ledger.counts(), story.messages), ([5, 0, 0, 0], 5));
    }
    let now = stage.world.now();
    stage.world.node(0).destroy(now, a);
    stage.run(SEC);
    assert_eq!(stage.log.borrow().notes, ["down/a", "down/b", "-down/a"]);
    assert_eq!(stage.path("a").last(), Some(&State::Destroying));
    stage.world.node(0).destroy(now, b);
    stage.run(SEC);
    assert_eq!(stage.log.borrow().notes[3..], ["-down/b", "."]);
    assert_eq!(stage.world.connections(&tcp("192.0.2.1:1883")), 1);
}

/// Destroys a stream and creates another at once, which gets its place: nothing of the old one's
/// end may reach it.
fn replaced(stage: &mut Stage, kind: &str) {
    let first = stage.create(kind);
    stage.run(SEC);
    let now = stage.world.now();
    stage.world.node(0).destroy(now, first);
    let kind_again = kind.to_owned();
    stage.world.after(Duration::ZERO, move |world| {
        let now = world.now();
        world.node(0).create(now, &kind_again).unwrap();
    });
    stage.run(SEC * 3);
    let second = *stage.world.seen(0).streams().first().unwrap();
    assert_ne!(first, second);
    assert_eq!(first.index(), second.index());
    let path = stage.world.application(0).stories[&second].path();
    println!("{kind}: {path:?}");
    assert!(path.starts_with(&[Creating, Connecting, Connected]), "{kind}: {path:?}");
    assert!(!path.contains(&Disconnected) && !path.contains(&Unreachable), "{kind}: {path:?}");
}

// Covers SS-102, SS-130
#[test]
fn a_stream_in_the_place_of_a_destroyed_one_hears_nothing_of_its_end() {
    let mut stage = Stage::new(
        r#""s":[{"ws":{"endpoint":"192.0.2.1","port":80,"protocol":"ws","http_url":"","nailed_up":true}}]"#,
    );
    stage.ws("192.0.2.1:80", WsRules::default());
    stage.role("ws", Role { messages: 3, size: 100, expect: Expect::Echo, ..Role::default() });
    replaced(&mut stage, "ws");
    let mut stage = Stage::new(&format!(
        r#""s":[{{"mqtt":{{{MQTT},"mqtt_topic":"up/a","mqtt_subscribe":"down/a","mqtt_qos":1}}}}]"#
    ));
    stage.broker("192.0.2.1:1883", BrokerRules::default());
    replaced(&mut stage, "mqtt");
    let mut stage = Stage::new(
        r#""s":[{"raw":{"endpoint":"192.0.2.1","port":7,"protocol":"raw","nailed_up":true}}]"#,
    );
    stage.echo("192.0.2.1:7");
    replaced(&mut stage, "raw");
}

// Covers SS-571
#[test]
fn a_connection_whose_only_member_was_refused_is_ended() {
    let mut stage = Stage::new(&format!(
        r#""s":[{{"mqtt":{{{MQTT},"mqtt_topic":"up/a","mqtt_subscribe":"down/a"}}}}]"#
    ));
    stage.broker("192.0.2.1:1883", BrokerRules { refuse_filters: true, ..BrokerRules::default() });
    stage.create("mqtt");
    stage.run(SEC * 3);
    assert_eq!(stage.path("mqtt"), [Creating, Connecting, Unreachable, State::AllRetriesFailed]);
    assert_eq!(stage.log.borrow().notes, ["down/a", "."]);
    assert_eq!(stage.world.seen(0).connection_count(), 0);
}
