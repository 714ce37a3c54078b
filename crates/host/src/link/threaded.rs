//! The kernel's thread that receives what we write to a TAP or TUN: on another processor, and many frames at once.
//!
//! Without it a write is the frame's whole way to the program it is for: all that the receiving stack does for it is done
//! in that system call. With it (`IFF_NAPI` of `linux/if_tun.h` and a thread for it, Linux 5.12) a write puts the frame
//! into a queue, and the thread merges what has gathered there (GRO). Without the thread `IFF_NAPI` is worth nothing:
//! each write then polls the queue by itself.
//!
//! The switch is a file of sysfs, where a mount shows the interfaces of the namespace it was made in. The one at `/sys`
//! may be of another, so it counts only if it knows the interface by its number and its random address; else one of our
//! own is made, which nobody else sees and which needs `CAP_SYS_ADMIN`.

use core::fmt::Write as _;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{read, write};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use std::os::fd::{AsFd, OwnedFd};

/// Sees to it that the interface, which we are attached to with `IFF_NAPI`, has its thread; whether it has. An interface
/// that stays keeps it for whoever attaches next.
pub(super) fn switch_on(name: &str, index: u32, address: [u8; 6]) -> bool {
    let shown = |root: &OwnedFd| place(root, name).filter(|place| is_it(place, index, address));
    let at_hand = || openat(CWD, "/sys", DIRECTORY, Mode::empty()).ok();
    let place = at_hand().filter(|_| address != [0; 6]).and_then(|root| shown(&root));
    place.or_else(|| shown(&mounted()?)).is_some_and(|place| has_thread(&place))
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The directory of an interface.
fn place(root: &OwnedFd, name: &str) -> Option<OwnedFd> {
    openat(root, format!("class/net/{name}"), DIRECTORY, Mode::empty()).ok()
}

/// A sysfs of the calling thread's network namespace; gone with its descriptor.
fn mounted() -> Option<OwnedFd> {
    let context = fsopen("sysfs", FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
    fsconfig_create(context.as_fd()).ok()?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).ok()
}

/// Whether this is our interface and not another's of the same name.
fn is_it(place: &OwnedFd, index: u32, address: [u8; 6]) -> bool {
    let mut written = String::new();
    for (number, byte) in address.iter().enumerate() {
        let colon = if number == 0 { "" } else { ":" };
        let _always = write!(written, "{colon}{byte:02x}");
    }
    let same = address == [0; 6] || content(place, "address").as_deref() == Some(&written);
    same && content(place, "ifindex") == Some(index.to_string())
}

fn has_thread(place: &OwnedFd) -> bool {
    // 1: a thread; greater: one that is more eager still.
    let is_on = || content(place, "threaded").is_some_and(|value| !value.starts_with('0'));
    let switched = || {
        let file =
            openat(place, "threaded", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        write(&file, b"1").ok()
    };
    is_on() || switched().is_some() && is_on()
}

/// What a short file of sysfs says.
fn content(place: &OwnedFd, name: &str) -> Option<String> {
    let file = openat(place, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = [0; 64];
    let len = read(&file, &mut bytes).ok()?;
    Some(core::str::from_utf8(bytes.get(..len)?).ok()?.trim().to_owned())
}
