//! The programs the tests use, the Debian package each comes in, and how to ask for its version.

use crate::runner;
use std::path::Path;

/// One program of somebody else.
pub(crate) struct Program {
    /// The program's name, or the absolute path of a file its package brings.
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// Arguments that make it print its version and end; none if it has no such arguments.
    ask: &'static [&'static str],
}

const fn program(
    name: &'static str,
    package: &'static str,
    ask: &'static [&'static str],
) -> Program {
    Program { name, package, ask }
}

pub(crate) const PROGRAMS: &[Program] = &[
    program("mosquitto", "mosquitto", &["-h"]),
    program("mosquitto_pub", "mosquitto-clients", &["--version"]),
    program("mosquitto_sub", "mosquitto-clients", &["--version"]),
    program("nginx", "nginx", &["-v"]),
    program("nghttpd", "nghttp2-server", &["--version"]),
    program("nghttp", "nghttp2-client", &["--version"]),
    program("apache2", "apache2", &["-v"]),
    program("htpasswd", "apache2-utils", &[]),
    program("squid", "squid", &["-v"]),
    program("tinyproxy", "tinyproxy", &["-v"]),
    program("microsocks", "microsocks", &[]),
    program("openssl", "openssl", &["version"]),
    program("gnutls-serv", "gnutls-bin", &["--version"]),
    program("ip", "iproute2", &["-V"]),
    program("ss", "iproute2", &["-V"]),
    program("ps", "procps", &["--version"]),
    program("ping", "iputils-ping", &["-V"]),
    program("iperf3", "iperf3", &["--version"]),
    program("socat", "socat", &["-V"]),
    program("curl", "curl", &["--version"]),
    program("/usr/include/openssl/ssl.h", "libssl-dev", &[]),
    program("/usr/include/lwip/lwip/tcp.h", "liblwip-dev", &[]),
    program("gcc", "gcc", &["--version"]),
    program("nft", "nftables", &["--version"]),
    program("/usr/bin/python3", "python3-venv", &["--version"]),
    program("/usr/share/doc/python3-venv", "python3-venv", &[]),
    program("setpriv", "util-linux", &["--version"]),
    program("unshare", "util-linux", &["--version"]),
];

/// Where programs are looked for: PATH, and what PATH often lacks.
const FOLDERS: &[&str] =
    &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

impl Program {
    pub(crate) fn is_there(&self) -> bool {
        self.path().is_some()
    }

    fn path(&self) -> Option<String> {
        if self.name.starts_with('/') {
            return Path::new(self.name).exists().then(|| self.name.to_owned());
        }
        FOLDERS.iter().map(|f| format!("{f}/{}", self.name)).find(|p| Path::new(p).exists())
    }

    /// What it says of its version: the first line that holds a digit.
    pub(crate) fn version(&self) -> String {
        let Some(path) = self.path() else { return "missing".to_owned() };
        if self.ask.is_empty() {
            return "there".to_owned();
        }
        let output = runner::output(&path, self.ask).unwrap_or_default();
        let line =
            output.lines().find(|l| l.contains(|c: char| c.is_ascii_digit())).unwrap_or("there");
        line.trim().chars().take(70).collect()
    }
}
