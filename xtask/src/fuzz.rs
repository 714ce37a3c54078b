//! `cargo xtask fuzz [SECONDS] [TARGET [INPUT]]`: every parser and machine under libFuzzer, for so long each.
//!
//! Works with the stable compiler and without cargo-fuzz: the instrumentation is a pass of LLVM, and the fuzzer itself is
//! compiled by the `libfuzzer-sys` crate (C++). What is found lies under the target folder, and the command that replays
//! it is printed. With INPUT one input is replayed instead.

mod seeds;

use crate::Findings;
use crate::console::say;
use crate::runner::{cargo, output, run as run_command, succeeds};
use crate::tree;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every target there is, as in fuzz/Cargo.toml.
const TARGETS: &[&str] = &[
    "policy",
    "h1",
    "h2",
    "ws",
    "mqtt",
    "tls",
    "stack",
    "node",
    "wire",
    "tcp_endpoint",
    "tcp_pair",
];

/// How long each target runs. chosen: enough to see that all of it works.
const SECONDS: u64 = 10;

/// What a compiler must do for libFuzzer to see where an input led. The flags are those of cargo-fuzz without a sanitizer.
const INSTRUMENTED: &str = "--cfg fuzzing -Dwarnings -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What a run may use. chosen: far above what any target holds; one input never takes a second.
const LIMITS: &[&str] =
    &["-rss_limit_mb=1024", "-timeout=10", "-max_len=16384", "-print_final_stats=1"];

const USAGE: &str = "usage: cargo xtask fuzz [SECONDS] [TARGET [INPUT]]";

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Wish<'a> {
    seconds: u64,
    targets: Vec<&'a str>,
    input: Option<&'a str>,
}

pub(crate) fn run(args: &[String]) -> Findings {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let wish = wish(&args).map_err(|fault| vec![fault])?;
    let host = host()?;
    compiler()?;
    let folder = target_folder();
    build(&folder, &host, &wish.targets)?;
    let mut findings = Vec::new();
    for target in &wish.targets {
        let program = folder.join(&host).join("release").join(target);
        let found = match wish.input {
            Some(input) => run_command(Command::new(&program).arg(input)),
            None => fuzz(&folder, &program, target, wish.seconds),
        };
        findings.extend(found.err().unwrap_or_default());
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

fn wish<'a>(args: &[&'a str]) -> Result<Wish<'a>, String> {
    let (seconds, rest) = match args.split_first() {
        Some((first, rest)) if first.parse::<u64>().is_ok() => (first.parse().ok(), rest),
        Some(_) | None => (None, args),
    };
    // libFuzzer takes 0 for "no limit".
    let seconds = seconds.unwrap_or(SECONDS).max(1);
    let known = |name: &str| {
        TARGETS.contains(&name).then_some(()).ok_or_else(|| {
            format!("no target is called {name:?}; there are {}", TARGETS.join(", "))
        })
    };
    match rest {
        [] => Ok(Wish { seconds, targets: TARGETS.to_vec(), input: None }),
        &[target] => known(target).map(|()| Wish { seconds, targets: vec![target], input: None }),
        &[target, input] => {
            known(target).map(|()| Wish { seconds, targets: vec![target], input: Some(input) })
        }
        [..] => Err(USAGE.to_owned()),
    }
}

/// The platform we are on, as cargo calls it: flags given with a target leave build scripts alone.
fn host() -> Result<String, Vec<String>> {
    let text = output("rustc", &["-vV"]).unwrap_or_default();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| vec!["rustc -vV names no host".to_owned()])
}

/// libFuzzer is written in C++.
fn compiler() -> Findings {
    let own = std::env::var_os("CXX").map(|name| name.to_string_lossy().into_owned());
    let name = own.as_deref().unwrap_or("c++");
    if succeeds(name, &["--version"]) {
        return Ok(());
    }
    Err(vec![format!(
        "fuzz needs a C++ compiler for libFuzzer, and `{name}` cannot be run: install g++ or clang, or set CXX"
    )])
}

fn target_folder() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    tree::root().join(target).join("fuzz")
}

fn build(folder: &Path, host: &str, targets: &[&str]) -> Findings {
    let mut command = cargo(&["build", "--release", "--locked", "--target", host]);
    command.current_dir(tree::root().join("fuzz"));
    command.env("CARGO_TARGET_DIR", folder).env("RUSTFLAGS", INSTRUMENTED);
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    for target in targets {
        command.args(["--bin", target]);
    }
    run_command(&mut command)
}

/// Runs one target. What is new in its corpus stays there for the next run.
fn fuzz(folder: &Path, program: &Path, target: &str, seconds: u64) -> Findings {
    say(&format!("\n== {target}, {seconds} s"));
    let unwritable = |e: std::io::Error| vec![format!("{}: {e}", folder.display())];
    let (corpus, seeds) = (folder.join("corpus").join(target), folder.join("seeds").join(target));
    let found = folder.join("found").join(target);
    for made in [&corpus, &seeds, &found] {
        fs::create_dir_all(made).map_err(unwritable)?;
    }
    seeds::unfold(&tree::root().join("fuzz/seeds").join(target), &seeds)?;
    let before = files(&found);
    let mut command = Command::new(program);
    command.arg(&corpus).arg(&seeds).args(LIMITS);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/", found.display()));
    let result = run_command(&mut command);
    let mut findings = result.err().unwrap_or_default();
    for input in files(&found).into_iter().filter(|path| !before.contains(path)) {
        findings.push(format!(
            "{target} fails; replay it: cargo xtask fuzz {target} {}",
            input.display()
        ));
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    tree::files(folder, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        tree::text(&tree::root().join(path)).unwrap()
    }

    #[test]
    fn seconds_target_and_input_come_in_that_order_and_may_be_left_out() {
        let all = Wish { seconds: 10, targets: TARGETS.to_vec(), input: None };
        assert_eq!(wish(&[]), Ok(all));
        assert_eq!(wish(&["3"]).map(|wish| wish.seconds), Ok(3));
        let one = Wish { seconds: 60, targets: vec!["ws"], input: None };
        assert_eq!(wish(&["60", "ws"]), Ok(one));
        let again = Wish { seconds: 10, targets: vec!["ws"], input: Some("crash-1") };
        assert_eq!(wish(&["ws", "crash-1"]), Ok(again));
        assert_eq!(wish(&["0"]).map(|wish| wish.seconds), Ok(1));
        assert!(wish(&["coap"]).is_err_and(|fault| fault.contains("mqtt")));
        assert!(wish(&["1", "ws", "a", "b"]).is_err());
    }

    #[test]
    fn every_target_has_its_program_and_its_seeds() {
        let manifest = text("fuzz/Cargo.toml");
        let bins = manifest.split("[[bin]]").skip(1);
        let names = bins.filter_map(|bin| bin.split('"').nth(1).map(str::to_owned));
        let mut names: Vec<String> = names.collect();
        let mut targets = TARGETS.to_vec();
        names.sort();
        targets.sort_unstable();
        assert_eq!(names, targets);
        for target in targets {
            let folder = tree::root().join("fuzz/seeds").join(target);
            assert!(!files(&folder).is_empty(), "{target}");
        }
    }

    #[test]
    fn fuzz_code_is_linted_as_the_workspace_is() {
        let lints = |text: &str, prefix: &str| -> Vec<String> {
            let from = text.lines().skip_while(|line| !line.starts_with(prefix));
            let until = from.take_while(|line| !line.starts_with("[profile"));
            until
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(|line| line.replace("workspace.", ""))
                .collect()
        };
        let ours = lints(&text("fuzz/Cargo.toml"), "[lints.");
        assert_eq!(ours, lints(&text("Cargo.toml"), "[workspace.lints."));
        assert!(ours.len() > 30);
    }
}
