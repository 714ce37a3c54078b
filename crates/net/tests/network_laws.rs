//! The laws of outputs and time for IP and TCP together, over links that lose, double and reorder as a seed says.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "not all of it is needed here")]
#[path = "flood/side.rs"]
mod side;

use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::{Handle, Push, State};
use side::{CLIENT, PORT, SERVER, Side};

/// chosen: a second or two of debug code
const SEEDS: u64 = 12;
/// Each with a question.
const GUESTS: usize = 20;

struct World {
    now: Instant,
    sides: [Side; 2],
    flying: Vec<(Instant, usize, Vec<u8>)>,
    rng: Rng,
    faults: [u64; 3],
    asked: Vec<(Handle, bool)>,
    answered: usize,
    /// FNV-1a of everything that left, and when.
    hash: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_run(seed);
        let faults = [rng.below(25), rng.below(25), rng.below(50)];
        Self {
            now: Instant::from_millis(1000),
            sides: [Side::client(CLIENT), Side::server(SERVER)],
            flying: Vec::new(),
            rng,
            faults,
            asked: Vec::new(),
            answered: 0,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    fn chance(&mut self, which: usize) -> bool {
        self.rng.below(100) < self.faults[which]
    }

    fn record(&mut self, bytes: &[u8]) {
        for byte in self.now.as_micros().to_le_bytes().iter().chain(bytes) {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// Everything that can be done at this moment; what the laws say of outputs holds then.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 100, "it never becomes quiet (L2)");
            let mut quiet = true;
            self.sides[1].serve(self.now);
            self.guests();
            for from in 0..2 {
                let mut count = 0;
                while let Some(packet) = self.sides[from].next(self.now).map(<[u8]>::to_vec) {
                    count += 1;
                    assert!(count < 10_000, "poll_transmit runs dry (L2)");
                    quiet = false;
                    self.record(&packet);
                    if self.chance(0) {
                        continue;
                    }
                    let copies = if self.chance(1) { 2 } else { 1 };
                    for _ in 0..copies {
                        let late = if self.chance(2) { self.rng.below(40_000) } else { 0 };
                        let at = self.now + Duration::from_micros(5000 + late);
                        self.flying.push((at, 1 - from, packet.clone()));
                    }
                }
            }
            if quiet {
                break;
            }
        }
        for side in &self.sides {
            assert!(side.network.poll_timeout().is_none_or(|at| at > self.now), "ahead (L3)");
        }
    }

    fn guests(&mut self) {
        let (now, network) = (self.now, &mut self.sides[0].network);
        while network.poll_event(now).is_some() {}
        let answered = &mut self.answered;
        self.asked.retain_mut(|(handle, asked)| {
            let mut live = network.at(now, *handle).unwrap();
            let open = live.endpoint().unwrap().state() == State::Established;
            if open && !*asked {
                *asked = true;
                live.write(b"question", Push::Now).unwrap();
                live.finish().unwrap();
            }
            let mut bytes = [0; 64];
            let done = live.read(&mut bytes).is_ok_and(|count| count > 0);
            *answered += usize::from(done);
            if done {
                network.release(now, *handle);
            }
            !done
        });
    }

    fn run(mut self) -> (u64, usize) {
        for _ in 0..GUESTS {
            let family = usize::try_from(self.rng.below(2)).unwrap();
            let peer = (SERVER[family], PORT).into();
            let handle = self.sides[0].network.connect(self.now, peer, None, 0).unwrap();
            self.asked.push((handle, false));
        }
        let end = self.now + Duration::from_secs(400);
        loop {
            self.settle();
            let timers = self.sides.iter().filter_map(|side| side.network.poll_timeout());
            let next = timers.chain(self.flying.iter().map(|item| item.0)).min();
            let Some(next) = next.filter(|at| *at < end) else { break };
            // Early is harmless, and twice is once (L4): what leaves would show in the trace of a run without.
            let early = self.now + (next - self.now) / 2;
            for side in &mut self.sides {
                side.network.handle_timeout(early);
                assert!(side.next(early).is_none(), "something leaves before its time (L4)");
            }
            self.now = next;
            for side in &mut self.sides {
                side.network.handle_timeout(next);
                side.network.handle_timeout(next);
            }
            let due: Vec<_> = self.flying.extract_if(.., |item| item.0 <= next).collect();
            for (_, to, packet) in due {
                self.sides[to].give(next, &packet);
            }
        }
        (self.hash, self.answered)
    }
}

// Covers TCP-087, TCP-004
#[test]
fn every_run_replays_and_keeps_the_laws_and_everybody_is_answered() {
    for seed in 0..SEEDS {
        let (hash, answered) = World::new(seed).run();
        assert_eq!(answered, GUESTS, "seed {seed}");
        assert_eq!((hash, answered), World::new(seed).run(), "seed {seed} (L1)");
    }
}
