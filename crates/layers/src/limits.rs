//! Every number that bounds memory, work or waiting.

use core::time::Duration;

/// Connecting the base. chosen: LAY-303.
pub const CONNECT_WAIT: Duration = Duration::from_secs(75);

/// One proxy's negotiation. chosen: LAY-304.
pub const NEGOTIATE_WAIT: Duration = Duration::from_secs(30);

/// One TLS handshake. chosen: LAY-305.
pub const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Layers on a base. chosen: LAY-311.
pub const LAYERS_MAX: usize = 16;

/// TLS layers in a stack: one to the proxy, one to the target. chosen: LAY-192.
pub const TLS_LAYERS_MAX: usize = 2;

/// Head of a proxy's answer, in bytes. chosen: LAY-223.
pub const ANSWER_HEAD_MAX: usize = 16 * 1024;

/// Header lines of a proxy's answer. chosen: LAY-223.
pub const ANSWER_LINES_MAX: usize = 100;

/// Interim (1xx) answers skipped before the final one. chosen: LAY-224.
pub const INTERIM_ANSWERS_MAX: u8 = 8;

/// What is kept of a refusing proxy's head. chosen: LAY-180.
pub const EXCERPT_MAX: usize = 1024;

/// User, password and name in SOCKS5. RFC 1929 §2, RFC 1928 §5.
pub const SOCKS_FIELD_MAX: usize = 255;

/// TLS configurations kept by a registry. chosen: far above the pairs of trust store and protocol
/// a policy names; beyond it the oldest name goes.
pub const CONFIGS_MAX: usize = 256;

/// Ring of the memory transport, each way. chosen: LAY-216.
pub const MEMORY_RING: usize = 64 * 1024;

/// Path of a Unix socket, in bytes. RFC-less: `sun_path` of Linux is 108 with its final zero (LAY-218).
pub const UNIX_PATH_MAX: usize = 107;
