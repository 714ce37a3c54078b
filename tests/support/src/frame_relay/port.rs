//! Where a relay takes its frames from and gives them to.

use mainstay_host::link::{GsoKind, Link, LinkKind, LinkOptions, Offload, Sent, enter_namespace};
use mainstay_impair::Wire;
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Bytes of an Ethernet header (IEEE 802.3 §3.2), of an IPv6 header (RFC 8200 §3), of a TCP header without options.
const ETHERNET: usize = 14;
const V6: usize = 40;
const TCP: usize = 20;

/// One end of the relay. Nothing of it waits.
pub trait Port {
    /// What travels beside a frame.
    type Facts: Copy + Send;

    /// The next frame, its length and its facts; `None`: there is none now.
    ///
    /// # Errors
    /// The port is of no use any more: the relay ends.
    fn receive(&mut self, frame: &mut [u8]) -> io::Result<Option<(usize, Self::Facts)>>;

    /// Sends a frame; false: there is no room now.
    ///
    /// # Errors
    /// The frame cannot be sent, now or ever: it is lost.
    fn send(&mut self, facts: Self::Facts, frame: &[u8]) -> io::Result<bool>;

    /// What a received frame is on the wire.
    fn wire(&self, _facts: Self::Facts, frame: &[u8]) -> Wire {
        Wire::single(frame.len())
    }

    /// Readable when there is a frame.
    fn fd(&self) -> BorrowedFd<'_>;
}

/// A TAP interface, or any other through a packet socket.
#[derive(Debug)]
pub struct LinkPort(Link);

impl LinkPort {
    /// Opens `tap:NAME` or `if:NAME`, with `@NETNS` after it in the namespace of that name (ip-netns(8)). An interface of the
    /// kind TAP is made if it is not there, and brought up; the kernel that uses it has addresses on that same interface. One
    /// opened by `if:` has to be up and should have no address: the kernel that uses it is behind it.
    ///
    /// `offload`: the kernel may leave segmentation and checksums open. Frames come quicker so, and single segments can
    /// neither be lost nor damaged. Without it a TAP gives finished frames; the other side of a veth has to be told
    /// (`ethtool -K IF tso off gso off tx off`).
    ///
    /// # Errors
    /// Words that are neither form; no such interface or namespace; no right to it (needs root).
    pub fn open(words: &str, offload: bool) -> io::Result<Self> {
        let (kind, name) = words.split_once(':').ok_or(ErrorKind::InvalidInput)?;
        let (name, netns) = name.split_once('@').map_or((name, None), |(n, ns)| (n, Some(ns)));
        let open = || {
            if let Some(netns) = netns {
                enter_namespace(&Path::new("/run/netns").join(netns))?;
            }
            match kind {
                "tap" => {
                    let kind = LinkKind::Tap;
                    let name = name.to_owned();
                    let link = Link::open(&LinkOptions { name, kind, offload, threaded: false })?;
                    link.set_up()?;
                    Ok(link)
                }
                "if" => Link::packet(name, offload),
                _ => Err(ErrorKind::InvalidInput.into()),
            }
        };
        // A thread of its own, since it stays in the namespace.
        let opened = std::thread::scope(|scope| scope.spawn(open).join());
        opened.unwrap_or_else(|_| Err(io::Error::other("it panicked"))).map(Self)
    }
}

impl Port for LinkPort {
    type Facts = Offload;

    fn receive(&mut self, frame: &mut [u8]) -> io::Result<Option<(usize, Offload)>> {
        match self.0.receive(frame) {
            // Said once; frames come again when it is up again.
            Err(error) if error.kind() == ErrorKind::NetworkDown => Ok(None),
            other => other,
        }
    }

    fn send(&mut self, facts: Offload, frame: &[u8]) -> io::Result<bool> {
        // Whoever receives it is to look for itself: it may be damaged by now.
        let facts = Offload { verified: false, ..facts };
        Ok(self.0.send(facts, &[IoSlice::new(frame)])? == Sent::Done)
    }

    fn wire(&self, facts: Offload, frame: &[u8]) -> Wire {
        wire(facts, frame)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn wire(facts: Offload, frame: &[u8]) -> Wire {
    let Some(cut) = facts.gso else { return Wire::single(frame.len()) };
    let nibble = |at: usize| frame.get(at).copied().map_or(0, usize::from);
    let tcp = match cut.kind {
        GsoKind::TcpV4 => ETHERNET + (nibble(ETHERNET) & 0xf) * 4,
        GsoKind::TcpV6 => ETHERNET + V6,
    };
    let headers = tcp + ((nibble(tcp + 12) >> 4) * 4).max(TCP);
    Wire::cut(frame.len(), headers, usize::from(cut.size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_host::link::Gso;

    fn cut(kind: GsoKind, frame: &[u8]) -> Wire {
        let gso = Some(Gso { kind, ecn: false, header_len: 0, size: 1000 });
        wire(Offload { gso, ..Offload::default() }, frame)
    }

    #[test]
    fn a_frame_to_be_cut_counts_as_its_segments() {
        let mut frame = vec![0; 14 + 20 + 32 + 2500];
        (frame[14], frame[14 + 20 + 12]) = (0x45, 0x80);
        assert_eq!(
            cut(GsoKind::TcpV4, &frame),
            Wire { len: 2500 + 3 * 66, count: 3, largest: 1066 }
        );
        let mut frame = vec![0; 14 + 40 + 20 + 1001];
        (frame[14], frame[14 + 40 + 12]) = (0x60, 0x50);
        assert_eq!(
            cut(GsoKind::TcpV6, &frame),
            Wire { len: 1001 + 2 * 74, count: 2, largest: 1074 }
        );
        assert_eq!(wire(Offload::default(), &frame), Wire::single(frame.len()));
    }

    #[test]
    fn words_that_name_no_port_are_refused() {
        for words in ["lo", "nic:lo", "tap:x@no-such-namespace"] {
            assert!(LinkPort::open(words, false).is_err(), "{words}");
        }
    }
}
