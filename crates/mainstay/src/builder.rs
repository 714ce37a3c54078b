//! How a device is made: policy, credentials, clock, resolver.

use crate::device::Device;
use crate::machine::Joined;
use crate::queue::Mailbox;
use crate::remote::Remote;
use crate::router::Router;
use core::fmt;
use mainstay_host::own::{Own, WireOptions};
use mainstay_host::{self as host, Driver};
use mainstay_node::{Config, Node, ReplaceError};
use mainstay_policy::Policy;
use mainstay_stream::Blobs;
use std::io;
use std::sync::Arc;

/// What a device is made of.
///
/// ```
/// use mainstay::{Blobs, Builder, Policy};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::parse(r#"{ "s": [] }"#, "policy.json")?.policy;
/// let blobs = Blobs { serial: Some("A-17".into()), ..Blobs::default() };
/// let device = Builder::new(policy)
///     .blobs(blobs)
///     // Asked before the platform; `None` leaves a name to it.
///     .resolver(Box::new(|_name| None))
///     .spawn()?;
/// device.stop()?;
/// # Ok(())
/// # }
/// ```
///
/// Only a policy that was checked is taken, not its text:
///
/// ```compile_fail,E0308
/// # use mainstay::{Builder, Policy};
/// let builder = Builder::new(r#"{ "s": [] }"#);
/// ```
///
/// One builder makes one device:
///
/// ```compile_fail,E0382
/// # use mainstay::{Builder, Policy};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let builder = Builder::new(Policy::default());
/// let one = builder.build()?;
/// let two = builder.build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    policy: Policy,
    node: Config,
    host: host::Config,
    identities: Vec<(String, Vec<u8>, Vec<u8>)>,
    key_log: Option<KeySink>,
    network: Option<(mainstay_net::network::Config, Vec<WireOptions>)>,
}

/// Where the secrets of TLS connections go.
struct KeySink(Box<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for KeySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySink")
    }
}

/// Why a device could not be made.
#[derive(Debug)]
pub enum BuildError {
    /// The operating system gave no descriptors, thread or entropy.
    System(io::Error),
    /// The policy's trust cannot be used.
    Trust(ReplaceError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => write!(f, "the system refused: {error}"),
            Self::Trust(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for BuildError {}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Builder {
    /// A device with this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The device's credentials and names (SS-835).
    #[must_use]
    pub fn blobs(mut self, blobs: Blobs) -> Self {
        self.node.blobs = blobs;
        self
    }

    /// Certificate chain and key number `index` for `client_cert`, both PEM or DER.
    #[must_use]
    pub fn client_cert(mut self, index: u32, chain: Vec<u8>, key: Vec<u8>) -> Self {
        self.identities.push((index.to_string(), chain, key));
        self
    }

    /// Limits of connections and protocols.
    #[must_use]
    pub fn limits(mut self, pool: mainstay_node::PoolConfig) -> Self {
        self.node.pool = pool;
        self
    }

    /// Another wall clock than the operating system's, as time since 1970.
    #[must_use]
    pub fn wall(mut self, wall: host::WallHook) -> Self {
        self.host.wall = Some(wall);
        self
    }

    /// Names answered before the platform is asked.
    #[must_use]
    pub fn resolver(mut self, resolver: host::ResolveHook) -> Self {
        self.host.resolver = Some(resolver);
        self
    }

    /// Tells the secrets of TLS connections to `sink`, a line of the NSS key log format each: with them
    /// a recording of the traffic can be decrypted, and by whoever has them (LAY-264). Called in the
    /// loop.
    #[must_use]
    pub fn key_log(mut self, sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.key_log = Some(KeySink(Box::new(sink)));
        self
    }

    /// TCP over our own stack and these links instead of the operating system's sockets. Linux only; TAP and packet
    /// sockets need privileges. Names are still asked of the platform unless [`resolver`](Self::resolver) knows them.
    #[must_use]
    pub fn links(
        mut self,
        network: mainstay_net::network::Config,
        links: Vec<WireOptions>,
    ) -> Self {
        self.network = Some((network, links));
        self
    }

    /// A device for the caller's thread.
    ///
    /// # Errors
    /// `System` or `Trust`.
    pub fn build(self) -> Result<Device, BuildError> {
        let mailbox = Arc::new(Mailbox::default());
        let driver = self.driver(&mailbox)?;
        Ok(Device::new(driver, mailbox))
    }

    /// A device on a thread of its own.
    ///
    /// # Errors
    /// `System` or `Trust`.
    pub fn spawn(self) -> Result<Remote, BuildError> {
        let mailbox = Arc::new(Mailbox::default());
        let inside = Arc::clone(&mailbox);
        let running = host::spawn("mainstay", move || {
            self.driver(&inside).map_err(|error| match error {
                BuildError::System(error) => error,
                BuildError::Trust(error) => io::Error::other(error.to_string()),
            })
        })?;
        Ok(Remote::new(running, mailbox))
    }

    fn driver(self, mailbox: &Arc<Mailbox>) -> Result<Driver<Joined<Router>>, BuildError> {
        let mut node = Node::new(host::entropy()?, self.node);
        for (name, chain, key) in &self.identities {
            node.set_identity(name, chain, key).map_err(BuildError::Trust)?;
        }
        if let Some(KeySink(sink)) = self.key_log {
            node.set_key_log(sink);
        }
        if needs_platform_roots(&self.policy) {
            node.set_platform_roots(&host::platform_roots().certificates);
        }
        node.set_policy(self.policy).map_err(BuildError::Trust)?;
        let mut driver =
            Driver::new(self.host, Joined::new(node, Router::new(Arc::clone(mailbox))))?;
        if let Some((config, links)) = self.network {
            driver.set_own(Own::open(driver.now(), config, &links)?)?;
        }
        Ok(driver)
    }
}

/// Whether a streamtype trusts the platform, or spells out a stack that may.
pub(crate) fn needs_platform_roots(policy: &Policy) -> bool {
    policy.streamtypes.values().any(|streamtype| {
        // A URL as endpoint may switch TLS on.
        let url =
            streamtype.endpoint.as_deref().is_some_and(|e| e.contains("://") || e.contains("${"));
        let tls = streamtype.tls
            || url
            || streamtype.stack.is_some()
            || streamtype.via_http_proxy.is_some();
        tls && streamtype.tls_trust_store.is_none()
    })
}
