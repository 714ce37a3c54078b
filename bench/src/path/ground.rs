//! Namespaces for one run, gone with it; those of runs that were killed are swept up by the next.

use crate::Fallible;
use core::sync::atomic::{AtomicU32, Ordering};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names are `bench<pid>-<n><a or b>`: the pid tells whose it is.
const PREFIX: &str = "bench";

/// The interface in each.
pub(super) const LINK: &str = "wire";

static MADE: AtomicU32 = AtomicU32::new(0);

/// Where the namespace of this name is entered.
pub(super) fn path(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

/// A namespace with a TAP that nobody serves yet.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) name: String,
}

impl Ground {
    /// Makes it. With an address the kernel uses the link; without, it leaves it to somebody else.
    pub(super) fn new(address: Option<core::net::IpAddr>) -> Fallible<Self> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        ip(&["netns", "add", &name])?;
        let ground = Self { name };
        // Nothing of this kernel's own is to be on the link, and no connection learns from the one before.
        for (switch, value) in [
            ("ipv6/conf/all/disable_ipv6", "1"),
            ("ipv6/conf/default/disable_ipv6", "1"),
            ("ipv4/tcp_no_metrics_save", "1"),
        ] {
            let setting = format!("echo {value} > /proc/sys/net/{switch}");
            run(Command::new("ip").args(["netns", "exec", &ground.name, "sh", "-c", &setting]))?;
        }
        let on = |words: &[&str]| run(Command::new("ip").args(["-n", &ground.name]).args(words));
        on(&["tuntap", "add", "dev", LINK, "mode", "tap"])?;
        if let Some(address) = address {
            on(&["addr", "add", &format!("{address}/24"), "dev", LINK])?;
        }
        on(&["link", "set", LINK, "up"])?;
        Ok(ground)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Gone already is as good as deleted.
        let _gone = ip(&["netns", "del", &self.name]);
    }
}

/// Deletes the namespaces of runs that are no more.
pub(super) fn sweep() {
    let Ok(output) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some(name) = line.split_whitespace().next() else { continue };
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
        let owner = owner.and_then(|(pid, _)| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _gone = ip(&["netns", "del", name]);
        }
    }
}

fn ip(words: &[&str]) -> Fallible {
    run(Command::new("ip").args(words))
}

fn run(command: &mut Command) -> Fallible {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("needs root and network namespaces: {command:?}: {}", said.trim()).into())
}
