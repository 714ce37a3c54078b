//! Where one test happens: its work folder, its network, its ports, and the programs it runs to the end.

use crate::namespace::Namespace;
use crate::process::{Peer, Ready};
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{env, fs};

/// Where programs lie that PATH may lack.
const FOLDERS: &[&str] =
    &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// chosen: longer than any exchange of a test, shorter than a reader's patience.
const RUN_SECONDS: &str = "20";

/// chosen: outside the range the kernel draws ports for clients from (32768 and up), so that none of
/// them takes a port between its choice here and its peer's start.
const FIRST_PORT: u16 = 4000;

/// On loopback, where all tests of the machine meet: this many ports from `FIRST_PORT` up.
const LOOPBACK_PORTS: u32 = 28_000;

/// chosen: processes that start one after the other begin far apart.
const PROCESS_STEP: u32 = 617;

/// Ports looked at on loopback so far.
static LOOKED: AtomicU32 = AtomicU32::new(0);

static SITES: AtomicU32 = AtomicU32::new(0);

/// The place of one test. Clones are the same place; it is cleared when the last is dropped.
#[derive(Clone, Debug)]
pub struct Site(Arc<Ground>);

#[derive(Debug)]
struct Ground {
    dir: PathBuf,
    namespace: Option<Namespace>,
    port: AtomicU16,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; `None` if a signal ended it. 124: it took longer than 20 s and was stopped.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Site {
    /// A namespace of its own, for peers and for programs under test. Needs root.
    #[must_use]
    pub fn namespace(test: &str) -> Self {
        Self::new(test, Some(Namespace::new()))
    }

    /// This host's loopback, for tests whose client runs in the test's own process.
    #[must_use]
    pub fn loopback(test: &str) -> Self {
        Self::new(test, None)
    }

    fn new(test: &str, namespace: Option<Namespace>) -> Self {
        let number = SITES.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("mainstay-{}-{number}-{test}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        // Servers that give up root must be able to walk in.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        Self(Arc::new(Ground { dir, namespace, port: AtomicU16::new(FIRST_PORT) }))
    }

    /// The work folder: configurations, logs, certificates. Kept when the test fails.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Whether the site has a network of its own.
    #[must_use]
    pub fn is_namespace(&self) -> bool {
        self.0.namespace.is_some()
    }

    /// The file of its own network's namespace, for a thread that enters it; `None` on loopback.
    #[must_use]
    pub fn network(&self) -> Option<PathBuf> {
        self.0.namespace.as_ref().map(Namespace::path)
    }

    /// That namespace's name, as `ip` and the ports of a relay take it; empty on loopback.
    #[must_use]
    pub fn network_name(&self) -> String {
        let path = self.network().unwrap_or_default();
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// A TCP port nobody listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        if self.is_namespace() {
            return self.0.port.fetch_add(1, Ordering::Relaxed);
        }
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        (0..LOOPBACK_PORTS).map(|_| next_loopback_port()).find(free).unwrap()
    }

    /// Writes a file below the work folder, making the folders on the way.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Makes a folder below the work folder that every user may write into.
    #[must_use]
    pub fn folder(&self, path: &str) -> PathBuf {
        let path = self.dir().join(path);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        path
    }

    /// The text of a file below the work folder; empty if it is not there (yet).
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        fs::read(self.dir().join(path))
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default()
    }

    /// A command on this site's network, in its work folder.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command =
            self.0.namespace.as_ref().map_or_else(|| Command::new(program), |n| n.command(program));
        command.current_dir(self.dir());
        command
    }

    /// Runs a program to its end.
    #[must_use]
    pub fn run(&self, program: &Path, args: &[&str]) -> Ran {
        let timeout = crate::program("timeout", "coreutils");
        let mut command = self.command(&timeout);
        command.args(["-k", "2", RUN_SECONDS]).arg(program).args(args).stdin(Stdio::null());
        let output = command.output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs curl on this site: silent but for errors, no proxy from the environment.
    #[must_use]
    pub fn curl(&self, args: &[&str]) -> Ran {
        let mut all = vec!["-sS", "--noproxy", ""];
        all.extend(args);
        self.run(&program("curl", "curl"), &all)
    }

    /// Starts a program that stays, and waits until it is ready. Its output goes to `NAME.log` in the work folder.
    #[must_use]
    pub fn start(&self, name: &str, program: &Path, args: &[&str], ready: &Ready) -> Peer {
        Peer::start(self, name, program, args, ready)
    }
}

impl Ran {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

    /// Its standard output, if it ended well; fails the test with everything it said otherwise.
    #[must_use]
    pub fn ok(self) -> String {
        assert!(self.is_ok(), "ended with {:?}\n{}\n{}", self.code, self.stdout, self.stderr);
        self.stdout
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return; // What is left in the folder tells why.
        }
        // A file a peer still holds open is not worth failing for.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn next_loopback_port() -> u16 {
    let begin = std::process::id().wrapping_mul(PROCESS_STEP);
    let place = begin.wrapping_add(LOOKED.fetch_add(1, Ordering::Relaxed)) % LOOPBACK_PORTS;
    FIRST_PORT + u16::try_from(place).unwrap()
}

/// The path of somebody else's program; fails the test with the name of the package where it is missing.
#[must_use]
pub fn program(name: &str, package: &str) -> PathBuf {
    let found = FOLDERS.iter().map(|f| Path::new(f).join(name)).find(|p| p.exists());
    found.unwrap_or_else(|| {
        panic!("{name} is missing: install the package {package} (`cargo xtask peers`)")
    })
}

/// The path of one of our own programs, built beside the test that asks.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let own = env::current_exe().unwrap();
    // target/debug/deps/test-0123: programs lie one folder up.
    let path = own.parent().and_then(Path::parent).unwrap().join(name);
    assert!(path.exists(), "{name} is not built: `cargo build --workspace` first");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_on_loopback_draws_free_ports_and_clears_its_folder() {
        let site = Site::loopback("clears");
        let dir = site.dir().to_path_buf();
        let first = site.port();
        let _held = TcpListener::bind(("127.0.0.1", first)).unwrap();
        assert_ne!(site.port(), first);
        site.write("a/b", "text");
        assert_eq!(site.read("a/b"), "text");
        drop(site);
        assert!(!dir.exists());
    }

    #[test]
    #[should_panic(expected = "install the package no-such-package")]
    fn a_missing_program_names_its_package() {
        let _path = program("no-such-program", "no-such-package");
    }
}
