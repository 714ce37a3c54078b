//! TAP and TUN: interfaces whose other side is the kernel's own stack.

use super::header::LONG;
use super::{LinkKind, LinkOptions, threaded};
use crate::sys::link::{self as sys, Name};
use rustix::fs::{Mode, OFlags};
use rustix::net::netdevice;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What was attached to.
#[derive(Debug)]
pub(super) struct Tap {
    pub(super) fd: OwnedFd,
    pub(super) name: String,
    pub(super) index: u32,
    /// Bytes before each frame.
    pub(super) header: usize,
    /// The kernel has a thread for what we write.
    pub(super) threaded: bool,
}

/// Attaches to the interface, made if it is not there. `control`: a socket of its namespace.
pub(super) fn open(options: &LinkOptions, name: Name, control: BorrowedFd<'_>) -> io::Result<Tap> {
    if options.threaded
        && let Ok(mut tap) = attach(options, name, control, libc::IFF_NAPI)
    {
        let address = sys::hardware(control, tap.0).map_or([0; 6], |(_, address)| address);
        let address = if options.kind == LinkKind::Tun { [0; 6] } else { address };
        tap.1.threaded = threaded::switch_on(&tap.1.name, tap.1.index, address);
        if tap.1.threaded {
            return Ok(tap.1);
        }
        // Detached here: what it is like is decided by attaching. What was made for it goes with it.
    }
    attach(options, name, control, 0).map(|(_, tap)| tap)
}

fn attach(
    options: &LinkOptions,
    name: Name,
    control: BorrowedFd<'_>,
    more: i32,
) -> io::Result<(Name, Tap)> {
    let mode = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open("/dev/net/tun", mode, Mode::empty())?;
    let kind = match options.kind {
        LinkKind::Tap => libc::IFF_TAP,
        LinkKind::Tun => libc::IFF_TUN,
    };
    let (bit, header) = if options.offload { (libc::IFF_VNET_HDR, LONG) } else { (0, 0) };
    let flags = kind | libc::IFF_NO_PI | bit | more;
    let padded = sys::attach_tun(fd.as_fd(), name, i16::try_from(flags).unwrap_or_default())?;
    // A persistent interface remembers what its last user asked for.
    let offloads = if options.offload {
        sys::set_header_len(fd.as_fd(), i32::try_from(LONG).unwrap_or_default())?;
        libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN
    } else {
        0
    };
    sys::set_offload(fd.as_fd(), offloads)?;
    let name: Vec<u8> = padded.into_iter().take_while(|&byte| byte != 0).collect();
    let name = String::from_utf8_lossy(&name).into_owned();
    let index = netdevice::name_to_index(control, &name)?;
    Ok((padded, Tap { fd, name, index, header, threaded: false }))
}
