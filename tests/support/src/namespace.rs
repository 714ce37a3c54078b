//! Network namespaces: made for one test, deleted with it, and swept up after a test run that was killed.

use core::sync::atomic::{AtomicU32, Ordering};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;

/// Names are `ms<pid>-<n>`: the pid tells whose it is, so that only those of the dead are swept.
const PREFIX: &str = "ms";

static MADE: AtomicU32 = AtomicU32::new(0);
static SWEPT: Once = Once::new();

/// A network namespace with nothing in it but loopback.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        SWEPT.call_once(sweep);
        let name =
            format!("{PREFIX}{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        // `ip netns add` prepares a shared folder the first time, and two at once would disturb each other.
        let lock = std::env::temp_dir().join("mainstay-netns.lock");
        let mut add = Command::new("flock");
        ended_well(add.arg(lock).args(["ip", "netns", "add", &name]));
        ended_well(Command::new("ip").args(["-n", &name, "link", "set", "lo", "up"]));
        Self { name }
    }

    /// A command that enters the namespace and becomes `program`.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Where a thread that wants to enter it finds it.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

fn ended_well(command: &mut Command) {
    let output =
        command.output().unwrap_or_else(|e| panic!("{}: {e}", command.get_program().display()));
    assert!(
        output.status.success(),
        "no network namespace here (root needed?): {command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn delete(name: &str) {
    // Gone already is as good as deleted.
    let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
}

/// Deletes the namespaces of test runs that are no more.
fn sweep() {
    let Ok(output) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some(name) = line.split_whitespace().next() else { continue };
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|n| n.split_once('-'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            delete(name);
        }
    }
}
