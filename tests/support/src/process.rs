//! A peer's life: started, found ready, asked for its log, stopped by its pid.

use crate::patience::{PATIENCE, wait_until};
use crate::site::{Site, program};
use core::time::Duration;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// How long a peer may take to end after TERM before it gets KILL.
const GRACE: Duration = Duration::from_secs(2);

/// `TCP_LISTEN` of the kernel, as /proc/net/tcp writes it.
const LISTENING: &str = "0A";

/// How to see that a peer is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It listens on this TCP port. Seen in the kernel's table: connecting would use up a server that serves once.
    Port(u16),
    /// It has written a line that contains this.
    Line(String),
    /// It has made this file or socket.
    File(PathBuf),
    /// It has been started; it says nothing of itself.
    Started,
}

/// A running program. Dropped: TERM, two seconds, KILL, to the whole process group, by its number.
#[derive(Debug)]
pub struct Peer {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
    site: Site,
}

impl Peer {
    pub(crate) fn start(
        site: &Site,
        name: &str,
        path: &Path,
        args: &[&str],
        ready: &Ready,
    ) -> Self {
        let log = site.dir().join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        // Should the test be killed, the kernel ends the peer. (It does so when the *thread* that started it ends.)
        let mut command = site.command(&program("setpriv", "util-linux"));
        command.args(["--pdeathsig", "KILL", "--"]).arg(path).args(args).process_group(0);
        command.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{name}: {e}"));
        let stdin = child.stdin.take();
        let mut peer = Self { name: name.to_owned(), child, stdin, log, site: site.clone() };
        peer.wait_ready(ready);
        peer
    }

    fn wait_ready(&mut self, ready: &Ready) {
        let mut ended = false;
        let done = wait_until(PATIENCE, || {
            ended = !self.is_running();
            ended || self.is_ready(ready)
        });
        assert!(!ended, "{} ended at once; its log:\n{}", self.name, self.log());
        assert!(
            done,
            "{} is not ready ({ready:?}) after {PATIENCE:?}; its log:\n{}",
            self.name,
            self.log()
        );
    }

    fn is_ready(&self, ready: &Ready) -> bool {
        match ready {
            Ready::Port(port) => self.listens(*port),
            Ready::Line(text) => self.log().contains(text),
            Ready::File(path) => path.exists(),
            Ready::Started => true,
        }
    }

    /// Looks into the socket table of the peer's own namespace, for a socket that the peer itself holds: a test that
    /// looks for a free port listens there for a moment, and so does a process it forks meanwhile.
    fn listens(&self, port: u16) -> bool {
        let pid = self.pid();
        let wanted = format!(":{port:04X}");
        ["tcp", "tcp6"].iter().any(|table| {
            let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
            text.lines().skip(1).any(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let [_, local, _, state, _, _, _, _, _, inode, ..] = fields[..] else {
                    return false;
                };
                local.ends_with(&wanted) && state == LISTENING && holds(pid, inode)
            })
        })
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Everything it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Waits until its log contains `text`; fails the test with the log if that does not happen.
    pub fn wait_for(&self, text: &str) {
        let seen = wait_until(PATIENCE, || self.log().contains(text));
        assert!(seen, "{} never said `{text}`; its log:\n{}", self.name, self.log());
    }

    /// As `wait_for`, in a file of its own below the work folder.
    pub fn wait_in(&self, file: &str, text: &str) {
        let seen = wait_until(PATIENCE, || self.site.read(file).contains(text));
        assert!(
            seen,
            "{} never wrote `{text}` to {file}:\n{}\n{}",
            self.name,
            self.site.read(file),
            self.log()
        );
    }

    /// Writes to its standard input.
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).unwrap();
    }

    /// Ends its standard input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal to it and its children: `STOP` makes it a peer that stalls, `CONT` lets it go on, `KILL` one that vanishes.
    pub fn signal(&self, name: &str) {
        let group = format!("-{}", self.pid());
        // A group that is gone cannot be signalled, and need not be.
        let kill = program("kill", "procps");
        let _ = Command::new(kill).args(["-s", name, "--", &group]).stderr(Stdio::null()).status();
    }

    /// Waits for it to end by itself; fails the test if it does not within 5 s.
    pub fn wait_end(&mut self) -> Option<i32> {
        let mut status = None;
        let ended = wait_until(PATIENCE, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        assert!(ended, "{} does not end; its log:\n{}", self.name, self.log());
        status.and_then(|s| s.code())
    }

    /// Stops it in order: some peers write their files only then.
    pub fn stop(&mut self) {
        self.stdin = None;
        if self.is_running() {
            self.signal("TERM");
            let _ended = wait_until(GRACE, || !self.is_running());
        }
        // Children may outlive their parent.
        self.signal("KILL");
        let _ = self.child.wait();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a process has the socket of this number open.
fn holds(pid: u32, inode: &str) -> bool {
    let socket = format!("socket:[{inode}]");
    fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().any(|entry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == socket.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(site: &Site, script: &str, ready: &Ready) -> Peer {
        site.start("shell", &program("bash", "bash"), &["-c", script], ready)
    }

    #[test]
    fn a_peer_is_ready_when_it_says_so_and_gone_when_dropped() {
        let site = Site::loopback("peer");
        let peer = shell(&site, "echo hello; sleep 60", &Ready::Line("hello".to_owned()));
        let proc = PathBuf::from(format!("/proc/{}", peer.pid()));
        assert!(proc.exists());
        drop(peer);
        assert!(!proc.exists());
    }

    #[test]
    fn a_peer_that_ignores_term_is_killed() {
        let site = Site::loopback("stubborn");
        let mut peer = shell(
            &site,
            "trap '' TERM; echo up; while :; do sleep 1; done",
            &Ready::Line("up".to_owned()),
        );
        peer.stop();
        assert!(!peer.is_running());
    }

    #[test]
    fn a_port_that_somebody_else_listens_on_is_not_the_peers() {
        let site = Site::loopback("others");
        let port = site.port();
        let _somebody = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        let peer = shell(&site, "echo up; sleep 60", &Ready::Line("up".to_owned()));
        assert!(!peer.listens(port));
        let own = site.port();
        let socat = program("socat", "socat");
        let listen = format!("TCP-LISTEN:{own},bind=127.0.0.1");
        let listener = site.start("socat", &socat, &[&listen, "-"], &Ready::Port(own));
        assert!(listener.listens(own));
    }

    #[test]
    fn a_peer_that_ends_at_once_shows_its_log() {
        let site = Site::loopback("ends");
        let start = || shell(&site, "echo no luck; exit 3", &Ready::Port(1));
        // Caught here, so that the folder is not kept as that of a failed test.
        let failed = std::panic::catch_unwind(core::panic::AssertUnwindSafe(start)).unwrap_err();
        let words = failed.downcast_ref::<String>().unwrap();
        assert!(words.ends_with("its log:\nno luck\n"), "{words}");
    }

    #[test]
    fn input_reaches_it_and_its_end_is_seen() {
        let site = Site::loopback("input");
        let mut peer = shell(&site, "read line; echo got $line; exit 7", &Ready::Started);
        peer.type_in("words\n");
        peer.wait_for("got words");
        assert_eq!(peer.wait_end(), Some(7));
    }
}
