//! A toy machine of packets that keeps every law, and can be told to break one; its checker must notice.

use core::cell::Cell;
use core::time::Duration;
use mainstay_base::{Instant, Verdict};
use mainstay_sim::laws::{Law, Station, Stations, check_packets};
use std::collections::VecDeque;
use std::rc::Rc;

const LEN: usize = 24;

/// Numbers, each in a packet of its own; it is answered, and after a second a tick is told.
struct Beacon {
    breaks: Option<Law>,
    /// What makes one instance unlike another: forbidden, and here for that.
    world: Rc<Cell<u64>>,
    out: VecDeque<[u8; LEN]>,
    events: VecDeque<String>,
    got: Vec<u8>,
    due: Option<Instant>,
    calls: u32,
    mark: u32,
    over: bool,
}

impl Beacon {
    fn boxed(breaks: Option<Law>, world: &Rc<Cell<u64>>) -> Box<dyn Station> {
        world.set(world.get() + 1);
        Box::new(Self {
            breaks,
            world: Rc::clone(world),
            out: VecDeque::new(),
            events: VecDeque::new(),
            got: Vec::new(),
            due: None,
            calls: 0,
            mark: 0,
            over: false,
        })
    }

    fn breaks(&self, law: Law) -> bool {
        self.breaks == Some(law)
    }
}

impl Station for Beacon {
    fn receive(&mut self, now: Instant, packet: &[u8]) -> Verdict<()> {
        assert!(!(self.breaks(Law::NoError) && packet.contains(&0xff)), "what is this byte");
        let kind = packet.first().copied();
        if packet.len() != LEN || !matches!(kind, Some(1 | 2)) {
            self.mark += u32::from(self.breaks(Law::Dropped));
            return Verdict::Dropped(());
        }
        if self.over {
            return Verdict::Accepted;
        }
        if self.breaks(Law::AnyOrder) {
            self.got.clear(); // what was not fetched is overwritten
        }
        self.got.extend_from_slice(&packet[1..4]);
        if kind == Some(1) {
            let mut answer = [0; LEN];
            answer[0] = 2;
            answer[5] = u8::from(self.breaks(Law::Replay)) * (self.world.get() % 200) as u8;
            let count = if self.breaks(Law::Bounded) { 500 } else { 1 };
            self.out.extend(vec![answer; count]);
            self.due = Some(now + Duration::from_secs(1));
        }
        Verdict::Accepted
    }
    fn transmit(&mut self, _now: Instant, buf: &mut [u8]) -> Option<usize> {
        if buf.len() < LEN {
            if self.breaks(Law::Buffer) {
                self.out.clear();
            }
            return None;
        }
        let packet = self.out.pop_front()?;
        buf[..LEN].copy_from_slice(&packet);
        Some(LEN)
    }
    fn transmit_max(&self) -> usize {
        LEN
    }
    fn event(&mut self, _now: Instant) -> Option<String> {
        if self.breaks(Law::Dry) {
            return Some("still here".to_owned());
        }
        self.events.pop_front()
    }
    fn take(&mut self, _now: Instant) -> Vec<u8> {
        core::mem::take(&mut self.got)
    }
    fn timeout(&mut self, now: Instant) {
        self.calls += 1;
        if self.breaks(Law::Early) && self.calls.is_multiple_of(3) {
            self.events.push_back("tick too early".to_owned());
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
        for number in 0..3 {
            let mut packet = [0; LEN];
            packet[..4].copy_from_slice(&[1, 7, number, (what & 0x7f) as u8]);
            if !self.over {
                self.out.push_back(packet);
            }
        }
    }
    fn end(&mut self, now: Instant) {
        self.over = true;
        self.out.clear();
        self.due = self.breaks(Law::Inert).then(|| now + Duration::from_secs(9));
    }
    fn view(&self) -> String {
        format!("{:?} {:?} {:?} {}", self.out, self.events, self.got, self.mark)
    }
    fn held(&self) -> usize {
        0
    }
}

/// How often the checker of `law` objects to machines that break `breaks`.
fn objections(law: Law, breaks: Option<Law>) -> usize {
    let world = Rc::new(Cell::new(0));
    let mut make = || -> Stations { (Beacon::boxed(breaks, &world), Beacon::boxed(None, &world)) };
    (0..10)
        .filter(|&seed| {
            let run = core::panic::AssertUnwindSafe(|| check_packets(law, seed, &mut make));
            std::panic::catch_unwind(run).map_or(true, |result| result.is_err())
        })
        .count()
}

#[test]
fn a_machine_of_packets_that_keeps_the_laws_is_left_alone() {
    for law in Law::PACKETS {
        assert_eq!(objections(law, None), 0, "{law:?}");
    }
}

#[test]
fn a_machine_of_packets_that_breaks_a_law_is_caught_by_its_checker() {
    for law in Law::PACKETS {
        assert!(objections(law, Some(law)) > 0, "{law:?}");
    }
}
