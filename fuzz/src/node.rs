//! A whole device over its border: whatever the network does and the application asks for, in whatever order.
//!
//! An input is a program, one letter after the other. The streams' application is the simulator's book, which judges
//! states, outcomes and framing.
//!
//! | letter | what happens |
//! |---|---|
//! | `0` to `9` | a stream of this kind is created (`policy.json`) and chosen |
//! | `.`, `/` | the next stream, the next socket is chosen |
//! | `o`, `x` | the oldest open, or question for a name, succeeds; it fails |
//! | `<` | as many bytes as the next one says come |
//! | `e`, `l`, `p` | the peer ends, the socket dies, it takes nothing more or does again |
//! | `~`, `+`, `=` | the next deadline, 100 ms, 20 s |
//! | `c`, `t`, `s`, `d`, `k` | the stream connects, asks for tx, sends unasked, is destroyed, closes |
//! | `q`, `v`, `f`, `m`, `g` | it pauses, goes on, starts its timer, gets metadata, its connection is good |
//! | `A` to `E` | the next state is answered by disconnect, destroy, 1, a wish to be destroyed, one to connect |
//! | `P`, `R`, `w` | the policy is replaced by itself, by itself with all streams destroyed; a wait is cancelled |

mod kernel;

use crate::heap;
use core::cell::RefCell;
use core::time::Duration;
use kernel::Kernel;
use mainstay_base::{Errno, Instant};
use mainstay_node::{Commands, Config, Node, Reload, Resolved, StreamId, drain};
use mainstay_policy::{Policy, State};
use mainstay_sim::fixture;
use mainstay_sim::story::{Book, Expect, Reaction, Role};
use mainstay_stream::{Answer, Flags};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::LazyLock;

/// Calls after which things must have settled (L2). chosen: far above any queue of these few streams.
const CALLS_MAX: usize = 10_000;

/// Streams at once. chosen: a few that share, a few that do not.
const STREAMS_MAX: usize = 12;

/// What one turn writes at most. chosen: less than a queue, so that it takes several.
const WRITE_MAX: usize = 4096;

const KINDS: [&str; 10] =
    ["get", "post", "ws", "up", "down", "raw", "h2get", "h2post", "socket", "secure"];

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = include_str!("node/policy.json").replace("@AUTHORITY@", fixture::AUTHORITY.trim());
    match Policy::parse(&text, "policy.json") {
        Ok(parsed) => parsed.policy,
        Err(faults) => panic!("{faults}"),
    }
});

/// Reactions the program has chosen, for the states to come.
type Reactions = Rc<RefCell<VecDeque<Reaction>>>;

struct Device {
    node: Node,
    book: Book,
    commands: Commands,
    kernel: Kernel,
    reactions: Reactions,
    now: Instant,
    /// Which of the streams is meant.
    chosen: usize,
    /// Bytes that are read and written at once.
    piece_max: usize,
}

/// Memory a device of so few streams may hold, with what comes of one input. chosen: the twelve queues of 16 KiB both ways,
/// and a head each, several times over; an input is 16 KiB at most.
const HELD_MAX: usize = 2 * 1024 * 1024;

/// Memory a device may hold when nobody is left. chosen: its own structures, a policy, and a TLS configuration kept to be used
/// again, with its store for sessions (100 KiB).
const IDLE_MAX: usize = 256 * 1024;

/// What became of one stream: its states, whole messages received, how many of its own were acknowledged, sent, refused, of
/// unknown fate.
type Fate = (Vec<State>, u32, [usize; 4]);

/// Runs one input twice, with bytes whole and in pieces.
///
/// # Panics
/// When a law is broken: that is the finding.
pub fn run(input: &[u8]) {
    LazyLock::force(&POLICY);
    let whole = play(input, usize::MAX);
    let pieces = play(input, 1 + input.len() % 7);
    // What the library of HTTP/2 reads at once decides what it says, see `h2.rs`.
    if !input.contains(&b'6') && !input.contains(&b'7') {
        assert_eq!(whole, pieces, "whole and in pieces are not the same");
    }
}

fn play(input: &[u8], piece_max: usize) -> Vec<Fate> {
    let before = heap::used();
    let mut device = Device::new(piece_max);
    let mut rest = input;
    while let Some((&letter, after)) = rest.split_first() {
        rest = device.step(letter, after);
        device.settle();
        let held = heap::used().saturating_sub(before);
        assert!(held <= HELD_MAX, "L8: the device holds {held} bytes");
    }
    device.end();
    let used = heap::used();
    drop(device.node);
    let held = used.saturating_sub(heap::used());
    assert!(held <= IDLE_MAX, "L8: nobody is left, and {held} bytes are held");
    let stories = device.book.stories.values();
    stories.map(|story| (story.path(), story.messages, story.ledger.counts())).collect()
}

impl Device {
    fn new(piece_max: usize) -> Self {
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

    /// One letter, and what it takes of what follows; the rest.
    fn step<'i>(&mut self, letter: u8, rest: &'i [u8]) -> &'i [u8] {
        match letter {
            b'o' | b'x' => self.answer(letter == b'o'),
            b'/' => self.kernel.choose_next(),
            b'<' => return self.receive(rest),
            b'e' => self.kernel.chosen().into_iter().for_each(|(_, sock)| sock.eof = true),
            b'p' => self.kernel.chosen().into_iter().for_each(|(_, sock)| sock.plugged ^= true),
            b'l' => {
                if let Some(id) = self.kernel.lose() {
                    self.node.handle_lost(self.now, id, Errno::Reset);
                }
            }
            b'~' => self.go(self.node.poll_timeout().unwrap_or(self.now)),
            b'+' => self.go(self.now + Duration::from_millis(100)),
            b'=' => self.go(self.now + Duration::from_secs(20)),
            b'A'..=b'E' => self.react(letter),
            b'P' | b'R' => {
                let reload = if letter == b'P' { Reload::Changed } else { Reload::All };
                let replaced = self.node.replace_policy(self.now, POLICY.clone(), reload);
                assert!(replaced.is_ok(), "the same policy is refused");
            }
            b'w' => self.node.wait_cancelled(),
            _ => self.command(letter),
        }
        rest
    }

    /// A wish of the application for the chosen stream, or a new one.
    fn command(&mut self, letter: u8) {
        if let Some(kind) = KINDS.get(usize::from(letter.wrapping_sub(b'0'))) {
            if self.node.create(self.now, kind).is_ok() {
                self.chosen = self.node.streams().len() - 1;
            }
            return;
        }
        let streams = self.node.streams();
        let Some(&id) = streams.get(self.chosen % streams.len().max(1)) else { return };
        let (node, now) = (&mut self.node, self.now);
        match letter {
            b'.' => self.chosen = (self.chosen + 1) % streams.len(),
            b'c' => {
                let _over = node.connect(now, id);
            }
            b't' => node.request_tx(now, id),
            b's' => self.send(id),
            b'd' => node.destroy(now, id),
            b'k' => node.close(now, id),
            b'q' | b'v' => node.pause(now, id, letter == b'q'),
            b'f' => self
                .reactions
                .borrow_mut()
                .push_back(Reaction { timeout_ms: Some(100), ..Reaction::default() }),
            b'm' => {
                let _undeclared = node.set_metadata(id, "id", b"a b/c");
            }
            b'g' => node.confirm_validity(now, id),
            _ => {}
        }
    }

    /// Payload nobody asked for: not in the book, so only where it cannot be taken.
    fn send(&mut self, id: StreamId) {
        let room = self.node.send_room(id);
        let too_much = vec![b'z'; room + 1];
        let open = self.node.stream(id).is_some_and(mainstay_stream::Stream::is_open);
        if open {
            let sent = self.node.send(self.now, id, &too_much, Flags::ends(true, true));
            assert!(sent.is_err(), "more was taken than there is room");
        }
    }

    fn react(&mut self, letter: u8) {
        let plain = Reaction::default();
        let reaction = match letter {
            b'A' => Reaction { answer: Answer::DisconnectMe, ..plain },
            b'B' => Reaction { answer: Answer::DestroyMe, ..plain },
            b'C' => Reaction { answer: Answer::TxDontSend, ..plain },
            b'D' => Reaction { destroy: true, ..plain },
            _ => Reaction { connect: true, request_tx: true, timeout_ms: Some(300), ..plain },
        };
        self.reactions.borrow_mut().push_back(reaction);
    }

    /// The oldest question is answered.
    fn answer(&mut self, well: bool) {
        if let Some(id) = self.kernel.resolving.pop_front() {
            let addresses =
                || vec![[192, 0, 2, 9].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()];
            let found = if well { Resolved::Addresses(addresses()) } else { Resolved::NoSuchName };
            self.node.handle_resolved(self.now, id, &found);
        } else if let Some(id) = self.kernel.opening.pop_front() {
            let result = if well { Ok(()) } else { Err(Errno::Refused) };
            if well {
                self.kernel.open.insert(id, kernel::Sock::default());
            } else {
                self.kernel.lost.insert(id);
            }
            self.node.handle_opened(self.now, id, result);
        }
    }

    fn receive<'i>(&mut self, rest: &'i [u8]) -> &'i [u8] {
        let Some((&len, rest)) = rest.split_first() else { return rest };
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(len)));
        if let Some((_, sock)) = self.kernel.chosen().filter(|(_, sock)| !sock.eof) {
            sock.inbox.extend_from_slice(bytes);
        }
        rest
    }

    fn go(&mut self, until: Instant) {
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
    fn settle(&mut self) {
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
            self.node.poll_transmit(self.now, id, &mut out, self.piece_max.min(WRITE_MAX));
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
    fn end(&mut self) {
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
