//! The Python library `websockets` as an echo server, by the script `tests/peers/scripts/ws_echo.py`.

use crate::{Leaf, Peer, Ready, Site};
use std::path::{Path, PathBuf};

/// Builds a WebSocket echo server. Its log: `open PATH SUBPROTOCOL`, `message text|binary LEN`, `close CODE REASON`.
#[derive(Debug, Default)]
pub struct Websockets {
    port: u16,
    args: Vec<String>,
}

impl Websockets {
    /// In the clear.
    #[must_use]
    pub fn clear(port: u16) -> Self {
        Self { port, args: Vec::new() }
    }

    /// Over TLS.
    #[must_use]
    pub fn tls(port: u16, leaf: &Leaf) -> Self {
        let args = ["--cert", leaf.cert_path(), "--key", leaf.key_path()];
        Self { port, args: args.map(str::to_owned).to_vec() }
    }

    /// On all addresses of the site, of both families, and not on loopback alone.
    #[must_use]
    pub fn everywhere(self) -> Self {
        self.option(&["--host", ""])
    }

    /// Offers a subprotocol; may be said more than once.
    #[must_use]
    pub fn subprotocol(self, name: &str) -> Self {
        self.option(&["--subprotocol", name])
    }

    /// Sends a ping every so many milliseconds.
    #[must_use]
    pub fn ping_every_ms(self, ms: u32) -> Self {
        self.option(&["--ping-ms", &ms.to_string()])
    }

    /// Sends messages in fragments of so many bytes.
    #[must_use]
    pub fn fragments(self, len: u32) -> Self {
        self.option(&["--fragment", &len.to_string()])
    }

    fn option(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&a| a.to_owned()));
        self
    }

    /// Starts it. The text `close CODE` makes it close with that code; everything else comes back as it was.
    #[must_use]
    pub fn start(self, site: &Site) -> Peer {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let script = root.join("tests/peers/scripts/ws_echo.py");
        let port = self.port.to_string();
        let mut args = vec!["-u", script.to_str().unwrap(), "--port", &port];
        args.extend(self.args.iter().map(String::as_str));
        site.start("websockets", &python(root), &args, &Ready::Port(self.port))
    }
}

/// The Python of the environment that `cargo xtask peers` makes.
fn python(root: &Path) -> PathBuf {
    let path = root.join("target/peers/py3/bin/python");
    assert!(
        path.exists(),
        "the Python library websockets is missing: `cargo xtask peers` installs it from PyPI"
    );
    path
}
