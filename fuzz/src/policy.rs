//! Policies: whatever text comes, it is read or refused, alike in one piece and in many, and what is read can be shown.

use mainstay::explain;
use mainstay_policy::{Parsed, Parser, Policy, changed};
use mainstay_stream::Blobs;
use std::sync::Arc;

/// Bytes of a chunk. chosen: cuts every token somewhere.
const CHUNK: usize = 7;

/// Runs one input: a document, and after a NUL an overlay for it.
///
/// # Panics
/// When what was read is not what was written: that is the finding.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (text, over) = text.split_once('\0').unwrap_or((&text, ""));
    let parsed = match Policy::parse(text, "fuzz") {
        Ok(parsed) => parsed,
        Err(faults) => {
            assert!(faults.iter().count() > 0, "refused without a reason");
            let shown = faults.to_string();
            assert!(!shown.is_empty(), "a fault that says nothing");
            assert_eq!(in_chunks(text).err().map(|f| f.to_string()), Some(shown), "in chunks");
            return;
        }
    };
    let again = in_chunks(text).ok().map(|again| again.policy);
    assert_eq!(again.as_ref(), Some(&parsed.policy), "in chunks");
    for warning in parsed.warnings.iter().chain(&parsed.notes) {
        assert!(!warning.to_string().is_empty(), "a warning that says nothing");
    }
    show(&parsed.policy);
    lay_over(&parsed, over);
}

fn in_chunks(text: &str) -> Result<Parsed, mainstay_policy::Faults> {
    let mut parser = Parser::begin("fuzz", None);
    for chunk in text.as_bytes().chunks(CHUNK) {
        if !parser.feed(chunk) {
            break;
        }
    }
    parser.finish()
}

/// Every stream of it can be explained, or is refused for a reason that can be read.
fn show(policy: &Policy) {
    let policy = Arc::new(policy.clone());
    let blobs = Arc::new(Blobs::default());
    for name in policy.streamtypes.keys() {
        let shown = match explain(&policy, name, &[], &blobs) {
            Ok(explanation) => explanation.to_string(),
            Err(unexplained) => unexplained.to_string(),
        };
        assert!(!shown.is_empty(), "{name} is explained by nothing");
    }
}

/// An overlay changes what it names; nothing changes nothing.
fn lay_over(parsed: &Parsed, over: &str) {
    let same = parsed.document.overlay("{}", "nothing").map(|same| same.policy);
    assert_eq!(same.as_ref().ok(), Some(&parsed.policy), "laid under nothing");
    assert_eq!(changed(&parsed.policy, &parsed.policy), Vec::<String>::new());
    if let Ok(other) = parsed.document.overlay(over, "over") {
        let names = changed(&parsed.policy, &other.policy);
        assert!(names.is_empty() || other.policy != parsed.policy, "changed and the same");
        show(&other.policy);
    }
}
