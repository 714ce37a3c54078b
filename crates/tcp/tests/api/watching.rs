//! What can be seen of a connection from outside: facts and steps (TCP-094, TCP-095).

use crate::bench::{Bench, Text, settings};
use core::time::Duration;
use mainstay_tcp::congestion::Signal;
use mainstay_tcp::queue::ArrayQueue;
use mainstay_tcp::{
    Disconnected, Host, Ignored, Profile, Push, Rtx, Seq, Soft, State, Step, Tally, Timer, Traced,
};
use mainstay_wire::tcp::{Flags, Options, Timestamps};

// Covers TCP-094, TCP-425
#[test]
fn facts_are_a_copy_of_what_the_connection_knows() {
    let mut bench = Bench::new(1);
    let options = Options {
        timestamps: Some(Timestamps { value: 1, echo: 0 }),
        sack_permitted: true,
        window_scale: Some(3),
        ..Options::default()
    };
    let mut peer = bench.accept_with(0, 4000, options);
    bench.says(&mut peer, b"unread");
    let mut ahead = peer;
    ahead.next += 100;
    bench.arrive(&ahead.header(Flags::ACK), b"early", None);
    bench.sent();
    for _ in 0..8 {
        bench.live(0).send(Text::new(&[1; 4000]), Push::Now).unwrap();
    }
    let out = bench.sent();
    let sent: usize = out.iter().map(|(_, payload)| payload.len()).sum();
    let facts = bench.endpoint(0).facts();
    let copy = facts;
    assert_eq!(copy, facts);
    assert_eq!(
        (facts.state, facts.timestamps, facts.sack, facts.ecn),
        (State::Established, true, true, false)
    );
    assert_eq!(facts.scale.map(|(theirs, _)| theirs), Some(3));
    assert_eq!((facts.mss, facts.mss_in), (1460, 1460));
    assert_eq!((facts.unread, facts.out_of_order), (6, 5));
    assert_eq!(
        (facts.queued, facts.flight as usize, facts.backlog as usize),
        (32_000, sent, 32_000 - sent)
    );
    assert!(sent > 5000 && sent <= facts.cwnd as usize, "{facts:?}");
    assert!(facts.ssthresh > facts.cwnd && facts.lost == 0 && facts.resent == 0);
    assert_eq!((facts.window, facts.window_in > 7000), (60_000 << 3, true));
    assert!(facts.srtt.is_some() && facts.min_rtt.is_some() && facts.rto >= 200_000, "{facts:?}");
    assert!(facts.timers.contains(&Some(Timer::Retransmit(Rtx::TailProbe))), "{:?}", facts.timers);
    let listed: Vec<_> = bench.live(0).timeouts().map(|(timer, _)| timer).collect();
    assert_eq!(listed, facts.timers.into_iter().flatten().collect::<Vec<_>>());
    for _ in 0..40 {
        bench.pass(Duration::from_secs(1));
        bench.sent();
    }
    let facts = bench.endpoint(0).facts();
    assert_eq!((facts.soft, facts.ended), (Some(Soft::Retransmitting), None));
    assert!(facts.retries >= 3 && facts.resent >= 3 && facts.lost > 0, "{facts:?}");
    assert!(
        facts.recovering_to.is_some() && facts.cwnd < copy.cwnd && facts.ssthresh < copy.ssthresh
    );
    bench.live(0).abort();
    let facts = bench.endpoint(0).facts();
    assert_eq!(
        (facts.state, facts.ended, facts.timers),
        (State::Closed, Some(Disconnected::Reset), [None; 5])
    );
}

fn states(bench: &Bench) -> Vec<(State, State)> {
    let states =
        |step: &Step| if let Step::State { from, to } = step { Some((*from, *to)) } else { None };
    bench.endpoint(0).context().steps.iter().filter_map(states).collect()
}

// Covers TCP-095
#[test]
fn every_change_of_state_is_seen_even_several_in_one_segment() {
    let mut bench = Bench::new(1);
    let mut peer = bench.accept(0, 4000);
    bench.live(0).finish().unwrap();
    bench.hears(&mut peer);
    bench.arrive(&peer.header(Flags::ACK.with(Flags::FIN)), &[], None);
    bench.pass(Duration::from_secs(61));
    let seen = states(&bench);
    assert_eq!(
        seen,
        [
            (State::Closed, State::SynReceived),
            (State::SynReceived, State::Established),
            (State::Established, State::FinWait1),
            (State::FinWait1, State::FinWait2),
            (State::FinWait2, State::TimeWait),
            (State::TimeWait, State::Closed),
        ]
    );
}

// Covers TCP-095
#[test]
fn every_segment_decision_and_timer_is_seen_with_what_it_was_about() {
    let mut bench = Bench::new(1);
    let mut peer = bench.established(0);
    let steps =
        |bench: &mut Bench| core::mem::take(&mut bench.live(0).context_mut().unwrap().steps);
    steps(&mut bench);
    let first = Seq(peer.expects);
    bench.send(0, b"text");
    bench.sent();
    let seen = steps(&mut bench);
    let flags = Flags::ACK.with(Flags::PSH);
    assert!(
        seen.contains(&Step::Sent { sequence: first, len: 4, flags, again: false }),
        "{seen:?}"
    );
    let set = |step: &Step| {
        matches!(step, Step::Armed { timer: Timer::Retransmit(_), micros: 200_000.. })
    };
    assert!(seen.iter().any(set), "{seen:?}");
    bench.pass(Duration::from_secs(2));
    bench.sent();
    let seen = steps(&mut bench);
    let due = Step::Due(Timer::Retransmit(Rtx::Timeout));
    let again = Step::Sent { sequence: first, len: 4, flags, again: true };
    let wanted = [due, Step::Reduced(Signal::Rto), Step::Lost(4), again];
    let order: Vec<usize> =
        wanted.iter().map(|step| seen.iter().position(|s| s == step).unwrap()).collect();
    assert!(order.is_sorted(), "{seen:?}");
    let mut ahead = peer;
    ahead.next += 10;
    bench.arrive(&ahead.header(Flags::ACK), b"early", None);
    let mut forged = peer;
    forged.next = forged.next.wrapping_sub(100_000);
    bench.arrive(&forged.header(Flags::ACK), b"late", None);
    let seen = steps(&mut bench);
    let arrived = |step: &Step| {
        let Step::Arrived { sequence, len, window, .. } = step else { return None };
        Some((sequence.0, *len, *window))
    };
    let arrivals: Vec<_> = seen.iter().filter_map(arrived).collect();
    assert_eq!(arrivals, [(ahead.next, 5, 60_000), (forged.next, 4, 60_000)]);
    assert!(seen.contains(&Step::OutOfOrder { sequence: Seq(ahead.next), len: 5 }));
    assert_eq!(seen.last(), Some(&Step::Dropped(Ignored::Window)));
    peer.expects += 4;
    bench.says(&mut peer, b"");
    let seen = steps(&mut bench);
    assert!(seen.contains(&Step::Recovered) || seen.contains(&Step::Undone), "{seen:?}");
    assert!(seen.contains(&Step::Stopped(Timer::Retransmit(Rtx::Timeout))), "{seen:?}");
    let tally = bench.endpoint(0).context().tally;
    assert_eq!((tally.resent, tally.out_of_order, tally.lost, tally.reductions), (1, 1, 4, 1));
    assert_eq!((tally.dropped, tally.marked, tally.marks_echoed), (1, 0, 0));
    assert!(tally.received >= 4 && tally.sent >= 4, "{tally:?}");
}

// Covers TCP-095
#[test]
fn the_timers_that_are_seen_to_run_are_those_that_run() {
    let mut own = settings();
    own.user_timeout = Some(30_000);
    own.keepalive = Some(mainstay_tcp::Keepalive::DEFAULT);
    let mut bench = Bench::with(1, own);
    let mut peer = bench.accept(0, 4000);
    let mut running = Vec::new();
    for round in 0..400_u64 {
        match round % 7 {
            0 => drop(bench.live(0).send(Text::new(&[3; 3000]), Push::Now)),
            1 => drop(bench.hears(&mut peer)),
            2 => drop(bench.says(&mut peer, b"words")),
            3 => drop(bench.live(0).read(&mut [0; 100])),
            4 => bench.pass(Duration::from_millis(37 * round)),
            _ => drop(bench.sent()),
        }
        bench.told();
        for step in core::mem::take(&mut bench.live(0).context_mut().unwrap().steps) {
            let kind = |timer: &Timer| core::mem::discriminant(timer);
            let (Step::Armed { timer, .. } | Step::Stopped(timer) | Step::Due(timer)) = step else {
                continue;
            };
            let set = matches!(step, Step::Armed { .. });
            assert!(set || running.contains(&timer), "{timer:?} did not run");
            running.retain(|other| kind(other) != kind(&timer));
            running.extend(set.then_some(timer));
        }
        let facts = bench.endpoint(0).facts();
        let armed: Vec<_> = facts.timers.into_iter().flatten().collect();
        assert!(
            armed.len() == running.len() && armed.iter().all(|timer| running.contains(timer)),
            "{armed:?} {running:?}"
        );
        if facts.state == State::Closed {
            assert_eq!(facts.ended, Some(Disconnected::TimedOut));
            return;
        }
    }
    assert_eq!(bench.state(0), State::Established);
}

/// The same with nobody watching is as large as the same with somebody watching.
type Unwatched = Host<Vec<u8>, ArrayQueue<Text, 8>, Tally>;

// Covers TCP-095
#[test]
fn watching_costs_a_connection_nothing_but_what_the_watcher_brings() {
    let (plain, watched) = (
        size_of::<mainstay_tcp::Endpoint<Unwatched>>(),
        size_of::<mainstay_tcp::Endpoint<Traced<Unwatched>>>(),
    );
    assert_eq!(plain, watched);
    let mut tally = Tally::default();
    Unwatched::trace(&mut tally, Step::Recovered);
    Unwatched::trace(&mut tally, Step::Lost(5));
    assert_eq!(tally, Tally::default(), "nobody is told");
    Traced::<Unwatched>::trace(&mut tally, Step::Lost(5));
    assert_eq!(tally.lost, 5);
}
