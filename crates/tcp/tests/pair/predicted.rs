//! Header prediction changes nothing: whoever takes every step of every segment does the same.

use crate::world::{World, pattern};
use core::time::Duration;
use mainstay_impair::{Impairment, Loss, Reorder};
use proptest::prelude::*;

/// What two connections did, to the last segment.
#[derive(Debug, PartialEq)]
struct Story {
    wire: Vec<(mainstay_base::Instant, bool, mainstay_wire::tcp::Header, usize)>,
    facts: [mainstay_tcp::Facts; 2],
    events: [String; 2],
    received: [usize; 2],
}

fn link(loss: u32, duplicates: u32, jitter: u64) -> Impairment {
    Impairment {
        delay: Duration::from_millis(5),
        jitter: Duration::from_micros(jitter),
        loss: Loss::Random { per_million: loss },
        reorder: Reorder { by_jitter: true, ..Reorder::default() },
        duplicate_per_million: duplicates,
        ..Impairment::default()
    }
}

fn story(seed: u64, there: &Impairment, back: &Impairment, len: [usize; 2], padded: bool) -> Story {
    let mut world = World::new(seed, there.clone(), back.clone());
    world.padded = padded;
    world.listen();
    world.a.to_send = pattern(len[0]);
    world.b.to_send = pattern(len[1]);
    world.connect();
    world.run(Duration::from_secs(10), |_| false);
    (world.a.finish, world.b.finish) = (true, true);
    world.run(Duration::from_secs(10), |_| false);
    let facts = |side: &crate::world::Side| side.engine.endpoint(side.handle).unwrap().facts();
    Story {
        facts: [facts(&world.a), facts(&world.b)],
        events: [format!("{:?}", world.a.events), format!("{:?}", world.b.events)],
        received: [world.a.received.len(), world.b.received.len()],
        wire: world.wire,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_predicted_is_what_every_step_would_have_done(
        seed: u64,
        loss in prop_oneof![Just(0_u32), 0_u32..30_000],
        duplicates in prop_oneof![Just(0_u32), 0_u32..30_000],
        jitter in prop_oneof![Just(0_u64), 0_u64..8_000],
        len in (1_usize..400_000, prop_oneof![Just(0_usize), 0_usize..200_000]),
    ) {
        let there = link(loss, duplicates, jitter);
        let back = link(loss / 2, duplicates, jitter / 2);
        let len = [len.0, len.1];
        let predicted = story(seed, &there, &back, len, false);
        let stepped = story(seed, &there, &back, len, true);
        prop_assert_eq!(&predicted.facts, &stepped.facts);
        prop_assert_eq!(&predicted.events, &stepped.events);
        prop_assert_eq!(predicted.received, stepped.received);
        prop_assert!(predicted.wire == stepped.wire, "the same segments at the same times");
    }
}
