//! What a byte machine looks like from here: the contract's methods, and what the laws need to know besides.

use mainstay_base::Instant;

/// A piece of payload that was lent, copied.
#[derive(Clone, Debug, Default)]
pub struct Lent {
    /// Whose it is, where several share the connection.
    pub channel: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// A message ends with it.
    pub end: bool,
}

/// How alike two runs of one input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alike {
    /// Events and payload, in one order.
    Exactly,
    /// Less what is lent of a message that breaks off by the peer's fault.
    ButForBroken,
    /// Events, and payload by channel, in any order among each other, and that unless the connection fails or the
    /// transport takes nothing for a while.
    UnlessFailed,
}

/// A machine of the byte shape, with the peer left to the fuzzer.
pub trait Machine {
    /// Bytes of memory it may hold, whatever the peer sends: from the limits of its configuration.
    const HELD_MAX: usize;
    /// What it may send unasked, and for one command: a hello, a body.
    const SAYS_MAX: usize = 64 * 1024;
    /// How alike two runs of one input are, whatever the cuts.
    const ALIKE: Alike = Alike::Exactly;

    /// One that has just been opened, of the kind the program's first letter names (0 for none, or `A`).
    fn open(now: Instant, kind: u8) -> Self;
    /// `handle_input`.
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize;
    /// `next_payload`.
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent>;
    /// `poll_event`, as text, and whether it is the last one there may be. No text for one that says when, not what.
    fn event(&mut self, now: Instant) -> Option<(String, bool)>;
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
    /// One of its commands.
    fn act(&mut self, now: Instant, what: u8);
    /// Whether it may refuse input now: it is over, or `room().up` is 0.
    fn is_deaf(&self) -> bool;
    /// Whether two runs of one input say the same: not where the machine draws keys.
    fn is_replayable(&self) -> bool {
        true
    }
}
