//! Bytes across links of every kind.

use crate::world::{Room, World, delay, pattern, settings};
use core::time::Duration;
use mainstay_impair::{Impairment, Loss, Reorder};
use mainstay_tcp::{Config, Disconnected, FastOpen, FastOpenPolicy, State};

fn carry(mut world: World, len: usize, limit: u64) -> World {
    world.listen();
    world.a.to_send = pattern(len);
    world.b.to_send = pattern(len / 2 + 1);
    world.connect();
    (world.a.finish, world.b.finish) = (true, true);
    let start = world.now;
    let over = |w: &World| {
        w.a.received.len() == w.b.to_send.len() && w.b.received.len() == w.a.to_send.len()
    };
    let done = world.run(Duration::from_secs(limit), over);
    assert!(
        done,
        "{} of {len} bytes after {:?}\n{:#?}\n{:#?}",
        world.b.received.len(),
        world.now - start,
        world.a.engine.endpoint(world.a.handle).unwrap().facts(),
        world.b.engine.endpoint(world.b.handle).unwrap().facts(),
    );
    assert!(world.b.received == world.a.to_send, "what arrives is what was sent");
    assert!(world.a.received == world.b.to_send, "what arrives is what was sent");
    assert!(world.run(Duration::from_secs(700), |w| {
        w.a.state() == State::Closed && w.b.state() == State::Closed
    }));
    world
}

// S-12
#[test]
fn without_loss_nothing_is_sent_twice() {
    let world = carry(World::ideal(), 1 << 20, 60);
    assert_eq!(world.resent(), 0);
}

// S-12
#[test]
fn a_small_window_without_loss_sends_nothing_twice() {
    // What five segments of the smallest radio take, with its bitmap.
    let world = World::with(1, delay(10), delay(10), settings(), (2310, 1 << 16));
    let world = carry(world, 1 << 20, 600);
    assert_eq!(world.resent(), 0);
}

// S-14
// Covers TCP-283
#[test]
fn once_it_knows_the_reordering_of_a_path_it_takes_nothing_for_lost() {
    let reorder = Reorder {
        per_million: 50_000,
        frames: 8,
        patience: Duration::from_millis(2),
        by_jitter: false,
    };
    let link = Impairment { reorder, rate: Some(100_000_000), ..delay(20) };
    let mut world = World::new(14, link, delay(20));
    world.listen();
    world.a.to_send = pattern(2 << 20);
    world.connect();
    let done = |w: &World| w.b.received.len() >= 1 << 19;
    assert!(world.run(Duration::from_secs(60), done));
    let adapted = world.resent();
    assert!(world.run(Duration::from_secs(60), |w| w.b.received.len() == 2 << 20));
    println!("{adapted} before it had adapted, {} after", world.resent() - adapted);
    // Nothing was lost. With as few records as segments in flight need there would be none.
    assert!(adapted <= 1 && world.resent() - adapted <= 1, "{}", world.resent());
    let facts = world.a.engine.endpoint(world.a.handle).unwrap().facts();
    assert_eq!(facts.retries, 0);
}

// S-13
#[test]
fn random_loss_both_ways_loses_no_byte() {
    let full = std::env::var("MAINSTAY_FULL").is_ok_and(|value| value == "1");
    for seed in 0..if full { 10_000 } else { 30 } {
        let link = Impairment { loss: Loss::Random { per_million: 100_000 }, ..delay(20) };
        carry(World::new(seed, link.clone(), link), 200_000, 600);
    }
}

// S-62
// Covers TCP-003, TCP-553
#[test]
fn a_device_without_room_costs_time_and_nothing_else() {
    for seed in 0..10 {
        let link = delay(20);
        let mut world = World::new(seed, link.clone(), link);
        world.no_room = 20;
        let world = carry(world, 300_000, 600);
        assert_eq!(world.resent(), 0);
        for side in [&world.a, &world.b] {
            let facts = side.engine.endpoint(side.handle).unwrap().facts();
            assert!(facts.cwnd >= 14_000 && facts.ssthresh > 1 << 30, "{facts:?}");
        }
    }
}

// Covers TCP-553
#[test]
fn without_room_and_with_loss_no_byte_is_lost() {
    for seed in 0..30 {
        let link = Impairment { loss: Loss::Random { per_million: 50_000 }, ..delay(20) };
        let mut world = World::new(seed, link.clone(), link);
        world.no_room = 20;
        carry(world, 100_000, 600);
    }
}

#[test]
fn a_thin_link_with_a_short_queue() {
    let link = Impairment { rate: Some(10_000_000), queue_bytes: 64_000, ..delay(25) };
    let mut world = World::new(7, link.clone(), link);
    world.forget_wire();
    let world = carry(world, 4 << 20, 30);
    let took = world.now;
    let _ = took;
}

// Covers TCP-125, TCP-366, TCP-531, TCP-070
#[test]
fn connection_after_connection_with_all_that_outlives_them_and_every_trouble() {
    for seed in 0..20 {
        let loss = if seed % 2 == 0 { 0 } else { 50_000 };
        let link = Impairment { loss: Loss::Random { per_million: loss }, ..delay(20) };
        let mut world = World::new(seed, link.clone(), link);
        let mut config = Config::default();
        config.fast_open = FastOpenPolicy::Cookie;
        world.configure(config, Room { time_wait: 8, syns: 8, servers: 4 });
        world.forget_wire();
        world.listen();
        (world.no_room, world.answered) = (10, 30);
        for n in 0..10_usize {
            world.again();
            (world.a.to_send, world.b.to_send) = (pattern(3000 + 7 * n), pattern(2000 * (n % 3)));
            (world.a.finish, world.b.finish) = (true, true);
            world.connect_as(if n % 4 == 3 { FastOpen::No } else { FastOpen::Deferred });
            let over = |w: &World| {
                let last = |ended: Vec<Disconnected>| {
                    ended.last().is_some_and(|reason| *reason != Disconnected::TimeWait)
                };
                last(w.a.ended()) && last(w.b.ended())
            };
            assert!(world.run(Duration::from_secs(400), over), "{seed} {n} {world:?}");
            assert_eq!(world.b.received, world.a.to_send, "{seed} {n}");
            assert_eq!(world.a.received, world.b.to_send, "{seed} {n}");
            for side in [&world.a, &world.b] {
                let ended = side.ended();
                assert_eq!(ended.last(), Some(&Disconnected::Normal), "{seed} {n}");
                assert!(ended.len() <= 2, "{ended:?}");
            }
        }
    }
}
