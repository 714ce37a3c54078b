//! Worlds drawn from seeds: 200 of them, each fourth run twice.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_sim::swarm;

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
fn check(seed: u64) -> Result<swarm::Report, String> {
    // Each fourth is run twice, and must come out the same (L1).
    let run = if seed.is_multiple_of(4) { swarm::check } else { swarm::run };
    std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("seed {seed:#x} panicked: {}", text.unwrap_or_default()))
    })
}

fn failed(seed: u64, why: &str) -> String {
    format!("{why}\nto repeat it: cargo xtask sim --seed {seed:#x}")
}

// Covers SS-102, SS-106, SS-145, SS-016
#[test]
fn drawn_worlds_keep_every_promise_and_recover() {
    if let Some(seed) = setting("MAINSTAY_SEED") {
        match check(seed) {
            Ok(report) => println!("{seed:#x}: {report:?}"),
            Err(why) => panic!("{}", failed(seed, &why)),
        }
        return;
    }
    let worlds = setting("MAINSTAY_WORLDS").unwrap_or(200);
    let (mut connected, mut outcomes, mut slowest) = (0, [0; 4], 0);
    let mut failures = Vec::new();
    for seed in 0..worlds {
        match check(seed) {
            Ok(report) => {
                connected += report.connected;
                slowest = slowest.max(report.recovery_s);
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
        "{worlds} worlds: {connected} connections, {outcomes:?} acknowledged, sent, refused, unknown; slowest recovery {slowest} s"
    );
    let seeds: Vec<_> = failures.iter().map(|(seed, _)| format!("{seed:#x}")).collect();
    if let Some((seed, why)) = failures.first() {
        panic!("{} of {worlds} worlds failed: {seeds:?}\n{}", failures.len(), failed(*seed, why));
    }
}
