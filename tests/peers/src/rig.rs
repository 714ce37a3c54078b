//! A device that runs until something happened.

use crate::document::Document;
use crate::story::{Recorder, Script, Story, Told};
use core::cell::RefCell;
use core::time::Duration;
use mainstay::{Builder, Device, Policy, State};
use mainstay_node::Node;
use mainstay_test_support::Deadline;
use std::rc::Rc;

/// How long anything here waits. chosen: a test ends within 30 s, and its peers want some of them.
const PATIENCE: Duration = Duration::from_secs(20);

/// One wait for events. It only bounds how late the deadline is noticed.
const TURN: Duration = Duration::from_millis(20);

/// A device on the test's thread.
#[derive(Debug)]
pub struct Rig {
    device: Device,
    told: Vec<Told>,
}

impl Rig {
    /// A device with this policy and nothing else.
    #[must_use]
    pub fn new(document: &Document) -> Self {
        Self::with(document, |builder| builder)
    }

    /// A device with this policy; `equip` adds what else it has.
    #[must_use]
    pub fn with(document: &Document, equip: impl FnOnce(Builder) -> Builder) -> Self {
        let text = document.text();
        let parsed = Policy::parse(&text, "test");
        let parsed = parsed.unwrap_or_else(|fault| panic!("{text}\n{fault:?}"));
        let device = equip(Builder::new(parsed.policy)).build().unwrap();
        Self { device, told: Vec::new() }
    }

    /// Creates a stream that does nothing by itself.
    pub fn stream(&mut self, streamtype: &str) -> Told {
        self.scripted(streamtype, Script::default())
    }

    /// Creates a stream that does this.
    pub fn scripted(&mut self, streamtype: &str, script: Script) -> Told {
        let story = Rc::new(RefCell::new(Story::default()));
        let recorder = Recorder { story: Rc::clone(&story), script };
        let id = self.device.create(streamtype, recorder).unwrap();
        let told = Told { id, story };
        self.told.push(told.clone());
        told
    }

    /// Starts an attempt.
    pub fn connect(&mut self, told: &Told) {
        let (now, node) = self.device.node_mut();
        node.connect(now, told.id).unwrap();
    }

    /// Queues a message and announces its length.
    pub fn send(&mut self, told: &Told, message: &[u8]) {
        told.story.borrow_mut().push(message);
        let len = u64::try_from(message.len()).unwrap();
        let (now, node) = self.device.node_mut();
        node.request_tx_len(now, told.id, len);
    }

    /// Queues a message without a word about its length.
    pub fn send_unannounced(&mut self, told: &Told, message: &[u8]) {
        told.story.borrow_mut().push(message);
        self.device.request_tx(told.id);
    }

    /// Sets a metadata.
    pub fn set(&mut self, told: &Told, name: &str, value: &str) {
        let (_now, node) = self.device.node_mut();
        node.set_metadata(told.id, name, value.as_bytes()).unwrap();
    }

    /// Closes the connection in order.
    pub fn close(&mut self, told: &Told) {
        let (now, node) = self.device.node_mut();
        node.close(now, told.id);
    }

    /// Lets the reader sleep, or wakes it.
    pub fn pause(&mut self, told: &Told, paused: bool) {
        let (now, node) = self.device.node_mut();
        node.pause(now, told.id, paused);
    }

    /// Ends the stream and waits for its last word.
    pub fn destroy(&mut self, told: &Told) {
        self.device.destroy(told.id);
        self.until(told, State::Destroying);
    }

    /// The node, to look at.
    #[must_use]
    pub const fn node(&self) -> &Node {
        self.device.node()
    }

    /// The device.
    pub const fn device(&mut self) -> &mut Device {
        &mut self.device
    }

    /// Runs the device until `done`; fails the test with every story if that takes too long.
    pub fn run(&mut self, what: &str, mut done: impl FnMut(&Node) -> bool) {
        let deadline = Deadline::after(PATIENCE);
        while !done(self.device.node()) {
            assert!(!deadline.is_over(), "not after {PATIENCE:?}: {what}\n{}", self.tell());
            self.device.turn(Some(TURN)).unwrap();
        }
    }

    /// Runs the device until the stream hears `state`, after those that were waited for before.
    pub fn until(&mut self, told: &Told, state: State) {
        let story = Rc::clone(&told.story);
        self.run(&format!("{state:?}"), |_node| story.borrow_mut().find(state));
    }

    /// Runs the device until the stream has so many whole messages.
    pub fn until_messages(&mut self, told: &Told, count: usize) {
        let story = Rc::clone(&told.story);
        self.run(&format!("{count} messages"), |_node| story.borrow().messages.len() >= count);
    }

    /// Runs the device until so many messages of the stream have their outcome.
    pub fn until_outcomes(&mut self, told: &Told, count: usize) {
        let story = Rc::clone(&told.story);
        self.run(&format!("{count} outcomes"), |_node| story.borrow().outcomes.len() >= count);
    }

    /// One activation: connects and waits for the end of the transaction.
    pub fn fetch(&mut self, told: &Told) {
        self.connect(told);
        self.until(told, State::Disconnected);
    }

    /// One activation with a body.
    pub fn post(&mut self, told: &Told, body: &[u8]) {
        self.send(told, body);
        self.until(told, State::Disconnected);
    }

    fn tell(&self) -> String {
        let of = |told: &Told| {
            let story = told.story();
            format!(
                "{:?}: {:?} {} messages, {} bytes, outcomes {:?}\n",
                told.id,
                story.heard,
                story.messages.len(),
                story.received.len(),
                story.outcomes.iter().take(8).collect::<Vec<_>>()
            )
        };
        self.told.iter().map(of).collect()
    }
}
