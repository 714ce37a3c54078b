//! Starts other programs, cargo above all, and the thin commands that do no more than that.

use crate::Findings;
use crate::ci::Tally;
use crate::console::say;
use crate::tree;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Worlds of one `sim` run, unless `--count` says otherwise.
const WORLDS: &str = "200";

/// `cargo ARGS`, in the workspace's root, by the cargo that started us.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(tree::root());
    // What the cargo that started us says of *this* package would make build scripts of others run again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs to the end with the terminal as its output.
pub(crate) fn run(command: &mut Command) -> Findings {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(vec![format!("{}: {status}", shown(command))]),
        Err(e) => Err(vec![format!("{}: {e}", shown(command))]),
    }
}

/// Runs tests, shows what they print, and adds up what their runners say.
pub(crate) fn run_counting(command: &mut Command, tally: &mut Tally) -> Findings {
    let started = command.stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|e| vec![format!("{}: {e}", shown(command))])?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            tally.read(&line);
            say(&line);
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(vec![format!("{}: {status}", shown(command))]),
        Err(e) => Err(vec![format!("{}: {e}", shown(command))]),
    }
}

/// What a quiet program prints on both outputs; `None` if it cannot be started.
pub(crate) fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Some(text)
}

/// Whether a quiet program can be started and ends well.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let short = program.rsplit('/').next().unwrap_or(&program).to_owned();
    command.get_args().fold(short, |all, arg| format!("{all} {}", arg.to_string_lossy()))
}

/// `cargo xtask sim`: the laws and the worlds, at release speed with every check on.
///
/// The tests read `MAINSTAY_WORLDS` (how many worlds), `MAINSTAY_FIRST` (from which on), `MAINSTAY_SEED` (this one only, which
/// then shows what it prints) and `MAINSTAY_OWN` (if set, only worlds whose devices have our own TCP).
pub(crate) fn sim(args: &[String]) -> Findings {
    const USAGE: &str = "usage: cargo xtask sim [--own] [--seed N | --first N] [--count N]";
    let mut command = cargo(&["test", "--profile", "sim", "-p", "mainstay-sim"]);
    let mut count = WORLDS;
    let (mut own, mut verbose) = (false, false);
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        if arg == "--own" {
            own = true;
            continue;
        }
        match (arg, args.next()) {
            ("--seed", Some(seed)) => {
                command.env("MAINSTAY_SEED", seed);
                verbose = true;
            }
            ("--first", Some(n)) => {
                command.env("MAINSTAY_FIRST", n);
            }
            ("--count", Some(n)) => count = n,
            _ => return Err(vec![USAGE.to_owned()]),
        }
    }
    command.env("MAINSTAY_WORLDS", count);
    if own {
        command.env("MAINSTAY_OWN", "1").args(["--test", "worlds"]);
    }
    if verbose {
        command.args(["--", "--nocapture"]);
    }
    run(&mut command)
}

/// `cargo xtask bench`: arguments go to the benchmark program as they are.
pub(crate) fn bench(args: &[String]) -> Findings {
    run(cargo(&["run", "--profile", "measure", "-p", "mainstay-bench", "--"]).args(args))
}
