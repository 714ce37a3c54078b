//! Handshakes without memory, for when the queue of them overflows (TCP-530, TCP-531; RFC 4987 §3.6).
//!
//! The number of the SYN-ACK says when it was sent (5 bits), which segment size the peer announced (3) and that we chose it
//! (24, keyed). A guess is taken for ours once in 2^28: two of the 32 minutes are accepted. What else the SYN announced lies in
//! the 6 low bits of the SYN-ACK's timestamp, which the peer echoes; without timestamps it is lost.

use crate::Seq;
use crate::prf::{Domain, Prf, Secret, Tuple};
use crate::rotation::{Rotation, same};
use core::time::Duration;
use mainstay_base::{Instant, Rng};

/// One step of the count. A cookie is good for what is left of its own and all of the next: 60 to 120 s (TCP-530).
const STEP: Duration = Duration::from_mins(1); // chosen: the specification's bounds
/// The segment sizes a cookie can say; the largest that is not above the announced one is taken. chosen: the smallest
/// accepted, the defaults of both families, mesh and tunnel sizes, and what Ethernet leaves
const SIZES: [u16; 8] = [48, 256, 460, 536, 1220, 1380, 1440, 1460];
/// The low bits of the timestamp that say something: shift, then two flags. chosen: what the options need
const STAMP_BITS: u32 = 0x3f;
/// The shift that says there is none. chosen: shifts end at 14
const NO_SCALE: u32 = 15;
const SACK: u32 = 1 << 4;
const ECN: u32 = 1 << 5;

/// What a cookie remembers of a SYN; an endpoint made of it is as any other (TCP-531).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The number of the SYN.
    pub irs: Seq,
    /// The number of the SYN-ACK: the cookie.
    pub iss: Seq,
    /// The segment size announced, or somewhat less.
    pub mss: u16,
    /// What the timestamp brought back.
    pub stamped: Stamped,
}

/// What the timestamp of a SYN-ACK remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamped {
    /// The shift announced.
    pub window_scale: Option<u8>,
    /// Whether selective acknowledgements were offered.
    pub sack: bool,
    /// Whether ECN was.
    pub ecn: bool,
}

/// Makes cookies and knows them again.
#[derive(Clone, Debug)]
pub struct SynCookies {
    secrets: Rotation,
    /// None is good after this: nobody guesses while none was given.
    good_until: Instant,
}

impl SynCookies {
    /// Cookies of secrets that change each `interval`, two minutes or longer.
    #[must_use]
    pub fn new(now: Instant, interval: Duration, rng: &mut Rng) -> Self {
        Self { secrets: Rotation::new(now, interval.max(STEP * 2), rng), good_until: Instant::ZERO }
    }

    /// The number of the SYN-ACK to a SYN with number `irs` that announced segments of `mss`.
    pub fn make<P: Prf>(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        irs: Seq,
        mss: u16,
        rng: &mut Rng,
    ) -> Seq {
        self.secrets.refresh(now, rng);
        self.good_until = now + STEP * 2;
        let size = (0..7).rev().find(|size| SIZES[*size + 1] <= mss).map_or(0, |size| size + 1);
        let size = u32::try_from(size).unwrap_or(0);
        let count = count(now);
        let head = low(count) << 27 | size << 24;
        Seq(head | proof::<P>(self.secrets.newest(), tuple, irs, (count, size)))
    }

    /// What is remembered of the SYN, if the segment's `ack` acknowledges a cookie of ours; `seq` is the segment's number,
    /// `echo` what its timestamp echoes.
    #[must_use]
    pub fn check<P: Prf>(
        &self,
        now: Instant,
        tuple: &Tuple,
        (seq, ack): (Seq, Seq),
        echo: Option<u32>,
    ) -> Option<Remembered> {
        if now >= self.good_until {
            return None;
        }
        let (irs, iss) = (seq - 1, ack - 1);
        let age = low(count(now)).wrapping_sub(iss.0 >> 27) & 31;
        let sent = count(now).checked_sub(u64::from(age)).filter(|_| age < 2)?;
        let size = iss.0 >> 24 & 7;
        let is_of = |secret: &Secret| {
            let proof = proof::<P>(secret, tuple, irs, (sent, size));
            same(&proof.to_be_bytes(), &(iss.0 & PROOF).to_be_bytes())
        };
        let is_ours = is_of(self.secrets.newest())
            || (self.secrets.age(now) < STEP * 2 && is_of(self.secrets.older()));
        let mss = *SIZES.get(usize::try_from(size).ok()?)?;
        let stamped = echo.map_or_else(Stamped::default, Stamped::read);
        is_ours.then_some(Remembered { irs, iss, mss, stamped })
    }
}

impl Stamped {
    /// The timestamp that remembers this: the last one not after `clock`, which is the connection's own (TCP-357).
    #[must_use]
    pub fn write(self, clock: u32) -> u32 {
        let scale = self.window_scale.map_or(NO_SCALE, |scale| u32::from(scale.min(14)));
        let bits = scale | if self.sack { SACK } else { 0 } | if self.ecn { ECN } else { 0 };
        let back = clock.wrapping_sub(bits) & STAMP_BITS;
        clock.wrapping_sub(back)
    }

    fn read(echo: u32) -> Self {
        let scale = echo & NO_SCALE;
        Self {
            window_scale: u8::try_from(scale).ok().filter(|_| scale != NO_SCALE),
            sack: echo & SACK != 0,
            ecn: echo & ECN != 0,
        }
    }
}

/// The bits of a cookie that prove it. chosen: what time and size leave
const PROOF: u32 = 0xff_ffff;

/// 24 bits that only we can make of everything a cookie stands for.
fn proof<P: Prf>(secret: &Secret, tuple: &Tuple, irs: Seq, (count, size): (u64, u32)) -> u32 {
    let mut message = [0; 25];
    message[0] = Domain::SynCookie as u8;
    message[1..9].copy_from_slice(&tuple.hash::<P>(secret, Domain::SynCookie).to_be_bytes());
    message[9..13].copy_from_slice(&irs.0.to_be_bytes());
    message[13..21].copy_from_slice(&count.to_be_bytes());
    message[21..].copy_from_slice(&size.to_be_bytes());
    low(P::hash(secret, &message)) & PROOF
}

/// Steps since the start.
fn count(now: Instant) -> u64 {
    now.as_micros() / u64::try_from(STEP.as_micros()).unwrap_or(1)
}

/// The low half, on purpose.
#[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
const fn low(wide: u64) -> u32 {
    wide as u32
}
