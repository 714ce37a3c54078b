//! Apache 2.4: HTTP/2, and WebSocket over HTTP/2 (RFC 8441) in front of a WebSocket server.

use super::Server;
use crate::{Leaf, Ready, Site, program};
use core::fmt::Write as _;

/// Where Debian puts its modules.
const MODULES: &str = "/usr/lib/apache2/modules";

const LOADED: &[&str] =
    &["mpm_event", "authz_core", "ssl", "http2", "proxy", "proxy_http", "proxy_wstunnel"];

/// Builds an Apache. It serves files of the folder `apache/www`. Its log: `PORT "REQUEST" STATUS PROTOCOL`.
#[derive(Debug, Default)]
pub struct Apache {
    doors: String,
    ports: Vec<u16>,
    proxied: String,
}

impl Apache {
    /// No doors yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A door for HTTP/1.1 in the clear, and HTTP/2 by prior knowledge or upgrade.
    #[must_use]
    pub fn http(mut self, port: u16) -> Self {
        let _ = writeln!(self.doors, "Listen 127.0.0.1:{port}");
        self.ports.push(port);
        self
    }

    /// A TLS door for HTTP/2 and HTTP/1.1.
    #[must_use]
    pub fn https(mut self, port: u16, leaf: &Leaf) -> Self {
        let (cert, key) = (leaf.cert_path(), leaf.key_path());
        let _ = writeln!(
            self.doors,
            "Listen 127.0.0.1:{port} https\n<VirtualHost 127.0.0.1:{port}>\n  SSLEngine on\n  SSLCertificateFile {cert}\n  SSLCertificateKeyFile {key}\n</VirtualHost>"
        );
        self.ports.push(port);
        self
    }

    /// Hands WebSocket connections at `path` on to a server on this site, whether they come by HTTP/1.1 or HTTP/2.
    #[must_use]
    pub fn websocket(mut self, path: &str, upstream: u16) -> Self {
        let _ = writeln!(
            self.proxied,
            "ProxyPass \"{path}\" \"http://127.0.0.1:{upstream}/\" upgrade=websocket"
        );
        self
    }

    /// Starts it; it is ready when its last door listens.
    #[must_use]
    pub fn start(self, site: &Site) -> Server {
        let folder = site.folder("apache");
        let _www = site.folder("apache/www");
        let dir = folder.display();
        let mut config = format!(
            "ServerRoot {dir}\nServerName server.test\nDefaultRuntimeDir {dir}\nPidFile {dir}/pid\n"
        );
        for module in LOADED {
            let _ = writeln!(config, "LoadModule {module}_module {MODULES}/mod_{module}.so");
        }
        let _ = write!(
            config,
            "User www-data\nGroup www-data\nMutex posixsem\nSSLSessionCache none\nErrorLog {dir}/error.log\nLogLevel info\n\
             LogFormat \"%{{local}}p \\\"%r\\\" %>s %H\" short\nCustomLog {dir}/access.log short\nDocumentRoot {dir}/www\n\
             Protocols h2 h2c http/1.1\nH2WebSockets on\nProxyTimeout 60\n{}{}",
            self.doors, self.proxied
        );
        let path = site.write("apache/conf", config);
        let ready = self.ports.last().map_or(Ready::Started, |&port| Ready::Port(port));
        let args = ["-D", "FOREGROUND", "-f", path.to_str().unwrap()];
        let peer = site.start("apache", &program("apache2", "apache2"), &args, &ready);
        Server::new(site, peer, "apache/access.log")
    }
}
