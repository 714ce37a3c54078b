//! Two networks with a wire between them, in virtual time.

use crate::task::Task;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_host::own::Sockets;
use mainstay_net::network::{Config, Network};
use mainstay_net::{Capabilities, InterfaceId, InterfaceOptions, Medium, Prefix};
use mainstay_wire::offload::Offload;
use std::collections::VecDeque;
use std::sync::Arc;

/// Both sides' addresses.
pub(crate) const ENDS: [&str; 2] = ["192.0.2.1", "192.0.2.2"];

/// Where `1` listens.
pub(crate) const PORT: u16 = 7000;

/// The wire's largest packet.
pub(crate) const MTU: usize = 1500;

/// A clock that stands until it is moved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn advance(&self, to: Instant) {
        let nanos = u64::try_from(to.since(Instant::ZERO).as_nanos()).unwrap();
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }
}

/// One network, and what it has sent.
pub(crate) struct Side {
    pub(crate) sockets: Sockets,
    interface: InterfaceId,
    stirred: Arc<AtomicBool>,
    wire: VecDeque<Vec<u8>>,
}

impl Side {
    fn flush(&mut self) {
        self.stirred.store(false, Ordering::Relaxed);
        let mut buffer = vec![0; Network::MAX_TRANSMIT];
        let wire = &mut self.wire;
        self.sockets.drive(|network, now| {
            while let Some(out) = network.poll_transmit(now, &mut buffer) {
                wire.push_back(buffer[..out.len].to_vec());
            }
        });
    }

    fn deliver(&self, frame: &[u8]) {
        self.sockets.drive(|network, now| {
            let _counted = network.handle_input(now, self.interface, frame, Offload::default());
        });
        self.stirred.store(true, Ordering::Relaxed);
    }

    fn deadline(&self) -> Option<Instant> {
        self.sockets.drive(|network, _| network.poll_timeout())
    }
}

/// Two sides.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) sides: [Side; 2],
    pub(crate) rng: Rng,
    /// Frames of a thousand that are lost.
    pub(crate) loss: u64,
    /// Everything that one side sends is lost.
    pub(crate) mute: bool,
}

/// A network with small buffers, so that everything has to be waited for.
pub(crate) fn small() -> Config {
    let (receive_bytes, send_bytes) = (5000, 4000);
    Config { receive_bytes, send_bytes, connections_max: 4, ..Config::default() }
}

impl World {
    pub(crate) fn new(seed: u64, config: &Config) -> Self {
        let clock = Clock::default();
        clock.advance(Instant::from_millis(1000));
        let mut rng = Rng::from_run(seed);
        let sides = ENDS.map(|address| {
            let mut config = config.clone();
            (config.stack.probes_v4, config.stack.probes_v6) = (0, 0);
            let mut network = Network::new(config, rng.fork());
            let options =
                InterfaceOptions { medium: Medium::Ip, mtu: MTU, offload: Capabilities::default() };
            let prefix = Prefix::new(address.parse().unwrap(), 24).unwrap();
            let interface = network.add_interface(clock.now(), options, &[prefix], &[]).unwrap();
            let (stirred, time) = (Arc::new(AtomicBool::new(false)), clock.clone());
            let stir = Arc::clone(&stirred);
            let sockets = Sockets::new(
                network,
                move || time.now(),
                move || stir.store(true, Ordering::Relaxed),
            );
            Side { sockets, interface, stirred, wire: VecDeque::new() }
        });
        Self { clock, sides, rng, loss: 0, mute: false }
    }

    /// Where the second listens.
    pub(crate) fn server() -> SocketAddr {
        SocketAddr::new(ENDS[1].parse().unwrap(), PORT)
    }

    /// Sends and delivers until nothing is under way.
    pub(crate) fn settle(&mut self) {
        while self.step(u64::MAX) {}
    }

    /// One frame, or what one side has to send; whether there was anything.
    fn step(&mut self, choice: u64) -> bool {
        let [a, b] = &mut self.sides;
        let ready = [
            a.stirred.load(Ordering::Relaxed),
            b.stirred.load(Ordering::Relaxed),
            !a.wire.is_empty(),
            !b.wire.is_empty(),
        ];
        let acts: Vec<usize> = (0..4).filter(|act| ready[*act]).collect();
        if acts.is_empty() {
            return false;
        }
        let act = acts[usize::try_from(choice % acts.len() as u64).unwrap()];
        if act < 2 {
            self.sides[act].flush();
            return true;
        }
        let frame = self.sides[act - 2].wire.pop_front().unwrap();
        if !self.mute && self.rng.below(1000) >= self.loss {
            self.sides[3 - act].deliver(&frame);
        }
        true
    }

    /// Lets time pass until a deadline; whether there is one.
    pub(crate) fn pass(&mut self) -> bool {
        let next = self.sides.iter().filter_map(Side::deadline).min();
        let Some(next) = next else { return false };
        self.clock.advance(next);
        for side in &self.sides {
            side.sockets.drive(|network, now| network.handle_timeout(now));
            side.stirred.store(true, Ordering::Relaxed);
        }
        true
    }

    /// Polls tasks that were woken and moves frames, in an order that chance decides, until all tasks are done. `false` if
    /// one sleeps and nothing will ever happen.
    pub(crate) fn explore(&mut self, tasks: &mut [Task<'_>]) -> bool {
        for _ in 0..2_000_000 {
            if tasks.iter().all(|task| task.is_done()) {
                return true;
            }
            let woken: Vec<usize> = (0..tasks.len()).filter(|n| tasks[*n].is_woken()).collect();
            let choice = self.rng.next_u64();
            let polls = choice.is_multiple_of(2) && !woken.is_empty();
            if polls || !self.step(choice / 2) {
                if woken.is_empty() {
                    if !self.pass() {
                        return false;
                    }
                    continue;
                }
                let place = self.rng.below(woken.len() as u64);
                tasks[woken[usize::try_from(place).unwrap()]].poll();
            }
        }
        false
    }
}
