//! Which layers a streamtype asks for (LAY-193): its own `stack`, or TLS and proxies from its keys.

use super::Opener;
use super::address::Address;
use mainstay_base::Policy;
use mainstay_layers::{StackSpec, Target, UnixAddress};
use mainstay_policy::Protocol;
use mainstay_policy::model::HostPort;
use serde_json::{Map, Value, json};

/// The layers of one attempt, bottom up.
pub(crate) fn build(opener: &Opener<'_>, address: &Address) -> Result<StackSpec, Policy> {
    let form = match &opener.streamtype.stack {
        Some(text) => serde_json::from_str(text).map_err(|_| Policy::Invalid)?,
        None => form(opener, address),
    };
    StackSpec::from_json(&form).map_err(|_| Policy::Invalid)
}

/// The JSON form of LAY-191, as a user would write it under `stack`.
fn form(opener: &Opener<'_>, address: &Address) -> Value {
    let mut layers = Vec::new();
    let base = match &address.target {
        Target::Host { .. } => {
            proxies(opener, &mut layers);
            json!({ "use": "os-tcp" })
        }
        Target::Unix(UnixAddress::Path(path)) => json!({ "use": "unix", "path": path }),
        Target::Unix(UnixAddress::Abstract(name)) => {
            json!({ "use": "unix", "path": format!("@{name}") })
        }
        Target::Mem(label) => json!({ "use": "mem", "label": label }),
    };
    if address.tls {
        layers.push(tls(opener, address));
    }
    json!({ "base": base, "layers": layers })
}

/// Proxies from the near to the far one. A stream's own replace the document's.
fn proxies(opener: &Opener<'_>, layers: &mut Vec<Value>) {
    let streamtype = opener.streamtype;
    let document =
        opener.policy.via_socks5.as_ref().filter(|_| streamtype.via_http_proxy.is_none());
    if let Some(socks) = streamtype.via_socks5.as_ref().or(document) {
        layers.push(Value::Object(proxy("socks5", socks)));
    }
    if let Some(http) = &streamtype.via_http_proxy {
        if http.tls {
            layers.push(json!({ "use": "tls", "name": http.at.host }));
        }
        layers.push(Value::Object(proxy("http-connect", &http.at)));
    }
}

fn proxy(layer: &str, at: &HostPort) -> Map<String, Value> {
    let mut form = Map::new();
    let host = if at.host.contains(':') { format!("[{}]", at.host) } else { at.host.clone() };
    form.insert("use".into(), layer.into());
    form.insert("proxy".into(), format!("{host}:{}", at.port).into());
    if let Some((user, password)) = &at.credentials {
        form.insert("user".into(), user.as_str().into());
        form.insert("password".into(), password.as_str().into());
    }
    form
}

fn tls(opener: &Opener<'_>, address: &Address) -> Value {
    let streamtype = opener.streamtype;
    let mut form = Map::new();
    form.insert("use".into(), "tls".into());
    if let Some(store) = &streamtype.tls_trust_store {
        form.insert("trust".into(), store.as_str().into());
    }
    if let Some(number) = streamtype.client_cert {
        form.insert("identity".into(), number.to_string().into());
    }
    if matches!(address.target, Target::Unix(_)) {
        form.insert("name".into(), "localhost".into());
    }
    let alpn: &[&str] = match streamtype.protocol {
        Protocol::H2 | Protocol::H3 if streamtype.http.h1_fallback => &["h2", "http/1.1"],
        Protocol::H2 | Protocol::H3 => &["h2"],
        Protocol::H1 | Protocol::Ws => &["http/1.1"],
        // SS-560.
        Protocol::Mqtt => &["x-amzn-mqtt-ca"],
        Protocol::Raw => &[],
    };
    if !alpn.is_empty() {
        form.insert("alpn".into(), alpn.into());
    }
    Value::Object(form)
}
