//! One kernel socket: how it is made, and what the driver remembers of it.

use crate::errno::from_number;
use crate::table::Key;
use core::net::SocketAddr;
use core::time::Duration;
use mainstay_base::{Errno, SocketId};
use mainstay_node::{SocketOptions, UnixAddress};
use rustix::io::Errno as Number;
use rustix::net::{
    AddressFamily, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};
use std::os::fd::OwnedFd;

/// Longest path of a Unix socket, in bytes. LAY-218: `sun_path` without its NUL.
const PATH_MAX: usize = 107;

/// Where a socket's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The kernel is connecting.
    Connecting,
    /// Bytes flow.
    Open,
    /// Closed by the machine, which has forgotten it; writes what it was given.
    Lingering,
}

/// What a connect came to at once.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) fd: OwnedFd,
    /// Connected already; else the kernel will tell.
    pub(crate) connected: bool,
    /// How many options the kernel refused.
    pub(crate) options_refused: u64,
}

/// Bytes the kernel did not take.
#[derive(Debug)]
pub(crate) struct Pending {
    bytes: Vec<u8>,
    written: usize,
}

/// A socket and its bits. Small, for there may be ten thousand.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) fd: OwnedFd,
    pub(crate) key: Key,
    pub(crate) id: SocketId,
    pub(crate) phase: Phase,
    pub(crate) unix: bool,
    /// Written before anything else is polled; freed when empty.
    pub(crate) pending: Option<Box<Pending>>,
    /// Why writing ended. Reported once all input was read, which may tell more.
    pub(crate) fault: Option<Errno>,
    /// The kernel may have more input: there was an edge and no short read since.
    pub(crate) readable: bool,
    /// The input ends or fails after what is there: no further edge comes, so read to the end.
    pub(crate) ending: bool,
    /// End of input was reported.
    pub(crate) input_over: bool,
    /// The machine has bytes to send.
    pub(crate) wants: bool,
    /// The machine will send no more than what it has.
    pub(crate) finishing: bool,
    /// We said so to the peer.
    pub(crate) finished: bool,
    /// Stands in the queue of readers.
    pub(crate) read_queued: bool,
    /// Stands in the queue of writers.
    pub(crate) write_queued: bool,
    /// Stands in the list of those that wait for room.
    pub(crate) paused: bool,
}

impl Slot {
    pub(crate) const fn new(fd: OwnedFd, key: Key, id: SocketId, unix: bool) -> Self {
        Self {
            fd,
            key,
            id,
            phase: Phase::Connecting,
            unix,
            pending: None,
            fault: None,
            readable: false,
            ending: false,
            input_over: false,
            wants: false,
            finishing: false,
            finished: false,
            read_queued: false,
            write_queued: false,
            paused: false,
        }
    }

    /// Closes so that the peer sees a reset (LAY-215).
    pub(crate) fn reset(self) {
        self.forget_linger();
    }

    fn forget_linger(&self) {
        // A socket that cannot linger (Unix) ends without; its peer sees the end of input.
        let _unsupported = sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
    }

    /// Why the kernel gave the connection up, if it did; asking clears it.
    pub(crate) fn take_error(&self) -> Option<Errno> {
        match sockopt::socket_error(&self.fd) {
            Ok(Ok(())) => None,
            Ok(Err(number)) | Err(number) => Some(from_number(number)),
        }
    }

    /// Tells the peer that no more comes.
    pub(crate) fn shut(&self) {
        // Fails only on a connection that is dead already, which reading finds out.
        let _dead = rustix::net::shutdown(&self.fd, Shutdown::Write);
    }

    /// Our address and theirs; `None` if the socket is not connected (any more).
    pub(crate) fn addresses(&self) -> Option<(Option<SocketAddr>, Option<SocketAddr>)> {
        let peer = rustix::net::getpeername(&self.fd).ok()?;
        if self.unix {
            return Some((None, None));
        }
        let local = rustix::net::getsockname(&self.fd).ok();
        Some((
            local.and_then(|any| SocketAddr::try_from(any).ok()),
            peer.and_then(|any| SocketAddr::try_from(any).ok()),
        ))
    }
}

/// Who got only a part must not take it for the whole: it sees a reset.
impl Drop for Slot {
    fn drop(&mut self) {
        if self.pending.is_some() || self.fault.is_some() {
            self.forget_linger();
        }
    }
}

impl Pending {
    pub(crate) fn new(rest: &[u8]) -> Box<Self> {
        Box::new(Self { bytes: rest.to_vec(), written: 0 })
    }

    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Notes that the kernel took `len` more; true when that was all.
    pub(crate) const fn advance(&mut self, len: usize) -> bool {
        self.written += len;
        self.written >= self.bytes.len()
    }
}

/// Writes without a signal; `Ok(0)` when the kernel takes nothing now.
pub(crate) fn write(fd: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    loop {
        match rustix::net::send(fd, bytes, SendFlags::NOSIGNAL) {
            Ok(len) => return Ok(len),
            Err(Number::INTR) => {}
            Err(Number::AGAIN) => return Ok(0),
            Err(number) => return Err(from_number(number)),
        }
    }
}

/// Starts to connect a TCP socket.
pub(crate) fn open_tcp(target: SocketAddr, options: SocketOptions) -> Result<Made, Errno> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = new_socket(family)?;
    let options_refused = set_options(&fd, target, options);
    match rustix::net::connect(&fd, &target) {
        Ok(()) => Ok(Made { fd, connected: true, options_refused }),
        Err(Number::INPROGRESS | Number::INTR) => {
            Ok(Made { fd, connected: false, options_refused })
        }
        // Linux says so when every local port is taken.
        Err(Number::AGAIN) => Err(Errno::NoPort),
        Err(number) => Err(from_number(number)),
    }
}

/// Connects a Unix socket, which never takes time: it works at once or not at all.
pub(crate) fn open_unix(address: &UnixAddress) -> Result<Made, Errno> {
    let target = match address {
        UnixAddress::Path(path) if path.len() > PATH_MAX => return Err(Errno::Other),
        UnixAddress::Path(path) => SocketAddrUnix::new(path.as_str()),
        UnixAddress::Abstract(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
    };
    let target = target.map_err(|_too_long| Errno::Other)?;
    let fd = new_socket(AddressFamily::UNIX)?;
    rustix::net::connect(&fd, &target).map_err(from_number)?;
    Ok(Made { fd, connected: true, options_refused: 0 })
}

fn new_socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(from_number)
}

/// Sets what differs from the kernel's default; returns how many it refused. A refused option is
/// no reason not to connect: priority 7 alone needs a privilege.
fn set_options(fd: &OwnedFd, target: SocketAddr, options: SocketOptions) -> u64 {
    let mut refused = 0;
    if options.no_delay {
        refused += u64::from(sockopt::set_tcp_nodelay(fd, true).is_err());
    }
    if options.tos != 0 {
        let outcome = if target.is_ipv4() {
            sockopt::set_ip_tos(fd, options.tos)
        } else {
            sockopt::set_ipv6_tclass(fd, u32::from(options.tos))
        };
        refused += u64::from(outcome.is_err());
    }
    // After the type of service, which sets a priority of its own.
    if options.priority != 0 {
        let outcome = socket2::SockRef::from(fd).set_priority(u32::from(options.priority));
        refused += u64::from(outcome.is_err());
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    // The part of LAY-213 that the border carries: a connect that does not block, and its options.
    // Covers LAY-213
    #[test]
    fn the_options_reach_the_kernel_and_connect_does_not_block() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let options = SocketOptions { priority: 5, tos: 0x10, no_delay: true };
            let made = open_tcp(listener.local_addr().unwrap(), options).unwrap();
            let flags = rustix::fs::fcntl_getfl(&made.fd).unwrap();
            assert!(flags.contains(rustix::fs::OFlags::NONBLOCK));
            assert_eq!(made.options_refused, 0);
            assert!(sockopt::tcp_nodelay(&made.fd).unwrap());
            assert_eq!(socket2::SockRef::from(&made.fd).priority().unwrap(), 5);
            if address.starts_with('[') {
                assert_eq!(sockopt::ipv6_tclass(&made.fd).unwrap(), 0x10);
            } else {
                assert_eq!(sockopt::ip_tos(&made.fd).unwrap(), 0x10);
            }
        }
    }
}
