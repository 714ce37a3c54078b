//! A download whose reader falls asleep in the middle.

use crate::memory::private_kib;
use core::cell::RefCell;
use core::time::Duration;
use mainstay::{Answer, Builder, Context, Device, Flags, Handler, Policy, Reason, State, StreamId};
use std::rc::Rc;

/// chosen: what the tests ask for.
const SAMPLE: Duration = Duration::from_millis(100);

/// FNV-1a, 64 bit: <http://www.isthe.com/chongo/tech/comp/fnv/>.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x100_0000_01b3;

pub(crate) struct Order {
    pub(crate) total: u64,
    pub(crate) sleep_at: u64,
    pub(crate) sleep: Duration,
    pub(crate) side: Option<String>,
}

#[derive(Debug, Default)]
struct Story {
    received: u64,
    hash: u64,
    /// When to fall asleep, until it happened.
    sleep_at: Option<u64>,
    asleep: bool,
    slept_bytes: u64,
    messages: u64,
    over: bool,
}

struct Sleeper(Rc<RefCell<Story>>, &'static str);

impl Handler for Sleeper {
    fn state(
        &mut self,
        _cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        let mut story = self.0.borrow_mut();
        story.over |= matches!(
            state,
            State::Disconnected | State::QosAckRemote | State::QosNackRemote | State::Unreachable
        );
        println!(
            r#"{{"event":"state","stream":"{}","state":"{state:?}","reason":"{reason:?}"}}"#,
            self.1
        );
        Answer::Ok
    }

    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        let mut story = self.0.borrow_mut();
        let len = u64::try_from(payload.len()).unwrap();
        story.received += len;
        story.hash = payload
            .iter()
            .fold(story.hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        story.messages += u64::from(flags.has(Flags::EOM));
        if story.asleep {
            story.slept_bytes += len;
        }
        let received = story.received;
        if story.sleep_at.is_some_and(|at| received >= at) {
            story.sleep_at = None;
            story.asleep = true;
            cx.pause(true);
        }
        Answer::Ok
    }
}

pub(crate) fn run(policy: Policy, stream: &str, order: &Order) {
    let mut device = Builder::new(policy).build().unwrap();
    device.turn(Some(Duration::ZERO)).unwrap();
    let mut memory = Memory::new(&device);
    let (id, bulk) = open(&mut device, stream, "bulk", Some(order.sleep_at));
    let side = order.side.as_deref().map(|side| open(&mut device, side, "side", None).1);
    let beside = || side.as_ref().map_or(0, |side| side.borrow().received);
    let mut wake_at = None;
    while bulk.borrow().received < order.total && !bulk.borrow().over {
        device.turn(Some(Duration::from_millis(20))).unwrap();
        memory.look(&device, bulk.borrow().received);
        if !bulk.borrow().asleep {
            continue;
        }
        let until = *wake_at.get_or_insert_with(|| {
            println!(
                r#"{{"event":"asleep","received":{},"side":{}}}"#,
                bulk.borrow().received,
                beside()
            );
            device.now() + order.sleep
        });
        if device.now() >= until {
            bulk.borrow_mut().asleep = false;
            println!(
                r#"{{"event":"awake","received":{},"side":{}}}"#,
                bulk.borrow().received,
                beside()
            );
            let (now, node) = device.node_mut();
            node.pause(now, id, false);
        }
    }
    // HTTP ends by itself; the others are left while they are up.
    for _ in 0..20 {
        device.turn(Some(Duration::from_millis(5))).unwrap();
    }
    memory.sample(bulk.borrow().received);
    let story = bulk.borrow();
    println!(
        r#"{{"event":"done","received":{},"hash":"{:016x}","messages":{},"slept_bytes":{},"base_kib":{},"grown_kib":{}}}"#,
        story.received,
        story.hash,
        story.messages,
        story.slept_bytes,
        memory.base,
        memory.most - memory.base
    );
}

fn open(
    device: &mut Device,
    streamtype: &str,
    name: &'static str,
    sleep_at: Option<u64>,
) -> (StreamId, Rc<RefCell<Story>>) {
    let story = Story { hash: FNV_START, sleep_at, ..Story::default() };
    let story = Rc::new(RefCell::new(story));
    let id = device.create(streamtype, Sleeper(Rc::clone(&story), name)).unwrap();
    (id, story)
}

/// Samples of our memory.
struct Memory {
    base: u64,
    most: u64,
    last: mainstay_base::Instant,
}

impl Memory {
    /// What is there before anything is received. The first look and the first line are not counted.
    fn new(device: &Device) -> Self {
        println!(r#"{{"event":"start","private_kib":{}}}"#, private_kib());
        let base = private_kib();
        Self { base, most: base, last: device.now() }
    }

    fn look(&mut self, device: &Device, received: u64) {
        if device.now().since(self.last) >= SAMPLE {
            self.last = device.now();
            self.sample(received);
        }
    }

    fn sample(&mut self, received: u64) {
        let private = private_kib();
        self.most = self.most.max(private);
        println!(r#"{{"event":"sample","private_kib":{private},"received":{received}}}"#);
    }
}
