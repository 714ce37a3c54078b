//! A first policy for a URL, as `mainstay new` writes it.

use core::fmt;

/// Why no policy can be written for a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritable {
    /// There is no `scheme://`, or the scheme is none of https, http, wss, ws, mqtts, mqtt, tls, tcp.
    Scheme,
    /// There is no host, or it holds what a host cannot.
    Host,
    /// A user or password stands before the host.
    Credentials,
    /// The port is not a number from 1 to 65535, or tcp and tls lack one.
    Port,
    /// The path holds blanks, quotes, backslashes or control characters.
    Path,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => {
                "a URL starts with https://, http://, wss://, ws://, mqtts://, mqtt://, tls:// or tcp://"
            }
            Self::Host => "after :// a host is expected: a name, an IPv4 address, or an IPv6 address in []",
            Self::Credentials => {
                "leave user and password out: a policy holds none, the device is given them as blobs"
            }
            Self::Port => "a port is a number from 1 to 65535; tcp and tls need one, as in tcp://host:7000",
            Self::Path => "write blanks and quotes in the path as %20 and %22",
        })
    }
}

impl core::error::Error for Unwritable {}

/// Writes a first policy with the one streamtype `main`, commented, for a URL of any protocol.
///
/// # Errors
/// What is wrong with the URL.
pub fn first_policy(url: &str) -> Result<String, Unwritable> {
    let (scheme, rest) = url.split_once("://").ok_or(Unwritable::Scheme)?;
    let form = FORMS.iter().find(|form| form.scheme.eq_ignore_ascii_case(scheme));
    let form = form.ok_or(Unwritable::Scheme)?;
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(cut);
    if authority.contains('@') {
        return Err(Unwritable::Credentials);
    }
    let (host, port) = host_and_port(authority)?;
    let port = port.or(form.port).ok_or(Unwritable::Port)?;
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.chars().any(|c| c.is_whitespace() || c.is_control() || "\"\\".contains(c)) {
        return Err(Unwritable::Path);
    }
    let path = path.replace("${", "$${");
    let is_topic = form.subject == MQTT && !path.is_empty() && !path.contains('+');
    let keys = if is_topic { MQTT_TOPIC_KEYS } else { form.keys }.replace("PATH", &path);
    let tls = form.tls;
    let subject = form.subject;
    Ok(format!(
        r#"{{
  # How this device reaches {authority}. A # starts a comment, up to the end of the line.
  # `mainstay check` reads the file and names every mistake with its line.
  "schema-version": 1,

  # How to go on after a failure.
  "retry": [
    {{ "default": {{
      "backoff": [1000, 2000, 5000, 10000, 30000],  # milliseconds before each further attempt
      "conceal": 65535,    # failures retried before giving up; 65535: never
      "jitterpc": 20,      # up to so many percent longer, so that devices do not come at once
      "svalidping": 30,    # seconds of silence before a ping, where the protocol has one
      "svalidhup": 45      # seconds of silence before the connection counts as lost
    }} }}
  ],

  # Streamtypes: an application opens one by its name and sees payload only.
  "s": [
    {{ "main": {{
      # {subject}
      "endpoint": "{host}",
      "port": {port},
      "tls": {tls},
{keys}      "retry": "default"
    }} }}
  ]
}}
"#
    ))
}

struct Form {
    scheme: &'static str,
    port: Option<u16>,
    tls: bool,
    subject: &'static str,
    keys: &'static str,
}

/// The ports are IANA's.
const FORMS: [Form; 8] = [
    Form { scheme: "https", port: Some(443), tls: true, subject: HTTP, keys: HTTPS_KEYS },
    Form { scheme: "http", port: Some(80), tls: false, subject: HTTP, keys: HTTP_KEYS },
    Form { scheme: "wss", port: Some(443), tls: true, subject: WS, keys: WS_KEYS },
    Form { scheme: "ws", port: Some(80), tls: false, subject: WS, keys: WS_KEYS },
    Form { scheme: "mqtts", port: Some(8883), tls: true, subject: MQTT, keys: MQTT_KEYS },
    Form { scheme: "mqtt", port: Some(1883), tls: false, subject: MQTT, keys: MQTT_KEYS },
    Form { scheme: "tls", port: None, tls: true, subject: RAW, keys: RAW_KEYS },
    Form { scheme: "tcp", port: None, tls: false, subject: RAW, keys: RAW_KEYS },
];

const HTTP: &str = "One HTTP request and its response, whenever the application asks.";
const WS: &str = "A WebSocket: messages both ways. It connects at once and stays.";
const MQTT: &str = "MQTT: publishes to a topic and receives what is subscribed.";
const RAW: &str = "Bytes both ways. It connects at once and stays.";

const HTTPS_KEYS: &str = r#"      "protocol": "h2",         # HTTP/2 ...
      "h1_fallback": true,      # ... or HTTP/1.1 where the server knows no better
      "http_method": "GET",
      "http_url": "PATH",
      "allow_redirects": true,
"#;
const HTTP_KEYS: &str = r#"      "protocol": "h1",
      "http_method": "GET",
      "http_url": "PATH",
      "allow_redirects": true,
"#;
const WS_KEYS: &str = r#"      "protocol": "ws",
      "http_url": "PATH",
      "nailed_up": true,
"#;
/// Without a topic in the URL's path the application chooses.
const MQTT_KEYS: &str = r#"      "protocol": "mqtt",
      "nailed_up": true,
      "mqtt_keep_alive": 60,    # seconds
      "mqtt_clean_start": true,
      "mqtt_qos": 1,            # 0: at most once, 1: at least once, 2: exactly once
      "mqtt_topic": "${topic}",       # what the application sets as metadata `topic`
      "mqtt_subscribe": "${filter}",  # and as `filter`; nothing is subscribed while it is unset
      "metadata": [{ "topic": "" }, { "filter": "" }],
"#;
/// A topic in the URL's path is published to.
const MQTT_TOPIC_KEYS: &str = r#"      "protocol": "mqtt",
      "nailed_up": true,
      "mqtt_keep_alive": 60,    # seconds
      "mqtt_clean_start": true,
      "mqtt_qos": 1,            # 0: at most once, 1: at least once, 2: exactly once
      "mqtt_topic": "PATH",           # where to publish
      "mqtt_subscribe": "${filter}",  # what the application sets as metadata `filter`; nothing while it is unset
      "metadata": [{ "filter": "" }],
"#;
const RAW_KEYS: &str = r#"      "protocol": "raw",
      "nailed_up": true,
"#;

/// Splits `host[:port]`; an IPv6 address stands in brackets and loses them.
fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), Unwritable> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']').ok_or(Unwritable::Host)?;
            host.parse::<core::net::Ipv6Addr>().map_err(|_| Unwritable::Host)?;
            (host, (!after.is_empty()).then(|| after.strip_prefix(':').unwrap_or("-")))
        }
        None => authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p))),
    };
    let is_name = |c: char| c.is_alphanumeric() || ".-_:".contains(c);
    if host.is_empty() || !host.chars().all(is_name) {
        return Err(Unwritable::Host);
    }
    let Some(port) = port else { return Ok((host, None)) };
    let digits = port.bytes().all(|c| c.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0);
    Ok((host, Some(port.ok_or(Unwritable::Port)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Protocol};

    #[test]
    fn a_first_policy_of_every_scheme_loads_without_warning() {
        let expected = [
            ("https://example.com/a?b=$${c}", 443, true, Protocol::H2),
            ("http://[::1]:8080", 8080, false, Protocol::H1),
            ("wss://example.com/chat#x", 443, true, Protocol::Ws),
            ("ws://127.0.0.1:9000/", 9000, false, Protocol::Ws),
            ("mqtts://broker.lan", 8883, true, Protocol::Mqtt),
            ("MQTT://broker.lan:1884", 1884, false, Protocol::Mqtt),
            ("tls://x-y.lan:7", 7, true, Protocol::Raw),
            ("https://bücher.example", 443, true, Protocol::H2),
            ("tcp://x:7", 7, false, Protocol::Raw),
        ];
        for (url, port, tls, protocol) in expected {
            let text = first_policy(url).unwrap();
            let parsed = Policy::parse(&text, "first").unwrap_or_else(|f| panic!("{url}: {f}"));
            assert_eq!(parsed.warnings, [], "{url}");
            let main = &parsed.policy.streamtypes["main"];
            assert_eq!((main.port, main.tls, main.protocol), (port, tls, protocol), "{url}");
            assert!(main.inert.is_empty() && main.retry.is_some(), "{url}");
            assert!(crate::is_document(&text));
        }
        let text = first_policy("http://h/p%20q?x=${y}").unwrap();
        let policy = Policy::parse(&text, "first").unwrap().policy;
        let url = policy.streamtypes["main"].http.url.clone().unwrap();
        assert_eq!(crate::template::expand(&url, |_| None).unwrap(), "p%20q?x=${y}");
        let text = first_policy("mqtt://broker.lan/site/temperature").unwrap();
        let parsed = Policy::parse(&text, "first").unwrap();
        let main = &parsed.policy.streamtypes["main"];
        assert_eq!(parsed.warnings, []);
        assert_eq!(main.mqtt.topic.as_deref(), Some("site/temperature"));
    }

    #[test]
    fn a_url_that_cannot_be_a_policy_is_refused_for_what_is_wrong() {
        let bad = [
            ("example.com", Unwritable::Scheme),
            ("ftp://example.com", Unwritable::Scheme),
            ("https://", Unwritable::Host),
            ("https://a b/", Unwritable::Host),
            ("https://[::1", Unwritable::Host),
            ("mqtt://me:secret@h/t", Unwritable::Credentials),
            ("tcp://example.com", Unwritable::Port),
            ("http://x:99999/", Unwritable::Port),
            ("http://x:/", Unwritable::Port),
            ("http://x/\"", Unwritable::Path),
        ];
        for (url, why) in bad {
            assert_eq!(first_policy(url), Err(why), "{url}");
        }
    }
}
