//! Peers that say nothing, or nonsense: how long that is borne, and what it is called.

use crate::stage::{MS, SEC, Stage, millis, tcp};
use State::{Connected, Connecting, Creating, Disconnected, Poll, Unreachable};
use mainstay_base::{Local, Peer, Reason};
use mainstay_policy::State;
use mainstay_sim::Reach;
use mainstay_sim::peer::{Answer, BrokerRules, Ending, Script, WsRules};
use mainstay_sim::story::Role;

fn valid(ping: u16, hangup: u16) -> String {
    format!(
        r#""retry":[{{"r":{{"backoff":[1000],"conceal":65535,"svalidping":{ping},"svalidhup":{hangup}}}}}]"#
    )
}

const WS: &str = r#""s":[{"ws":{"endpoint":"192.0.2.1","port":80,"protocol":"ws","http_url":"","nailed_up":true,"retry":"r"}}]"#;

// Covers SS-445, SS-447
#[test]
fn a_half_open_websocket_is_hung_up_on_in_the_time_the_policy_names() {
    for (ping, hangup) in [(30, 35), (0, 10), (20, 10)] {
        let mut stage = Stage::new(&format!("{},{WS}", valid(ping, hangup)));
        stage.ws("192.0.2.1:80", WsRules::default());
        stage.create("ws");
        stage.run(MS * 50);
        assert_eq!(stage.told("ws", Connected), Some(40));
        stage.world.vanish(&tcp("192.0.2.1:80"));
        stage.run(SEC * 40);
        let lost = stage.told("ws", Disconnected).unwrap();
        println!("ping {ping}, hang-up {hangup}: lost at {lost} ms");
        assert_eq!(lost, 40 + u64::from(hangup) * 1000);
        assert_eq!(stage.story("ws").reasons(Disconnected)[0], Some(Reason::Peer(Peer::Silent)));
        assert_eq!(
            stage.path("ws")[..6],
            [Creating, Connecting, Connected, Disconnected, Poll, Connecting]
        );
    }
}

// Covers SS-445
#[test]
fn a_peer_that_answers_pings_is_kept_and_one_that_does_not_is_not() {
    for (deaf, connections) in [(false, 1), (true, 4)] {
        let mut stage = Stage::new(&format!("{},{WS}", valid(10, 15)));
        stage.ws("192.0.2.1:80", WsRules { deaf, ..WsRules::default() });
        stage.create("ws");
        stage.run(SEC * 60);
        assert_eq!(stage.story("ws").count(Connected), connections, "deaf: {deaf}");
    }
}

// Covers SS-445, SS-446
#[test]
fn mqtt_pings_prove_the_connection_and_silence_ends_it() {
    let mqtt =
        r#""s":[{"mqtt":{"endpoint":"192.0.2.1","protocol":"mqtt","nailed_up":true,"retry":"r"}}]"#;
    let mut stage = Stage::new(&format!("{},{mqtt}", valid(10, 15)));
    stage.broker("192.0.2.1:1883", BrokerRules::default());
    stage.create("mqtt");
    stage.run(SEC * 60);
    let pings = stage.log.borrow().pings;
    println!("{pings} pings in 60 s");
    assert!((5..=6).contains(&pings));
    assert_eq!(stage.path("mqtt"), [Creating, Connecting, Connected]);
    stage.world.vanish(&tcp("192.0.2.1:1883"));
    stage.run(SEC * 16);
    assert_eq!(stage.story("mqtt").count(Disconnected), 1);
}

// Covers SS-509
#[test]
fn a_server_that_never_answers_is_given_up_after_thirty_seconds() {
    let mut stage = Stage::new(
        r#""s":[{"get":{"endpoint":"192.0.2.1","port":80,"protocol":"h1","http_method":"GET","http_url":"","nailed_up":true}},
        {"h2":{"endpoint":"192.0.2.1","port":82,"protocol":"h2","http_method":"GET","http_url":"","nailed_up":true}},
        {"ws":{"endpoint":"192.0.2.1","port":81,"protocol":"ws","http_url":"","nailed_up":true}},
        {"mqtt":{"endpoint":"192.0.2.1","port":83,"protocol":"mqtt","nailed_up":true}}]"#,
    );
    stage.h1("192.0.2.1:80", |_, _, _| Answer::Never);
    stage.h2("192.0.2.1:82", |_, _, _| Answer::Never);
    for place in ["192.0.2.1:81", "192.0.2.1:83"] {
        stage.peer(place, |log| Box::new(Script::new(log, Vec::new(), None)));
    }
    for kind in ["get", "h2", "ws", "mqtt"] {
        stage.create(kind);
    }
    stage.run(SEC * 60);
    for kind in ["get", "h2", "ws", "mqtt"] {
        let at = stage.told(kind, Unreachable).unwrap();
        let why = stage.story(kind).reasons(Unreachable);
        println!("{kind}: given up at {at} ms: {why:?}");
        assert!((30_020..30_050).contains(&at), "{kind}");
        assert!(matches!(why[..], [Some(Reason::Local(Local::TimedOut(_)))]), "{kind}");
    }
}

// Covers SS-509
#[test]
fn pongs_do_not_keep_an_unanswered_transaction_alive() {
    let mut stage = Stage::new(&format!(
        r#"{},"s":[{{"h2":{{"endpoint":"192.0.2.1","port":82,"protocol":"h2","http_method":"GET","http_url":"","nailed_up":true,"retry":"r"}}}}]"#,
        valid(5, 10)
    ));
    stage.h2("192.0.2.1:82", |_, _, _| Answer::Never);
    stage.create("h2");
    stage.run(SEC * 40);
    let at = stage.told("h2", Unreachable).unwrap();
    println!("given up at {at} ms although pings were answered");
    assert!((30_020..30_100).contains(&at));
}

// Covers SS-509
#[test]
fn a_body_that_stops_is_given_up_after_thirty_seconds_of_silence() {
    let mut stage = Stage::new(
        r#""s":[{"get":{"endpoint":"192.0.2.1","port":80,"protocol":"h1","http_method":"GET","http_url":"","nailed_up":true}}]"#,
    );
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun".to_vec();
    stage.peer("192.0.2.1:80", move |log| Box::new(Script::new(log, head.clone(), None)));
    stage.create("get");
    stage.run(SEC * 60);
    assert_eq!(stage.told("get", Connected), Some(40));
    assert_eq!(stage.told("get", Disconnected), Some(30_040));
    assert_eq!(stage.story("get").count(State::QosAckRemote), 0);
}

// Covers LAY-303
#[test]
fn an_address_that_swallows_everything_is_given_up_after_75_seconds() {
    let mut stage = Stage::new(
        r#""s":[{"raw":{"endpoint":"192.0.2.1","port":7,"protocol":"raw","nailed_up":true}}]"#,
    );
    stage.echo("192.0.2.1:7");
    stage.world.server(&tcp("192.0.2.1:7")).unwrap().reach = Reach::BlackHole;
    stage.create("raw");
    stage.run(SEC * 100);
    assert_eq!(stage.told("raw", Unreachable), Some(75_000));
    assert_eq!(stage.world.seen(0).connection_count(), 0);
}

#[test]
fn garbage_and_heads_without_end_are_the_peers_fault() {
    let nonsense = b"\x00\xff\x13nonsense\r\n\r\n".to_vec();
    let endless = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 40_000]].concat();
    for (bytes, why) in [(nonsense, Peer::Malformed), (endless, Peer::TooLarge)] {
        let mut stage = Stage::new(
            r#""s":[{"get":{"endpoint":"192.0.2.1","port":80,"protocol":"h1","http_method":"GET","http_url":"","nailed_up":true}},
            {"ws":{"endpoint":"192.0.2.1","port":80,"protocol":"ws","http_url":"","nailed_up":true}}]"#,
        );
        let end = Some(Ending::Close);
        stage.peer("192.0.2.1:80", move |log| Box::new(Script::new(log, bytes.clone(), end)));
        stage.create("get");
        stage.create("ws");
        stage.run(SEC * 5);
        for kind in ["get", "ws"] {
            println!("{kind}: {why:?} at {:?} ms", stage.told(kind, Unreachable));
            assert_eq!(stage.story(kind).reasons(Unreachable), [Some(Reason::Peer(why))]);
        }
    }
}

// Covers SS-543
#[test]
fn a_refused_upgrade_is_unreachable() {
    let mut stage = Stage::new(&format!("{},{WS}", valid(0, 0)));
    stage.ws("192.0.2.1:80", WsRules { refuse: Some(403), ..WsRules::default() });
    stage.create("ws");
    stage.run(MS * 500);
    assert_eq!(stage.path("ws"), [Creating, Connecting, Unreachable]);
    assert_eq!(stage.story("ws").reasons(Unreachable), [Some(Reason::Peer(Peer::Status(403)))]);
}

// Covers SS-936
#[test]
fn the_code_a_websocket_was_closed_with_is_told() {
    for code in [1000, 1012, 4321] {
        let mut stage = Stage::new(&format!("{},{WS}", valid(0, 0)));
        let rules = WsRules { close_after: Some((1, code)), ..WsRules::default() };
        stage.ws("192.0.2.1:80", rules);
        stage.role("ws", Role { messages: 1, size: 100, ..Role::default() });
        let id = stage.create("ws");
        stage.run(MS * 500);
        assert_eq!(stage.world.seen(0).stream(id).unwrap().close_code(), Some(code));
        let why = stage.story("ws").reasons(Disconnected);
        assert_eq!(why, [Some(Reason::Peer(Peer::WsClose(code)))]);
        println!("closed with {code} at {} ms", millis(stage.story("ws").times(Disconnected)[0]));
    }
}
