//! What may go wrong on one connection, decided when it is made.

use core::time::Duration;

/// How a connection behaves. The default is a good one: 10 ms, nothing lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// One way, for every byte.
    pub latency: Duration,
    /// Most of what is added to it, drawn per write; order is kept.
    pub jitter: Duration,
    /// Most bytes of one read; 0 for no such limit.
    pub chunk_max: usize,
    /// Bytes under way and unread in one direction.
    pub window: usize,
    /// Most bytes one write takes.
    pub write_max: usize,
    /// Behind so many bytes to the device nothing arrives for so long.
    pub stall: Option<(u64, Duration)>,
    /// Reset once so many bytes reached the peer.
    pub reset_up: Option<u64>,
    /// Reset once so many bytes reached the device.
    pub reset_down: Option<u64>,
    /// Orderly end once so many bytes reached the device.
    pub eof_down: Option<u64>,
    /// The peer is gone without a word once so many bytes reached the device (half-open).
    pub vanish: Option<u64>,
    /// Bytes that come from nowhere, behind so many to the device.
    pub garbage: Option<(u64, Vec<u8>)>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            chunk_max: 0,
            // LAY-216.
            window: 64 * 1024,
            write_max: usize::MAX,
            stall: None,
            reset_up: None,
            reset_down: None,
            eof_down: None,
            vanish: None,
            garbage: None,
        }
    }
}
