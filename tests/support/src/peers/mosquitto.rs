//! mosquitto 2.0: an MQTT broker, in the clear, over TLS and over WebSocket.

use super::Server;
use crate::{Leaf, Ready, Site, program};
use core::fmt::Write as _;

/// Builds a mosquitto. Its log is everything it can say (`log_type all`): `Received PUBLISH from client (d0, q1, ...)`.
#[derive(Debug, Default)]
pub struct Mosquitto {
    listeners: String,
    ports: Vec<u16>,
    users: Vec<(String, String)>,
    extra: String,
    everywhere: bool,
}

impl Mosquitto {
    /// No listeners yet; everybody may come in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The listeners that follow are on all addresses of the site, of both families, and not on loopback alone.
    #[must_use]
    pub const fn everywhere(mut self) -> Self {
        self.everywhere = true;
        self
    }

    /// A listener in the clear.
    #[must_use]
    pub fn mqtt(self, port: u16) -> Self {
        self.listener(port, "")
    }

    /// A listener over TLS.
    #[must_use]
    pub fn tls(self, port: u16, leaf: &Leaf) -> Self {
        let rules = format!("certfile {}\nkeyfile {}\n", leaf.cert_path(), leaf.key_path());
        self.listener(port, &rules)
    }

    /// A listener over TLS that wants a client certificate below `ca`.
    #[must_use]
    pub fn mutual(self, port: u16, leaf: &Leaf, ca: &Leaf) -> Self {
        let rules = format!(
            "certfile {}\nkeyfile {}\ncafile {}\nrequire_certificate true\n",
            leaf.cert_path(),
            leaf.key_path(),
            ca.cert_path()
        );
        self.listener(port, &rules)
    }

    /// A listener for MQTT over WebSocket, in the clear.
    #[must_use]
    pub fn websockets(self, port: u16) -> Self {
        self.listener(port, "protocol websockets\n")
    }

    /// From now on only users with a password may come in; this is one.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self
    }

    /// Keeps sessions and retained messages in the work folder over a stop and a new start.
    #[must_use]
    pub fn persistent(self) -> Self {
        self.rule("persistence true\npersistence_location .")
    }

    /// A line of configuration in its own words.
    #[must_use]
    pub fn rule(mut self, rule: &str) -> Self {
        let _ = writeln!(self.extra, "{rule}");
        self
    }

    fn listener(mut self, port: u16, rules: &str) -> Self {
        let address = if self.everywhere { "" } else { " 127.0.0.1" };
        let _ = write!(self.listeners, "listener {port}{address}\n{rules}");
        self.ports.push(port);
        self
    }

    /// Starts it; it is ready when its last listener listens.
    #[must_use]
    pub fn start(&self, site: &Site) -> Server {
        let folder = site.folder("mosquitto");
        let dir = folder.display();
        let mut config =
            format!("user root\nlog_type all\nlog_dest file {dir}/log\nconnection_messages true\n");
        config.push_str(
            &self.extra.replace("persistence_location .", &format!("persistence_location {dir}/")),
        );
        if self.users.is_empty() {
            config.push_str("allow_anonymous true\n");
        } else {
            let _ = writeln!(config, "allow_anonymous false\npassword_file {dir}/users");
            self.write_users(site);
        }
        config.push_str(&self.listeners);
        let path = site.write("mosquitto/conf", config);
        let ready = self.ports.last().map_or(Ready::Started, |&port| Ready::Port(port));
        let peer = site.start(
            "mosquitto",
            &program("mosquitto", "mosquitto"),
            &["-c", path.to_str().unwrap()],
            &ready,
        );
        Server::new(site, peer, "mosquitto/log")
    }

    fn write_users(&self, site: &Site) {
        let file = site.write("mosquitto/users", "");
        let passwords = program("mosquitto_passwd", "mosquitto");
        for (name, password) in &self.users {
            let _silent =
                site.run(&passwords, &["-b", file.to_str().unwrap(), name, password]).ok();
        }
    }
}
