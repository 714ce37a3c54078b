//! Handshakes without an endpoint: in the queue, or in a cookie (TCP-076, TCP-530, TCP-531).

use super::reply::{Offer, Reply};
use super::request::{Incoming, Opening};
use super::{Engine, ListenerHandle, Memory as _, PrfOf, Tables};
use crate::bits::Bits;
use crate::endpoint::{Birth, Endpoint};
use crate::isn;
use crate::limits::SHIFT_MAX;
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::seq::Seq;
use crate::syn_cookie::Stamped;
use crate::syn_queue::{Due, Place, Stage, Syn};
use crate::time::Now;
use core::net::{IpAddr, SocketAddr};
use mainstay_base::Instant;
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, Header, Options, Timestamps};

/// What is promised in an answer to a SYN that has no endpoint yet. The endpoints that take such connections should be
/// able to keep it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Answers {
    /// The bytes their receive storage has room for.
    pub capacity: usize,
    /// RFC 7323 timestamps. Without them a cookie remembers no other option.
    pub timestamps: bool,
    /// RFC 2018 selective acknowledgement.
    pub sack: bool,
    /// Explicit congestion notification.
    pub ecn: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self { capacity: usize::from(u16::MAX), timestamps: true, sack: true, ecn: true }
    }
}

impl Answers {
    /// The smallest shift with which all of the capacity can be offered.
    pub(super) fn shift(&self) -> u8 {
        let fits = |shift: &u8| usize::from(u16::MAX) << shift >= self.capacity;
        (0..SHIFT_MAX).find(fits).unwrap_or(SHIFT_MAX)
    }

    pub(super) fn window(&self) -> u16 {
        u16::try_from(self.capacity).unwrap_or(u16::MAX)
    }
}

/// Addresses of ours with handshakes in the queue, and the largest packet of their interface.
pub(super) type Locals = [Option<(IpAddr, u16)>; LOCALS_MAX];

/// chosen: more than a host has at a time; with more, cookies serve
const LOCALS_MAX: usize = 16;

impl<T: Tables> Engine<T> {
    /// What a SYN says, as far as we would agree to it.
    fn read_syn(&self, header: &Header, listener: ListenerHandle, tuple: &Tuple) -> Syn {
        let (options, answers) = (&header.options, &self.config.answers);
        Syn {
            peer: tuple.peer(),
            listener: u16::try_from(listener.slot).unwrap_or(u16::MAX),
            local: 0,
            irs: Seq(header.sequence),
            iss: Seq(0),
            mss: options.mss.unwrap_or(0),
            window_scale: options.window_scale.map(|shift| shift.min(SHIFT_MAX)),
            timestamp: options.timestamps.filter(|_| answers.timestamps).map(|s| s.value),
            sack: options.sack_permitted && answers.sack,
            ecn: header.flags.contains(Flags::ECE.with(Flags::CWR)) && answers.ecn,
        }
    }

    /// Answers a SYN from the queue, or with a cookie.
    pub(super) fn answer_syn(
        &mut self,
        now: Now,
        tuple: &Tuple,
        listener: ListenerHandle,
        header: &Header,
        mtu: u16,
    ) {
        let mut syn = self.read_syn(header, listener, tuple);
        let hash = self.table_hash(tuple);
        let birth = self.birth(now, tuple, mtu);
        let old = self.recycle(now, tuple);
        let Some(kept) = self.memory.kept_mut() else { return };
        let free = kept.syns.has_room(hash) || !self.config.syn_cookies;
        if let Some(local) = kept.local_number(tuple.local.ip(), mtu).filter(|_| free) {
            syn.local = local;
            syn.iss = old.map_or(birth.iss, |old| isn::above_old(birth.iss, old));
            kept.syns.insert(now.instant(), hash, &syn, Stage::Answered, &mut self.rng);
            self.send_syn_ack(now, tuple, &syn, birth, None);
        } else if self.config.syn_cookies {
            let mss =
                if syn.mss == 0 { super::early::size_default(tuple.peer.address) } else { syn.mss };
            let rng = &mut self.rng;
            syn.iss = kept.syn_cookies.make::<PrfOf<T>>(now.instant(), tuple, syn.irs, mss, rng);
            if syn.timestamp.is_none() {
                (syn.window_scale, syn.sack, syn.ecn) = (None, false, false);
            }
            let stamped = Stamped { window_scale: syn.window_scale, sack: syn.sack, ecn: syn.ecn };
            self.send_syn_ack(now, tuple, &syn, birth, Some(stamped));
        }
    }

    /// Keeps a SYN that nobody decided on; whether there was room.
    pub(super) fn keep_syn(
        &mut self,
        now: Now,
        tuple: &Tuple,
        listener: ListenerHandle,
        header: &Header,
        mtu: u16,
    ) -> bool {
        let mut syn = self.read_syn(header, listener, tuple);
        let hash = self.table_hash(tuple);
        let Some(kept) = self.memory.kept_mut() else { return false };
        let Some(local) = kept.local_number(tuple.local.ip(), mtu) else { return false };
        syn.local = local;
        kept.syns.has_room(hash) && {
            kept.syns.insert(now.instant(), hash, &syn, Stage::Deferred, &mut self.rng);
            true
        }
    }

    /// The next SYN that was [kept](Incoming::keep) for later. It stays until it is accepted, answered or refused, or for
    /// 75 seconds.
    pub fn next_kept(&mut self, now: Instant) -> Option<Incoming<'_, T>> {
        let now = self.clock(now);
        let kept = self.memory.kept()?;
        let syn = kept.syns.first_deferred()?;
        let (_, mtu) = kept.locals.get(usize::from(syn.local)).copied().flatten()?;
        let tuple = self.tuple_of(&syn)?;
        let listener = self.listener(&tuple.local)?;
        Some(Incoming {
            now,
            tuple,
            header: syn_header(&syn, &tuple),
            payload: &[],
            ecn: Ecn::NotEct,
            unit: None,
            mtu,
            listener,
            opening: Opening::Syn { early: false, give: false },
            engine: self,
        })
    }

    /// Whether a SYN repeats one in the queue, which is then answered again (TCP-081).
    pub(super) fn repeats(
        &mut self,
        now: Now,
        tuple: &Tuple,
        listener: ListenerHandle,
        header: &Header,
    ) -> bool {
        let Some((place, syn, stage)) = self.handshake(tuple, listener) else { return false };
        if syn.irs != Seq(header.sequence) {
            if let Some(kept) = self.memory.kept_mut() {
                kept.syns.remove(place); // it starts over
            }
            return false;
        }
        if stage == Stage::Answered {
            self.resend(now, &syn);
        }
        true
    }

    /// What a handshake without an endpoint is, if this segment completes it.
    pub(super) fn completed(
        &mut self,
        now: Now,
        tuple: &Tuple,
        listener: ListenerHandle,
        header: &Header,
    ) -> Option<Opening> {
        let (seq, ack) = (Seq(header.sequence), Seq(header.acknowledgment));
        if !T::Memory::KEEPS || header.flags.contains(Flags::SYN) {
            return None;
        }
        if let Some((_, syn, Stage::Answered)) = self.handshake(tuple, listener) {
            let window = u32::from(self.config.answers.window());
            let fits = seq.after(syn.irs) && seq.at_or_before(syn.irs + window);
            return (ack == syn.iss + 1 && fits).then_some(Opening::Completed(syn));
        }
        let stamps = header.options.timestamps;
        let echo = stamps.map(|stamps| stamps.echo);
        let cookies = &self.memory.kept()?.syn_cookies;
        let found = cookies.check::<PrfOf<T>>(now.instant(), tuple, (seq, ack), echo)?;
        Some(Opening::Completed(Syn {
            peer: tuple.peer(),
            listener: 0,
            local: 0,
            irs: found.irs,
            iss: found.iss,
            mss: found.mss,
            window_scale: found.stamped.window_scale,
            timestamp: stamps.map(|stamps| stamps.value),
            sack: found.stamped.sack,
            ecn: found.stamped.ecn,
        }))
    }

    /// A reset for a handshake in the queue.
    pub(super) fn forget_handshake(&mut self, tuple: &Tuple, header: &Header) {
        if T::Memory::KEEPS
            && let Some(listener) = self.listener(&tuple.local)
            && let Some((_, syn, _)) = self.handshake(tuple, listener)
            && Seq(header.sequence) == syn.irs + 1
        {
            self.drop_handshake(tuple);
        }
    }

    /// An endpoint has it now, or it was refused.
    pub(super) fn drop_handshake(&mut self, tuple: &Tuple) {
        if T::Memory::KEEPS
            && let Some(listener) = self.listener(&tuple.local)
            && let Some((place, ..)) = self.handshake(tuple, listener)
            && let Some(kept) = self.memory.kept_mut()
        {
            kept.syns.remove(place);
        }
    }

    /// SYN-ACKs that are due again, as many as may wait; the others follow when those have left.
    pub(super) fn handshakes_due(&mut self, now: Now) {
        while let Some(kept) = self.memory.kept_mut()
            && !kept.replies.is_full()
            && let Some(due) = kept.syns.poll_due(now.instant())
        {
            if let Due::Resend(syn) = due {
                self.resend(now, &syn);
            }
        }
    }

    fn resend(&mut self, now: Now, syn: &Syn) {
        let mtu = self
            .memory
            .kept()
            .and_then(|kept| kept.locals.get(usize::from(syn.local)).copied().flatten());
        if let (Some((_, mtu)), Some(tuple)) = (mtu, self.tuple_of(syn)) {
            let birth = self.birth(now, &tuple, mtu);
            self.send_syn_ack(now, &tuple, syn, birth, None);
        }
    }

    fn send_syn_ack(
        &mut self,
        now: Now,
        tuple: &Tuple,
        syn: &Syn,
        birth: Birth,
        cookie: Option<Stamped>,
    ) {
        let clock = now.millis().wrapping_add(birth.ts_offset);
        let value = cookie.map_or(clock, |cookie| cookie.write(clock));
        let mut reply = Reply::acknowledge(tuple, syn.iss, syn.irs + 1);
        reply.flags = if syn.ecn { Flags::SYN.with(Flags::ECE) } else { Flags::SYN };
        reply.window = self.config.answers.window();
        reply.timestamps = syn.timestamp.map(|echo| Timestamps { value, echo });
        reply.offer = Some(Offer {
            mss: birth.mss,
            window_scale: syn.window_scale.map(|_| self.config.answers.shift()),
            sack: syn.sack,
        });
        self.reply(reply);
    }

    /// The handshake of a four-tuple in the queue.
    fn handshake(&self, tuple: &Tuple, listener: ListenerHandle) -> Option<(Place, Syn, Stage)> {
        let kept = self.memory.kept()?;
        let local = kept.known_local(tuple.local.ip())?;
        let listener = u16::try_from(listener.slot).ok()?;
        let place = kept.syns.find(self.table_hash(tuple), &tuple.peer(), listener, local)?;
        let (syn, stage) = kept.syns.get(place)?;
        Some((place, syn, stage))
    }

    fn tuple_of(&self, syn: &Syn) -> Option<Tuple> {
        let listener = self.listeners.as_ref().get(usize::from(syn.listener))?;
        let port = Some(listener.end.port).filter(|port| *port != 0)?;
        let (local, _) = self.memory.kept()?.locals.get(usize::from(syn.local)).copied()??;
        Some(Tuple::new(SocketAddr::new(local, port), syn.peer))
    }
}

/// The SYN again, from what is remembered of it.
fn syn_header(syn: &Syn, tuple: &Tuple) -> Header {
    Header {
        source: tuple.peer.port,
        destination: tuple.local.port,
        sequence: syn.irs.0,
        acknowledgment: 0,
        flags: if syn.ecn { Flags::SYN.with(Flags::ECE).with(Flags::CWR) } else { Flags::SYN },
        window: 0,
        urgent: 0,
        options: Options {
            mss: Some(syn.mss).filter(|mss| *mss > 0),
            window_scale: syn.window_scale,
            sack_permitted: syn.sack,
            timestamps: syn.timestamp.map(|value| Timestamps { value, echo: 0 }),
            ..Options::default()
        },
    }
}

impl<P: Profile> Endpoint<P> {
    /// A handshake that was answered for it: as if it had sent the SYN-ACK itself (TCP-531).
    fn accept_completed_at(&mut self, shift: u8, window: u16) {
        self.bits.unset(Bits::SEND_SYN);
        self.nxt = self.una + 1;
        if self.bits.has(Bits::SCALE) {
            self.shifts = crate::shifts::Shifts::new(self.shifts.peers(), shift);
        }
        self.rcv_adv = self.rcv_nxt + u32::from(window.min(self.first_window()));
    }

    /// The same, from the SYN on.
    pub(super) fn accept_completed(
        &mut self,
        now: Now,
        birth: Birth,
        tuple: Tuple,
        syn: &Syn,
        (shift, window): (u8, u16),
    ) {
        self.accept(now, birth, &tuple, (&syn_header(syn, &tuple), Ecn::NotEct));
        self.accept_completed_at(shift, window);
    }
}
