//! Pairs of engines that have little in common, over links with few or many faults, drawn from a seed.
//!
//! `MAINSTAY_FULL=1` runs ten thousand seeds, `MAINSTAY_WORLDS=5` five, from `MAINSTAY_FIRST` on, `MAINSTAY_SEED=0x12` that one, which then shows every segment.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests; the environment says which seeds to run"
)]

#[path = "swarm/lent.rs"]
mod lent;
#[path = "swarm/observer.rs"]
mod observer;
#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "swarm/plan.rs"]
mod plan;
#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "swarm/side.rs"]
mod side;
#[path = "swarm/world.rs"]
mod world;

use plan::Plan;
use world::{Report, World};

/// Runs a seed twice, and says what is wrong.
fn check(seed: u64) -> Result<Report, String> {
    let run = || World::new(&Plan::draw(seed)).run();
    let both = std::panic::catch_unwind(|| (run(), run()));
    match both {
        Ok((one, two)) if one == two => Ok(one),
        Ok((one, two)) => Err(format!("two runs differ: {one:?}, {two:?}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(text.unwrap_or_default())
        }
    }
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

// Covers TCP-700, TCP-701, TCP-004
#[test]
fn drawn_pairs_lose_no_byte_and_come_to_an_end() {
    if let Some(seed) = setting("MAINSTAY_SEED") {
        let digits = seed.trim_start_matches("0x");
        let seed = u64::from_str_radix(digits, 16).unwrap();
        println!("{:#?}", Plan::draw(seed));
        let mut world = World::new(&Plan::draw(seed));
        world.told = true;
        println!("{:?}", world.run());
        return;
    }
    let full = setting("MAINSTAY_FULL").is_some_and(|value| value == "1");
    let seeds = setting("MAINSTAY_WORLDS").and_then(|text| text.parse().ok());
    let seeds = seeds.unwrap_or(if full { 10_000 } else { 300 });
    let mut failures = Vec::new();
    let mut totals = (0, 0, 0);
    let first = setting("MAINSTAY_FIRST").and_then(|text| text.parse().ok()).unwrap_or(0);
    for seed in first..first + seeds {
        match check(seed) {
            Ok(report) => {
                totals.0 += report.segments;
                totals.1 += report.resent;
                totals.2 += report.bytes;
            }
            Err(why) => {
                let first = why.lines().next().unwrap_or_default();
                println!("{seed:#x}: {first}");
                failures.push(format!(
                    "{first}; to repeat it: MAINSTAY_SEED={seed:#x} cargo test -p mainstay-tcp --test swarm_of_pairs"
                ));
            }
        }
    }
    println!("segments, of them sent again, and bytes: {totals:?}");
    assert!(failures.is_empty(), "{} of {seeds}\n{}", failures.len(), failures.join("\n"));
}
