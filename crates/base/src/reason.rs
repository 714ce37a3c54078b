//! Why something ended or was refused: a side first, then a distinct cause.
//!
//! One variant per cause, no strings, no types of dependencies. `code()` is stable and
//! append-only: it goes to logs, metrics and C. `Display` gives words for people.

mod words;

/// Why something ended, sorted by who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The peer, or a proxy on the way, did or said something.
    Peer(Peer),
    /// We did: a command, a limit or a deadline of ours.
    Local(Local),
    /// The network between did.
    Network(Network),
    /// The policy asks for what cannot be.
    Policy(Policy),
}

/// What the peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// It ended the connection in order.
    Closed,
    /// It ended TCP without TLS `close_notify` (LAY-259).
    Truncated,
    /// Its bytes break the protocol in use above TLS.
    Malformed,
    /// A header, frame or packet of it exceeds our limit.
    TooLarge,
    /// It answered nothing to our validity probe (SS-445).
    Silent,
    /// It sent a fatal TLS alert (IANA TLS Alerts).
    Alert(u8),
    /// It broke TLS.
    Tls,
    /// It offers no TLS version, cipher or group we accept.
    TlsIncompatible,
    /// It chose no application protocol we offered, or another one (RFC 7301).
    Alpn,
    /// Its certificate is not trusted, and why.
    Certificate(Certificate),
    /// HTTP status (RFC 9110 section 15).
    Status(u16),
    /// It redirects where we may not follow (SS-504).
    Redirect(u16),
    /// WebSocket close code (RFC 6455 section 7.4).
    WsClose(u16),
    /// MQTT CONNACK return code (MQTT 3.1.1 section 3.2.2.3).
    Connack(u8),
    /// MQTT SUBACK refused the subscription.
    Suback,
    /// HTTP/2 or stream error code (RFC 9113 section 7).
    H2(u32),
    /// The proxy answered CONNECT with this status.
    ProxyStatus(u16),
    /// The proxy wants other credentials.
    ProxyAuth,
    /// SOCKS5 reply code (RFC 1928 section 6).
    Socks(u8),
    /// The acknowledgement never came, after every repetition (SS-566).
    Unacknowledged,
    /// It did not act on the request, which may be repeated (RFC 9113 section 8.7).
    Unprocessed,
}

/// Why a certificate chain is not trusted (LAY-260).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certificate {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// No anchor of ours signed it.
    UnknownIssuer,
    /// It is for another name.
    WrongName,
    /// It is not for this use (client only, say).
    WrongUsage,
    /// A signature does not hold.
    BadSignature,
    /// Its key or signature is of a kind we refuse (RSA below 2048 bits, SHA-1).
    Weak,
    /// A revocation list names it.
    Revoked,
    /// It is not the one pinned.
    Pin,
    /// It cannot be read.
    Malformed,
    /// The peer sent none and must.
    Missing,
}

/// What we did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    /// The application closed it.
    Closed,
    /// The stream was destroyed.
    Destroyed,
    /// The device shuts down.
    Shutdown,
    /// A deadline of ours passed, in this phase (LAY-182).
    TimedOut(Phase),
    /// A limit of ours, or of the operating system: descriptors, memory, connections.
    Limit,
    /// The address is taken.
    AddrInUse,
    /// No port or address to be had.
    NoPort,
    /// The operating system forbids it.
    Denied,
    /// The wall clock is not known and certificates must be judged (LAY-251).
    NoTime,
    /// More was sent than was announced (SS-506), or the framing flags contradict (SS-310).
    Framing,
    /// The application's handler refused.
    Refused,
    /// Nothing more was asked of an idle connection.
    Idle,
}

/// What the network did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Nobody listens there.
    Refused,
    /// Reset by the other end or by something between.
    Reset,
    /// The transport gave up waiting.
    TimedOut,
    /// No route.
    Unreachable,
    /// The name does not exist.
    NameNotFound,
    /// No DNS server answered (ordinal 1 of UNREACHABLE, SS-100).
    ResolverUnreachable,
    /// The transport failed otherwise.
    Failed,
}

/// What the policy asks for and cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// `${name}` of a metadata that is not declared (SS-451).
    UndeclaredMetadata,
    /// A value that must be set is not: a blob, an endpoint.
    Missing,
    /// A value cannot be used: a host name, a header.
    Invalid,
    /// This version does not do it.
    Unsupported,
    /// A certificate, key or trust store is unusable.
    Trust,
}

/// Which part of a connection's life was running (LAY-180).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Name to addresses.
    Resolve,
    /// TCP or Unix connect.
    Connect,
    /// Proxy negotiation.
    Negotiate,
    /// TLS handshake.
    Handshake,
    /// The protocol's own opening: upgrade, CONNACK, response headers.
    Open,
    /// Payload.
    Data,
    /// Orderly end.
    Close,
}

impl Reason {
    /// A stable number: thousands are the side, hundreds the cause's group. Append-only.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Peer(peer) => 1000 + peer.code(),
            Self::Local(local) => 2000 + local.code(),
            Self::Network(network) => 3000 + network as u16,
            Self::Policy(policy) => 4000 + policy as u16,
        }
    }

    /// Whether the certificate or TLS itself was refused: the caller must act, not wait.
    #[must_use]
    pub const fn is_trust(self) -> bool {
        matches!(
            self,
            Self::Peer(
                Peer::Certificate(_)
                    | Peer::Alert(_)
                    | Peer::Tls
                    | Peer::TlsIncompatible
                    | Peer::Alpn
            )
        )
    }
}

impl Peer {
    const fn code(self) -> u16 {
        match self {
            Self::Closed => 1,
            Self::Truncated => 2,
            Self::Malformed => 3,
            Self::TooLarge => 4,
            Self::Silent => 5,
            Self::Alert(_) => 6,
            Self::Tls => 7,
            Self::TlsIncompatible => 8,
            Self::Alpn => 9,
            Self::Certificate(why) => 100 + why as u16,
            Self::Status(_) => 10,
            Self::Redirect(_) => 11,
            Self::WsClose(_) => 12,
            Self::Connack(_) => 13,
            Self::Suback => 14,
            Self::H2(_) => 15,
            Self::ProxyStatus(_) => 16,
            Self::ProxyAuth => 17,
            Self::Socks(_) => 18,
            Self::Unacknowledged => 19,
            Self::Unprocessed => 20,
        }
    }
}

impl Local {
    const fn code(self) -> u16 {
        match self {
            Self::Closed => 1,
            Self::Destroyed => 2,
            Self::Shutdown => 3,
            Self::TimedOut(phase) => 100 + phase as u16,
            Self::Limit => 4,
            Self::AddrInUse => 5,
            Self::NoPort => 6,
            Self::Denied => 7,
            Self::NoTime => 8,
            Self::Framing => 9,
            Self::Refused => 10,
            Self::Idle => 11,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_do_not_move() {
        assert_eq!(Reason::Peer(Peer::Certificate(Certificate::Expired)).code(), 1100);
        assert_eq!(Reason::Local(Local::TimedOut(Phase::Handshake)).code(), 2103);
        assert_eq!(Reason::Network(Network::ResolverUnreachable).code(), 3005);
        assert_eq!(Reason::Policy(Policy::Trust).code(), 4004);
        assert_eq!(Reason::Peer(Peer::Unacknowledged).code(), 1019);
    }
}
