//! A policy replaced while streams are connected to a real server.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::cell::RefCell;
use core::time::Duration;
use mainstay::{Answer, Builder, Context, Device, Flags, Handler, Policy, Reason, State, StreamId};
use mainstay_node::Reload;
use mainstay_test_support::peers::Websockets;
use mainstay_test_support::{Site, wait_until};
use std::rc::Rc;

#[derive(Default)]
struct Story {
    states: Vec<State>,
    received: Vec<u8>,
}

struct Listener(Rc<RefCell<Story>>);

impl Handler for Listener {
    fn state(
        &mut self,
        _cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        _reason: Option<Reason>,
    ) -> Answer {
        self.0.borrow_mut().states.push(state);
        Answer::Ok
    }

    fn rx(&mut self, _cx: &mut Context<'_>, payload: &[u8], _flags: Flags) -> Answer {
        self.0.borrow_mut().received.extend_from_slice(payload);
        Answer::Ok
    }
}

fn policy(port: u16, second: &str) -> Policy {
    let one = |path: &str| {
        format!(
            r#"{{"endpoint":"127.0.0.1","port":{port},"protocol":"ws","http_url":"{path}","nailed_up":true}}"#
        )
    };
    let text = format!(r#"{{"s":[{{"kept":{},"changed":{}}}]}}"#, one("kept"), one(second));
    Policy::parse(&text, "test").unwrap().policy
}

fn turn(device: &mut Device, mut done: impl FnMut(&mut Device) -> bool) {
    let finished = wait_until(Duration::from_secs(10), || {
        device.turn(Some(Duration::from_millis(5))).unwrap();
        done(device)
    });
    assert!(finished);
}

fn open(device: &mut Device, name: &str) -> (StreamId, Rc<RefCell<Story>>) {
    let story = Rc::new(RefCell::new(Story::default()));
    let id = device.create(name, Listener(Rc::clone(&story))).unwrap();
    turn(device, |_| story.borrow().states.last() == Some(&State::Connected));
    (id, story)
}

fn replace(device: &mut Device, policy: Policy, reload: Reload) {
    let (now, node) = device.node_mut();
    node.replace_policy(now, policy, reload).unwrap();
}

fn echoes(device: &mut Device, id: StreamId, story: &RefCell<Story>, text: &[u8]) -> bool {
    story.borrow_mut().received.clear();
    let (now, node) = device.node_mut();
    let _sent = node.send(now, id, text, Flags::SOM | Flags::EOM).unwrap();
    turn(device, |_| !story.borrow().received.is_empty());
    story.borrow().received == text
}

const GONE: [State; 2] = [State::Disconnected, State::Destroying];

// Covers SS-427, SS-425
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_changed_policy_ends_what_it_changes_and_a_whole_reload_everything() {
    let site = Site::loopback("reload");
    let port = site.port();
    let server = Websockets::clear(port).start(&site);
    let mut device = Builder::new(policy(port, "before")).build().unwrap();
    let (kept, kept_story) = open(&mut device, "kept");
    let (changed, changed_story) = open(&mut device, "changed");
    let connection = device.node().connection(kept);
    assert!(echoes(&mut device, kept, &kept_story, b"one"));
    replace(&mut device, policy(port, "after"), Reload::Changed);
    turn(&mut device, |device| device.node().stream(changed).is_none());
    assert!(changed_story.borrow().states.ends_with(&GONE));
    assert_eq!(kept_story.borrow().states.last(), Some(&State::Connected));
    assert_eq!(device.node().connection(kept), connection, "on the same connection");
    assert!(echoes(&mut device, kept, &kept_story, b"two"));
    // The new rules hold for new streams.
    let (_again, again_story) = open(&mut device, "changed");
    turn(&mut device, |_| server.log().contains("open /after"));
    let log = server.log();
    assert_eq!(log.matches("open /kept").count(), 1, "{log}");
    assert_eq!(log.matches("open /before").count(), 1, "{log}");
    // The same policy once more: nothing changed, and everything goes.
    replace(&mut device, policy(port, "after"), Reload::All);
    turn(&mut device, |device| device.node().streams().is_empty());
    assert!(kept_story.borrow().states.ends_with(&GONE));
    assert!(again_story.borrow().states.ends_with(&GONE));
    turn(&mut device, |_| server.log().matches("close 1000").count() == 3);
}
