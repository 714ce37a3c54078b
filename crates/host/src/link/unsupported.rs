//! The link where there is none: every system but Linux.

use super::{Batch, LinkCounters, LinkKind, LinkOptions, Offload, Sent};
use core::convert::Infallible;
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};

/// A way to send and receive whole frames, which this system has not: there is no such value.
#[derive(Debug)]
pub struct Link(Infallible);

impl Link {
    /// Says that there is no such thing here.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn open(_options: &LinkOptions) -> io::Result<Self> {
        Err(io::Error::new(ErrorKind::Unsupported, "TAP and TUN links need Linux"))
    }

    /// Says that there is no such thing here.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn packet(_interface: &str, _offload: bool) -> io::Result<Self> {
        Err(io::Error::new(ErrorKind::Unsupported, "packet sockets need Linux"))
    }

    /// The interface's longest packet, in bytes.
    ///
    /// # Errors
    /// None here.
    pub fn mtu(&self) -> io::Result<u16> {
        match self.0 {}
    }

    /// The interface's own Ethernet address.
    ///
    /// # Errors
    /// None here.
    pub fn hardware(&self) -> io::Result<[u8; 6]> {
        match self.0 {}
    }

    /// The interface's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.0 {}
    }

    /// The interface's number.
    #[must_use]
    pub fn index(&self) -> u32 {
        match self.0 {}
    }

    /// What its frames are.
    #[must_use]
    pub fn kind(&self) -> LinkKind {
        match self.0 {}
    }

    /// Whether a thread of the kernel's takes what we send.
    #[must_use]
    pub fn is_threaded(&self) -> bool {
        match self.0 {}
    }

    /// How many frames it did not pass on.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        match self.0 {}
    }

    /// Brings the interface up.
    ///
    /// # Errors
    /// None here.
    pub fn set_up(&self) -> io::Result<()> {
        match self.0 {}
    }

    /// One frame.
    ///
    /// # Errors
    /// None here.
    pub fn receive(&mut self, _frame: &mut [u8]) -> io::Result<Option<(usize, Offload)>> {
        match self.0 {}
    }

    /// Frames into a batch.
    ///
    /// # Errors
    /// None here.
    pub fn receive_many(&mut self, _batch: &mut Batch) -> io::Result<usize> {
        match self.0 {}
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// None here.
    pub fn send(&mut self, _offload: Offload, _parts: &[IoSlice<'_>]) -> io::Result<Sent> {
        match self.0 {}
    }

    /// Sends the frames of a batch.
    ///
    /// # Errors
    /// None here.
    pub fn send_many(&mut self, _batch: &mut Batch) -> io::Result<usize> {
        match self.0 {}
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self.0 {}
    }
}
