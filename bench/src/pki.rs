//! One authority and one server certificate, made for a run, and who trusts them.

use crate::Fallible;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The names of the files in the folder of a run.
pub(crate) const CA: &str = "ca.pem";
pub(crate) const CERT: &str = "cert.pem";
pub(crate) const KEY: &str = "key.pem";

/// Makes authority, certificate and key (P-256) for `localhost` and `127.0.0.1`.
pub(crate) fn make(folder: &Path) -> Fallible {
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    root.distinguished_name.push(DnType::CommonName, "bench authority");
    let root_key = KeyPair::generate()?;
    fs::write(folder.join(CA), root.self_signed(&root_key)?.pem())?;
    let issuer = Issuer::new(root, root_key);
    let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let key = KeyPair::generate()?;
    fs::write(folder.join(CERT), leaf.signed_by(&key, &issuer)?.pem())?;
    fs::write(folder.join(KEY), key.serialize_pem())?;
    Ok(())
}

/// A server with the certificate of the folder; rustls with ring, as the clients have.
pub(crate) fn server(folder: &Path, alpn: &[&[u8]]) -> Fallible<Arc<ServerConfig>> {
    let cert = CertificateDer::from_pem_file(folder.join(CERT))?;
    let key = PrivateKeyDer::from_pem_file(folder.join(KEY))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)?;
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// A client that trusts the authority; rustls with ring, as ours has.
pub(crate) fn client(ca: &Path, alpn: &[&[u8]]) -> Fallible<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}
