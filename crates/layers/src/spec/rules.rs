//! What may stand on what (LAY-192).

use super::{BaseSpec, LayerSpec, StackSpec};
use crate::error::{SpecFault, SpecFaultKind};
use crate::limits::{LAYERS_MAX, SOCKS_FIELD_MAX, TLS_LAYERS_MAX};

impl StackSpec {
    /// Checks the rules of composition, and the values no layer could send.
    ///
    /// # Errors
    /// The first broken rule, naming both layers.
    pub fn check(&self) -> Result<(), SpecFault> {
        if self.layers.len() > LAYERS_MAX {
            let kind = SpecFaultKind::Invalid("at most 16 layers");
            return Err(SpecFault::new("$.layers", kind));
        }
        for (level, layer) in self.layers.iter().enumerate() {
            let path = format!("$.layers[{level}]");
            self.check_on_unix(&path, layer)?;
            check_values(&path, layer)?;
        }
        self.check_tls()
    }

    fn check_on_unix(&self, path: &str, layer: &LayerSpec) -> Result<(), SpecFault> {
        let BaseSpec::Unix(_) = self.base else { return Ok(()) };
        let rule = match layer {
            LayerSpec::Tls(tls) if tls.name.is_some() => return Ok(()),
            LayerSpec::Tls(_) => "tls needs an explicit name there",
            LayerSpec::HttpConnect(_) | LayerSpec::Socks5(_) => "a tunnel needs a port",
        };
        Err(SpecFault::new(path, SpecFaultKind::Rule { lower: "unix", upper: layer.name(), rule }))
    }

    /// At most two, and judged by different names.
    fn check_tls(&self) -> Result<(), SpecFault> {
        let mut names = Vec::new();
        for (level, layer) in self.layers.iter().enumerate() {
            let LayerSpec::Tls(tls) = layer else { continue };
            let name = tls.name.as_deref();
            let name = name.or_else(|| self.proxy_above(level).map(|proxy| proxy.host.as_str()));
            let rule = if names.len() == TLS_LAYERS_MAX {
                "tls at most twice"
            } else if names.contains(&name) {
                "two tls layers must have different server names"
            } else {
                names.push(name);
                continue;
            };
            let kind = SpecFaultKind::Rule { lower: "tls", upper: "tls", rule };
            return Err(SpecFault::new(&format!("$.layers[{level}]"), kind));
        }
        Ok(())
    }
}

fn check_values(path: &str, layer: &LayerSpec) -> Result<(), SpecFault> {
    let fault = |member: &str, expected| {
        Err(SpecFault::new(&format!("{path}.{member}"), SpecFaultKind::Invalid(expected)))
    };
    if let Some(proxy) = layer.proxy() {
        if proxy.user.is_none() && (proxy.password.is_some() || proxy.password_ref.is_some()) {
            return fault("user", "there with a password");
        }
        if proxy.password.is_some() && proxy.password_ref.is_some() {
            return fault("password_ref", "alone, without password");
        }
    }
    match layer {
        LayerSpec::HttpConnect(connect) => {
            if connect.proxy.user.as_ref().is_some_and(|user| user.contains(':')) {
                return fault("user", "without colon (RFC 7617 §2)");
            }
            let agent = connect.user_agent.iter();
            if !connect.headers.keys().all(|name| is_token(name)) {
                return fault("headers", "an object of header names (RFC 9110 §5.1)");
            }
            if !connect.headers.values().chain(agent).all(|value| is_value(value)) {
                return fault("headers", "values without control characters (RFC 9110 §5.5)");
            }
        }
        LayerSpec::Socks5(socks) => {
            let fits = |text: &str| (1..=SOCKS_FIELD_MAX).contains(&text.len());
            if socks.proxy.user.as_ref().is_some_and(|user| !fits(user)) {
                return fault("user", "1 to 255 bytes (RFC 1929 §2)");
            }
            if socks.proxy.password.as_ref().is_some_and(|password| !fits(&password.0)) {
                return fault("password", "1 to 255 bytes (RFC 1929 §2)");
            }
        }
        LayerSpec::Tls(tls) if tls.min > tls.max => return fault("min", "not above max"),
        LayerSpec::Tls(_) => {}
    }
    Ok(())
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    let special = b"!#$%&'*+-.^_`|~";
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || special.contains(&b))
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}
