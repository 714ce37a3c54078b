//! Who we are: a certificate chain and its key.

use core::fmt;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::client::provider;
use crate::error::ConfigFault;

/// A certificate chain, end entity first, with its private key. `Debug` shows no key.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// DER, end entity first.
    pub chain: Vec<Vec<u8>>,
    /// DER: PKCS#8, PKCS#1 or SEC 1; not encrypted.
    pub key: Vec<u8>,
}

impl Identity {
    /// Reads the chain and the key from PEM.
    ///
    /// # Errors
    /// `ConfigFault::Identity` when there is no certificate, no key, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, ConfigFault> {
        if is_pem(chain) && is_pem(key) {
            Self::from_bytes(chain, key)
        } else {
            Err(ConfigFault::Identity)
        }
    }

    /// Reads the chain and the key, each from PEM or DER. A DER chain is the one certificate.
    ///
    /// # Errors
    /// As `from_pem`.
    pub fn from_bytes(chain: &[u8], key: &[u8]) -> Result<Self, ConfigFault> {
        let fault = |_| ConfigFault::Identity;
        let chain = if is_pem(chain) {
            let ders = CertificateDer::pem_slice_iter(chain);
            ders.map(|der| der.map(|der| der.to_vec())).collect::<Result<_, _>>().map_err(fault)?
        } else {
            vec![chain.to_vec()]
        };
        let key = if is_pem(key) {
            PrivateKeyDer::from_pem_slice(key).map_err(fault)?.secret_der().to_vec()
        } else {
            key.to_vec()
        };
        let identity = Self { chain, key };
        identity.certified().map(|_| identity)
    }

    /// As the library wants it, checked.
    pub(crate) fn certified(&self) -> Result<CertifiedKey, ConfigFault> {
        let fault = |_| ConfigFault::Identity;
        let chain = self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = PrivateKeyDer::try_from(self.key.clone()).map_err(|_| ConfigFault::Identity)?;
        if self.chain.is_empty() {
            return Err(ConfigFault::Identity);
        }
        CertifiedKey::from_der(chain, key, &provider()).map_err(fault)
    }
}

/// Whether bytes hold PEM (RFC 7468 section 2); DER begins with a byte that is no letter of it, and
/// may not be text at all.
fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(10).any(|line| line == b"-----BEGIN")
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}
