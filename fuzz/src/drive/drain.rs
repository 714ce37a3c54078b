//! The calls that take what a machine has to say, each with the laws it must keep.

use super::{CALLS_MAX, Run};
use crate::heap;
use crate::machine::{Lent, Machine};

/// Output per byte of input (L8). chosen: as in `mainstay_sim::laws`.
const AMPLIFICATION_MAX: usize = 100;

impl<M: Machine> Run<M> {
    /// Events, payload, events, until there are no more.
    pub(super) fn drain(&mut self, unit: &mut [u8]) {
        for _ in 0..CALLS_MAX {
            let mut more = self.events();
            while let Some(lent) = self.lend(unit) {
                assert!(!self.over, "L7: payload after the last event");
                self.said.payload(lent.channel, &lent.bytes, lent.end);
                more = true;
            }
            // What comes after the payload may show only now.
            more |= self.events();
            if !more {
                return;
            }
        }
        panic!("L2: it never runs dry");
    }

    pub(super) fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let lent = self.counted(|machine| machine.lend(unit))?;
        self.held = self.held.saturating_sub(lent.bytes.capacity());
        Some(lent)
    }

    /// Whether there were any.
    pub(super) fn events(&mut self) -> bool {
        for calls in 0..CALLS_MAX {
            let now = self.now;
            let Some((event, last)) = self.counted(|machine| machine.event(now)) else {
                return calls > 0;
            };
            self.held = self.held.saturating_sub(event.capacity());
            assert!(!self.over, "L7: {event} after the last event");
            self.over = last;
            self.said.event(event);
        }
        panic!("L2: events without end");
    }

    /// Takes what the machine has to send, unless the transport is plugged; whether there was something.
    pub(super) fn flush(&mut self) -> bool {
        if self.plugged {
            return false;
        }
        let mut wrote = false;
        for _ in 0..CALLS_MAX {
            let limit = self.manner.cut(1 << 20);
            let (mut out, now) = (Vec::new(), self.now);
            self.counted(|machine| machine.transmit(now, &mut out, limit));
            self.held = self.held.saturating_sub(out.capacity());
            assert!(out.len() <= limit, "L6: {} bytes for a limit of {limit}", out.len());
            if out.is_empty() {
                self.drain(&mut []);
                return wrote;
            }
            wrote = true;
            self.sent += out.len();
            let most = M::SAYS_MAX * (1 + self.acts) + AMPLIFICATION_MAX * self.given;
            assert!(self.sent <= most, "L8: {} bytes out for {} in", self.sent, self.given);
            let now = self.now;
            self.counted(|machine| machine.written(now));
            self.drain(&mut []);
        }
        panic!("L2: output without end");
    }

    /// Calls the machine and keeps count of the memory it holds.
    pub(super) fn counted<T>(&mut self, call: impl FnOnce(&mut M) -> T) -> T {
        let before = heap::used();
        let result = call(&mut self.machine);
        self.held = (self.held + heap::used()).saturating_sub(before);
        // What it returned is counted too, until it is taken off.
        assert!(self.held <= M::HELD_MAX, "L8: it holds {} bytes", self.held);
        result
    }
}
