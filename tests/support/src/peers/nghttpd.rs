//! nghttpd 1.52: an HTTP/2 server that prints every frame it receives and sends.

use crate::{Leaf, Peer, Ready, Site, program};

/// Builds an nghttpd. It serves the folder `h2www` and, asked to, sends back what is posted. Its log is its frames.
#[derive(Debug, Default)]
pub struct Nghttpd {
    port: u16,
    tls: Vec<String>,
    extra: Vec<String>,
}

impl Nghttpd {
    /// HTTP/2 in the clear, by prior knowledge.
    #[must_use]
    pub fn clear(port: u16) -> Self {
        Self { port, ..Self::default() }
    }

    /// HTTP/2 over TLS.
    #[must_use]
    pub fn tls(port: u16, leaf: &Leaf) -> Self {
        Self {
            port,
            tls: vec![leaf.key_path().to_owned(), leaf.cert_path().to_owned()],
            extra: Vec::new(),
        }
    }

    /// Sends uploads back.
    #[must_use]
    pub fn echo(self) -> Self {
        self.option("--echo-upload")
    }

    /// A command line option of its own, `--max-concurrent-streams=1` say.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.extra.push(option.to_owned());
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self, site: &Site) -> Peer {
        let folder = site.folder("h2www");
        let server = program("nghttpd", "nghttp2-server");
        let port = self.port.to_string();
        let mut args = vec![
            "-oL",
            server.to_str().unwrap(),
            "-v",
            "-a",
            "127.0.0.1",
            "-d",
            folder.to_str().unwrap(),
        ];
        if self.tls.is_empty() {
            args.push("--no-tls");
        }
        args.extend(self.extra.iter().map(String::as_str));
        args.push(&port);
        args.extend(self.tls.iter().map(String::as_str));
        site.start("nghttpd", &program("stdbuf", "coreutils"), &args, &Ready::Port(self.port))
    }
}
