//! What tunnels have in common: one negotiation, then nothing.

use core::time::Duration;

use mainstay_base::Reason;

use crate::http_connect::HttpConnect;
use crate::socks5::Socks5;

/// A tunnel that was opened on the way (LAY-172).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// The layer's name.
    pub layer: &'static str,
    /// The proxy, `host:port`.
    pub proxy: String,
    /// What it answered.
    pub answer: ViaAnswer,
}

/// What a proxy answered when it opened the tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViaAnswer {
    /// HTTP status.
    Status(u16),
    /// The address it bound for us, `host:port`.
    Bound(String),
}

/// What a proxy said when it refused. No credentials, no cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRefusal {
    /// HTTP status.
    pub status: u16,
    /// The words after it.
    pub phrase: String,
    /// Header lines, at most 1 KiB, without challenges and cookies.
    pub excerpt: String,
    /// When to come back (RFC 9110 §10.2.3), if given in seconds.
    pub retry_after: Option<Duration>,
}

/// How a negotiation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Open(ViaAnswer),
    Refused(Reason, Option<Box<ProxyRefusal>>),
}

/// A negotiation with a proxy.
#[derive(Debug)]
pub(crate) enum Tunnel {
    HttpConnect(HttpConnect),
    Socks5(Socks5),
}

impl Tunnel {
    /// Takes bytes up to the end of the proxy's answer: what follows is the tunnel's.
    pub(crate) fn handle_input(&mut self, input: &[u8]) -> usize {
        match self {
            Self::HttpConnect(tunnel) => tunnel.handle_input(input),
            Self::Socks5(tunnel) => tunnel.handle_input(input),
        }
    }

    /// All that is to be sent now.
    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        match self {
            Self::HttpConnect(tunnel) => tunnel.take_output(),
            Self::Socks5(tunnel) => tunnel.take_output(),
        }
    }

    pub(crate) fn verdict(&mut self) -> Option<Verdict> {
        match self {
            Self::HttpConnect(tunnel) => tunnel.verdict(),
            Self::Socks5(tunnel) => tunnel.verdict(),
        }
    }
}
