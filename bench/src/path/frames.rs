//! Plain frames of 1500 bytes over TAP, ours and smoltcp's.

use super::judge::{ratio, spread};
use super::run::{Outcome, Plan, Way, run};
use super::turns::{self, Findings};
use crate::Fallible;
use crate::report::{median, number};
use core::time::Duration;
use std::path::Path;

/// How the section begins in the document.
pub(super) const HEADING: &str = "## TCP over TAP, frame by frame";

const WINDOW: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
const BUFFER: usize = 1 << 20;
const WHO: &[&str] = &["own", "smoltcp"];
/// How much of smoltcp's ours is to be.
const GOAL: f64 = 1.5;

/// Runs everything in turn.
pub(super) fn measure(myself: &Path, pairs: usize) -> Fallible<Findings> {
    let one = |number: usize, sends| {
        let (near, congestion) = (WHO[number], "cubic");
        let (way, window, buffer) = (Way::Direct, WINDOW, BUFFER);
        let plan = Plan { near, sends, congestion, way, window, buffer };
        run(myself, &plan).map_err(|error| format!("{near}: {error}").into())
    };
    turns::measure(WHO.len(), pairs, one, line)
}

/// A row of the table.
fn line(sends: bool, outcomes: &[Vec<Outcome>]) -> String {
    let rates: Vec<Vec<f64>> = outcomes
        .iter()
        .map(|each| each.iter().map(|outcome| outcome.rate * 8.0 / 1e9).collect())
        .collect();
    let shown: Vec<String> = rates
        .iter()
        .map(|rates| {
            let [middle, least, most] = spread(rates);
            format!("{middle:.2} ({least:.2} to {most:.2})")
        })
        .collect();
    let middle = |each: &[Outcome], of: &dyn Fn(&Outcome) -> f64| {
        median(each.iter().map(of).collect()).unwrap_or_default()
    };
    let per_segment = |outcome: &Outcome, nanoseconds: u64| {
        number(nanoseconds) / (number(outcome.total.max(1)) / 1448.0) / 1000.0
    };
    let costs: Vec<String> = outcomes
        .iter()
        .map(|each| {
            let user = |outcome: &Outcome| outcome.cpu[0].saturating_sub(outcome.system[0]);
            let user = middle(each, &|outcome| per_segment(outcome, user(outcome)));
            let system = middle(each, &|outcome| per_segment(outcome, outcome.system[0]));
            let machine = middle(each, &|outcome| per_segment(outcome, outcome.machine));
            format!("{user:.2} + {system:.2}; {machine:.2}")
        })
        .collect();
    let ceilings: Vec<String> = outcomes
        .iter()
        .map(|each| format!("{:.2}", middle(each, &|outcome| outcome.ceiling() / 1e9)))
        .collect();
    format!(
        "| {} | {} | {} | {} | {} | {} |",
        if sends { "near end sends" } else { "near end takes" },
        WHO.join("<br>"),
        shown.join("<br>"),
        costs.join("<br>"),
        ceilings.join("<br>"),
        ratio([WHO[0], WHO[1]], [&rates[0], &rates[1]], Some(GOAL)),
    )
}

/// The section of the document, its heading first.
pub(super) fn section(findings: &Findings) -> String {
    turns::section(
        findings,
        [HEADING, INTRODUCTION],
        ["CPU µs per segment", "ceiling, Gbit/s"],
        line,
    )
}

const INTRODUCTION: &str = "\
One connection with the kernel over one TAP, bytes that the receiving program had between the seconds 1 and 4. MTU 1500, every frame
complete: no offload, checksums made and verified by the near end, CUBIC, buffers of 1 MiB. Ours: host profile, our link (a TAP has no call for
many frames: each is a read or a write), `threaded`: a thread of the kernel's takes what we write. smoltcp: its `TunTapInterface` and its `wait`.
CPU time is that of the near process, the program's and the kernel's part, per 1448 bytes of payload; behind it the whole machine's from
/proc/stat meanwhile, which has the far end, the kernel's thread and whatever else ran. The ceiling is what the kernel's part in the busier of the
two processes alone would allow: a stack that took no time at all; that thread is in none.

";
