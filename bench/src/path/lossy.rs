//! Goodput through the relay: two rates, four losses, and everybody's congestion control.

use super::judge::{ratio, spread};
use super::run::{Outcome, Plan, Way, run};
use crate::Fallible;
use core::fmt::Write as _;
use core::time::Duration;
use std::path::Path;

/// How the section begins in the document.
pub(super) const HEADING: &str = "## TCP over a link with delay and loss";

/// Who takes part: its name in the table, the near end, its congestion control.
type Who = (&'static str, &'static str, &'static str);

const OWN_BBR: Who = ("own BBRv3", "own", "bbr");
const OWN_BBR_RAISED: Who = ("own BBRv3, threshold 12 %", "own", "bbr:120");
const KERNEL_BBR: Who = ("kernel BBR", "kernel", "bbr");
const OWN_CUBIC: Who = ("own CUBIC", "own", "cubic");
const KERNEL_CUBIC: Who = ("kernel CUBIC", "kernel", "cubic");
const SMOLTCP: Who = ("smoltcp CUBIC", "smoltcp", "cubic");

const ALL: &[Who] = &[OWN_BBR, KERNEL_BBR, OWN_CUBIC, KERNEL_CUBIC, SMOLTCP];
const WORST: &[Who] = &[OWN_BBR_RAISED, KERNEL_BBR, OWN_BBR];

/// Ours, theirs, and how much of theirs ours is to be.
type Against = (&'static str, &'static str, Option<f64>);

const GOALS: &[Against] = &[
    ("own BBRv3", "kernel BBR", Some(1.0)),
    ("own CUBIC", "kernel CUBIC", Some(1.0)),
    ("own CUBIC", "smoltcp CUBIC", None),
];
const GOALS_WORST: &[Against] =
    &[("own BBRv3, threshold 12 %", "kernel BBR", Some(0.95)), ("own BBRv3", "kernel BBR", None)];

/// One link.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Megabits a second.
    rate: u32,
    /// Frames lost of a thousand, each way.
    loss: u32,
    who: &'static [Who],
    against: &'static [Against],
    /// How many run at the same time, each with namespaces and a relay of its own.
    together: usize,
}

const fn case(rate: u32, loss: u32, together: usize) -> Case {
    let (who, against) = if loss < 50 { (ALL, GOALS) } else { (WORST, GOALS_WORST) };
    Case { rate, loss, who, against, together }
}

/// Slow links are run all at once; fast ones two by two, which are those that are compared.
const CASES: &[Case] = &[
    case(10, 0, 5),
    case(10, 1, 5),
    case(10, 10, 5),
    case(10, 50, 3),
    case(100, 0, 2),
    case(100, 1, 2),
    case(100, 10, 2),
    case(100, 50, 2),
];

/// Each way, in milliseconds: half of the round trip.
const DELAY: u32 = 25;
const WINDOW: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(7)];
/// Six times what a link of 100 Mbit/s and 50 ms holds: at 5 % some bytes are sent four times.
const BUFFER: usize = 4 << 20;

/// What was measured: by case and who, a rate and the relay's figures for each pair.
#[derive(Debug)]
pub(super) struct Findings {
    cases: Vec<(Case, Vec<Vec<Outcome>>)>,
    pairs: usize,
}

/// Runs everything, pair by pair.
pub(super) fn measure(myself: &Path, pairs: usize) -> Fallible<Findings> {
    let mut cases = Vec::new();
    for case in CASES {
        let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); case.who.len()];
        for pair in 0..pairs {
            for (group, who) in case.who.chunks(case.together).enumerate() {
                let got = at_once(myself, case, who, pair)?;
                let places = outcomes.iter_mut().skip(group * case.together);
                places.zip(got).for_each(|(place, outcome)| place.push(outcome));
            }
        }
        println!("{}", line(case, &outcomes));
        cases.push((*case, outcomes));
    }
    Ok(Findings { cases, pairs })
}

/// Some that run at the same time, over links with the same seed.
fn at_once(myself: &Path, case: &Case, who: &[Who], pair: usize) -> Fallible<Vec<Outcome>> {
    let link = case.link();
    let one = |(_, near, congestion): Who| {
        let way = Way::Relayed { link: link.clone(), seed: pair as u64 + 1, offload: false };
        let plan = Plan { near, sends: true, congestion, way, window: WINDOW, buffer: BUFFER };
        run(myself, &plan).map_err(|error| format!("{near} {congestion}: {error}"))
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = who.iter().map(|who| scope.spawn(|| one(*who))).collect();
        let ended = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.map(|ended| Ok(ended.map_err(|_| "it panicked")??)).collect()
    })
}

impl Case {
    /// In the relay's words: a queue of one round trip.
    fn link(&self) -> String {
        let queue = self.rate * DELAY * 2 * 1000 / 8;
        let [rate, loss] = [self.rate, self.loss];
        format!("rate={rate}M,queue={queue},delay={DELAY}ms,loss={}.{}%", loss / 10, loss % 10)
    }

    /// Payload that the link carries at most, in megabits a second: 1448 bytes of a frame of 1514 are the
    /// application's. What is lost is lost before the bottleneck and takes nothing of it.
    fn ceiling(&self) -> f64 {
        f64::from(self.rate) * 1448.0 / 1514.0
    }

    /// What CUBIC gets on average by its response function (RFC 9438 §5.1), or Reno's where that is more; in megabits a
    /// second, at most the ceiling.
    fn cubic(&self) -> f64 {
        let (loss, trip) = (f64::from(self.loss) / 1000.0, f64::from(DELAY * 2) / 1000.0);
        if self.loss == 0 {
            return self.ceiling();
        }
        let cubic = 1.054 * (trip / loss).powf(0.75);
        let reno = (1.5 / loss).sqrt();
        (cubic.max(reno) * 1448.0 * 8.0 / trip / 1e6).min(self.ceiling())
    }
}

/// Megabits a second, by pair.
fn megabits(outcomes: &[Outcome]) -> Vec<f64> {
    outcomes.iter().map(|outcome| outcome.rate * 8.0 / 1e6).collect()
}

/// A row of the table.
fn line(case: &Case, outcomes: &[Vec<Outcome>]) -> String {
    let rates: Vec<Vec<f64>> = outcomes.iter().map(|each| megabits(each)).collect();
    let of = |name: &str| {
        let place = case.who.iter().position(|(of, ..)| *of == name);
        place.and_then(|place| rates.get(place)).map_or(&[][..], Vec::as_slice)
    };
    let shown: Vec<String> = rates
        .iter()
        .map(|rates| {
            let [middle, least, most] = spread(rates);
            let share = middle / f64::from(case.rate) * 100.0;
            format!("{middle:.2} ({least:.2} to {most:.2}), {share:.1} %")
        })
        .collect();
    let names: Vec<&str> = case.who.iter().map(|(name, ..)| *name).collect();
    let against: Vec<String> = case
        .against
        .iter()
        .map(|(ours, theirs, goal)| ratio([ours, theirs], [of(ours), of(theirs)], *goal))
        .collect();
    let [frames, late, latest] = outcomes.iter().flatten().fold([0; 3], |sum, outcome| {
        let [frames, late, latest] = outcome.relay;
        [sum[0] + frames, sum[1] + late, sum[2].max(latest)]
    });
    format!(
        "| {} Mbit/s, {}.{} % | {:.2}; {:.2} | {} | {} | {} | {late} of {frames}, {:.1} ms |",
        case.rate,
        case.loss / 10,
        case.loss % 10,
        case.ceiling(),
        case.cubic(),
        names.join("<br>"),
        shown.join("<br>"),
        against.join("<br>"),
        f64::from(u32::try_from(latest).unwrap_or(u32::MAX)) / 1000.0,
    )
}

/// The section of the document, its heading first.
pub(super) fn section(findings: &Findings) -> String {
    let mut text = format!("{HEADING}\n\n{INTRODUCTION}");
    let _ = writeln!(
        text,
        "{} pairs; medians, in brackets the smallest and the largest.\n\n\
         | link | ceiling; CUBIC's, Mbit/s | who | Mbit/s, share of the link | against | late frames |\n|---|---|---|---|---|---|",
        findings.pairs,
    );
    for (case, outcomes) in &findings.cases {
        let _ = writeln!(text, "{}", line(case, outcomes));
    }
    text
}

const INTRODUCTION: &str = "\
Bytes that the receiving program had between the seconds 2 and 7 of a connection, through the relay of `tests/support`: a
rate, a queue of one round trip before it (tail drop), 25 ms each way, and loss of single frames, each way, drawn from the
same seed for everybody of a pair. Two namespaces, a TAP in each, the relay on both. The receiver is always the kernel, in the second
one; in the first one is who is measured, on the same TAP: the kernel with an address on it, or a program with a packet socket on
it and no address of the kernel's (ours: host profile, records as needed; smoltcp: its `RawSocket`, one frame per call). Buffers
of 4 MiB for everybody, frames of 1500 bytes, no offload, a namespace, a connection and a relay for each run. Everybody of a row with
10 Mbit/s runs at the same time over links of their own, those with 100 Mbit/s two by two, side by side with whom they are compared with;
`late frames` counts what left a relay more than a millisecond after it was due, and the worst of them: that is what they
cost each other.

The ceiling is 1448 of 1514 bytes of each frame; CUBIC's is its average window for that loss (RFC 9438 §5.1, or Reno's where that
is larger). Kernel BBR is version 1, with the kernel's own pacing.

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_in_words_and_its_ceilings() {
        let case = CASES.iter().find(|case| case.rate == 100 && case.loss == 10).unwrap();
        assert_eq!(case.link(), "rate=100M,queue=625000,delay=25ms,loss=1.0%");
        assert!((case.ceiling() - 95.64).abs() < 0.01);
        assert!((case.cubic() - 2.84).abs() < 0.01);
        mainstay_test_support::frame_relay::parse(&case.link()).unwrap();
    }
}
