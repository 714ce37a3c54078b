//! What can be asked of endpoints that have [`Extra`]: everywhere else these calls do not exist, and cost nothing.

use super::{Live, Tables};
use crate::bits::Bits;
use crate::extras::{Budget, Extra, Extras as _, Standing, Wishes, micros};
use crate::profile::Profile;
use core::time::Duration;

impl<T: Tables> Live<'_, T>
where
    T::Profile: Profile<Extras = Extra>,
{
    fn wish(&mut self, act: impl FnOnce(&mut Wishes)) {
        self.with(|endpoint, _| {
            if let Some(extra) = endpoint.extra.get_mut() {
                act(&mut extra.wishes);
            }
        });
    }

    /// Acknowledgements, keepalive and probes of a closed window may be so late, to be done when the device is awake for
    /// something else (TCP-408); zero for never. An acknowledgement still waits less than half a second (TCP-410).
    ///
    /// Where an engine keeps deadlines in a table, only what wakes the same endpoint counts as something else.
    pub fn set_slack(&mut self, slack: Duration) {
        self.wish(|wishes| wishes.slack = micros(slack));
    }

    /// How long the peer, or we, may sleep before a segment is noticed: added to the smallest retransmission timeout and
    /// to how long a probe for a loss at the end waits (TCP-555).
    pub fn set_peer_latency(&mut self, latency: Duration) {
        self.wish(|wishes| wishes.peer_latency = micros(latency));
    }

    /// Segments in flight leave one by one and at least so far apart (TCP-558); zero for no gap. See
    /// [`gap_for`](crate::sizing::gap_for).
    pub fn set_gap(&mut self, gap: Duration) {
        self.wish(|wishes| wishes.gap = micros(gap));
    }

    /// At the latest after so many full segments an acknowledgement leaves, two at least (TCP-413). More than two is
    /// against RFC 9293 §3.8.6.3 (SHLD-19), and makes a peer slow that counts acknowledgements; an acknowledgement still
    /// waits no longer than any.
    pub fn set_ack_every(&mut self, count: u8) {
        self.wish(|wishes| wishes.ack_every = count.max(crate::extras::ACK_EVERY));
    }

    /// `SendReady` and `Progress` are told only while less than `limit` bytes wait to be sent (TCP-312), so that what the
    /// application has not handed over yet can still change; `None` for the usual rule (TCP-046).
    pub fn set_unsent_limit(&mut self, limit: Option<u32>) {
        self.wish(|wishes| wishes.unsent_limit = limit);
    }

    /// Offers the peer at most `limit` bytes of the receive storage from now on (TCP-476). What was offered stays offered:
    /// the window's edge stands still until the rest has been used.
    pub fn set_receive_limit(&mut self, limit: usize) {
        self.with(|endpoint, _| {
            if let Some(extra) = endpoint.extra.get_mut() {
                extra.wishes.receive_limit = crate::endpoint::clamp(limit);
            }
            if endpoint.state.can_receive() && endpoint.window_may_open() {
                endpoint.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
            }
        });
    }

    /// What this connection, or the last one, has cost (TCP-556).
    #[must_use]
    pub fn budget(&self) -> Budget {
        let extra = self.endpoint().and_then(|endpoint| endpoint.extra.get());
        extra.map_or_else(Budget::default, |extra| extra.budget)
    }

    /// How the connection stands, for a policy that ends those which only cost (TCP-543).
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        self.endpoint()?.standing(self.now)
    }
}
