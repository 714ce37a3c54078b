//! What is true of an endpoint after every call, whatever the peer and the application do (TCP-710 to TCP-714).
//!
//! TCP-715, that buffers taken are buffers returned and buffers queued, needs a count outside: tests keep it.

use super::{Endpoint, clamp};
use crate::bits::Bits;
use crate::congestion::CongestionControl as _;
use crate::event::State;
use crate::losses::Losses as _;
use crate::profile::Profile;
use crate::queue::TxQueue as _;
use crate::scoreboard::Sacked as _;
use crate::timers::Slot;

/// Above this the marks of a receive ring are not counted one by one after each call. chosen: so that debug builds stay
/// usable
const RING_MAX: usize = 16 << 10;

impl<P: Profile> Endpoint<P> {
    /// The invariants of TCP-710 to TCP-714. The engine runs this after every change where debug assertions are on.
    ///
    /// # Panics
    /// When one does not hold.
    pub fn check(&self) {
        match self.state {
            State::Closed | State::Armed => {
                for slot in Slot::ALL {
                    assert!(!self.is_armed(slot), "{slot:?} is armed without a connection");
                }
                assert!(!self.has_output(), "there is something to send without a connection");
            }
            State::SynSent => self.check_numbers(),
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => {
                self.check_numbers();
                self.check_window();
            }
        }
        if self.state.is_synchronized() {
            self.check_flight();
            self.check_deadlines();
            self.check_congestion();
        }
        if self.capacity() <= RING_MAX {
            self.ring.check(self.storage.as_ref());
        }
    }

    /// TCP-710, what is sent.
    fn check_numbers(&self) {
        assert!(self.una.at_or_before(self.nxt), "SND.UNA is beyond SND.NXT");
        let flight = self.nxt - self.una;
        let queued = clamp(self.queue.len());
        assert!(
            flight <= queued.saturating_add(2),
            "more is in flight, {flight}, than was queued, {queued}"
        );
        if self.bits.has(Bits::FIN_SENT) {
            assert!(self.bits.has(Bits::FIN_QUEUED), "a FIN was sent that nobody asked for");
            assert_eq!(self.backlog(), 0, "the FIN was sent before the end of the data");
        }
    }

    /// TCP-710, what is received.
    fn check_window(&self) {
        assert!(self.rcv_nxt.at_or_before(self.rcv_adv), "RCV.NXT is beyond what was advertised");
        let window = (self.rcv_adv - self.rcv_nxt) as usize;
        let room = self.ring.room(self.storage.as_ref());
        let told = self.state.can_receive() || self.state == State::SynReceived;
        assert!(
            window <= self.capacity() && (!told || window <= room),
            "the window, {window}, is larger than the room, {room}"
        );
    }

    /// TCP-712.
    fn check_flight(&self) {
        let flight = self.nxt - self.una;
        self.board.check(flight as usize);
        self.losses.check(self.una, self.nxt);
        let (held, lost) = (self.board.sacked(), self.losses.lost());
        assert!(
            held + lost as usize <= flight as usize,
            "more is held, {held}, and lost, {lost}, than is in flight, {flight}"
        );
    }

    /// TCP-713.
    fn check_deadlines(&self) {
        if self.state == State::TimeWait {
            assert!(self.is_armed(Slot::Watch), "TIME-WAIT without an end");
            return;
        }
        if self.has_output() {
            return; // the next poll sends, or arms what it waits for
        }
        if self.una != self.nxt {
            assert!(self.is_armed(Slot::Rtx), "in flight, and no timer runs");
        } else if self.backlog() > 0 {
            let waits = [Slot::Rtx, Slot::Ack, Slot::Pace].into_iter().any(|s| self.is_armed(s));
            assert!(waits, "{} bytes are queued, and nothing will send them", self.backlog());
        } else {
            let finished = self.bits.has(Bits::FIN_SENT) || !self.bits.has(Bits::FIN_QUEUED);
            assert!(finished, "the end was asked for, and nothing will send it");
        }
    }

    /// TCP-714.
    fn check_congestion(&self) {
        let mss = self.payload_max();
        let (cwnd, ssthresh) = (self.congestion.cwnd(), self.congestion.ssthresh());
        assert!(cwnd >= mss, "the congestion window, {cwnd}, is less than a segment, {mss}");
        assert!(ssthresh >= 2 * mss, "the threshold, {ssthresh}, is less than two segments, {mss}");
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::engine::{Config, Engine, Listener, Slot as Place, Tables};
    use crate::index::Scan;
    use crate::profile::{SettingsOf, Tiny};
    use crate::queue::{CopyQueue as _, RingQueue};
    use crate::seq::Seq;
    use crate::settings::Settings;
    use crate::time::Now;
    use core::panic::AssertUnwindSafe;
    use mainstay_base::{Instant, Rng};
    use std::boxed::Box;
    use std::panic::catch_unwind;
    use std::string::String;

    type Parts = Tiny<[u8; 900], RingQueue<[u8; 600]>>;

    const NOW: Now = Now::new(Instant::from_millis(1000));

    fn endpoint() -> Endpoint<Parts> {
        let settings: &'static SettingsOf<Parts> =
            Box::leak(Box::new(Settings::tiny(Default::default())));
        Endpoint::new([0; 900], RingQueue::new([0; 600]), settings, ()).unwrap()
    }

    /// Established, with 100 bytes in flight and 200 behind them.
    fn sound() -> Endpoint<Parts> {
        let mut endpoint = endpoint();
        endpoint.state = State::Established;
        assert_eq!(endpoint.queue.write(&[5; 300]), 300);
        (endpoint.una, endpoint.nxt) = (Seq(1000), Seq(1100));
        (endpoint.rcv_nxt, endpoint.rcv_adv) = (Seq(50), Seq(850));
        endpoint.arm(Slot::Rtx, NOW, 1000);
        endpoint.check();
        endpoint
    }

    /// What `check` says when this was done to a sound endpoint.
    fn spoiled(spoil: impl FnOnce(&mut Endpoint<Parts>)) -> String {
        let mut endpoint = sound();
        spoil(&mut endpoint);
        let said = catch_unwind(AssertUnwindSafe(|| endpoint.check())).unwrap_err();
        let text = said.downcast_ref::<&str>().map(|text| String::from(*text));
        text.or_else(|| said.downcast_ref::<String>().cloned()).unwrap()
    }

    // Covers TCP-710
    #[test]
    fn numbers_that_cannot_be_are_noticed() {
        let said = spoiled(|e| e.una = Seq(1101));
        assert!(said.contains("SND.UNA is beyond"), "{said}");
        let said = spoiled(|e| e.nxt = Seq(1303));
        assert!(said.contains("more is in flight"), "{said}");
        let said = spoiled(|e| e.bits.set(Bits::FIN_SENT));
        assert!(said.contains("nobody asked for"), "{said}");
        let said = spoiled(|e| e.bits.set(Bits::FIN_SENT.and(Bits::FIN_QUEUED)));
        assert!(said.contains("before the end"), "{said}");
        let said = spoiled(|e| e.rcv_adv = Seq(49));
        assert!(said.contains("RCV.NXT is beyond"), "{said}");
        let said = spoiled(|e| e.rcv_adv = Seq(851));
        assert!(said.contains("larger than the room"), "{said}");
    }

    // Covers TCP-713
    #[test]
    fn a_connection_that_would_wait_for_ever_is_noticed() {
        let said = spoiled(|e| e.disarm(Slot::Rtx));
        assert!(said.contains("no timer runs"), "{said}");
        let said = spoiled(|e| {
            e.una = e.nxt;
            e.disarm(Slot::Rtx);
        });
        assert!(said.contains("nothing will send them"), "{said}");
        let said = spoiled(|e| {
            e.queue.acknowledge(300);
            (e.una, e.nxt) = (Seq(1300), Seq(1300));
            e.bits.set(Bits::FIN_QUEUED);
        });
        assert!(said.contains("nothing will send it"), "{said}");
        let said = spoiled(|e| e.state = State::TimeWait);
        assert!(said.contains("without an end"), "{said}");
        let said = spoiled(|e| e.state = State::Closed);
        assert!(said.contains("without a connection"), "{said}");
    }

    // Covers TCP-714
    #[test]
    fn windows_too_small_to_send_a_segment_are_noticed() {
        let said = spoiled(|e| e.mss = 2200);
        assert!(said.contains("less than a segment"), "{said}");
        let said = spoiled(|e| {
            use crate::congestion::{CongestionControl as _, Signal};
            e.congestion.on_congestion(NOW.instant(), Signal::Loss, 1072);
            e.congestion.on_recovery_end(NOW.instant());
            e.mss = 700;
        });
        assert!(said.contains("less than two segments"), "{said}");
    }

    #[derive(Debug)]
    struct One;

    impl Tables for One {
        type Profile = Parts;
        type Slots = [Place<Parts>; 1];
        type Listeners = [Listener; 0];
        type Index = Scan;
        type Memory = ();
    }

    // Covers TCP-710, TCP-713
    #[test]
    fn the_engine_looks_after_every_call() {
        let calls: [fn(&mut Engine<One>, crate::engine::Handle); 3] = [
            |engine, handle| engine.at(NOW.instant(), handle).unwrap().set_nagle(true),
            |engine, _| assert!(engine.poll_transmit(NOW.instant()).is_none()),
            |engine, _| engine.handle_timeout(Instant::from_millis(60_000)),
        ];
        for call in calls {
            let slots = [Place::default()];
            let rng = Rng::from_run(1);
            let mut engine = Engine::<One>::new(Config::default(), rng, slots, [], Scan::default());
            let handle = engine.attach(sound()).unwrap();
            let endpoint = engine.endpoint_mut(handle.slot()).unwrap();
            endpoint.bits.set(Bits::OUTPUT);
            endpoint.rcv_adv = Seq(49);
            assert!(catch_unwind(AssertUnwindSafe(|| call(&mut engine, handle))).is_err());
        }
    }
}
