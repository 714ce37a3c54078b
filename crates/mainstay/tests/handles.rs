//! Handles: whatever becomes of a message, its ticket tells, and tells at once.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; peers run on threads of their own"
)]

use core::time::Duration;
use mainstay::{Blocking, Builder, Closed, Outcome, Policy, PolicyReason, Reason, Remote, State};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Longer than anything here takes; a wait this long has failed.
const LONG: Option<Duration> = Some(Duration::from_secs(20));

/// Bodies of packets a broker got, by their first byte.
type Packets = Receiver<(u8, Vec<u8>)>;

/// A broker for one client: accepts it, tells what comes, and acknowledges if it `acks`.
fn broker(acks: bool) -> (u16, Packets) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, packets) = channel();
    thread::spawn(move || serve(listener.accept().unwrap().0, acks, &told));
    (port, packets)
}

fn serve(mut socket: TcpStream, acks: bool, told: &Sender<(u8, Vec<u8>)>) {
    let mut first = [0; 2];
    while socket.read_exact(&mut first).is_ok() {
        let mut body = vec![0; first[1].into()];
        socket.read_exact(&mut body).unwrap();
        let answer: &[u8] = match first[0] {
            0x10 => &[0x20, 2, 0, 0],
            0x32 if acks => {
                let at = usize::from(body[1]) + 2;
                &[0x40, 2, body[at], body[at + 1]]
            }
            _ => &[],
        };
        socket.write_all(answer).unwrap();
        if told.send((first[0], body)).is_err() {
            return;
        }
    }
}

fn device(port: u16) -> (Remote, Blocking) {
    let policy = format!(
        r#"{{"retry": [{{"r": {{"backoff": [100], "conceal": 5}}}}], "s": [{{"t": {{
            "endpoint": "127.0.0.1", "port": {port}, "protocol": "mqtt", "retry": "r",
            "mqtt_topic": "${{where}}", "mqtt_qos": 1, "mqtt_keep_alive": 60,
            "metadata": [{{"where": ""}}], "nailed_up": true}}}}]}}"#
    );
    let policy = Policy::parse(&policy, "test").unwrap().policy;
    let remote = Builder::new(policy).spawn().unwrap();
    let stream = remote.open("t").blocking();
    (remote, stream)
}

// Covers SS-450, SS-202
#[test]
fn a_message_that_cannot_be_sent_is_refused_at_once_and_the_next_one_is_not() {
    let (port, packets) = broker(true);
    let (remote, stream) = device(port);
    let refused = stream.post("nowhere").unwrap().wait(LONG).unwrap();
    assert_eq!(refused, Outcome::Refused(Reason::Policy(PolicyReason::Invalid)));
    stream.stream().set_metadata("where", b"here");
    assert_eq!(stream.post("somewhere").unwrap().wait(LONG).unwrap(), Outcome::Acknowledged);
    // One far beyond what the connection takes at once: its rest is dropped with its start.
    stream.stream().set_metadata("where", b"");
    let long = stream.post(vec![b'x'; 200_000]).unwrap();
    assert_eq!(long.wait(LONG).unwrap(), refused);
    stream.stream().set_metadata("where", b"there");
    assert_eq!(stream.post("again").unwrap().wait(LONG).unwrap(), Outcome::Acknowledged);
    remote.stop().unwrap();
    let published: Vec<_> = packets.iter().filter(|(kind, _)| *kind == 0x32).collect();
    let ends = |body: &[u8], text: &str| body.ends_with(text.as_bytes());
    assert_eq!(published.len(), 2, "what was refused never left");
    assert!(ends(&published[0].1, "somewhere") && ends(&published[1].1, "again"));
}

/// An echo server for one client that speaks first: text `greeting`.
fn echo(greeting: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let greeting = greeting.to_owned();
    thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        socket.send(greeting.into()).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_text() || message.is_binary() {
                socket.send(message).unwrap();
            }
        }
    });
    port
}

fn webs(port: u16, more: &str) -> (Remote, Blocking) {
    let policy = format!(
        r#"{{"s": [{{"t": {{"endpoint": "127.0.0.1", "port": {port}, "protocol": "ws",
            "http_url": "/"{more}}}}}]}}"#
    );
    let policy = Policy::parse(&policy, "test").unwrap().policy;
    let remote = Builder::new(policy).spawn().unwrap();
    let stream = remote.open("t").blocking();
    (remote, stream)
}

#[test]
fn a_state_that_is_passed_through_is_seen_once() {
    let (_remote, stream) = webs(echo("hello"), "");
    assert_eq!(stream.send("ho").unwrap(), Outcome::Sent);
    assert!(stream.reaches(State::Connected, LONG).unwrap());
    stream.stream().close();
    while stream.stream().state() != Some(State::AllRetriesFailed) {
        thread::yield_now();
    }
    assert!(stream.reaches(State::Disconnected, LONG).unwrap());
    assert!(!stream.reaches(State::Disconnected, Some(Duration::ZERO)).unwrap());
    assert!(stream.reaches(State::AllRetriesFailed, Some(Duration::ZERO)).unwrap());
}

#[test]
fn messages_come_whole_whatever_their_length_and_however_long_one_waits() {
    let port = echo(&"x".repeat(100_000));
    let (_remote, stream) = webs(port, r#", "nailed_up": true"#);
    assert!(stream.reaches(State::Connected, LONG).unwrap());
    // Six times what the inbox holds: gathered in the midst of waits that are too short.
    let greeting = loop {
        match stream.message(100_000, Some(Duration::from_micros(50))).unwrap() {
            Some(message) => break message,
            None => thread::yield_now(),
        }
    };
    assert_eq!(greeting.len(), 100_000);
    let tickets: Vec<_> =
        [90_000, 3].map(|len| stream.post(vec![b'y'; len]).unwrap()).into_iter().collect();
    assert!(stream.flush(LONG).unwrap());
    for ticket in tickets {
        assert_eq!(ticket.wait(Some(Duration::ZERO)).unwrap(), Outcome::Sent);
    }
    assert_eq!(stream.message(50_000, LONG), Err(Closed::TooLarge));
    assert_eq!(stream.message(50_000, LONG).unwrap(), Some(b"yyy".to_vec()));
    assert_eq!(stream.message(1, Some(Duration::ZERO)).unwrap(), None);
}

#[test]
fn a_device_that_goes_leaves_no_ticket_without_an_outcome() {
    let (port, packets) = broker(false);
    let (remote, stream) = device(port);
    stream.stream().set_metadata("where", b"here");
    let flying = stream.post("flying").unwrap();
    while packets.recv().unwrap().0 != 0x32 {}
    // Too much for the window of unacknowledged bytes, so some of it stays here.
    let tickets: Vec<_> = (0..4).map(|_| stream.post(vec![b'x'; 60_000])).collect();
    remote.stop().unwrap();
    assert!(matches!(flying.wait(LONG).unwrap(), Outcome::Unknown(_)), "it had left");
    for ticket in tickets {
        match ticket {
            Ok(ticket) => drop(ticket.wait(LONG).unwrap()),
            Err(closed) => assert_eq!(closed, Closed::Destroyed(None)),
        }
    }
    assert!(matches!(stream.post("late"), Err(Closed::Destroyed(_))));
}
