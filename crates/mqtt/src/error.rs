//! What can be wrong: a command (`Misuse`), or the peer's bytes (`Fault`).

use core::fmt;

use mainstay_base::{Peer, Reason};

/// A command that cannot be; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Misuse {
    /// The session is not open: no CONNACK yet, or over.
    NotOpen,
    /// `room().down` is 0, or too many requests wait.
    NoRoom,
    /// The payload of the last publish is not complete yet.
    Unfinished,
    /// The topic is empty, too long, or has a wildcard or NUL (MQTT 3.1.1 §4.7).
    Topic,
    /// The filter is empty, too long, or misplaces a wildcard (MQTT 3.1.1 §4.7.1).
    Filter,
    /// A quality of service above 2.
    Qos,
    /// A field or the whole packet exceeds what the format can state.
    TooLong,
    /// Longer than 128 bytes (SS-560), or empty without a clean session (MQTT-3.1.3-7).
    ClientId,
    /// A password without a user name (MQTT-3.1.2-22).
    Password,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the session is not open",
            Self::NoRoom => "no room now",
            Self::Unfinished => "the previous publish is not complete",
            Self::Topic => "not a topic name",
            Self::Filter => "not a topic filter",
            Self::Qos => "not a quality of service",
            Self::TooLong => "too long for MQTT",
            Self::ClientId => "not a client id",
            Self::Password => "a password needs a user name",
        })
    }
}

impl core::error::Error for Misuse {}

/// Why received bytes end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// They break MQTT 3.1.1.
    Malformed,
    /// They exceed a limit of `Config`.
    TooLarge,
}

impl Fault {
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Malformed => Reason::Peer(Peer::Malformed),
            Self::TooLarge => Reason::Peer(Peer::TooLarge),
        }
    }
}
