//! When a command that needs one stream gives up before its work began.

use super::exit::{Exit, Failure};
use mainstay_base::{Instant, Local, Phase, Reason};
use mainstay_policy::State;

/// Watches the attempts to connect.
#[derive(Debug)]
pub(crate) struct Attempts {
    stream: String,
    last: Option<Reason>,
    /// Connected at least once, or payload left.
    pub(crate) began: bool,
}

impl Attempts {
    pub(crate) const fn new(stream: String) -> Self {
        Self { stream, last: None, began: false }
    }

    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    /// Takes a state; a failure when trying again cannot help, or the policy tries no more.
    pub(crate) fn take(&mut self, state: State, reason: Option<Reason>) -> Option<Failure> {
        self.began |= state == State::Connected;
        if matches!(state, State::Unreachable | State::AuthFailed | State::Disconnected) {
            self.last = reason.or(self.last);
            let hopeless = self.last.filter(|&why| !self.began && is_hopeless(why));
            return hopeless.map(|why| self.ended(why));
        }
        (state == State::AllRetriesFailed).then(|| self.gave_up())
    }

    /// The time for connecting is over.
    pub(crate) fn overdue(&self, now: Instant, until: Instant) -> Option<Failure> {
        (!self.began && now >= until).then(|| self.gave_up())
    }

    fn gave_up(&self) -> Failure {
        self.ended(self.last.unwrap_or(Reason::Local(Local::TimedOut(Phase::Connect))))
    }

    fn ended(&self, why: Reason) -> Failure {
        Failure::ended(&self.stream, why)
    }
}

/// Whether only a person can help: the policy, or whom it trusts.
const fn is_hopeless(reason: Reason) -> bool {
    reason.is_trust() || matches!(reason, Reason::Policy(_))
}

/// The command was interrupted while messages awaited their outcome, or nothing did.
pub(crate) fn interrupted(stream: &str, pending: u64) -> Failure {
    if pending == 0 {
        return Failure::new(Exit::Other, format!("{stream}: interrupted"));
    }
    let words = format!("{stream}: interrupted before {pending} messages had an outcome");
    Failure::new(Exit::Unknown, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use mainstay_base::{Certificate, Network, Peer};

    #[test]
    fn an_unreachable_peer_is_tried_until_time_or_the_policy_ends_it() {
        let mut attempts = Attempts::new("s".into());
        let refused = Some(Reason::Network(Network::Refused));
        assert!(attempts.take(State::Unreachable, refused).is_none());
        let until = Instant::ZERO + Duration::from_secs(1);
        assert!(attempts.overdue(Instant::ZERO, until).is_none());
        assert_eq!(attempts.overdue(until, until).map(|f| f.code), Some(Exit::Unreachable));
        let end = attempts.take(State::AllRetriesFailed, None);
        assert_eq!(end.map(|failure| failure.code), Some(Exit::Unreachable));
        attempts.take(State::Connected, None);
        assert!(attempts.overdue(until, until).is_none());
    }

    #[test]
    fn distrust_ends_at_once_and_silence_is_a_timeout() {
        let mut attempts = Attempts::new("s".into());
        let distrust = Some(Reason::Peer(Peer::Certificate(Certificate::UnknownIssuer)));
        let end = attempts.take(State::Unreachable, distrust);
        assert_eq!(end.map(|failure| failure.code), Some(Exit::Untrusted));
        let silent = Attempts::new("s".into());
        let end = silent.overdue(Instant::ZERO, Instant::ZERO);
        assert_eq!(end.map(|failure| failure.code), Some(Exit::Timeout));
    }
}
