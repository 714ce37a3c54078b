//! A network and its links alone, without a device: for who opens connections by address.

use super::lines::Lines;
use super::wire::{Wire, WireOptions};
use crate::waker::Waker;
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_net::network::{Config, Network};
use std::io;

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the link.
    In,
    /// To the link.
    Out,
}

/// A network, its links and one wait for all of them, with the precision of the kernel's timers: what is paced needs
/// more than a millisecond's.
#[derive(Debug)]
pub struct Pump {
    network: Network,
    lines: Lines,
}

impl Pump {
    /// Opens the links.
    ///
    /// # Errors
    /// What the kernel says of a link, or when it gives no descriptors or no entropy.
    pub fn open(config: Config, links: &[WireOptions]) -> io::Result<Self> {
        let mut network = Network::new(config, Rng::new(crate::entropy()?));
        let lines = Lines::open(&mut network, links)?;
        Ok(Self { network, lines })
    }

    /// The time by this pump's clock; it starts at zero.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.lines.now()
    }

    /// The network, to look at.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The links, in the order they were given.
    #[must_use]
    pub fn links(&self) -> &[Wire] {
        self.lines.wires()
    }

    /// The network, to ask something of; what it causes to leave leaves with the next [`turn`](Self::turn).
    pub const fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Ends the wait of a turn from any thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.lines.waker()
    }

    /// Sends what there is, waits at most `wait` for a frame, a deadline or a wake, and takes in what came. `seen` gets
    /// every frame, with when and which way it went.
    ///
    /// # Errors
    /// What the kernel says of the poll or a link.
    pub fn turn(
        &mut self,
        wait: Option<Duration>,
        mut seen: impl FnMut(Instant, Way, &[u8]),
    ) -> io::Result<()> {
        self.lines.send(self.lines.now(), &mut self.network, &mut seen)?;
        self.lines.wait(self.network.poll_timeout(), wait)?;
        self.lines.serve(self.lines.now(), &mut self.network, seen)
    }
}
