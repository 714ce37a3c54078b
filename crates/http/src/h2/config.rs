//! Every limit of an HTTP/2 connection, and what a caller can do wrong.

/// Limits of one connection. The defaults suit a device; a test makes each of them small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the peer may send on one stream before payload of it is taken, in bytes; at most
    /// `2^31 - 1` (RFC 9113 §6.9.1).
    pub stream_window: u32,
    /// The most the peer may send on all streams together, in bytes. The connection's window is
    /// `streams_max * stream_window`, never above this and never below 65 535 (RFC 9113 §6.9.2).
    /// While it is not cut off by this, paused streams cannot starve the others.
    pub connection_window_max: u32,
    /// Streams open and waiting to be opened, together; at most 4096.
    pub streams_max: u16,
    /// Payload bytes of one stream taken from the caller and not yet written.
    pub send_max: usize,
    /// Size of one head, as RFC 9113 §6.5.2 counts it (32 bytes per field above its text). What
    /// is announced to the peer is four times this: a head up to there ends its own stream as
    /// `TooLarge`, one far above it the connection.
    pub header_list_max: u32,
    /// Received bytes held until they are parsed; at least 1.
    pub input_max: usize,
    /// How small DATA frames may be, on average, when a whole connection window of them lies
    /// unread. Each costs about 280 bytes of memory besides its payload (measured: h2 0.4.20), so
    /// a sleeping reader's window of smaller ones closes the connection (`Peer::TooLarge`).
    pub data_frame_min: u32,
    /// The most frames of that size that may lie unread on all streams together.
    pub small_frames_max: u32,
}

impl Config {
    /// The connection's receive window, in bytes.
    #[must_use]
    pub fn connection_window(&self) -> u32 {
        let wanted = self.stream_window.saturating_mul(u32::from(self.streams_max));
        wanted.min(self.connection_window_max).clamp(WINDOW_MIN, WINDOW_MAX)
    }

    /// The budget for small frames that lets a connection window of frames of `data_frame_min`
    /// bytes lie unread: the library charges `256 - len` for an unread frame.
    pub(super) fn data_frame_budget(&self) -> usize {
        let len = self.data_frame_min.clamp(1, FRAME_FREE);
        let frames = self.connection_window().div_ceil(len).min(self.small_frames_max);
        let budget = u64::from(frames) * u64::from(FRAME_FREE - len).max(1);
        usize::try_from(budget).unwrap_or(usize::MAX)
    }

    pub(super) fn stream_window(&self) -> u32 {
        self.stream_window.min(WINDOW_MAX)
    }

    pub(super) fn slots(&self) -> u16 {
        self.streams_max.clamp(1, SLOTS_MAX)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stream_window: 64 * 1024,
            connection_window_max: 8 * 1024 * 1024,
            streams_max: 128,
            send_max: 16 * 1024,
            header_list_max: 16 * 1024,
            input_max: 64 * 1024,
            data_frame_min: 8,
            small_frames_max: 32 * 1024,
        }
    }
}

/// What the caller did wrong. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// The id is in use.
    InUse,
    /// No stream has this id.
    Unknown,
    /// The connection takes no new streams: it is over, ending, or the peer sent GOAWAY.
    Closed,
    /// `Config::streams_max` streams exist.
    Full,
    /// Method, authority or path cannot be sent.
    Target,
    /// A header HTTP/2 forbids, or the codec adds itself (RFC 9113 §8.2.2).
    Header,
    /// The body ends before or goes on beyond the announced length (SS-506).
    Length,
    /// The head was sent already, or must be sent first.
    Order,
}

/// RFC 9113 §6.9.2: what every connection begins with.
const WINDOW_MIN: u32 = 65_535;

/// RFC 9113 §6.9.1.
const WINDOW_MAX: u32 = (1 << 31) - 1;

/// chosen: what one summary word of 64 flags of 64 streams can name.
const SLOTS_MAX: u16 = 4096;

/// measured: h2 0.4.20 `proto/streams/counts.rs`: unread frames of this length cost nothing.
const FRAME_FREE: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_window_holds_every_paused_stream() {
        let config = Config { streams_max: 10, ..Config::default() };
        assert_eq!(config.connection_window(), 655_360);
        let narrow = Config { connection_window_max: 1, ..config };
        assert_eq!(narrow.connection_window(), 65_535);
    }

    #[test]
    fn the_budget_covers_a_whole_window_of_small_frames() {
        let config = Config { streams_max: 1, ..Config::default() };
        assert_eq!(config.data_frame_budget(), 8192 * 248);
        let wide = Config { streams_max: 100, ..config };
        assert_eq!(wide.data_frame_budget(), 32_768 * 248);
    }
}
