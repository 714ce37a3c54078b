//! Other people's programs, each with the least configuration that makes it a peer worth talking to.
//!
//! A builder collects doors and rules; `start(&site)` writes the configuration into the work folder, starts the program
//! and returns when it listens. What comes back derefs to nothing: its `peer` field is the guard and holds the log.

mod apache;
mod autobahn;
mod gnutls;
mod mosquitto;
mod nghttpd;
mod nginx;
mod openssl;
mod proxies;
mod websockets;

pub use apache::Apache;
pub use autobahn::{Autobahn, Judged};
pub use gnutls::Gnutls;
pub use mosquitto::Mosquitto;
pub use nghttpd::Nghttpd;
pub use nginx::Nginx;
pub use openssl::Openssl;
pub use proxies::{Microsocks, Squid, SquidServer, Tinyproxy};
pub use websockets::Websockets;

use crate::{Peer, Site};

/// A started peer whose interesting log is a file of its own, not its output.
#[derive(Debug)]
pub struct Server {
    /// The guard: the program ends with it.
    pub peer: Peer,
    site: Site,
    log: &'static str,
}

impl Server {
    fn new(site: &Site, peer: Peer, log: &'static str) -> Self {
        Self { peer, site: site.clone(), log }
    }

    /// What it logged of its exchanges so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.site.read(self.log)
    }

    /// Waits until its log contains `text`; fails the test with both logs if that does not happen.
    pub fn wait_for(&self, text: &str) {
        self.peer.wait_in(self.log, text);
    }
}
