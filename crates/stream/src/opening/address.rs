//! Endpoints and locations: text → where, how and which path (SS-433, SS-504, SS-510).
//!
//! Owns no resolution of names and no connection. Spec: RFC 3986 §5.2 for relative locations.

use crate::limits::ENDPOINT_MAX;
use mainstay_base::Policy;
use mainstay_policy::{Protocol, Streamtype};

/// Which transport address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A name or address without brackets, and a TCP port.
    Host { host: String, port: u16 },
    /// A Unix socket: a path, or `@` and an abstract name.
    Unix(String),
}

/// Where a channel leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) place: Place,
    pub(crate) tls: bool,
    /// Path and query of a URL; a bare host has none.
    pub(crate) path: Option<String>,
}

impl Address {
    /// Reads an expanded endpoint; what it does not say the streamtype does.
    pub(crate) fn parse(endpoint: &str, streamtype: &Streamtype) -> Result<Self, Policy> {
        if endpoint.is_empty() {
            return Err(Policy::Missing);
        }
        if endpoint.len() > ENDPOINT_MAX || !is_visible(endpoint) {
            return Err(Policy::Invalid);
        }
        if let Some(path) = endpoint.strip_prefix('+') {
            return Ok(Self { place: unix(path)?, tls: streamtype.tls, path: None });
        }
        if endpoint.contains("://") {
            return Self::url(endpoint);
        }
        let (host, _) = host_port(endpoint, true)?;
        let port = if streamtype.port != 0 {
            streamtype.port
        } else {
            default_port(streamtype.protocol, streamtype.tls).ok_or(Policy::Missing)?
        };
        Ok(Self { place: Place::Host { host, port }, tls: streamtype.tls, path: None })
    }

    /// Reads an absolute URL. User information is refused: credentials stand in the policy.
    fn url(text: &str) -> Result<Self, Policy> {
        let (scheme, rest) = text.split_once("://").ok_or(Policy::Invalid)?;
        let (tls, default) = scheme_of(scheme).ok_or_else(|| {
            if scheme.eq_ignore_ascii_case("file") { Policy::Unsupported } else { Policy::Invalid }
        })?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(Policy::Invalid)?;
        let (host, port) = host_port(authority, false)?;
        let path = match path {
            "" | "/" => None,
            query if query.starts_with('?') => Some(format!("/{query}")),
            path => Some(path.to_owned()),
        };
        Ok(Self { place: Place::Host { host, port: port.unwrap_or(default) }, tls, path })
    }

    /// Where a redirect from here and `path` leads (RFC 9110 §10.2.2, RFC 3986 §5.2).
    pub(crate) fn join(&self, path: &str, location: &str) -> Option<Self> {
        let location = location.split('#').next().unwrap_or(location);
        if !is_visible(location) || location.len() > ENDPOINT_MAX {
            return None;
        }
        let scheme = if self.tls { "https" } else { "http" };
        if has_scheme(location) {
            let url = Self::url(location).ok()?;
            let http = location.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("http"));
            return http
                .then(|| Self { path: Some(url.path.unwrap_or_else(|| "/".into())), ..url });
        }
        if let Some(rest) = location.strip_prefix("//") {
            return self.join(path, &format!("{scheme}://{rest}"));
        }
        let base = path.split('?').next().unwrap_or(path);
        let joined = match location.chars().next() {
            None => path.to_owned(),
            Some('/') => location.to_owned(),
            Some('?') => format!("{base}{location}"),
            Some(_) => {
                let folder = base.rfind('/').and_then(|at| base.get(..=at)).unwrap_or("/");
                format!("{folder}{location}")
            }
        };
        Some(Self { path: Some(without_dots(&joined)), ..self.clone() })
    }

    /// `Host` of a request: with the port unless it is the scheme's default (SS-510).
    pub(crate) fn authority(&self) -> String {
        match &self.place {
            Place::Host { host, port } => {
                // One allocation: a request is built for every transaction.
                let mut text = String::with_capacity(host.len() + "[]:65535".len());
                let bracket = host.contains(':');
                text.push_str(if bracket { "[" } else { "" });
                text.push_str(host);
                text.push_str(if bracket { "]" } else { "" });
                if *port != if self.tls { 443 } else { 80 } {
                    text.push(':');
                    push_decimal(&mut text, *port);
                }
                text
            }
            Place::Unix(_) => "localhost".into(),
        }
    }
}

/// Appends a port as `Display` writes it, without its machinery.
fn push_decimal(text: &mut String, number: u16) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    text.push(char::from_digit(u32::from(number % 10), 10).unwrap_or('0'));
}

/// Visible ASCII only: nothing that could end a header line or a request line.
pub(crate) fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

fn unix(path: &str) -> Result<Place, Policy> {
    if matches!(path, "" | "@") { Err(Policy::Invalid) } else { Ok(Place::Unix(path.into())) }
}

/// Whether TLS, and the default port. IANA Service Names.
fn scheme_of(scheme: &str) -> Option<(bool, u16)> {
    const SCHEMES: [(&str, bool, u16); 6] = [
        ("http", false, 80),
        ("https", true, 443),
        ("ws", false, 80),
        ("wss", true, 443),
        ("mqtt", false, 1883),
        ("mqtts", true, 8883),
    ];
    let (_, tls, port) =
        SCHEMES.into_iter().find(|(name, ..)| name.eq_ignore_ascii_case(scheme))?;
    Some((tls, port))
}

/// IANA Service Names.
const fn default_port(protocol: Protocol, tls: bool) -> Option<u16> {
    match (protocol, tls) {
        (Protocol::H1 | Protocol::H2 | Protocol::H3 | Protocol::Ws, false) => Some(80),
        (Protocol::H1 | Protocol::H2 | Protocol::H3 | Protocol::Ws, true) => Some(443),
        (Protocol::Mqtt, false) => Some(1883),
        (Protocol::Mqtt, true) => Some(8883),
        (Protocol::Raw, _) => None,
    }
}

/// Host without brackets, and the port if one is written. `bare`: an IPv6 address may stand alone
/// and a port may not.
fn host_port(text: &str, bare: bool) -> Result<(String, Option<u16>), Policy> {
    if bare && text.parse::<core::net::Ipv6Addr>().is_ok() {
        return Ok((text.into(), None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(Policy::Invalid)?;
            host.parse::<core::net::Ipv6Addr>().map_err(|_| Policy::Invalid)?;
            (
                host,
                if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':').ok_or(Policy::Invalid)?)
                },
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let bad = ['/', '?', '#', '@', '\\', '[', ']', '%', '"', '<', '>'];
    if host.is_empty() || host.contains(bad) || (bare && port.is_some()) {
        return Err(Policy::Invalid);
    }
    match port {
        None | Some("") => Ok((host.into(), None)),
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port != 0 => Ok((host.into(), Some(port))),
            Ok(_) | Err(_) => Err(Policy::Invalid),
        },
    }
}

fn has_scheme(location: &str) -> bool {
    location.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Removes `.` and `..` segments (RFC 3986 §5.2.4); the query is left alone.
fn without_dots(path: &str) -> String {
    let (path, query) =
        path.split_at_checked(path.find('?').unwrap_or(path.len())).unwrap_or((path, ""));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            name => {
                kept.push(name);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(endpoint: &str) -> Result<Address, Policy> {
        let streamtype = Streamtype { port: 81, tls: true, ..Streamtype::default() };
        Address::parse(endpoint, &streamtype)
    }

    fn host(host: &str, port: u16) -> Place {
        Place::Host { host: host.into(), port }
    }

    // Covers SS-433
    #[test]
    fn endpoints_are_hosts_addresses_urls_and_unix_sockets() {
        assert_eq!(
            parse("a.example"),
            Ok(Address { place: host("a.example", 81), tls: true, path: None })
        );
        assert_eq!(parse("::1").unwrap().place, host("::1", 81));
        assert_eq!(parse("[::1]").unwrap().place, host("::1", 81));
        let url = parse("http://a.example/b?c").unwrap();
        assert_eq!(
            url,
            Address { place: host("a.example", 80), tls: false, path: Some("/b?c".into()) }
        );
        assert_eq!(parse("wss://a.example:9").unwrap().place, host("a.example", 9));
        assert!(!parse("mqtt://a.example").unwrap().tls);
        assert_eq!(parse("+/run/x").unwrap().place, Place::Unix("/run/x".into()));
        assert_eq!(parse("+@x").unwrap().place, Place::Unix("@x".into()));
        assert_eq!(parse("file:///etc/x"), Err(Policy::Unsupported));
        for bad in
            ["a b", "a/b", "http://", "http://u:p@h/", "gopher://x", "+", "http://h:0/", "[::1"]
        {
            assert_eq!(parse(bad), Err(Policy::Invalid), "{bad}");
        }
        assert_eq!(parse(&"a".repeat(2049)), Err(Policy::Invalid));
        assert_eq!(parse(""), Err(Policy::Missing));
    }

    // Covers SS-510
    #[test]
    fn the_authority_names_a_port_that_is_not_the_default() {
        assert_eq!(parse("https://h").unwrap().authority(), "h");
        assert_eq!(parse("https://h:80").unwrap().authority(), "h:80");
        assert_eq!(parse("http://[::1]:8080").unwrap().authority(), "[::1]:8080");
        assert_eq!(parse("http://h:80/").unwrap().authority(), "h");
    }

    // Covers SS-504
    #[test]
    fn locations_are_resolved_against_the_request() {
        let base = parse("http://h:8080").unwrap();
        let at = |location: &str| {
            base.join("/a/b?c", location).map(|to| (to.authority(), to.path.unwrap()))
        };
        let here = |path: &str| Some(("h:8080".to_owned(), path.to_owned()));
        assert_eq!(at("/x?y#z"), here("/x?y"));
        assert_eq!(at("x"), here("/a/x"));
        assert_eq!(at("../x/./y/.."), here("/x/"));
        assert_eq!(at("?q"), here("/a/b?q"));
        assert_eq!(at("//o/x"), Some(("o".into(), "/x".into())));
        assert_eq!(at("HTTP://o"), Some(("o".into(), "/".into())));
        for bad in ["ftp://o/", "mailto:x", "http://o/\r\nx: y", "javascript:0", "ws://o/"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
