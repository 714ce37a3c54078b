//! A stack as one line of text, top first: `tls(h2)>http-connect(proxy:3128)>os-tcp` (LAY-197).

use core::fmt;

use super::{BaseSpec, LayerSpec, StackSpec};

impl fmt::Display for StackSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for layer in self.layers.iter().rev() {
            write!(f, "{layer}>")?;
        }
        write!(f, "{}", self.base)
    }
}

impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(tls) if tls.alpn.is_empty() => f.write_str("tls"),
            Self::Tls(tls) => write!(f, "tls({})", tls.alpn.join(",")),
            Self::HttpConnect(tunnel) => write!(f, "http-connect({})", tunnel.proxy.authority()),
            Self::Socks5(tunnel) => write!(f, "socks5({})", tunnel.proxy.authority()),
        }
    }
}

impl fmt::Display for BaseSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OsTcp(_) => f.write_str("os-tcp"),
            Self::Unix(unix) => write!(f, "unix({})", unix.path),
            Self::Mem(mem) => write!(f, "mem({})", mem.label),
        }
    }
}
