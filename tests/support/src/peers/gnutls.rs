//! `gnutls-serv`: TLS by people who share no code with the others.

use crate::{Leaf, Peer, Ready, Site, program};

/// Builds a `gnutls-serv` that sends back what it gets.
#[derive(Debug)]
pub struct Gnutls {
    port: u16,
    args: Vec<String>,
}

impl Gnutls {
    /// Presents this certificate.
    #[must_use]
    pub fn new(port: u16, leaf: &Leaf) -> Self {
        let number = port.to_string();
        let args = [
            "--echo",
            "--port",
            &number,
            "--x509certfile",
            leaf.cert_path(),
            "--x509keyfile",
            leaf.key_path(),
        ];
        Self { port, args: args.map(str::to_owned).to_vec() }
    }

    /// Chooses this protocol by ALPN; may be said more than once.
    #[must_use]
    pub fn alpn(self, protocol: &str) -> Self {
        self.args(&["--alpn", protocol])
    }

    /// Its priority string: `NORMAL:-VERS-ALL:+VERS-TLS1.2` say.
    #[must_use]
    pub fn priority(self, string: &str) -> Self {
        self.args(&["--priority", string])
    }

    /// Wants a client certificate below `ca`.
    #[must_use]
    pub fn verify(self, ca: &Leaf) -> Self {
        self.args(&[
            "--require-client-cert",
            "--verify-client-cert",
            "--x509cafile",
            ca.cert_path(),
        ])
    }

    /// Arguments in its own words.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&a| a.to_owned()));
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self, site: &Site) -> Peer {
        let path = program("gnutls-serv", "gnutls-bin");
        let mut args = vec!["-oL", path.to_str().unwrap()];
        args.extend(self.args.iter().map(String::as_str));
        site.start("gnutls", &program("stdbuf", "coreutils"), &args, &Ready::Port(self.port))
    }
}
