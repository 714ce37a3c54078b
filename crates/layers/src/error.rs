//! What is wrong with a specification, and which failures are worth another try.

use core::fmt;

use mainstay_base::{Network, Peer, Reason};

/// A fault in a specification, with where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecFault {
    /// JSON path, `$` the specification itself: `$.layers[1].proxy`.
    pub path: String,
    /// What is wrong there.
    pub kind: SpecFaultKind,
}

/// What is wrong with a specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecFaultKind {
    /// No base or layer is called so.
    UnknownName,
    /// No parameter is called so.
    UnknownMember,
    /// A parameter must be there and is not.
    Missing,
    /// Another type belongs here; which.
    WrongType(&'static str),
    /// The type is right and the value is not; what it must be.
    Invalid(&'static str),
    /// Known, and not done by this version.
    Unsupported,
    /// Two layers that do not go together, lower first, and the rule (LAY-192).
    Rule {
        /// The lower one.
        lower: &'static str,
        /// The one that may not stand above it.
        upper: &'static str,
        /// The rule.
        rule: &'static str,
    },
}

impl SpecFault {
    pub(crate) fn new(path: &str, kind: SpecFaultKind) -> Self {
        Self { path: path.to_owned(), kind }
    }
}

impl fmt::Display for SpecFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match &self.kind {
            SpecFaultKind::UnknownName => f.write_str("no base or layer has this name"),
            SpecFaultKind::UnknownMember => f.write_str("no parameter has this name"),
            SpecFaultKind::Missing => f.write_str("is missing"),
            SpecFaultKind::WrongType(expected) => write!(f, "must be {expected}"),
            SpecFaultKind::Invalid(expected) => write!(f, "must be {expected}"),
            SpecFaultKind::Unsupported => f.write_str("is not supported by this version"),
            SpecFaultKind::Rule { lower, upper, rule } => {
                write!(f, "{upper} cannot stand on {lower}: {rule}")
            }
        }
    }
}

impl core::error::Error for SpecFault {}

/// Whether the same attempt may succeed later, as far as a layer can tell (LAY-226, LAY-227,
/// LAY-235).
#[must_use]
pub const fn is_retryable(reason: Reason) -> bool {
    match reason {
        Reason::Peer(Peer::ProxyStatus(status)) => {
            matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
        }
        Reason::Peer(Peer::Socks(reply)) => matches!(reply, 1 | 3..=6),
        Reason::Peer(Peer::Closed) | Reason::Network(Network::Reset) => true,
        Reason::Peer(_) | Reason::Network(_) | Reason::Local(_) | Reason::Policy(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers LAY-226, LAY-235
    #[test]
    fn only_passing_refusals_are_worth_another_try() {
        let status = |status| is_retryable(Reason::Peer(Peer::ProxyStatus(status)));
        assert!([408, 425, 429, 500, 502, 503, 504].into_iter().all(status));
        assert!(![301, 403, 404, 407, 501, 505].into_iter().any(status));
        let socks = |reply| is_retryable(Reason::Peer(Peer::Socks(reply)));
        assert!([1, 3, 4, 5, 6].into_iter().all(socks));
        assert!(![2, 7, 8, 9].into_iter().any(socks));
    }
}
