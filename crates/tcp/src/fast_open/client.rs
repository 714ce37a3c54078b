//! What a client knows of the servers it met (TCP-362, TCP-363).

use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_wire::tcp::Cookie;

/// How long Fast Open is not tried after the first failure (TCP-363). chosen: the specification's
const PENALTY: Duration = Duration::from_mins(15);
/// How long at most. chosen: the specification's
const PENALTY_MAX: Duration = Duration::from_hours(24);
/// Failures after which it is the longest. chosen: 15 minutes times 2^7 are more than a day
const FAILURES_MAX: u8 = 7;

/// What is known of one server; the default value is of none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server {
    address: Option<IpAddr>,
    /// Empty if it gave none.
    cookie: Cookie,
    mss: u16,
    failures: u8,
    learned: Instant,
    disabled_until: Instant,
}

/// How to begin with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plan {
    /// Without the option: it failed not long ago.
    Plain,
    /// With a request for a cookie and without data.
    Ask,
    /// With this cookie and data (TCP-360).
    Data {
        /// What the server gave.
        cookie: Cookie,
        /// The segment size it announced with the cookie.
        mss: u16,
        /// How long ago that was.
        age: Duration,
    },
}

/// The servers of the last connections, in storage of the caller; of those that do not fit, the one longest not asked about
/// is forgotten. All operations are O(servers).
#[derive(Clone, Debug)]
pub struct ClientCache<S> {
    /// The last used first.
    servers: S,
}

impl<S: AsMut<[Server]>> ClientCache<S> {
    /// An empty cache in `storage`.
    pub fn new(mut storage: S) -> Self {
        storage.as_mut().fill(Server::default());
        Self { servers: storage }
    }

    /// How to begin with the server of this address.
    pub fn plan(&mut self, now: Instant, address: IpAddr) -> Plan {
        let Some(server) = self.known(address) else { return Plan::Ask };
        if now < server.disabled_until {
            return Plan::Plain;
        }
        if server.cookie.is_request() {
            return Plan::Ask;
        }
        Plan::Data { cookie: server.cookie, mss: server.mss, age: now - server.learned }
    }

    /// The server gave a cookie, and announced this segment size; an empty cookie says nothing (TCP-362).
    pub fn learn(&mut self, now: Instant, address: IpAddr, cookie: Cookie, mss: u16) {
        if cookie.is_request() {
            return;
        }
        if let Some(server) = self.meet(address) {
            (server.cookie, server.mss, server.learned) = (cookie, mss, now);
        }
    }

    /// A SYN with data or a cookie was lost or reset where a plain one is answered (TCP-363): not tried for 15 minutes, and
    /// each time for twice as long, up to a day.
    pub fn fail(&mut self, now: Instant, address: IpAddr) {
        if let Some(server) = self.meet(address) {
            server.disabled_until =
                now + PENALTY.saturating_mul(1 << server.failures).min(PENALTY_MAX);
            server.failures = (server.failures + 1).min(FAILURES_MAX);
        }
    }

    /// Data in a SYN was acknowledged: the next failure is the first again.
    pub fn succeed(&mut self, address: IpAddr) {
        if let Some(server) = self.known(address) {
            server.failures = 0;
        }
    }

    /// The server, if it is known, as the last used.
    fn known(&mut self, address: IpAddr) -> Option<&mut Server> {
        let servers = self.servers.as_mut();
        let place = servers.iter().position(|server| server.address == Some(address))?;
        servers.get_mut(..=place)?.rotate_right(1);
        servers.first_mut()
    }

    /// The server as the last used, in the place of the longest unused if it was not known.
    fn meet(&mut self, address: IpAddr) -> Option<&mut Server> {
        if self.known(address).is_none() {
            let servers = self.servers.as_mut();
            servers.rotate_right(servers.len().min(1));
            *servers.first_mut()? = Server { address: Some(address), ..Server::default() };
        }
        self.servers.as_mut().first_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn cookie(len: usize) -> Cookie {
        Cookie::new(&[7; 16][..len]).unwrap()
    }

    const NOW: Instant = Instant::from_millis(1000);

    // Covers TCP-362
    #[test]
    fn a_cookie_is_used_again_with_its_segment_size_and_the_longest_unused_is_forgotten() {
        let mut cache = ClientCache::new([Server::default(); 3]);
        assert_eq!(cache.plan(NOW, server(1)), Plan::Ask);
        for last in 1..=3 {
            cache.learn(NOW, server(last), cookie(4), 1000 + u16::from(last));
        }
        let later = NOW + Duration::from_secs(5);
        let plan = Plan::Data { cookie: cookie(4), mss: 1001, age: Duration::from_secs(5) };
        assert_eq!(cache.plan(later, server(1)), plan);
        cache.learn(later, server(4), cookie(16), 1);
        assert_eq!(cache.plan(later, server(2)), Plan::Ask);
        assert_eq!(cache.plan(later, server(1)), plan);
        cache.learn(later, server(1), cookie(8), 9);
        assert_eq!(
            cache.plan(later, server(1)),
            Plan::Data { cookie: cookie(8), mss: 9, age: Duration::ZERO }
        );
        assert!(matches!(cache.plan(later, server(3)), Plan::Data { mss: 1003, .. }));
    }

    // Covers TCP-362
    #[test]
    fn an_empty_cookie_takes_no_place_and_no_place_holds_nothing() {
        let mut cache = ClientCache::new([Server::default(); 1]);
        cache.learn(NOW, server(1), cookie(8), 1000);
        cache.learn(NOW, server(2), Cookie::REQUEST, 1000);
        assert!(matches!(cache.plan(NOW, server(1)), Plan::Data { .. }));
        let mut none = ClientCache::new([]);
        none.learn(NOW, server(1), cookie(8), 1000);
        none.fail(NOW, server(1));
        assert_eq!(none.plan(NOW, server(1)), Plan::Ask);
    }

    // Covers TCP-363
    #[test]
    fn after_a_failure_it_is_left_alone_for_fifteen_minutes_doubling_to_a_day() {
        let mut cache = ClientCache::new([Server::default(); 2]);
        cache.learn(NOW, server(1), cookie(8), 1000);
        let mut now = NOW;
        for minutes in [15, 30, 60, 120, 240, 480, 960, 1440, 1440] {
            cache.fail(now, server(1));
            let until = now + Duration::from_mins(minutes);
            assert_eq!(
                cache.plan(Instant::from_micros(until.as_micros() - 1), server(1)),
                Plan::Plain
            );
            assert!(matches!(cache.plan(until, server(1)), Plan::Data { .. }));
            now = until;
        }
        cache.succeed(server(1));
        cache.fail(now, server(1));
        assert!(matches!(cache.plan(now + Duration::from_mins(15), server(1)), Plan::Data { .. }));
        cache.fail(now, server(9));
        assert_eq!(cache.plan(now, server(9)), Plan::Plain);
        assert_eq!(cache.plan(now + Duration::from_mins(15), server(9)), Plan::Ask);
    }
}
