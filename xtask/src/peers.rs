//! `cargo xtask peers`: installs the real servers the tests use and prints a table of what is there.
//!
//! Quick when everything is present: then it only asks each program whether it exists and which version it is.

mod programs;
mod python;

use crate::console::say;
use crate::runner;
use crate::{Findings, tree};
use programs::{PROGRAMS, Program};
use python::Group;

pub(crate) fn run(_args: &[String]) -> Findings {
    let (table, findings) = prepare();
    table.iter().for_each(|line| say(line));
    findings
}

/// Installs what is missing; the table, and what is still not there.
pub(crate) fn prepare() -> (Vec<String>, Findings) {
    let missing: Vec<&Program> = PROGRAMS.iter().filter(|p| !p.is_there()).collect();
    let mut findings =
        if missing.is_empty() { Vec::new() } else { install(&missing).err().unwrap_or_default() };
    let folder = tree::root().join("target/peers");
    let groups = [python::websockets(&folder), python::autobahn(&folder)];
    let width = PROGRAMS.iter().map(|p| p.name.len()).max().unwrap_or(0);
    let mut table = Vec::new();
    for program in PROGRAMS {
        let version = program.version();
        table.push(format!("{:width$}  {:20} {version}", program.name, program.package));
        if !program.is_there() {
            findings.push(format!(
                "{} is missing: install the package {}",
                program.name, program.package
            ));
        }
    }
    for group in groups {
        match group {
            Group::There { name, version } => {
                table.push(format!("{name:width$}  {:20} {version}", "PyPI"));
            }
            Group::Skipped { name, why } => {
                table.push(format!("{name:width$}  {:20} skipped (optional): {why}", "PyPI"));
            }
            Group::Failed { name, why } => findings.push(format!("{name}: {why}")),
        }
    }
    (table, if findings.is_empty() { Ok(()) } else { Err(findings) })
}

/// Installs the packages of `missing` in one transaction.
fn install(missing: &[&Program]) -> Findings {
    let mut packages: Vec<&str> = missing.iter().map(|p| p.package).collect();
    packages.sort_unstable();
    packages.dedup();
    if runner::output("id", &["-u"]).is_none_or(|id| id.trim() != "0") {
        return Err(vec![format!(
            "not root, so nothing is installed; missing packages: {}",
            packages.join(" ")
        )]);
    }
    say(&format!("installing {}", packages.join(" ")));
    apt(&["update", "-q"])?;
    let mut args = vec!["install", "-y", "-q", "--no-install-recommends"];
    args.extend(packages);
    apt(&args)
}

fn apt(args: &[&str]) -> Findings {
    let mut command = std::process::Command::new("apt-get");
    command
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive");
    // What a package manager says goes to standard error: standard output stays a table.
    runner::run(command.stdout(std::io::stderr()))
}
