//! `cargo xtask trace`: which requirement has a test that names it, which waits and why, which is missing.
//!
//! A requirement is defined where its id opens a list item, a table row or a bold run in a file of docs/spec.
//! It is covered by a comment directly above a test that runs, deferred by a comment with a reason anywhere in Rust
//! source, and missing otherwise. The result is committed as docs/spec/COVERAGE.md, so that coverage never changes
//! without a line in review.

mod coverage;
mod ids;
mod scan;

use crate::console::say;
use crate::{Findings, tree};
use coverage::Coverage;
pub(crate) use ids::find_ids;
use std::fs;

const REPORT: &str = "docs/spec/COVERAGE.md";

pub(crate) fn run(args: &[String]) -> Findings {
    let root = tree::root();
    let coverage = Coverage::read(&root);
    let mut args = args.iter().map(String::as_str);
    let (mut check, mut missing, mut quiet, mut ranges) = (false, false, false, None);
    while let Some(arg) = args.next() {
        match arg {
            "--check" => check = true,
            "--missing" => missing = true,
            "--range" => ranges = Some(args.next().ok_or_else(|| vec![USAGE.to_owned()])?),
            "--sample" => {
                let seed = args
                    .next()
                    .and_then(|s| s.parse().ok())
                    .ok_or_else(|| vec![USAGE.to_owned()])?;
                coverage.sample(seed).iter().for_each(|line| say(line));
                quiet = true;
            }
            _ => return Err(vec![USAGE.to_owned()]),
        }
    }
    if !quiet {
        coverage.summary(ranges, missing).iter().for_each(|line| say(line));
    }
    let mut findings = coverage.faults();
    let text = coverage.report();
    let path = root.join(REPORT);
    if check {
        if tree::text(&path).as_deref() != Some(text.as_str()) {
            findings
                .push(format!("{REPORT} is out of date: run `cargo xtask trace` and commit it"));
        }
    } else if !quiet && let Err(e) = fs::write(&path, text) {
        findings.push(format!("cannot write {REPORT}: {e}"));
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

const USAGE: &str = "usage: cargo xtask trace [--check] [--missing] [--range SS-001..SS-599,TCP-101] [--sample SEED]";
