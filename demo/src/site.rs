//! The demo's policy: the committed file, with an overlay that says where this run's peers are.

use crate::peers::{Certificates, Ports};
use core::fmt::Write;
use mainstay::policy::{Document, Faults, Policy};

/// The policy newcomers read.
pub const POLICY: &str = include_str!("../policy.json");

/// Streamtypes by the peer they talk to.
const WEB: [&str; 7] = ["status", "telemetry", "firmware", "busy", "feed-a", "feed-b", "readings"];
const WSS: [&str; 2] = ["echo", "ticker"];
const MQTT: [&str; 2] = ["sensor", "commands"];

/// What stands over the policy in this run: ports, the peers' authority, and whom to trust.
#[must_use]
pub fn overlay(ports: Ports, certificates: &Certificates) -> String {
    let authority = base64(&certificates.authority);
    let mut text = format!(
        "{{\n  \"certs\": [{{ \"demo-authority\": \"{authority}\" }}],\n  \
         \"trust_stores\": [{{ \"name\": \"demo\", \"stack\": [\"demo-authority\"] }}],\n  \"s\": ["
    );
    let web = WEB.iter().map(|name| (name, ports.web));
    let wss = WSS.iter().map(|name| (name, ports.wss));
    let mqtt = MQTT.iter().map(|name| (name, ports.mqtt));
    let mut separator = "\n";
    for (name, port) in web.chain(wss).chain(mqtt) {
        let entry = format!(
            "{separator}    {{ \"{name}\": {{ \"port\": {port}, \"tls_trust_store\": \"demo\" }} }}"
        );
        text.push_str(&entry);
        separator = ",\n";
    }
    text.push_str("\n  ]\n}\n");
    text
}

/// The policy with this run's overlay over it.
///
/// # Errors
/// The faults; a test reads the same.
pub fn policy(ports: Ports, certificates: &Certificates) -> Result<Policy, Faults> {
    let base = Document::parse(POLICY, "demo/policy.json")?;
    let over = base.document.overlay(&overlay(ports, certificates), "the demo's overlay")?;
    Ok(over.policy)
}

/// Base64 with padding. RFC 4648 §4
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            let shown = if place > group.len() { '=' } else { char::from(letter) };
            // A string takes everything.
            let _infallible = text.write_char(shown);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn the_policy_loads_without_a_warning_and_the_overlay_reaches_every_streamtype() {
        let parsed = Document::parse(POLICY, "demo/policy.json").unwrap();
        assert_eq!(parsed.warnings, []);
        let ports = Ports { web: 1, wss: 2, ws: 3, mqtt: 4 };
        let policy = policy(ports, &Certificates::new().unwrap()).unwrap();
        for (name, streamtype) in &policy.streamtypes {
            assert!((1..=4).contains(&streamtype.port), "{name}");
            assert_eq!(streamtype.tls_trust_store.as_deref(), Some("demo"), "{name}");
        }
        assert_eq!(policy.streamtypes.len(), WEB.len() + WSS.len() + MQTT.len());
        assert_eq!(policy.streamtypes["commands"].mqtt.topic, None);
    }
}
