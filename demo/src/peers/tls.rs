//! TLS of the peers: rustls through tokio-rustls.

use super::Certificates;
use core::time::Duration;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How long accepting rests after an error. chosen: descriptors that ran out come back.
const REST: Duration = Duration::from_millis(50);

/// An acceptor that chooses among `alpn`; with none it ignores what is offered.
pub(crate) fn acceptor(certificates: &Certificates, alpn: &[&[u8]]) -> io::Result<TlsAcceptor> {
    let chain = vec![CertificateDer::from(certificates.server.clone())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certificates.server_key.clone()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The next connection; errors of single ones are passed over.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers leave at once; if that cannot be set they leave a little later.
                let _slower = stream.set_nodelay(true);
                return stream;
            }
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}
