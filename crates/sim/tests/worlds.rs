//! Worlds drawn from seeds, each fourth run twice: 200 over pipes of bytes, and some over our own TCP and links for frames.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use mainstay_sim::swarm::{self, Carrier};

#[expect(clippy::disallowed_methods, reason = "the runner's arguments come by the environment")]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    Some(number.unwrap())
}

/// A broken invariant is a failure like any other.
fn check(seed: u64, carrier: Carrier) -> Result<swarm::Report, String> {
    // Each fourth is run twice, and must come out the same (L1).
    let run = if seed.is_multiple_of(4) { swarm::check } else { swarm::run };
    std::panic::catch_unwind(|| run(seed, carrier)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("seed {seed:#x} panicked: {}", text.unwrap_or_default()))
    })
}

fn failed(seed: u64, carrier: Carrier, why: &str) -> String {
    let own = if carrier == Carrier::Own { " --own" } else { "" };
    format!("{why}\nto repeat it: cargo xtask sim{own} --seed {seed:#x}")
}

/// Runs so many worlds, or the one that is asked for; with `MAINSTAY_OWN` those over bytes are left out.
fn all(carrier: Carrier, count: u64) {
    let own = setting("MAINSTAY_OWN").is_some();
    if let Some(seed) = setting("MAINSTAY_SEED") {
        if own != (carrier == Carrier::Own) {
            return;
        }
        match check(seed, carrier) {
            Ok(report) => println!("{seed:#x}: {report:?}"),
            Err(why) => panic!("{}", failed(seed, carrier, &why)),
        }
        return;
    }
    if own && carrier == Carrier::Bytes {
        return;
    }
    let asked = setting("MAINSTAY_WORLDS").filter(|_| own || carrier == Carrier::Bytes);
    let worlds = asked.unwrap_or(count);
    let first = setting("MAINSTAY_FIRST").unwrap_or(0);
    let (mut connected, mut outcomes, mut slowest, mut frames) = (0, [0; 4], 0, 0);
    let mut failures = Vec::new();
    for seed in first..first + worlds {
        match check(seed, carrier) {
            Ok(report) => {
                connected += report.connected;
                slowest = slowest.max(report.recovery_s);
                frames += report.frames;
                for (sum, count) in outcomes.iter_mut().zip(report.outcomes) {
                    *sum += count;
                }
            }
            Err(why) => {
                let first: Vec<_> = why.lines().take(4).collect();
                println!("{}", first.join(" ").chars().take(600).collect::<String>());
                failures.push((seed, why));
            }
        }
    }
    println!(
        "{worlds} worlds: {connected} connections, {outcomes:?} acknowledged, sent, refused, unknown; {frames} frames; slowest recovery {slowest} s"
    );
    let seeds: Vec<_> = failures.iter().map(|(seed, _)| format!("{seed:#x}")).collect();
    if let Some((seed, why)) = failures.first() {
        panic!(
            "{} of {worlds} worlds failed: {seeds:?}\n{}",
            failures.len(),
            failed(*seed, carrier, why)
        );
    }
}

// Covers SS-102, SS-106, SS-145, SS-016
#[test]
fn drawn_worlds_keep_every_promise_and_recover() {
    all(Carrier::Bytes, 200);
}

/// Worlds over our own TCP. chosen: seconds of debug code
const OWN_WORLDS: u64 = 30;

// Covers SS-102, SS-016, TCP-700, TCP-004
#[test]
fn drawn_worlds_over_our_own_tcp_keep_every_promise_and_recover() {
    all(Carrier::Own, OWN_WORLDS);
}

// In these a device's timers were asked just when they were due, and what they brought about was left lying.
#[test]
fn worlds_that_once_stood_still_recover() {
    for seed in [0x58, 0x7ec] {
        let report = check(seed, Carrier::Own);
        assert!(report.is_ok(), "{}", failed(seed, Carrier::Own, &report.unwrap_err()));
    }
}
