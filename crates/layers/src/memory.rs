//! A transport without a network: two bounded rings and two ends, as one value (LAY-216).
//!
//! It behaves as TCP does to its two users: bytes in order, a window that closes, half-close,
//! reset. Latency, rate and chunking come from the specification, and the chunking's schedule from
//! its seed. Nothing is global: who owns the value owns the network (LAY-217).

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use mainstay_base::{Instant, Rng};

use crate::spec::MemSpec;

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The one that connected.
    Client,
    /// The one that accepted.
    Server,
}

/// What reading an end came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes were appended.
    Bytes(usize),
    /// None now.
    Nothing,
    /// The other end finished, and everything before was read.
    Finished,
    /// The other end reset the connection: what was not read yet is lost.
    Reset,
}

/// A connection in memory.
#[derive(Debug)]
pub struct Pair {
    /// From client to server, and back.
    rings: [Ring; 2],
    spec: MemSpec,
    rng: Rng,
    reset: bool,
}

#[derive(Debug, Default)]
struct Ring {
    /// Bytes and when they arrive, in order.
    pieces: VecDeque<(Instant, Vec<u8>)>,
    /// Bytes of the first piece that were read.
    read: usize,
    held: usize,
    /// When the last byte accepted will have passed the rate.
    busy: Instant,
    finished: Option<Instant>,
}

impl Pair {
    /// A connection as `spec` says.
    #[must_use]
    pub fn new(spec: &MemSpec) -> Self {
        let rng = Rng::from_run(spec.seed);
        Self { rings: [Ring::default(), Ring::default()], spec: spec.clone(), rng, reset: false }
    }

    /// Accepts what fits into the ring from `end`; how much. Nothing after a finish or reset.
    pub fn write(&mut self, now: Instant, end: End, bytes: &[u8]) -> usize {
        let room = self.room(end);
        let ring = &mut self.rings[end.outgoing()];
        let bytes = bytes.get(..room).unwrap_or(bytes);
        if bytes.is_empty() {
            return 0;
        }
        ring.busy = ring.busy.max(now) + duration_at(self.spec.rate, bytes.len());
        ring.held += bytes.len();
        ring.pieces.push_back((ring.busy + self.spec.latency, bytes.to_vec()));
        bytes.len()
    }

    /// How much `write` would accept.
    #[must_use]
    pub fn room(&self, end: End) -> usize {
        let ring = &self.rings[end.outgoing()];
        if self.reset || ring.finished.is_some() {
            return 0;
        }
        self.spec.ring.saturating_sub(ring.held)
    }

    /// Appends at most `limit` bytes that have arrived at `end`; with chunking, fewer by the
    /// schedule.
    pub fn read(&mut self, now: Instant, end: End, out: &mut Vec<u8>, limit: usize) -> Read {
        if self.reset {
            return Read::Reset;
        }
        let mut limit = limit;
        if let Some(chunk) = self.spec.chunk {
            let most = u64::try_from(chunk).unwrap_or(u64::MAX);
            let drawn = usize::try_from(self.rng.below(most)).unwrap_or(chunk);
            limit = limit.min(drawn.saturating_add(1));
        }
        let ring = &mut self.rings[end.incoming()];
        let before = out.len();
        while let Some((at, piece)) = ring.pieces.front()
            && *at <= now
            && out.len() - before < limit
        {
            let rest = piece.get(ring.read..).unwrap_or_default();
            let part = rest.get(..limit - (out.len() - before)).unwrap_or(rest);
            out.extend_from_slice(part);
            ring.read += part.len();
            ring.held -= part.len();
            if ring.read == piece.len() {
                ring.pieces.pop_front();
                ring.read = 0;
            }
        }
        match out.len() - before {
            0 if ring.pieces.is_empty() && ring.finished.is_some_and(|at| at <= now) => {
                Read::Finished
            }
            0 => Read::Nothing,
            len => Read::Bytes(len),
        }
    }

    /// Ends the direction from `end`; reading goes on.
    pub fn finish(&mut self, now: Instant, end: End) {
        let ring = &mut self.rings[end.outgoing()];
        let at = ring.busy.max(now) + self.spec.latency;
        ring.finished.get_or_insert(at);
    }

    /// Resets the connection: both ends see it at once, whatever is under way.
    pub fn abort(&mut self) {
        self.reset = true;
        self.rings = [Ring::default(), Ring::default()];
    }

    /// When something arrives next that has not arrived at `now`.
    #[must_use]
    pub fn next_arrival(&self, now: Instant) -> Option<Instant> {
        let arrivals = self
            .rings
            .iter()
            .flat_map(|ring| ring.pieces.iter().map(|(at, _)| *at).chain(ring.finished));
        arrivals.filter(|at| *at > now).min()
    }
}

impl End {
    const fn outgoing(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    const fn incoming(self) -> usize {
        1 - self.outgoing()
    }
}

/// How long `len` bytes take at `rate` bytes per second.
fn duration_at(rate: Option<u64>, len: usize) -> Duration {
    let Some(rate) = rate.filter(|&rate| rate > 0) else { return Duration::ZERO };
    let micros = u128::try_from(len).unwrap_or(u128::MAX).saturating_mul(1_000_000);
    Duration::from_micros(u64::try_from(micros.div_ceil(u128::from(rate))).unwrap_or(u64::MAX))
}

/// Connections and listeners by label: a network its owner can drop.
#[derive(Debug, Default)]
pub struct Network {
    /// Connections made and not accepted yet, by label; a label listens if it is here.
    waiting: BTreeMap<String, VecDeque<usize>>,
    pairs: Vec<Pair>,
}

impl Network {
    /// A network nobody is on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `label` connectable.
    pub fn listen(&mut self, label: &str) {
        self.waiting.entry(label.to_owned()).or_default();
    }

    /// Connects to the label of `spec`; the connection's number, or `None` when nobody listens.
    pub fn connect(&mut self, spec: &MemSpec) -> Option<usize> {
        let queue = self.waiting.get_mut(&spec.label)?;
        let number = self.pairs.len();
        queue.push_back(number);
        self.pairs.push(Pair::new(spec));
        Some(number)
    }

    /// The number of the next connection to `label`.
    pub fn accept(&mut self, label: &str) -> Option<usize> {
        self.waiting.get_mut(label)?.pop_front()
    }

    /// A connection by its number.
    pub fn pair(&mut self, number: usize) -> Option<&mut Pair> {
        self.pairs.get_mut(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: Instant = Instant::ZERO;

    fn drain(pair: &mut Pair, now: Instant, end: End) -> (Vec<u8>, Read) {
        let mut out = Vec::new();
        loop {
            match pair.read(now, end, &mut out, usize::MAX) {
                Read::Bytes(_) => {}
                end @ (Read::Nothing | Read::Finished | Read::Reset) => return (out, end),
            }
        }
    }

    // Covers LAY-216
    #[test]
    fn a_full_ring_takes_no_more_until_it_is_read() {
        let mut pair = Pair::new(&MemSpec { ring: 10, ..MemSpec::new("a") });
        assert_eq!(pair.write(ZERO, End::Client, b"0123456789ab"), 10);
        assert_eq!(pair.write(ZERO, End::Client, b"x"), 0);
        let mut out = Vec::new();
        assert_eq!(pair.read(ZERO, End::Server, &mut out, 4), Read::Bytes(4));
        assert_eq!(pair.room(End::Client), 4);
        assert_eq!(pair.write(ZERO, End::Client, b"ab"), 2);
        assert_eq!(drain(&mut pair, ZERO, End::Server), (b"456789ab".to_vec(), Read::Nothing));
    }

    // Covers LAY-216
    #[test]
    fn bytes_arrive_after_the_latency_and_no_faster_than_the_rate() {
        let latency = Duration::from_millis(20);
        let spec = MemSpec { latency, rate: Some(1000), ..MemSpec::new("a") };
        let mut pair = Pair::new(&spec);
        pair.write(ZERO, End::Server, &[1; 100]);
        pair.write(ZERO, End::Server, &[2; 100]);
        let at = Instant::from_millis;
        assert_eq!(pair.next_arrival(ZERO), Some(at(120)));
        assert!(drain(&mut pair, at(119), End::Client).0.is_empty());
        assert_eq!(drain(&mut pair, at(120), End::Client).0, [1; 100]);
        assert_eq!(drain(&mut pair, at(220), End::Client).0, [2; 100]);
        assert_eq!(pair.next_arrival(at(220)), None);
    }

    // Covers LAY-216
    #[test]
    fn chunks_follow_the_seed() {
        let sizes = |seed| {
            let mut pair = Pair::new(&MemSpec { chunk: Some(7), seed, ..MemSpec::new("a") });
            pair.write(ZERO, End::Client, &[0; 500]);
            let mut out = Vec::new();
            let mut sizes = Vec::new();
            while let Read::Bytes(len) = pair.read(ZERO, End::Server, &mut out, 100) {
                sizes.push(len);
            }
            assert_eq!(out.len(), 500);
            assert!(sizes.iter().all(|size| (1..=7).contains(size)));
            sizes
        };
        assert_eq!(sizes(1), sizes(1));
        assert_ne!(sizes(1), sizes(2));
    }

    // Covers LAY-178, LAY-216
    #[test]
    fn half_close_and_reset_are_as_in_tcp() {
        let mut pair = Pair::new(&MemSpec::new("a"));
        pair.write(ZERO, End::Client, b"bye");
        pair.finish(ZERO, End::Client);
        assert_eq!(pair.write(ZERO, End::Client, b"more"), 0);
        assert_eq!(drain(&mut pair, ZERO, End::Server), (b"bye".to_vec(), Read::Finished));
        assert_eq!(pair.write(ZERO, End::Server, b"answer"), 6);
        pair.abort();
        assert_eq!(drain(&mut pair, ZERO, End::Client), (Vec::new(), Read::Reset));
        assert_eq!(pair.write(ZERO, End::Server, b"x"), 0);
    }

    // Covers LAY-217
    #[test]
    fn labels_live_in_the_network_they_were_made_in() {
        let (mut one, mut two) = (Network::new(), Network::new());
        one.listen("a");
        assert_eq!(two.connect(&MemSpec::new("a")), None);
        let number = one.connect(&MemSpec::new("a")).unwrap();
        assert_eq!(one.accept("a"), Some(number));
        assert_eq!((one.accept("a"), one.accept("b")), (None, None));
        one.pair(number).unwrap().write(ZERO, End::Client, b"x");
        assert_eq!(drain(one.pair(number).unwrap(), ZERO, End::Server).0, b"x");
    }
}
