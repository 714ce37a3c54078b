//! Events are asked for: nothing is told inside a call, and whoever is told may do whatever he likes (TCP-082 to TCP-087).

use crate::bench::{Bench, OURS, Peer, THEIRS, Text, at, meta, segment};
use core::mem::discriminant;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_tcp::queue::TxBuf as _;
use mainstay_tcp::{Disconnected, Event, FastOpen, Push, State};
use mainstay_wire::tcp::Flags;

// Covers TCP-082
#[test]
fn however_much_happens_unheard_one_event_tells_of_it_and_no_byte_is_left_out() {
    let mut bench = Bench::new(1);
    let mut peer = bench.established(0);
    bench.live(0).set_nagle(false);
    for n in 1..=100 {
        bench.send(0, &[9; 10]);
        bench.hears(&mut peer);
        bench.says(&mut peer, b"seven b"); // acknowledges the ten
        assert_eq!(bench.endpoint(0).facts().unread, 7 * n);
        if n % 5 == 0 {
            // Buffers come back one by one; the rest is one event of each kind.
            let told = bench.told();
            let done = told.iter().filter(|event| matches!(event, Event::SendDone(_))).count();
            assert_eq!(done, 5, "{told:?}");
            assert!(told.contains(&Event::BytesAcked(50)));
            let remaining = bench.endpoint(0).capacity() - 7 * n;
            let available =
                Event::ReceiveAvailable { available: 7 * n, end_of_stream: false, remaining };
            assert!(told.contains(&available), "{told:?}");
            assert_eq!(told.len(), 5 + 4, "{told:?}");
            assert_eq!(bench.told(), []);
        }
    }
}

// Covers TCP-084
#[test]
fn calls_tell_nothing_themselves_and_only_aborting_leaves_something_to_be_told() {
    let mut bench = Bench::new(1);
    bench.live(0).bind(at(OURS, 9000)).unwrap();
    bench.connect(0, FastOpen::No).unwrap();
    assert_eq!(bench.told(), []);
    bench.live(0).abort();
    assert_eq!(bench.state(0), State::Closed);
    assert_eq!(bench.told(), [Event::Disconnected(Disconnected::Reset)]);
    let mut peer = bench.established(0);
    bench.says(&mut peer, b"something");
    bench.told();
    bench.live(0).commit(9).unwrap();
    bench.live(0).finish().unwrap();
    assert_eq!(bench.told(), []);
    bench.live(0).abort();
    assert_eq!(bench.state(0), State::Closed, "at once");
    assert_eq!(bench.told(), [Event::Disconnected(Disconnected::Reset)], "when it is asked for");
}

/// What an application may do about an event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Whim {
    AbortItself,
    DetachItself,
    AbortOther,
    DetachOther,
    Reconnect,
    SendAndFinish,
    StopListening,
}

const WHIMS: [Whim; 7] = [
    Whim::AbortItself,
    Whim::DetachItself,
    Whim::AbortOther,
    Whim::DetachOther,
    Whim::Reconnect,
    Whim::SendAndFinish,
    Whim::StopListening,
];

impl Whim {
    fn follow(self, bench: &mut Bench, own: usize) {
        let other = 1 - own;
        match self {
            Self::AbortItself | Self::AbortOther => {
                let n = if self == Self::AbortItself { own } else { other };
                if let Some(mut live) = bench.engine.at(bench.now, bench.handles[n]) {
                    live.abort();
                }
            }
            Self::DetachItself | Self::DetachOther => {
                let n = if self == Self::DetachItself { own } else { other };
                drop(bench.engine.detach(bench.now, bench.handles[n]));
            }
            Self::Reconnect => {
                bench.live(own).abort();
                let _refused_until_told = bench.connect(own, FastOpen::No);
            }
            Self::SendAndFinish => {
                let mut live = bench.live(own);
                let _refused = live.send(Text::new(b"a whim"), Push::Now);
                let _refused = live.finish();
                let _refused = live.commit(1);
            }
            Self::StopListening => {
                let again = bench.engine.listen(at(OURS, 81));
                if let Ok(listener) = again {
                    bench.engine.stop(listener);
                }
            }
        }
    }
}

/// Two connections that do a little of everything and end; the application follows its whim at the `at`th event. What it
/// was told at that moment, `None` if it was over before.
fn with_whim(whim: Whim, at: usize) -> Option<Event<Text>> {
    let mut bench = Bench::new(2);
    let mut peers = [bench.accept(0, 4000), bench.accept(1, 4001)];
    let (mut count, mut moment) = (0, None);
    for step in 0..9 {
        for (n, peer) in peers.iter_mut().enumerate() {
            act(&mut bench, n, peer, step);
        }
        while let Some((handle, event)) = bench.engine.poll_event() {
            let n = bench.handles.iter().position(|own| *own == handle).unwrap();
            assert!(bench.engine.endpoint(handle).is_some(), "{event:?} of one that is gone");
            if count == at {
                whim.follow(&mut bench, n);
                moment = Some(event);
            }
            count += 1;
        }
    }
    assert!(bench.engine.next_deadline().is_none_or(|deadline| deadline > bench.now));
    moment
}

fn act(bench: &mut Bench, n: usize, peer: &mut Peer, step: usize) {
    let Some(mut live) = bench.engine.at(bench.now, bench.handles[n]) else { return };
    match step {
        0 => {
            let _refused = live.send(Text::new(&[5; 2000]), Push::Now);
            let _refused = live.send(Text::new(&[6; 20]), Push::Now);
            bench.hears(peer);
        }
        1 => drop(bench.arrive(&peer.header(Flags::ACK), b"words", None)),
        2 => {
            peer.next = peer.next.wrapping_add(5);
            let mut urgent = peer.header(Flags::ACK.with(Flags::URG));
            urgent.urgent = 3;
            bench.arrive(&urgent, b"and more", None);
            peer.next = peer.next.wrapping_add(8);
        }
        3 => {
            let _refused = live.send(Text::new(b"never acknowledged"), Push::Now);
            bench.pass(Duration::from_secs(8));
        }
        4 => bench.pass(Duration::from_secs(3)),
        5 => {
            let _refused = live.finish();
            if n == 0 {
                bench.hears(peer);
                let fin = peer.header(Flags::ACK.with(Flags::FIN));
                bench.arrive(&fin, &[], None);
            }
        }
        6 => drop(bench.arrive(&peer.header(Flags::ACK.with(Flags::RST)), &[], None)),
        _ => bench.pass(Duration::from_secs(100)),
    }
    bench.sent();
}

// S-33
// Covers TCP-085
#[test]
fn whatever_is_done_on_being_told_of_whatever_nothing_that_is_gone_is_heard_of() {
    let mut kinds = Vec::new();
    for whim in WHIMS {
        for at in 0.. {
            let Some(event) = with_whim(whim, at) else { break };
            if !kinds.contains(&discriminant(&event)) {
                kinds.push(discriminant(&event));
            }
        }
    }
    assert_eq!(kinds.len(), 11, "every kind of event was one of them");
}

// S-07
// Covers TCP-085
#[test]
fn whoever_is_asked_may_make_room_by_ending_another_connection_and_accept_into_it() {
    let mut bench = Bench::new(1);
    bench.established(0);
    let from = meta(THEIRS, OURS);
    for n in 0..1000_u16 {
        let syn = Peer { port: 10_000 + n, next: 77, expects: 0 }.header(Flags::SYN);
        let bytes = segment(&from, &syn, &[]);
        let asked = bench.engine.handle_segment(bench.now, &from, &bytes);
        let mainstay_tcp::Ingress::Incoming(incoming) = asked else { panic!("{asked:?}") };
        incoming.defer();
        let mut own = bench.engine.detach(bench.now, bench.handles[0]).unwrap();
        while own.reclaim().is_some() {}
        bench.handles[0] = bench.engine.attach(own).unwrap();
        assert!(bench.arrive(&syn, &[], Some(bench.handles[0])), "the same is asked again");
        assert_eq!(bench.state(0), State::SynReceived);
        let flags: Vec<Flags> = bench.sent().into_iter().map(|(header, _)| header.flags).collect();
        let last = if n == 0 { Flags::RST.with(Flags::ACK) } else { flags[0] };
        assert_eq!(flags, [last, Flags::SYN.with(Flags::ACK)]);
        assert_eq!(bench.told(), []);
    }
}

/// What happened of a connection with a loss and an end, where the driver's clock does `clumsy` things to each moment.
fn told_with(clumsy: impl Fn(&mut Bench, Instant)) -> Vec<String> {
    let mut bench = Bench::new(1);
    let mut peer = bench.accept(0, 4000);
    let mut log = Vec::new();
    let start = bench.now;
    bench.send(0, b"to be lost");
    bench.live(0).finish().unwrap();
    for second in 0..150_u64 {
        bench.now = start + Duration::from_secs(second);
        clumsy(&mut bench, start);
        bench.engine.handle_timeout(bench.now);
        for (header, payload) in bench.sent() {
            log.push(format!("{second}: {:?} {payload:?}", header.flags));
            if second > 10 {
                peer.hear(&header, &payload);
            }
        }
        if second == 20 {
            let fin = peer.header(Flags::ACK.with(Flags::FIN));
            bench.arrive(&fin, &[], None);
        }
        log.extend(bench.told().iter().map(|event| format!("{second}: {event:?}")));
    }
    log
}

// Covers TCP-087
#[test]
fn a_clock_that_is_read_too_often_or_goes_back_changes_nothing() {
    let plain = told_with(|_, _| {});
    assert!(plain.iter().any(|line| line.contains("TimeWait")) && plain.len() > 10, "{plain:#?}");
    assert!(plain.last().unwrap().contains("Normal"), "{plain:#?}");
    let often = told_with(|bench, _| {
        for _ in 0..3 {
            bench.engine.handle_timeout(bench.now);
        }
    });
    assert_eq!(often, plain);
    let back = told_with(|bench, start| {
        bench.engine.handle_timeout(bench.now);
        for before in [start, Instant::ZERO] {
            bench.engine.handle_timeout(before);
            assert!(bench.engine.next_deadline().is_none_or(|at| at > bench.now));
            bench.engine.at(before, bench.handles[0]).unwrap().set_nagle(true);
        }
    });
    assert_eq!(back, plain);
}

// Covers TCP-087
#[test]
fn whoever_is_late_runs_everything_that_came_due_once() {
    let mut bench = Bench::new(1);
    let mut peer = bench.established(0);
    bench.send(0, b"text");
    bench.hears(&mut peer);
    bench.pass(Duration::from_secs(40));
    assert_eq!(bench.sent().len(), 1, "one repetition, not one for each that was missed");
    assert!(bench.engine.next_deadline().unwrap() > bench.now);
    bench.says(&mut peer, b"");
    let done =
        |event: &Event<Text>| matches!(event, Event::SendDone(text) if text.bytes() == b"text");
    assert_eq!(bench.told().iter().filter(|event| done(event)).count(), 1);
}
