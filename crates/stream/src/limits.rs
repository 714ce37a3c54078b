//! Every number that bounds a stream.

use core::time::Duration;

/// Payload bytes offered per tx where the policy says nothing.
/// chosen: the 16 KiB that may lie between application and wire; SS-248 asks for at least 1024.
pub const TX_MAX: usize = 16 * 1024;

/// Smallest capacity ever offered. SS-248.
pub const TX_MIN: usize = 1024;

/// Redirects followed within one activation.
/// chosen: RFC 9110 §15.4 asks for a limit and names none; browsers take 20, curl 50, and no
/// device endpoint needs more than 10.
pub const REDIRECTS_MAX: u8 = 10;

/// A body of a redirect or a 503 is read to its end, so that the connection can serve again,
/// when it is announced and not longer than this.
/// chosen: less than one window; a longer one costs more than a new connection.
pub const DRAIN_MAX: u64 = 16 * 1024;

/// Silence tolerated while a response is incomplete. SS-509.
pub const BODY_SILENCE: Duration = Duration::from_secs(30);

/// How long a connection must live before it counts as good where no `svalidhup` says so.
/// chosen: longer than servers take to throw out a client they dislike.
pub const SETTLED: Duration = Duration::from_secs(30);

/// Longest wait a server may impose by Retry-After.
/// chosen: a day; a broken server must not silence a device for ever.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Shortest wait of a timer.
/// chosen: a zero in a policy must not make the loop spin (law L3).
pub const WAIT_MIN: Duration = Duration::from_millis(1);

/// Longest expanded endpoint, in bytes. SS-433.
pub const ENDPOINT_MAX: usize = 2048;

/// Longest client id, in bytes. SS-560.
pub const CLIENT_ID_MAX: usize = 128;

/// Direct headers an application may set on one stream. SS-226.
/// chosen: more than any protocol asks for, and a bound.
pub const DIRECT_MAX: usize = 64;
