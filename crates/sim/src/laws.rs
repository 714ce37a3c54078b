//! The laws of the contract (see `mainstay_base`), as checkers for any byte-shaped machine, and in `packets` for those of the
//! datagram shape.
//!
//! A machine is met through [`Subject`], a small adapter, together with the peer it talks to. A
//! checker runs the two against each other in two manners that the law says are equal (bytes split
//! here and there, drained now or later, the clock asked too often) and compares what was said.

mod duet;
mod packets;

pub use packets::{Station, Stations, check_packets};

use duet::{Manner, Transcript, duet};
use mainstay_base::{Instant, Rng, Verdict};

/// A piece of payload that was lent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lent {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// A message ends with it.
    pub end: bool,
}

/// A machine of the byte shape.
pub trait Subject {
    /// `handle_input`.
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize;
    /// `next_payload`, copied.
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent>;
    /// `poll_event`, as text.
    fn event(&mut self) -> Option<String>;
    /// `poll_transmit`.
    fn transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize);
    /// `handle_written`.
    fn written(&mut self, now: Instant);
    /// `handle_eof`.
    fn eof(&mut self, now: Instant);
    /// `handle_lost`.
    fn lost(&mut self, now: Instant);
    /// `handle_timeout`.
    fn timeout(&mut self, now: Instant);
    /// `poll_timeout`.
    fn deadline(&self) -> Option<Instant>;
    /// Some command of the machine, chosen by `what`; it may be refused.
    fn act(&mut self, now: Instant, what: u64);
    /// Whether its wire bytes are a function of its inputs (not so with TLS).
    fn is_replayable(&self) -> bool {
        true
    }
}

/// The machine under test, and the peer it talks to.
pub type Pair = (Box<dyn Subject>, Box<dyn Subject>);

/// A law of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// Same seed, same inputs, same times: same outputs.
    Replay,
    /// Outputs end after a bounded number of calls.
    Dry,
    /// Once drained, the deadline is later than now.
    Ahead,
    /// `handle_timeout` early or twice changes nothing.
    Early,
    /// After `Dropped` the machine is as before; for datagram machines, see [`dropped`].
    Dropped,
    /// Any `limit` loses nothing and is kept to.
    Buffer,
    /// After its end a machine says nothing more.
    Inert,
    /// Outputs are at most proportional to inputs.
    Bounded,
    /// Inputs may be split and batched at will.
    AnyOrder,
    /// No bytes of a peer make it panic.
    NoError,
}

impl Law {
    /// Those that apply to byte-shaped machines.
    pub const BYTES: [Self; 9] = [
        Self::Replay,
        Self::Dry,
        Self::Ahead,
        Self::Early,
        Self::Buffer,
        Self::Inert,
        Self::Bounded,
        Self::AnyOrder,
        Self::NoError,
    ];

    /// Those that apply to machines of the datagram shape: all.
    pub const PACKETS: [Self; 10] = [
        Self::Replay,
        Self::Dry,
        Self::Ahead,
        Self::Early,
        Self::Dropped,
        Self::Buffer,
        Self::Inert,
        Self::Bounded,
        Self::AnyOrder,
        Self::NoError,
    ];
}

/// Output bytes per input byte before it counts as amplification. chosen: a 2-byte ping may be
/// answered by a frame, a record around it, and an alert.
const AMPLIFICATION_MAX: usize = 100;

/// What a machine may say unasked: a preface, a handshake, a refusal. chosen: a certificate chain.
const GREETING_MAX: usize = 64 * 1024;

/// Checks one law on fresh machines of `make`, under the schedules of `seed`.
///
/// # Errors
/// How it was broken.
pub fn check(law: Law, seed: u64, make: &mut dyn FnMut() -> Pair) -> Result<(), String> {
    let plain = Manner::plain(seed);
    match law {
        Law::Replay => {
            let (first, second) = (duet(make(), &plain)?, duet(make(), &plain)?);
            same("replayed", &first, &second)
        }
        Law::Dry | Law::Ahead => duet(make(), &plain).map(|_| ()),
        Law::Early => {
            let calm = duet(make(), &plain)?;
            same("asked too often", &calm, &duet(make(), &Manner { restless: true, ..plain })?)
        }
        Law::Buffer => {
            let wide = duet(make(), &plain)?;
            let narrow = duet(make(), &Manner { limit: 1 + small(seed, 7), ..plain })?;
            said("polled by few bytes", &wide, &narrow)
        }
        Law::AnyOrder => {
            let whole = duet(make(), &plain)?;
            let lazy = Manner { split_max: 1 + small(seed, 5), lazy: true, ..plain };
            said("split and batched", &whole, &duet(make(), &lazy)?)
        }
        Law::Inert => duet::inert(make(), &plain),
        Law::Bounded => duet::hostile(make, seed, Some(AMPLIFICATION_MAX)),
        Law::NoError => duet::hostile(make, seed, None),
        Law::Dropped => Err("for datagram machines: see `dropped`".to_owned()),
    }
}

/// A small number of a seed.
fn small(seed: u64, bound: u64) -> usize {
    usize::try_from(seed % bound).unwrap_or(0)
}

/// Everything said, and on the wire, is the same.
fn same(how: &str, one: &Transcript, other: &Transcript) -> Result<(), String> {
    said(how, one, other)?;
    if one.replayable && one.wire != other.wire {
        return Err(format!("other bytes on the wire when {how}"));
    }
    if one.order != other.order {
        return Err(format!("another order when {how}: {:?}, {:?}", one.order, other.order));
    }
    Ok(())
}

/// The same events and the same payload.
fn said(how: &str, one: &Transcript, other: &Transcript) -> Result<(), String> {
    if one.events != other.events {
        return Err(format!("other events when {how}: {:?}, {:?}", one.events, other.events));
    }
    if one.payload != other.payload {
        return Err(format!("other payload when {how}"));
    }
    Ok(())
}

/// A machine of the datagram shape, as far as L5 goes.
pub trait Datagrams {
    /// `handle_input`.
    fn handle(&mut self, bytes: &[u8]) -> Verdict<()>;
    /// Everything that can be seen of it but counters.
    fn view(&self) -> String;
}

/// L5: what is dropped leaves no trace.
///
/// # Errors
/// What changed.
pub fn dropped(machine: &mut dyn Datagrams, seed: u64) -> Result<(), String> {
    let mut rng = Rng::from_run(seed);
    for _ in 0..200 {
        let mut bytes = vec![0; duet::below(&mut rng, 20)];
        rng.fill(&mut bytes);
        let before = machine.view();
        if machine.handle(&bytes) == Verdict::Dropped(()) && machine.view() != before {
            return Err(format!("dropped and changed: {before}, {}", machine.view()));
        }
    }
    Ok(())
}
