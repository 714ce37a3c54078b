//! What a driver has done, as numbers.

/// Counts since the start; they wrap never in practice (64 bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Turns, which is calls of the kernel's wait.
    pub turns: u64,
    /// Calls of the kernel's read.
    pub reads: u64,
    /// Calls of the kernel's write.
    pub writes: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Times the machine was told that it was woken.
    pub wakes: u64,
    /// Connections that opened.
    pub opened: u64,
    /// Connections that could not be opened.
    pub failed: u64,
    /// Connections that died.
    pub lost: u64,
    /// Connections we reset: aborted, or too slow to take what was sent before a close.
    pub resets: u64,
    /// Socket options the kernel did not accept.
    pub options_refused: u64,
}
