//! Every number that bounds memory or time in this crate.

use core::time::Duration;

/// Bytes of a head (start line and headers). chosen: what nginx and hyper accept by default.
pub(crate) const HEAD_MAX: usize = 16 * 1024;
/// Header fields in a head. chosen: hyper's limit.
pub(crate) const HEADERS_MAX: usize = 100;
/// Above this no `Config` can raise the number of header fields. chosen: 4 KiB of stack.
pub(crate) const HEADERS_CAP: usize = 128;
/// Bytes queued for the transport before `room().down` is 0. chosen: the design allows 16 KiB between application and wire.
pub(crate) const SEND_MAX: usize = 16 * 1024;
/// Interim (1xx) responses before one final. chosen: no server sends more than two.
pub(crate) const INTERIM_MAX: u8 = 8;
/// Bytes of chunk extensions in one body. chosen: hyper's limit.
pub(crate) const EXTENSIONS_MAX: u32 = 16 * 1024;
/// Hex digits of a chunk size. chosen: what `u64` holds.
pub(crate) const CHUNK_DIGITS_MAX: u8 = 16;
/// How long a request that expects it waits for 100 (Continue). chosen: curl's; RFC 9110 §10.1.1 asks for a bound.
pub(crate) const CONTINUE_WAIT: Duration = Duration::from_secs(1);
/// Bytes of input looked at in one unit, so that positions fit `u32`. chosen: far more than any receive buffer.
pub(crate) const UNIT_MAX: usize = 1 << 30;
/// How long the WebSocket closing handshake may take. chosen: covers two retransmissions of a slow link.
pub(crate) const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// What a drained output keeps, so that small messages never allocate. chosen: an idle connection is cheap.
pub(crate) const OUTPUT_KEEP: usize = 64;
/// What an output that outgrows `OUTPUT_KEEP` asks for at once. chosen: one page.
pub(crate) const OUTPUT_STEP: usize = 4096;
