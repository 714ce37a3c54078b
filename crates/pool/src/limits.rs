//! Every bound of the pool, as defaults of `Config`.

use core::time::Duration;

/// Longest wait for UNSUBACK. chosen: as long as the close handshake of a WebSocket.
pub(crate) const UNSUBSCRIBE_WAIT: Duration = Duration::from_secs(5);

/// What bounds the pool's memory and patience.
#[derive(Clone, Debug)]
pub struct Config {
    /// Wait between two address attempts (RFC 8305 section 5, LAY-213).
    pub attempt_delay: Duration,
    /// Longest wait for a transport connection, all addresses together (LAY-303).
    pub connect_timeout: Duration,
    /// Longest wait for the protocol's own opening: upgrade, CONNACK, response head.
    pub open_timeout: Duration,
    /// Longest silence in the middle of an HTTP transaction (SS-509).
    pub body_timeout: Duration,
    /// How long an idle kept-alive connection is kept (SS-520).
    pub idle_time: Duration,
    /// How many idle connections are kept.
    pub idle_count: usize,
    /// Addresses tried of one name.
    pub address_count: usize,
    /// Longest orderly end of a connection nobody owns any more (LAY-307).
    pub linger: Duration,
    /// Bytes read from a transport at once; what a sleeping reader can leave with us.
    pub read_max: usize,
    /// HTTP/1 limits.
    pub h1: mainstay_http::h1::Config,
    /// HTTP/2 limits.
    pub h2: mainstay_http::h2::Config,
    /// WebSocket limits.
    pub ws: mainstay_http::ws::Config,
    /// MQTT limits.
    pub mqtt: mainstay_mqtt::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // RFC 8305 section 8: the recommended Connection Attempt Delay.
            attempt_delay: Duration::from_millis(250),
            // LAY-303.
            connect_timeout: Duration::from_secs(75),
            // chosen: what lws gives a connection that waits for the server's response.
            open_timeout: Duration::from_secs(30),
            // SS-509.
            body_timeout: Duration::from_secs(30),
            // chosen: below the 60 s and 75 s after which common servers close.
            idle_time: Duration::from_secs(30),
            // chosen: a device speaks to a handful of servers.
            idle_count: 16,
            // chosen: three of each family are raced, the rest rarely helps.
            address_count: 8,
            // LAY-307.
            linger: Duration::from_secs(20),
            // design: at most 16 KiB between application and wire per connection.
            read_max: 16 * 1024,
            h1: mainstay_http::h1::Config::default(),
            h2: mainstay_http::h2::Config::default(),
            ws: mainstay_http::ws::Config::default(),
            mqtt: mainstay_mqtt::Config::default(),
        }
    }
}
