//! The same streams over our own TCP/IP: frames that are lost, late and too long, addresses, routers and servers that go.

use crate::stage::{MS, SEC, Stage, secured, tcp};
use State::{Connected, Disconnected, Unreachable};
use core::time::Duration;
use mainstay_base::{Network, Reason};
use mainstay_impair::{Impairment, Loss, Reorder};
use mainstay_net::network::Config;
use mainstay_policy::State;
use mainstay_sim::peer::{Answer, BrokerRules, Echo, WsRules};
use mainstay_sim::story::{Expect, Role, pattern};
use mainstay_sim::{Reach, Server, Wiring, fixture};
use std::rc::Rc;

const HOST: &str = r#""endpoint":"192.0.2.1""#;

/// A link of 10 ms one way, or as `change` makes it; nobody is asked for addresses.
fn wiring(change: impl Fn(&mut Impairment)) -> Wiring {
    let mut way = Impairment { delay: MS * 10, ..Impairment::default() };
    change(&mut way);
    let mut network = Config::default();
    (network.stack.probes_v4, network.stack.probes_v6) = (0, 0);
    Wiring {
        near: network.clone(),
        far: network,
        ways: [way.clone(), way],
        ethernet: true,
        mtu: 1500,
        ..Wiring::default()
    }
}

fn role(messages: u32, size: usize, expect: Expect, announce: bool) -> Role {
    Role { messages, size, announce, expect, react: None }
}

// Covers SS-144, SS-565, SS-567, SS-580
#[test]
fn every_kind_of_stream_settles_what_it_was_given_over_a_link_that_loses_and_shuffles() {
    let authority = fixture::AUTHORITY.trim();
    let mut stage = Stage::new(&format!(
        r#""certs":[{{"a":"{authority}"}}],"trust_stores":[{{"name":"sim","stack":["a"]}}],"s":[
        {{"ws":{{{HOST},"port":80,"protocol":"ws","http_url":""}}}},
        {{"get":{{{HOST},"port":81,"protocol":"h1","http_method":"GET","http_url":"x"}}}},
        {{"post":{{{HOST},"port":81,"protocol":"h1","http_method":"POST","http_url":"x"}}}},
        {{"h2":{{{HOST},"port":82,"protocol":"h2","http_method":"POST","http_url":"x"}}}},
        {{"mqtt":{{{HOST},"port":1883,"protocol":"mqtt","mqtt_topic":"up/x","mqtt_subscribe":"down/#","mqtt_qos":1}}}},
        {{"raw":{{{HOST},"port":7,"protocol":"raw"}}}},
        {{"tls":{{"endpoint":"a.sim.example","tls":true,"tls_trust_store":"sim","port":444,"protocol":"raw"}}}}]"#
    ));
    let bad = wiring(|way| {
        way.loss = Loss::Random { per_million: 50_000 };
        way.reorder = Reorder { per_million: 100_000, frames: 4, ..Reorder::default() };
        way.duplicate_per_million = 50_000;
    });
    assert!(stage.world.wire(0, &bad));
    stage.world.addresses("a.sim.example", &["192.0.2.1"]);
    stage.ws("192.0.2.1:80", WsRules::default());
    stage.h1("192.0.2.1:81", |_, _, _| Answer::ok(pattern(1000)));
    stage.h2("192.0.2.1:82", |_, _, _| Answer::ok(pattern(1000)));
    stage.broker("192.0.2.1:1883", BrokerRules::default());
    stage.echo("192.0.2.1:7");
    stage.peer("192.0.2.1:444", |log| secured(&[], Box::new(Echo::new(log))));
    for (kind, expect, announce) in [
        ("ws", Expect::Echo, false),
        ("get", Expect::Pattern, false),
        ("post", Expect::Pattern, true),
        ("h2", Expect::Pattern, true),
        ("mqtt", Expect::Messages, true),
        ("raw", Expect::Echo, false),
        ("tls", Expect::Echo, false),
    ] {
        stage.role(kind, role(10, 3000, expect, announce));
        stage.create(kind);
    }
    stage.run(SEC * 60);
    let counts = |stage: &mut Stage, kind: &str| {
        let story = stage.story(kind);
        (story.ledger.counts(), story.messages, story.count(Disconnected))
    };
    assert_eq!(counts(&mut stage, "ws"), ([0, 10, 0, 0], 10, 0));
    assert_eq!(counts(&mut stage, "get").1, 10);
    assert_eq!(counts(&mut stage, "post").0, [10, 0, 0, 0]);
    assert_eq!(counts(&mut stage, "h2").0, [10, 0, 0, 0]);
    assert_eq!(counts(&mut stage, "mqtt"), ([10, 0, 0, 0], 10, 0));
    for kind in ["raw", "tls"] {
        let raw = stage.story(kind);
        assert_eq!((raw.todo, raw.received.len(), raw.ledger.open()), (0, 30_000, 0), "{kind}");
    }
}

/// When a raw stream with one attempt hears how that ended, and what it is told.
fn attempt(reach: Reach) -> (Option<u64>, Option<Reason>) {
    let mut stage = Stage::new(&format!(
        r#""retry":[{{"r":{{"backoff":[1000],"conceal":0}}}}],
        "s":[{{"raw":{{{HOST},"port":7,"protocol":"raw","retry":"r"}}}}]"#
    ));
    assert!(stage.world.wire(0, &wiring(|_| {})));
    let log = Rc::clone(&stage.log);
    let server = Server::new(move |_| Box::new(Echo::new(Rc::clone(&log)))).with_reach(reach);
    stage.listen("192.0.2.1:7", server);
    stage.role("raw", role(1, 100, Expect::Echo, false));
    stage.create("raw");
    stage.run(SEC * 100);
    let why = stage.story("raw").reasons(Unreachable).first().copied().flatten();
    (stage.told("raw", Unreachable), why)
}

#[test]
fn a_refusal_a_routers_word_and_silence_are_told_apart_and_at_their_time() {
    // Who has the gateway's address is asked for first: one more round trip.
    assert_eq!(attempt(Reach::Refuse), (Some(40), Some(Reason::Network(Network::Refused))));
    assert_eq!(
        attempt(Reach::Unreachable),
        (Some(22), Some(Reason::Network(Network::Unreachable)))
    );
    let (at, why) = attempt(Reach::BlackHole);
    println!("nobody: {at:?} {why:?}");
    assert_eq!(at, Some(75_000));
}

#[test]
fn a_stream_waits_until_its_device_has_its_address() {
    let mut stage = Stage::new(&format!(
        r#""s":[{{"raw":{{{HOST},"port":7,"protocol":"raw","nailed_up":true}}}}]"#
    ));
    let mut asks = wiring(|_| {});
    asks.near.stack.probes_v4 = 3;
    assert!(stage.world.wire(0, &asks));
    stage.echo("192.0.2.1:7");
    stage.role("raw", role(1, 100, Expect::Echo, false));
    stage.create("raw");
    stage.run(SEC * 20);
    let at = stage.told("raw", Connected).unwrap();
    println!("connected after {at} ms");
    // RFC 5227 §2.1.1: up to 1 s, twice 1 to 2 s, and 2 s more.
    assert!((4000..=7100).contains(&at), "{at}");
    assert_eq!(stage.story("raw").count(Unreachable), 0);
    assert_eq!(stage.story("raw").received.len(), 100);
}

#[test]
fn a_way_that_becomes_narrow_without_a_word_delays_and_loses_nothing() {
    for tells_mtu in [true, false] {
        let mut stage = Stage::new(&format!(
            r#""s":[{{"mqtt":{{{HOST},"protocol":"mqtt","mqtt_topic":"up/x","mqtt_qos":1}}}}]"#
        ));
        assert!(stage.world.wire(0, &Wiring { tells_mtu, ..wiring(|_| {}) }));
        stage.broker("192.0.2.1:1883", BrokerRules::default());
        stage.role("mqtt", role(200, 4000, Expect::Any, true));
        stage.world.after(MS * 200, |world| world.narrow(0, 1000));
        stage.create("mqtt");
        stage.run(SEC * 60);
        let story = stage.story("mqtt");
        assert_eq!(story.ledger.counts(), [200, 0, 0, 0], "told: {tells_mtu}");
        assert_eq!((story.count(Connected), story.count(Disconnected)), (1, 0));
    }
}

#[test]
fn a_server_that_dies_is_noticed_and_found_again() {
    let mut stage = Stage::new(&format!(
        r#""retry":[{{"r":{{"backoff":[100],"conceal":65535}}}}],
        "s":[{{"ws":{{{HOST},"port":80,"protocol":"ws","http_url":"","nailed_up":true,"retry":"r"}}}}]"#
    ));
    assert!(stage.world.wire(0, &wiring(|way| way.rate = Some(500_000))));
    stage.ws("192.0.2.1:80", WsRules::default());
    stage.role("ws", role(4000, 1000, Expect::Any, false));
    let place = tcp("192.0.2.1:80");
    for time in 1..=10 {
        let place = place.clone();
        stage
            .world
            .after(SEC * time, move |world| world.restart(&place, Duration::from_millis(50)));
    }
    stage.create("ws");
    stage.run(SEC * 15);
    assert!(stage.is_connected("ws"));
    assert_eq!(stage.world.connections(&place), 1);
    let story = stage.story("ws");
    assert_eq!((story.count(Connected), story.count(Disconnected)), (11, 10));
    assert_eq!(story.reasons(Disconnected)[0], Some(Reason::Network(Network::Reset)));
}
