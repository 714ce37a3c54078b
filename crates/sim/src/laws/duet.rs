//! Two machines that talk to each other, in a certain manner.

use super::{GREETING_MAX, Lent, Pair, Subject};
use core::time::Duration;
use mainstay_base::{Instant, Rng};

/// Calls after which outputs must have ended (L2). chosen: far above any machine's queue.
const CALLS_MAX: usize = 100_000;

/// Commands of one run. chosen: a handful of messages, an end.
const ACTS: usize = 14;

/// How the two are driven. Whatever differs between two manners must not show in what is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Decides the commands and their times.
    pub(super) seed: u64,
    /// Most bytes handed in at once.
    pub(super) split_max: usize,
    /// Most bytes polled at once.
    pub(super) limit: usize,
    /// Events are polled now and then, not after each unit.
    pub(super) lazy: bool,
    /// `handle_timeout` is called when nothing is due, and twice when something is.
    pub(super) restless: bool,
}

impl Manner {
    pub(super) const fn plain(seed: u64) -> Self {
        Self { seed, split_max: usize::MAX, limit: usize::MAX, lazy: false, restless: false }
    }
}

/// What the machine under test said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transcript {
    pub(super) events: Vec<String>,
    /// Messages, or runs of bytes.
    pub(super) payload: Vec<u8>,
    /// Events and lengths of the payload between them.
    pub(super) order: Vec<String>,
    pub(super) wire: Vec<u8>,
    pub(super) replayable: bool,
}

impl Transcript {
    const fn len(&self) -> usize {
        self.events.len() + self.payload.len()
    }

    fn event(&mut self, event: String) {
        self.order.push(event.clone());
        self.events.push(event);
    }

    fn take(&mut self, lent: &Lent) {
        self.payload(&lent.bytes);
        if lent.end {
            self.payload(b"|");
        }
    }

    fn payload(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.payload.extend_from_slice(bytes);
        // Pieces are joined: where they were cut is nobody's business.
        match self
            .order
            .last_mut()
            .map(|last| (last.strip_prefix("bytes ").map(str::to_owned), last))
        {
            Some((Some(count), last)) => {
                let count: usize = count.parse().unwrap_or(0);
                *last = format!("bytes {}", count + bytes.len());
            }
            Some((None, _)) | None => self.order.push(format!("bytes {}", bytes.len())),
        }
    }
}

struct Duet<'m> {
    sides: [Box<dyn Subject>; 2],
    /// Bytes on the way to the other side.
    wires: [Vec<u8>; 2],
    said: [Transcript; 2],
    manner: &'m Manner,
    now: Instant,
    /// For the manner; the commands have their own.
    whim: Rng,
}

/// Runs a pair; what the first of it said.
pub(super) fn duet(pair: Pair, manner: &Manner) -> Result<Transcript, String> {
    let mut duet = Duet::new(pair, manner);
    duet.play()?;
    let [said, _] = duet.said;
    Ok(said)
}

impl<'m> Duet<'m> {
    fn new(pair: Pair, manner: &'m Manner) -> Self {
        let replayable = pair.0.is_replayable();
        let said = Transcript { replayable, ..Transcript::default() };
        Self {
            sides: [pair.0, pair.1],
            wires: [Vec::new(), Vec::new()],
            said: [said, Transcript::default()],
            manner,
            now: Instant::from_millis(1000),
            whim: Rng::from_run(!manner.seed),
        }
    }

    fn play(&mut self) -> Result<(), String> {
        let mut rng = Rng::from_run(self.manner.seed);
        self.pump()?;
        for _ in 0..ACTS {
            let side = usize::from(rng.below(2) == 1);
            let what = rng.next_u64();
            self.now += Duration::from_millis(rng.below(400));
            self.tick()?;
            self.sides[side].act(self.now, what);
            self.pump()?;
        }
        // Whatever waits for time gets it.
        for _ in 0..6 {
            self.now += Duration::from_secs(2);
            self.tick()?;
        }
        Ok(())
    }

    /// Lets deadlines that have passed have their effect.
    fn tick(&mut self) -> Result<(), String> {
        for at in 0..2 {
            let due = self.sides[at].deadline().is_some_and(|at| at <= self.now);
            if due || self.manner.restless {
                self.sides[at].timeout(self.now);
            }
            if self.manner.restless {
                self.sides[at].timeout(self.now);
            }
        }
        self.pump()
    }

    /// Moves bytes until none move any more.
    fn pump(&mut self) -> Result<(), String> {
        for _ in 0..CALLS_MAX {
            let mut moved = false;
            for at in 0..2 {
                moved |= self.send(at)?;
                moved |= self.deliver(at)?;
                if self.manner.restless && self.whim.below(3) == 0 {
                    self.early(at);
                }
            }
            if !moved {
                return self.rest();
            }
        }
        Err("L2: the two never come to rest".to_owned())
    }

    /// L4 speaks of calls before the deadline.
    fn early(&mut self, at: usize) {
        if self.sides[at].deadline().is_none_or(|due| due > self.now) {
            self.sides[at].timeout(self.now);
        }
    }

    /// Everything that one side has to say, payload it holds itself included.
    fn drain(&mut self, at: usize) -> Result<(), String> {
        loop {
            let before = self.said[at].len();
            self.events(at)?;
            while let Some(lent) = self.sides[at].lend(&mut []) {
                self.said[at].take(&lent);
            }
            if self.said[at].len() == before {
                return Ok(());
            }
        }
    }

    fn rest(&mut self) -> Result<(), String> {
        for at in 0..2 {
            self.drain(at)?;
            if self.sides[at].deadline().is_some_and(|due| due <= self.now) {
                self.sides[at].timeout(self.now);
                self.events(at)?;
                if self.sides[at].deadline().is_some_and(|due| due <= self.now) {
                    return Err("L3: drained, and still due".to_owned());
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, at: usize) -> Result<bool, String> {
        let limit = self.manner.limit;
        let mut calls = 0;
        let before = self.wires[at].len();
        loop {
            let len = self.wires[at].len();
            self.sides[at].transmit(self.now, &mut self.wires[at], limit);
            let more = self.wires[at].len() - len;
            if more > limit {
                return Err(format!("L6: {more} bytes for a limit of {limit}"));
            }
            if more == 0 {
                break;
            }
            calls += 1;
            if calls > CALLS_MAX {
                return Err("L2: poll_transmit never ends".to_owned());
            }
        }
        let wrote = self.wires[at].len() > before;
        if wrote {
            let bytes = self.wires[at].get(before..).unwrap_or_default().to_vec();
            self.said[at].wire.extend_from_slice(&bytes);
            self.sides[at].written(self.now);
        }
        if !self.manner.lazy || self.whim.below(3) == 0 {
            self.events(at)?;
        }
        Ok(wrote)
    }

    /// Hands one side's bytes to the other, unit by unit, in the order of the contract.
    fn deliver(&mut self, from: usize) -> Result<bool, String> {
        let to = 1 - from;
        let mut moved = false;
        while !self.wires[from].is_empty() {
            let len = self.wires[from].len().min(self.manner.split_max);
            let mut piece: Vec<u8> = self.wires[from].get(..len).unwrap_or_default().to_vec();
            let before = self.said[to].len();
            let taken = self.sides[to].feed(self.now, &mut piece);
            if taken > len {
                return Err("takes more than there is".to_owned());
            }
            if !self.manner.lazy {
                self.events(to)?;
            }
            let unit = piece.get_mut(..taken).unwrap_or_default();
            let mut calls = 0;
            while let Some(lent) = self.sides[to].lend(unit) {
                self.said[to].take(&lent);
                calls += 1;
                if calls > CALLS_MAX {
                    return Err("L2: next_payload never ends".to_owned());
                }
            }
            if !self.manner.lazy || taken == 0 || self.whim.below(3) == 0 {
                if taken == 0 {
                    self.drain(to)?;
                }
                self.events(to)?;
                if taken == 0 && self.said[to].len() == before {
                    break;
                }
            }
            self.wires[from].drain(..taken);
            moved |= taken > 0;
        }
        Ok(moved)
    }

    fn events(&mut self, at: usize) -> Result<(), String> {
        for _ in 0..CALLS_MAX {
            let Some(event) = self.sides[at].event() else { return Ok(()) };
            self.said[at].event(event);
        }
        Err("L2: poll_event never ends".to_owned())
    }
}

/// Uniform in `0..bound`; 0 when that is empty.
pub(super) fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap_or(0)
}

/// L7: after the transport died and everything was told, nothing follows.
pub(super) fn inert(pair: Pair, manner: &Manner) -> Result<(), String> {
    let mut duet = Duet::new(pair, manner);
    duet.play()?;
    let now = duet.now;
    let side = &mut duet.sides[0];
    side.lost(now);
    for _ in 0..CALLS_MAX {
        let mut out = Vec::new();
        side.transmit(now, &mut out, usize::MAX);
        side.written(now);
        if side.event().is_none() && out.is_empty() {
            break;
        }
    }
    let mut rng = Rng::from_run(manner.seed);
    for round in 0..20 {
        let now = now + Duration::from_secs(10 * round);
        let mut bytes = vec![0; 30];
        rng.fill(&mut bytes);
        let taken = side.feed(now, &mut bytes);
        let lent = side.lend(bytes.get_mut(..taken).unwrap_or_default());
        match rng.below(5) {
            0 => side.eof(now),
            1 => side.lost(now),
            2 => side.act(now, rng.next_u64()),
            _ => side.timeout(now),
        }
        side.written(now);
        let mut out = Vec::new();
        side.transmit(now, &mut out, usize::MAX);
        if let Some(event) = side.event() {
            return Err(format!("L7: says {event} after its end"));
        }
        if lent.is_some() || !out.is_empty() {
            return Err(format!("L7: {lent:?} and {} bytes after its end", out.len()));
        }
        if let Some(due) = side.deadline() {
            return Err(format!("L7: waits for {due:?} after its end"));
        }
    }
    Ok(())
}

/// Nonsense, and real traffic that was damaged. With `factor`: outputs are counted (L8).
pub(super) fn hostile(
    make: &mut dyn FnMut() -> Pair,
    seed: u64,
    factor: Option<usize>,
) -> Result<(), String> {
    let mut rng = Rng::from_run(seed);
    // What the peer says when all is well.
    let plain = Manner::plain(seed);
    let (subject, peer) = make();
    let mut real = duet((peer, subject), &plain)?.wire;
    for _ in 0..rng.below(4) {
        let at = below(&mut rng, real.len());
        if let Some(byte) = real.get_mut(at) {
            *byte = (rng.next_u16() & 0xff) as u8;
        }
    }
    let mut noise = vec![0; 3000];
    rng.fill(&mut noise);
    let repeated = real.repeat(3);
    for bytes in [real, noise, repeated] {
        let (subject, peer) = make();
        let manner = Manner { split_max: 1 + below(&mut rng, 600), ..plain };
        let mut duet = Duet::new((subject, peer), &manner);
        duet.send(0)?;
        let greeting = duet.said[0].wire.len();
        duet.wires[1] = bytes.clone();
        for _ in 0..4 {
            duet.deliver(1)?;
            duet.send(0)?;
            duet.now += Duration::from_secs(1);
            duet.sides[0].timeout(duet.now);
        }
        let said = &duet.said[0];
        let all = said.wire.len() - greeting + said.events.len() + said.payload.len();
        if let Some(factor) = factor
            && all > factor * bytes.len() + GREETING_MAX
        {
            return Err(format!("L8: {all} bytes and events for {} bytes", bytes.len()));
        }
    }
    Ok(())
}
