//! `cargo xtask ci`: everything a change must pass, in order, with the time each step took.
//!
//! All steps run even after one has failed, so that one run shows everything. The last line adds up every test of every
//! runner, each test once.

mod tally;

pub(crate) use tally::Tally;

use crate::console::{Stopwatch, complain, say};
use crate::runner::{cargo, run as run_command, run_counting, succeeds};
use crate::{Findings, layers, manifest, peers, size, tidy, trace, tree};
use std::process::Command;
use std::thread;

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
    let mut run = Run::default();
    // Installing is waiting for other people's machines, and nobody needs the peers before the tests.
    let peers = thread::Builder::new().spawn(peers::prepare);
    run.step("fmt", |_| run_command(&mut cargo(&["fmt", "--all", "--check"])));
    run.step("tidy", |_| tidy::run(&[]));
    run.step("layers", |_| layers::run(&[]));
    run.step("trace", |_| trace::run(&["--check".to_owned()]));
    run.step("lint", |_| {
        run_command(workspace("clippy").args(["--all-targets", "--", "-D", "warnings"]))
    });
    run.step("build", |_| run_command(workspace("build").arg("--all-targets")));
    run.step("peers", |_| {
        let peers = peers.map_err(|e| vec![format!("peers: {e}")])?;
        let (table, findings) = peers.join().map_err(|_| vec!["peers: it panicked".to_owned()])?;
        table.iter().for_each(|line| say(line));
        findings
    });
    run.step("test", |tally| run_counting(workspace("test").arg("--no-fail-fast"), tally));
    // What users build: without the features that only tests turn on.
    run.step("plain", |_| run_command(&mut cargo(&["check", "--workspace"])));
    run.step("doc", |_| {
        run_command(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
    run.step("nostd", |_| bare());
    run.step("size", |_| size::run(&[]));
    for line in run.lines() {
        say(&line);
    }
    // The closing line is the last line; the exit status says the rest.
    if run.failed.is_empty() { Ok(()) } else { Err(Vec::new()) }
}

/// A command of cargo's for the whole workspace, the tests against real servers included. The steps share what they compile
/// because packages and features are always the same: other ones are other libraries.
fn workspace(command: &str) -> Command {
    let mut command = cargo(&[command, "--workspace"]);
    for package in packages_with_peers() {
        command.args(["--features", &format!("{package}/peers")]);
    }
    command
}

/// The packages whose tests want real servers: those with a feature `peers`.
fn packages_with_peers() -> Vec<String> {
    let manifests = manifest::all(&tree::root()).into_iter();
    manifests.filter(|m| m.features.iter().any(|f| f == "peers")).map(|m| m.package).collect()
}

/// Builds what claims to need no more than memory for a target that has no more, as firmware is built: `size` takes it from
/// there.
fn bare() -> Findings {
    if !succeeds("rustup", &["target", "add", BARE_TARGET]) {
        say(&format!("not run: rustup cannot get {BARE_TARGET} here"));
        return Ok(());
    }
    let mut command = cargo(&["build", "--profile", "firmware", "--target", BARE_TARGET]);
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
    fn every_step_turns_the_tests_against_real_servers_on() {
        let command = workspace("test");
        let args: Vec<_> = command.get_args().collect();
        assert_eq!(args, ["test", "--workspace", "--features", "mainstay-peer-tests/peers"]);
    }
}
