//! Runs every script below `tests/scripts/tcp` against one engine in virtual time, each as a test of its own.
//!
//! The language is described in `tests/scripts/README.md`. Scripts below `open/` show what is not yet as it should be and
//! are not run; those below `faulty/` must fail, with the words after `# Fails:` in the report.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stdout, reason = "this is a test runner")]

mod application;
mod expectations;
mod language;
mod notation;
mod options;
mod parts;
mod run;
mod scenarios;
mod world;

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the command line asks for, as the usual test runner understands it.
#[derive(Debug, Default)]
struct Wanted {
    list: bool,
    exact: bool,
    none: bool,
    filters: Vec<String>,
    skips: Vec<String>,
}

impl Wanted {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut wanted = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => wanted.list = true,
                "--exact" => wanted.exact = true,
                "--ignored" => wanted.none = true,
                "--skip" => wanted.skips.extend(arguments.next()),
                "--test-threads" | "--color" | "--format" | "-Z" => drop(arguments.next()),
                _ if argument.starts_with('-') => {}
                _ => wanted.filters.push(argument),
            }
        }
        wanted
    }

    fn has(&self, name: &str) -> bool {
        let is = |filter: &String| if self.exact { name == filter } else { name.contains(filter) };
        !self.none
            && (self.filters.is_empty() || self.filters.iter().any(is))
            && !self.skips.iter().any(is)
    }
}

fn main() -> ExitCode {
    let wanted = Wanted::parse(std::env::args().skip(1));
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/tcp");
    let mut paths = Vec::new();
    find(&top, &mut paths);
    paths.sort();
    let named = paths.iter().map(|path| {
        let name = path.strip_prefix(&top).unwrap().with_extension("");
        (name.to_string_lossy().into_owned(), path)
    });
    let (mut passed, mut skipped, mut failures) = (0, 0, Vec::new());
    for (name, path) in named {
        if !wanted.has(&name) {
            skipped += 1;
        } else if wanted.list {
            println!("{name}: test");
        } else if let Err(report) = judge(&name, path) {
            println!("test {name} ... FAILED");
            failures.push(format!("---- {name} ----\n{report}\n"));
        } else {
            println!("test {name} ... ok");
            passed += 1;
        }
    }
    if wanted.list {
        return ExitCode::SUCCESS;
    }
    if wanted.has("scenarios") {
        let report = scenarios::check(&top).err();
        println!("test scenarios ... {}", if report.is_none() { "ok" } else { "FAILED" });
        passed += i32::from(report.is_none());
        failures.extend(report.map(|report| format!("---- scenarios ----\n{report}\n")));
    }
    for failure in &failures {
        println!("\n{failure}");
    }
    let word = if failures.is_empty() { "ok" } else { "FAILED" };
    let failed = failures.len();
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {skipped} filtered out\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Every script below `folder` that is to be run.
fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("open") {
                find(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "script") {
            found.push(path);
        }
    }
}

/// Runs one script; the report if it did not do what it should.
fn judge(name: &str, path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let wanted = text.lines().find_map(|line| line.strip_prefix("# Fails: "));
    let ran = catch_unwind(AssertUnwindSafe(|| run::script(&text)));
    let shown = format!("tests/scripts/tcp/{name}.script");
    let result = ran.map_err(|_| format!("{shown}: it panicked"))?;
    match (result, wanted) {
        (Ok(()), None) => Ok(()),
        (Err(failure), None) => Err(format!("{shown}:{failure}")),
        (Ok(()), Some(wanted)) => Err(format!("{shown}: should have failed: {wanted}")),
        (Err(failure), Some(wanted)) if failure.to_string().contains(wanted) => Ok(()),
        (Err(failure), Some(wanted)) => {
            Err(format!("{shown}: should have failed with: {wanted}\nbut:{failure}"))
        }
    }
}
