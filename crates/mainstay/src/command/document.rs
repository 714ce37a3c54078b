//! Policy files: read, put over each other, and what is wrong with them told.

use super::args;
use super::exit::{Exit, Failure};
use mainstay_policy::{Document, Fault, Faults, Parsed, Policy};
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
    let (text, origin) = text(&document.policy)?;
    let parsed = Document::parse(&text, &origin);
    let mut parsed = parsed.map_err(|faults| told(&faults, warning))?;
    for path in &document.overlays {
        let (text, origin) = self::text(path)?;
        let over = parsed.document.overlay(&text, &origin);
        parsed = over.map_err(|faults| told(&faults, warning))?;
    }
    Ok(parsed)
}

fn text(path: &Path) -> Result<(String, String), Failure> {
    let origin = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(Exit::Usage, format!("{origin}: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Policy, format!("{origin}: a policy is UTF-8 text")))?;
    Ok((text, origin))
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
