//! Packet sockets: frames beside the kernel's own stack, on an interface that is there already.

use crate::sys::link as sys;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use socket2::{SockFilter, SockRef};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};

// linux/filter.h
const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// A socket for the frames of one interface; bound last, so that no other's ever gets in.
pub(super) fn open(index: u32, offload: bool) -> io::Result<OwnedFd> {
    let index = i32::try_from(index).map_err(|_wide| ErrorKind::InvalidInput)?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    // Without a protocol it receives nothing yet.
    let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
    let fd = socket.as_fd();
    if offload {
        sys::set_packet_option(fd, libc::PACKET_VNET_HDR, 1)?;
    }
    sys::set_packet_option(fd, libc::PACKET_IGNORE_OUTGOING, 1)?;
    refuse_tagged(&socket)?;
    sys::join_promiscuous(fd, index)?;
    sys::bind_packet(fd, index)?;
    // An interface that is down is told as an error of the first call; whoever opens may bring it up.
    match SockRef::from(&socket).take_error()? {
        Some(error) if error.kind() != ErrorKind::NetworkDown => Err(error),
        _ => Ok(socket),
    }
}

/// Frames of a VLAN would come without their tag, as if they were the interface's own: the kernel
/// takes the tag off before a packet socket sees them. So they do not come at all.
fn refuse_tagged(socket: &OwnedFd) -> io::Result<()> {
    let tag_present = (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG_PRESENT).cast_unsigned();
    SockRef::from(socket).attach_filter(&[
        SockFilter::new(LOAD_WORD, 0, 0, tag_present),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ])
}
