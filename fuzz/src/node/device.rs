//! The device and its driver: what `mainstay_host` does, without sockets.

use super::kernel::{Kernel, Sock};
use core::cell::RefCell;
use core::time::Duration;
use mainstay_base::{Errno, Instant};
use mainstay_node::{Commands, Config, Node, Resolved, drain};
use mainstay_policy::Policy;
use mainstay_sim::fixture;
use mainstay_sim::story::{Book, Expect, Reaction, Role};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::LazyLock;

/// Calls after which things must have settled (L2). chosen: far above any queue of these few streams.
const CALLS_MAX: usize = 100_000;

/// Streams at once. chosen: a few that share, a few that do not.
const STREAMS_MAX: usize = 12;

/// What one turn writes at most. chosen: less than a queue, so that it takes several.
const WRITE_MAX: usize = 4096;

/// The streamtypes of `policy.json`, by number.
pub(super) const KINDS: [&str; 10] =
    ["get", "post", "ws", "up", "down", "raw", "h2get", "h2post", "socket", "secure"];

pub(super) static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = include_str!("policy.json").replace("@AUTHORITY@", fixture::AUTHORITY.trim());
    match Policy::parse(&text, "policy.json") {
        Ok(parsed) => parsed.policy,
        Err(faults) => panic!("{faults}"),
    }
});

/// Reactions the program has chosen, for the states to come.
type Reactions = Rc<RefCell<VecDeque<Reaction>>>;

/// A device, its application, and the world around it.
pub(super) struct Device {
    pub(super) node: Node,
    pub(super) book: Book,
    pub(super) commands: Commands,
    pub(super) kernel: Kernel,
    pub(super) reactions: Reactions,
    pub(super) now: Instant,
    /// Which of the streams is meant.
    pub(super) chosen: usize,
    /// Bytes that are read at once; sixteen times as many are written.
    pub(super) piece_max: usize,
}

/// Reads the policy, once, so that no run is charged for it.
pub(super) fn prepare() {
    LazyLock::force(&POLICY);
}

impl Device {
    pub(super) fn new(piece_max: usize) -> Self {
        let now = Instant::from_millis(1000);
        let mut node = Node::new([7; 32], Config { stream_max: STREAMS_MAX, ..Config::default() });
        node.set_wall(now, Duration::from_secs(fixture::WALL));
        assert!(node.set_policy(POLICY.clone()).is_ok(), "the policy cannot be put in force");
        let (mut book, reactions) = (Book::default(), Reactions::default());
        for kind in KINDS {
            let script = Rc::clone(&reactions);
            let next = move |_, _| script.borrow_mut().pop_front().unwrap_or_default();
            let (messages, size, announce) = (3, 700, kind == "up");
            let react = Some(Rc::new(next) as Rc<_>);
            book.set_role(kind, Role { messages, size, announce, expect: Expect::Any, react });
        }
        let (commands, kernel) = (Commands::default(), Kernel::default());
        Self { node, book, commands, kernel, reactions, now, chosen: 0, piece_max }
    }

    /// The oldest question is answered.
    pub(super) fn answer(&mut self, well: bool) {
        if let Some(id) = self.kernel.resolving.pop_front() {
            let addresses =
                || vec![[192, 0, 2, 9].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()];
            let found = if well { Resolved::Addresses(addresses()) } else { Resolved::NoSuchName };
            self.node.handle_resolved(self.now, id, &found);
        } else if let Some(id) = self.kernel.opening.pop_front() {
            let result = if well { Ok(()) } else { Err(Errno::Refused) };
            if well {
                self.kernel.open.insert(id, Sock::default());
            } else {
                self.kernel.lost.insert(id);
            }
            self.node.handle_opened(self.now, id, result);
        }
    }

    pub(super) fn go(&mut self, until: Instant) {
        for _ in 0..CALLS_MAX {
            let due = self.node.poll_timeout().filter(|&at| at <= until);
            self.now = self.now.max(due.unwrap_or(until));
            self.settle();
            if due.is_none() {
                return;
            }
        }
        panic!("L3: deadlines without end before {until:?}");
    }

    /// What a driver does until nothing is left to do.
    pub(super) fn settle(&mut self) {
        for _ in 0..CALLS_MAX {
            let mut worked = self.node.poll_timeout().is_some_and(|at| at <= self.now);
            if worked {
                self.node.handle_timeout(self.now);
            }
            self.deliver(&mut []);
            worked |= self.write();
            worked |= self.read();
            if !worked {
                let faults = &self.book.faults;
                assert!(faults.is_empty(), "{faults:#?}");
                return;
            }
        }
        panic!("L2: it never settles, and is due at {:?}", self.node.poll_timeout());
    }

    fn deliver(&mut self, input: &mut [u8]) {
        let Self { node, book, commands, .. } = self;
        drain(node, book, commands, self.now, input);
        for calls in 0.. {
            let Some(request) = self.node.poll_request() else { return };
            self.kernel.obey(&request);
            assert!(calls < CALLS_MAX, "L2: requests without end");
        }
    }

    fn write(&mut self) -> bool {
        for calls in 0.. {
            let Some(id) = self.node.poll_wanting() else { break };
            self.kernel.open.entry(id).and_modify(|sock| sock.wants = true);
            assert!(calls < CALLS_MAX, "L2: wanting without end");
        }
        let ids: Vec<_> = self.kernel.open.keys().copied().collect();
        let mut worked = false;
        for id in ids {
            let Some(sock) = self.kernel.open.get_mut(&id) else { continue };
            if sock.plugged || !core::mem::take(&mut sock.wants) {
                continue;
            }
            let mut out = Vec::new();
            self.node.poll_transmit(
                self.now,
                id,
                &mut out,
                self.piece_max.saturating_mul(16).min(WRITE_MAX),
            );
            sock.wants = !out.is_empty();
            if !out.is_empty() {
                self.node.handle_written(self.now, id);
                worked = true;
            }
            self.deliver(&mut []);
        }
        worked
    }

    fn read(&mut self) -> bool {
        let ids: Vec<_> = self.kernel.open.keys().copied().collect();
        let mut worked = false;
        for id in ids {
            let room = self.node.room(id).min(self.piece_max);
            let Some(sock) = self.kernel.open.get_mut(&id) else { continue };
            let len = sock.inbox.len().min(room);
            if len > 0 {
                let mut bytes: Vec<u8> = sock.inbox.drain(..len).collect();
                self.node.handle_bytes(id, len);
                self.deliver(&mut bytes);
                worked = true;
            } else if sock.eof && sock.inbox.is_empty() && !sock.eof_told {
                sock.eof_told = true;
                self.node.handle_eof(self.now, id);
                self.deliver(&mut []);
                worked = true;
            }
        }
        worked
    }

    /// Everybody leaves, and nothing remains.
    pub(super) fn end(&mut self) {
        self.reactions.borrow_mut().clear();
        for id in self.node.streams() {
            self.node.destroy(self.now, id);
        }
        self.settle();
        let left = self.node.streams();
        assert!(left.is_empty(), "destroyed, and still there: {left:?}");
        for story in self.book.stories.values() {
            assert!(story.over, "{} ends without DESTROYING", story.kind);
            assert_eq!(story.ledger.open(), 0, "{} ends with open messages", story.kind);
        }
        for _ in 0..20 {
            self.answer(false);
            self.settle();
            self.go(self.now + Duration::from_secs(60));
        }
        let (sockets, due) = (self.kernel.count(), self.node.poll_timeout());
        assert_eq!(self.node.connection_count(), 0, "nobody rides on them; due at {due:?}");
        assert_eq!((sockets, due), (0, None), "sockets are left, or deadlines");
    }
}
