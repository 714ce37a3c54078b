//! The one door: checks, peers, simulation, fuzzing, benchmarks.
//!
//! Everything that judges a change is reachable from here, and the robot that judges changes calls nothing else
//! (`cargo xtask ci`). Standard library only, so that it builds in seconds on a fresh clone.

#![forbid(unsafe_code)]

mod ci;
mod console;
mod fuzz;
mod layers;
mod manifest;
mod mutants;
mod peers;
mod runner;
mod same;
mod size;
mod tidy;
mod trace;
mod tree;

use console::say;
use std::process::ExitCode;

/// What a command says when it is over: `Err` holds what is wrong, one finding per entry.
type Findings = Result<(), Vec<String>>;

/// A name, what it does, and the function that does it.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Findings,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        about: "everything a change must pass, with the time each step took",
        run: ci::run,
    },
    Command {
        name: "peers",
        about: "install the real servers the tests use; print what is there",
        run: peers::run,
    },
    Command {
        name: "tidy",
        about: "sizes, names, sources of constants, documents",
        run: tidy::run,
    },
    Command {
        name: "layers",
        about: "the picture of crates against the manifests",
        run: layers::run,
    },
    Command {
        name: "trace",
        about: "requirements and their tests: writes docs/spec/COVERAGE.md [--check] [--range IDS] [--missing] [--sample SEED]",
        run: trace::run,
    },
    Command {
        name: "sim",
        about: "the simulated worlds and the laws [--own] [--seed N] [--first N] [--count N]",
        run: runner::sim,
    },
    Command {
        name: "fuzz",
        about: "every parser and machine under a fuzzer [SECONDS] [TARGET [INPUT]]",
        run: fuzz::run,
    },
    Command {
        name: "mutants",
        about: "whether the tests of TCP notice another operator in its conditions [COUNT [FIRST]]",
        run: mutants::run,
    },
    Command { name: "same", about: "a seed is the same run on every machine", run: same::run },
    Command { name: "size", about: "how much code a connection is in firmware", run: size::run },
    Command {
        name: "bench",
        about: "the side-by-side benchmarks, arguments passed on",
        run: runner::bench,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else { return usage() };
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else { return usage() };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(findings) => {
            for finding in &findings {
                console::complain(finding);
            }
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    say("usage: cargo xtask COMMAND");
    for command in COMMANDS {
        say(&format!("  {:7} {}", command.name, command.about));
    }
    ExitCode::from(2)
}
