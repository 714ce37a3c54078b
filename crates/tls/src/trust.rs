//! Whom to believe: roots, listed end entities, pins, revocation lists. Values only, no I/O:
//! the platform's roots are handed in by whoever can read them.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::certificate::Facts;
use crate::error::ConfigFault;

/// One pinned end entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pin {
    /// SHA-256 of its `SubjectPublicKeyInfo` (RFC 7469 §2.4).
    PublicKey([u8; 32]),
    /// The certificate itself, DER.
    Leaf(Vec<u8>),
}

/// How pins go with roots (LAY-247).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PinMode {
    /// Chain, name, time and a pin must all hold.
    #[default]
    And,
    /// A pin alone decides: the peer proves the pinned key, so neither chain nor name nor time
    /// adds anything.
    PinOnly,
}

/// Whom to believe. Clones share the certificates.
#[derive(Clone, Debug)]
pub struct TrustStore {
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) listed: Arc<Vec<Vec<u8>>>,
    pub(crate) revocation_lists: Arc<Vec<CertificateRevocationListDer<'static>>>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) pin_mode: PinMode,
    pub(crate) leaf_anchor: bool,
    pub(crate) allow_common_name: bool,
}

impl Default for TrustStore {
    fn default() -> Self {
        Self::new()
    }
}

impl TrustStore {
    /// Believes nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            roots: Arc::new(RootCertStore::empty()),
            listed: Arc::new(Vec::new()),
            revocation_lists: Arc::new(Vec::new()),
            pins: Vec::new(),
            pin_mode: PinMode::And,
            leaf_anchor: true,
            allow_common_name: false,
        }
    }

    /// Adds a certificate, DER: a root, or a self-signed end entity (LAY-248).
    ///
    /// # Errors
    /// `ConfigFault::Certificate` when it cannot be read; nothing is added then.
    pub fn add(&mut self, der: &[u8]) -> Result<(), ConfigFault> {
        let fault = |_| ConfigFault::Certificate;
        Arc::make_mut(&mut self.roots).add(CertificateDer::from(der)).map_err(fault)?;
        if Facts::read(der).is_some_and(|facts| facts.self_issued) {
            Arc::make_mut(&mut self.listed).push(der.to_vec());
        }
        Ok(())
    }

    /// Adds every certificate of a PEM bundle; how many there were.
    ///
    /// # Errors
    /// `ConfigFault::Certificate` when one cannot be read; those before it stay.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<usize, ConfigFault> {
        let mut count = 0;
        for der in CertificateDer::pem_slice_iter(pem) {
            self.add(&der.map_err(|_| ConfigFault::Certificate)?)?;
            count += 1;
        }
        Ok(count)
    }

    /// Adds a revocation list, DER. Once there is one, every certificate below the root must be
    /// covered by a list (LAY-261, fail closed).
    pub fn add_revocation_list(&mut self, der: &[u8]) {
        Arc::make_mut(&mut self.revocation_lists)
            .push(CertificateRevocationListDer::from(der.to_vec()));
    }

    /// Adds every revocation list of a PEM bundle; how many there were.
    ///
    /// # Errors
    /// `ConfigFault::RevocationList` when one cannot be read; those before it stay.
    pub fn add_revocation_lists_pem(&mut self, pem: &[u8]) -> Result<usize, ConfigFault> {
        let mut count = 0;
        for der in CertificateRevocationListDer::pem_slice_iter(pem) {
            self.add_revocation_list(&der.map_err(|_| ConfigFault::RevocationList)?);
            count += 1;
        }
        Ok(count)
    }

    /// Adds a pin.
    pub fn add_pin(&mut self, pin: Pin) {
        self.pins.push(pin);
    }

    /// How pins go with roots; `And` at first.
    pub const fn set_pin_mode(&mut self, mode: PinMode) {
        self.pin_mode = mode;
    }

    /// Whether a listed self-signed end entity is accepted as it is (LAY-248); yes at first.
    pub const fn set_leaf_anchor(&mut self, on: bool) {
        self.leaf_anchor = on;
    }

    /// Whether the subject's common name counts when there is no DNS name (LAY-249); no at first.
    pub const fn set_allow_common_name(&mut self, on: bool) {
        self.allow_common_name = on;
    }

    /// Whether nobody can ever be believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty() && self.pins.is_empty()
    }
}
