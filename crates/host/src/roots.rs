//! The trust anchors of the platform.

/// What the platform trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlatformRoots {
    /// Certificates, each DER.
    pub certificates: Vec<Vec<u8>>,
    /// How many files or certificates could not be read; none of them is among the certificates.
    pub unreadable: usize,
}

/// Loads the platform's trust anchors from its usual places (`SSL_CERT_FILE` and `SSL_CERT_DIR`
/// go first, as OpenSSL has it).
///
/// Reads files and blocks: call it at the start, not between turns.
#[must_use]
pub fn platform_roots() -> PlatformRoots {
    let found = rustls_native_certs::load_native_certs();
    PlatformRoots {
        certificates: found.certs.iter().map(|certificate| certificate.to_vec()).collect(),
        unreadable: found.errors.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_der() {
        let roots = platform_roots();
        // A machine without any anchors is legal; a certificate that is no DER sequence is not.
        assert!(roots.certificates.iter().all(|der| der.first() == Some(&0x30)));
    }
}
