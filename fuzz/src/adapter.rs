//! What all adapters do alike.

use mainstay_base::{Network, Reason};
use mainstay_http::http::{HeaderMap, Method};
use mainstay_http::{Body, Request};

/// How a transport dies here.
pub(crate) const LOST: Reason = Reason::Network(Network::Reset);

/// Implements the methods that have the same name in every machine.
macro_rules! forward {
    ($field:tt) => {
        fn feed(&mut self, now: mainstay_base::Instant, bytes: &mut [u8]) -> usize {
            self.$field.handle_input(now, bytes)
        }
        fn transmit(&mut self, now: mainstay_base::Instant, out: &mut Vec<u8>, limit: usize) {
            self.$field.poll_transmit(now, out, limit);
        }
        fn eof(&mut self, now: mainstay_base::Instant) {
            self.$field.handle_eof(now);
        }
        fn lost(&mut self, now: mainstay_base::Instant) {
            self.$field.handle_lost(now, crate::adapter::LOST);
        }
        fn timeout(&mut self, now: mainstay_base::Instant) {
            self.$field.handle_timeout(now);
        }
        fn deadline(&self) -> Option<mainstay_base::Instant> {
            self.$field.poll_timeout()
        }
    };
}

pub(crate) use forward;

/// A request for something.
pub(crate) fn request(method: Method, headers: HeaderMap, body: Body) -> Request {
    let (authority, path) = ("fuzz.example".into(), "/path".into());
    Request { method, secure: false, authority, path, headers, body }
}

/// Something to send.
pub(crate) const TEXT: &[u8; 1000] = &[b'x'; 1000];
