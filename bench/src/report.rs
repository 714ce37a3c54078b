//! What is printed and what is kept: a table, the raw samples, a plot.

use crate::arguments::Arguments;
use crate::measure::{Growth, Outcome, Results, Sample};
use crate::scenario::{Goal, Scenario};
use crate::{Fallible, machine, plot, tcp};
use core::fmt::Write as _;
use std::fs;
use std::path::Path;

impl Sample {
    /// CPU time of an operation, in microseconds.
    fn micros(&self) -> f64 {
        number(self.cpu_ns) / number(self.ops.max(1)) / 1000.0
    }
}

impl Outcome {
    /// Everybody's median, in microseconds of CPU per operation; who has none did not run.
    pub(crate) fn medians(&self) -> Vec<(&'static str, f64)> {
        let each = self.scenario.who.iter();
        each.filter_map(|&who| {
            let mine = self.samples.iter().filter(|sample| sample.who == who);
            Some((who, median(mine.map(Sample::micros).collect())?))
        })
        .collect()
    }

    /// The median of the pairs' ratios, and the smallest and the largest of them.
    pub(crate) fn ratio(&self, ours: &str, theirs: &str) -> Option<(f64, f64, f64)> {
        let of = |who: &str, pair: usize| {
            self.samples.iter().find(|s| s.who == who && s.pair == pair).map(Sample::micros)
        };
        let pairs = self.samples.iter().map(|sample| sample.pair).max()?;
        let ratios: Vec<f64> =
            (0..=pairs).filter_map(|pair| Some(of(ours, pair)? / of(theirs, pair)?)).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        Some((median(ratios)?, least, most))
    }
}

impl Growth {
    /// Bytes of one stream, the median of the runs.
    pub(crate) fn per_stream(&self) -> f64 {
        let each = self.bytes.iter().map(|&bytes| number(bytes) / number(self.streams));
        median(each.collect()).unwrap_or_default()
    }

    fn verdict(&self) -> &'static str {
        // One stream takes a page or nothing.
        if self.streams < 1000 {
            return "a page is 4096";
        }
        if self.per_stream() <= number(self.idle.at_most) { "pass" } else { "FALLS SHORT" }
    }
}

/// An outcome for the console.
pub(crate) fn lines(outcome: &Outcome) -> String {
    let mut text = format!("{}: {}\n", outcome.scenario.name, outcome.scenario.about);
    for (who, micros) in outcome.medians() {
        let _ = writeln!(text, "  {who:<12} {micros:>9.3} µs CPU per operation");
    }
    for ratio in ratios(outcome) {
        let _ = writeln!(text, "  {ratio}");
    }
    text
}

/// Growth for the console.
pub(crate) fn growth_line(growth: &Growth) -> String {
    format!(
        "{}, {} streams: {:.0} bytes each (at most {}): {}",
        growth.idle.name,
        growth.streams,
        growth.per_stream(),
        growth.idle.at_most,
        growth.verdict()
    )
}

/// Every goal with its ratio and verdict, then the other ratios of interest.
fn ratios(outcome: &Outcome) -> Vec<String> {
    let Scenario { goals, who, .. } = outcome.scenario;
    let mut lines = Vec::new();
    for goal in goals {
        let shown = outcome.ratio(goal.ours, goal.theirs).map_or_else(
            || format!("{} / {}: not measured", goal.ours, goal.theirs),
            |ratio| format!("{} — {}", spread(goal.ours, goal.theirs, ratio), judge(goal, ratio.0)),
        );
        lines.push(shown);
    }
    for &other in who {
        let first = who.first().copied().unwrap_or_default();
        let has_goal = goals.iter().any(|goal| goal.ours == first && goal.theirs == other);
        if other != first
            && !has_goal
            && let Some(ratio) = outcome.ratio(first, other)
        {
            lines.push(spread(first, other, ratio));
        }
    }
    lines
}

fn spread(ours: &str, theirs: &str, (median, least, most): (f64, f64, f64)) -> String {
    format!("{ours} / {theirs} {median:.2} ({least:.2} to {most:.2})")
}

fn judge(goal: &Goal, ratio: f64) -> String {
    let verdict = if ratio <= goal.at_most { "pass" } else { "FALLS SHORT" };
    format!("goal {:.2}: {verdict}", goal.at_most)
}

/// Writes samples, plot and table: into the documents those of a whole run at full length, into
/// `aside` those of any other.
pub(crate) fn write(results: &Results, arguments: &Arguments, aside: &Path) -> Fallible {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    if arguments.is_tcp_alone() {
        for (heading, section) in tcp_sections(results) {
            replace_section(&docs.join("benchmarks.md"), heading, &section)?;
        }
        return Ok(());
    }
    let docs = if arguments.is_whole() { docs.canonicalize()? } else { aside.to_path_buf() };
    let folder = docs.join("benchmarks");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("samples.csv"), csv(results))?;
    fs::write(folder.join("plot.svg"), plot::svg(results))?;
    // Written by hand, from profiles; it belongs under the table whoever makes that.
    let why = fs::read_to_string(folder.join("shortfalls.md")).unwrap_or_default();
    fs::write(docs.join("benchmarks.md"), table(results, arguments) + &why)?;
    println!("written: {}", docs.join("benchmarks.md").display());
    Ok(())
}

/// What was measured of our TCP: each part's heading and section.
fn tcp_sections(results: &Results) -> Vec<(&'static str, String)> {
    let memory = results.tcp.iter().map(|findings| (tcp::HEADING, tcp::section(findings)));
    memory.chain(results.path.sections()).collect()
}

/// Puts a section of its own in the place of the one with the same heading, or at the end.
fn replace_section(path: &Path, heading: &str, section: &str) -> Fallible {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = format!("{heading}\n");
    let start = text.find(&line).unwrap_or(text.len());
    let (before, old) = text.split_at(start);
    let behind = old.get(1..).and_then(|rest| rest.find("\n## ").map(|at| &rest[at + 1..]));
    let behind = behind.map(|rest| format!("\n{rest}")).unwrap_or_default();
    fs::write(path, format!("{}\n\n{section}{behind}", before.trim_end()))?;
    println!("written: {}", path.display());
    Ok(())
}

fn csv(results: &Results) -> String {
    let mut text = "name,who,pair,ops,cpu_ns,wall_ns,bytes\n".to_owned();
    for Outcome { scenario, samples } in &results.outcomes {
        for Sample { who, pair, ops, cpu_ns, wall_ns } in samples {
            let _ = writeln!(text, "{},{who},{pair},{ops},{cpu_ns},{wall_ns},", scenario.name);
        }
    }
    for Growth { idle, streams, bytes } in &results.growths {
        for (pair, bytes) in bytes.iter().enumerate() {
            let _ = writeln!(text, "{},loop,{pair},{streams},,,{bytes}", idle.name);
        }
    }
    text
}

fn table(results: &Results, arguments: &Arguments) -> String {
    let mut text = HEAD.to_owned();
    for (name, value) in machine::facts() {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    let _ = writeln!(
        text,
        "\n{} interleaved runs of everybody{}; medians.\n",
        arguments.pairs,
        if arguments.quick { ", a tenth of the usual length" } else { "" }
    );
    text += "## CPU time of one operation\n\n| what | who | µs | against |\n|---|---|---|---|\n";
    for outcome in &results.outcomes {
        let ratios = ratios(outcome).join("<br>");
        let medians = outcome.medians();
        let who: Vec<&str> = medians.iter().map(|(who, _)| *who).collect();
        let micros: Vec<String> = medians.iter().map(|(_, m)| format!("{m:.2}")).collect();
        let _ = writeln!(
            text,
            "| **{}** {} | {} | {} | {ratios} |",
            outcome.scenario.name,
            outcome.scenario.about,
            who.join("<br>"),
            micros.join("<br>")
        );
    }
    text +=
        "\n![CPU time against the peer](benchmarks/plot.svg)\n\n## Memory of an idle stream\n\n";
    text += MEMORY;
    for growth in &results.growths {
        let Growth { idle, streams, .. } = growth;
        let (each, verdict) = (growth.per_stream(), growth.verdict());
        let _ = writeln!(
            text,
            "| {} | {streams} | {each:.0} | {} | {verdict} |",
            idle.name, idle.at_most
        );
    }
    for (_, section) in tcp_sections(results) {
        let _ = write!(text, "\n{section}");
    }
    for line in &results.skipped {
        let _ = writeln!(text, "\n{line}");
    }
    text
}

const HEAD: &str = "# Benchmarks

Written by `cargo xtask bench`; the raw samples lie in `benchmarks/samples.csv`.

What counts is the CPU time of the client, all its threads, user and system: on a device that is
battery, on a gateway it is capacity, and unlike wall time it hardly depends on what else the machine
does. Every peer and every client is a process of its own, all run in turn, and the ratio is the median
of the ratios of neighbouring runs (in brackets the smallest and the largest). Ours by its faces:
`loop` is a handler on the caller's thread (`Device::turn`), `future` the same driven by tokio over
the device's descriptor, `thread` a blocking handle whose device has its own thread. `floor` is
`bench/floor.c`: epoll, read, write, frames by hand, with OpenSSL as it comes (`floor-ahead`: with its
read-ahead). tokio-tungstenite, hyper and rumqttc run on a current-thread runtime with rustls and ring.
`tungstenite` sends message by message, as its documentation does; `tungstenite-fed` is fed while
messages are ready and flushed once before it would wait.

| | |
|---|---|
";

const MEMORY: &str = "Private dirty memory of the process after every stream exchanged a message of 60 000 bytes each way,
one stream aside that came before: what a further nailed-up WebSocket costs while nothing happens.

| | streams | bytes each | at most | |
|---|---|---|---|---|
";

/// The middle one, or the mean of the middle two.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) =
        (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// As a fraction; exact up to 2^53, which is a hundred days of nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
pub(crate) const fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::ALL;

    #[test]
    fn the_ratio_is_the_median_of_the_pairs() {
        let sample = |who, pair, cpu_ns| Sample { who, pair, ops: 10, cpu_ns, wall_ns: 0 };
        let samples = vec![
            sample("loop", 0, 100),
            sample("floor", 0, 100),
            sample("loop", 1, 900),
            sample("floor", 1, 100),
            sample("floor", 2, 100),
            sample("loop", 2, 200),
        ];
        let outcome = Outcome { scenario: ALL[0], samples };
        assert_eq!(outcome.ratio("loop", "floor"), Some((2.0, 1.0, 9.0)));
        assert_eq!(outcome.ratio("loop", "tungstenite"), None);
        assert_eq!(outcome.medians(), [("loop", 0.02), ("floor", 0.01)]);
        assert!(lines(&outcome).contains("goal 1.08: FALLS SHORT"));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
