//! Proxies: squid and tinyproxy for HTTP CONNECT, microsocks for SOCKS5, each with or without a password.

use super::Server;
use crate::{Peer, Ready, Site, program};
use core::fmt::Write as _;
use std::fs;

/// A name and a password.
type User = Option<(String, String)>;

fn user(name: &str, password: &str) -> User {
    Some((name.to_owned(), password.to_owned()))
}

/// Builds a squid: HTTP CONNECT to anywhere on this site. Its log: squid's own lines, `TCP_TUNNEL/200` or `TCP_DENIED/407` in them.
#[derive(Debug)]
pub struct Squid {
    port: u16,
    user: User,
    denied: Option<u16>,
}

/// A started squid.
#[derive(Debug)]
pub struct SquidServer {
    /// The guard and the log.
    pub server: Server,
    /// Its name, which its shared memory carries.
    name: String,
}

impl Squid {
    /// For everybody.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self { port, user: None, denied: None }
    }

    /// Only for this user (basic authentication).
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = user(name, password);
        self
    }

    /// Nobody gets to this port: 403.
    #[must_use]
    pub fn deny(mut self, port: u16) -> Self {
        self.denied = Some(port);
        self
    }

    /// Starts it. As root it becomes the user `proxy`, who owns its folder.
    #[must_use]
    pub fn start(self, site: &Site) -> SquidServer {
        let folder = site.folder("squid");
        let dir = folder.display();
        let mut config = format!(
            "http_port 127.0.0.1:{}\ncache deny all\ncache_log {dir}/cache.log\naccess_log stdio:{dir}/access.log\n\
             pid_filename none\nnetdb_filename none\ncoredump_dir {dir}\nshutdown_lifetime 0 seconds\npinger_enable off\n\
             cache_effective_user proxy\nvisible_hostname squid.test\n",
            self.port
        );
        if let Some(port) = self.denied {
            let _ = writeln!(config, "acl denied port {port}\nhttp_access deny denied");
        }
        if let Some((name, password)) = &self.user {
            let hashed =
                site.run(&program("htpasswd", "apache2-utils"), &["-nbm", name, password]).ok();
            let users = site.write("squid/users", hashed.trim());
            let _ = writeln!(
                config,
                "auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\nauth_param basic children 1\nauth_param basic realm test\nacl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all",
                users.display()
            );
        } else {
            config.push_str("http_access allow all\n");
        }
        let path = site.write("squid/conf", config);
        // Letters and digits only, and never twice at the same time.
        let name = format!("ms{}p{}", std::process::id(), self.port);
        let args = ["-N", "-n", &name, "-f", path.to_str().unwrap()];
        let peer = site.start("squid", &program("squid", "squid"), &args, &Ready::Port(self.port));
        SquidServer { server: Server::new(site, peer, "squid/access.log"), name }
    }
}

impl Drop for SquidServer {
    /// A squid that is killed leaves its shared memory behind, and the next of that name would not start.
    fn drop(&mut self) {
        self.server.peer.stop();
        let mark = format!("{}-", self.name);
        for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&mark) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Builds a tinyproxy: HTTP CONNECT to anywhere on this site.
#[derive(Debug)]
pub struct Tinyproxy {
    port: u16,
    user: User,
    allowed: Option<u16>,
}

impl Tinyproxy {
    /// For everybody.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self { port, user: None, allowed: None }
    }

    /// Only for this user (basic authentication).
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = user(name, password);
        self
    }

    /// CONNECT to this port alone: 403 for others.
    #[must_use]
    pub fn allow(mut self, port: u16) -> Self {
        self.allowed = Some(port);
        self
    }

    /// Starts it. Its log: `Established connection to host`, `Proxy Authentication Required`.
    #[must_use]
    pub fn start(self, site: &Site) -> Server {
        let folder = site.folder("tinyproxy");
        let dir = folder.display();
        let mut config = format!(
            "Port {}\nListen 127.0.0.1\nTimeout 60\nLogFile \"{dir}/log\"\nLogLevel Info\nMaxClients 100\nAllow 127.0.0.1\n",
            self.port
        );
        if let Some(port) = self.allowed {
            let _ = writeln!(config, "ConnectPort {port}");
        }
        if let Some((name, password)) = &self.user {
            let _ = writeln!(config, "BasicAuth {name} {password}");
        }
        let path = site.write("tinyproxy/conf", config);
        let args = ["-d", "-c", path.to_str().unwrap()];
        let peer = site.start(
            "tinyproxy",
            &program("tinyproxy", "tinyproxy"),
            &args,
            &Ready::Port(self.port),
        );
        Server::new(site, peer, "tinyproxy/log")
    }
}

/// Builds a microsocks: SOCKS5 to anywhere on this site.
#[derive(Debug)]
pub struct Microsocks {
    port: u16,
    user: User,
}

impl Microsocks {
    /// For everybody.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self { port, user: None }
    }

    /// Only for this user (RFC 1929).
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = user(name, password);
        self
    }

    /// Starts it. Its log: `client[N] ADDRESS: connected to HOST:PORT`.
    #[must_use]
    pub fn start(self, site: &Site) -> Peer {
        let port = self.port.to_string();
        let mut args = vec!["-i", "127.0.0.1", "-p", &port];
        if let Some((name, password)) = &self.user {
            args.extend(["-u", name, "-P", password]);
        }
        site.start(
            "microsocks",
            &program("microsocks", "microsocks"),
            &args,
            &Ready::Port(self.port),
        )
    }
}
