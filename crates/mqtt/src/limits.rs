//! Every number that bounds memory or time, with its source.

use core::time::Duration;

/// The longest remaining length a packet can state. MQTT 3.1.1 §2.2.3.
pub(crate) const REMAINING_MAX: u32 = 268_435_455;
/// The longest string or binary field. MQTT 3.1.1 §1.5.3.
pub(crate) const FIELD_MAX: usize = 65_535;
/// The longest client id we send. SS-560.
pub(crate) const CLIENT_ID_MAX: usize = 128;
/// How long an acknowledgement may take before the packet is sent again. SS-566.
pub(crate) const REPEAT_WAIT: Duration = Duration::from_secs(3);
/// How often a packet is sent again. SS-566.
pub(crate) const REPEATS_MAX: u8 = 3;
/// The least time PINGRESP gets. chosen: a mobile network's worst round trip, where keep-alive / 2 is shorter.
pub(crate) const PING_WAIT_MIN: Duration = Duration::from_secs(5);
/// How long DISCONNECT may wait for the transport. chosen: nobody waits for its answer, so soon.
pub(crate) const CLOSING_WAIT: Duration = Duration::from_secs(5);
/// How long after the last packet working memory is given back. chosen: `REPEAT_WAIT`, so that it rarely adds a wake-up.
pub(crate) const REST_WAIT: Duration = Duration::from_secs(3);
/// Spare capacity of the output queue kept between packets. chosen: one turn's worth, `send_max`'s default.
pub(crate) const OUTPUT_SPARE_MAX: usize = 16 * 1024;
/// Spare capacity of all kept copies between packets. chosen: `inflight_bytes`' default, so that a full window allocates nothing.
pub(crate) const COPIES_SPARE_MAX: usize = 64 * 1024;
/// Packet ids from here up are for SUBSCRIBE and UNSUBSCRIBE, below for PUBLISH. chosen: 255 of them, so that the two never meet.
pub(crate) const REQUEST_ID_MIN: u16 = 0xFF01;

/// The limits of one session. Each may be as small as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Longest received packet that is not a PUBLISH, in bytes after its header. chosen: 64 KiB.
    pub packet_max: u32,
    /// No payload is taken while this much output waits, in bytes. chosen: 16 KiB (design, "Where payload flows").
    pub send_max: u32,
    /// No QoS 1 or 2 publish begins while kept copies hold this much, in bytes, and a packet longer
    /// than this is sent but not kept, so not repeated. Copies thus never hold twice this. chosen: 64 KiB.
    pub inflight_bytes: u32,
    /// How many QoS 1 and 2 publishes may wait for acknowledgement; at most 16 384 count. chosen: 64.
    pub inflight_count: u16,
    /// How many SUBSCRIBE and UNSUBSCRIBE may wait; at most 255 count. chosen: 16.
    pub requests_max: u16,
    /// How many received QoS 2 messages may wait for PUBREL; one more ends the connection. chosen: 1024.
    pub received_max: u16,
    /// Longest topic or filter we send, in bytes: 65 535, or 256 with AWS IoT. SS-573.
    pub topic_max: u16,
    /// Filters a server session remembers; more are refused. chosen: 256.
    pub filters_max: u16,
    /// How long CONNACK (client) or CONNECT (server) may take. chosen: 30 s, above any round trip.
    pub opening_wait: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            packet_max: 64 * 1024,
            send_max: 16 * 1024,
            inflight_bytes: 64 * 1024,
            inflight_count: 64,
            requests_max: 16,
            received_max: 1024,
            topic_max: u16::MAX,
            filters_max: 256,
            opening_wait: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// `inflight_count` within what packet ids allow.
    pub(crate) fn window(&self) -> u16 {
        self.inflight_count.clamp(1, 16_384)
    }

    pub(crate) fn send_room(&self) -> usize {
        size(self.send_max).max(1)
    }
}

/// A length of the wire as a length in memory.
pub(crate) fn size(len: u32) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
