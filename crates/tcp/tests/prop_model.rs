//! A connection against a model of it on vectors, under calls and segments that are drawn (TCP-705).
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "mesh/node.rs"]
mod node;
#[path = "model/receiver.rs"]
mod receiver;
#[path = "model/sender.rs"]
mod sender;

use core::time::Duration;
use mainstay_tcp::{Disconnected, Event, Profile, Push, Settings, SettingsOf, State};
use mainstay_wire::tcp::Flags;
use node::{Mesh, Node, PEER_ISS, PlainStd, PlainTiny, quiet};
use proptest::prelude::*;
use receiver::Receiver;
use sender::Sender;

/// What the peer or the application does. Numbers of segments are relative to what should come next.
#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Read(usize),
    Finish,
    /// Text with a FIN behind it if it reaches the end; bytes of it may be another's, who knows the numbers.
    Text {
        at: i64,
        len: usize,
        ack: Ack,
        forged: bool,
    },
    /// A segment with one of these flags that is not in its place.
    Stray(Flags, i64),
    Window(u16),
    Pass(u64),
}

/// What a segment acknowledges.
#[derive(Clone, Copy, Debug)]
enum Ack {
    /// All that was sent.
    All,
    /// So much more, or less, than what was acknowledged.
    Near(i64),
    /// What was never sent.
    Future(u32),
    /// What can only be guessed.
    Ancient,
}

fn step() -> impl Strategy<Value = Step> {
    let ack = || {
        prop_oneof![
            4 => Just(Ack::All),
            4 => (-700..1500_i64).prop_map(Ack::Near),
            1 => (1..5000_u32).prop_map(Ack::Future),
            1 => Just(Ack::Ancient),
        ]
    };
    let at = prop_oneof![3 => Just(0), 2 => -900..900_i64, 2 => 0..4500_i64];
    let stray = prop_oneof![Just(Flags::SYN), Just(Flags::RST), Just(Flags::SYN | Flags::ACK)];
    let window = prop_oneof![2 => Just(60_000), 2 => 0..3000_u16, 1 => Just(0)];
    prop_oneof![
        5 => (1..3000_usize).prop_map(Step::Write),
        5 => (1..3000_usize).prop_map(Step::Read),
        1 => Just(Step::Finish),
        14 => (at, 0..900_usize, ack(), prop::bool::weighted(0.1))
            .prop_map(|(at, len, ack, forged)| Step::Text { at, len, ack, forged }),
        2 => (stray, -5000..5000_i64).prop_map(|(flags, at)| Step::Stray(flags, at)),
        2 => window.prop_map(Step::Window),
        4 => (0..400_u64).prop_map(Step::Pass),
    ]
}

/// The connection, and what is known of it.
struct Run<P: Profile> {
    node: Node<P>,
    receiver: Receiver,
    sender: Sender,
    told_end: usize,
}

impl<P> Run<P>
where
    P: Profile<
            Storage = Vec<u8>,
            Queue = mainstay_tcp::queue::RingQueue<Vec<u8>>,
            Context = (),
            Settings = &'static SettingsOf<P>,
        >,
    SettingsOf<P>: 'static,
{
    fn new(settings: SettingsOf<P>, room: usize, stream: usize) -> Self {
        let node = Node::open(settings, room);
        let sender = Sender::new(20_000, node.window.into());
        Self { node, receiver: Receiver::new(room, stream), sender, told_end: 0 }
    }

    fn apply(&mut self, step: &Step) {
        let over = self.state() == State::Closed;
        match step {
            Step::Read(most) => self.read(*most),
            _ if over => return, // nobody is there for the rest
            Step::Write(count) => self.write(*count),
            Step::Finish => {
                let done = self.node.live().finish().is_ok();
                assert_eq!(done, self.state() != State::TimeWait, "finish in {:?}", self.state());
                self.sender.finished |= done;
            }
            Step::Text { at, len, ack, forged } => self.text(*at, *len, *ack, *forged),
            Step::Stray(flags, at) => {
                let at = if *flags == Flags::RST && *at == 0 { 1 } else { *at };
                let place = self.receiver.next() + 1 + at;
                if *flags == Flags::RST && self.receiver.is_acked(place) {
                    return; // as good as any
                }
                let header = self.node.header(*flags, theirs(place), ours(self.sender.una()));
                self.node.receive(&header, &[]);
            }
            Step::Window(window) => self.node.window = *window,
            Step::Pass(millis) => self.node.pass(*millis),
        }
        self.look();
    }

    fn write(&mut self, count: usize) {
        let start = self.sender.written.len();
        let bytes: Vec<u8> = (start..start + count).map(sender::byte).collect();
        let result = self.node.live().write(&bytes, Push::Now);
        let wanted = self.sender.write(&bytes);
        assert_eq!(result.ok(), wanted);
    }

    fn read(&mut self, most: usize) {
        let mut bytes = vec![0; most];
        let count = self.node.live().read(&mut bytes).unwrap();
        assert_eq!(bytes[..count], self.receiver.read(most), "what is read");
    }

    fn text(&mut self, at: i64, len: usize, ack: Ack, forged: bool) {
        let (last, start) = (self.receiver.end(), (self.receiver.next() + at).max(0));
        let end = (start + i64::try_from(len).unwrap()).min(last);
        // Beyond the end only acknowledgements can come.
        let (start, end) = if start > last { (last + 1, last + 1) } else { (start, end) };
        let fin = end == last;
        let mut bytes = self.receiver.original(start, end);
        if forged {
            bytes.iter_mut().for_each(|byte| *byte ^= 0xa5);
        }
        let ack = match ack {
            Ack::All => self.sender.nxt(),
            Ack::Near(more) => (self.sender.una() + more).clamp(1, self.sender.nxt()),
            Ack::Future(more) => self.sender.nxt() + i64::from(more),
            Ack::Ancient => self.sender.una() - 100_000,
        };
        let flags = if fin { Flags::ACK | Flags::FIN } else { Flags::ACK };
        let header = self.node.header(flags, theirs(start + 1), ours(ack));
        self.node.receive(&header, &bytes);
        // The order of RFC 9293 §3.10.7.4: numbers, acknowledgement, window, text, end.
        let placed = self.receiver.place(start, end, fin);
        if placed.is_none() || !self.sender.can_be(ack) {
            return;
        }
        self.sender.acknowledged(ack, start, self.node.window);
        if placed == Some(true) {
            self.receiver.take(start, &bytes, fin);
        }
    }

    fn state(&self) -> State {
        match (self.sender.finished, self.sender.is_finish_acked(), self.receiver.is_over()) {
            (false, _, false) => State::Established,
            (false, _, true) => State::CloseWait,
            (true, false, false) => State::FinWait1,
            (true, true, false) => State::FinWait2,
            (true, false, true) if self.receiver.first => State::LastAck,
            (true, false, true) => State::Closing,
            (true, true, true) if self.receiver.first => State::Closed,
            (true, true, true) => State::TimeWait,
        }
    }

    /// What leaves, what is told and what can be seen is what the model says.
    fn look(&mut self) {
        if self.receiver.is_over() && !self.sender.finished {
            self.receiver.first = true;
        }
        for seen in self.node.sent() {
            assert!(!seen.flags.contains(Flags::RST), "a reset");
            self.receiver.answered(i64::from(seen.ack) - 1, seen.window);
            self.sender.left(&seen);
        }
        for event in self.node.events() {
            match event {
                Event::BytesAcked(count) => self.sender.told += count,
                Event::ReceiveAvailable { end_of_stream, .. } => {
                    assert!(!end_of_stream || self.receiver.is_over());
                    assert!(end_of_stream || self.told_end == 0, "the end is taken back");
                    self.told_end = usize::from(end_of_stream);
                }
                Event::Disconnected(why) => {
                    assert!(matches!(why, Disconnected::TimeWait | Disconnected::Normal));
                }
                Event::Accepted
                | Event::Established
                | Event::SendDone(_)
                | Event::Progress { .. }
                | Event::SendReady
                | Event::Urgent { .. }
                | Event::Error(_)
                | Event::Reclaimed(_)
                | _ => {}
            }
        }
        assert_eq!(self.told_end == 1, self.receiver.is_over(), "the end is told");
        let facts = self.node.facts();
        assert_eq!(facts.state, self.state());
        let receiver = &self.receiver;
        let endpoint = self.node.engine.endpoint(self.node.handle).unwrap();
        assert_eq!(endpoint.recv().concat(), receiver.unread(), "what can be read");
        assert_eq!(facts.out_of_order, receiver.out_of_order());
        assert_eq!(self.sender.told, self.sender.acked(), "acknowledgements are told");
        assert_eq!(facts.queued, self.sender.queued());
        if facts.state != State::Closed {
            assert_eq!(i64::from(facts.flight), self.sender.nxt() - self.sender.una());
        }
    }

    /// From here on the peer sends what is missing and acknowledges what comes: everything ends well.
    fn heal(&mut self) {
        self.node.window = 60_000;
        for _ in 0..300 {
            let quiet = self.sender.queued() == 0 && self.receiver.is_complete();
            if quiet && (!self.sender.finished || self.sender.is_finish_acked()) {
                break;
            }
            self.apply(&Step::Text { at: 0, len: 500, ack: Ack::All, forged: false });
            self.apply(&Step::Read(10_000));
            if self.node.engine.next_deadline().is_some() && self.sender.queued() > 0 {
                self.node.wake();
                self.look();
            } else {
                self.node.now += Duration::from_millis(50);
            }
        }
        self.apply(&Step::Read(100_000));
        assert!(self.receiver.is_complete(), "all is received");
        assert_eq!(self.sender.queued(), 0, "all is acknowledged");
    }
}

/// A number of the peer's, as it stands in a header.
fn theirs(relative: i64) -> u32 {
    PEER_ISS.wrapping_add(ours(relative))
}

/// One of ours, as the node takes it.
fn ours(relative: i64) -> u32 {
    u32::try_from(relative.rem_euclid(1 << 32)).unwrap()
}

fn check<P>(settings: SettingsOf<P>, room: usize, stream: usize, steps: &[Step])
where
    P: Profile<
            Storage = Vec<u8>,
            Queue = mainstay_tcp::queue::RingQueue<Vec<u8>>,
            Context = (),
            Settings = &'static SettingsOf<P>,
        >,
    SettingsOf<P>: 'static,
{
    let mut run = Run::<P>::new(settings, room, stream);
    for step in steps {
        run.apply(step);
    }
    run.heal();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    // Covers TCP-705, TCP-453, TCP-136
    #[test]
    fn every_call_and_segment_does_what_the_model_says(
        steps in prop::collection::vec(step(), 1..60), room in 200..6000_usize, stream in 0..9000_usize,
        profile in 0..3,
    ) {
        let host = quiet(Settings::host(Default::default()));
        let tiny = quiet(Settings::tiny(Default::default()));
        match profile {
            0 => check::<PlainStd>(host, room, stream, &steps),
            1 => check::<PlainTiny>(tiny, room, stream, &steps),
            _ => check::<Mesh>(tiny, room, stream, &steps),
        }
    }
}
