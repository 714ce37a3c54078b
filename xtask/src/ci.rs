//! `cargo xtask ci`: everything a change must pass, in order, with the time each step took.
//!
//! All steps run even after one has failed, so that one run shows everything. The last line adds up every test of every
//! runner, each test once: crates with a `peers` feature and the simulator are left out of the plain run and have their own.

mod tally;

pub(crate) use tally::Tally;

use crate::console::{Stopwatch, complain, say};
use crate::runner::{cargo, run as run_command, run_counting, succeeds};
use crate::{Findings, layers, manifest, peers, tidy, trace, tree};

/// A target without an operating system: what builds for it cannot read a clock or open a socket.
const BARE_TARGET: &str = "thumbv7em-none-eabi";

/// What must build for it.
const BARE_PACKAGES: &[&str] = &["mainstay-base"];

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
        let before = self.tally.failed;
        let findings = work(&mut self.tally).err().unwrap_or_default();
        for finding in &findings {
            complain(finding);
        }
        if !findings.is_empty() {
            self.failed.push(name);
            // A step that fails without a failed test counts as one, or the closing line would hide it.
            self.tally.failed += u64::from(self.tally.failed == before);
        }
        self.times.push((name, watch.seconds()));
    }

    fn close(self) -> Findings {
        say("");
        for (name, seconds) in &self.times {
            let mark = if self.failed.contains(name) { "FAILED" } else { "ok" };
            say(&format!("{name:12} {seconds:7.1} s  {mark}"));
        }
        say(&self.tally.line());
        // The closing line is the last line; the exit status says the rest.
        if self.failed.is_empty() { Ok(()) } else { Err(Vec::new()) }
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
    run.step("interop", |tally| {
        let mut command = cargo(&["test", "--no-fail-fast"]);
        for package in &with_peers {
            command.args(["-p", package, "--features", &format!("{package}/peers")]);
        }
        run_counting(&mut command, tally)
    });
    run.close()
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
