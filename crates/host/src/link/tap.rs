//! TAP and TUN: interfaces whose other side is the kernel's own stack.

use super::header::LONG;
use super::{LinkKind, LinkOptions};
use crate::sys::link::{self as sys, Name};
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Attaches to the interface, made if it is not there; the descriptor of its frames, its name, and the length of the header
/// before each frame.
pub(super) fn open(options: &LinkOptions, name: Name) -> io::Result<(OwnedFd, Name, usize)> {
    let mode = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open("/dev/net/tun", mode, Mode::empty())?;
    let kind = match options.kind {
        LinkKind::Tap => libc::IFF_TAP,
        LinkKind::Tun => libc::IFF_TUN,
    };
    let (header, header_len) = if options.offload { (libc::IFF_VNET_HDR, LONG) } else { (0, 0) };
    let flags = kind | libc::IFF_NO_PI | header;
    let name = sys::attach_tun(fd.as_fd(), name, i16::try_from(flags).unwrap_or_default())?;
    // A persistent interface remembers what its last user asked for.
    let offloads = if options.offload {
        sys::set_header_len(fd.as_fd(), i32::try_from(LONG).unwrap_or_default())?;
        libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN
    } else {
        0
    };
    sys::set_offload(fd.as_fd(), offloads)?;
    Ok((fd, name, header_len))
}
