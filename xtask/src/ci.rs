//! `cargo xtask ci`: everything a change must pass, in order, with the time each step took.
//!
//! All steps run even after one has failed, so that one run shows everything. The last line adds up every test of every
//! runner, each test once: crates with a `peers` feature and the simulator are left out of the plain run and have their own.

mod tally;

pub(crate) use tally::Tally;

use crate::console::{Stopwatch, complain, say};
use crate::runner::{cargo, run as run_command, run_counting, succeeds};
use crate::{Findings, layers, manifest, peers, size, tidy, trace, tree};

/// A target without an operating system: what builds for it cannot read a clock or open a socket.
const BARE_TARGET: &str = "thumbv7em-none-eabi";

/// What must build for it.
const BARE_PACKAGES: &[&str] = &[
    "mainstay-base",
    "mainstay-wire",
    "mainstay-tcp",
    "mainstay-net",
    "mainstay-tcp-io",
    "mainstay-firmware",
];

const SIM: &str = "mainstay-sim";

/// A run in progress: what has been counted, how long each step took, what went wrong.
#[derive(Default)]
struct Run {
    tally: Tally,
    times: Vec<(&'static str, f64)>,
    failed: Vec<&'static str>,
}

impl Run {
    fn step(&mut self, name: &'static str, work: impl FnOnce(&mut Tally) -> Findings) {
        say(&format!("\n== {name}"));
        let watch = Stopwatch::start();
        let findings = self.count(name, work);
        for finding in &findings {
            complain(finding);
        }
        self.times.push((name, watch.seconds()));
    }

    /// Does the work, remembers whether it failed, and returns what it found.
    fn count(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Tally) -> Findings,
    ) -> Vec<String> {
        let before = self.tally.failed;
        let findings = work(&mut self.tally).err().unwrap_or_default();
        if !findings.is_empty() {
            self.failed.push(name);
            // A step that fails without a failed test counts as one, or the closing line would hide it.
            self.tally.failed += u64::from(self.tally.failed == before);
        }
        findings
    }

    /// The table of times, and the closing line last.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        for (name, seconds) in &self.times {
            let mark = if self.failed.contains(name) { "FAILED" } else { "ok" };
            lines.push(format!("{name:12} {seconds:7.1} s  {mark}"));
        }
        lines.push(self.tally.line());
        lines
    }
}

pub(crate) fn run(_args: &[String]) -> Findings {
    if !succeeds("unshare", &["-n", "true"]) {
        return Err(vec![
            "ci needs to make network namespaces (`unshare -n true` fails): run it as root, or in a container with CAP_SYS_ADMIN".to_owned(),
        ]);
    }
    let with_peers = packages_with_peers();
    let mut run = Run::default();
    run.step("peers", |_| peers::run(&[]));
    run.step("fmt", |_| run_command(&mut cargo(&["fmt", "--all", "--check"])));
    run.step("tidy", |_| tidy::run(&[]));
    run.step("layers", |_| layers::run(&[]));
    run.step("trace", |_| trace::run(&["--check".to_owned()]));
    run.step("lint", |_| {
        run_command(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    run.step("build", |_| run_command(&mut cargo(&["build", "--workspace"])));
    run.step("test", |tally| {
        let mut command = cargo(&["test", "--workspace", "--no-fail-fast", "--exclude", SIM]);
        for package in &with_peers {
            command.args(["--exclude", package]);
        }
        run_counting(&mut command, tally)
    });
    run.step("laws", |tally| {
        run_counting(&mut cargo(&["test", "--no-fail-fast", "--profile", "sim", "-p", SIM]), tally)
    });
    run.step("doc", |_| {
        run_command(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
    run.step("nostd", |_| bare());
    run.step("size", |_| size::run(&[]));
    run.step("interop", |tally| {
        let mut command = cargo(&["test", "--no-fail-fast"]);
        for package in &with_peers {
            command.args(["-p", package, "--features", &format!("{package}/peers")]);
        }
        run_counting(&mut command, tally)
    });
    for line in run.lines() {
        say(&line);
    }
    // The closing line is the last line; the exit status says the rest.
    if run.failed.is_empty() { Ok(()) } else { Err(Vec::new()) }
}

/// The packages whose tests want real servers: those with a feature `peers`.
fn packages_with_peers() -> Vec<String> {
    let manifests = manifest::all(&tree::root()).into_iter();
    manifests.filter(|m| m.features.iter().any(|f| f == "peers")).map(|m| m.package).collect()
}

/// Builds what claims to need no more than memory for a target that has no more.
fn bare() -> Findings {
    if !succeeds("rustup", &["target", "add", BARE_TARGET]) {
        say(&format!("not run: rustup cannot get {BARE_TARGET} here"));
        return Ok(());
    }
    let mut command = cargo(&["build", "--target", BARE_TARGET]);
    for package in BARE_PACKAGES {
        command.args(["-p", package]);
    }
    run_command(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_without_a_failed_test_counts_as_one() {
        let mut run = Run::default();
        assert_eq!(run.count("lint", |_| Err(vec!["planted".to_owned()])), ["planted"]);
        assert_eq!(run.failed, ["lint"]);
        assert_eq!(run.lines().last().unwrap(), "0 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn failed_tests_are_counted_once_and_good_steps_not_at_all() {
        let mut run = Run::default();
        assert!(run.count("build", |_| Ok(())).is_empty());
        let findings = run.count("test", |tally| {
            tally.read("test result: FAILED. 7 passed; 2 failed; 1 ignored; 0 measured");
            Err(vec!["planted".to_owned()])
        });
        assert_eq!(findings.len(), 1);
        assert_eq!(run.failed, ["test"]);
        assert_eq!(run.lines().last().unwrap(), "7 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn every_package_with_a_peers_feature_has_its_own_run() {
        assert!(packages_with_peers().contains(&"mainstay-peer-tests".to_owned()));
    }
}
