//! Our TCP engine in memory, beside smoltcp: what a segment costs, both ends together, and what many connections cost.

mod link;
mod many;
mod ours;
mod smol;

use crate::Fallible;
use crate::clock::Meter;
use crate::measure::{Sample, output, read};
use crate::report::{median, number};
use core::fmt::Write as _;
use ours::Carriage;
use std::path::Path;
use std::process::Command;

/// One way to carry segments, measured with everybody in turn.
#[derive(Clone, Copy, Debug)]
struct Row {
    about: &'static str,
    who: &'static [&'static str],
    checksums: bool,
    /// Frames on the wire before the other side has its turn.
    burst: usize,
    /// What a segment of ours may cost, in nanoseconds.
    at_most: Option<f64>,
}

const ALL: &[&str] = &["engine", "engine-ip", "smoltcp"];
const ROWS: &[Row] = &[
    Row {
        about: "no checksums, an acknowledgement for 2 segments",
        who: ALL,
        checksums: false,
        burst: 2,
        at_most: Some(120.0),
    },
    Row {
        about: "checksums computed and verified, an acknowledgement for 2",
        who: ALL,
        checksums: true,
        burst: 2,
        at_most: Some(200.0),
    },
    Row {
        about: "no checksums, an acknowledgement for 32",
        who: ALL,
        checksums: false,
        burst: 32,
        at_most: Some(120.0),
    },
    Row {
        about: "checksums, an acknowledgement for 32",
        who: ALL,
        checksums: true,
        burst: 32,
        at_most: Some(200.0),
    },
    Row {
        about: "super-segments of 64 KiB, no checksums",
        who: &["engine-gso"],
        checksums: false,
        burst: 2,
        at_most: None,
    },
];

/// How many connections.
const COUNTS: &[u64] = &[1, 1000, 100_000];
/// Payload of a full segment.
const SEGMENT: u64 = 1460;
/// What one run carries, in mebibytes, and before it.
const RUN: u64 = 1024;
const RUN_QUICK: u64 = 256;
const WARM_UP: u64 = 16;
/// The payload of a super-segment, whole segments of it.
const GSO: u16 = 64_240;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Findings {
    rows: Vec<(Row, Vec<Sample>)>,
    /// Connections, bytes of one, nanoseconds of a segment and of a timer.
    many: Vec<[u64; 4]>,
    pairs: usize,
    quick: bool,
}

/// The measured process: `WHO SUMS BURST MEBIBYTES`.
pub(crate) fn run(words: &[&str]) -> Fallible {
    let [who, sums, burst, mebibytes] = words else { return Err("tcp-run: four words".into()) };
    let (checksums, burst) = (*sums == "sums", burst.parse()?);
    let bytes = mebibytes.parse::<u64>()? << 20;
    let warm_up = WARM_UP << 20;
    let meter;
    if *who == "smoltcp" {
        let mut pair = smol::Pair::new(checksums, burst)?;
        pair.transfer(warm_up)?;
        meter = Meter::start();
        pair.transfer(bytes)?;
    } else {
        let gso = if *who == "engine-gso" { GSO } else { 0 };
        let carriage = Carriage { checksums, packets: *who == "engine-ip", gso, burst };
        let mut pair = ours::Pair::new(carriage)?;
        pair.transfer(warm_up)?;
        meter = Meter::start();
        pair.transfer(bytes)?;
    }
    meter.report(bytes / SEGMENT);
    Ok(())
}

/// The measured process: `COUNT`.
pub(crate) fn run_many(words: &[&str]) -> Fallible {
    let [count] = words else { return Err("tcp-many: one word".into()) };
    many::run(count.parse()?)
}

/// Lets everybody run in turn.
pub(crate) fn measure(myself: &Path, pairs: usize, quick: bool) -> Fallible<Findings> {
    let mebibytes = if quick { RUN_QUICK } else { RUN };
    let pairs = pairs.max(7);
    let mut rows = Vec::new();
    for row in ROWS {
        let mut samples = Vec::new();
        for pair in 0..pairs {
            let mut order = row.who.to_vec();
            if pair % 2 == 1 {
                order.reverse();
            }
            for who in order {
                let sums = if row.checksums { "sums" } else { "-" };
                let mut command = Command::new(myself);
                command.args(["tcp-run", who, sums, &row.burst.to_string()]);
                command.arg(mebibytes.to_string());
                let line = output(&mut command)?;
                let [ops, cpu_ns, wall_ns] = read(&line, ["ops", "cpu_ns", "wall_ns"])?;
                samples.push(Sample { who, pair, ops, cpu_ns, wall_ns });
            }
        }
        println!("{}", line(row, &samples));
        rows.push((*row, samples));
    }
    let mut many = Vec::new();
    for count in COUNTS {
        let output = output(Command::new(myself).args(["tcp-many", &count.to_string()]))?;
        let [bytes, segment, timer] = read(&output, ["bytes", "segment_ns", "timer_ns"])?;
        println!("{count} connections: {bytes} bytes each, segment {segment} ns, timer {timer} ns");
        many.push([*count, bytes, segment, timer]);
    }
    Ok(Findings { rows, many, pairs, quick })
}

/// The section of the document, its heading first.
pub(crate) fn section(findings: &Findings) -> String {
    let mut text = format!("{HEADING}\n\n{INTRODUCTION}");
    let _ = writeln!(
        text,
        "{} interleaved runs of everybody{}; medians.\n\n| how | who | ns per segment | against |\n|---|---|---|---|",
        findings.pairs,
        if findings.quick { ", QUICK: 256 MiB each" } else { ", 1 GiB each" }
    );
    for (row, samples) in &findings.rows {
        let _ = writeln!(text, "{}", line(row, samples));
    }
    text += MANY;
    for [count, bytes, segment, timer] in &findings.many {
        let _ = writeln!(text, "| {count} | {bytes} | {segment} | {timer} |");
    }
    text
}

/// How the section begins in the document.
pub(crate) const HEADING: &str = "## TCP in memory";

const INTRODUCTION: &str = "\
CPU time of one full segment of 1460 bytes, sender and receiver together, in virtual time over two queues of frames in
memory: the engine's host profile with CUBIC, SACK and timestamps (payload lent, copied once into a frame and once into
the receive storage), and smoltcp with CUBIC (buffers filled and emptied in place, so copied as often; no timestamps).
`engine-ip` writes and reads IPv4 headers with their checksums around the segments; smoltcp always
has headers, without their checksums where there are none. Both sides have buffers of 64 KiB; one process per run.

";

const MANY: &str = "
Many connections between two engines (standard profile, receive storage of 1152 bytes, table index): memory of one
connection, both ends, all that the process grew by; wall time of one segment of 512 bytes to a connection whose turn came
after all the others', with its acknowledgement; and of one timer, all being due.

| connections | bytes each | ns per segment | ns per timer |
|---|---|---|---|
";

/// A row of the table.
fn line(row: &Row, samples: &[Sample]) -> String {
    let nanos = |sample: &Sample| number(sample.cpu_ns) / number(sample.ops.max(1));
    let of = |who: &str| -> Vec<f64> {
        samples.iter().filter(|sample| sample.who == who).map(nanos).collect()
    };
    let medians: Vec<String> =
        row.who.iter().map(|who| format!("{:.0}", median(of(who)).unwrap_or_default())).collect();
    let ours = row.who.first().copied().unwrap_or_default();
    let mut against = Vec::new();
    if let (Some(at_most), Some(own)) = (row.at_most, median(of(ours))) {
        let verdict = if own <= at_most { "pass" } else { "FALLS SHORT" };
        against.push(format!("{ours}: goal {at_most:.0}: {verdict}"));
    }
    for who in row.who.iter().filter(|who| **who != "smoltcp") {
        let ratios: Vec<f64> =
            of(who).iter().zip(of("smoltcp")).map(|(own, other)| own / other).collect();
        if let Some(ratio) = median(ratios) {
            against.push(format!("{who} / smoltcp {ratio:.2}"));
        }
    }
    format!(
        "| {} | {} | {} | {} |",
        row.about,
        row.who.join("<br>"),
        medians.join("<br>"),
        against.join("<br>")
    )
}
