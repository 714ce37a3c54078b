//! Where the application wants to go, and where the base must connect for it.

use core::fmt;
use core::net::IpAddr;

/// What the application asked for (LAY-170).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// DNS name, or IP address without brackets; for a Unix base, anything.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The address `host` was resolved to, for tunnels that resolve locally.
    pub address: Option<IpAddr>,
    /// Name the certificate is judged by, if not `host`; below what a `tls` layer itself says.
    pub server_name: Option<String>,
    /// Protocols to offer, if not what the topmost `tls` layer itself says.
    pub alpn: Vec<Vec<u8>>,
}

impl Target {
    /// A target by name or address and port.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        let (address, server_name, alpn) = (host.parse().ok(), None, Vec::new());
        Self { host: host.to_owned(), port, address, server_name, alpn }
    }
}

/// Where the base must connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP to a name or address: the target's, or the first proxy's.
    Tcp {
        /// DNS name or IP address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A Unix stream socket: a path, or `@` and an abstract name.
    Unix(String),
    /// A label of a memory network.
    Mem(String),
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => f.write_str(&authority(host, *port)),
            Self::Unix(path) => write!(f, "+{path}"),
            Self::Mem(label) => write!(f, "mem:{label}"),
        }
    }
}

/// `host:port`, an IPv6 address in brackets. RFC 3986 §3.2.2.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The reverse; the port must be there.
pub(crate) fn parse_authority(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(bare) => bare.parse::<core::net::Ipv6Addr>().ok().map(|_| bare)?,
        None if host.is_empty() || host.contains([':', '[', ']']) => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|&port| port != 0)?;
    let plain = host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'@');
    plain.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_reads_back() {
        for (host, port) in [("proxy.test", 3128), ("192.0.2.1", 1), ("2001:db8::1", 65535)] {
            assert_eq!(parse_authority(&authority(host, port)), Some((host.to_owned(), port)));
        }
        for bad in ["", "host", "host:", "host:0", "host:65536", "::1:80", "[::1:80", "a b:1", ":1"]
        {
            assert_eq!(parse_authority(bad), None, "{bad}");
        }
    }
}
