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

    /// Every state below the user's, in the order of their numbers.
    pub const ALL: [Self; 21] = [
        Self::Unset,
        Self::Creating,
        Self::Disconnected,
        Self::Unreachable,
        Self::AuthFailed,
        Self::Connected,
        Self::Connecting,
        Self::Destroying,
        Self::Poll,
        Self::AllRetriesFailed,
        Self::QosAckRemote,
        Self::QosNackRemote,
        Self::QosAckLocal,
        Self::QosNackLocal,
        Self::Timeout,
        Self::ServerTxn,
        Self::ServerUpgrade,
        Self::EventWaitCancelled,
        Self::UpstreamLinkRetry,
        Self::SinkJoin,
        Self::SinkPart,
    ];

    /// The state of a number; `None` where SS-100 defines none, or above 66535.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        match number.checked_sub(USER_BASE) {
            Some(user) => u16::try_from(user).ok().map(Self::User),
            None => usize::try_from(number).ok().and_then(|n| Self::ALL.get(n)).copied(),
        }
    }

    /// The spelling of lws (SS-101).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unset => "(unset)",
            Self::Creating => "LWSSSCS_CREATING",
            Self::Disconnected => "LWSSSCS_DISCONNECTED",
            Self::Unreachable => "LWSSSCS_UNREACHABLE",
            Self::AuthFailed => "LWSSSCS_AUTH_FAILED",
            Self::Connected => "LWSSSCS_CONNECTED",
            Self::Connecting => "LWSSSCS_CONNECTING",
            Self::Destroying => "LWSSSCS_DESTROYING",
            Self::Poll => "LWSSSCS_POLL",
            Self::AllRetriesFailed => "LWSSSCS_ALL_RETRIES_FAILED",
            Self::QosAckRemote => "LWSSSCS_QOS_ACK_REMOTE",
            Self::QosNackRemote => "LWSSSCS_QOS_NACK_REMOTE",
            Self::QosAckLocal => "LWSSSCS_QOS_ACK_LOCAL",
            Self::QosNackLocal => "LWSSSCS_QOS_NACK_LOCAL",
            Self::Timeout => "LWSSSCS_TIMEOUT",
            Self::ServerTxn => "LWSSSCS_SERVER_TXN",
            Self::ServerUpgrade => "LWSSSCS_SERVER_UPGRADE",
            Self::EventWaitCancelled => "LWSSSCS_EVENT_WAIT_CANCELLED",
            Self::UpstreamLinkRetry => "LWSSSCS_UPSTREAM_LINK_RETRY",
            Self::SinkJoin => "LWSSSCS_SINK_JOIN",
            Self::SinkPart => "LWSSSCS_SINK_PART",
            Self::User(_) => "user state",
        }
    }
}

/// The number of the first user state. SS-100
const USER_BASE: u32 = 1000;

/// The name of any number (SS-101).
#[must_use]
pub fn state_name(number: u32) -> &'static str {
    match State::from_number(number) {
        Some(state) => state.name(),
        None if number >= USER_BASE => "user state",
        None => "unknown",
    }
}
