//! Where something listens, and whether it can be reached.

use crate::faults::Faults;
use crate::peer::Peer;
use crate::pipe::Cuts;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_node::UnixAddress;

/// An address of a world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(UnixAddress),
    /// A label; it means nothing outside of its world (LAY-217).
    Mem(String),
}

/// What happens to who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Accepted after one round trip.
    Accept,
    /// Refused after one round trip.
    Refuse,
    /// No answer at all.
    BlackHole,
    /// No route, said after one round trip.
    Unreachable,
}

/// Makes the peer of a new connection.
type Make = Box<dyn FnMut(&mut Rng) -> Box<dyn Peer>>;

/// Decides the faults of a new connection.
type Weather = Box<dyn FnMut(&mut Rng) -> Faults>;

/// Something that listens.
pub struct Server {
    /// What happens to who connects.
    pub reach: Reach,
    /// Until when nobody listens (a restart).
    pub down_until: Option<Instant>,
    pub(crate) cuts: Cuts,
    make: Make,
    weather: Weather,
    /// Connects that were tried, however they ended, and when they were begun.
    pub attempts: Vec<Instant>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("reach", &self.reach)
            .field("down_until", &self.down_until)
            .field("attempts", &self.attempts.len())
            .finish_non_exhaustive()
    }
}

impl Server {
    /// One whose connections are served by what `make` makes, over good links.
    pub fn new(make: impl FnMut(&mut Rng) -> Box<dyn Peer> + 'static) -> Self {
        Self {
            reach: Reach::Accept,
            down_until: None,
            cuts: Cuts::new(),
            make: Box::new(make),
            weather: Box::new(|_| Faults::default()),
            attempts: Vec::new(),
        }
    }

    /// The same with links as `weather` decides.
    #[must_use]
    pub fn with_weather(mut self, weather: impl FnMut(&mut Rng) -> Faults + 'static) -> Self {
        self.weather = Box::new(weather);
        self
    }

    /// The same, reached like this.
    #[must_use]
    pub const fn with_reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Links are good from now on.
    pub fn heal(&mut self) {
        self.weather = Box::new(|_| Faults::default());
        self.cuts.clear();
        self.down_until = None;
        self.reach = Reach::Accept;
    }

    /// Other peers from now on.
    pub fn replace(&mut self, make: impl FnMut(&mut Rng) -> Box<dyn Peer> + 'static) {
        self.make = Box::new(make);
    }

    pub(crate) fn peer(&mut self, rng: &mut Rng) -> Box<dyn Peer> {
        (self.make)(rng)
    }

    pub(crate) fn faults(&mut self, rng: &mut Rng) -> Faults {
        (self.weather)(rng)
    }

    /// How long a connect that begins now takes to get here, past every cut.
    pub(crate) fn delay(&self, now: Instant, round_trip: Duration) -> Duration {
        let mut at = now + round_trip;
        for &(from, until) in &self.cuts {
            if at >= from && at < until {
                at = until + round_trip;
            }
        }
        at - now
    }
}
