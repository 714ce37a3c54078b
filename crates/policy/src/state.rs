//! The stream-state vocabulary with the numbers of lws (SS-100). Owns names and numbers;
//! who may follow whom is in `legal.rs`.

/// A state as applications and the proxy link see it: states and notices mixed, as in C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Never delivered; the value before CREATING.
    Unset,
    /// 1: once, inside create.
    Creating,
    /// 2: a connection that had reached CONNECTED is gone.
    Disconnected,
    /// 3: an attempt ended before CONNECTED.
    Unreachable,
    /// 4: credentials missing or refused (SS-112).
    AuthFailed,
    /// 5: the connection, or the transaction on it, is up (SS-110).
    Connected,
    /// 6: immediately before each attempt.
    Connecting,
    /// 7: last of all.
    Destroying,
    /// 8: a tx request on an idle stream, or the end of a back-off, is about to start an attempt.
    Poll,
    /// 9: the retry scheme is exhausted or absent.
    AllRetriesFailed,
    /// 10: the peer acknowledged.
    QosAckRemote,
    /// 11: the peer refused, or repetitions ran out.
    QosNackRemote,
    /// 12: a local proxy accepted.
    QosAckLocal,
    /// 13: a local proxy refused.
    QosNackLocal,
    /// 14: the application's timer elapsed.
    Timeout,
    /// 15: an accepted stream got a request.
    ServerTxn,
    /// 16: an accepted stream changed protocol.
    ServerUpgrade,
    /// 17: someone cancelled the poll wait.
    EventWaitCancelled,
    /// 18: the link to the proxy could not be made.
    UpstreamLinkRetry,
    /// 19: a source wants to join this sink.
    SinkJoin,
    /// 20: a source left this sink.
    SinkPart,
    /// 1000 + n: user-defined, from `http_resp_map`.
    User(u16),
}

impl State {
    /// The lws number (SS-100).
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Unset => 0,
            Self::Creating => 1,
            Self::Disconnected => 2,
            Self::Unreachable => 3,
            Self::AuthFailed => 4,
            Self::Connected => 5,
            Self::Connecting => 6,
            Self::Destroying => 7,
            Self::Poll => 8,
            Self::AllRetriesFailed => 9,
            Self::QosAckRemote => 10,
            Self::QosNackRemote => 11,
            Self::QosAckLocal => 12,
            Self::QosNackLocal => 13,
            Self::Timeout => 14,
            Self::ServerTxn => 15,
            Self::ServerUpgrade => 16,
            Self::EventWaitCancelled => 17,
            Self::UpstreamLinkRetry => 18,
            Self::SinkJoin => 19,
            Self::SinkPart => 20,
            Self::User(n) => 1000 + n as u32,
        }
    }
}
