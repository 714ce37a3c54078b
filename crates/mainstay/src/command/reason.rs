//! States and protocols in words for people.

use mainstay_policy::{Protocol, State};

/// A state as people read it.
pub(crate) fn state(state: State) -> String {
    let name = state.name().strip_prefix("LWSSSCS_").unwrap_or_else(|| state.name());
    name.to_ascii_lowercase().replace('_', " ")
}

/// A protocol as policies write it.
pub(crate) const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::H1 => "h1",
        Protocol::H2 => "h2",
        Protocol::H3 => "h3",
        Protocol::Ws => "ws",
        Protocol::Mqtt => "mqtt",
        Protocol::Raw => "raw",
    }
}
