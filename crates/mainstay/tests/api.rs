//! What the public face promises, without a peer.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; one wakes from a thread"
)]

use core::cell::RefCell;
use core::time::Duration;
use mainstay::{
    Answer, Builder, Context, CreateError, Device, Handler, Misuse, Policy, Reason, State,
};
use std::rc::Rc;
use std::thread;

const POLICY: &str = r#"{"s":[
    {"quiet":{"endpoint":"127.0.0.1","port":9,"protocol":"ws","payload_fmt":"cbor",
              "metadata":[{"who":"x-who"}]}},
    {"nowhere":{"protocol":"raw"}},
    {"later":{"endpoint":"127.0.0.1","port":9,"protocol":"ws","rideshare":"quiet"}}]}"#;

fn device() -> Device {
    Builder::new(Policy::parse(POLICY, "test").unwrap().policy).build().unwrap()
}

/// Says nothing, answers the default.
struct Silent;
impl Handler for Silent {}

/// Remembers states; answers `answer` to the one it is asked about.
struct Recorder {
    heard: Rc<RefCell<Vec<State>>>,
    answer: Answer,
}

impl Handler for Recorder {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        _reason: Option<Reason>,
    ) -> Answer {
        self.heard.borrow_mut().push(state);
        if state == State::Creating {
            assert_eq!(cx.send(b"early", mainstay::Flags::SOM), Err(Misuse::NotConnected));
            assert_eq!(cx.set_metadata("nobody", b"x"), Err(Misuse::NoSuchMetadata));
            cx.set_metadata("who", b"me").unwrap();
        }
        self.answer
    }
}

fn recorder(answer: Answer) -> (Recorder, Rc<RefCell<Vec<State>>>) {
    let heard = Rc::new(RefCell::new(Vec::new()));
    (Recorder { heard: Rc::clone(&heard), answer }, heard)
}

// Covers SS-005, SS-210
#[test]
fn an_unknown_streamtype_is_an_error_and_calls_nobody() {
    let (recorder, heard) = recorder(Answer::Ok);
    assert_eq!(device().create("quie", recorder), Err(CreateError::UnknownStreamtype));
    assert!(heard.borrow().is_empty());
}

// Covers SS-008
#[test]
fn an_absent_handler_answers_ok() {
    let mut device = device();
    let id = device.create("quiet", Silent).unwrap();
    device.request_tx(id);
    device.turn(Some(Duration::ZERO)).unwrap();
    assert!(device.node().stream(id).is_some());
}

// Covers SS-201, SS-225, SS-227
#[test]
fn what_a_handler_wishes_is_done_when_it_returns() {
    let mut device = device();
    let (recorder, heard) = recorder(Answer::Ok);
    let id = device.create("quiet", recorder).unwrap();
    let stream = device.node().stream(id).unwrap();
    assert_eq!(stream.metadata("who"), Some(&b"me"[..]));
    assert_eq!(stream.payload_fmt(), Some("cbor"));
    assert_eq!(*heard.borrow(), [State::Creating]);
}

// Covers SS-210
#[test]
fn a_refused_creation_ends_with_destroying_and_an_error() {
    let (recorder, heard) = recorder(Answer::DestroyMe);
    assert_eq!(device().create("quiet", recorder), Err(CreateError::RefusedByHandler));
    assert_eq!(*heard.borrow(), [State::Creating, State::Destroying]);
}

#[test]
fn a_streamtype_this_version_cannot_honour_is_refused_with_its_key() {
    let refused = device().create("later", Silent);
    assert_eq!(refused, Err(CreateError::Unsupported("rideshare".into())));
}

// Covers SS-146
#[test]
fn connecting_without_an_endpoint_is_an_error() {
    let mut device = device();
    let id = device.create("nowhere", Silent).unwrap();
    let (now, node) = device.node_mut();
    assert_eq!(node.connect(now, id), Err(Misuse::NoEndpoint));
}

// Covers SS-230
#[test]
fn a_handler_can_be_changed_and_the_one_before_comes_back() {
    let mut device = device();
    let id = device.create("quiet", Silent).unwrap();
    let (recorder, heard) = recorder(Answer::Ok);
    assert!(device.change_handler(id, recorder).is_some());
    device.destroy(id);
    device.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(*heard.borrow(), [State::Destroying]);
    assert!(device.change_handler(id, Silent).is_none());
}

// Covers SS-012
#[test]
fn a_cancelled_wait_is_told_to_every_stream_from_any_thread() {
    let mut device = device();
    let (one, heard) = recorder(Answer::Ok);
    device.create("quiet", one).unwrap();
    let (two, other) = recorder(Answer::Ok);
    device.create("quiet", two).unwrap();
    let canceller = device.canceller();
    let waker = thread::spawn(move || canceller.cancel());
    // Waits without end: only the cancellation can end it.
    device.turn(None).unwrap();
    waker.join().unwrap();
    let expected = [State::Creating, State::EventWaitCancelled];
    assert_eq!((&*heard.borrow(), &*other.borrow()), (&expected.to_vec(), &expected.to_vec()));
}
