//! Throughput over TAP with segmentation offload, and what it costs.

use super::judge::{ratio, spread};
use super::run::{Outcome, Plan, Way, run};
use super::turns::{self, Findings};
use crate::Fallible;
use crate::report::{median, number};
use core::time::Duration;
use std::path::Path;

// Deferred TCP-615: a figure and no test; `cargo xtask bench tcp --only tap` measures it and says whether the goal is reached.
/// How the section begins in the document.
pub(super) const HEADING: &str = "## TCP over TAP with segmentation offload";

const WINDOW: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
const BUFFER: usize = 1 << 20;

/// Names, the near end, whether through the relay.
const WHO: &[(&str, &str, bool)] = &[
    ("own", "own-offload", false),
    ("own, relayed", "own-offload", true),
    ("kernel, relayed", "kernel", true),
];

/// Runs everything in turn.
pub(super) fn measure(myself: &Path, pairs: usize) -> Fallible<Findings> {
    let one = |number: usize, sends| {
        let (name, near, relayed) = WHO[number];
        let link = String::new();
        let way = if relayed { Way::Relayed { link, seed: 1, offload: true } } else { Way::Direct };
        let (congestion, window, buffer) = ("cubic", WINDOW, BUFFER);
        let plan = Plan { near, sends, congestion, way, window, buffer };
        run(myself, &plan).map_err(|error| format!("{name}: {error}").into())
    };
    turns::measure(WHO.len(), pairs, one, line)
}

fn gigabits(outcomes: &[Outcome]) -> Vec<f64> {
    outcomes.iter().map(|outcome| outcome.rate * 8.0 / 1e9).collect()
}

/// Seconds for a gibibyte.
fn seconds(outcome: &Outcome, nanoseconds: u64) -> f64 {
    number(nanoseconds) / 1e9 / (number(outcome.total.max(1)) / number(1 << 30))
}

/// A row of the table.
fn line(sends: bool, outcomes: &[Vec<Outcome>]) -> String {
    let rates: Vec<Vec<f64>> = outcomes.iter().map(|each| gigabits(each)).collect();
    let names: Vec<&str> = WHO.iter().map(|(name, ..)| *name).collect();
    let shown: Vec<String> = rates
        .iter()
        .map(|rates| {
            let [middle, least, most] = spread(rates);
            format!("{middle:.1} ({least:.1} to {most:.1})")
        })
        .collect();
    let costs: Vec<String> = outcomes
        .iter()
        .map(|each| {
            let of = |pick: &dyn Fn(&Outcome) -> u64| {
                let all = each.iter().map(|outcome| seconds(outcome, pick(outcome)));
                median(all.collect()).unwrap_or_default()
            };
            let sum = of(&|outcome| outcome.cpu.iter().sum());
            let parts = [0, 1, 2].map(|place| of(&|outcome| outcome.cpu[place]));
            let machine = of(&|outcome| outcome.machine);
            let [near, far, relay] = parts;
            format!("{sum:.2} ({near:.2} + {far:.2} + {relay:.2}); {machine:.2}")
        })
        .collect();
    let ceilings: Vec<String> = outcomes
        .iter()
        .map(|each| {
            let all = each.iter().map(|outcome| outcome.ceiling() / 1e9);
            format!("{:.1}", median(all.collect()).unwrap_or_default())
        })
        .collect();
    let against = [(0, 2, Some(0.8)), (1, 2, None)].map(|(ours, theirs, goal)| {
        ratio([names[ours], names[theirs]], [&rates[ours], &rates[theirs]], goal)
    });
    format!(
        "| {} | {} | {} | {} | {} | {} |",
        if sends { "near end sends" } else { "near end takes" },
        names.join("<br>"),
        shown.join("<br>"),
        ceilings.join("<br>"),
        costs.join("<br>"),
        against.join("<br>"),
    )
}

/// The section of the document, its heading first.
pub(super) fn section(findings: &Findings) -> String {
    turns::section(
        findings,
        [HEADING, INTRODUCTION],
        ["ceiling, Gbit/s", "CPU-seconds per GiB"],
        line,
    )
}

const INTRODUCTION: &str = "\
One connection, bytes that the receiving program had between the seconds 1 and 4. MTU 1500, virtio-net headers, super-segments
of up to 64 KiB, checksums left open, our host profile, CUBIC everywhere, buffers of 1 MiB, 256 KiB to a call of the application's. The far end is always the kernel.
`kernel, relayed`: kernel, TAP, relay, TAP, kernel, since two kernels have a TAP between them only where a program carries frames; a
frame is copied by each of the two and by each side of the relay. `own, relayed`: the same two TAPs and the same relay, the kernel of the
near end replaced by our program with a packet socket on the near TAP: two copies more than the kernel has. `own`: our program on
the TAP itself, where the relay was: as many copies as the kernel's way has, which is how the stack is used.

CPU time is that of the near program, the far program and the relay (in brackets, in this order), user and system, over all that
they carried; what the kernel does for frames in a system call of theirs is in it. Behind it is the whole machine's from
/proc/stat meanwhile (user, system, interrupts), which has the rest, and whatever else ran. The ceiling is what the busiest of the three
would carry if it only made its system calls and waited for nothing.

";
