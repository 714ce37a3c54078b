//! Who may follow whom (SS-106, SS-107), and what is never judged (SS-105).

use crate::State;
use State::{
    AllRetriesFailed, AuthFailed, Connected, Connecting, Creating, Destroying, Disconnected, Poll,
    QosAckLocal, QosAckRemote, QosNackLocal, QosNackRemote, ServerTxn, ServerUpgrade, Timeout,
    Unreachable,
};

/// Whether a stream whose last remembered state is `from` may be told `to`.
///
/// Transient states are legal from any state, and are never remembered, so that nothing legally
/// follows them either.
#[must_use]
pub fn legal(from: State, to: State) -> bool {
    to.is_transient() || after(from).contains(&to)
}

impl State {
    /// Whether it is delivered without being remembered (SS-105), and so legal at any time: notices,
    /// user states, and TIMEOUT (SS-107).
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::EventWaitCancelled
            | Self::UpstreamLinkRetry
            | Self::SinkJoin
            | Self::SinkPart
            | Self::Timeout
            | Self::User(_) => true,
            Self::Unset
            | Creating
            | Disconnected
            | Unreachable
            | AuthFailed
            | Connected
            | Connecting
            | Destroying
            | Poll
            | AllRetriesFailed
            | QosAckRemote
            | QosNackRemote
            | QosAckLocal
            | QosNackLocal
            | ServerTxn
            | ServerUpgrade => false,
        }
    }
}

/// The table of SS-106 with MQTT built, and the arcs of SS-107.
const fn after(from: State) -> &'static [State] {
    match from {
        State::Unset => &[Creating, Destroying],
        Creating => &[Connecting, Poll, ServerUpgrade, Unreachable, Destroying],
        Disconnected => &[Connecting, Connected, Unreachable, Poll, AllRetriesFailed, Destroying],
        Unreachable => &[Unreachable, AllRetriesFailed, Poll, Connecting, Connected, Destroying],
        AuthFailed => &[AllRetriesFailed, Connecting, Disconnected, Poll, Destroying],
        Connected => &[
            ServerUpgrade,
            ServerTxn,
            AuthFailed,
            QosAckRemote,
            QosNackRemote,
            QosAckLocal,
            QosNackLocal,
            Disconnected,
            Connecting,
            Poll,
            Destroying,
        ],
        Connecting => &[
            Unreachable,
            AuthFailed,
            Connecting,
            Connected,
            QosAckRemote,
            QosNackRemote,
            Poll,
            AllRetriesFailed,
            ServerUpgrade,
            Disconnected,
            Destroying,
        ],
        Poll => &[Connecting, AllRetriesFailed, Destroying],
        AllRetriesFailed => &[Connecting, Poll, Unreachable, Disconnected, Destroying],
        QosAckRemote | QosNackRemote => {
            &[QosAckRemote, QosNackRemote, Disconnected, Connecting, Poll, ServerTxn, Destroying]
        }
        QosAckLocal => &[Disconnected, Poll, ServerTxn, Destroying],
        QosNackLocal => &[Poll, ServerTxn, Destroying],
        ServerTxn => &[ServerTxn, Disconnected, Destroying],
        ServerUpgrade => &[ServerUpgrade, ServerTxn, Connected, Disconnected, Destroying],
        // Never remembered (SS-107): the row of SS-106 only serves a caller that does.
        Timeout => &[
            Connecting,
            Connected,
            QosAckRemote,
            QosNackRemote,
            Poll,
            Disconnected,
            Unreachable,
            Destroying,
        ],
        Destroying
        | State::EventWaitCancelled
        | State::UpstreamLinkRetry
        | State::SinkJoin
        | State::SinkPart
        | State::User(_) => &[],
    }
}
