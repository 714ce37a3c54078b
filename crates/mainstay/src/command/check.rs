//! `mainstay check`.

use super::args::Check;
use super::document;
use super::exit::{Exit, Failure};
use super::print;
use mainstay_policy::Parsed;

/// Tells everything that can be said about a policy.
pub(crate) fn run(check: &Check) -> Result<(), Failure> {
    let warning = if check.strict { "" } else { document::WARNING };
    let parsed = document::read(&check.document, warning)?;
    document::tell(warning, parsed.warnings.iter());
    document::tell("note: ", parsed.notes.iter());
    if check.strict && !parsed.warnings.is_empty() {
        return Err(Failure::new(Exit::Policy, String::new()));
    }
    print(&summary(&parsed))
}

fn summary(parsed: &Parsed) -> String {
    let count = parsed.policy.streamtypes.len();
    let word = if count == 1 { "streamtype" } else { "streamtypes" };
    let unsupported =
        parsed.policy.streamtypes.values().filter(|s| s.inert.iter().any(|i| i.needed));
    match unsupported.count() {
        0 => format!("ok: {count} {word}\n"),
        n => format!("ok: {count} {word}, {n} of them not supported by this version\n"),
    }
}
