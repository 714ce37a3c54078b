//! What all adapters do alike.

/// Implements the methods that have the same name in every machine.
macro_rules! forward {
    ($field:tt) => {
        fn transmit(&mut self, now: mainstay_base::Instant, out: &mut Vec<u8>, limit: usize) {
            self.$field.poll_transmit(now, out, limit);
        }
        fn eof(&mut self, now: mainstay_base::Instant) {
            self.$field.handle_eof(now);
        }
        fn lost(&mut self, now: mainstay_base::Instant) {
            let reason = mainstay_base::Reason::Network(mainstay_base::Network::Reset);
            self.$field.handle_lost(now, reason);
        }
    };
}

/// The same for machines with timers.
macro_rules! timers {
    ($field:tt) => {
        fn timeout(&mut self, now: mainstay_base::Instant) {
            self.$field.handle_timeout(now);
        }
        fn deadline(&self) -> Option<mainstay_base::Instant> {
            self.$field.poll_timeout()
        }
    };
}

pub(crate) use {forward, timers};

/// `len` letters.
pub(crate) fn letters(len: u64) -> Vec<u8> {
    (0..len).map(|at| b'a' + u8::try_from(at % 26).unwrap()).collect()
}
