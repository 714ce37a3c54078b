//! What a caller did wrong, and what the library said, in our words.

use core::fmt;

use mainstay_base::{Certificate, Local, Peer, Reason};
use rustls::{AlertDescription, CertificateError, Error, OtherError};
use std::sync::Arc;

/// Why a configuration cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigFault {
    /// No root, no listed certificate and no pin: nobody could ever be trusted.
    NoTrust,
    /// A certificate of a trust store cannot be read.
    Certificate,
    /// A revocation list cannot be read.
    RevocationList,
    /// A certificate chain or key of ours cannot be read, or they do not belong together.
    Identity,
    /// A server without identity.
    NoIdentity,
    /// The lowest version is above the highest.
    Versions,
    /// A protocol name is empty or longer than 255 bytes (RFC 7301 §3.1).
    Alpn,
    /// The provider cannot: no randomness, say.
    Provider,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTrust => "no root, no listed certificate and no pin",
            Self::Certificate => "a certificate cannot be read",
            Self::RevocationList => "a revocation list cannot be read",
            Self::Identity => "certificate chain and key cannot be read or do not match",
            Self::NoIdentity => "a server needs an identity",
            Self::Versions => "the lowest version is above the highest",
            Self::Alpn => "a protocol name must have 1 to 255 bytes",
            Self::Provider => "the cryptography provider refused",
        })
    }
}

impl core::error::Error for ConfigFault {}

/// A command that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// The server name is neither a DNS name nor an IP address.
    ServerName,
    /// The library refused the configuration for a new session.
    Config,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerName => "the server name is neither a DNS name nor an IP address",
            Self::Config => "the configuration cannot start a session",
        })
    }
}

impl core::error::Error for Misuse {}

/// Our own verdict on a chain, carried through the library to `reason`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal(pub(crate) Reason);

impl Refusal {
    pub(crate) fn certificate(why: Certificate) -> Error {
        Self::of(Peer::Certificate(why))
    }

    pub(crate) fn of(peer: Peer) -> Error {
        let refusal = Arc::new(Self(Reason::Peer(peer)));
        Error::InvalidCertificate(CertificateError::Other(OtherError(refusal)))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl core::error::Error for Refusal {}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list is long and open")]
/// The library's error as a reason. One function, so that each cause is decided once (LAY-260).
pub(crate) fn reason(error: &Error) -> Reason {
    Reason::Peer(match error {
        Error::InvalidCertificate(why) => return certificate(why),
        Error::NoCertificatesPresented => Peer::Certificate(Certificate::Missing),
        Error::AlertReceived(alert) => alert_received(*alert),
        Error::PeerIncompatible(_) => Peer::TlsIncompatible,
        Error::NoApplicationProtocol => Peer::Alpn,
        Error::PeerMisbehaved(rustls::PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            Peer::Alpn
        }
        Error::FailedToGetCurrentTime => return Reason::Local(Local::NoTime),
        Error::FailedToGetRandomBytes => return Reason::Local(Local::Limit),
        Error::InvalidMessage(rustls::InvalidMessage::HandshakePayloadTooLarge)
        | Error::PeerSentOversizedRecord => Peer::TooLarge,
        _ => Peer::Tls,
    })
}

/// `protocol_version` says what `TlsIncompatible` says; every other alert is passed on.
fn alert_received(alert: AlertDescription) -> Peer {
    match u8::from(alert) {
        70 => Peer::TlsIncompatible,
        number => Peer::Alert(number),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list is long and open")]
#[expect(deprecated, reason = "the library still returns the forms without context")]
fn certificate(why: &CertificateError) -> Reason {
    use CertificateError as E;
    Reason::Peer(Peer::Certificate(match why {
        E::Expired | E::ExpiredContext { .. } => Certificate::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => Certificate::NotYetValid,
        E::NotValidForName | E::NotValidForNameContext { .. } => Certificate::WrongName,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Certificate::WrongUsage,
        E::BadSignature => Certificate::BadSignature,
        E::UnsupportedSignatureAlgorithm
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Certificate::Weak,
        // Fail closed: a status that cannot be told is treated as revoked.
        E::Revoked
        | E::UnknownRevocationStatus
        | E::ExpiredRevocationList
        | E::ExpiredRevocationListContext { .. } => Certificate::Revoked,
        E::BadEncoding | E::UnhandledCriticalExtension => Certificate::Malformed,
        E::Other(other) => {
            return other
                .0
                .downcast_ref::<Refusal>()
                .map_or(Reason::Peer(Peer::Certificate(Certificate::WrongUsage)), |own| own.0);
        }
        _ => Certificate::UnknownIssuer,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_ours_survives_the_library() {
        let why = Refusal::certificate(Certificate::Pin);
        assert_eq!(reason(&why), Reason::Peer(Peer::Certificate(Certificate::Pin)));
    }

    // Covers LAY-241, LAY-260
    #[test]
    fn an_alert_keeps_its_number_but_for_the_version() {
        let of = |alert| reason(&Error::AlertReceived(alert));
        assert_eq!(of(AlertDescription::HandshakeFailure), Reason::Peer(Peer::Alert(40)));
        assert_eq!(of(AlertDescription::Unknown(200)), Reason::Peer(Peer::Alert(200)));
        assert_eq!(of(AlertDescription::ProtocolVersion), Reason::Peer(Peer::TlsIncompatible));
    }
}
