//! Reasons and states in words for people.

use mainstay_base::{Certificate, Local, Network, Peer, Phase, Policy, Reason};
use mainstay_policy::{Protocol, State};

/// What happened, as the end of a sentence.
pub(crate) fn words(reason: Reason) -> String {
    match reason {
        Reason::Peer(peer) => of_peer(peer),
        Reason::Local(local) => of_local(local),
        Reason::Network(network) => of_network(network).to_owned(),
        Reason::Policy(policy) => of_policy(policy).to_owned(),
    }
}

fn of_peer(peer: Peer) -> String {
    let fixed = match peer {
        Peer::Closed => "the peer closed the connection",
        Peer::Truncated => "the peer ended without saying so; what came may be incomplete",
        Peer::Malformed => "the peer broke the protocol",
        Peer::TooLarge => "the peer sent more than our limit",
        Peer::Silent => "the peer is silent",
        Peer::Tls => "the peer broke TLS; is this a TLS port?",
        Peer::TlsIncompatible => "no TLS version or cipher in common",
        Peer::Alpn => "the peer speaks none of the protocols offered",
        Peer::Certificate(why) => return format!("its certificate {}", of_certificate(why)),
        Peer::Alert(code) => return format!("the peer ended TLS with alert {code}"),
        Peer::Status(status) => return format!("HTTP status {status}"),
        Peer::Redirect(status) => return format!("redirects ({status}) where we may not follow"),
        Peer::WsClose(code) => return format!("the peer closed the WebSocket with code {code}"),
        Peer::Connack(code) => return format!("the MQTT broker refused with code {code}"),
        Peer::Suback => "the MQTT broker refused the subscription",
        Peer::H2(code) => return format!("HTTP/2 error code {code}"),
        Peer::ProxyStatus(status) => return format!("the proxy answered {status}"),
        Peer::ProxyAuth => "the proxy wants other credentials",
        Peer::Socks(code) => return format!("the SOCKS5 proxy answered {code}"),
        Peer::Unacknowledged => "the acknowledgement never came",
        Peer::Unprocessed => "the peer did not act on the request",
    };
    fixed.to_owned()
}

const fn of_certificate(why: Certificate) -> &'static str {
    match why {
        Certificate::Expired => "is expired",
        Certificate::NotYetValid => "is not yet valid",
        Certificate::UnknownIssuer => "is signed by none we trust",
        Certificate::WrongName => "is for another name",
        Certificate::WrongUsage => "is not for servers",
        Certificate::BadSignature => "has a wrong signature",
        Certificate::Weak => "has a key or signature too weak",
        Certificate::Revoked => "is revoked",
        Certificate::Pin => "is not the one pinned",
        Certificate::Malformed => "cannot be read",
        Certificate::Missing => "is missing",
    }
}

fn of_local(local: Local) -> String {
    let fixed = match local {
        Local::Closed => "closed by us",
        Local::Destroyed => "the stream was ended",
        Local::Shutdown => "the device shuts down",
        Local::TimedOut(phase) => return format!("no answer in time while {}", of_phase(phase)),
        Local::Limit => "a limit of ours or of the system is reached",
        Local::AddrInUse => "the address is taken",
        Local::NoPort => "no port to be had",
        Local::Denied => "the system forbids it",
        Local::NoTime => "the time is not known, so certificates cannot be judged",
        Local::Framing => "more was sent than announced",
        Local::Refused => "refused by us",
        Local::Idle => "idle",
    };
    fixed.to_owned()
}

const fn of_phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "asking for its address",
        Phase::Connect => "connecting",
        Phase::Negotiate => "negotiating with the proxy",
        Phase::Handshake => "agreeing on TLS",
        Phase::Open => "opening the protocol",
        Phase::Data => "sending and receiving",
        Phase::Close => "closing",
    }
}

const fn of_network(network: Network) -> &'static str {
    match network {
        Network::Refused => "nobody listens there",
        Network::Reset => "the connection was reset",
        Network::TimedOut => "the network gave up waiting",
        Network::Unreachable => "no route",
        Network::NameNotFound => "there is no such name",
        Network::ResolverUnreachable => "no name server answers",
        Network::Failed => "the connection failed",
    }
}

const fn of_policy(policy: Policy) -> &'static str {
    match policy {
        Policy::UndeclaredMetadata => "the policy substitutes a metadata it does not declare",
        Policy::Missing => "a value the policy needs is not set",
        Policy::Invalid => "a value of the policy cannot be used here",
        Policy::Unsupported => "this version cannot do what the policy asks",
        Policy::Trust => "a certificate, key or trust store of the policy cannot be used",
    }
}

/// A state as people read it.
pub(crate) fn state(state: State) -> String {
    let name = state.name().strip_prefix("LWSSSCS_").unwrap_or_else(|| state.name());
    name.to_ascii_lowercase().replace('_', " ")
}

/// A protocol as policies write it.
pub(crate) const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::H1 => "h1",
        Protocol::H2 => "h2",
        Protocol::H3 => "h3",
        Protocol::Ws => "ws",
        Protocol::Mqtt => "mqtt",
        Protocol::Raw => "raw",
    }
}
