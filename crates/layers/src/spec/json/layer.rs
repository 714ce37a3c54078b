//! Layers in JSON (LAY-203 to LAY-205).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainstay_tls::{Pin, PinMode, Version};
use serde_json::{Value, json};

use super::{Members, Written};
use crate::error::{SpecFault, SpecFaultKind};
use crate::spec::{
    HttpConnectSpec, IdentitySpec, LayerSpec, Proxy, Resolve, Secret, Socks5Spec, TlsSpec,
    TrustSpec,
};
use crate::target::parse_authority;

const RESOLVES: [(&str, Resolve); 2] = [("remote", Resolve::Remote), ("local", Resolve::Local)];
const PIN_MODES: [(&str, PinMode); 2] = [("and", PinMode::And), ("pin-only", PinMode::PinOnly)];
const VERSIONS: [(&str, Version); 2] = [("1.2", Version::Tls12), ("1.3", Version::Tls13)];
/// How a text shows that it is PEM and no name. RFC 7468 §2.
const PEM: &str = "-----BEGIN ";
/// How a pin of a public key begins; base64 follows.
const SHA256: &str = "sha256/";

impl LayerSpec {
    pub(super) fn read(mut members: Members<'_>) -> Result<Self, SpecFault> {
        let name = members.needed_text("use")?;
        let layer = match name.as_str() {
            "http-connect" => Self::HttpConnect(http_connect(&mut members)?),
            "socks5" => Self::Socks5(socks5(&mut members)?),
            "tls" => Self::Tls(tls(&mut members)?),
            _ => return Err(SpecFault::new(&members.path_of("use"), SpecFaultKind::UnknownName)),
        };
        members.finish().map(|()| layer)
    }

    pub(super) fn write(&self) -> Value {
        let mut written = Written::new(self.name());
        match self {
            Self::HttpConnect(spec) => {
                write_proxy(&mut written, &spec.proxy);
                let default = HttpConnectSpec::new(Proxy::new("", 0));
                written.put("headers", &spec.headers, &default.headers, |map| json!(map));
                written.put("user_agent", &spec.user_agent, &default.user_agent, |v| json!(v));
            }
            Self::Socks5(spec) => {
                write_proxy(&mut written, &spec.proxy);
                written.put_flag("optimistic", spec.optimistic, false);
            }
            Self::Tls(spec) => write_tls(&mut written, spec),
        }
        Value::Object(written.0)
    }
}

fn proxy(members: &mut Members<'_>) -> Result<Proxy, SpecFault> {
    let authority = members.needed_text("proxy")?;
    let (host, port) =
        parse_authority(&authority).ok_or_else(|| members.invalid("proxy", "host:port"))?;
    let mut proxy = Proxy::new(&host, port);
    proxy.user = members.text("user")?;
    proxy.password = members.text("password")?.map(Secret);
    proxy.password_ref = members.text("password_ref")?;
    members.word("resolve", &RESOLVES, "remote or local", &mut proxy.resolve)?;
    members.millis("negotiate_ms", &mut proxy.negotiate)?;
    Ok(proxy)
}

fn http_connect(members: &mut Members<'_>) -> Result<HttpConnectSpec, SpecFault> {
    let mut spec = HttpConnectSpec::new(proxy(members)?);
    let headers = members.get("headers", "an object of strings", |value| {
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.into()));
        value.as_object()?.iter().map(text).collect()
    })?;
    spec.headers = headers.unwrap_or_default();
    // Here null says something: no such header.
    match members.raw("user_agent") {
        None => {}
        Some(Value::Null) => spec.user_agent = None,
        Some(_) => spec.user_agent = members.text("user_agent")?,
    }
    refuse_flag(members, "digest")?;
    Ok(spec)
}

fn socks5(members: &mut Members<'_>) -> Result<Socks5Spec, SpecFault> {
    let mut spec = Socks5Spec::new(proxy(members)?);
    members.flag("optimistic", &mut spec.optimistic)?;
    Ok(spec)
}

fn tls(members: &mut Members<'_>) -> Result<TlsSpec, SpecFault> {
    let trust = match members.text("trust")? {
        None => TrustSpec::Os,
        Some(name) if name == "os" => TrustSpec::Os,
        Some(pem) if pem.starts_with(PEM) => TrustSpec::Pem(pem),
        Some(name) => TrustSpec::Store(name),
    };
    let mut spec = TlsSpec { trust, ..TlsSpec::default() };
    for text in members.texts("pins")? {
        let expected = "sha256/ and 32 bytes in base64, or leaf/ and a certificate in base64";
        spec.pins.push(pin(&text).ok_or_else(|| members.invalid("pins", expected))?);
    }
    members.word("pin_mode", &PIN_MODES, "and or pin-only", &mut spec.pin_mode)?;
    spec.name = members.text("name")?;
    members.flag("sni", &mut spec.sni)?;
    spec.identity = identity(members)?;
    spec.alpn = members.texts("alpn")?;
    if !spec.alpn.iter().all(|name| (1..=255).contains(&name.len())) {
        return Err(members.invalid("alpn", "names of 1 to 255 bytes"));
    }
    members.flag("require_alpn", &mut spec.require_alpn)?;
    members.word("min", &VERSIONS, "1.2 or 1.3", &mut spec.min)?;
    members.word("max", &VERSIONS, "1.2 or 1.3", &mut spec.max)?;
    members.flag("resume", &mut spec.resume)?;
    refuse_flag(members, "early_data")?;
    members.flag("allow_common_name", &mut spec.allow_common_name)?;
    members.flag("leaf_anchor", &mut spec.leaf_anchor)?;
    spec.crl = members.text("crl")?;
    members.flag("tolerate_truncation", &mut spec.tolerate_truncation)?;
    members.millis("handshake_ms", &mut spec.handshake)?;
    Ok(spec)
}

fn identity(members: &mut Members<'_>) -> Result<Option<IdentitySpec>, SpecFault> {
    let Some(value) = members.value("identity") else { return Ok(None) };
    if let Some(name) = value.as_str() {
        return Ok(Some(IdentitySpec::Store(name.to_owned())));
    }
    let mut inner = Members::of(value, &members.path_of("identity"))
        .map_err(|_| members.wrong("identity", "a name, or an object with cert and key"))?;
    let (cert, key) = (inner.needed_text("cert")?, Secret(inner.needed_text("key")?));
    inner.finish()?;
    Ok(Some(IdentitySpec::Pem { cert, key }))
}

fn pin(text: &str) -> Option<Pin> {
    if let Some(digest) = text.strip_prefix(SHA256) {
        return STANDARD.decode(digest).ok()?.try_into().ok().map(Pin::PublicKey);
    }
    STANDARD.decode(text.strip_prefix("leaf/")?).ok().map(Pin::Leaf)
}

/// Known in the specification of layers, but not done here: only `false` is taken.
fn refuse_flag(members: &mut Members<'_>, member: &'static str) -> Result<(), SpecFault> {
    let mut on = false;
    members.flag(member, &mut on)?;
    if on {
        return Err(SpecFault::new(&members.path_of(member), SpecFaultKind::Unsupported));
    }
    Ok(())
}

fn write_proxy(written: &mut Written, proxy: &Proxy) {
    let default = Proxy::new("", 0);
    written.put_text("proxy", Some(&proxy.authority()));
    written.put_text("user", proxy.user.as_ref());
    written.put_text("password_ref", proxy.password_ref.as_ref());
    written.put("resolve", &proxy.resolve, &default.resolve, |v| word(&RESOLVES, v));
    written.put_millis("negotiate_ms", proxy.negotiate, default.negotiate);
}

fn write_tls(written: &mut Written, spec: &TlsSpec) {
    let default = TlsSpec::default();
    match &spec.trust {
        TrustSpec::Os => {}
        TrustSpec::Store(text) | TrustSpec::Pem(text) => written.put_text("trust", Some(text)),
    }
    written.put("pins", &spec.pins, &default.pins, |pins| {
        pins.iter().map(|pin| Value::from(pin_text(pin))).collect()
    });
    written.put("pin_mode", &spec.pin_mode, &default.pin_mode, |v| word(&PIN_MODES, v));
    written.put_text("name", spec.name.as_ref());
    written.put_flag("sni", spec.sni, true);
    if let Some(IdentitySpec::Store(name)) = &spec.identity {
        written.put_text("identity", Some(name));
    }
    written.put("alpn", &spec.alpn, &default.alpn, |alpn| json!(alpn));
    written.put_flag("require_alpn", spec.require_alpn, false);
    written.put("min", &spec.min, &default.min, |v| word(&VERSIONS, v));
    written.put("max", &spec.max, &default.max, |v| word(&VERSIONS, v));
    written.put_flag("resume", spec.resume, true);
    written.put_flag("allow_common_name", spec.allow_common_name, false);
    written.put_flag("leaf_anchor", spec.leaf_anchor, true);
    written.put_text("crl", spec.crl.as_ref());
    written.put_flag("tolerate_truncation", spec.tolerate_truncation, false);
    written.put_millis("handshake_ms", spec.handshake, default.handshake);
}

fn pin_text(pin: &Pin) -> String {
    match pin {
        Pin::PublicKey(digest) => format!("{SHA256}{}", STANDARD.encode(digest)),
        Pin::Leaf(der) => format!("leaf/{}", STANDARD.encode(der)),
    }
}

fn word<T: PartialEq>(words: &[(&str, T)], value: &T) -> Value {
    words.iter().find(|(_, known)| known == value).map(|(word, _)| *word).into()
}
