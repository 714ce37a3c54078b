//! Certificates of a simulated authority, with fixed dates (2026 to 2076) and keys of a kind whose
//! signatures all have one length, so that runs with TLS have the same lengths too.

use mainstay_tls::{Identity, ServerConfig, ServerOptions, WallClock};

/// The wall clock of simulated worlds at their beginning: 2030-01-01, in seconds of 1970.
pub const WALL: u64 = 1_893_456_000;

/// The authority's certificate as a policy has it: base64 of its DER.
pub const AUTHORITY: &str = include_str!("../fixtures/authority.b64");

/// A server that the authority vouches for as `sim.example` and `*.sim.example`, and that speaks
/// `alpn`. `None` if the TLS library refuses, which it does not.
#[must_use]
pub fn server(alpn: &[&str]) -> Option<ServerConfig> {
    let chain = include_bytes!("../fixtures/server.pem");
    let key = include_bytes!("../fixtures/server.key");
    let identity = Identity::from_pem(chain, key).ok()?;
    let mut options = ServerOptions::new(vec![identity], WallClock::new(Some(WALL)));
    options.alpn = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    ServerConfig::new(options).ok()
}
