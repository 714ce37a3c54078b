//! An authority and one server certificate, made when the peers start and never written down.

use core::fmt;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::io;

/// An authority's certificate, and a server's for `localhost` and `127.0.0.1`; all DER.
#[derive(Clone)]
pub struct Certificates {
    /// What a policy must trust.
    pub authority: Vec<u8>,
    /// The servers' certificate.
    pub server: Vec<u8>,
    pub(crate) server_key: Vec<u8>,
}

impl fmt::Debug for Certificates {
    /// Sizes alone: one of the three is a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("authority", &self.authority.len())
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Makes both, with new keys.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new() -> io::Result<Self> {
        Self::make().map_err(io::Error::other)
    }

    fn make() -> Result<Self, rcgen::Error> {
        let mut above = CertificateParams::new(Vec::new())?;
        above.distinguished_name.push(DnType::CommonName, "Mainstay demo authority");
        above.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        above.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let authority = above.self_signed(&key)?;
        let issuer = Issuer::new(above, key);

        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "Mainstay demo peers");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let leaf = server.signed_by(&key, &issuer)?;
        Ok(Self {
            authority: authority.der().to_vec(),
            server: leaf.der().to_vec(),
            server_key: key.serialize_der(),
        })
    }
}
