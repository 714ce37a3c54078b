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
