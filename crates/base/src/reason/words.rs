//! Reasons in words for people: each is the end of a sentence.

use super::{Certificate, Local, Network, Peer, Phase, Policy, Reason};
use core::fmt;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Peer(peer) => of_peer(peer, f),
            Self::Local(local) => of_local(local, f),
            Self::Network(network) => f.write_str(of_network(network)),
            Self::Policy(policy) => f.write_str(of_policy(policy)),
        }
    }
}

impl core::error::Error for Reason {}

fn of_peer(peer: Peer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fixed = match peer {
        Peer::Closed => "the peer closed the connection",
        Peer::Truncated => "the peer ended without saying so; what came may be incomplete",
        Peer::Malformed => "the peer broke the protocol",
        Peer::TooLarge => "the peer sent more than our limit",
        Peer::Silent => "the peer is silent",
        Peer::Tls => "the peer broke TLS; is this a TLS port?",
        Peer::TlsIncompatible => "no TLS version or cipher in common",
        Peer::Alpn => "the peer speaks none of the protocols offered",
        Peer::Certificate(why) => return write!(f, "its certificate {}", of_certificate(why)),
        Peer::Alert(code) => return write!(f, "the peer ended TLS with alert {code}"),
        Peer::Status(status) => return write!(f, "HTTP status {status}"),
        Peer::Redirect(status) => return write!(f, "redirects ({status}) where we may not follow"),
        Peer::WsClose(code) => return write!(f, "the peer closed the WebSocket with code {code}"),
        Peer::Connack(code) => return write!(f, "the MQTT broker refused with code {code}"),
        Peer::Suback => "the MQTT broker refused the subscription",
        Peer::H2(code) => return write!(f, "HTTP/2 error code {code}"),
        Peer::ProxyStatus(status) => return write!(f, "the proxy answered {status}"),
        Peer::ProxyAuth => "the proxy wants other credentials",
        Peer::Socks(code) => return write!(f, "the SOCKS5 proxy answered {code}"),
        Peer::Unacknowledged => "the acknowledgement never came",
        Peer::Unprocessed => "the peer did not act on the request",
    };
    f.write_str(fixed)
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

fn of_local(local: Local, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fixed = match local {
        Local::Closed => "closed by us",
        Local::Destroyed => "the stream was ended",
        Local::Shutdown => "the device shuts down",
        Local::TimedOut(phase) => return write!(f, "no answer in time while {}", of_phase(phase)),
        Local::Limit => "a limit of ours or of the system is reached",
        Local::AddrInUse => "the address is taken",
        Local::NoPort => "no port to be had",
        Local::Denied => "the system forbids it",
        Local::NoTime => "the time is not known, so certificates cannot be judged",
        Local::Framing => "more was sent than announced",
        Local::Refused => "refused by us",
        Local::Idle => "idle",
    };
    f.write_str(fixed)
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

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString as _;

    #[test]
    fn a_reason_is_the_end_of_a_sentence() {
        let said = [
            (Reason::Peer(Peer::Status(404)), "HTTP status 404"),
            (Reason::Peer(Peer::Certificate(Certificate::Expired)), "its certificate is expired"),
            (Reason::Local(Local::TimedOut(Phase::Connect)), "no answer in time while connecting"),
            (Reason::Network(Network::Refused), "nobody listens there"),
        ];
        for (reason, words) in said {
            assert_eq!(reason.to_string(), words);
        }
    }
}
