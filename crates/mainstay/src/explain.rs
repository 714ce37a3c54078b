//! What a stream would do: computed by the same code that does it, without a connection.

use core::fmt;
use mainstay_base::{Instant, Policy as PolicyReason, Reason, RetryLimits, Rng};
use mainstay_layers::{LayerSpec, StackSpec, TlsSpec, TrustSpec};
use mainstay_policy::model::Retry;
use mainstay_policy::{Policy, Streamtype};
use mainstay_pool::{MqttConnect, Open, Protocol, Validity, first_bytes};
use mainstay_stream::{Blobs, CreateError, Info, Misuse, Stream};
use std::sync::Arc;

/// Why nothing can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexplained {
    /// The stream could not be created.
    Create(CreateError),
    /// This metadata is not declared.
    Metadata(String, Misuse),
    /// The attempt would fail before anything is opened.
    Attempt(PolicyReason),
}

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(error) => error.fmt(f),
            Self::Metadata(name, _) => {
                write!(f, "metadata {name:?} is not declared by the streamtype")
            }
            Self::Attempt(PolicyReason::UndeclaredMetadata) => {
                f.write_str("a ${name} in its strings is not declared in `metadata`")
            }
            Self::Attempt(PolicyReason::Missing) => {
                f.write_str("a value it needs is not set: an endpoint, or a credential")
            }
            Self::Attempt(reason) => {
                write!(f, "an attempt would fail at once: {}", Reason::Policy(*reason))
            }
        }
    }
}

impl core::error::Error for Unexplained {}

/// What a stream would do.
#[derive(Debug)]
pub struct Explanation {
    open: Open,
    streamtype: Arc<Streamtype>,
    anchors: Vec<(String, usize)>,
    first: Vec<u8>,
}

/// Explains what a stream of `policy` would do with these metadata values.
///
/// # Errors
/// Why the stream, or its attempt, would fail at once.
pub fn explain(
    policy: &Arc<Policy>,
    streamtype: &str,
    metadata: &[(String, Vec<u8>)],
    blobs: &Arc<Blobs>,
) -> Result<Explanation, Unexplained> {
    let unknown = Unexplained::Create(CreateError::UnknownStreamtype);
    let found = policy.streamtypes.get(streamtype).ok_or(unknown)?;
    let info = Info { index: 0, blobs: Arc::clone(blobs) };
    let stream = Stream::new(Instant::ZERO, policy, found, &info);
    let mut stream = stream.map_err(Unexplained::Create)?;
    for (name, value) in metadata {
        stream
            .set_metadata(name, value)
            .map_err(|misuse| Unexplained::Metadata(name.clone(), misuse))?;
    }
    let open = stream.plan().map_err(Unexplained::Attempt)?;
    // A fixed seed: the key of a ws handshake and a drawn client id are shown as drawn.
    let mut rng = Rng::from_run(0);
    let first = first_bytes(&open, &mainstay_pool::Config::default(), &mut rng);
    let first = first.map_err(Unexplained::Attempt)?;
    let anchors = anchors(policy, &open.route.stack);
    Ok(Explanation { open, streamtype: Arc::clone(found), anchors, first })
}

impl Explanation {
    /// Where the base connects: the target's, or the first proxy's.
    #[must_use]
    pub fn transport(&self) -> String {
        self.open.route.stack.transport(&self.open.route.target).to_string()
    }

    /// The layers, outermost first, without secrets (LAY-197).
    #[must_use]
    pub fn layers(&self) -> String {
        self.open.route.stack.to_string()
    }

    /// What the protocol writes first.
    #[must_use]
    pub fn first_bytes(&self) -> &[u8] {
        &self.first
    }

    fn write_endpoint(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = &self.open.route.target;
        writeln!(f, "endpoint   {}:{}", target.host, target.port)?;
        writeln!(f, "connects   {}", self.transport())?;
        write!(f, "layers     {}", self.open.route.stack.base.name())?;
        for layer in &self.open.route.stack.layers {
            write!(f, " > {}", layer.name())?;
        }
        writeln!(f, " > {}", protocol_name(&self.open.protocol))
    }

    fn write_trust(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.anchors.is_empty() {
            return writeln!(f, "trust      no TLS: anybody on the way can read and change it");
        }
        for (store, count) in &self.anchors {
            match count {
                0 => writeln!(f, "trust      {store}")?,
                1 => writeln!(f, "trust      {store}, 1 certificate")?,
                _ => writeln!(f, "trust      {store}, {count} certificates")?,
            }
        }
        for tls in tls_layers(&self.open.route.stack) {
            let name = tls.name.as_deref().unwrap_or(&self.open.route.target.host);
            let alpn = if tls.alpn.is_empty() { "none".to_owned() } else { tls.alpn.join(", ") };
            let own = if tls.identity.is_some() { ", with a client certificate" } else { "" };
            writeln!(f, "tls        name {name}, ALPN {alpn}{own}")?;
        }
        Ok(())
    }

    fn write_retry(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(retry) = self.streamtype.retry.as_deref() else {
            return writeln!(f, "retry      none: the first failure is final");
        };
        let limits = limits(retry);
        let jitter = if retry.jitter_percent == 0 { 30 } else { retry.jitter_percent };
        let times = match retry.conceal {
            u16::MAX => "for ever".to_owned(),
            n => format!("{n} times"),
        };
        writeln!(f, "retry      {:?}, {times}, jitter 0 to {jitter} %", retry.name)?;
        let steps = u16::try_from(retry.backoff_ms.len().max(1)).unwrap_or(u16::MAX);
        for n in 0..steps.min(retry.conceal) {
            let (least, most) = (limits.delay(n, 0), limits.delay(n, u16::MAX));
            let last = if n + 1 == steps { " and from then on" } else { "" };
            writeln!(
                f,
                "  after failure {}: {} to {} ms{last}",
                n + 1,
                least.as_millis(),
                most.as_millis()
            )?;
        }
        self.write_validity(f)
    }

    fn write_validity(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Validity { ping, hangup }) = self.open.validity.filter(|v| !v.hangup.is_zero())
        else {
            return Ok(());
        };
        match ping.filter(|ping| !ping.is_zero() && *ping < hangup) {
            Some(ping) => writeln!(
                f,
                "validity   ping after {} s of silence, hang up after {} s",
                ping.as_secs(),
                hangup.as_secs()
            ),
            None => writeln!(f, "validity   hang up after {} s of silence", hangup.as_secs()),
        }
    }

    fn write_first(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.open.protocol {
            Protocol::H1(_) | Protocol::Ws { .. } => {
                writeln!(f, "sends first")?;
                let text = String::from_utf8_lossy(&self.first);
                for line in text.lines().filter(|line| !line.is_empty()) {
                    writeln!(f, "  {}", redacted(line))?;
                }
                Ok(())
            }
            Protocol::H2 { request, .. } => {
                let scheme = if request.secure { "https" } else { "http" };
                writeln!(f, "sends first, after preface and SETTINGS")?;
                writeln!(f, "  :method {}", request.method)?;
                writeln!(f, "  :scheme {scheme}")?;
                writeln!(f, "  :authority {}", request.authority)?;
                writeln!(f, "  :path {}", request.path)?;
                for (name, value) in &request.headers {
                    let line = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
                    writeln!(f, "  {}", redacted(&line))?;
                }
                Ok(())
            }
            Protocol::Mqtt(open) => {
                writeln!(f, "sends first")?;
                write_connect(f, &open.connect)?;
                if let Some((filter, qos)) = &open.subscribe {
                    writeln!(f, "  SUBSCRIBE {filter:?} QoS {qos}")?;
                }
                if let Some(birth) = &open.birth {
                    writeln!(f, "  PUBLISH {:?} QoS {} (birth)", birth.topic, birth.qos)?;
                }
                Ok(())
            }
            Protocol::Raw => writeln!(f, "sends first  what the application sends"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_endpoint(f)?;
        self.write_trust(f)?;
        self.write_retry(f)?;
        self.write_first(f)
    }
}

/// CONNECT as people read it; of a password only that there is one.
fn write_connect(f: &mut fmt::Formatter<'_>, connect: &MqttConnect) -> fmt::Result {
    match connect.client_id.as_str() {
        "" => f.write_str("  CONNECT with a client id drawn for the connection")?,
        id => write!(f, "  CONNECT as {id:?}")?,
    }
    f.write_str(if connect.clean { ", clean session" } else { ", session kept" })?;
    match connect.keep_alive_s {
        0 => f.write_str(", no keep-alive")?,
        seconds => write!(f, ", keep-alive {seconds} s")?,
    }
    if let Some(user) = &connect.username {
        write!(f, ", user {user:?}")?;
    }
    if connect.password.is_some() {
        f.write_str(", with a password")?;
    }
    if let Some(will) = &connect.will {
        write!(f, ", last will to {:?} QoS {}", will.topic, will.qos)?;
    }
    writeln!(f)
}

/// A header whose value may be a credential shows its name only.
fn redacted(line: &str) -> String {
    let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let secret = ["authorization", "cookie", "proxy-authorization"].contains(&name.as_str())
        || name.contains("token")
        || name.contains("key") && name != "sec-websocket-key";
    if secret { format!("{name}: (not shown)") } else { line.to_owned() }
}

const fn protocol_name(protocol: &Protocol) -> &'static str {
    match protocol {
        Protocol::H1(_) => "http/1.1",
        Protocol::H2 { fallback: false, .. } => "h2",
        Protocol::H2 { fallback: true, .. } => "h2 or http/1.1",
        Protocol::Ws { .. } => "ws",
        Protocol::Mqtt(_) => "mqtt",
        Protocol::Raw => "raw",
    }
}

fn tls_layers(stack: &StackSpec) -> impl Iterator<Item = &TlsSpec> {
    stack.layers.iter().filter_map(|layer| match layer {
        LayerSpec::Tls(tls) => Some(tls),
        LayerSpec::HttpConnect(_) | LayerSpec::Socks5(_) => None,
    })
}

/// Each TLS layer's trust store, and how many certificates it has; 0 where that is not known.
fn anchors(policy: &Policy, stack: &StackSpec) -> Vec<(String, usize)> {
    tls_layers(stack)
        .map(|tls| match &tls.trust {
            TrustSpec::Os => ("the platform's".to_owned(), 0),
            TrustSpec::Store(name) => {
                let count = policy.trust_stores.get(name).map_or(0, Vec::len);
                (format!("store {name:?}"), count)
            }
            TrustSpec::Pem(_) => ("spelled out in the stack".to_owned(), 0),
        })
        .collect()
}

fn limits(retry: &Retry) -> RetryLimits<'_> {
    RetryLimits {
        backoff_ms: &retry.backoff_ms,
        conceal: retry.conceal,
        jitter_percent: retry.jitter_percent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{
        "retry": [{"slow": {"backoff": [1000, 5000], "conceal": 3, "jitterpc": 10,
                            "svalidping": 30, "svalidhup": 35}}],
        "s": [{"up": {"endpoint": "${site}.test", "port": 8443, "tls": true, "protocol": "ws",
                      "http_url": "feed", "retry": "slow", "via-socks5": "u:secret@proxy.test:1080",
                      "metadata": [{"site": ""}, {"pass": "authorization"}]}}]}"#;

    fn explained(metadata: &[(&str, &str)]) -> Result<Explanation, Unexplained> {
        let policy = Arc::new(Policy::parse(POLICY, "test").unwrap().policy);
        let pairs: Vec<_> =
            metadata.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
        explain(&policy, "up", &pairs, &Arc::default())
    }

    #[test]
    fn everything_that_would_happen_is_shown_and_no_secret() {
        let shown = explained(&[("site", "north"), ("pass", "hush")]).unwrap().to_string();
        for line in [
            "endpoint   north.test:8443",
            "connects   proxy.test:1080",
            "layers     os-tcp > socks5 > tls > ws",
            "trust      the platform's",
            "tls        name north.test, ALPN http/1.1",
            "retry      \"slow\", 3 times, jitter 0 to 10 %",
            "  after failure 1: 1000 to 1099 ms",
            "  after failure 2: 5000 to 5499 ms and from then on",
            "validity   ping after 30 s of silence, hang up after 35 s",
            "  GET /feed HTTP/1.1",
            "  authorization: (not shown)",
        ] {
            assert!(shown.contains(line), "{line} in\n{shown}");
        }
        assert!(!shown.contains("secret") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn what_cannot_be_is_said() {
        let unknown = explained(&[("nothing", "x")]).unwrap_err();
        assert_eq!(unknown, Unexplained::Metadata("nothing".into(), Misuse::NoSuchMetadata));
    }
}
