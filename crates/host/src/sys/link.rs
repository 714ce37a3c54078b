//! What links need of the kernel and no crate has a safe face for: the ioctls of interfaces, the
//! options and the address of packet sockets, many frames per system call.

#![expect(unsafe_code, reason = "ioctl, setsockopt, bind, recvmmsg, sendmmsg")]

use core::ffi::{c_int, c_void};
use core::ptr;
use rustix::ioctl::{IntegerSetter, Opcode, Setter, Updater, ioctl, opcode};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Most frames of one system call. chosen: 2 KiB of stack, and the call's own price is long spread.
pub(crate) const MANY: usize = 32;

/// Bytes of an interface's name with its terminating zero. netdevice(7), `IFNAMSIZ`.
pub(crate) const NAME_LEN: usize = 16;

// linux/if_tun.h
const TUNSETIFF: Opcode = opcode::write::<c_int>(b'T', 202);
const TUNSETOFFLOAD: Opcode = opcode::write::<u32>(b'T', 208);
const TUNSETVNETHDRSZ: Opcode = opcode::write::<c_int>(b'T', 216);
// linux/sockios.h
const SIOCGIFFLAGS: Opcode = 0x8913;
const SIOCSIFFLAGS: Opcode = 0x8914;
const SIOCGIFMTU: Opcode = 0x8921;
const SIOCGIFHWADDR: Opcode = 0x8927;

/// A name of an interface, padded with zeros.
pub(crate) type Name = [u8; NAME_LEN];

/// `struct ifreq`: an interface's name, and a value whose form the request decides.
#[repr(C, align(8))]
struct Request {
    name: Name,
    /// The longest member, `struct ifmap`, has 24 bytes where a long has 8.
    value: [u8; 24],
}

impl Request {
    fn new(name: Name) -> Self {
        Self { name, value: [0; 24] }
    }

    fn with_flags(name: Name, flags: i16) -> Self {
        let mut request = Self::new(name);
        request.value[..2].copy_from_slice(&flags.to_ne_bytes());
        request
    }
}

/// Makes `fd` (an open `/dev/net/tun`) the far side of an interface, made if need be; its name.
pub(crate) fn attach_tun(fd: BorrowedFd<'_>, name: Name, flags: i16) -> io::Result<Name> {
    let request = exchange::<TUNSETIFF>(fd, Request::with_flags(name, flags))?;
    Ok(request.name)
}

/// How long the header before each frame of a TAP or TUN is.
pub(crate) fn set_header_len(fd: BorrowedFd<'_>, len: c_int) -> io::Result<()> {
    // SAFETY: TUNSETVNETHDRSZ reads one int, which is what it is given.
    let set = unsafe { Setter::<TUNSETVNETHDRSZ, c_int>::new(len) };
    // SAFETY: as above; it changes nothing but the interface behind `fd`.
    Ok(unsafe { ioctl(fd, set) }?)
}

/// Which offloads (`TUN_F_*`) the kernel may use towards us.
pub(crate) fn set_offload(fd: BorrowedFd<'_>, offloads: u32) -> io::Result<()> {
    let offloads = usize::try_from(offloads).unwrap_or_default();
    // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
    let set = unsafe { IntegerSetter::<TUNSETOFFLOAD>::new_usize(offloads) };
    // SAFETY: as above; it changes nothing but the interface behind `fd`.
    Ok(unsafe { ioctl(fd, set) }?)
}

/// The longest packet an interface takes, in bytes. `socket`: any socket of its namespace.
pub(crate) fn mtu(socket: BorrowedFd<'_>, name: Name) -> io::Result<i32> {
    let value = exchange::<SIOCGIFMTU>(socket, Request::new(name))?.value;
    Ok(i32::from_ne_bytes([value[0], value[1], value[2], value[3]]))
}

/// An interface's type (`ARPHRD_*`) and its hardware address.
pub(crate) fn hardware(socket: BorrowedFd<'_>, name: Name) -> io::Result<(u16, [u8; 6])> {
    let value = exchange::<SIOCGIFHWADDR>(socket, Request::new(name))?.value;
    let [low, high, a, b, c, d, e, f, ..] = value;
    Ok((u16::from_ne_bytes([low, high]), [a, b, c, d, e, f]))
}

/// An interface's flags (`IFF_*`).
pub(crate) fn flags(socket: BorrowedFd<'_>, name: Name) -> io::Result<i16> {
    let value = exchange::<SIOCGIFFLAGS>(socket, Request::new(name))?.value;
    Ok(i16::from_ne_bytes([value[0], value[1]]))
}

/// Sets an interface's flags.
pub(crate) fn set_flags(socket: BorrowedFd<'_>, name: Name, flags: i16) -> io::Result<()> {
    exchange::<SIOCSIFFLAGS>(socket, Request::with_flags(name, flags)).map(drop)
}

/// One request that reads, and may change, an `ifreq`. Only for the codes above.
fn exchange<const CODE: Opcode>(fd: BorrowedFd<'_>, mut request: Request) -> io::Result<Request> {
    // SAFETY: every CODE this private function is used with reads and writes at most one ifreq,
    // and `Request` is at least as long as that and aligned for it.
    let update = unsafe { Updater::<CODE, Request>::new(&mut request) };
    // SAFETY: as above; any bytes the kernel may write make a valid `Request`.
    unsafe { ioctl(fd, update) }?;
    Ok(request)
}

/// Sets an option of a packet socket whose value is an int: `PACKET_VNET_HDR` and its like.
pub(crate) fn set_packet_option(fd: BorrowedFd<'_>, name: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: for these options the kernel reads one int.
    unsafe { set_option(fd, name, &value) }
}

/// Frames for other stations too, for as long as the socket is open.
pub(crate) fn join_promiscuous(fd: BorrowedFd<'_>, index: c_int) -> io::Result<()> {
    let kind = u16::try_from(libc::PACKET_MR_PROMISC).unwrap_or_default();
    let member =
        libc::packet_mreq { mr_ifindex: index, mr_type: kind, mr_alen: 0, mr_address: [0; 8] };
    // SAFETY: for PACKET_ADD_MEMBERSHIP the kernel reads one packet_mreq.
    unsafe { set_option(fd, libc::PACKET_ADD_MEMBERSHIP, &member) }
}

/// # Safety
/// The kernel must read no more than a `T` for this option of `SOL_PACKET`.
unsafe fn set_option<T: Copy>(fd: BorrowedFd<'_>, name: c_int, value: &T) -> io::Result<()> {
    let len = libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default();
    let value = ptr::from_ref(value).cast::<c_void>();
    // SAFETY: `value` points to `len` readable bytes that outlive the call.
    let code = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_PACKET, name, value, len) };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// From now on the packet socket receives every protocol's frames of one interface, and sends there.
pub(crate) fn bind_packet(fd: BorrowedFd<'_>, index: c_int) -> io::Result<()> {
    let family = libc::sa_family_t::try_from(libc::AF_PACKET).unwrap_or_default();
    let protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be();
    let address = libc::sockaddr_ll {
        sll_family: family,
        sll_protocol: protocol,
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
    let place = (&raw const address).cast::<libc::sockaddr>();
    // SAFETY: `place` points to `len` initialised bytes that outlive the call.
    let code = unsafe { libc::bind(fd.as_raw_fd(), place, len) };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// One frame into each buffer, of the first [`MANY`], while there are any; how many, and each one's
/// length in `lens`. The socket must be non-blocking.
pub(crate) fn receive_many(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
    lens: &mut [usize; MANY],
) -> io::Result<usize> {
    let mut messages = [empty_message(); MANY];
    let count = buffers.len().min(MANY);
    for (message, buffer) in messages.iter_mut().zip(buffers.iter_mut()) {
        // IoSliceMut is guaranteed to be an iovec on unix.
        message.msg_hdr.msg_iov = ptr::from_mut(buffer).cast::<libc::iovec>();
        message.msg_hdr.msg_iovlen = 1;
    }
    let vector = messages.as_mut_ptr();
    let len = u32::try_from(count).unwrap_or_default();
    // SAFETY: the first `len` messages each point to one iovec, whose buffer is borrowed mutably
    // for the whole call and is aliased by nothing; no names, no control messages, no timeout.
    let code = unsafe { libc::recvmmsg(fd.as_raw_fd(), vector, len, 0, ptr::null_mut()) };
    let received = usize::try_from(code).map_err(|_negative| io::Error::last_os_error())?;
    for (len, message) in lens.iter_mut().zip(&messages[..received]) {
        *len = usize::try_from(message.msg_len).unwrap_or_default();
    }
    Ok(received)
}

/// Sends each buffer, of the first [`MANY`], as one frame; how many went. An error is the first
/// frame's, and then none went. The socket must be non-blocking.
pub(crate) fn send_many(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut messages = [empty_message(); MANY];
    let count = buffers.len().min(MANY);
    for (message, buffer) in messages.iter_mut().zip(buffers) {
        // IoSlice is guaranteed to be an iovec on unix; the kernel only reads what it points to.
        message.msg_hdr.msg_iov = ptr::from_ref(buffer).cast::<libc::iovec>().cast_mut();
        message.msg_hdr.msg_iovlen = 1;
    }
    let vector = messages.as_mut_ptr();
    let len = u32::try_from(count).unwrap_or_default();
    // SAFETY: the first `len` messages each point to one iovec, whose buffer is borrowed for the
    // whole call and only read; no names, no control messages.
    let code = unsafe { libc::sendmmsg(fd.as_raw_fd(), vector, len, 0) };
    usize::try_from(code).map_err(|_negative| io::Error::last_os_error())
}

fn empty_message() -> libc::mmsghdr {
    // SAFETY: mmsghdr is a C struct of integers and pointers, for which zero is a valid value.
    unsafe { core::mem::zeroed() }
}
