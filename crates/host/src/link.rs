//! Links: whole frames to and from the kernel, with their offload facts (Linux only).
//!
//! A [`Link`] is a TAP or TUN interface, whose other side is the kernel's own stack, or a packet
//! socket on an interface that is there already. It moves frames and knows nothing of what is in
//! them; it never waits: its descriptor ([`AsFd`](std::os::fd::AsFd)) goes into whatever poll the
//! caller has.
//!
//! # Frames per system call
//! [`Link::receive`] and [`Link::send`] cost one system call per frame on every link. On a packet
//! socket [`Link::receive_many`] and [`Link::send_many`] move up to 32 frames per call (recvmmsg,
//! sendmmsg). **TAP and TUN have no such call** (`linux/if_tun.h` offers read and write alone): there
//! the two take a call per frame, and what makes it cheap is offload, one frame of up to 64 KiB.
//!
//! # Elsewhere
//! On systems other than Linux the types exist and opening is an error of kind `Unsupported`.
//!
//! # Spec
//! TCP-606; virtio 1.3 §5.1.6 for the header.

mod batch;
#[cfg(target_os = "linux")]
mod device;
mod header;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod packet;
#[cfg(target_os = "linux")]
mod tap;
#[cfg(target_os = "linux")]
mod threaded;
#[cfg(not(target_os = "linux"))]
mod unsupported;

pub use batch::Batch;
/// What a frame leaves undone, or has done already; the default is a complete frame, like any on a wire.
pub use mainstay_wire::offload::{Gso, GsoKind, Offload, Partial};
#[cfg(not(target_os = "linux"))]
pub use unsupported::Link;
#[cfg(target_os = "linux")]
pub use {device::Link, namespace::enter_namespace};

/// Most parts of one frame that [`Link::send`] takes. chosen: headers and a few slices of a queue.
pub const PARTS_MAX: usize = 8;

/// What the frames of a TAP or TUN interface are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Ethernet frames.
    Tap,
    /// IP packets, without a link header.
    Tun,
}

/// Which interface [`Link::open`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkOptions {
    /// The interface's name, at most 15 bytes. With `%d` in it, or empty, the kernel numbers it.
    pub name: String,
    /// What its frames are; a persistent interface has to be of the same kind.
    pub kind: LinkKind,
    /// The kernel may leave checksums and TCP segmentation to us, and we to it. False: frames are complete
    /// both ways, and have no header, which saves a tenth of what a short one costs.
    pub offload: bool,
    /// A thread of the kernel's takes what we send, and merges it, so that sending is only putting a frame in a queue.
    /// Where it is not, each frame is received within the call that sends it.
    ///
    /// For bulk in plain frames where there is a processor to spare: sending costs us half, and the machine half (measured:
    /// `docs/benchmarks.md`). A frame that comes alone waits until the thread runs, 3 µs and more where others want the
    /// processor too; the queue has no bound but what connections may have in flight. Asks for Linux 5.12 and `CAP_NET_ADMIN`, and for `CAP_SYS_ADMIN` where `/sys` is of another network
    /// namespace; or somebody has switched it on for a persistent interface, which keeps it. Where it cannot be had the
    /// link opens without: [`Link::is_threaded`] tells. No matter to packet sockets.
    pub threaded: bool,
}

/// What became of a frame.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The kernel has it.
    Done,
    /// The kernel has no room for it now; it was not sent. When there is room again the descriptor
    /// becomes writable; where it is writable all the same, the interface's own queue is full
    /// (`ENOBUFS`), which no descriptor tells: try again a little later, or count it as lost.
    Full,
}

/// How many frames a link took from the kernel and gave to nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Longer than the place they were to go to.
    pub truncated: u64,
    /// With a header we cannot honour: segmentation other than TCP's, or none where one belongs.
    pub unusable: u64,
}
