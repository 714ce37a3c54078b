//! Joins what the specification defines with what the tests claim, and writes it down.

use super::ids::{Requirement, definition};
use super::scan::{self, IDS_MAX};
use crate::tree;
use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How many places `--sample` and `--missing` show of one requirement, and how many ids a sample draws.
const SHOWN_MAX: usize = 3;
const SAMPLE: usize = 10;

/// Everything known about every requirement.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// In the order of the specification; one entry per file, then per requirement.
    files: Vec<(String, Vec<Requirement>)>,
    covers: BTreeMap<String, Vec<String>>,
    deferred: BTreeMap<String, (String, String)>,
    too_many: Vec<String>,
    loose: Vec<String>,
    unreasoned: Vec<String>,
}

impl Coverage {
    /// Reads docs/spec and every source file below `root`.
    pub(crate) fn read(root: &Path) -> Self {
        let mut coverage = Self::default();
        let spec = root.join("docs/spec");
        let mut seen = BTreeSet::new();
        for path in tree::files(&spec, &["md"]) {
            let flat = path.parent() == Some(spec.as_path());
            if !flat || path.file_name().is_some_and(|n| n == "COVERAGE.md") {
                continue;
            }
            let text = tree::text(&path).unwrap_or_default();
            let own = text.lines().filter_map(definition).filter(|r| seen.insert(r.id.clone()));
            coverage.files.push((tree::shown(&spec, &path), own.collect()));
        }
        for path in tree::files(root, &["rs", "script", "pkt"]) {
            let text = tree::text(&path).unwrap_or_default();
            let rust = path.extension().is_some_and(|e| e == "rs");
            let claims = if rust { scan::rust(&text) } else { scan::script(&text) };
            coverage.take(&tree::shown(root, &path), claims);
        }
        coverage
    }

    fn take(&mut self, file: &str, claims: scan::Claims) {
        for (id, line) in claims.covers {
            self.covers.entry(id).or_default().push(format!("{file}:{line}"));
        }
        for deferral in claims.deferred {
            self.deferred
                .insert(deferral.id, (format!("{file}:{}", deferral.line), deferral.reason));
        }
        let at = |line: usize| format!("{file}:{line}");
        self.too_many.extend(claims.too_many.into_iter().map(at));
        self.loose.extend(claims.loose.into_iter().map(at));
        self.unreasoned.extend(claims.unreasoned.into_iter().map(at));
    }

    fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.files.iter().flat_map(|(_, own)| own)
    }

    /// What makes the check fail, whatever the figures are.
    pub(crate) fn faults(&self) -> Vec<String> {
        let known: BTreeSet<&str> = self.requirements().map(|r| r.id.as_str()).collect();
        let mut faults = Vec::new();
        for (id, places) in self.covers.iter().filter(|(id, _)| !known.contains(id.as_str())) {
            faults
                .push(format!("{}: {id} is cited but not defined in docs/spec", places.join(" ")));
        }
        for (id, (place, _)) in self.deferred.iter().filter(|(id, _)| !known.contains(id.as_str()))
        {
            faults.push(format!("{place}: {id} is deferred but not defined in docs/spec"));
        }
        faults.extend(
            self.too_many
                .iter()
                .map(|p| format!("{p}: over {IDS_MAX} ids in one block, none counted")),
        );
        faults.extend(
            self.loose
                .iter()
                .map(|p| format!("{p}: Covers without a running test below, not counted")),
        );
        faults.extend(self.unreasoned.iter().map(|p| format!("{p}: Deferred without a reason")));
        faults
    }

    /// A line per prefix and a total; with `missing`, the text of what is neither covered nor deferred.
    pub(crate) fn summary(&self, ranges: Option<&str>, missing: bool) -> Vec<String> {
        let wanted: Vec<&Requirement> = self
            .requirements()
            .filter(|r| ranges.is_none_or(|ranges| in_ranges(&r.id, ranges)))
            .collect();
        let mut order: Vec<&str> = Vec::new();
        for requirement in &wanted {
            let prefix = prefix(&requirement.id);
            if !order.contains(&prefix) {
                order.push(prefix);
            }
        }
        let mut lines = Vec::new();
        for name in order {
            let members: Vec<&Requirement> =
                wanted.iter().copied().filter(|r| prefix(&r.id) == name).collect();
            let covered = members.iter().filter(|r| self.covers.contains_key(&r.id)).count();
            let lacking: Vec<&&Requirement> =
                members.iter().filter(|r| self.is_missing(&r.id)).collect();
            let deferred = members.len() - covered - lacking.len();
            lines.push(format!(
                "{name:5} {covered:4} covered {deferred:4} deferred {:4} missing of {}",
                lacking.len(),
                members.len()
            ));
            if missing {
                lines.extend(lacking.iter().map(|r| format!("      {}", r.text)));
            }
        }
        let covered = wanted.iter().filter(|r| self.covers.contains_key(&r.id)).count();
        lines.push(format!("total {covered} of {} covered", wanted.len()));
        lines
    }

    fn is_missing(&self, id: &str) -> bool {
        !self.covers.contains_key(id) && !self.deferred.contains_key(id)
    }

    /// Ten covered requirements drawn at random, with where: the review asks of each whether its test would fail
    /// if the line that decides it were removed.
    pub(crate) fn sample(&self, seed: u64) -> Vec<String> {
        let mut left: Vec<&Requirement> =
            self.requirements().filter(|r| self.covers.contains_key(&r.id)).collect();
        let mut state = seed;
        let mut lines = Vec::new();
        while lines.len() < SAMPLE && !left.is_empty() {
            let drawn = usize::try_from(next(&mut state) % left.len() as u64).unwrap_or(0);
            let requirement = left.swap_remove(drawn);
            let places = &self.covers[&requirement.id];
            let shown: Vec<&str> = places.iter().take(SHOWN_MAX).map(String::as_str).collect();
            lines.push(format!("{} {}", requirement.id, shown.join(" ")));
        }
        lines
    }

    /// The text of docs/spec/COVERAGE.md.
    pub(crate) fn report(&self) -> String {
        let mut out = String::from(
            "# Coverage\n\nWritten by `cargo xtask trace`; not edited by hand. One line per requirement: covered by which test, deferred why and\nwhere, or missing.\n\n```text\n",
        );
        for line in self.summary(None, false) {
            out.push_str(&line);
            out.push('\n');
        }
        out.push_str("```\n");
        for (file, own) in self.files.iter().filter(|(_, own)| !own.is_empty()) {
            // The state stands first, so that no line of this file can be taken for a definition.
            let _ = write!(out, "\n## {file}\n\n| state | requirement | where |\n|---|---|---|\n");
            for requirement in own {
                let (state, place) = self.state(&requirement.id);
                let _ = writeln!(out, "| {state} | {} | {place} |", requirement.id);
            }
        }
        out
    }

    fn state(&self, id: &str) -> (&'static str, String) {
        if let Some(places) = self.covers.get(id) {
            return ("covered", places.join(", "));
        }
        let Some((place, reason)) = self.deferred.get(id) else {
            return ("missing", String::new());
        };
        ("deferred", format!("{} ({place})", reason.replace('|', "\\|")))
    }
}

fn prefix(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

fn number(id: &str) -> u64 {
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// `SS-001..SS-599,TCP-101`: several, separated by commas.
fn in_ranges(id: &str, ranges: &str) -> bool {
    ranges.split(',').any(|range| {
        let (low, high) = range.split_once("..").unwrap_or((range, range));
        let high = if high.is_empty() { low } else { high };
        prefix(id) == prefix(low) && (number(low)..=number(high)).contains(&number(id))
    })
}

/// The next number of a splitmix64 sequence: a seed repeats the sample.
const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Coverage {
        let mut coverage = Coverage::default();
        let own = ["- **SS-001** a", "- **SS-002** b", "- **SS-003** c", "- **TCP-001** d"];
        coverage
            .files
            .push(("a.md".to_owned(), own.iter().filter_map(|l| definition(l)).collect()));
        coverage.take(
            "x.rs",
            scan::rust("// Covers SS-001, SS-999\n#[test]\nfn a() {}\n// Deferred SS-001: covered all the same\n// Deferred SS-002: waits for hardware\n"),
        );
        coverage
    }

    #[test]
    fn each_requirement_is_in_one_state_and_covered_wins() {
        let lines = sample().summary(None, true);
        assert_eq!(lines[0], "SS       1 covered    1 deferred    1 missing of 3");
        assert_eq!(lines[1], "      - **SS-003** c");
        assert_eq!(lines.last().unwrap(), "total 1 of 4 covered");
    }

    #[test]
    fn ranges_choose_by_prefix_and_number() {
        assert_eq!(
            sample().summary(Some("SS-002..SS-003"), false)[0],
            "SS       0 covered    1 deferred    1 missing of 2"
        );
        assert_eq!(sample().summary(Some("TCP-001"), false).len(), 2);
    }

    #[test]
    fn a_cited_id_must_be_defined() {
        assert_eq!(sample().faults(), ["x.rs:1: SS-999 is cited but not defined in docs/spec"]);
    }

    #[test]
    fn no_line_of_the_report_defines_a_requirement() {
        let report = sample().report();
        assert!(report.contains("| covered | SS-001 | x.rs:1 |"));
        assert!(report.contains("| deferred | SS-002 | waits for hardware (x.rs:4) |"));
        assert!(report.lines().all(|l| definition(l).is_none()));
    }

    #[test]
    fn a_seed_repeats_its_sample() {
        assert_eq!(sample().sample(7), sample().sample(7));
        assert_eq!(sample().sample(7), ["SS-001 x.rs:1"]);
    }
}
