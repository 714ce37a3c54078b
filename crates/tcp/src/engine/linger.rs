//! Connections in TIME-WAIT: as records instead of endpoints, and what a new connection of the same four-tuple does to
//! them (TCP-182 to TCP-186).

use super::reply::Reply;
use super::{Engine, Memory as _, PrfOf, Tables};
use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::event::{Disconnected, State};
use crate::isn;
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::segment_arrives::Ignored;
use crate::seq::Seq;
use crate::time::{Now, later};
use crate::time_wait::{Ack, Answer, Ended, Reuse};
use crate::timers::Slot;
use mainstay_wire::tcp::{Flags, Header, Timestamps};

/// How old our last timestamp must be before a new connection of ours may have the four-tuple, in microseconds (TCP-186).
/// chosen: the specification's; its clock ticks each millisecond
const QUIET_MICROS: u32 = 1_000_000;

impl<T: Tables> Engine<T> {
    /// The hash of a four-tuple in the tables that are not the index.
    pub(super) fn table_hash(&self, tuple: &Tuple) -> u64 {
        isn::table_hash::<PrfOf<T>>(&self.secret, tuple)
    }

    /// A connection has entered TIME-WAIT: if there is a table, a record of it replaces the endpoint (TCP-183).
    pub(super) fn compress(&mut self, now: Now, slot: usize) {
        let Some(kept) = self.memory.kept() else { return };
        if !kept.time_wait.has_places() {
            return;
        }
        let Some(endpoint) = self.slots.as_ref().get(slot).and_then(|s| s.endpoint.as_ref()) else {
            return;
        };
        let tuple = endpoint.tuple();
        // Who bound no port itself stands in nobody's way (TCP-021).
        let passive = endpoint.bits.has(Bits::PASSIVE);
        let ended = Ended {
            hash: self.table_hash(&tuple),
            address_hash: Ended::address_hash::<PrfOf<T>>(&self.secret, &tuple.local()),
            port: if passive { 0 } else { tuple.local.port },
            rcv_nxt: endpoint.rcv_nxt,
            snd_nxt: endpoint.nxt,
            ts_recent: endpoint.bits.has(Bits::TIMESTAMPS).then_some(endpoint.ts_recent),
        };
        let owes = endpoint.bits.has(Bits::ACK_NOW);
        let ack = Ack { seq: ended.snd_nxt, ack: ended.rcv_nxt, echo: ended.ts_recent };
        if let Some(kept) = self.memory.kept_mut() {
            kept.time_wait.insert(now.instant(), &ended);
        }
        if let Some(endpoint) = self.endpoint_mut(slot) {
            endpoint.terminate(Disconnected::Normal);
        }
        if owes {
            self.acknowledge(now, &tuple, ack);
        }
    }

    /// What a record of an ended connection says to a segment; `None` if it is nothing to it, as a SYN that a listener may
    /// have is.
    pub(super) fn ask_record(
        &mut self,
        now: Now,
        tuple: &Tuple,
        header: &Header,
        len: usize,
    ) -> Option<Ignored> {
        if !self.memory.kept()?.time_wait.has_places() {
            return None;
        }
        let hash = self.table_hash(tuple);
        let kept = self.memory.kept_mut()?;
        if opens(header) && kept.time_wait.admits(now.instant(), hash, header).is_some() {
            return None;
        }
        match kept.time_wait.answer(now.instant(), hash, header, len)? {
            Answer::Ignore | Answer::Recycle { .. } => {}
            Answer::Restart(ack) => self.acknowledge(now, tuple, ack),
            Answer::Ack(ack) => {
                if self.challenges.take(now.instant(), &mut self.rng) {
                    self.acknowledge(now, tuple, ack);
                } else {
                    self.counters.unanswered += 1;
                }
            }
        }
        Some(Ignored::Old)
    }

    /// What of an earlier connection stands in the way of one of ours (TCP-186).
    pub(super) fn reuse(&self, now: Now, tuple: &Tuple) -> Reuse {
        if let Some(endpoint) = self.find(tuple).and_then(|slot| self.endpoint_at(slot)) {
            return if endpoint.is_quiet(now) { Reuse::Above(endpoint.nxt) } else { Reuse::Taken };
        }
        let Some(kept) = self.memory.kept() else { return Reuse::Free };
        kept.time_wait.would_reuse(now.instant(), self.table_hash(tuple))
    }

    /// Ends what [`reuse`](Self::reuse) found, or what a SYN may replace; the number the new connection starts above.
    pub(super) fn recycle(&mut self, now: Now, tuple: &Tuple) -> Option<Seq> {
        if let Some(slot) = self.find(tuple) {
            let endpoint = self.endpoint_mut(slot)?;
            if endpoint.state != State::TimeWait {
                return None;
            }
            let above = endpoint.nxt;
            endpoint.terminate(Disconnected::Normal);
            self.touch(now, slot);
            return Some(above);
        }
        self.memory.kept()?;
        let hash = self.table_hash(tuple);
        self.memory.kept_mut()?.time_wait.remove(now.instant(), hash)
    }

    /// Whether a SYN for an endpoint in TIME-WAIT is for a listener instead (TCP-185).
    #[cfg_attr(target_os = "none", inline)]
    pub(super) fn replaces(&self, slot: usize, header: &Header) -> bool {
        opens(header)
            && self.endpoint_at(slot).is_some_and(|endpoint| {
                endpoint.state == State::TimeWait
                    && endpoint.admits(header)
                    && self.listener(&endpoint.local_end()).is_some()
            })
    }

    /// An acknowledgement for a connection that is no more.
    fn acknowledge(&mut self, now: Now, tuple: &Tuple, ack: Ack) {
        let mut reply = Reply::acknowledge(tuple, ack.seq, ack.ack);
        reply.timestamps = ack.echo.map(|echo| Timestamps {
            value: now
                .millis()
                .wrapping_add(isn::timestamp_offset::<PrfOf<T>>(&self.secret, tuple)),
            echo,
        });
        self.reply(reply);
    }

    /// An answer without an endpoint, if there is room for it.
    pub(super) fn reply(&mut self, reply: Reply) {
        let pushed = match self.memory.kept_mut() {
            Some(kept) => kept.replies.push(reply),
            None => self.replies.push(reply),
        };
        if !pushed {
            self.counters.unanswered += 1;
        }
    }
}

/// Whether it is a SYN that asks for a connection.
#[cfg_attr(target_os = "none", inline)]
fn opens(header: &Header) -> bool {
    header.flags.contains(Flags::SYN) && !header.flags.intersects(Flags::ACK | Flags::RST)
}

impl<P: Profile> Endpoint<P> {
    /// Whether a SYN may open a new connection in the place of this one in TIME-WAIT (RFC 6191 §2, TCP-185).
    #[cfg_attr(target_os = "none", inline)]
    fn admits(&self, header: &Header) -> bool {
        let above = Seq(header.sequence).after(self.rcv_nxt);
        let stamp = header.options.timestamps.map(|stamps| stamps.value);
        match (self.bits.has(Bits::TIMESTAMPS), stamp) {
            (true, Some(stamp)) => {
                later(stamp, self.ts_recent) || (stamp == self.ts_recent && above)
            }
            (false, Some(_)) => true,
            (_, None) => above,
        }
    }

    /// Whether a connection of ours that starts now has newer timestamps than all of this one in TIME-WAIT (TCP-186).
    fn is_quiet(&self, now: Now) -> bool {
        self.state == State::TimeWait
            && self.is_armed(Slot::Watch)
            && self.bits.has(Bits::TIMESTAMPS)
            && !self.bits.has(Bits::OUTPUT)
            && now.micros.wrapping_sub(self.sent_at) >= QUIET_MICROS
    }
}
