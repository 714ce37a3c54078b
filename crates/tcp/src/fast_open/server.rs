//! How a server knows a client that it gave a cookie (TCP-364).

use crate::prf::{Domain, Prf, Secret, Tuple};
use crate::rotation::{Rotation, same};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_wire::tcp::Cookie;

/// What a cookie proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// It is the one that is given out.
    Newest,
    /// It is of the secret before; the newest is to be given.
    Older,
    /// It is not of ours, or too old.
    Wrong,
}

/// Cookies of 8 bytes that are a keyed function of both addresses, not of the ports.
#[derive(Clone, Debug)]
pub struct ServerCookies {
    secrets: Rotation,
}

impl ServerCookies {
    /// Cookies that are given out for `interval` and accepted for another one.
    #[must_use]
    pub fn new(now: Instant, interval: Duration, rng: &mut Rng) -> Self {
        Self { secrets: Rotation::new(now, interval, rng) }
    }

    /// Draws a new secret if it is time: to be called before a cookie is checked or given.
    pub fn refresh(&mut self, now: Instant, rng: &mut Rng) {
        self.secrets.refresh(now, rng);
    }

    /// The cookie to give to `tuple.peer`.
    #[must_use]
    pub fn newest<P: Prf>(&self, tuple: &Tuple) -> Cookie {
        Cookie::new(&cookie::<P>(self.secrets.newest(), tuple)).unwrap_or(Cookie::REQUEST)
    }

    /// What the cookie from `tuple.peer` proves; takes the same time whatever it is (TCP-546).
    #[must_use]
    pub fn check<P: Prf>(&self, tuple: &Tuple, shown: &Cookie) -> Check {
        let newest = same(&cookie::<P>(self.secrets.newest(), tuple), shown.as_bytes());
        let older = same(&cookie::<P>(self.secrets.older(), tuple), shown.as_bytes());
        match (newest, older) {
            (true, _) => Check::Newest,
            (false, true) => Check::Older,
            (false, false) => Check::Wrong,
        }
    }
}

fn cookie<P: Prf>(secret: &Secret, tuple: &Tuple) -> [u8; 8] {
    let mut bare = *tuple;
    bare.peer.port = 0;
    bare.hash_addresses::<P>(secret, Domain::Cookie).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prf::SipHash;

    fn tuple(client: &str) -> Tuple {
        Tuple::new("[2001:db8::1]:80".parse().unwrap(), client.parse().unwrap())
    }

    // Covers TCP-364
    #[test]
    fn a_cookie_is_of_the_addresses_and_lives_for_two_turns() {
        let mut rng = Rng::from_run(3);
        let hour = Duration::from_secs(3600);
        let mut cookies = ServerCookies::new(Instant::ZERO, hour, &mut rng);
        let client = tuple("[2001:db8::2]:1000");
        let given = cookies.newest::<SipHash>(&client);
        assert_eq!(given.as_bytes().len(), 8);
        let check =
            |cookies: &ServerCookies, from: &str| cookies.check::<SipHash>(&tuple(from), &given);
        assert_eq!(check(&cookies, "[2001:db8::2]:1001"), Check::Newest);
        assert_eq!(check(&cookies, "[2001:db8::3]:1000"), Check::Wrong);
        let elsewhere = Tuple::new("[2001:db8::9]:80".parse().unwrap(), client.peer());
        assert_eq!(cookies.check::<SipHash>(&elsewhere, &given), Check::Wrong);
        cookies.refresh(Instant::ZERO + hour, &mut rng);
        assert_eq!(check(&cookies, "[2001:db8::2]:1001"), Check::Older);
        let next = cookies.newest::<SipHash>(&client);
        assert_eq!(cookies.check::<SipHash>(&client, &next), Check::Newest);
        cookies.refresh(Instant::ZERO + hour + hour, &mut rng);
        assert_eq!(check(&cookies, "[2001:db8::2]:1001"), Check::Wrong);
    }

    // Covers TCP-364
    #[test]
    fn a_part_of_a_cookie_proves_nothing() {
        let cookies =
            ServerCookies::new(Instant::ZERO, Duration::from_secs(60), &mut Rng::from_run(3));
        let client = tuple("[2001:db8::2]:1000");
        let given = cookies.newest::<SipHash>(&client);
        for len in [0, 4, 6] {
            let part = Cookie::new(&given.as_bytes()[..len]).unwrap();
            assert_eq!(cookies.check::<SipHash>(&client, &part), Check::Wrong);
        }
        let mut long = [0; 10];
        long[..8].copy_from_slice(given.as_bytes());
        assert_eq!(cookies.check::<SipHash>(&client, &Cookie::new(&long).unwrap()), Check::Wrong);
        for n in 0..8 {
            let mut other = [0; 8];
            other.copy_from_slice(given.as_bytes());
            other[n] ^= 0x80;
            assert_eq!(
                cookies.check::<SipHash>(&client, &Cookie::new(&other).unwrap()),
                Check::Wrong
            );
        }
    }
}
