//! One handshake in 40 bytes.

use super::{KEEP, RESENDS_MAX};
use crate::Seq;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use mainstay_base::Instant;

/// A SYN and the answer to it.
///
/// Our own address and port are numbers of the caller's, since two addresses of 16 bytes do not fit: which of its listeners
/// and, where that listens at all addresses, which of those. The scope of a peer's link-local address is not kept, but
/// follows from ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syn {
    /// Who sent it.
    pub peer: SocketAddr,
    /// For which listener.
    pub listener: u16,
    /// At which address of ours.
    pub local: u16,
    /// The number of the SYN.
    pub irs: Seq,
    /// The number of the SYN-ACK.
    pub iss: Seq,
    /// The segment size announced, 0 for none.
    pub mss: u16,
    /// The shift announced, at most 14.
    pub window_scale: Option<u8>,
    /// The timestamp to echo.
    pub timestamp: Option<u32>,
    /// Whether selective acknowledgements were offered.
    pub sack: bool,
    /// Whether ECN was.
    pub ecn: bool,
}

/// How far a handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Nothing was sent: the application has not decided (TCP-076).
    Deferred,
    /// The SYN-ACK was sent.
    Answered,
    /// It was acknowledged, and waits for an endpoint. Never evicted.
    Completed,
}

/// A place of a [`SynQueue`](super::SynQueue); the default value is an empty one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SynEntry {
    address: [u8; 16],
    irs: Seq,
    pub(super) iss: Seq,
    timestamp: u32,
    port: u16,
    pub(super) listener: u16,
    local: u16,
    mss: u16,
    bits: u16,
    /// When what it waits for is over.
    pub(super) at: Ticks,
}

const _: () = assert!(size_of::<SynEntry>() == 40);

// The bits: 0 and 1 the stage (0 for none), 2 and 3 the repetitions, 4 to 7 the shift.
const STAGE: u16 = 3;
const RESENDS_AT: u16 = 2;
const SCALE_AT: u16 = 4;
const IS_V4: u16 = 1 << 8;
const HAS_TIMESTAMP: u16 = 1 << 9;
const HAS_SACK: u16 = 1 << 10;
const HAS_ECN: u16 = 1 << 11;
/// The shift that says there is none. chosen: shifts end at 14
const NO_SCALE: u16 = 15;

/// What to do about an entry that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    Resend,
    Over,
}

impl SynEntry {
    pub(super) fn pack(syn: &Syn) -> Self {
        let (address, v4) = octets(syn.peer.ip());
        let scale = syn.window_scale.map_or(NO_SCALE, |scale| u16::from(scale.min(14)));
        let set = |yes: bool, bit: u16| if yes { bit } else { 0 };
        Self {
            address,
            irs: syn.irs,
            iss: syn.iss,
            timestamp: syn.timestamp.unwrap_or(0),
            port: syn.peer.port(),
            listener: syn.listener,
            local: syn.local,
            mss: syn.mss,
            bits: scale << SCALE_AT
                | set(v4, IS_V4)
                | set(syn.timestamp.is_some(), HAS_TIMESTAMP)
                | set(syn.sack, HAS_SACK)
                | set(syn.ecn, HAS_ECN)
                | Stage::Deferred.bits(),
            at: Ticks::default(),
        }
    }

    pub(super) fn unpack(&self) -> Syn {
        let scale = self.bits >> SCALE_AT & 15;
        Syn {
            peer: SocketAddr::new(self.ip(), self.port),
            listener: self.listener,
            local: self.local,
            irs: self.irs,
            iss: self.iss,
            mss: self.mss,
            window_scale: u8::try_from(scale).ok().filter(|_| scale != NO_SCALE),
            timestamp: self.has(HAS_TIMESTAMP).then_some(self.timestamp),
            sack: self.has(HAS_SACK),
            ecn: self.has(HAS_ECN),
        }
    }

    pub(super) fn is_of(&self, peer: &SocketAddr, listener: u16, local: u16) -> bool {
        self.stage().is_some()
            && (self.port, self.listener, self.local) == (peer.port(), listener, local)
            && (self.address, self.has(IS_V4)) == octets(peer.ip())
    }

    /// `None` for an empty place.
    pub(super) const fn stage(&self) -> Option<Stage> {
        match self.bits & STAGE {
            1 => Some(Stage::Deferred),
            2 => Some(Stage::Answered),
            3 => Some(Stage::Completed),
            _ => None,
        }
    }

    /// Begins a stage that waits until `at`.
    pub(super) const fn enter(&mut self, stage: Stage, at: Ticks) {
        if self.stage().is_some() {
            self.bits = self.bits & !(STAGE | 3 << RESENDS_AT) | stage.bits();
            self.at = at;
        }
    }

    /// What it waited for did not come.
    pub(super) fn expire(&mut self, now: Instant) -> Expiry {
        let resends = (self.bits >> RESENDS_AT & 3).to_le_bytes()[0];
        if self.stage() != Some(Stage::Answered) || resends == RESENDS_MAX {
            return Expiry::Over;
        }
        self.bits += 1 << RESENDS_AT;
        self.at = Ticks::after(now, Stage::Answered.wait(resends + 1));
        Expiry::Resend
    }

    fn ip(&self) -> IpAddr {
        let [a, b, c, d, ..] = self.address;
        if self.has(IS_V4) {
            Ipv4Addr::new(a, b, c, d).into()
        } else {
            Ipv6Addr::from(self.address).into()
        }
    }

    const fn has(&self, bit: u16) -> bool {
        self.bits & bit != 0
    }
}

impl Stage {
    const fn bits(self) -> u16 {
        match self {
            Self::Deferred => 1,
            Self::Answered => 2,
            Self::Completed => 3,
        }
    }
}

/// An address in 16 bytes, and whether it is one of 4.
fn octets(ip: IpAddr) -> ([u8; 16], bool) {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            ([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], true)
        }
        IpAddr::V6(v6) => (v6.octets(), false),
    }
}

/// A moment at most [`KEEP`] ahead, in units of 2^14 microseconds modulo 2^16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ticks(u16);

const TICK_SHIFT: u32 = 14;

impl Ticks {
    /// The first tick that is not before `wait` from now.
    pub(super) fn after(now: Instant, wait: Duration) -> Self {
        let at = (now + wait).as_micros();
        Self(low(at.saturating_add((1 << TICK_SHIFT) - 1) >> TICK_SHIFT))
    }

    /// Whether it has come. One that is further ahead than any can be was missed long ago.
    pub(super) fn is_due(self, now: Instant) -> bool {
        let ahead = self.ahead(now);
        ahead == 0
            || ahead > low((KEEP.as_micros() >> TICK_SHIFT).try_into().unwrap_or(u64::MAX)) + 2 // both ends rounded
    }

    /// The moment it means, or `now` if it has come.
    pub(super) fn moment(self, now: Instant) -> Instant {
        if self.is_due(now) {
            return now;
        }
        let tick = (now.as_micros() >> TICK_SHIFT).saturating_add(u64::from(self.ahead(now)));
        Instant::from_micros(tick << TICK_SHIFT)
    }

    const fn ahead(self, now: Instant) -> u16 {
        self.0.wrapping_sub(low(now.as_micros() >> TICK_SHIFT))
    }
}

/// The low quarter, on purpose.
#[expect(clippy::cast_possible_truncation, reason = "ticks are modulo 2^16")]
const fn low(wide: u64) -> u16 {
    wide as u16
}
