//! Which layers a streamtype asks for (LAY-193): TLS and proxies from its keys.

use super::Opener;
use super::address::{Address, Place};
use mainstay_base::Policy;
use mainstay_layers::{
    BaseSpec, HttpConnectSpec, IdentitySpec, LayerSpec, OsTcpSpec, Proxy, Socks5Spec, StackSpec,
    TlsSpec, TrustSpec, UnixSpec,
};
use mainstay_policy::Protocol;
use mainstay_policy::model::HostPort;

/// The layers of one attempt, bottom up.
pub(crate) fn build(opener: &Opener<'_>, address: &Address) -> Result<StackSpec, Policy> {
    if let Some(text) = &opener.streamtype.stack {
        return spelled_out(text, opener.streamtype.protocol);
    }
    let mut layers = Vec::new();
    let base = match &address.place {
        Place::Host { .. } => {
            proxies(opener, &mut layers);
            BaseSpec::OsTcp(OsTcpSpec::default())
        }
        Place::Unix(path) => BaseSpec::Unix(UnixSpec { path: path.clone() }),
    };
    if address.tls {
        layers.push(tls(opener, address).into());
    }
    let spec = StackSpec { base, layers };
    spec.check().map_err(|_| Policy::Invalid)?;
    Ok(spec)
}

/// A stack the streamtype spells out overrides its other keys; only the protocol's ALPN is put in
/// where the topmost TLS layer names none.
fn spelled_out(text: &str, protocol: Protocol) -> Result<StackSpec, Policy> {
    let mut spec = StackSpec::parse(text).map_err(|_| Policy::Invalid)?;
    if let Some(LayerSpec::Tls(tls)) = spec.layers.last_mut()
        && tls.alpn.is_empty()
    {
        tls.alpn = alpn(protocol, false);
    }
    Ok(spec)
}

/// Proxies from the near to the far one. A stream's own replace the document's.
fn proxies(opener: &Opener<'_>, layers: &mut Vec<LayerSpec>) {
    let streamtype = opener.streamtype;
    let document =
        opener.policy.via_socks5.as_ref().filter(|_| streamtype.via_http_proxy.is_none());
    if let Some(socks) = streamtype.via_socks5.as_ref().or(document) {
        layers.push(Socks5Spec::new(proxy(socks)).into());
    }
    if let Some(http) = &streamtype.via_http_proxy {
        if http.tls {
            let name = Some(http.at.host.clone());
            layers.push(TlsSpec { name, ..TlsSpec::default() }.into());
        }
        layers.push(HttpConnectSpec::new(proxy(&http.at)).into());
    }
}

fn proxy(at: &HostPort) -> Proxy {
    let proxy = Proxy::new(&at.host, at.port);
    match &at.credentials {
        Some((user, password)) => proxy.with_credentials(user, password),
        None => proxy,
    }
}

fn tls(opener: &Opener<'_>, address: &Address) -> TlsSpec {
    let streamtype = opener.streamtype;
    let unix = matches!(address.place, Place::Unix(_));
    TlsSpec {
        trust: streamtype.tls_trust_store.clone().map_or(TrustSpec::Os, TrustSpec::Store),
        identity: streamtype.client_cert.map(|number| IdentitySpec::Store(number.to_string())),
        name: unix.then(|| "localhost".to_owned()),
        alpn: alpn(streamtype.protocol, streamtype.http.h1_fallback),
        ..TlsSpec::default()
    }
}

/// What a protocol offers (RFC 7301; SS-525, SS-540, SS-560).
fn alpn(protocol: Protocol, fallback: bool) -> Vec<String> {
    let names: &[&str] = match protocol {
        Protocol::H2 | Protocol::H3 if fallback => &["h2", "http/1.1"],
        Protocol::H2 | Protocol::H3 => &["h2"],
        Protocol::H1 | Protocol::Ws => &["http/1.1"],
        Protocol::Mqtt => &["x-amzn-mqtt-ca"],
        Protocol::Raw => &[],
    };
    names.iter().map(|&name| name.to_owned()).collect()
}
