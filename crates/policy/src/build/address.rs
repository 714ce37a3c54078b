//! `host:port` as proxy keys write it.

use crate::model::{HostPort, HttpProxy};

/// Reads `[user:password@]host:port`; an IPv6 address stands in brackets.
pub(super) fn host_port(text: &str) -> Option<HostPort> {
    let (credentials, rest) = match text.rsplit_once('@') {
        Some((before, rest)) => {
            let (user, password) = before.split_once(':')?;
            (Some((user.to_owned(), password.to_owned())), rest)
        }
        None => (None, text),
    };
    let (host, port) = rest.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => {
            let inner = inner.strip_suffix(']')?;
            inner.parse::<core::net::Ipv6Addr>().ok()?;
            inner
        }
        None if host.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c)) => host,
        None => return None,
    };
    let digits = port.bytes().all(|c| c.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0)?;
    (!host.is_empty()).then(|| HostPort { credentials, host: host.to_owned(), port })
}

/// Reads `[http://|https://][user:password@]host:port`.
pub(super) fn http_proxy(text: &str) -> Option<HttpProxy> {
    let (tls, rest) = match text.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("http://").unwrap_or(text)),
    };
    host_port(rest.strip_suffix('/').unwrap_or(rest)).map(|at| HttpProxy { tls, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_address_is_taken_apart_or_refused() {
        let plain = host_port("proxy.lan:1080").unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.credentials), ("proxy.lan", 1080, None));
        let full = http_proxy("https://me:p:w@[::1]:3128/").unwrap();
        assert_eq!((full.tls, full.at.host.as_str(), full.at.port), (true, "::1", 3128));
        assert_eq!(full.at.credentials, Some(("me".into(), "p:w".into())));
        for bad in ["", "proxy", "proxy:", "proxy:0", ":1080", "a b:1", "::1:80", "x:65536", "x:+1"]
        {
            assert_eq!(host_port(bad), None, "{bad}");
        }
    }
}
