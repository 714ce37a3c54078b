//! Many streams that do nothing.

use crate::memory::private_kib;
use core::cell::Cell;
use core::time::Duration;
use mainstay::{Answer, Builder, Context, Handler, Policy, Reason, State};
use std::rc::Rc;

struct Counter(Rc<Cell<usize>>);

impl Handler for Counter {
    fn state(
        &mut self,
        _cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        _reason: Option<Reason>,
    ) -> Answer {
        if state == State::Connected {
            self.0.set(self.0.get() + 1);
        } else if state == State::Disconnected {
            self.0.set(self.0.get() - 1);
        }
        Answer::Ok
    }
}

/// chosen: below a listener's default backlog of 100.
const AT_ONCE: usize = 50;

pub(crate) fn run(policy: Policy, stream: &str, count: usize) {
    let mut device = Builder::new(policy).build().unwrap();
    let up = Rc::new(Cell::new(0));
    // The first makes what all share; it is not counted.
    device.create(stream, Counter(Rc::clone(&up))).unwrap();
    let mut made = 1;
    let mut base = 0;
    for _ in 0..20_000 {
        device.turn(Some(Duration::from_millis(5))).unwrap();
        if up.get() == 1 && made == 1 {
            base = private_kib();
        }
        while made <= count && made - up.get() < AT_ONCE && up.get() > 0 {
            device.create(stream, Counter(Rc::clone(&up))).unwrap();
            made += 1;
        }
        if up.get() > count {
            break;
        }
    }
    // What a burst of handshakes left behind is given back or not within this time.
    for _ in 0..50 {
        device.turn(Some(Duration::from_millis(20))).unwrap();
    }
    let grown = private_kib() - base;
    println!(
        r#"{{"event":"idle","connected":{},"grown_kib":{grown},"per_stream":{}}}"#,
        up.get() - 1,
        grown * 1024 / u64::try_from(count).unwrap()
    );
}
