//! The ten laws, for whole stacks under random schedules on a bad link.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shared;

use core::net::SocketAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_net::*;
use shared::*;

/// chosen: a second or two of debug code
const SEEDS: u64 = 40;

/// What a stack is, its counters left out.
fn state(stack: &Stack) -> String {
    let all = format!("{stack:?}");
    let (before, rest) = all.split_once(", counters: Counters {").unwrap();
    let (_, after) = rest.split_once('}').unwrap();
    format!("{before}{after}")
}

/// Everybody talks to everybody, over links as bad as the seed says; what everybody saw and sent.
fn run(seed: u64) -> (Vec<Vec<u8>>, String) {
    let mut rng = Rng::from_run(seed);
    let faults = Faults { lost: rng.below(30), doubled: rng.below(30), delayed: rng.below(60) };
    let config = if rng.below(2) == 0 { Config::default() } else { quick() };
    let nodes = (1..=3).map(|last| {
        let config = Config { held_packets_max: 1 + usize::from(last), ..config.clone() };
        Node::with_addresses(config, last, ethernet(last))
    });
    let mut world = World::new(nodes.collect(), seed, faults);
    world.run(Instant::from_millis(12_000));
    let sockets: Vec<UdpId> = world.nodes.iter_mut().map(bind_seven).collect();
    for round in 0..40_u16 {
        let from = usize::try_from(rng.below(3)).unwrap();
        let to = format!(
            "{}{}",
            ["192.0.2.", "fe80::", "2001:db8::"][usize::try_from(rng.below(3)).unwrap()],
            rng.below(4) + 1
        );
        let now = world.now;
        let len = usize::try_from(rng.below(4000)).unwrap();
        let stack = &mut world.nodes[from].stack;
        if rng.below(2) == 0 {
            let _asked = stack.send_echo(now, ip(&to), (1, round), &vec![1; len]);
        } else {
            let target = SocketAddr::new(ip(&to), 7);
            let _sent = stack.send_udp(now, sockets[from], Some(target), &vec![2; len]);
        }
        world.run_for(Duration::from_micros(rng.below(300_000)));
        for (node, id) in world.nodes.iter_mut().zip(&sockets) {
            while let Some(received) = node.stack.recv_udp(*id) {
                assert!(received.payload.iter().all(|byte| *byte == 2), "nothing is mixed up");
            }
        }
    }
    world.run_for(Duration::from_secs(100));
    let ends = world.nodes.iter().map(|n| format!("{:?} {:?}", n.events, n.stack)).collect();
    (world.trace, ends)
}

fn bind_seven(node: &mut Node) -> UdpId {
    node.stack.bind_udp(UdpOptions { port: 7, ..UdpOptions::default() }).unwrap()
}

#[test]
fn a_run_replays_from_its_seed() {
    for seed in 0..4 {
        assert_eq!(run(seed), run(seed), "seed {seed} (L1)");
    }
}

#[test]
fn every_schedule_keeps_the_laws_of_outputs_and_time() {
    for seed in 100..100 + SEEDS {
        let (trace, _) = run(seed);
        assert!(trace.len() > 10, "seed {seed} says something");
    }
}

#[test]
fn on_a_good_link_after_a_bad_one_everything_arrives() {
    for seed in 0..20 {
        let bad = Faults { lost: 60, doubled: 30, delayed: 50 };
        let nodes = (1..=2).map(|last| Node::with_addresses(quick(), last, ethernet(last)));
        let mut world = World::new(nodes.collect(), seed, bad);
        for round in 0..30 {
            let now = world.now;
            let _sent =
                world.nodes[0].stack.send_echo(now, ip("2001:db8::2"), (1, round), &[0; 3000]);
            world.run_for(Duration::from_millis(200));
        }
        world.faults = Faults::default();
        world.run_for(Duration::from_secs(100));
        world.nodes[0].events.clear();
        for address in ["192.0.2.2", "2001:db8::2", "fe80::2"] {
            world.nodes[0].stack.send_echo(world.now, ip(address), (2, 1), &[0; 3000]).unwrap();
        }
        world.run_for(Duration::from_secs(2));
        let replied = world.nodes[0].events.iter().filter(|e| matches!(e, Event::EchoReplied(_)));
        assert_eq!(replied.count(), 3, "seed {seed}");
    }
}

/// Frames of a run, some of them spoilt, to a stack of another history.
fn spoilt_frames(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let (trace, _) = run(seed);
    let mut rng = Rng::from_run(seed);
    trace.into_iter().map(move |mut frame| {
        for _ in 0..rng.below(4) {
            let at = usize::try_from(rng.below(frame.len() as u64)).unwrap();
            frame[at] = rng.next_u32().to_le_bytes()[0];
        }
        let keep = usize::try_from(rng.below(8)).unwrap();
        if keep == 0 {
            frame.truncate(frame.len() / 2);
        }
        frame
    })
}

#[test]
fn what_is_dropped_changes_nothing_and_early_timeouts_neither() {
    for seed in 0..6 {
        let mut node = Node::with_addresses(quick(), 1, ethernet(1));
        let _socket = bind_seven(&mut node);
        let mut now = Instant::ZERO;
        let mut dropped = 0;
        for frame in spoilt_frames(seed) {
            let before = state(&node.stack);
            if let Verdict::Dropped(why) = node.give(now, &frame) {
                assert_eq!(before, state(&node.stack), "{why:?} of {frame:02x?} (L5)");
                dropped += 1;
            }
            now += Duration::from_millis(3);
            node.stack.handle_timeout(now);
            let due = state(&node.stack);
            node.stack.handle_timeout(now);
            assert_eq!(due, state(&node.stack), "twice is once (L4)");
            if dropped % 5 == 0 {
                let _said = frames(&mut node.stack, now);
            }
        }
        assert!(dropped > 10, "seed {seed}");
    }
}

#[test]
fn a_buffer_that_is_too_short_loses_nothing() {
    let mut node = Node::with_addresses(quick(), 1, ethernet(1));
    let id = bind_seven(&mut node);
    let to = Some("239.1.2.3:9".parse().unwrap());
    let _reports = frames(&mut node.stack, Instant::ZERO);
    node.stack.send_udp(Instant::ZERO, id, to, &[0; 100]).unwrap();
    let before = state(&node.stack);
    for len in 0..142 {
        assert_eq!(node.stack.poll_transmit(Instant::ZERO, &mut vec![0; len]), None);
        assert_eq!(before, state(&node.stack), "(L6)");
    }
    let sent = node.stack.poll_transmit(Instant::ZERO, &mut [0; 142]).unwrap();
    assert_eq!(sent.len, 142);
}

#[test]
fn draining_later_loses_nothing() {
    let config =
        || Config { errors_sent: Rate { burst: 1000, interval: Duration::ZERO }, ..quick() };
    let (mut often, mut once) = (
        Node::with_addresses(config(), 1, ethernet(1)),
        Node::with_addresses(config(), 1, ethernet(1)),
    );
    let mut said = frames(&mut often.stack, Instant::ZERO);
    for seed in 0..3 {
        for frame in spoilt_frames(seed) {
            assert_eq!(often.give(Instant::ZERO, &frame), once.give(Instant::ZERO, &frame));
            said.extend(frames(&mut often.stack, Instant::ZERO));
            if once.stack.ready_bytes() > 200_000 {
                break;
            }
        }
    }
    assert_eq!(said, frames(&mut once.stack, Instant::ZERO), "(L9)");
}

#[test]
fn nonsense_is_a_verdict_and_costs_nothing_that_lasts() {
    let mut rng = Rng::from_run(9);
    for medium in [ethernet(1), tun()] {
        let mut node = Node::with_addresses(quick(), 1, medium);
        for round in 0..20_000_u64 {
            let mut frame = vec![0; usize::try_from(rng.below(120)).unwrap()];
            rng.fill(&mut frame);
            if medium.medium == Medium::Ip && !frame.is_empty() {
                frame[0] = if rng.below(2) == 0 { 0x45 } else { 0x60 };
            }
            let _verdict = node.give(Instant::from_millis(round), &frame);
        }
        assert!(node.stack.fragment_bytes() <= Config::default().fragment_bytes_max);
    }
}
