//! When the next attempt comes, and what an application hears meanwhile.

use crate::stage::{MS, SEC, Stage, millis, tcp};
use State::{AllRetriesFailed, Connected, Connecting, Creating, Disconnected, Poll, Unreachable};
use core::time::Duration;
use mainstay_base::{Network, Peer, Reason, RetryLimits, Rng};
use mainstay_node::Resolved;
use mainstay_policy::State;
use mainstay_sim::peer::{Answer, BrokerRules, Ending, Script, WsRules};
use mainstay_sim::story::{Reaction, Role, pattern};
use mainstay_sim::{Reach, Server};
use std::rc::Rc;

const BACKOFF: &str = r#""retry":[{"r":{"backoff":[1000,2000,5000],"conceal":65535,"jitterpc":20}},
    {"two":{"backoff":[1000],"conceal":2}}]"#;

/// The delays of SS-440 with the draws of the stage's node: the pool's stream is forked first.
fn delays(stage: &Stage, count: u16) -> Vec<Duration> {
    let mut rng = Rng::new(stage.seed);
    let _pool = rng.fork();
    let backoff_ms = [1000, 2000, 5000];
    let limits = RetryLimits { backoff_ms: &backoff_ms, conceal: 65_535, jitter_percent: 20 };
    (0..count).map(|n| limits.delay(n, rng.next_u16())).collect()
}

/// Waits between a server's attempts, less what each attempt took.
fn waits(stage: &mut Stage, place: &str, took: Duration) -> Vec<Duration> {
    let attempts = stage.world.server(&tcp(place)).unwrap().attempts.clone();
    attempts.windows(2).map(|pair| (pair[1] - pair[0]) - took).collect()
}

// Covers SS-440, SS-444, SS-448, SS-014
#[test]
fn refused_connects_back_off_by_the_formula() {
    let mut stage = Stage::new(&format!(
        r#"{BACKOFF},"s":[{{"raw":{{"endpoint":"192.0.2.1","port":7,"protocol":"raw","nailed_up":true,"retry":"r"}}}}]"#
    ));
    stage.echo("192.0.2.1:7");
    stage.world.server(&tcp("192.0.2.1:7")).unwrap().reach = Reach::Refuse;
    stage.create("raw");
    stage.run(SEC * 60);
    let waits = waits(&mut stage, "192.0.2.1:7", MS * 20);
    println!("{} attempts, waits {waits:?}", waits.len() + 1);
    assert!(waits.len() > 8);
    assert_eq!(waits, delays(&stage, u16::try_from(waits.len()).unwrap()));
    let path = stage.path("raw");
    let begin = [Creating, Connecting, Unreachable, Poll, Connecting, Unreachable, Poll];
    assert_eq!(path[..7], begin);
    let reasons = stage.story("raw").reasons(Unreachable);
    assert!(reasons.iter().all(|&why| why == Some(Reason::Network(Network::Refused))));
}

// Covers SS-440, SS-140, SS-015
#[test]
fn a_server_that_accepts_and_drops_is_left_alone_for_longer_and_longer() {
    let mut stage = Stage::new(&format!(
        r#"{BACKOFF},"s":[{{"raw":{{"endpoint":"192.0.2.1","port":7,"protocol":"raw","nailed_up":true,"retry":"r"}}}}]"#
    ));
    let close = Some(Ending::Close);
    stage.peer("192.0.2.1:7", move |log| Box::new(Script::at_once(log, Vec::new(), close)));
    stage.create("raw");
    stage.run(SEC * 60);
    // Connecting takes one round trip, the end comes half a one later.
    let waits = waits(&mut stage, "192.0.2.1:7", MS * 30);
    println!("{} connections dropped, waits {waits:?}", waits.len() + 1);
    assert!(waits.len() > 8);
    assert_eq!(waits, delays(&stage, u16::try_from(waits.len()).unwrap()));
    assert_eq!(
        stage.path("raw")[..6],
        [Creating, Connecting, Connected, Disconnected, Poll, Connecting]
    );
}

// Covers LAY-213
#[test]
fn a_black_holed_ipv6_address_costs_250_ms() {
    let mut stage = Stage::new(
        r#""s":[{"raw":{"endpoint":"both.example","port":7,"protocol":"raw","nailed_up":true}}]"#,
    );
    stage.echo("192.0.2.1:7");
    stage.echo("[2001:db8::1]:7");
    stage.world.server(&tcp("[2001:db8::1]:7")).unwrap().reach = Reach::BlackHole;
    stage.world.addresses("both.example", &["192.0.2.1", "2001:db8::1"]);
    stage.create("raw");
    stage.run(SEC * 80);
    let six = stage.world.server(&tcp("[2001:db8::1]:7")).unwrap().attempts.clone();
    let four = stage.world.server(&tcp("192.0.2.1:7")).unwrap().attempts.clone();
    println!("IPv6 at {} ms, IPv4 at {} ms", millis(six[0]), millis(four[0]));
    // The resolver took 1 ms.
    assert_eq!((millis(six[0]), millis(four[0])), (1, 251));
    assert_eq!((six.len(), four.len()), (1, 1));
    assert_eq!(stage.told("raw", Connected), Some(271));
    assert_eq!(stage.path("raw"), [Creating, Connecting, Connected]);
}

// Covers SS-013, SS-014, SS-015, SS-141
#[test]
fn the_three_classes_connect_and_reconnect_as_they_should() {
    let raw = r#""endpoint":"192.0.2.1","port":7,"protocol":"raw","retry":"r""#;
    let mut stage = Stage::new(&format!(
        r#"{BACKOFF},"s":[{{"plain":{{{raw}}}}},{{"nailed":{{{raw},"nailed_up":true}}}},
        {{"opportune":{{{raw},"opportunistic":true}}}}]"#
    ));
    stage.echo("192.0.2.1:7");
    for kind in ["plain", "nailed", "opportune"] {
        stage.create(kind);
    }
    stage.run(SEC);
    assert_eq!(stage.path("plain"), [Creating]);
    assert_eq!(stage.path("opportune"), [Creating]);
    assert_eq!(stage.path("nailed"), [Creating, Connecting, Connected]);
    let now = stage.world.now();
    for id in stage.world.seen(0).streams() {
        stage.world.node(0).connect(now, id).unwrap();
    }
    stage.run(SEC);
    // SS-145: the connected one was left alone.
    assert_eq!(stage.path("nailed"), [Creating, Connecting, Connected]);
    stage.world.restart(&tcp("192.0.2.1:7"), Duration::ZERO);
    stage.run(SEC * 5);
    let again = [Creating, Connecting, Connected, Disconnected, Poll, Connecting, Connected];
    assert_eq!(stage.path("plain"), again);
    assert_eq!(stage.path("nailed"), again);
    assert_eq!(stage.path("opportune"), [Creating, Connecting, Connected, Disconnected]);
    println!("plain and nailed-up are back after {:?}", stage.told("plain", Poll));
}

// Covers SS-113, SS-141
#[test]
fn an_opportunistic_request_whose_answer_never_began_is_repeated() {
    let mut stage = Stage::new(&format!(
        r#"{BACKOFF},"s":[{{"get":{{"endpoint":"192.0.2.1","port":80,"protocol":"h1","http_method":"GET","http_url":"","opportunistic":true,"retry":"r"}}}}]"#
    ));
    stage.h1(
        "192.0.2.1:80",
        |_, _, count| {
            if count < 2 { Answer::Drop } else { Answer::ok(pattern(10)) }
        },
    );
    stage.role("get", Role { messages: 1, ..Role::default() });
    stage.create("get");
    stage.run(SEC * 20);
    let path = stage.path("get");
    println!("{path:?}");
    assert_eq!(
        path[..8],
        [Creating, Poll, Connecting, Unreachable, Poll, Connecting, Unreachable, Poll]
    );
    assert_eq!(path[8..], [Connecting, Connected, State::QosAckRemote, Disconnected]);
}

// Covers SS-441, SS-016, SS-143
#[test]
fn a_series_ends_once_and_an_explicit_connect_begins_another() {
    let mut stage = Stage::new(&format!(
        r#"{BACKOFF},"s":[{{"ws":{{"endpoint":"192.0.2.1","port":80,"protocol":"ws","http_url":"","nailed_up":true,"retry":"two"}}}}]"#
    ));
    stage.ws("192.0.2.1:80", WsRules::default());
    stage.world.server(&tcp("192.0.2.1:80")).unwrap().reach = Reach::Refuse;
    let id = stage.create("ws");
    // SS-143: asking for tx in the first back-off changes nothing.
    stage.world.after(MS * 500, move |world| {
        let now = world.now();
        world.node(0).request_tx(now, id);
    });
    stage.run(SEC * 30);
    let attempts = stage.world.server(&tcp("192.0.2.1:80")).unwrap().attempts.clone();
    println!("{} attempts, then ALL_RETRIES_FAILED", attempts.len());
    assert_eq!(attempts.len(), 3);
    assert!(millis(attempts[1]) >= 1020);
    assert_eq!(stage.path("ws").last(), Some(&AllRetriesFailed));
    assert_eq!(stage.story("ws").count(AllRetriesFailed), 1);
    stage.world.server(&tcp("192.0.2.1:80")).unwrap().reach = Reach::Accept;
    stage.run(SEC * 30);
    assert_eq!(stage.story("ws").count(Connected), 0);
    let now = stage.world.now();
    stage.world.node(0).connect(now, id).unwrap();
    stage.run(SEC);
    assert_eq!(stage.path("ws")[9..], [AllRetriesFailed, Connecting, Connected]);
}

// Covers SS-143, SS-145, SS-443
#[test]
fn an_explicit_connect_ends_a_back_off_and_a_second_one_does_nothing() {
    let mut stage = Stage::new(&format!(
        r#"{BACKOFF},"s":[{{"raw":{{"endpoint":"192.0.2.1","port":7,"protocol":"raw","nailed_up":true,"retry":"r"}}}}]"#
    ));
    stage.echo("192.0.2.1:7");
    stage.world.server(&tcp("192.0.2.1:7")).unwrap().reach = Reach::Refuse;
    let id = stage.create("raw");
    stage.world.after(MS * 500, move |world| {
        world.server(&tcp("192.0.2.1:7")).unwrap().reach = Reach::Accept;
        let now = world.now();
        world.node(0).connect(now, id).unwrap();
        world.node(0).connect(now, id).unwrap();
    });
    stage.run(SEC * 10);
    let attempts = stage.world.server(&tcp("192.0.2.1:7")).unwrap().attempts.clone();
    assert_eq!(attempts.iter().map(|&at| millis(at)).collect::<Vec<_>>(), [0, 500]);
    assert_eq!(stage.path("raw"), [Creating, Connecting, Unreachable, Connecting, Connected]);
}

// Covers SS-442, SS-503
#[test]
fn retry_after_is_the_least_wait() {
    let mut stage = Stage::new(&format!(
        r#"{BACKOFF},"s":[{{"get":{{"endpoint":"192.0.2.1","port":80,"protocol":"h1","http_method":"GET","http_url":"","retry":"r"}}}}]"#
    ));
    stage.h1("192.0.2.1:80", |_, _, count| match count {
        0 => Answer::with_header(503, "retry-after", "7"),
        _ => Answer::ok(pattern(10)),
    });
    stage.role("get", Role { messages: 1, ..Role::default() });
    stage.create("get");
    stage.run(SEC * 20);
    let path = stage.path("get");
    assert_eq!(path[..5], [Creating, Poll, Connecting, Unreachable, Poll]);
    let failed = stage.told("get", Unreachable).unwrap();
    let again = stage.story("get").times(Connecting)[1];
    println!("503 at {failed} ms, again at {} ms", millis(again));
    assert_eq!(millis(again) - failed, 7000);
    assert_eq!(stage.story("get").reasons(Unreachable), [Some(Reason::Peer(Peer::Status(503)))]);
}

// Covers SS-100
#[test]
fn names_that_do_not_exist_and_resolvers_that_do_not_answer_are_told_apart() {
    let mut stage = Stage::new(
        r#""s":[{"none":{"endpoint":"none.example","port":7,"protocol":"raw","nailed_up":true}},
        {"deaf":{"endpoint":"deaf.example","port":7,"protocol":"raw","nailed_up":true}}]"#,
    );
    stage.world.name("deaf.example", Resolved::Unanswered, SEC * 5);
    stage.create("none");
    stage.create("deaf");
    stage.run(SEC * 10);
    let unreachable = |stage: &mut Stage, kind: &str| {
        let story = stage.story(kind);
        let at = story.path().iter().position(|&state| state == Unreachable).unwrap();
        (story.ordinals[at], story.reasons(Unreachable)[0])
    };
    let none = Some(Reason::Network(Network::NameNotFound));
    assert_eq!(unreachable(&mut stage, "none"), (0, none));
    let deaf = Some(Reason::Network(Network::ResolverUnreachable));
    assert_eq!(unreachable(&mut stage, "deaf"), (1, deaf));
}

// Covers SS-103
#[test]
fn tx_asked_for_in_disconnected_starts_one_new_attempt() {
    let mut stage = Stage::new(
        r#""s":[{"raw":{"endpoint":"192.0.2.1","port":7,"protocol":"raw","opportunistic":true}}]"#,
    );
    let close = Some(Ending::Close);
    stage.listen("192.0.2.1:7", {
        let log = Rc::clone(&stage.log);
        Server::new(move |_| Box::new(Script::at_once(Rc::clone(&log), b"bye".to_vec(), close)))
    });
    let react = |state, before| Reaction {
        request_tx: state == Creating || (state == Disconnected && before == 0),
        ..Reaction::default()
    };
    stage.role("raw", Role { react: Some(Rc::new(react)), ..Role::default() });
    stage.create("raw");
    stage.run(SEC * 5);
    let path = stage.path("raw");
    println!("{path:?}");
    let once = [Poll, Connecting, Connected, Disconnected];
    assert_eq!(path, [vec![Creating], once.to_vec(), once.to_vec()].concat());
}

// Covers SS-112, SS-572
#[test]
fn a_broker_that_knows_us_not_is_auth_failed_and_any_other_refusal_unreachable() {
    for (code, state) in [(3, Unreachable), (5, State::AuthFailed)] {
        let mut stage = Stage::new(
            r#""s":[{"mqtt":{"endpoint":"192.0.2.1","protocol":"mqtt","nailed_up":true}}]"#,
        );
        stage
            .broker("192.0.2.1:1883", BrokerRules { refuse: Some(code), ..BrokerRules::default() });
        stage.create("mqtt");
        stage.run(SEC * 5);
        assert_eq!(stage.path("mqtt"), [Creating, Connecting, state, AllRetriesFailed]);
        assert_eq!(stage.story("mqtt").reasons(state), [Some(Reason::Peer(Peer::Connack(code)))]);
    }
}

// Covers SS-121
#[test]
fn a_handler_that_refuses_every_connecting_is_asked_again_after_each_back_off() {
    let mut stage = Stage::new(&format!(
        r#"{BACKOFF},"s":[{{"raw":{{"endpoint":"192.0.2.1","port":7,"protocol":"raw","nailed_up":true,"retry":"two"}}}}]"#
    ));
    stage.echo("192.0.2.1:7");
    let react = |state, _| {
        let refuse = state == Connecting;
        let answer = if refuse {
            mainstay_stream::Answer::DisconnectMe
        } else {
            mainstay_stream::Answer::Ok
        };
        Reaction { answer, ..Reaction::default() }
    };
    stage.role("raw", Role { react: Some(Rc::new(react)), ..Role::default() });
    stage.create("raw");
    stage.run(SEC * 20);
    let path = stage.path("raw");
    println!("{path:?}");
    assert_eq!(stage.story("raw").count(Connecting), 3);
    assert_eq!(path.last(), Some(&AllRetriesFailed));
    assert!(stage.world.server(&tcp("192.0.2.1:7")).unwrap().attempts.is_empty());
}
