//! Data in a SYN (RFC 7413): who may send it and to whom, and what is remembered of how it went (TCP-360 to TCP-369).

use super::request::Opening;
use super::{Engine, ListenerHandle, Memory as _, PrfOf, Tables};
use crate::bits::Bits;
use crate::endpoint::{Address as _, Either, Endpoint, clamp};
use crate::event::{Disconnected, State};
use crate::fast_open::{Check, Plan};
use crate::limits::{MSS_DEFAULT_V4, MSS_DEFAULT_V6};
use crate::losses::Losses as _;
use crate::offset::Offset as _;
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::time::Now;
use mainstay_wire::tcp::{Cookie, Flags, Header, OPTIONS_MAX};

/// Whether data may come and go in SYNs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FastOpenPolicy {
    /// No.
    #[default]
    Off,
    /// With a cookie that proves the client's address (RFC 7413). Needs memory for servers.
    ///
    /// What is sent with a deferred connect must do no harm if it is delivered twice (TCP-368).
    Cookie,
    /// Without a proof, where all are trusted: any Fast Open option will do (TCP-361).
    Open,
}

/// A connection of ours as it was before an answer to its SYN.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met {
    data: bool,
    repeated: bool,
}

impl Met {
    /// `None` if it did not begin with Fast Open or has begun.
    #[inline]
    pub(super) fn before<P: Profile>(endpoint: &Endpoint<P>) -> Option<Self> {
        (endpoint.state == State::SynSent && endpoint.bits.has(Bits::FAST_OPEN_ASKED)).then(|| {
            Self {
                data: endpoint.bits.has(Bits::SYN_DATA),
                repeated: endpoint.bits.has(Bits::SYN_REPEATED),
            }
        })
    }
}

impl<T: Tables> Engine<T> {
    /// How many bytes the SYN to `peer` may carry beside a cookie or the request for one; `None` if neither (TCP-360).
    pub(super) fn plan_early_data(&mut self, now: Now, peer: Either, mss: u16) -> Option<u32> {
        if !T::FAST_OPEN {
            return None;
        }
        let policy = self.config.fast_open;
        let kept = self.memory.kept_mut();
        let plan = match (policy, kept) {
            (FastOpenPolicy::Off, _) | (FastOpenPolicy::Cookie, None) => return None,
            (FastOpenPolicy::Open, None) => Plan::Ask,
            (_, Some(kept)) => kept.servers.plan(now.instant(), peer.family()),
        };
        let size = match (policy, plan) {
            (_, Plan::Plain) => return None,
            (FastOpenPolicy::Open, Plan::Ask) => mss,
            (_, Plan::Ask) => 0,
            (_, Plan::Data { mss: cached, .. }) => cached.min(mss),
        };
        let options = u16::try_from(OPTIONS_MAX).unwrap_or(0);
        Some(u32::from(size.saturating_sub(options).min(size_default(peer))))
    }

    /// Puts the cookie into a SYN or SYN-ACK that wants one.
    pub(super) fn fill_cookie(&mut self, now: Now, tuple: &Tuple, header: &mut Header, data: bool) {
        let cookie = match self.memory.kept_mut() {
            Some(kept) if header.flags.contains(Flags::ACK) => {
                kept.fast_open.refresh(now.instant(), &mut self.rng);
                kept.fast_open.newest::<PrfOf<T>>(tuple)
            }
            None if header.flags.contains(Flags::ACK) => Cookie::new(&[0; 8]).unwrap_or_default(),
            Some(kept) if data => match kept.servers.plan(now.instant(), tuple.peer.ip()) {
                Plan::Data { cookie, .. } => cookie,
                Plan::Ask | Plan::Plain => Cookie::REQUEST,
            },
            _ => Cookie::REQUEST,
        };
        header.options.fast_open = Some(cookie);
    }

    /// What the server's answer to a SYN with the option says of it (TCP-362, TCP-363).
    pub(super) fn remember_server(
        &mut self,
        now: Now,
        slot: usize,
        met: &Met,
        header: Option<&Header>,
    ) {
        let Some(endpoint) = self.endpoint_at(slot) else { return };
        if endpoint.state == State::SynSent {
            return;
        }
        let (peer, default) = (endpoint.peer_address(), size_default(endpoint.peer.wide()));
        let refused = endpoint.ended == Some(Disconnected::Refused);
        let taken = endpoint.acked_event > 0;
        let Some(kept) = self.memory.kept_mut() else { return };
        if met.data && (met.repeated || refused) {
            kept.servers.fail(now.instant(), peer);
        } else if met.data && taken {
            kept.servers.succeed(peer);
        }
        if let Some(header) = header
            && let Some(cookie) = header.options.fast_open
            && !refused
        {
            let mss = header.options.mss.unwrap_or(default);
            kept.servers.learn(now.instant(), peer, cookie, mss);
        }
    }

    /// What a SYN's option means for a listener (TCP-361, TCP-364, TCP-365).
    pub(super) fn early_data(
        &mut self,
        now: Now,
        tuple: &Tuple,
        listener: ListenerHandle,
        header: &Header,
        data: bool,
    ) -> Opening {
        if !T::FAST_OPEN {
            return Opening::Syn { early: false, give: false };
        }
        let policy = self.config.fast_open;
        let max =
            self.config.fast_open_pending.unwrap_or_else(|| clamp(self.slots.as_ref().len() / 2));
        let pending = self.listeners.as_ref().get(listener.slot as usize).map_or(0, |l| l.early);
        let none = Opening::Syn { early: false, give: false };
        let Some(cookie) = header.options.fast_open.filter(|_| policy != FastOpenPolicy::Off)
        else {
            return none;
        };
        let check = self.memory.kept_mut().map(|kept| {
            kept.fast_open.refresh(now.instant(), &mut self.rng);
            kept.fast_open.check::<PrfOf<T>>(tuple, &cookie)
        });
        let open = policy == FastOpenPolicy::Open;
        let Some(check) = check.or_else(|| open.then_some(Check::Wrong)) else { return none };
        let valid = open || check != Check::Wrong;
        let early = data && valid && pending < max;
        Opening::Syn { early, give: check != Check::Newest }
    }

    /// One more connection of a listener has data before it is established.
    pub(super) fn count_early(&mut self, listener: ListenerHandle, early: bool) {
        if let Some(listener) = self.listeners.as_mut().get_mut(listener.slot as usize)
            && early
        {
            listener.early = listener.early.saturating_add(1);
        }
    }

    /// One less has.
    #[cold]
    pub(super) fn uncount_early(&mut self, slot: usize) {
        let Some(endpoint) = self.endpoint_mut(slot) else { return };
        endpoint.bits.unset(Bits::EARLY);
        let local = endpoint.local_end();
        if let Some(listener) = self.listener(&local)
            && let Some(listener) = self.listeners.as_mut().get_mut(listener.slot as usize)
        {
            listener.early = listener.early.saturating_sub(1);
        }
    }
}

/// What a SYN carries at most where nothing is known (TCP-360).
pub(super) fn size_default(peer: Either) -> u16 {
    if peer.is_v4() { MSS_DEFAULT_V4 } else { MSS_DEFAULT_V6 }
}

impl<P: Profile> Endpoint<P> {
    /// A deferred connect begins: the SYN may carry so many bytes of what is queued.
    pub(super) fn begin_early(&mut self, most: u32) {
        self.bits.set(Bits::FAST_OPEN);
        self.wnd = P::Offset::narrow(most);
    }

    /// Data of the SYN, whose cookie was valid: it can be read before the handshake is over (TCP-079, TCP-365).
    pub(super) fn take_early_data(&mut self, data: &[u8], give: bool) {
        self.bits.put(Bits::FAST_OPEN, give);
        if data.is_empty() {
            return;
        }
        let room =
            self.ring.room(self.storage.as_ref()).min(self.rcv_adv.since(self.rcv_nxt) as usize);
        let data = data.get(..room).unwrap_or(data);
        let written = self.ring.write(self.storage.as_mut(), 0, data);
        self.rcv_nxt += clamp(written.advanced);
        self.losses.clear(self.una + 1); // what is sent from now on stays when the connection is established
        self.bits.set(
            Bits::EARLY.and(Bits::EARLY_FIRST).and(Bits::TELL_ACCEPTED).and(Bits::TELL_RECEIVE),
        );
    }
}
