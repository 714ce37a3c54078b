//! Connections of our own TCP, as the driver sees them: the same facts and bytes as those of kernel sockets, over links.
//!
//! Who is who and what is done about it stands in `mainstay_net::connections`, which simulated worlds use too; `own/wire.rs`
//! moves frames, `driver/own.rs` is the border to the machine.

#[cfg(target_os = "linux")]
mod lines;
#[cfg(target_os = "linux")]
mod pump;
mod sockets;
mod wire;

#[cfg(target_os = "linux")]
pub use pump::{Pump, Way};
pub use sockets::{Connect, Connection, Listener, Sockets};
pub use wire::{Wire, WireKind, WireOptions, send_all};

use mainstay_base::{Instant, Rng};
use mainstay_net::Connections;
use mainstay_net::network::{Config, Network};
use std::io;

/// A network, its links, and the machine's connections over it.
#[derive(Debug)]
pub struct Own {
    pub(crate) connections: Connections,
    pub(crate) wires: Vec<Wire>,
}

impl Own {
    /// A network over links that are open.
    #[must_use]
    pub fn new(network: Network, wires: Vec<Wire>) -> Self {
        Self { connections: Connections::new(network), wires }
    }

    /// A network with its links opened.
    ///
    /// # Errors
    /// What the kernel says of a link, or of its entropy.
    pub fn open(now: Instant, config: Config, links: &[WireOptions]) -> io::Result<Self> {
        let mut network = Network::new(config, Rng::new(crate::entropy()?));
        let wires = links
            .iter()
            .map(|options| Wire::open(now, options, &mut network))
            .collect::<Result<_, _>>()?;
        Ok(Self::new(network, wires))
    }

    /// The network, to look at.
    #[must_use]
    pub const fn network(&self) -> &Network {
        self.connections.network()
    }
}
