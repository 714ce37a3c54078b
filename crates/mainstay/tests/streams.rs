//! Streams over loopback, each kind against a peer from somebody else's library.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests; peers run on threads of their own"
)]

use core::cell::RefCell;
use core::time::Duration;
use mainstay::{
    Answer, Builder, Context, Device, Flags, Handler, Outcome, PayloadId, Policy, Reason, State, Tx,
};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::thread;

/// What a stream did, in order.
#[derive(Default)]
struct Story {
    states: Vec<State>,
    received: Vec<u8>,
    messages: usize,
    outcomes: Vec<Outcome>,
    reasons: Vec<Reason>,
}

/// Sends one message and remembers what happens.
struct Teller {
    story: Rc<RefCell<Story>>,
    message: Vec<u8>,
}

impl Handler for Teller {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        let mut story = self.story.borrow_mut();
        story.states.push(state);
        story.reasons.extend(reason);
        if state == State::Creating {
            cx.request_tx_len(self.message.len() as u64);
        }
        Answer::Ok
    }

    fn rx(&mut self, _cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        let mut story = self.story.borrow_mut();
        story.received.extend_from_slice(payload);
        story.messages += usize::from(flags.has(Flags::EOM));
        Answer::Ok
    }

    fn tx(&mut self, _cx: &mut Context<'_>, _ordinal: u32, buffer: &mut [u8]) -> Tx {
        let len = self.message.len();
        buffer[..len].copy_from_slice(&self.message);
        Tx::Send { len, flags: Flags::SOM | Flags::EOM }
    }

    fn outcome(&mut self, _cx: &mut Context<'_>, _id: PayloadId, outcome: Outcome, _through: bool) {
        self.story.borrow_mut().outcomes.push(outcome);
    }
}

fn start(policy: &str, streamtype: &str, message: &[u8]) -> (Device, Rc<RefCell<Story>>) {
    let policy = Policy::parse(policy, "test").unwrap().policy;
    let mut device = Builder::new(policy).build().unwrap();
    let story = Rc::new(RefCell::new(Story::default()));
    let teller = Teller { story: Rc::clone(&story), message: message.to_vec() };
    device.create(streamtype, teller).unwrap();
    (device, story)
}

fn run(device: &mut Device, story: &RefCell<Story>, done: impl Fn(&Story) -> bool) {
    for _ in 0..1000 {
        if done(&story.borrow()) {
            return;
        }
        device.turn(Some(Duration::from_millis(10))).unwrap();
    }
    let story = story.borrow();
    panic!("not done: {:?} {:?} {:?}", story.states, story.reasons, story.outcomes);
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Says that it put more into the buffer than fits, once.
struct Boaster(Rc<RefCell<Vec<Outcome>>>);

impl Handler for Boaster {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        _reason: Option<Reason>,
    ) -> Answer {
        if state == State::Creating {
            cx.request_tx();
        }
        Answer::Ok
    }

    fn tx(&mut self, cx: &mut Context<'_>, ordinal: u32, buffer: &mut [u8]) -> Tx {
        cx.request_tx();
        let flags = Flags::SOM | Flags::EOM;
        match ordinal {
            0 => Tx::Send { len: buffer.len() + 1, flags },
            1 => Tx::Send { len: 1, flags },
            _ => Tx::DontSend,
        }
    }

    fn outcome(&mut self, _cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, _through: bool) {
        let mut outcomes = self.0.borrow_mut();
        assert_eq!(id.0, outcomes.len() as u64);
        outcomes.push(outcome);
    }
}

// Covers SS-202
#[test]
fn what_a_handler_claims_beyond_its_buffer_is_refused_and_the_next_message_goes() {
    let (listener, port) = listener();
    let peer = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut byte = [0; 8];
        socket.read(&mut byte).unwrap()
    });
    let policy = format!(
        r#"{{"s": [{{"t": {{"endpoint": "127.0.0.1", "port": {port}, "protocol": "raw"}}}}]}}"#
    );
    let policy = Policy::parse(&policy, "test").unwrap().policy;
    let mut device = Builder::new(policy).build().unwrap();
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    device.create("t", Boaster(Rc::clone(&outcomes))).unwrap();
    while outcomes.borrow().len() < 2 {
        device.turn(Some(Duration::from_secs(20))).unwrap();
    }
    let refused = Outcome::Refused(Reason::Local(mainstay::Local::Limit));
    assert_eq!(*outcomes.borrow(), [refused, Outcome::Sent]);
    assert_eq!(peer.join().unwrap(), 1);
}

// Covers SS-545, SS-001
#[test]
fn a_websocket_carries_a_message_there_and_back() {
    let (listener, port) = listener();
    let server = thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        let message = socket.read().unwrap();
        assert!(message.is_text());
        socket.send(message).unwrap();
        while socket.read().is_ok() {}
    });
    let policy = format!(
        r#"{{"s":[{{"echo":{{"endpoint":"127.0.0.1","port":{port},"protocol":"ws","http_url":"echo"}}}}]}}"#
    );
    let (mut device, story) = start(&policy, "echo", b"hello");
    run(&mut device, &story, |story| story.messages == 1);
    assert_eq!(story.borrow().received, b"hello");
    assert_eq!(story.borrow().outcomes, [Outcome::Sent]);
    let id = device.node().streams()[0];
    device.destroy(id);
    run(&mut device, &story, |story| story.states.last() == Some(&State::Destroying));
    let expected = [
        State::Creating,
        State::Poll,
        State::Connecting,
        State::Connected,
        State::Disconnected,
        State::Destroying,
    ];
    assert_eq!(story.borrow().states, expected);
    for _ in 0..10 {
        device.turn(Some(Duration::from_millis(10))).unwrap();
    }
    server.join().unwrap();
}

// Covers SS-109, SS-500, SS-501
#[test]
fn a_post_is_acknowledged_by_its_status() {
    let (listener, port) = listener();
    let server = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        let mut got = Vec::new();
        let mut buf = [0; 1024];
        while !got.ends_with(b"temperature=21") {
            let n = socket.read(&mut buf).unwrap();
            assert!(n > 0);
            got.extend_from_slice(&buf[..n]);
        }
        let head = String::from_utf8(got).unwrap().to_lowercase();
        assert!(head.starts_with("post /up http/1.1\r\n") && head.contains("content-length: 14"));
        socket.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok").unwrap();
    });
    let policy = format!(
        r#"{{"s":[{{"up":{{"endpoint":"localhost","port":{port},"protocol":"h1","http_method":"POST","http_url":"up"}}}}]}}"#
    );
    let (mut device, story) = start(&policy, "up", b"temperature=21");
    run(&mut device, &story, |story| story.states.contains(&State::Disconnected));
    let story = story.borrow();
    assert_eq!(story.received, b"ok");
    assert_eq!(story.outcomes, [Outcome::Acknowledged]);
    let expected = [
        State::Creating,
        State::Poll,
        State::Connecting,
        State::Connected,
        State::QosAckRemote,
        State::Disconnected,
    ];
    assert_eq!(story.states, expected);
    server.join().unwrap();
}

// Covers SS-580, SS-581
#[test]
fn raw_bytes_flow_and_the_peers_end_disconnects() {
    let (listener, port) = listener();
    let server = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        let mut buf = [0; 4];
        socket.read_exact(&mut buf).unwrap();
        socket.write_all(&buf).unwrap();
        socket.write_all(b" and more").unwrap();
    });
    let policy = format!(
        r#"{{"s":[{{"pipe":{{"endpoint":"127.0.0.1","port":{port},"protocol":"raw","opportunistic":true}}}}]}}"#
    );
    let (mut device, story) = start(&policy, "pipe", b"ping");
    run(&mut device, &story, |story| story.states.contains(&State::Disconnected));
    assert_eq!(story.borrow().received, b"ping and more");
    assert_eq!(story.borrow().outcomes, [Outcome::Sent]);
    server.join().unwrap();
}
