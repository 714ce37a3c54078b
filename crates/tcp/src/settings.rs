//! What can be set per endpoint (TCP section 0.4). Endpoints may share one value: a profile says how it is held.

/// Numbers and switches of one endpoint. Times are milliseconds unless a name says otherwise.
///
/// No deadline lies further ahead than half a round of its clock: more than four hours in the host's profile, where what is
/// longer is shortened to that, and 24 days in the others, where nothing longer may be set.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Settings<C> {
    /// The RTO before the first measurement. RFC 6298 §2.1
    pub rto_initial: u32,
    /// The smallest RTO. RFC 8961 §4; a smaller one than a second is this profile's choice.
    pub rto_min: u32,
    /// The largest RTO, at least a minute. RFC 6298 §2.5
    pub rto_max: u32,
    /// How long a SYN is repeated (R2). RFC 9293 §3.8.3: at least 3 minutes
    pub syn_limit: u32,
    /// How long data is repeated (R2). RFC 9293 §3.8.3: at least 100 seconds
    pub data_limit: u32,
    /// How long an accepted connection may take to be established (TCP-119).
    pub handshake_limit: u32,
    /// When it has taken that long, the endpoint is free again without an event (TCP-119).
    pub recycle_half_open: bool,
    /// How long an acknowledgement may wait, below 500. RFC 9293 §3.8.6.3
    pub delayed_ack: u16,
    /// So many segments are acknowledged at once at the start (TCP-410).
    pub quick_acks: u8,
    /// The largest interval of window probes. RFC 9293 §3.8.6.1
    pub persist_max: u32,
    /// Probes when nothing was heard for long; off by default. RFC 9293 §3.8.4
    pub keepalive: Option<Keepalive>,
    /// How long to wait for the peer's end after a close in both directions (TCP-181).
    pub fin_wait_2: u32,
    /// Twice the longest life of a segment (TCP-182).
    pub time_wait: u32,
    /// Replaces the limits of repeating where it is set (TCP-424).
    pub user_timeout: Option<u32>,
    /// The peer is told of it, and may make it longer: 100 seconds to an hour (RFC 5482, TCP-374).
    pub user_timeout_option: bool,
    /// Nothing can be sent before the connection is established but with Fast Open (TCP-041).
    pub strict_seed_send: bool,
    /// Small segments wait while one is unacknowledged (TCP-152).
    pub nagle: bool,
    /// Explicit congestion notification (TCP-300).
    pub ecn: bool,
    /// With it, marks are counted (RFC 9768, TCP-305), if the peer does so too and the profile has [`Finest`](crate::Finest).
    pub accurate_ecn: bool,
    /// RFC 7323 timestamps.
    pub timestamps: bool,
    /// RFC 2018 selective acknowledgement.
    pub sack: bool,
    /// RFC 7323 window scaling is offered; where the peer offers it or the receive storage is larger than 65 535
    /// bytes it is used in any case.
    pub window_scale: bool,
    /// Segments leave spread over the round trip (TCP-310), in profiles that are made for bulk
    /// ([`Profile::BULK`](crate::Profile::BULK)).
    pub pacing: bool,
    /// The IP hop limit.
    pub hop_limit: u8,
    /// The differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// The most payload of one super-segment, 0 for none (TCP-600); in the same profiles.
    pub gso_max: u16,
    /// The largest payload offered and sent per segment, for links that must spare frames (TCP-551); 0 for none.
    pub mss_limit: u16,
    /// The congestion controller's.
    pub congestion: C,
}

/// When to probe a silent peer (TCP-170).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe, in seconds.
    pub idle: u32,
    /// Between probes, in seconds.
    pub interval: u32,
    /// Unanswered probes that end the connection.
    pub count: u8,
}

impl Keepalive {
    /// RFC 9293 §3.8.4 (two hours); the others as everywhere.
    pub const DEFAULT: Self = Self { idle: 7200, interval: 75, count: 9 };
}

impl<C> Settings<C> {
    /// For embedded and host profiles: the values below, which each field can be given another of.
    pub const fn host(congestion: C) -> Self {
        Self {
            rto_initial: 1000,
            rto_min: 200,
            rto_max: 60_000,
            syn_limit: 180_000,
            data_limit: 120_000,
            handshake_limit: 75_000,
            recycle_half_open: false,
            delayed_ack: 40,
            quick_acks: crate::limits::QUICK_ACKS,
            persist_max: 60_000,
            keepalive: None,
            fin_wait_2: 60_000,
            time_wait: 60_000,
            user_timeout: None,
            user_timeout_option: false,
            strict_seed_send: false,
            nagle: true,
            ecn: true,
            accurate_ecn: false,
            timestamps: true,
            sack: true,
            window_scale: true,
            pacing: false,
            hop_limit: mainstay_wire::ip::HOP_LIMIT,
            dscp: 0,
            gso_max: 0,
            mss_limit: 0,
            congestion,
        }
    }

    /// For nodes of a low-power network.
    pub const fn tiny(congestion: C) -> Self {
        let mut settings = Self::host(congestion);
        settings.rto_min = 1000;
        settings.delayed_ack = 100;
        settings.quick_acks = 0;
        settings.mss_limit = crate::limits::MSS_DEFAULT_V6; // no path is searched for a larger one (TCP-562)
        settings.window_scale = false; // windows of 65 535 bytes need none (TCP-550)
        settings
    }
}

impl<C> AsRef<Self> for Settings<C> {
    fn as_ref(&self) -> &Self {
        self
    }
}
