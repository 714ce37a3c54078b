//! Small things learned of the path and the peer.

/// What was learned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    /// The payload that was agreed on, to go back to if the path is found to take less.
    pub(crate) mss_full: u16,
    /// When that was found, in coarse seconds modulo 2^16.
    pub(crate) shrunk_at: u16,
    /// The user timeout the peer asked for, in seconds; 0 for none (TCP-374).
    pub(crate) peer_timeout: u16,
}
