//! What is counted per stream, and the stream's name in logs (SS-028, SS-970).

use core::fmt;
use core::time::Duration;

/// Counters of one stream's whole life; they saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Payload bytes sent.
    pub tx_bytes: u64,
    /// Payload bytes received for the application.
    pub rx_bytes: u64,
    /// Messages begun by `send`.
    pub tx_messages: u64,
    /// Messages received to their end.
    pub rx_messages: u64,
    /// Channels asked for.
    pub attempts: u32,
    /// CONNECTED delivered.
    pub connections: u32,
    /// Outcomes `Acknowledged`.
    pub acknowledged: u32,
    /// Outcomes `Sent`.
    pub sent: u32,
    /// Outcomes `Refused`.
    pub refused: u32,
    /// Outcomes `Unknown`.
    pub unknown: u32,
    /// Deliveries the table of SS-106 forbade; a fault of ours.
    pub illegal: u32,
    /// Inputs that came when they could mean nothing.
    pub ignored: u32,
    /// Whole milliseconds spent connected, in ended connections.
    pub connected_ms: u64,
}

impl Counters {
    pub(crate) fn bump(counter: &mut u32, by: u64) {
        *counter = counter.saturating_add(u32::try_from(by).unwrap_or(u32::MAX));
    }

    pub(crate) fn connected_for(&mut self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.connected_ms = self.connected_ms.saturating_add(ms);
    }
}

/// A stream's name in logs: role, index, streamtype, and the path of HTTP-family streams without
/// its query, which may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    pub(crate) index: u32,
    pub(crate) streamtype: &'a str,
    pub(crate) path: Option<String>,
}

impl fmt::Display for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sscli|{}|{}", self.index, self.streamtype)?;
        match &self.path {
            Some(path) => write!(f, "|{path}"),
            None => Ok(()),
        }
    }
}
