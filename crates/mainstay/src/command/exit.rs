//! How the command ends: exit codes, and which reason gets which.

use mainstay_base::{Local, Network, Outcome, Peer, Reason};
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit codes; `--help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Other = 1,
    Usage = 2,
    Policy = 3,
    Refused = 4,
    Unreachable = 5,
    Untrusted = 6,
    Timeout = 7,
    Unknown = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Exit,
    /// For standard error; empty when everything was said.
    words: String,
}

impl Failure {
    pub(crate) const fn new(code: Exit, words: String) -> Self {
        Self { code, words }
    }

    /// An attempt or connection of a stream ended for this reason.
    pub(crate) fn ended(stream: &str, ended: Reason) -> Self {
        Self::new(code(ended), format!("{stream}: {ended}"))
    }

    /// A message had this outcome; `None` for a good one.
    pub(crate) fn of_outcome(stream: &str, outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Acknowledged | Outcome::Sent => None,
            Outcome::Refused(why) => {
                let words = format!("{stream}: refused: {why}");
                Some(Self::new(code(why), words))
            }
            Outcome::Unknown(why) => {
                let words = format!("{stream}: it is not known whether the peer has it: {why}");
                Some(Self::new(Exit::Unknown, words))
            }
        }
    }

    /// Says it on standard error.
    pub(crate) fn tell(&self) {
        if !self.words.is_empty() {
            // Nowhere is left to say that this could not be written.
            let _lost = writeln!(io::stderr(), "mainstay: {}", self.words);
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Other, error.to_string())
    }
}

/// The exit code of a reason.
pub(crate) const fn code(reason: Reason) -> Exit {
    if reason.is_trust() {
        return Exit::Untrusted;
    }
    match reason {
        Reason::Policy(_) => Exit::Policy,
        Reason::Network(Network::TimedOut) | Reason::Local(Local::TimedOut(_)) => Exit::Timeout,
        Reason::Peer(Peer::Silent | Peer::Unacknowledged) => Exit::Timeout,
        Reason::Network(_) => Exit::Unreachable,
        Reason::Peer(Peer::Closed | Peer::Truncated) => Exit::Unreachable,
        Reason::Peer(Peer::Malformed | Peer::TooLarge) => Exit::Other,
        Reason::Local(Local::NoTime) => Exit::Untrusted,
        Reason::Peer(_) => Exit::Refused,
        Reason::Local(_) => Exit::Other,
    }
}

/// A write that failed because the reader went away is no failure.
pub(crate) fn unless_closed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_base::{Certificate, Phase};

    #[test]
    fn reasons_have_the_exit_codes_of_the_help() {
        for (reason, expected) in [
            (Reason::Network(Network::Refused), Exit::Unreachable),
            (Reason::Network(Network::NameNotFound), Exit::Unreachable),
            (Reason::Local(Local::TimedOut(Phase::Connect)), Exit::Timeout),
            (Reason::Peer(Peer::Certificate(Certificate::UnknownIssuer)), Exit::Untrusted),
            (Reason::Peer(Peer::Status(404)), Exit::Refused),
            (Reason::Peer(Peer::Connack(5)), Exit::Refused),
            (Reason::Policy(mainstay_base::Policy::Missing), Exit::Policy),
            (Reason::Local(Local::Limit), Exit::Other),
        ] {
            assert_eq!(code(reason), expected, "{reason:?}");
        }
    }

    #[test]
    fn outcomes_that_are_not_known_have_their_own_code() {
        let lost = Reason::Network(Network::Reset);
        let code = |outcome| Failure::of_outcome("s", outcome).map(|failure| failure.code);
        assert_eq!(code(Outcome::Unknown(lost)), Some(Exit::Unknown));
        assert_eq!(code(Outcome::Refused(lost)), Some(Exit::Unreachable));
        assert_eq!((code(Outcome::Acknowledged), code(Outcome::Sent)), (None, None));
    }
}
