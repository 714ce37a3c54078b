//! A snapshot of what a connection knows (TCP-094).

use super::{Address as _, Endpoint};
use crate::bits::Bits;
use crate::event::{Disconnected, Soft, State};
use crate::fine::Finer as _;
use crate::losses::Losses;
use crate::profile::Profile;
use crate::queue::TxQueue;
use crate::seq::Seq;
use crate::timers::{Slot, Timer};
use core::net::{IpAddr, SocketAddr};

/// Facts of one moment (TCP-094). Bytes and microseconds.
///
/// They are what a connection knows anyway. Counts would have to be kept: a profile with [`Tally`](crate::Tally) does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Where the connection is.
    pub state: State,
    /// Timestamps were agreed on.
    pub timestamps: bool,
    /// Selective acknowledgement was agreed on.
    pub sack: bool,
    /// Explicit congestion notification was agreed on.
    pub ecn: bool,
    /// How far the peer's windows are shifted, and ours; `None` without scaling.
    pub scale: Option<(u8, u8)>,
    /// Payload per segment, without options.
    pub mss: u16,
    /// What was offered to the peer.
    pub mss_in: u16,
    /// The congestion window.
    pub cwnd: u32,
    /// The slow start threshold.
    pub ssthresh: u32,
    /// The smoothed round trip; `None` before the first sample.
    pub srtt: Option<u32>,
    /// Its variation.
    pub rttvar: u32,
    /// The smallest round trip of late.
    pub min_rtt: Option<u32>,
    /// The retransmission timeout, with backoff.
    pub rto: u32,
    /// Sent and not acknowledged.
    pub flight: u32,
    /// Of that, found lost and not sent again.
    pub lost: u32,
    /// Queued and not sent.
    pub backlog: u32,
    /// Queued, sent or not.
    pub queued: usize,
    /// Received and not read.
    pub unread: usize,
    /// Received out of order.
    pub out_of_order: usize,
    /// The peer's window.
    pub window: u32,
    /// Ours, as last advertised.
    pub window_in: u32,
    /// Timeouts in a row.
    pub retries: u8,
    /// Segments and super-segments that left again; always 0 in the smallest profile, which does not count them.
    pub resent: u32,
    /// An episode of recovery is under way and ends when everything before this is acknowledged.
    pub recovering_to: Option<Seq>,
    /// The deadlines that are set; [`Live::timeouts`](crate::Live::timeouts) says when they come.
    pub timers: [Option<Timer>; 5],
    /// The last trouble.
    pub soft: Option<Soft>,
    /// Why the last connection ended.
    pub ended: Option<Disconnected>,
}

impl<P: Profile> Endpoint<P> {
    /// A snapshot.
    pub fn facts(&self) -> Facts {
        let (cwnd, ssthresh) = self.controller();
        Facts {
            state: self.state,
            timestamps: self.bits.has(Bits::TIMESTAMPS),
            sack: self.bits.has(Bits::SACK),
            ecn: self.bits.has(Bits::ECN),
            scale: self.bits.has(Bits::SCALE).then_some((self.shifts.peers(), self.shifts.ours())),
            mss: self.mss,
            mss_in: self.rcv_mss,
            cwnd,
            ssthresh,
            srtt: self.trip.smoothed(),
            rttvar: self.trip.variation(),
            min_rtt: Some(self.min_rtt()).filter(|min| *min != u32::MAX),
            rto: self.rto_backed_off(),
            flight: self.nxt - self.una,
            lost: self.losses.lost(),
            backlog: self.backlog(),
            queued: self.queue.len(),
            unread: self.ring.unread(),
            out_of_order: self.ring.out_of_order(),
            window: self.wnd(),
            window_in: self.rcv_adv.since(self.rcv_nxt),
            retries: self.retries,
            resent: self.fine.resent(),
            recovering_to: self.recovering_to(),
            timers: Slot::ALL.map(|slot| self.is_armed(slot).then(|| self.timer(slot))),
            soft: self.soft,
            ended: self.ended,
        }
    }

    /// The last known local address and port (TCP-017).
    pub fn local(&self) -> SocketAddr {
        self.tuple().local()
    }

    /// The last known address and port of the peer (TCP-017).
    pub fn peer(&self) -> SocketAddr {
        self.tuple().peer()
    }

    /// The peer's address alone.
    pub fn peer_address(&self) -> IpAddr {
        self.peer.ip()
    }

    /// Where the connection is (RFC 9293 §3.3.2).
    pub const fn state(&self) -> State {
        self.state
    }

    /// What the application keeps with the endpoint.
    pub const fn context(&self) -> &P::Context {
        &self.context
    }

    /// The same, to change it.
    pub const fn context_mut(&mut self) -> &mut P::Context {
        &mut self.context
    }

    /// The unread bytes in sequence, oldest first, at most two slices (TCP-050).
    pub fn recv(&self) -> [&[u8]; 2] {
        self.ring.chunks(self.storage.as_ref())
    }

    /// The same as one slice, moved in place where they were two (TCP-053).
    pub fn contiguify(&mut self) -> &[u8] {
        self.ring.contiguify(self.storage.as_mut())
    }

    /// The peer has finished, and everything before its end can be read (TCP-057).
    pub const fn is_end_of_stream(&self) -> bool {
        self.bits.has(Bits::FIN_RECEIVED)
    }

    /// The queue of what is lent.
    pub const fn queue(&self) -> &P::Queue {
        &self.queue
    }
}
