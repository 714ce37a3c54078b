//! Why a stream or the connection ended, from the library's error to ours.

use ::h2::{Error, Reason as Code};
use mainstay_base::{Local, Network, Peer, Reason};

/// Why a stream ended. `ended` is why its connection did, if it did.
pub(super) fn of_stream(error: &Error, ended: Option<Reason>) -> Reason {
    if error.is_go_away() && error.is_remote() {
        return Reason::Peer(Peer::Unprocessed);
    }
    match (error.reason(), error.is_remote()) {
        (Some(Code::REFUSED_STREAM), true) => Reason::Peer(Peer::Unprocessed),
        (Some(code), true) => Reason::Peer(Peer::H2(code.into())),
        (Some(code), false) => of_code(code),
        (None, _) => ended.unwrap_or(Reason::Network(Network::Failed)),
    }
}

/// Why the connection ended. `transport` is what its transport said, if that ended it.
pub(super) fn of_connection(error: &Error, transport: Option<Reason>) -> Reason {
    match (error.reason(), error.is_remote()) {
        (Some(code), true) => Reason::Peer(Peer::H2(code.into())),
        (Some(code), false) => of_code(code),
        (None, _) => transport.unwrap_or(Reason::Peer(Peer::Malformed)),
    }
}

/// What we told the peer is wrong with its bytes.
fn of_code(code: Code) -> Reason {
    if code == Code::ENHANCE_YOUR_CALM {
        return Reason::Peer(Peer::TooLarge);
    }
    if code == Code::NO_ERROR || code == Code::CANCEL {
        return Reason::Local(Local::Closed);
    }
    Reason::Peer(Peer::Malformed)
}
