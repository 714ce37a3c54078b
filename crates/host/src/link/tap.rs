//! TAP and TUN: interfaces whose other side is the kernel's own stack.

use super::header::LONG;
use super::{LinkKind, LinkOptions};
use crate::sys::link::{self as sys, Name};
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Attaches to the interface, made if it is not there; the descriptor of its frames and its name.
pub(super) fn open(options: &LinkOptions, name: Name) -> io::Result<(OwnedFd, Name)> {
    let mode = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open("/dev/net/tun", mode, Mode::empty())?;
    let kind = match options.kind {
        LinkKind::Tap => libc::IFF_TAP,
        LinkKind::Tun => libc::IFF_TUN,
    };
    let flags = kind | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    let name = sys::attach_tun(fd.as_fd(), name, i16::try_from(flags).unwrap_or_default())?;
    sys::set_header_len(fd.as_fd(), i32::try_from(LONG).unwrap_or_default())?;
    // A persistent interface remembers what its last user asked for.
    let offloads = if options.offload {
        libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN
    } else {
        0
    };
    sys::set_offload(fd.as_fd(), offloads)?;
    Ok((fd, name))
}
