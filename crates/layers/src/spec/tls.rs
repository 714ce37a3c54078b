//! The parameters of a `tls` layer.

use core::time::Duration;

use mainstay_tls::{Pin, PinMode, Version};

use super::Secret;
use crate::limits::HANDSHAKE_WAIT;

/// Whom a `tls` layer believes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustSpec {
    /// The platform's roots.
    #[default]
    Os,
    /// A store of the registry.
    Store(String),
    /// These certificates, PEM.
    Pem(String),
}

/// Who a `tls` layer is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentitySpec {
    /// An identity of the registry.
    Store(String),
    /// This chain and key, PEM. Encrypted keys are not read.
    Pem {
        /// End entity first.
        cert: String,
        /// Its key.
        key: Secret,
    },
}

/// `tls`, the client's side (LAY-205).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TlsSpec {
    /// Whom to believe.
    pub trust: TrustSpec,
    /// Pinned end entities.
    pub pins: Vec<Pin>,
    /// How pins go with roots.
    pub pin_mode: PinMode,
    /// Name the certificate is judged by, if not the target's.
    pub name: Option<String>,
    /// Whether the name is sent; yes.
    pub sni: bool,
    /// Who we are, when asked.
    pub identity: Option<IdentitySpec>,
    /// Protocols to offer.
    pub alpn: Vec<String>,
    /// Whether a server that chooses none is refused.
    pub require_alpn: bool,
    /// Lowest version; 1.2.
    pub min: Version,
    /// Highest version; 1.3.
    pub max: Version,
    /// Whether sessions are remembered; yes.
    pub resume: bool,
    /// Whether the common name may stand in for a missing DNS name.
    pub allow_common_name: bool,
    /// Whether a listed self-signed end entity is accepted as it is; yes.
    pub leaf_anchor: bool,
    /// Revocation lists, PEM.
    pub crl: Option<String>,
    /// Whether an end without `close_notify` counts as the end.
    pub tolerate_truncation: bool,
    /// How long the handshake may take; 10 s.
    pub handshake: Duration,
}

impl Default for TlsSpec {
    fn default() -> Self {
        Self {
            trust: TrustSpec::Os,
            pins: Vec::new(),
            pin_mode: PinMode::And,
            name: None,
            sni: true,
            identity: None,
            alpn: Vec::new(),
            require_alpn: false,
            min: Version::Tls12,
            max: Version::Tls13,
            resume: true,
            allow_common_name: false,
            leaf_anchor: true,
            crl: None,
            tolerate_truncation: false,
            handshake: HANDSHAKE_WAIT,
        }
    }
}
