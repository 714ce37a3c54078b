//! What many client sessions share.

use std::sync::Arc;

use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{SupportedProtocolVersion, version};

use crate::clock::WallClock;
use crate::error::ConfigFault;
use crate::identity::Identity;
use crate::key_log::KeyLog;
use crate::resumption::{Remembered, ResumptionCounters};
use crate::trust::TrustStore;
use crate::verify::ServerJudge;

/// A version of TLS; there is none below (LAY-241).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// What a client session goes by. `new` gives the defaults of LAY-205.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Whom to believe.
    pub trust: TrustStore,
    /// Who we are, when asked.
    pub identity: Option<Identity>,
    /// Protocols to offer, in order of preference (RFC 7301).
    pub alpn: Vec<Vec<u8>>,
    /// Whether a server that chooses none is refused (LAY-253).
    pub require_alpn: bool,
    /// Lowest version; `Tls12`.
    pub min: Version,
    /// Highest version; `Tls13`.
    pub max: Version,
    /// Whether sessions are remembered; yes.
    pub resume: bool,
    /// Whether the server's name is sent (RFC 6066 §3); yes.
    pub sni: bool,
    /// Whether an end without `close_notify` counts as the end (LAY-259); no.
    pub tolerate_truncation: bool,
    /// Who is told the secrets (LAY-264); nobody.
    pub key_log: Option<KeyLog>,
    /// The time certificates are judged by.
    pub clock: WallClock,
}

impl ClientOptions {
    /// The defaults.
    #[must_use]
    pub const fn new(trust: TrustStore, clock: WallClock) -> Self {
        Self {
            trust,
            identity: None,
            alpn: Vec::new(),
            require_alpn: false,
            min: Version::Tls12,
            max: Version::Tls13,
            resume: true,
            sni: true,
            tolerate_truncation: false,
            key_log: None,
            clock,
        }
    }
}

/// What many client sessions share, checked once. A clone costs one count.
#[derive(Clone, Debug)]
pub struct ClientConfig(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    library: Arc<rustls::ClientConfig>,
    remembered: Arc<Remembered>,
    clock: WallClock,
    require_alpn: bool,
    tolerate_truncation: bool,
}

impl ClientConfig {
    /// Checks `options`.
    ///
    /// # Errors
    /// The first fault found; nobody else is involved.
    pub fn new(options: ClientOptions) -> Result<Self, ConfigFault> {
        let versions = versions(options.min, options.max)?;
        check_alpn(&options.alpn)?;
        let judge = ServerJudge::new(options.trust, options.clock.clone())?;
        let time = Arc::new(options.clock.clone());
        let builder = rustls::ClientConfig::builder_with_details(provider(), time)
            .with_protocol_versions(versions)
            .map_err(|_| ConfigFault::Provider)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(judge));
        let mut library = match options.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                identity.certified()?;
                let chain = identity.chain.into_iter().map(Into::into).collect();
                let key = PrivateKeyDer::try_from(identity.key);
                let key = key.map_err(|_| ConfigFault::Identity)?;
                builder.with_client_auth_cert(chain, key).map_err(|_| ConfigFault::Identity)?
            }
        };
        let remembered = Arc::new(Remembered::new());
        library.resumption = if options.resume {
            Resumption::store(remembered.clone())
                .tls12_resumption(Tls12Resumption::SessionIdOrTickets)
        } else {
            Resumption::disabled()
        };
        library.alpn_protocols = options.alpn;
        library.enable_sni = options.sni;
        if let Some(key_log) = options.key_log {
            library.key_log = Arc::new(key_log);
        }
        Ok(Self(Arc::new(Shared {
            library: Arc::new(library),
            remembered,
            clock: options.clock,
            require_alpn: options.require_alpn,
            tolerate_truncation: options.tolerate_truncation,
        })))
    }

    /// How often a session was remembered and not (LAY-254).
    #[must_use]
    pub fn resumption(&self) -> ResumptionCounters {
        self.0.remembered.counters()
    }

    pub(crate) fn library(&self) -> Arc<rustls::ClientConfig> {
        self.0.library.clone()
    }

    pub(crate) fn knows_time(&self) -> bool {
        self.0.clock.seconds().is_some()
    }

    pub(crate) fn requires_alpn(&self) -> bool {
        self.0.require_alpn
    }

    pub(crate) fn tolerates_truncation(&self) -> bool {
        self.0.tolerate_truncation
    }
}

/// The provider, passed explicitly everywhere (LAY-242).
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub(crate) fn versions(
    min: Version,
    max: Version,
) -> Result<&'static [&'static SupportedProtocolVersion], ConfigFault> {
    const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    const OLD: [&SupportedProtocolVersion; 1] = [&version::TLS12];
    const NEW: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    match (min, max) {
        (Version::Tls12, Version::Tls13) => Ok(&BOTH),
        (Version::Tls12, Version::Tls12) => Ok(&OLD),
        (Version::Tls13, Version::Tls13) => Ok(&NEW),
        (Version::Tls13, Version::Tls12) => Err(ConfigFault::Versions),
    }
}

pub(crate) fn check_alpn(names: &[Vec<u8>]) -> Result<(), ConfigFault> {
    let fits = |name: &Vec<u8>| (1..=255).contains(&name.len());
    names.iter().all(fits).then_some(()).ok_or(ConfigFault::Alpn)
}
