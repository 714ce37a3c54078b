//! What is stacked: plain values, their defaults, and how they are put together.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeMap;

use crate::limits::{CONNECT_WAIT, MEMORY_RING, NEGOTIATE_WAIT};
use crate::target::{Target, Transport, authority};

mod json;
mod line;
mod rules;
mod tls;

pub use tls::{IdentitySpec, TlsSpec, TrustSpec};

/// A base and the layers on it, bottom-up. `Debug` and `Display` show no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StackSpec {
    /// The transport.
    pub base: BaseSpec,
    /// Bottom-up.
    pub layers: Vec<LayerSpec>,
}

/// The transport below everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BaseSpec {
    /// The operating system's TCP.
    OsTcp(OsTcpSpec),
    /// A Unix stream socket.
    Unix(UnixSpec),
    /// A memory network, for tests.
    Mem(MemSpec),
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerSpec {
    /// A tunnel through an HTTP proxy.
    HttpConnect(HttpConnectSpec),
    /// A tunnel through a SOCKS5 proxy.
    Socks5(Socks5Spec),
    /// TLS.
    Tls(TlsSpec),
}

/// `os-tcp` (LAY-200). What a listener needs stands in the listener's policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OsTcpSpec {
    /// Local address.
    pub bind: Option<SocketAddr>,
    /// Interface (`SO_BINDTODEVICE`).
    pub interface: Option<String>,
    /// Routing mark.
    pub mark: Option<u32>,
    /// Whether the local port may be shared.
    pub reuse_port: bool,
    /// Whether data may travel in the SYN (RFC 7413).
    pub fast_open: bool,
    /// Whether Nagle's algorithm is off; yes.
    pub nodelay: bool,
    /// Keepalive, if any.
    pub keepalive: Option<Keepalive>,
    /// `TCP_USER_TIMEOUT`.
    pub user_timeout: Option<Duration>,
    /// Stagger of address races (RFC 8305 §5); 250 ms.
    pub happy_eyeballs: Duration,
    /// How long connecting may take.
    pub connect: Duration,
}

impl Default for OsTcpSpec {
    fn default() -> Self {
        Self {
            bind: None,
            interface: None,
            mark: None,
            reuse_port: false,
            fast_open: false,
            nodelay: true,
            keepalive: None,
            user_timeout: None,
            happy_eyeballs: Duration::from_millis(250),
            connect: CONNECT_WAIT,
        }
    }
}

/// TCP keepalive: idle time, interval, count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Between probes.
    pub interval: Duration,
    /// Probes before giving up.
    pub count: u32,
}

/// `unix` (LAY-201), the connecting side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSpec {
    /// A path, or `@` and an abstract name.
    pub path: String,
}

/// `mem` (LAY-202).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemSpec {
    /// Which listener of the memory network.
    pub label: String,
    /// Bytes in flight each way.
    pub ring: usize,
    /// One way.
    pub latency: Duration,
    /// Bytes per second, if limited.
    pub rate: Option<u64>,
    /// Most bytes per read, if limited.
    pub chunk: Option<usize>,
    /// Of the schedule.
    pub seed: u64,
}

impl MemSpec {
    /// An unhindered connection to `label`.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let (latency, rate, chunk, seed) = (Duration::ZERO, None, None, 0);
        Self { label: label.to_owned(), ring: MEMORY_RING, latency, rate, chunk, seed }
    }
}

/// A text nobody may read in a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where a proxy is and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proxy {
    /// DNS name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name, if the proxy wants to know.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Name of the password in the registry, instead.
    pub password_ref: Option<String>,
    /// Who resolves the name the tunnel leads to.
    pub resolve: Resolve,
    /// How long the negotiation may take; 30 s.
    pub negotiate: Duration,
}

/// Who resolves names behind a tunnel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolve {
    /// The proxy.
    #[default]
    Remote,
    /// We: `Target::address` must be set.
    Local,
}

impl Proxy {
    /// A proxy that asks for nobody's name.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            user: None,
            password: None,
            password_ref: None,
            resolve: Resolve::Remote,
            negotiate: NEGOTIATE_WAIT,
        }
    }

    /// The same, with a name and a password.
    #[must_use]
    pub fn with_credentials(mut self, user: &str, password: &str) -> Self {
        self.user = Some(user.to_owned());
        self.password = Some(Secret(password.to_owned()));
        self
    }

    pub(crate) fn authority(&self) -> String {
        authority(&self.host, self.port)
    }
}

/// `http-connect` (LAY-203).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpConnectSpec {
    /// Where, who, how long.
    pub proxy: Proxy,
    /// Headers to add.
    pub headers: BTreeMap<String, String>,
    /// `User-Agent`, if any.
    pub user_agent: Option<String>,
}

impl HttpConnectSpec {
    /// A tunnel through `proxy`.
    #[must_use]
    pub fn new(proxy: Proxy) -> Self {
        let user_agent = Some(concat!("mainstay/", env!("CARGO_PKG_VERSION")).to_owned());
        Self { proxy, headers: BTreeMap::new(), user_agent }
    }
}

/// `socks5` (LAY-204).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socks5Spec {
    /// Where, who, how long.
    pub proxy: Proxy,
    /// Whether greeting and request go in one write when only one method is offered (LAY-236).
    pub optimistic: bool,
}

impl Socks5Spec {
    /// A tunnel through `proxy`.
    #[must_use]
    pub const fn new(proxy: Proxy) -> Self {
        Self { proxy, optimistic: false }
    }
}

/// Begins a stack on `base`: `stack(OsTcpSpec::default()).layer(..).layer(..).build()`.
pub fn stack(base: impl Into<BaseSpec>) -> StackBuilder {
    StackBuilder(StackSpec { base: base.into(), layers: Vec::new() })
}

/// A stack under construction.
#[derive(Clone, Debug)]
pub struct StackBuilder(StackSpec);

impl StackBuilder {
    /// Puts a layer on top.
    #[must_use]
    pub fn layer(mut self, layer: impl Into<LayerSpec>) -> Self {
        self.0.layers.push(layer.into());
        self
    }

    /// The stack, if it keeps the rules of LAY-192.
    ///
    /// # Errors
    /// The first broken rule, with the path it would have in JSON.
    pub fn build(self) -> Result<StackSpec, crate::SpecFault> {
        self.0.check().map(|()| self.0)
    }
}

impl StackSpec {
    /// The operating system's TCP and nothing else.
    #[must_use]
    pub fn os_tcp() -> Self {
        Self { base: BaseSpec::OsTcp(OsTcpSpec::default()), layers: Vec::new() }
    }

    /// Where the base must connect to reach `target`: the first proxy, if there is one.
    #[must_use]
    pub fn transport(&self, target: &Target) -> Transport {
        match &self.base {
            BaseSpec::Unix(unix) => Transport::Unix(unix.path.clone()),
            BaseSpec::Mem(mem) => Transport::Mem(mem.label.clone()),
            BaseSpec::OsTcp(_) => match self.proxy_above(0) {
                Some(proxy) => Transport::Tcp { host: proxy.host.clone(), port: proxy.port },
                None => Transport::Tcp { host: target.host.clone(), port: target.port },
            },
        }
    }

    /// Whether `Target::address` must be set because a tunnel resolves locally.
    #[must_use]
    pub fn needs_address(&self) -> bool {
        let last = self.layers.iter().rev().find_map(LayerSpec::proxy);
        last.is_some_and(|proxy| proxy.resolve == Resolve::Local)
    }

    /// Whether payload is sealed on its way.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, LayerSpec::Tls(_)))
    }

    /// The proxy of the first tunnel at `level` or above.
    pub(crate) fn proxy_above(&self, level: usize) -> Option<&Proxy> {
        self.layers.iter().skip(level).find_map(LayerSpec::proxy)
    }
}

impl LayerSpec {
    /// The name in JSON and in listings.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::HttpConnect(_) => "http-connect",
            Self::Socks5(_) => "socks5",
            Self::Tls(_) => "tls",
        }
    }

    /// The proxy of a tunnel.
    #[must_use]
    pub const fn proxy(&self) -> Option<&Proxy> {
        match self {
            Self::HttpConnect(tunnel) => Some(&tunnel.proxy),
            Self::Socks5(tunnel) => Some(&tunnel.proxy),
            Self::Tls(_) => None,
        }
    }
}

impl BaseSpec {
    /// The name in JSON and in listings.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OsTcp(_) => "os-tcp",
            Self::Unix(_) => "unix",
            Self::Mem(_) => "mem",
        }
    }
}

macro_rules! from {
    ($($part:ident => $whole:ident :: $variant:ident),*) => {$(
        impl From<$part> for $whole {
            fn from(part: $part) -> Self {
                Self::$variant(part)
            }
        }
    )*};
}

from! {
    OsTcpSpec => BaseSpec::OsTcp, UnixSpec => BaseSpec::Unix, MemSpec => BaseSpec::Mem,
    HttpConnectSpec => LayerSpec::HttpConnect, Socks5Spec => LayerSpec::Socks5,
    TlsSpec => LayerSpec::Tls
}

/// The host a tunnel or name check means: an IP address as text, or the name.
pub(crate) fn host_text(host: &str, address: Option<IpAddr>, resolve: Resolve) -> Option<String> {
    match (resolve, address) {
        (Resolve::Local, address) => address.map(|address| address.to_string()),
        (Resolve::Remote, _) => Some(host.to_owned()),
    }
}
