//! The link itself, on Linux.

use super::header::{LONG, SHORT, from_header, to_header};
use super::tap::Tap;
use super::{Batch, LinkCounters, LinkKind, LinkOptions, Offload, PARTS_MAX, Sent, packet, tap};
use crate::sys::link::{self as sys, MANY, NAME_LEN, Name};
use core::array;
use rustix::io::{Errno, read, readv, write, writev};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The longest frame of any link: the largest MTU and Ethernet's header (IEEE 802.3 §3.2); a TAP's is smaller by a header,
/// so that a tag fits, and packet sockets get no tagged ones.
const LONGEST: usize = 65_535 + 14;

/// A way to send and receive whole frames; never waits.
///
/// Its descriptor is readable when a frame is there, and writable when the kernel has room. It may be
/// used in any thread, whatever namespace that is in: it belongs to the one it was opened in.
#[derive(Debug)]
pub struct Link {
    fd: OwnedFd,
    /// Of the interface's namespace: what it is asked about is asked there.
    control: OwnedFd,
    /// Whether many frames can go through one system call.
    socket: bool,
    /// Whether a thread of the kernel's takes what is written.
    threaded: bool,
    kind: LinkKind,
    name: String,
    index: u32,
    /// Bytes of header before each frame: 12, 10, or none.
    header: usize,
    counters: LinkCounters,
}

impl Link {
    /// Attaches to a TAP or TUN interface in the calling thread's namespace, and makes it if it is not
    /// there. One that was made goes away with the link; a persistent one stays.
    ///
    /// # Errors
    /// `InvalidInput`: the name is too long, or there is an interface of that name which is no TAP or
    /// TUN, or of the other kind. `PermissionDenied`: needs `CAP_NET_ADMIN`, or to be its owner.
    /// `ResourceBusy`: somebody else is attached. `NotFound`: the kernel has no `/dev/net/tun`.
    pub fn open(options: &LinkOptions) -> io::Result<Self> {
        let control = control()?;
        let tap = tap::open(options, padded(&options.name)?, control.as_fd())?;
        let Tap { fd, name, index, header, threaded } = tap;
        let (kind, counters) = (options.kind, LinkCounters::default());
        Ok(Self { fd, control, socket: false, threaded, kind, name, index, header, counters })
    }

    /// A packet socket on an interface in the calling thread's namespace. It sees frames for other
    /// stations too, but none that this machine sends, and none of a VLAN.
    ///
    /// The kernel's own stack sees the frames as well: it should have no address there. `offload`: the
    /// kernel may leave checksums and segmentation to us, and we to it; without, a frame from this same
    /// machine (over a veth) may lack its checksum and not say so.
    ///
    /// # Errors
    /// `NotFound` or the error of `ENODEV`: no such interface. `Unsupported`: its frames are not Ethernet.
    /// `PermissionDenied`: needs `CAP_NET_RAW`.
    pub fn packet(interface: &str, offload: bool) -> io::Result<Self> {
        let control = control()?;
        let (hardware, _) = sys::hardware(control.as_fd(), padded(interface)?)?;
        if ![libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK].contains(&hardware) {
            let words = format!("{interface}: its frames are not Ethernet");
            return Err(io::Error::new(ErrorKind::Unsupported, words));
        }
        let index = netdevice::name_to_index(&control, interface)?;
        let fd = packet::open(index, offload)?;
        let (name, counters) = (interface.to_owned(), LinkCounters::default());
        let header = if offload { SHORT } else { 0 };
        let (kind, threaded) = (LinkKind::Tap, false);
        Ok(Self { fd, control, socket: true, threaded, kind, name, index, header, counters })
    }

    /// The interface's longest packet without its link header, in bytes, as it is now.
    ///
    /// # Errors
    /// The interface is gone, or has another name now.
    pub fn mtu(&self) -> io::Result<u16> {
        let mtu = sys::mtu(self.control.as_fd(), padded(&self.name)?)?;
        Ok(u16::try_from(mtu).unwrap_or(u16::MAX))
    }

    /// The interface's own Ethernet address; all zero on TUN. On TAP it is the kernel's: a stack on
    /// this side of the link needs another.
    ///
    /// # Errors
    /// The interface is gone, or has another name now.
    pub fn hardware(&self) -> io::Result<[u8; 6]> {
        let (_, address) = sys::hardware(self.control.as_fd(), padded(&self.name)?)?;
        Ok(if self.kind == LinkKind::Tun { [0; 6] } else { address })
    }

    /// The interface's name, as it was when the link was opened.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The interface's number in its namespace.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// What its frames are. Those of a packet socket are Ethernet.
    #[must_use]
    pub fn kind(&self) -> LinkKind {
        self.kind
    }

    /// Whether a thread of the kernel's takes what we send: [`LinkOptions::threaded`] was asked for, and could be had.
    #[must_use]
    pub fn is_threaded(&self) -> bool {
        self.threaded
    }

    /// How many frames it did not pass on.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// Brings the interface up.
    ///
    /// # Errors
    /// `PermissionDenied`: needs `CAP_NET_ADMIN`. The interface is gone, or has another name now.
    pub fn set_up(&self) -> io::Result<()> {
        let (control, name) = (self.control.as_fd(), padded(&self.name)?);
        let up = i16::try_from(libc::IFF_UP).unwrap_or_default();
        let flags = sys::flags(control, name)?;
        if flags & up == 0 { sys::set_flags(control, name, flags | up) } else { Ok(()) }
    }

    /// One frame, its length and its facts; `None`: nothing is there now.
    ///
    /// A frame longer than `frame` is counted and skipped, and so is one with a header we cannot
    /// honour; with offload 64 KiB is always enough.
    ///
    /// # Errors
    /// `NetworkDown`, told once by receiving or sending, when the interface of a packet socket was taken
    /// down: the link goes on when it is up again. Others are the end of the link: the interface is gone.
    pub fn receive(&mut self, frame: &mut [u8]) -> io::Result<Option<(usize, Offload)>> {
        loop {
            let mut header = [0; LONG];
            // One place is quicker than several, where that is all there is: a tenth of what a short frame costs.
            let received = if self.header == 0 && frame.len() >= LONGEST {
                read(&self.fd, &mut *frame)
            } else {
                let mut spare = [0]; // Only reached by a frame too long.
                let mut parts = [
                    IoSliceMut::new(&mut header[..self.header]),
                    IoSliceMut::new(frame),
                    IoSliceMut::new(&mut spare),
                ];
                readv(&self.fd, &mut parts)
            };
            let len = match received {
                Ok(len) => len,
                Err(error) if self.is_skipped(error) => continue,
                Err(Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            if let Some(received) = self.judge(&header, len, frame.len()) {
                return Ok(Some(received));
            }
        }
    }

    /// Frames into an empty batch (it is cleared first) until it is full or no more are there; how
    /// many. Skips what [`Link::receive`] skips. One system call for up to 32 frames on a packet
    /// socket, one for each on TAP and TUN.
    ///
    /// # Errors
    /// Those of [`Link::receive`], when the batch is still empty; otherwise they show in the next call.
    pub fn receive_many(&mut self, batch: &mut Batch) -> io::Result<usize> {
        batch.clear();
        let mut first = 0;
        loop {
            let mut lens = [0; MANY];
            let (slots, received) = if self.socket {
                self.read_slots(batch, first, &mut lens)
            } else {
                self.read_slot(batch, first, &mut lens)
            };
            let count = match received {
                _ if slots == 0 => return Ok(batch.len()),
                Ok(count) => count,
                Err(error) if self.is_skipped(error) => continue,
                Err(Errno::AGAIN) => return Ok(batch.len()),
                Err(error) if batch.is_empty() => return Err(error.into()),
                // Gone for good, and the next call says so again; or it was told only once, and
                // then the interface being down shows in that nothing comes.
                Err(_) => return Ok(batch.len()),
            };
            for (slot, &len) in (first..).zip(&lens[..count]) {
                let mut header = [0; LONG];
                if let Some(bytes) = batch.slots(slot, self.header).next() {
                    header[..self.header].copy_from_slice(&bytes[..self.header]);
                }
                if let Some((len, offload)) = self.judge(&header, len, batch.frame_max()) {
                    batch.received(slot, len, offload);
                }
            }
            first += count;
            // A call that was not filled has found the end.
            if self.socket && count < slots {
                return Ok(batch.len());
            }
        }
    }

    /// Sends one frame, whose bytes are the parts' one after the other; at most [`PARTS_MAX`] parts.
    ///
    /// # Errors
    /// `InvalidInput`: too many parts, offload on a link opened without, or a frame that the
    /// kernel will not take for what its facts say. The error of `EMSGSIZE`: longer than the interface
    /// takes. That of `EIO` (TAP, TUN) and `NetworkDown` (packet socket): the interface is down, or (packet
    /// socket, told once by receiving or sending) was since the last call.
    pub fn send(&mut self, offload: Offload, parts: &[IoSlice<'_>]) -> io::Result<Sent> {
        if parts.len() > PARTS_MAX || !self.carries(&offload) {
            return Err(ErrorKind::InvalidInput.into());
        }
        if let ([frame], 0) = (parts, self.header) {
            return self.send_plain(frame);
        }
        let header = to_header(&offload);
        let mut all = [IoSlice::new(&[]); PARTS_MAX + 1];
        all[0] = IoSlice::new(&header[..self.header]);
        all[1..=parts.len()].copy_from_slice(parts);
        loop {
            match writev(&self.fd, &all[..=parts.len()]) {
                Ok(_whole) => return Ok(Sent::Done), // A frame goes whole or not at all.
                Err(Errno::INTR) => {}
                Err(error) if is_full(error) => return Ok(Sent::Full),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a frame that lies in one piece and has no header.
    fn send_plain(&self, frame: &[u8]) -> io::Result<Sent> {
        loop {
            match write(&self.fd, frame) {
                Ok(_whole) => return Ok(Sent::Done),
                Err(Errno::INTR) => {}
                Err(error) if is_full(error) => return Ok(Sent::Full),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends the frames of a batch, first to last, and takes those that went out of it; how many
    /// went. What is left is for later: the kernel has no room now. One system call for up to 32
    /// frames on a packet socket, one for each on TAP and TUN.
    ///
    /// # Errors
    /// Those of [`Link::send`]. The frame they are about is taken out of the batch, so that those after
    /// it can go with the next call.
    pub fn send_many(&mut self, batch: &mut Batch) -> io::Result<usize> {
        let mut total = 0;
        loop {
            let most = if self.socket { MANY } else { 1 };
            let count = batch.offloads().take(most).take_while(|o| self.carries(o)).count();
            if count == 0 {
                let refused = !batch.is_empty();
                batch.sent(1);
                return if refused { Err(ErrorKind::InvalidInput.into()) } else { Ok(total) };
            }
            batch.write_headers(count, self.header);
            match self.write_frames(batch, count) {
                Ok(sent) => {
                    batch.sent(sent);
                    total += sent;
                }
                Err(Errno::INTR) => {}
                Err(error) if is_full(error) => return Ok(total),
                Err(error) => {
                    batch.sent(1);
                    return Err(error.into());
                }
            }
        }
    }

    /// One frame into each slot from `first` on: how many slots there were, how many got one.
    fn read_slots(
        &self,
        batch: &mut Batch,
        first: usize,
        lens: &mut [usize; MANY],
    ) -> (usize, rustix::io::Result<usize>) {
        let mut slots = batch.slots(first, self.header);
        let mut count = 0;
        let mut buffers: [IoSliceMut<'_>; MANY] = array::from_fn(|_| {
            let slot = slots.next();
            count += usize::from(slot.is_some());
            IoSliceMut::new(slot.unwrap_or_default())
        });
        let received = sys::receive_many(self.fd.as_fd(), &mut buffers[..count], lens);
        (count, received.map_err(|error| errno(&error)))
    }

    /// One frame into the slot `first`: whether there is such a slot, whether it got one.
    fn read_slot(
        &self,
        batch: &mut Batch,
        first: usize,
        lens: &mut [usize; MANY],
    ) -> (usize, rustix::io::Result<usize>) {
        let Some(slot) = batch.slots(first, self.header).next() else { return (0, Ok(0)) };
        let received = read(&self.fd, slot).map(|len| {
            lens[0] = len;
            1
        });
        (1, received)
    }

    fn write_frames(&self, batch: &Batch, count: usize) -> rustix::io::Result<usize> {
        let mut outgoing = batch.outgoing(self.header).take(count);
        if self.socket {
            let buffers: [IoSlice<'_>; MANY] =
                array::from_fn(|_| IoSlice::new(outgoing.next().unwrap_or_default()));
            return sys::send_many(self.fd.as_fd(), &buffers[..count])
                .map_err(|error| errno(&error));
        }
        outgoing.next().map_or(Ok(0), |frame| write(&self.fd, frame).map(|_whole| 1))
    }

    /// What a received frame of `len` bytes, header and all, is worth.
    fn judge(&mut self, header: &[u8; LONG], len: usize, room: usize) -> Option<(usize, Offload)> {
        let frame = len.checked_sub(self.header);
        if frame.is_some_and(|len| len > room) {
            self.counters.truncated = self.counters.truncated.saturating_add(1);
            return None;
        }
        let offload = if self.header == 0 {
            Some(Offload::default())
        } else {
            from_header(&header[..self.header])
        };
        let received = frame.zip(offload);
        if received.is_none() {
            self.counters.unusable = self.counters.unusable.saturating_add(1);
        }
        received
    }

    /// Whether an error of reading cost at most a frame, so that the next may be read.
    fn is_skipped(&mut self, error: Errno) -> bool {
        // A packet socket whose frame's segmentation no virtio-net header can name: the frame is gone.
        let unusable = error == Errno::INVAL && self.socket;
        if unusable {
            self.counters.unusable = self.counters.unusable.saturating_add(1);
        }
        unusable || error == Errno::INTR
    }

    /// Whether it can tell the kernel what a frame leaves undone.
    fn carries(&self, offload: &Offload) -> bool {
        self.header != 0 || offload.partial.is_none() && offload.gso.is_none()
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A socket that is only there to ask about interfaces of the calling thread's namespace.
fn control() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?)
}

/// A name as the kernel wants it.
fn padded(name: &str) -> io::Result<Name> {
    let mut padded = [0; NAME_LEN];
    // The last byte stays zero.
    if name.len() >= NAME_LEN || name.contains('\0') {
        return Err(ErrorKind::InvalidInput.into());
    }
    padded[..name.len()].copy_from_slice(name.as_bytes());
    Ok(padded)
}

/// Whether an error of writing means that the kernel has no room now.
fn is_full(error: Errno) -> bool {
    matches!(error, Errno::AGAIN | Errno::NOBUFS)
}

/// The number of an error of a system call.
fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str) -> LinkOptions {
        LinkOptions { name: name.to_owned(), kind: LinkKind::Tap, offload: true, threaded: false }
    }

    #[test]
    fn a_name_the_kernel_cannot_have_is_refused() {
        for name in ["sixteen-bytes-16", "nul\0inside"] {
            assert_eq!(Link::open(&options(name)).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(Link::packet(name, true).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert!(Link::packet("no-such-one", true).is_err());
    }
}
