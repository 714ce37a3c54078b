//! The engines, the wire, and an executor that polls only who was woken.

use crate::task::Task;
use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::net::{IpAddr, SocketAddr};
use core::pin::pin;
use core::task::Poll;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::{
    Config, Endpoint, Engine, FastOpen, Handle, Listener, ListenerHandle, Meta, Path, Paths,
    Settings, Slot, Std, Tables,
};
use mainstay_tcp_io::{Connection, Shared};
use mainstay_wire::ip::Ecn;
use std::collections::VecDeque;
use std::rc::Rc;

const PORT: u16 = 80;
const MTU: u16 = 1500;

type Parts = Std<Vec<u8>, RingQueue<Vec<u8>>>;
type Clock = Box<dyn Fn() -> Instant>;

#[derive(Debug)]
pub(crate) struct One;

impl Tables for One {
    type Profile = Parts;
    type Slots = [Slot<Parts>; 1];
    type Listeners = [Listener; 1];
    type Index = Scan;
    type Memory = ();
}

/// One engine and its adaptor.
pub(crate) struct Side {
    pub(crate) shared: Shared<One, Clock, 1>,
    handle: Handle,
    listener: Cell<Option<ListenerHandle>>,
    ip: IpAddr,
}

impl Side {
    fn new(ip: &str, now: &Rc<Cell<Instant>>) -> Self {
        let slots = [Slot::default()];
        let rng = Rng::from_run(u64::from(ip.len() == 9));
        let index = Scan::default();
        let mut engine = Engine::new(Config::default(), rng, slots, [Listener::default()], index);
        let settings: &'static _ = Box::leak(Box::new(Settings::host(Default::default())));
        let queue = RingQueue::new(vec![0; 3000]);
        let handle =
            engine.attach(Endpoint::new(vec![0; 4000], queue, settings, ()).unwrap()).unwrap();
        let now = Rc::clone(now);
        let clock: Clock = Box::new(move || now.get());
        let shared = Shared::new(engine, clock).unwrap();
        Self { shared, handle, listener: Cell::new(None), ip: ip.parse().unwrap() }
    }

    pub(crate) fn connection(&self) -> Connection<'_, One, Clock, 1> {
        self.shared.connection(self.handle)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, PORT)
    }

    pub(crate) fn paths(&self) -> impl Paths {
        let source = self.ip;
        move |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: MTU })
    }

    /// Stops listening.
    pub(crate) fn stop(&self) {
        let listener = self.listener.take().unwrap();
        self.shared.drive(|engine, _| engine.stop(listener));
    }

    /// Connects without waiting.
    pub(crate) fn start(&self, peer: SocketAddr) {
        let mut paths = self.paths();
        let connect = |engine: &mut Engine<One>, now| {
            engine.at(now, self.handle).unwrap().connect(peer, FastOpen::No, &mut paths)
        };
        self.shared.drive(connect).unwrap();
    }

    /// Moves what is ready to `wire`.
    fn send(&self, wire: &mut VecDeque<Vec<u8>>) -> Option<Instant> {
        self.shared.drive(|engine, now| {
            engine.handle_timeout(now);
            while let Some(out) = engine.poll_transmit(now) {
                let mut bytes = out.header.to_vec();
                out.payload.as_slice().iter().for_each(|part| bytes.extend_from_slice(part));
                wire.push_back(bytes);
            }
            engine.next_deadline()
        })
    }
}

pub(crate) struct World {
    now: Rc<Cell<Instant>>,
    pub(crate) a: Side,
    pub(crate) b: Side,
}

impl World {
    /// `b` listens.
    pub(crate) fn new() -> Self {
        let now = Rc::new(Cell::new(Instant::from_millis(1000)));
        let (a, b) = (Side::new("192.0.2.1", &now), Side::new("192.0.2.20", &now));
        let address = b.address();
        let listener = b.shared.drive(|engine, _| engine.listen(address)).unwrap();
        b.listener.set(Some(listener));
        Self { now, a, b }
    }

    pub(crate) fn listener(&self) -> ListenerHandle {
        self.b.listener.get().unwrap()
    }

    /// Moves packets both ways; lets time pass if there are none. `false` if nothing will ever happen.
    pub(crate) fn turn(&self) -> bool {
        let mut some = false;
        let mut next: Option<Instant> = None;
        for (from, to) in [(&self.a, &self.b), (&self.b, &self.a)] {
            let mut wire = VecDeque::new();
            next = next.into_iter().chain(from.send(&mut wire)).min();
            for segment in wire {
                some = true;
                let (source, destination) = (from.ip, to.ip);
                let (ecn, unit, verified) = (Ecn::NotEct, None, false);
                let meta = Meta { source, destination, ecn, unit, verified, mtu: MTU };
                to.shared.handle_segment(&meta, &segment);
            }
        }
        if !some && let Some(next) = next {
            self.now.set(next.max(self.now.get()));
        }
        some || next.is_some()
    }

    /// Runs tasks until all are done; `false` if they wait for what never comes.
    pub(crate) fn run(&self, tasks: &mut [Task<'_>]) -> bool {
        for _ in 0..100_000 {
            let woken = tasks.iter_mut().filter(|task| task.is_woken());
            let polled = woken.map(Task::poll).count();
            if tasks.iter().all(Task::is_done) {
                return true;
            }
            // Time passes only while all sleep.
            if !self.turn() && polled == 0 {
                return false;
            }
        }
        false
    }
}

/// Polls a future once and drops it; what it gave, if anything.
pub(crate) async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits without being woken by anybody else.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if done() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Bytes that are not easily mistaken for others.
pub(crate) fn text(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from((n * n + 7 * n) % 251).unwrap()).collect()
}
