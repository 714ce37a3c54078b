//! The judgement over a server's certificates: the library builds the path, this file adds pins,
//! listed end entities, weak keys, the clock's floor and limits, and says why in our words.

use std::sync::Arc;

use mainstay_base::{Certificate, Peer};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::certificate::Facts;
use crate::client::provider;
use crate::clock::WallClock;
use crate::error::{ConfigFault, Refusal};
use crate::limits::{CERTIFICATES_MAX, HANDSHAKE_HELD_MAX};
use crate::trust::{Pin, PinMode, TrustStore};

#[derive(Debug)]
pub(crate) struct ServerJudge {
    trust: TrustStore,
    paths: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    clock: WallClock,
}

impl ServerJudge {
    pub(crate) fn new(trust: TrustStore, clock: WallClock) -> Result<Self, ConfigFault> {
        if trust.is_empty() || trust.roots.is_empty() && trust.pin_mode == PinMode::And {
            return Err(ConfigFault::NoTrust);
        }
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        let paths = if trust.roots.is_empty() {
            None
        } else {
            let lists = trust.revocation_lists.iter().cloned();
            let builder =
                WebPkiServerVerifier::builder_with_provider(trust.roots.clone(), provider)
                    .with_crls(lists)
                    .enforce_revocation_expiration();
            Some(builder.build().map_err(|_| ConfigFault::RevocationList)?)
        };
        Ok(Self { trust, paths, algorithms, clock })
    }

    fn is_pinned(&self, leaf: &[u8], facts: &Facts<'_>) -> bool {
        self.trust.pins.iter().any(|pin| match pin {
            Pin::PublicKey(digest) => *digest == sha256(facts.public_key),
            Pin::Leaf(der) => der == leaf,
        })
    }

    /// A listed self-signed end entity: no path, but its time and name (LAY-248).
    fn judge_listed(
        &self,
        leaf: &CertificateDer<'_>,
        facts: &Facts<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now > facts.valid.1 {
            return Err(Refusal::certificate(Certificate::Expired));
        }
        if now < facts.valid.0 && !self.clock.is_floor() {
            return Err(Refusal::certificate(Certificate::NotYetValid));
        }
        match verify_server_name(&ParsedCertificate::try_from(leaf)?, name) {
            Err(error) if is_wrong_name(&error) && self.is_common_name(facts, name) => Ok(()),
            other => other,
        }
    }

    /// The path and the name, by the library; later than now if only the clock's floor is known.
    fn judge_path(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        mut now: UnixTime,
    ) -> Result<(), Error> {
        let Some(paths) = &self.paths else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        // Each certificate can push the moment once.
        for _ in 0..=CERTIFICATES_MAX {
            match paths.verify_server_cert(leaf, intermediates, name, &[], now) {
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before,
                    ..
                })) if self.clock.is_floor() && not_before > now => now = not_before,
                other => return other.map(|_| ()),
            }
        }
        Err(CertificateError::NotValidYet.into())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's list is long and open")]
    /// The library's word, made more exact.
    fn refine(
        &self,
        error: Error,
        facts: &Facts<'_>,
        chain: &[&CertificateDer<'_>],
        name: &ServerName<'_>,
    ) -> Result<(), Error> {
        if is_wrong_name(&error) && self.is_common_name(facts, name) {
            return Ok(());
        }
        let weak = || chain.iter().any(|der| Facts::read(der).is_some_and(|f| f.is_weak()));
        match &error {
            Error::InvalidCertificate(CertificateError::BadSignature) if weak() => {
                Err(Refusal::certificate(Certificate::Weak))
            }
            // What the library has no word for is, in path building, a CA used as end entity.
            Error::InvalidCertificate(CertificateError::Other(_)) if facts.self_issued => {
                Err(CertificateError::UnknownIssuer.into())
            }
            _ => Err(error),
        }
    }

    /// The common name counts only without any DNS name, and only for DNS names (LAY-249).
    fn is_common_name(&self, facts: &Facts<'_>, name: &ServerName<'_>) -> bool {
        let ServerName::DnsName(wanted) = name else { return false };
        self.trust.allow_common_name
            && !facts.has_dns_name
            && facts
                .common_name
                .is_some_and(|common| common.eq_ignore_ascii_case(wanted.as_ref().as_bytes()))
    }
}

impl Facts<'_> {
    const fn is_weak(&self) -> bool {
        self.weak_key || self.weak_signature
    }
}

impl ServerCertVerifier for ServerJudge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let bytes = intermediates.iter().map(|der| der.len()).sum::<usize>() + leaf.len();
        if intermediates.len() >= CERTIFICATES_MAX || bytes > HANDSHAKE_HELD_MAX {
            return Err(Refusal::of(Peer::TooLarge));
        }
        let Some(facts) = Facts::read(leaf) else {
            return Err(Refusal::certificate(Certificate::Malformed));
        };
        let pinned = self.is_pinned(leaf, &facts);
        if !pinned && self.trust.pin_mode == PinMode::PinOnly && !self.trust.pins.is_empty() {
            return Err(Refusal::certificate(Certificate::Pin));
        }
        if self.trust.pin_mode == PinMode::And || !pinned {
            let listed = self.trust.leaf_anchor
                && facts.self_issued
                && self.trust.listed.iter().any(|der| **der == **leaf);
            if listed {
                self.judge_listed(leaf, &facts, name, now)?;
            } else if let Err(error) = self.judge_path(leaf, intermediates, name, now) {
                let chain: Vec<_> = core::iter::once(leaf).chain(intermediates).collect();
                self.refine(error, &facts, &chain, name)?;
            }
        }
        if facts.weak_key {
            return Err(Refusal::certificate(Certificate::Weak));
        }
        if !pinned && !self.trust.pins.is_empty() {
            return Err(Refusal::certificate(Certificate::Pin));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

const fn is_wrong_name(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

/// SHA-256 by the provider; all zeros, which is no digest of a key, should it have none.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let suite = rustls::crypto::ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    suite
        .tls13()
        .and_then(|suite| suite.common.hash_provider.hash(bytes).as_ref().try_into().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::error::reason;

    // Certificates of kinds no library here still makes, made by openssl 3.0; 2020 to 2040.
    const AUTHORITY: &[u8] = include_bytes!("../tests/fixtures/weak-authority.pem");
    const RSA_1024: &[u8] = include_bytes!("../tests/fixtures/rsa-1024.pem");
    const RSA_2048: &[u8] = include_bytes!("../tests/fixtures/rsa-2048.pem");
    const SHA_1: &[u8] = include_bytes!("../tests/fixtures/sha-1.pem");

    fn verdict(leaf: &[u8]) -> Option<mainstay_base::Reason> {
        let mut trust = TrustStore::new();
        trust.add_pem(AUTHORITY).unwrap();
        let judge = ServerJudge::new(trust, WallClock::new(None)).unwrap();
        let leaf = CertificateDer::from_pem_slice(leaf).unwrap();
        let name = ServerName::try_from("server.test").unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_795_132_800));
        let result = judge.verify_server_cert(&leaf, &[], &name, &[], now);
        result.err().map(|error| reason(&error))
    }

    // Covers LAY-260
    #[test]
    fn short_keys_and_broken_digests_are_weak() {
        let weak = Some(mainstay_base::Reason::Peer(Peer::Certificate(Certificate::Weak)));
        assert_eq!(verdict(RSA_2048), None);
        assert_eq!(verdict(RSA_1024), weak);
        assert_eq!(verdict(SHA_1), weak);
    }
}
