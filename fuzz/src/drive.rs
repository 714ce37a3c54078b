//! Runs a program on a machine and holds it to the laws of `mainstay_base`.

mod drain;

use crate::heap;
use crate::machine::Machine;
use crate::program::{Program, Step};
use crate::said::{PLUGGED, Said};
use core::time::Duration;
use mainstay_base::{Instant, Rng};

/// Calls after which outputs must have ended (L2). chosen: above any queue polled byte by byte.
const CALLS_MAX: usize = 100_000;

/// How the machine is driven; what it says must not depend on it.
#[derive(Clone, Debug)]
struct Manner {
    /// Cuts input and output, and asks too often; none for whole pieces.
    whim: Option<Rng>,
}

impl Manner {
    /// How many of `len` bytes are given, or may be polled, at once.
    fn cut(&mut self, len: usize) -> usize {
        let Some(whim) = &mut self.whim else { return len };
        let most = u64::try_from(len.min(40)).unwrap_or(0);
        usize::try_from(1 + whim.below(most)).unwrap_or(1).min(len)
    }

    fn is_restless(&mut self) -> bool {
        self.whim.as_mut().is_some_and(|whim| whim.below(4) == 0)
    }
}

/// Runs one input twice, whole and in pieces, and panics where a law is broken.
pub fn run<M: Machine>(input: &[u8]) {
    let program = Program::read(input);
    let (whole, replayable) = Run::<M>::play(&program, Manner { whim: None });
    let seed = input.iter().fold(0, |all: u64, &byte| {
        all.rotate_left(5).wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let (pieces, _) = Run::<M>::play(&program, Manner { whim: Some(Rng::from_run(seed)) });
    if replayable {
        whole.assert_same(&pieces, M::ALIKE);
    }
}

struct Run<M> {
    machine: M,
    manner: Manner,
    now: Instant,
    said: Said,
    /// What came and was not taken yet.
    pending: Vec<u8>,
    /// Bytes of memory the machine holds.
    held: usize,
    given: usize,
    sent: usize,
    acts: usize,
    plugged: bool,
    over: bool,
}

impl<M: Machine> Run<M> {
    fn play(program: &Program<'_>, manner: Manner) -> (Said, bool) {
        let (now, before) = (Instant::from_millis(1000), heap::used());
        let machine = M::open(now, program.kind());
        let held = heap::used() - before;
        let (said, pending) = (Said::default(), Vec::new());
        let (given, sent, acts, plugged, over) = (0, 0, 0, false, false);
        let mut run =
            Self { machine, manner, now, said, pending, held, given, sent, acts, plugged, over };
        run.rest();
        let mut wire = program.wire;
        for step in program.steps() {
            run.step(step, &mut wire);
            run.rest();
        }
        run.end();
        (run.said, run.machine.is_replayable())
    }

    fn step(&mut self, step: Step, wire: &mut &[u8]) {
        match step {
            Step::Bytes(len) => {
                let (now, later) = wire.split_at(len.min(wire.len()));
                *wire = later;
                self.pending.extend_from_slice(now);
            }
            Step::Act(what) => {
                self.acts += 1;
                let now = self.now;
                self.counted(|machine| machine.act(now, what));
            }
            Step::Wait(wait) => self.go(self.now + wait),
            Step::Due => self.go(self.machine.deadline().unwrap_or(self.now)),
            Step::Plug => {
                self.said.mark(PLUGGED);
                self.plugged = !self.plugged;
            }
            Step::Eof => {
                self.said.mark("end");
                self.pending.clear();
                let now = self.now;
                self.counted(|machine| machine.eof(now));
            }
            Step::Lost => {
                self.said.mark("lost");
                self.pending.clear();
                let now = self.now;
                self.counted(|machine| machine.lost(now));
            }
        }
    }

    /// Time goes on, deadline by deadline.
    fn go(&mut self, until: Instant) {
        for _ in 0..CALLS_MAX {
            let due = self.machine.deadline().filter(|&at| at <= until);
            let Some(due) = due else {
                self.now = self.now.max(until);
                return;
            };
            self.now = self.now.max(due);
            let now = self.now;
            self.counted(|machine| machine.timeout(now));
            self.rest();
        }
        panic!("L3: deadlines without end before {until:?}");
    }

    /// Lets everything have its effect: bytes are taken, facts and output are drained.
    fn rest(&mut self) {
        self.drain(&mut []);
        self.flush();
        while !self.pending.is_empty() && self.feed() {}
        // A command may make something due at once; then it must be done at once.
        if self.due().is_some() {
            let now = self.now;
            self.counted(|machine| machine.timeout(now));
            self.drain(&mut []);
            self.flush();
        }
        assert!(self.due().is_none(), "L3: drained at {:?}, and due at {:?}", self.now, self.due());
        if self.manner.is_restless() {
            let (now, words) = (self.now, self.said.len());
            self.counted(|machine| machine.timeout(now));
            self.drain(&mut []);
            let news = self.said.since(words);
            assert!(news.is_empty(), "L4: early, and it said {news:?}");
        }
    }

    fn due(&self) -> Option<Instant> {
        self.machine.deadline().filter(|&at| at <= self.now)
    }

    /// Hands a piece in, in the order of the contract; whether it is worth while to go on.
    fn feed(&mut self) -> bool {
        let len = self.manner.cut(self.pending.len());
        let mut piece: Vec<u8> = self.pending.get(..len).unwrap_or_default().to_vec();
        let now = self.now;
        let words = self.said.len();
        let taken = self.counted(|machine| machine.feed(now, &mut piece));
        assert!(taken <= len, "{taken} taken of {len} bytes");
        self.pending.drain(..taken);
        self.given += taken;
        self.drain(piece.get_mut(..taken).unwrap_or_default());
        let wrote = self.flush();
        if taken > 0 || wrote || self.said.len() > words {
            return true;
        }
        if self.plugged {
            self.plugged = false;
            return self.flush() || !self.machine.is_deaf();
        }
        assert!(self.machine.is_deaf(), "nothing taken of {len} bytes, and there is room");
        false
    }

    /// Over or not, an end is an end: nothing is said hours later that time alone does not explain.
    fn end(&mut self) {
        self.plugged = false;
        self.step(Step::Lost, &mut [].as_slice());
        self.rest();
        for _ in 0..3 {
            self.go(self.now + Duration::from_secs(3600));
            self.rest();
        }
        let deadline = self.machine.deadline();
        assert!(deadline.is_none(), "L7: the transport died, and it waits for {deadline:?}");
    }
}
