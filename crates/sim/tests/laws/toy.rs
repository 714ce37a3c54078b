//! A toy machine that keeps every law, and can be told to break one; its checker must notice.

use core::cell::Cell;
use core::time::Duration;
use mainstay_base::{Instant, Verdict};
use mainstay_sim::laws::{Datagrams, Law, Lent, Pair, Subject, check, dropped};
use std::collections::VecDeque;
use std::rc::Rc;

/// Lines in, a dot out for each; a question mark asks for a tick a second later; `!` is the end.
struct Toy {
    breaks: Option<Law>,
    /// What makes one instance unlike another: forbidden, and here for that.
    world: Rc<Cell<u64>>,
    pending: Option<usize>,
    events: VecDeque<String>,
    out: Vec<u8>,
    due: Option<Instant>,
    calls: u32,
    fed: u32,
    over: bool,
}

impl Toy {
    fn new(breaks: Option<Law>, world: &Rc<Cell<u64>>) -> Self {
        world.set(world.get() + 1);
        Self {
            breaks,
            world: Rc::clone(world),
            pending: None,
            events: VecDeque::new(),
            out: Vec::new(),
            due: None,
            calls: 0,
            fed: 0,
            over: false,
        }
    }

    fn breaks(&self, law: Law) -> bool {
        self.breaks == Some(law)
    }
}

impl Subject for Toy {
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        if self.over || self.pending.is_some() || bytes.is_empty() {
            return 0;
        }
        let line = bytes.iter().position(|&byte| byte == b'\n');
        let taken = line.map_or(bytes.len(), |at| at + 1);
        assert!(!(self.breaks(Law::NoError) && bytes.contains(&0xff)), "what is this byte");
        self.fed += 1;
        if bytes[..taken].contains(&b'?') {
            self.due = Some(now + Duration::from_secs(1));
        }
        if line.is_some() {
            if self.breaks(Law::AnyOrder) {
                // A fact that is overwritten when it is not fetched, and depends on the cuts.
                self.events.clear();
                self.events.push_back(format!("line in {} pieces", self.fed));
            } else {
                self.events.push_back("line".to_owned());
            }
            self.fed = 0;
            self.out.push(b'.');
        }
        if self.breaks(Law::Replay) {
            self.out.push(u8::try_from(self.world.get() % 250).unwrap());
        }
        if self.breaks(Law::Bounded) {
            self.out.extend(vec![b'.'; 500 * taken]);
        }
        self.pending = Some(taken);
        taken
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let taken = self.pending.take()?;
        Some(Lent { bytes: unit[..taken].to_vec(), end: false })
    }
    fn event(&mut self) -> Option<String> {
        if self.pending.is_some() {
            return None;
        }
        if self.breaks(Law::Dry) && !self.over {
            return Some("still here".to_owned());
        }
        self.events.pop_front()
    }
    fn transmit(&mut self, _now: Instant, out: &mut Vec<u8>, limit: usize) {
        let len = limit.min(self.out.len());
        out.extend(self.out.drain(..len));
        if self.breaks(Law::Buffer) {
            // What did not fit is forgotten.
            self.out.clear();
        }
    }
    fn written(&mut self, _now: Instant) {}
    fn eof(&mut self, now: Instant) {
        self.lost(now);
    }
    fn lost(&mut self, _now: Instant) {
        if !self.over {
            self.over = true;
            self.pending = None;
            self.due = None;
            self.out.clear();
            self.events.push_back("over".to_owned());
        }
    }
    fn timeout(&mut self, now: Instant) {
        self.calls += 1;
        if self.breaks(Law::Early) && self.calls.is_multiple_of(3) && !self.over {
            self.events.push_back("tick too early".to_owned());
        }
        if self.breaks(Law::Inert) && self.over {
            self.events.push_back("a word from beyond".to_owned());
        }
        if self.due.is_some_and(|due| due <= now) {
            if !self.breaks(Law::Ahead) {
                self.due = None;
            }
            self.events.push_back("tick".to_owned());
        }
    }
    fn deadline(&self) -> Option<Instant> {
        self.due
    }
    fn act(&mut self, _now: Instant, what: u64) {
        if !self.over {
            let text: &[u8] = if what.is_multiple_of(3) { b"what?\n" } else { b"one\ntwo\n" };
            self.out.extend_from_slice(text);
        }
    }
}

/// How often the checker of `law` objects to toys that break `breaks`.
fn objections(law: Law, breaks: Option<Law>) -> usize {
    let world = Rc::new(Cell::new(0));
    let mut make =
        || -> Pair { (Box::new(Toy::new(breaks, &world)), Box::new(Toy::new(None, &world))) };
    (0..10)
        .filter(|&seed| {
            let run = core::panic::AssertUnwindSafe(|| check(law, seed, &mut make));
            std::panic::catch_unwind(run).map_or(true, |result| result.is_err())
        })
        .count()
}

#[test]
fn a_machine_that_keeps_the_laws_is_left_alone() {
    for law in Law::BYTES {
        assert_eq!(objections(law, None), 0, "{law:?}");
    }
}

macro_rules! caught {
    ($($name:ident: $law:ident,)+) => {
        $(
            #[test]
            fn $name() {
                assert!(objections(Law::$law, Some(Law::$law)) > 0);
            }
        )+
    };
}

caught! {
    l1_a_machine_that_differs_from_run_to_run_is_caught: Replay,
    l2_a_machine_that_never_runs_dry_is_caught: Dry,
    l3_a_machine_that_stays_due_is_caught: Ahead,
    l4_a_machine_that_counts_early_calls_is_caught: Early,
    l6_a_machine_that_loses_by_a_small_buffer_is_caught: Buffer,
    l7_a_machine_that_speaks_after_its_end_is_caught: Inert,
    l8_a_machine_that_amplifies_is_caught: Bounded,
    l9_a_machine_that_must_be_drained_at_once_is_caught: AnyOrder,
    l10_a_machine_that_panics_on_a_byte_is_caught: NoError,
}

/// Takes even datagrams only.
struct Picky {
    taken: u32,
    marks: bool,
    marked: bool,
}

impl Datagrams for Picky {
    fn handle(&mut self, bytes: &[u8]) -> Verdict<()> {
        if bytes.len() % 2 == 1 {
            self.marked |= self.marks;
            return Verdict::Dropped(());
        }
        self.taken += 1;
        Verdict::Accepted
    }
    fn view(&self) -> String {
        format!("{} {}", self.taken, self.marked)
    }
}

#[test]
fn l5_a_machine_that_remembers_what_it_dropped_is_caught() {
    assert_eq!(dropped(&mut Picky { taken: 0, marks: false, marked: false }, 1), Ok(()));
    assert!(dropped(&mut Picky { taken: 0, marks: true, marked: false }, 1).is_err());
}
