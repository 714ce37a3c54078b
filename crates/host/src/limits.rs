//! All limits of the driver, and the hooks that replace the platform.

use core::fmt;
use core::time::Duration;
use mainstay_node::Resolved;

/// The shared receive buffer, in bytes. measured: 64 KiB, the trial in engineering.md section 1.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Most bytes of one write. chosen: as much as is read at once; also what a blocked peer costs.
const SEND_MAX: usize = 64 * 1024;

/// Most bytes read from one socket in one turn. chosen: four full reads, then the others' turn.
const TURN_MAX: usize = 256 * 1024;

/// Most kernel events fetched in one turn. chosen: 12 KiB of memory; more come at once, next turn.
const EVENT_MAX: usize = 1024;

/// Most names waiting for the resolver's thread. chosen: above any sane policy's count of hosts.
const RESOLVE_MAX: usize = 256;

/// How long a closed socket may take to write what it was given, before it is reset. LAY-307.
pub const LINGER: Duration = Duration::from_secs(20);

/// How often the machine is told the wall time. chosen: a certificate's validity is in seconds.
pub(crate) const WALL_INTERVAL: Duration = Duration::from_secs(1);

/// How often facts and requests may cause each other before the turn goes on to other work.
/// chosen: an opened connection causes a handful; endless ones must not starve the sockets.
pub(crate) const SETTLE_MAX: usize = 16;

/// Tells the time since 1970.
pub type WallHook = Box<dyn Fn() -> Duration + Send>;

/// Answers a name before the platform is asked; `None` leaves it to the platform.
pub type ResolveHook = Box<dyn FnMut(&str) -> Option<Resolved> + Send>;

/// How a driver works. The default is right for a device and for a gateway.
pub struct Config {
    /// Size of the one receive buffer, in bytes; at least 1.
    pub receive_buffer: usize,
    /// Most bytes of one write; at least 1.
    pub send_max: usize,
    /// Most bytes read from one socket in one turn; at least 1.
    pub turn_max: usize,
    /// Most kernel events fetched in one turn; at least 1.
    pub event_max: usize,
    /// Most names waiting for the resolver's thread; more are answered `Unanswered`.
    pub resolve_max: usize,
    /// How long a closed socket may still write what it was given.
    pub linger: Duration,
    /// Replaces the system's wall clock.
    pub wall: Option<WallHook>,
    /// Comes before the platform's resolver.
    pub resolver: Option<ResolveHook>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            receive_buffer: RECEIVE_BUFFER,
            send_max: SEND_MAX,
            turn_max: TURN_MAX,
            event_max: EVENT_MAX,
            resolve_max: RESOLVE_MAX,
            linger: LINGER,
            wall: None,
            resolver: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("receive_buffer", &self.receive_buffer)
            .field("send_max", &self.send_max)
            .field("turn_max", &self.turn_max)
            .field("event_max", &self.event_max)
            .field("resolve_max", &self.resolve_max)
            .field("linger", &self.linger)
            .field("wall", &self.wall.is_some())
            .field("resolver", &self.resolver.is_some())
            .finish()
    }
}
