//! What a command refuses. The caller could have known; the peer never causes these.

use core::fmt;
use mainstay_base::{Local, Policy, Reason};

/// Why a stream was not created (SS-202).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateError {
    /// The policy has no such streamtype (SS-005).
    UnknownStreamtype,
    /// The streamtype needs this key, and this version does nothing with it.
    Unsupported(String),
    /// The state handler answered CREATING with `DESTROY_ME` (SS-121).
    RefusedByHandler,
    /// A limit of the node is reached.
    Limit,
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownStreamtype => "the policy has no such streamtype",
            Self::Unsupported(key) => return write!(f, "this version does not do `{key}`"),
            Self::RefusedByHandler => "the handler ended it at creation",
            Self::Limit => "there are too many streams",
        })
    }
}

impl core::error::Error for CreateError {}

/// Why a command was refused (SS-202).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// The stream is destroyed, or destroying itself (SS-131).
    Destroyed,
    /// No way for payload is open.
    NotConnected,
    /// More than there is room for: ask for tx and wait.
    NoRoom,
    /// Flags contradict what went before (SS-310), or the announced length (SS-506).
    Framing,
    /// The streamtype declares no such metadata (SS-225).
    NoSuchMetadata,
    /// The streamtype names no endpoint (SS-146).
    NoEndpoint,
    /// The protocol, or this version, cannot do it.
    Unsupported,
    /// The policy's text cannot be used as it is: a template, a header name.
    Policy(Policy),
}

impl Misuse {
    /// The same as the reason of a refused message's outcome.
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Destroyed => Reason::Local(Local::Destroyed),
            Self::NotConnected => Reason::Local(Local::Closed),
            Self::NoRoom => Reason::Local(Local::Limit),
            Self::Framing => Reason::Local(Local::Framing),
            Self::NoSuchMetadata => Reason::Policy(Policy::UndeclaredMetadata),
            Self::NoEndpoint => Reason::Policy(Policy::Missing),
            Self::Unsupported => Reason::Policy(Policy::Unsupported),
            Self::Policy(policy) => Reason::Policy(policy),
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Destroyed => "the stream is destroyed",
            Self::NotConnected => "the stream is not connected",
            Self::NoRoom => "there is no room for so much; ask for tx and wait",
            Self::Framing => "the flags or the length contradict what went before",
            Self::NoSuchMetadata => "the streamtype declares no such metadata",
            Self::NoEndpoint => "the streamtype names no endpoint",
            Self::Unsupported => "the protocol or this version cannot do it",
            Self::Policy(_) => "a value of the policy cannot be used as it is",
        })
    }
}

impl core::error::Error for Misuse {}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers SS-202
    #[test]
    fn errors_are_told_apart() {
        let refusals = [
            Misuse::Destroyed,
            Misuse::NotConnected,
            Misuse::NoSuchMetadata,
            Misuse::Unsupported,
            Misuse::Policy(Policy::Invalid),
        ];
        for (place, refusal) in refusals.iter().enumerate() {
            assert_eq!(refusals.iter().position(|other| other == refusal), Some(place));
        }
        assert_ne!(CreateError::UnknownStreamtype, CreateError::RefusedByHandler);
    }
}
