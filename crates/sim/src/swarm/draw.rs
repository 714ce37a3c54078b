//! What a seed decides.

use super::expectation;
use crate::faults::Faults;
use crate::story::{Expect, HEAD_MIN};
use core::time::Duration;
use mainstay_base::Rng;
use mainstay_node::PoolConfig;

/// What a stream speaks and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// WebSocket, echoed.
    Ws,
    /// HTTP/1.1 GET.
    Get,
    /// HTTP/1.1 POST.
    Post,
    /// HTTP/2 GET.
    H2Get,
    /// HTTP/2 POST.
    H2Post,
    /// MQTT, `QoS` 1.
    Mqtt,
    /// MQTT, `QoS` 0.
    Mqtt0,
    /// Bytes, echoed.
    Raw,
}

/// All of them.
pub(crate) const KINDS: [Kind; 8] = [
    Kind::Ws,
    Kind::Get,
    Kind::Post,
    Kind::H2Get,
    Kind::H2Post,
    Kind::Mqtt,
    Kind::Mqtt0,
    Kind::Raw,
];

/// One streamtype of a world.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// What it speaks.
    pub kind: Kind,
    /// Behind TLS.
    pub tls: bool,
    /// `nailed_up`.
    pub nailed_up: bool,
    /// `opportunistic`.
    pub opportunistic: bool,
    /// Index of its retry scheme.
    pub retry: u64,
    /// Messages or transactions.
    pub messages: u32,
    /// Bytes of each.
    pub size: usize,
}

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Draw {
    /// The streamtypes.
    pub wires: Vec<Wire>,
    /// Most bytes of a chunk; 0 for any.
    pub chunk_max: usize,
    /// Bytes under way in one direction.
    pub window: usize,
    /// Most bytes a link takes at once.
    pub link_write_max: usize,
    /// One way.
    pub latency: Duration,
    /// On top of it.
    pub jitter: Duration,
    /// Of a hundred connections, how many are reset, ended, stalled, go silent, get garbage.
    pub rates: [u64; 5],
    /// Of a hundred answers, how many are bad.
    pub bad_answers: u64,
    /// Restarts, cuts, silence.
    pub outages: bool,
    /// Most bytes the device reads and writes at once.
    pub read_max: usize,
    /// See `read_max`.
    pub write_max: usize,
    /// The device asks its clock too often.
    pub restless: bool,
    /// Bytes between application and wire.
    pub send_max: usize,
    /// Longest body of a response.
    pub body_max: u64,
    /// HTTP/2 stream window.
    pub h2_window: u32,
    /// Kept connections.
    pub idle_count: usize,
    /// How many things the application and the network do.
    pub deeds: u64,
}

/// One of `of`.
pub(super) fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[usize::try_from(rng.below(of.len() as u64)).unwrap_or(0)]
}

impl Draw {
    /// Draws.
    #[must_use]
    pub fn new(rng: &mut Rng) -> Self {
        let chunk_max = pick(rng, &[0, 0, 0, 1, 3, 100, 1400]);
        let send_max = pick(rng, &[16 * 1024, 16 * 1024, 4096, 200, 17]);
        let read_max = pick(rng, &[64 * 1024, 64 * 1024, 1500, 64, 1]);
        // Tiny pieces of long messages only cost time.
        let tiny = (1..50).contains(&chunk_max) || read_max < 100;
        let sizes: &[usize] =
            if tiny || send_max < 100 { &[HEAD_MIN, 200] } else { &[HEAD_MIN, 500, 3000, 12_000] };
        let count = 2 + rng.below(5);
        let mut wires = Vec::new();
        for _ in 0..count {
            let class = rng.below(4);
            wires.push(Wire {
                kind: pick(rng, &KINDS),
                tls: rng.below(3) == 0,
                nailed_up: class < 2,
                opportunistic: class == 2,
                retry: rng.below(3),
                messages: u32::try_from(1 + rng.below(6)).unwrap_or(1),
                size: pick(rng, sizes),
            });
        }
        let mut rate = || if rng.below(2) == 0 { 0 } else { pick(rng, &[5, 20, 50]) };
        let rates = [rate(), rate(), rate(), rate(), rate()];
        Self {
            wires,
            chunk_max,
            window: pick(rng, &[64 * 1024, 64 * 1024, 4096, 300]),
            link_write_max: pick(rng, &[usize::MAX, usize::MAX, 1000, 7]),
            latency: Duration::from_millis(pick(rng, &[0, 1, 10, 80, 300])),
            jitter: Duration::from_millis(pick(rng, &[0, 0, 5, 100])),
            rates,
            bad_answers: pick(rng, &[0, 10, 40]),
            outages: rng.below(2) == 0,
            read_max,
            body_max: if tiny { 300 } else { 4000 },
            write_max: pick(rng, &[64 * 1024, 1500, 600]),
            restless: rng.below(2) == 0,
            send_max,
            h2_window: pick(rng, &[64 * 1024, 64 * 1024, 1000, 50]),
            idle_count: pick(rng, &[16, 1, 0]),
            deeds: pick(rng, &[0, 6, 25]),
        }
    }

    /// How one connection behaves. `silence`: whether half-open connections will be noticed.
    pub(crate) fn faults(&self, rng: &mut Rng, silence: bool) -> Faults {
        let mut hit = |rate: u64| (rng.below(100) < rate).then(|| rng.below(6000));
        let [reset, end, stall, vanish, garbage] = self.rates;
        let (reset_up, reset_down) = (hit(reset / 2), hit(reset / 2));
        let (eof_down, stall, vanish) = (hit(end), hit(stall), hit(vanish).filter(|_| silence));
        let garbage = hit(garbage);
        let wait = Duration::from_millis(rng.below(20_000));
        let mut bytes = vec![0; 1 + usize::try_from(rng.below(40)).unwrap_or(0)];
        rng.fill(&mut bytes);
        Faults {
            latency: self.latency,
            jitter: self.jitter,
            chunk_max: self.chunk_max,
            window: self.window,
            write_max: self.link_write_max,
            stall: stall.map(|at| (at, wait)),
            reset_up,
            reset_down,
            eof_down,
            vanish,
            garbage: garbage.map(|at| (at, bytes)),
        }
    }

    /// What a stream's payload must look like: garbage on a bare link may pass for payload.
    pub(crate) const fn expect(&self, wire: &Wire) -> Expect {
        if self.rates[4] > 0 && !wire.tls { Expect::Any } else { expectation(wire.kind) }
    }

    /// The limits of the pool.
    pub(crate) fn pool_config(&self) -> PoolConfig {
        let mut config = PoolConfig::default();
        config.h1.send_max = self.send_max;
        config.ws.send_max = self.send_max;
        config.h2.send_max = self.send_max;
        config.h2.stream_window = self.h2_window;
        config.mqtt.send_max = u32::try_from(self.send_max).unwrap_or(u32::MAX);
        config.idle_count = self.idle_count;
        config.read_max = self.read_max;
        config
    }
}
