//! What a port of a relay saw, written to a file as it happens.

use core::time::Duration;
use mainstay_base::Instant;
use mainstay_impair::pcap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::SystemTime;

/// A capture of Ethernet frames, in and out, in the time of the wall clock.
///
/// Checksums that the kernel left open are still open in it.
#[derive(Debug)]
pub struct Capture {
    file: BufWriter<File>,
    /// The wall clock's time when the relay started.
    start: Duration,
    bytes: Vec<u8>,
}

impl Capture {
    /// A new file, over one that is there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        let mut bytes = Vec::new();
        pcap::begin(&mut bytes, pcap::LinkType::Ethernet);
        file.write_all(&bytes)?;
        #[expect(clippy::disallowed_methods, reason = "a capture says when it was made")]
        let start = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Self { file, start, bytes })
    }

    pub(crate) fn frame(&mut self, now: Instant, frame: &[u8]) -> io::Result<()> {
        self.bytes.clear();
        pcap::frame(&mut self.bytes, now + self.start, frame);
        self.file.write_all(&self.bytes)
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
