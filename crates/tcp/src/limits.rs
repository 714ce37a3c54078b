//! The numbers a connection works with, and where each comes from.

/// The initial window of the host and std profiles, in bytes at most. RFC 6928 §2
pub(crate) const INITIAL_WINDOW_BYTES: u32 = 14_600;
/// The initial window in segments at most. RFC 6928 §2
pub(crate) const INITIAL_WINDOW_SEGMENTS: u32 = 10;
/// Duplicates that mean loss. RFC 5681 §2
pub(crate) const DUP_THRESH: u32 = 3;
/// The smallest segment size believed (TCP-353). chosen: as smoltcp; a smaller one costs more header than payload
pub(crate) const MSS_MIN: u16 = 48;
/// What a peer without the option takes over IPv4. RFC 9293 §3.7.1
pub(crate) const MSS_DEFAULT_V4: u16 = 536;
/// What a peer without the option takes over IPv6. RFC 9293 §3.7.1
pub(crate) const MSS_DEFAULT_V6: u16 = 1220;
/// IP and TCP headers without options. RFC 9293 §3.7.1
pub(crate) const HEADERS_V4: u16 = 40;
/// IP and TCP headers without options. RFC 9293 §3.7.1
pub(crate) const HEADERS_V6: u16 = 60;
/// The largest window shift. RFC 7323 §2.3
pub(crate) const SHIFT_MAX: u8 = 14;
/// How long a small segment is held at most, in microseconds (TCP-040, TCP-151). RFC 9293 §3.8.6.2.1
pub(crate) const HOLD_MICROS: u32 = 200_000;
/// After how long a timestamp to compare with has lost its meaning: 24 days, in spans of 2^30 microseconds. RFC 7323 §5.5
pub(crate) const PAWS_SPANS: u16 = 1932;
/// An echo older than this is not an RTT, in milliseconds (TCP-359). chosen: twice the largest RTO
pub(crate) const RTT_MAX_MILLIS: u32 = 120_000;
/// What the RTO starts from once a SYN had to be repeated, in microseconds. RFC 6298 §5.7
pub(crate) const RTO_AFTER_SYN_LOSS: u32 = 3_000_000;
/// The peer's longest wait before it acknowledges, in microseconds (TCP-285). RFC 8985 §7.2
pub(crate) const TLP_ACK_DELAY: u32 = 200_000;
/// How long the smallest round trip is remembered, in seconds (TCP-287). RFC 8985 §6.1 leaves it open; chosen: as Linux
pub(crate) const MIN_RTT_SECONDS: u16 = 300;
/// Segments acknowledged without delay at the start of a connection (TCP-410). chosen: as Linux
pub(crate) const QUICK_ACKS: u8 = 16;
/// Acknowledgements one input may owe at once. chosen: more are merged
pub(crate) const DUPLICATES_MAX: u8 = 8;
/// No acknowledgement waits longer, in microseconds. RFC 9293 §3.8.6.3: less than half a second
pub(crate) const ACK_DELAY_MAX: u32 = 499_000;
/// Recoveries without D-SACK after which the reordering window shrinks again. RFC 8985 §6.2
pub(crate) const REO_PERSIST: u8 = 16;
/// The most that leaves at once when no acknowledgement opened the window for it, in segments (TCP-278).
/// RFC 5681 §4.1
pub(crate) const BURST_SEGMENTS: u32 = 3;
