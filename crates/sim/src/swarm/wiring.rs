//! What a seed decides about frames and networks, where a device's TCP is its own.

use super::SAFETY;
use super::draw::pick;
use super::servers::HOST;
use crate::own::{Wiring, second_address};
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_impair::{Codel, Corrupt, Impairment, Loss, Management, Reorder, Span};
use mainstay_net::network::{Config, Settings};
use mainstay_tcp::Keepalive;
use mainstay_tcp::congestion::{any, bbr, cubic, reno};
use std::sync::Arc;

/// What the seed of a world decides besides [`Draw`](super::Draw), if the device's TCP is its own.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) wiring: Wiring,
    /// What the resolver knows of the servers' host.
    pub(super) addresses: Vec<IpAddr>,
    /// Later on longer packets do not pass.
    pub(super) narrows: Option<(Duration, u16)>,
}

fn one_in(rng: &mut Rng, n: u64) -> bool {
    rng.below(n) == 0
}

impl Ground {
    /// Draws, for streams whose longest message has `longest` bytes.
    pub(super) fn draw(rng: &mut Rng, longest: usize) -> Self {
        let second = IpAddr::V6(second_address(HOST));
        let first = IpAddr::V4(HOST);
        let addresses = match rng.below(3) {
            0 => vec![first],
            1 => vec![second],
            _ => vec![second, first],
        };
        let mtu = pick(rng, &[1500, 1500, 1400, 1280, 9000]);
        // A link has its faults from end to end; half of the worlds have none in one direction.
        let delay = Duration::from_micros(pick(rng, &[100, 2_000, 10_000, 80_000, 250_000]));
        let ways = [way(rng, delay), way(rng, delay)];
        let narrows = one_in(rng, 6).then(|| {
            let at = Duration::from_millis(rng.below(40_000));
            // No IPv6 packet is cut below 1280 bytes.
            let least = if addresses == [first] { 700 } else { 1280 };
            (at, u16::try_from(least + rng.below(150)).unwrap_or(u16::MAX))
        });
        // A full buffer per round trip, and perhaps a late acknowledgement, must carry a message in the time that is borne.
        let least = match delay.as_millis() {
            0..=10 if longest <= 3000 => 200,
            0..=80 => 1500,
            _ => 8000,
        };
        let wiring = Wiring {
            near: network(rng, true, least),
            far: network(rng, false, least),
            ways,
            ethernet: one_in(rng, 2),
            mtu,
            devices_cut: one_in(rng, 2),
            tells_mtu: one_in(rng, 2),
        };
        Self { wiring, addresses, narrows }
    }
}

fn network(rng: &mut Rng, near: bool, least: usize) -> Config {
    let congestion = match rng.below(4) {
        0 => any::Config::NewReno(reno::Config::default()),
        1 => any::Config::NewRenoHyStart(reno::Config::default()),
        2 => any::Config::Bbr3(bbr::Config::default()),
        _ => any::Config::Cubic(cubic::Config::default()),
    };
    let mut settings = Settings::host(congestion);
    let plain = one_in(rng, 3); // as a device comes
    let mut coin = |n| !plain && rng.below(n) == 0;
    settings.sack = !coin(4);
    settings.timestamps = !coin(3);
    settings.window_scale = !coin(4);
    settings.ecn = !coin(2);
    settings.accurate_ecn = coin(2);
    settings.pacing = coin(3);
    settings.gso_max = pick(rng, &[0, 0, 8_000, 60_000]);
    settings.delayed_ack = pick(rng, &[40, 40, 0, 100, 400]);
    // Where a reset may be lost, only silence tells a server that its client is gone.
    let often = Keepalive { idle: 60, interval: 5, count: 12 };
    settings.keepalive = (!near).then_some(often);
    let mut config = Config {
        settings: Arc::new(settings),
        receive_bytes: pick(rng, &[1 << 20, 65_536, 8_000, 1_500, 200]).max(least),
        send_bytes: pick(rng, &[1 << 20, 65_536, 8_000, 1_500, 200]).max(least),
        time_wait_max: pick(rng, &[4096, 3, 0]),
        handshakes_max: pick(rng, &[256, 2, 0]),
        offload: one_in(rng, 2),
        ..Config::default()
    };
    // Whether somebody else has its address is asked for by the device, now and then: all waits for the answer then.
    let asks = near && one_in(rng, 2);
    config.stack.probes_v4 = if asks { 3 } else { 0 };
    config.stack.probes_v6 = u8::from(asks);
    config
}

fn way(rng: &mut Rng, delay: Duration) -> Impairment {
    let mut way = Impairment { delay, ..Impairment::default() };
    if one_in(rng, 4) {
        return way;
    }
    way.loss = match rng.below(6) {
        0 | 1 => Loss::Random { per_million: pick(rng, &[1_000, 20_000, 100_000, 300_000]) },
        2 => Loss::Burst {
            enter_per_million: 20_000,
            leave_per_million: 200_000,
            good_per_million: 0,
            bad_per_million: 900_000,
        },
        _ => Loss::None,
    };
    if one_in(rng, 4) {
        let per_million = pick(rng, &[5_000, 100_000, 300_000]);
        let frames = u16::try_from(1 + rng.below(12)).unwrap_or(1);
        way.reorder = Reorder { per_million, frames, ..Reorder::default() };
    }
    if one_in(rng, 3) {
        way.jitter = Duration::from_millis(rng.below(60));
        way.reorder.by_jitter = one_in(rng, 2);
    }
    if one_in(rng, 4) {
        way.duplicate_per_million = pick(rng, &[10_000, 300_000, 1_000_000]);
    }
    if one_in(rng, 5) {
        // One bit: more may leave a checksum as it was. Not in headers without one: of the link, IPv6, ARP.
        let after = mainstay_wire::ethernet::HEADER_LEN + mainstay_wire::ipv6::HEADER_LEN;
        way.corrupt = Corrupt { per_million: 50_000, bits: 1, after, fix_checksum: false };
    }
    if one_in(rng, 6) {
        way.truncate_per_million = 50_000;
    }
    if one_in(rng, 4) {
        way.mark_per_million = pick(rng, &[10_000, 300_000, 1_000_000]);
    }
    if one_in(rng, 3) {
        way.rate = Some(pick(rng, &[100_000, 1_000_000, 20_000_000]));
        way.queue_bytes = pick(rng, &[4_000, 30_000, 200_000]);
        way.management = match rng.below(3) {
            0 => Management::Codel(Codel { ecn: one_in(rng, 2), ..Codel::default() }),
            1 => Management::MarkAbove(Duration::from_millis(5)),
            _ => Management::None,
        };
    }
    if one_in(rng, 5) {
        let from = Instant::from_millis(rng.below(40_000));
        let until = from + Duration::from_millis(rng.below(20_000));
        way.down.push(Span { from, until: until.min(Instant::ZERO + SAFETY) });
    }
    way
}
