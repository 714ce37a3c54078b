//! A link and its interface of the network: frames both ways, until one side has no more.

use crate::link::{Link, LinkKind, LinkOptions, Sent};
use core::net::IpAddr;
use mainstay_base::{Instant, Verdict};
use mainstay_net::network::Network;
use mainstay_net::{Capabilities, InterfaceId, InterfaceOptions, Medium, Prefix};
use mainstay_wire::ethernet::Mac;
use mainstay_wire::offload::Offload;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};

/// Frames taken from one link before what they cause is sent. chosen: bounds what is done between two looks at anything else
const FRAMES_MAX: usize = 256;
/// Bytes likewise. chosen: a peer that waits for an acknowledgement of 2 MiB of super-segments would take some for lost
const BYTES_MAX: usize = 512 << 10;

/// A link of the network.
#[derive(Debug)]
pub struct Wire {
    link: Link,
    interface: InterfaceId,
    buffer: Box<[u8]>,
    /// A frame that the kernel had no room for: its length and offload facts; it stands in `held`.
    waiting: Option<(usize, Offload)>,
    held: Box<[u8]>,
    /// There may be more to receive.
    pub(crate) readable: bool,
}

/// What a link is and how it is addressed.
#[derive(Clone, Debug, Default)]
pub struct WireOptions {
    /// The interface: its name.
    pub name: String,
    /// What kind of interface it is.
    pub kind: WireKind,
    /// Checksums and the cutting of super-segments are left to the kernel.
    pub offload: bool,
    /// A thread of the kernel's takes what we send on a TAP or TUN: see [`LinkOptions::threaded`]. Where it cannot be had,
    /// the link is opened without; [`Wire::link`] tells.
    pub threaded: bool,
    /// Our addresses, with the length of their network part.
    pub addresses: Vec<Prefix>,
    /// Where packets beyond those networks go, one per IP version at most.
    pub gateways: Vec<IpAddr>,
}

/// How a link is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WireKind {
    /// A TAP interface: Ethernet frames.
    #[default]
    Tap,
    /// A TUN interface: bare packets.
    Tun,
    /// A packet socket on an interface that exists.
    Packet,
}

impl Wire {
    /// Opens a link and gives the network an interface on it.
    ///
    /// # Errors
    /// What the kernel says; `InvalidInput` for an address or gateway the network does not take.
    pub fn open(now: Instant, options: &WireOptions, network: &mut Network) -> io::Result<Self> {
        let offload = options.offload;
        let link = match options.kind {
            WireKind::Tap | WireKind::Tun => Link::open(&LinkOptions {
                name: options.name.clone(),
                kind: if options.kind == WireKind::Tap { LinkKind::Tap } else { LinkKind::Tun },
                offload,
                threaded: options.threaded,
            })?,
            WireKind::Packet => Link::packet(&options.name, offload)?,
        };
        let medium = match options.kind {
            WireKind::Tun => Medium::Ip,
            WireKind::Tap | WireKind::Packet => Medium::Ethernet(station()?),
        };
        let interface = InterfaceOptions {
            medium,
            mtu: usize::from(link.mtu()?),
            offload: Capabilities {
                checksum: offload,
                gso_v4: offload,
                gso_v6: offload,
                gso_ecn: offload,
            },
        };
        let interface = network
            .add_interface(now, interface, &options.addresses, &options.gateways)
            .map_err(|misuse| {
                let words = format!("its addresses or gateways: {misuse}");
                io::Error::new(io::ErrorKind::InvalidInput, words)
            })?;
        Ok(Self {
            link,
            interface,
            buffer: vec![0; Network::MAX_TRANSMIT].into_boxed_slice(),
            waiting: None,
            held: Box::default(),
            readable: true,
        })
    }

    /// The interface of the network.
    #[must_use]
    pub const fn interface(&self) -> InterfaceId {
        self.interface
    }

    /// The link, to ask something of.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// Hands the network what has come, at most a bounded number of frames; whether there may be more. `seen` gets
    /// every frame.
    ///
    /// # Errors
    /// What the kernel says of the link.
    pub fn receive(
        &mut self,
        now: Instant,
        network: &mut Network,
        mut seen: impl FnMut(&[u8]),
    ) -> io::Result<bool> {
        let mut bytes = 0;
        for _ in 0..FRAMES_MAX {
            if bytes > BYTES_MAX || !network.can_answer() {
                break;
            }
            let Some((len, facts)) = self.link.receive(&mut self.buffer)? else {
                self.readable = false;
                return Ok(false);
            };
            bytes += len;
            let frame = self.buffer.get(..len).unwrap_or_default();
            seen(frame);
            let verdict = network.handle_input(now, self.interface, frame, facts);
            // Why is counted by the network.
            let (Verdict::Accepted | Verdict::Dropped(_)) = verdict;
        }
        Ok(true)
    }

    /// Whether a frame waits because the kernel had no room.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.waiting.is_some()
    }

    /// Sends the frame that waits; whether the link takes more.
    fn send_held(&mut self) -> io::Result<bool> {
        let Some((len, facts)) = self.waiting.take() else { return Ok(true) };
        let frame = self.held.get(..len).unwrap_or_default();
        // One that cannot be sent is lost: it must not keep those of other links waiting.
        if self.link.send(facts, &[IoSlice::new(frame)])? == Sent::Full {
            self.waiting = Some((len, facts));
            return Ok(false);
        }
        Ok(true)
    }
}

/// Sends what the network has until it has no more or a link takes no more; `seen` gets every frame.
///
/// # Errors
/// What the kernel says of a link.
pub fn send_all(
    now: Instant,
    network: &mut Network,
    wires: &mut [Wire],
    buffer: &mut [u8],
    mut seen: impl FnMut(&[u8]),
) -> io::Result<()> {
    // A link that takes nothing any more does not keep what is for others.
    let mut result = Ok(());
    for wire in &mut *wires {
        match wire.send_held() {
            Ok(true) => {}
            Ok(false) => return result,
            Err(error) if result.is_ok() => result = Err(error),
            Err(_) => {}
        }
    }
    while let Some(out) = network.poll_transmit(now, buffer) {
        let Some(wire) = wires.iter_mut().find(|wire| wire.interface == out.interface) else {
            continue;
        };
        let frame = buffer.get(..out.len).unwrap_or_default();
        seen(frame);
        let sent = wire.link.send(out.offload, &[IoSlice::new(frame)]).unwrap_or_else(|error| {
            if result.is_ok() {
                result = Err(error);
            }
            Sent::Done
        });
        if sent == Sent::Full {
            if wire.held.is_empty() {
                wire.held = vec![0; Network::MAX_TRANSMIT].into_boxed_slice();
            }
            if let Some(place) = wire.held.get_mut(..out.len) {
                place.copy_from_slice(frame);
            }
            wire.waiting = Some((out.len, out.offload));
            return result;
        }
    }
    result
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

/// A station address of our own: locally administered, else random (IEEE 802c).
fn station() -> io::Result<Mac> {
    let [first, b, c, d, e, f, ..] = crate::entropy()?;
    Ok(Mac([(first & 0xfc) | 0x02, b, c, d, e, f]))
}
