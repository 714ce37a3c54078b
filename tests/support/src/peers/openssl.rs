//! `openssl s_server`: TLS of any version, with any certificate, as permissive or as strict as a test wants.

use crate::{Leaf, Peer, Ready, Site, program};

/// Builds an `openssl s_server`. Without a mode it shows what clients send in its log, and sends what the test types in.
/// It serves one connection at a time.
#[derive(Debug)]
pub struct Openssl {
    port: u16,
    args: Vec<String>,
}

impl Openssl {
    /// Presents this certificate (and the intermediates in its file).
    #[must_use]
    pub fn new(port: u16, leaf: &Leaf) -> Self {
        let accept = format!("127.0.0.1:{port}");
        let chain = leaf.cert_path();
        let args =
            ["-accept", &accept, "-cert", chain, "-cert_chain", chain, "-key", leaf.key_path()];
        Self { port, args: args.map(str::to_owned).to_vec() }
    }

    /// On all addresses of the site, of both families, and not on loopback alone.
    #[must_use]
    pub fn everywhere(mut self) -> Self {
        self.args[1] = format!("*:{}", self.port);
        self
    }

    /// Sends each line back reversed.
    #[must_use]
    pub fn reversing(self) -> Self {
        self.args(&["-rev"])
    }

    /// Answers HTTP/1.0 requests with a page about the connection.
    #[must_use]
    pub fn page(self) -> Self {
        self.args(&["-www"])
    }

    /// Speaks only this version: `tls1_1`, `tls1_2`, `tls1_3`.
    #[must_use]
    pub fn only(self, version: &str) -> Self {
        self.args(&[&format!("-{version}")])
    }

    /// Takes keys, signatures and versions that its default level refuses.
    #[must_use]
    pub fn lax(self) -> Self {
        self.args(&["-cipher", "DEFAULT@SECLEVEL=0"])
    }

    /// Chooses among these by ALPN, separated by commas.
    #[must_use]
    pub fn alpn(self, protocols: &str) -> Self {
        self.args(&["-alpn", protocols])
    }

    /// Wants a client certificate below `ca`.
    #[must_use]
    pub fn verify(self, ca: &Leaf) -> Self {
        self.args(&["-Verify", "2", "-verify_return_error", "-CAfile", ca.cert_path()])
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
        let path = program("openssl", "openssl");
        let mut args = vec!["-oL", path.to_str().unwrap(), "s_server"];
        args.extend(self.args.iter().map(String::as_str));
        site.start(
            &format!("openssl-{}", self.port),
            &program("stdbuf", "coreutils"),
            &args,
            &Ready::Port(self.port),
        )
    }
}
