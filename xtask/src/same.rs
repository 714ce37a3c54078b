//! `cargo xtask same`: a seed is the same run on every machine (TCP-004, scenario S-71).
//!
//! Runs a test that prints what became of some drawn pairs of endpoints, here and built for a machine of 32 bits and one
//! that begins numbers with the highest byte, and compares. A machine that cannot be had here is named and left out.

use crate::Findings;
use crate::console::say;
use crate::runner::{cargo, succeeds};

/// The test, and the words before what is compared.
const TEST: &[&str] = &["test", "-p", "mainstay-tcp", "--test", "swarm_of_pairs"];
const NAME: &str = "a_story_is_told_the_same_way_each_time";
const WORDS: &str = "the story of ";

/// A target, and the programs that it needs here: linker and emulator, if other than our own.
struct Machine {
    target: &'static str,
    linker: Option<&'static str>,
    runner: Option<&'static str>,
}

const MACHINES: &[Machine] = &[
    Machine { target: "i686-unknown-linux-musl", linker: Some("rust-lld"), runner: None },
    Machine {
        target: "s390x-unknown-linux-gnu",
        linker: Some("s390x-linux-gnu-gcc"),
        runner: Some("qemu-s390x -L /usr/s390x-linux-gnu"),
    },
];

pub(crate) fn run(_args: &[String]) -> Findings {
    let here = story(None)?;
    say(&format!("here: {here}"));
    let mut findings = Vec::new();
    for machine in MACHINES {
        if !can_be_had(machine) {
            say(&format!("not run: {} cannot be had here", machine.target));
            continue;
        }
        let there = story(Some(machine))?;
        say(&format!("{}: {there}", machine.target));
        if there != here {
            findings.push(format!("{} tells another story: {there}, not {here}", machine.target));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

fn can_be_had(machine: &Machine) -> bool {
    let programs = [machine.linker.filter(|name| *name != "rust-lld"), machine.runner];
    let first = |words: &&'static str| words.split(' ').next().unwrap_or_default();
    let there = programs.iter().flatten().all(|words| succeeds(first(words), &["--version"]));
    there && succeeds("rustup", &["target", "add", machine.target])
}

/// What the test prints on a machine.
fn story(machine: Option<&Machine>) -> Result<String, Vec<String>> {
    let mut command = cargo(TEST);
    if let Some(machine) = machine {
        let name = machine.target.to_uppercase().replace('-', "_");
        command.args(["--target", machine.target]);
        command.env(format!("CARGO_TARGET_{name}_LINKER"), machine.linker.unwrap_or("cc"));
        if let Some(runner) = machine.runner {
            command.env(format!("CARGO_TARGET_{name}_RUNNER"), runner);
        }
    }
    command.args([NAME, "--", "--nocapture"]);
    let output = command.output().map_err(|error| vec![error.to_string()])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.find(WORDS).map(|at| line[at..].to_owned()));
    line.filter(|_| output.status.success())
        .ok_or_else(|| vec![format!("no story: {}", String::from_utf8_lossy(&output.stderr))])
}
