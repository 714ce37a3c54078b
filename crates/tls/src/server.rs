//! What many server sessions share.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert,
    ServerSessionMemoryCache, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;

use crate::client::{Version, check_alpn, provider, versions};
use crate::clock::WallClock;
use crate::error::ConfigFault;
use crate::identity::Identity;
use crate::limits::SESSION_CACHE;
use crate::trust::TrustStore;

/// Whether clients must show a certificate (LAY-244).
#[derive(Clone, Debug, Default)]
pub enum ClientAuth {
    /// None is asked for.
    #[default]
    None,
    /// One is asked for and judged if sent.
    Optional(TrustStore),
    /// Without one the handshake fails (LAY-245).
    Required(TrustStore),
}

/// What a name no identity is for gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnknownName {
    /// The first identity.
    #[default]
    Default,
    /// A failed handshake.
    Reject,
}

/// What a server session goes by. `new` gives the defaults of LAY-206.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Who we are; the first is the default.
    pub identities: Vec<Identity>,
    /// What a name no identity is for gets.
    pub unknown_name: UnknownName,
    /// Whether clients must show a certificate.
    pub client_auth: ClientAuth,
    /// Protocols, in our order of preference.
    pub alpn: Vec<Vec<u8>>,
    /// Whether tickets are given; their keys rotate every six hours (the library's choice).
    pub tickets: bool,
    /// Sessions remembered for clients without tickets.
    pub session_cache: usize,
    /// Lowest version; `Tls12`.
    pub min: Version,
    /// Highest version; `Tls13`.
    pub max: Version,
    /// The time certificates are judged by.
    pub clock: WallClock,
}

impl ServerOptions {
    /// The defaults.
    #[must_use]
    pub const fn new(identities: Vec<Identity>, clock: WallClock) -> Self {
        Self {
            identities,
            unknown_name: UnknownName::Default,
            client_auth: ClientAuth::None,
            alpn: Vec::new(),
            tickets: true,
            session_cache: SESSION_CACHE,
            min: Version::Tls12,
            max: Version::Tls13,
            clock,
        }
    }
}

/// What many server sessions share, checked once. A clone costs one count.
#[derive(Clone, Debug)]
pub struct ServerConfig(Arc<rustls::ServerConfig>);

impl ServerConfig {
    /// Checks `options`.
    ///
    /// # Errors
    /// The first fault found; nobody else is involved.
    pub fn new(options: ServerOptions) -> Result<Self, ConfigFault> {
        let versions = versions(options.min, options.max)?;
        check_alpn(&options.alpn)?;
        let identities = Identities::new(&options.identities, options.unknown_name)?;
        let time = Arc::new(options.clock);
        let builder = rustls::ServerConfig::builder_with_details(provider(), time)
            .with_protocol_versions(versions)
            .map_err(|_| ConfigFault::Provider)?;
        let builder = match options.client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            ClientAuth::Optional(trust) => builder.with_client_cert_verifier(judge(&trust, true)?),
            ClientAuth::Required(trust) => builder.with_client_cert_verifier(judge(&trust, false)?),
        };
        let mut library = builder.with_cert_resolver(Arc::new(identities));
        library.alpn_protocols = options.alpn;
        library.session_storage = match options.session_cache {
            0 => Arc::new(NoServerSessionStorage {}),
            size => ServerSessionMemoryCache::new(size),
        };
        if options.tickets {
            let ticketer = rustls::crypto::ring::Ticketer::new();
            library.ticketer = ticketer.map_err(|_| ConfigFault::Provider)?;
        } else if options.session_cache == 0 {
            library.send_tls13_tickets = 0;
        }
        Ok(Self(Arc::new(library)))
    }

    pub(crate) fn library(&self) -> Arc<rustls::ServerConfig> {
        self.0.clone()
    }
}

fn judge(
    trust: &TrustStore,
    may_be_missing: bool,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, ConfigFault> {
    if trust.roots.is_empty() {
        return Err(ConfigFault::NoTrust);
    }
    let lists = trust.revocation_lists.iter().cloned();
    let builder = WebPkiClientVerifier::builder_with_provider(trust.roots.clone(), provider())
        .with_crls(lists);
    let builder = if may_be_missing { builder.allow_unauthenticated() } else { builder };
    builder.build().map(|judge| judge as _).map_err(|_| ConfigFault::RevocationList)
}

/// Our identities; the one for the asked name is the first whose certificate covers it.
#[derive(Debug)]
struct Identities {
    keys: Vec<Arc<CertifiedKey>>,
    unknown: UnknownName,
}

impl Identities {
    fn new(identities: &[Identity], unknown: UnknownName) -> Result<Self, ConfigFault> {
        if identities.is_empty() {
            return Err(ConfigFault::NoIdentity);
        }
        let keys = identities.iter().map(|identity| identity.certified().map(Arc::new));
        Ok(Self { keys: keys.collect::<Result<_, _>>()?, unknown })
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let default = self.keys.first();
        let chosen = match hello.server_name() {
            None => default,
            Some(name) => {
                let name = ServerName::try_from(name).ok()?;
                let found = self.keys.iter().find(|key| covers(key.end_entity_cert().ok(), &name));
                match self.unknown {
                    UnknownName::Default => found.or(default),
                    UnknownName::Reject => found,
                }
            }
        };
        chosen.cloned()
    }
}

fn covers(certificate: Option<&CertificateDer<'_>>, name: &ServerName<'_>) -> bool {
    certificate
        .and_then(|der| ParsedCertificate::try_from(der).ok())
        .is_some_and(|parsed| verify_server_name(&parsed, name).is_ok())
}
