//! Handles, async under tokio and blocking, against real servers: outcomes over restarts, the end of a handle, and what a
//! full outbox does.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::time::Duration;
use mainstay::{Builder, Closed, Device, Local, Network, Outcome, Policy, Reason, Remote, State};
use mainstay_test_support::Site;
use mainstay_test_support::peers::{Mosquitto, Nginx, Websockets};
use tokio::time::timeout;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn builder(rules: &str) -> Builder {
    let text = format!(
        r#"{{"retry":[{{"brisk":{{"backoff":[50,100],"conceal":65535,"jitterpc":10}}}},
        {{"once":{{"backoff":[50],"conceal":1,"jitterpc":10}}}}],"s":[{{{rules}}}]}}"#
    );
    Builder::new(Policy::parse(&text, "test").unwrap().policy)
}

fn echo(port: u16) -> String {
    format!(
        r#""echo":{{"endpoint":"127.0.0.1","port":{port},"protocol":"ws","http_url":"echo","nailed_up":true,"retry":"brisk"}}"#
    )
}

fn spawn(rules: &str) -> Remote {
    builder(rules).spawn().unwrap()
}

// Covers SS-143, SS-144
#[tokio::test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
async fn an_async_handle_sends_and_receives_over_a_restart_of_the_server() {
    let site = Site::loopback("handle-ws");
    let port = site.port();
    let server = Websockets::clear(port).start(&site);
    let remote = spawn(&echo(port));
    let stream = remote.open("echo");
    assert_eq!(stream.send("hello").await, Ok(Outcome::Sent));
    assert_eq!(timeout(PATIENCE, stream.message(100)).await.unwrap().unwrap(), b"hello");
    server.wait_for("message text 5");
    server.signal("KILL");
    drop(server);
    let server = Websockets::clear(port).start(&site);
    // What was handed to a dead connection is told; what waits for the next one arrives.
    timeout(PATIENCE, stream.reaches(State::Connected)).await.unwrap().unwrap();
    let answer = loop {
        let _outcome = timeout(PATIENCE, stream.send("again")).await.unwrap().unwrap();
        if let Ok(answer) = timeout(Duration::from_secs(1), stream.message(100)).await {
            break answer.unwrap();
        }
    };
    assert_eq!(answer, b"again");
    server.wait_for("message text 5");
}

fn published(log: &str) -> usize {
    log.matches("Received PUBLISH").count()
}

// Covers SS-565, SS-567
#[tokio::test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
async fn tickets_of_publishes_are_settled_by_the_broker_also_after_its_restart() {
    let site = Site::loopback("handle-mqtt");
    let port = site.port();
    let broker = Mosquitto::new().mqtt(port);
    let mut running = broker.start(&site);
    let remote = spawn(&format!(
        r#""up":{{"endpoint":"127.0.0.1","port":{port},"protocol":"mqtt","mqtt_topic":"t","mqtt_qos":1,"mqtt_clean_start":true,"nailed_up":true,"retry":"brisk"}}"#
    ));
    let stream = remote.open("up");
    let mut tickets = Vec::new();
    for n in 0..20 {
        tickets.push(stream.post(format!("reading {n}")).await.unwrap());
    }
    for ticket in tickets {
        assert_eq!(timeout(PATIENCE, ticket.outcome()).await.unwrap(), Outcome::Acknowledged);
    }
    running.peer.stop();
    assert_eq!(published(&running.log()), 20);
    assert!(timeout(PATIENCE, stream.reaches(State::Unreachable)).await.is_ok());
    // Nothing was begun on a connection: they wait for the next.
    let mut waiting = Vec::new();
    for n in 0..5 {
        waiting.push(stream.post(format!("waiting {n}")).await.unwrap());
    }
    drop(running);
    let mut running = broker.start(&site);
    for ticket in waiting {
        assert_eq!(timeout(PATIENCE, ticket.outcome()).await.unwrap(), Outcome::Acknowledged);
    }
    running.peer.stop();
    assert_eq!(published(&running.log()), 25);
}

// Covers SS-213, SS-216
#[tokio::test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
async fn what_is_asked_before_the_loop_made_the_stream_is_not_lost() {
    let site = Site::loopback("handle-early");
    let port = site.port();
    let nginx = Nginx::new().http(port).start(&site);
    let rules = format!(
        r#""get":{{"endpoint":"127.0.0.1","port":{port},"protocol":"h1","http_method":"GET","http_url":"hello"}}"#
    );
    let remote = spawn(&rules);
    let stream = remote.open("get");
    stream.connect();
    assert_eq!(timeout(PATIENCE, stream.message(100)).await.unwrap().unwrap(), b"hello\n");
    nginx.wait_for("GET /hello HTTP/1.1\" 200");
    // Dropped before it existed, it must not live on.
    let mut device: Device = builder(&rules).build().unwrap();
    let dropped = device.open("get");
    dropped.connect();
    drop(dropped);
    for _ in 0..20 {
        device.turn(Some(Duration::from_millis(10))).unwrap();
    }
    assert!(device.node().streams().is_empty());
    let unknown = device.open("no such streamtype");
    device.turn(Some(Duration::from_millis(10))).unwrap();
    assert!(matches!(unknown.recv().await, Err(Closed::Refused(_))));
}

// Covers SS-213, SS-124
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn dropping_a_handle_closes_its_connection_in_order() {
    let site = Site::loopback("handle-drop");
    let port = site.port();
    let server = Websockets::clear(port).start(&site);
    let remote = spawn(&echo(port));
    let stream = remote.open("echo").blocking();
    assert_eq!(stream.send("hello"), Ok(Outcome::Sent));
    let chunk = stream.recv(Some(PATIENCE)).unwrap().unwrap();
    assert_eq!(chunk.bytes, b"hello");
    drop(stream);
    server.wait_for("close 1000");
    // The place is free again; what was there before does not disturb the next.
    let next = remote.open("echo").blocking();
    assert_eq!(next.send("next"), Ok(Outcome::Sent));
    assert_eq!(next.recv(Some(PATIENCE)).unwrap().unwrap().bytes, b"next");
}

// Covers SS-441
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_blocking_ticket_ends_with_the_last_retry_and_with_the_loop() {
    let site = Site::loopback("handle-ends");
    let (closed, port) = (site.port(), site.port());
    let server = Websockets::clear(port).start(&site);
    let rules = format!(
        r#""lost":{{"endpoint":"127.0.0.1","port":{closed},"protocol":"ws","http_url":"x","retry":"once"}},{}"#,
        echo(port)
    );
    let remote = spawn(&rules);
    let lost = remote.open("lost").blocking();
    for _ in 0..2 {
        // The second finds the stream idle after ALL_RETRIES_FAILED, and makes it try again.
        let outcome = lost.post("x").unwrap().wait(Some(PATIENCE)).unwrap();
        assert_eq!(outcome, Outcome::Refused(Reason::Network(Network::Refused)));
    }
    let echo = remote.open("echo").blocking();
    assert_eq!(echo.send("hello"), Ok(Outcome::Sent));
    server.signal("STOP");
    let big = echo.post(vec![b'x'; 32 << 20]).unwrap();
    let big = big.wait(Some(Duration::from_millis(300))).unwrap_err();
    remote.stop().unwrap();
    let outcome = big.wait(Some(PATIENCE)).unwrap();
    assert!(
        matches!(outcome, Outcome::Unknown(_) | Outcome::Refused(Reason::Local(Local::Destroyed))),
        "{outcome:?}"
    );
    while let Ok(chunk) = echo.recv(Some(PATIENCE)) {
        assert!(chunk.is_some(), "a handle without a loop must not wait");
    }
    assert!(matches!(echo.post("x"), Err(Closed::Destroyed(_))));
    server.signal("CONT");
}

// Covers SS-248
#[tokio::test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
async fn posting_waits_while_the_outbox_is_full_and_goes_on_when_the_peer_reads() {
    let site = Site::loopback("handle-full");
    let port = site.port();
    let server = Websockets::clear(port).start(&site);
    let remote = spawn(&echo(port));
    let stream = remote.open("echo");
    assert_eq!(stream.send("hello").await, Ok(Outcome::Sent));
    server.signal("STOP");
    let message = vec![b'x'; 16 * 1024];
    let mut tickets = Vec::new();
    while let Ok(ticket) = timeout(Duration::from_millis(500), stream.post(message.clone())).await {
        tickets.push(ticket.unwrap());
        // What the kernel's buffers take on loopback, at most: tcp_wmem and tcp_rmem.
        assert!(tickets.len() * message.len() < 32 << 20, "nothing ever fills up");
    }
    println!("full after {} KiB", tickets.len() * 16);
    server.signal("CONT");
    let echoed = async {
        // The echoes are read, or the server would wait for us in its turn.
        let mut count = 0;
        while count <= tickets.len() * message.len() {
            count += stream.recv().await.unwrap().bytes.len();
        }
    };
    let posted = async {
        for _ in 0..10 {
            let _ticket = stream.post(message.clone()).await.unwrap();
        }
    };
    timeout(PATIENCE, async { tokio::join!(echoed, posted) }).await.unwrap();
    for ticket in tickets {
        assert_eq!(timeout(PATIENCE, ticket.outcome()).await.unwrap(), Outcome::Sent);
    }
}
