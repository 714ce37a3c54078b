//! Policy files: read, put over each other, and what is wrong with them told.

use super::args;
use super::exit::{Exit, Failure};
use mainstay_policy::{Document, Fault, Faults, Parsed, Parser, Policy};
use std::io::{self, Write};
use std::path::Path;

/// What stands before what does not refuse a policy.
pub(crate) const WARNING: &str = "warning: ";

/// Reads a policy and its overlays.
///
/// # Errors
/// With every fault already told on standard error.
pub(crate) fn load(document: &args::Document) -> Result<Policy, Failure> {
    read(document, WARNING).map(|parsed| parsed.policy)
}

/// As `load`, with everything that is to be said about it; `warning` is what stands before the
/// warnings that are told beside faults.
pub(crate) fn read(document: &args::Document, warning: &str) -> Result<Parsed, Failure> {
    let mut parsed = one(&document.policy, None, warning)?;
    for path in &document.overlays {
        parsed = one(path, Some(parsed.document), warning)?;
    }
    Ok(parsed)
}

fn one(path: &Path, over: Option<Document>, warning: &str) -> Result<Parsed, Failure> {
    let origin = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(Exit::Usage, format!("{origin}: {error}")))?;
    let mut parser = Parser::begin(&origin, over);
    let _fits = parser.feed(&bytes);
    parser.finish().map_err(|faults| told(&faults, warning))
}

fn told(faults: &Faults, warning: &str) -> Failure {
    tell("", faults.iter());
    tell(warning, faults.warnings().iter());
    Failure::new(Exit::Policy, String::new())
}

/// One fault as `file:line:col: key: what`, and its hint on a line of its own.
pub(crate) fn tell<'a>(kind: &str, faults: impl Iterator<Item = &'a Fault>) {
    let mut text = String::new();
    for fault in faults {
        text.push_str(&line(kind, fault));
    }
    // Nowhere is left to say that this could not be written.
    let _lost = io::stderr().write_all(text.as_bytes());
}

fn line(kind: &str, fault: &Fault) -> String {
    let Fault { origin, line, column, key, hint, .. } = fault;
    let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
    let what = fault.code.what();
    let hint = if hint.is_empty() { String::new() } else { format!("  hint: {hint}\n") };
    format!("{origin}:{line}:{column}: {kind}{key}{what}\n{hint}")
}
