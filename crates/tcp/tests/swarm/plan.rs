//! What one run is made of, drawn from its seed: which faults there are, how small everything is, what the applications do.

use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_impair::{Codel, Corrupt, Impairment, Loss, Management, Reorder, Span};

/// When everything begins.
pub(crate) const START: Instant = Instant::from_micros(1_000_000);

/// Which profile, and whether buffers are lent or copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Host {
        lent: bool,
    },
    Std {
        lent: bool,
    },
    Tiny {
        lent: bool,
    },
    /// Rates of delivery are measured, and ranges are kept of what came early.
    Rated,
}

/// How an application ends its direction, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finish,
    Close,
    AbortAt(Instant),
    /// It does not.
    Never,
}

/// What an application does.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) total: usize,
    pub(crate) chunk: usize,
    pub(crate) gap: Duration,
    pub(crate) more_percent: u64,
    pub(crate) urgent_percent: u64,
    pub(crate) read_size: usize,
    pub(crate) read_gap: Duration,
    /// Nothing is read meanwhile.
    pub(crate) stall: Option<Span>,
    pub(crate) end: End,
}

/// What an endpoint is made of.
#[derive(Clone, Debug)]
pub(crate) struct Knobs {
    pub(crate) kind: Kind,
    pub(crate) receive: usize,
    pub(crate) send: usize,
    pub(crate) congestion: u64,
    pub(crate) sack: bool,
    pub(crate) timestamps: bool,
    pub(crate) window_scale: bool,
    pub(crate) ecn: bool,
    pub(crate) nagle: bool,
    pub(crate) pacing: bool,
    pub(crate) keepalive: bool,
    pub(crate) gso_max: u16,
    pub(crate) delayed_ack: u16,
    pub(crate) quick_acks: u8,
    pub(crate) mtu: u16,
    /// The initial sequence number lies so many bytes before the end of the numbers.
    pub(crate) wrap: Option<u32>,
    /// Its clock comes round while it lives: what it says at first.
    pub(crate) clock: Option<Duration>,
    /// How often the device has no room for a segment.
    pub(crate) no_buffer_percent: u64,
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) v6: bool,
    /// Both connect, nobody listens.
    pub(crate) simultaneous: bool,
    /// Super-segments are cut before the link, as a device would.
    pub(crate) cut: bool,
    pub(crate) knobs: [Knobs; 2],
    pub(crate) apps: [App; 2],
    pub(crate) links: [Impairment; 2],
    /// Packets that are longer are dropped from the first moment on, and their sender is told.
    pub(crate) mtu_falls: Option<(Instant, u16)>,
    /// From now on nothing is wrong any more.
    pub(crate) heal_at: Instant,
    /// The delay of the links then, as before.
    pub(crate) delay: Duration,
}

fn one_in(rng: &mut Rng, n: u64) -> bool {
    rng.below(n) == 0
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[usize::try_from(rng.below(from.len() as u64)).unwrap()]
}

fn size(rng: &mut Rng, from: usize, to: usize) -> usize {
    // Each order of magnitude as often as the others.
    let (low, high) = (from.max(1).ilog2(), to.max(1).ilog2());
    let top = 1_u64 << (u64::from(low) + rng.below(u64::from(high - low) + 1) + 1);
    usize::try_from(rng.below(top)).unwrap().clamp(from, to)
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut rng = Rng::from_run(seed);
        let v6 = one_in(&mut rng, 2);
        let kinds = [kind(&mut rng, v6), kind(&mut rng, v6)];
        let heal_at = START + Duration::from_millis(2000 + rng.below(25_000));
        let aborts = one_in(&mut rng, 8);
        let delay = Duration::from_micros(pick(&mut rng, &[100, 2_000, 20_000, 100_000, 300_000]));
        let mtu = pick(&mut rng, &[1500, 1500, 1500, 1400, 9000]);
        let knobs = kinds.map(|kind| knobs(&mut rng, kind, aborts, mtu));
        // Small windows make many round trips: then less is sent.
        let smallest = knobs.iter().map(|knobs| knobs.receive.min(knobs.send * 2)).min().unwrap();
        let apps = [0, 1].map(|_| app(&mut rng, heal_at, smallest, aborts));
        let links = [0, 1].map(|_| link(&mut rng, heal_at, delay));
        let mtu_falls = one_in(&mut rng, 8).then(|| {
            let at = START + Duration::from_millis(rng.below(3000));
            let least = if v6 { 1280 } else { 600 };
            (at, u16::try_from(least + rng.below(200)).unwrap())
        });
        let (simultaneous, cut) = (one_in(&mut rng, 12), one_in(&mut rng, 2));
        let knobs = knobs.map(|knobs| late_knobs(&mut rng, knobs));
        Self { seed, v6, simultaneous, cut, knobs, apps, links, mtu_falls, heal_at, delay }
    }

    /// Whether all must arrive.
    pub(crate) fn is_gentle(&self) -> bool {
        self.apps.iter().all(|app| app.end == End::Finish)
    }
}

fn kind(rng: &mut Rng, v6: bool) -> Kind {
    let lent = one_in(rng, 2);
    match rng.below(if v6 { 5 } else { 4 }) {
        0 | 1 => Kind::Host { lent },
        2 | 3 => Kind::Std { lent },
        _ => Kind::Tiny { lent },
    }
}

fn knobs(rng: &mut Rng, kind: Kind, keepalive: bool, mtu: u16) -> Knobs {
    let most = if matches!(kind, Kind::Tiny { .. }) { 60_000 } else { 1 << 20 };
    let plain = one_in(rng, 3); // as a device comes
    let mut coin = |n| !plain && rng.below(n) == 0;
    let (sack, timestamps, window_scale) = (!coin(4), !coin(3), !coin(4));
    let (ecn, nagle) = (!coin(2), !coin(2));
    let pacing = coin(3);
    Knobs {
        kind,
        receive: size(rng, 100, most),
        send: size(rng, 100, most),
        congestion: rng.below(4),
        sack,
        timestamps,
        window_scale,
        ecn,
        nagle,
        pacing,
        keepalive,
        gso_max: pick(rng, &[0, 0, 8_000, 60_000]),
        delayed_ack: pick(rng, &[40, 40, 0, 100, 400]),
        quick_acks: pick(rng, &[16, 0]),
        mtu,
        wrap: one_in(rng, 3).then(|| u32::try_from(rng.below(40_000)).unwrap()),
        clock: None,
        no_buffer_percent: 0,
    }
}

/// Bits of a clock of microseconds at which something comes round that is kept of it: answers to what is not acceptable,
/// microseconds and half of them, ticks of eight, coarse seconds, ticks of a thousand, spans.
const ROUNDS: [u64; 9] = [29, 31, 32, 34, 35, 36, 41, 42, 46];

/// What was drawn last, so that all else stays what it was.
fn late_knobs(rng: &mut Rng, mut knobs: Knobs) -> Knobs {
    if matches!(knobs.kind, Kind::Host { lent: false }) && one_in(rng, 2) {
        knobs.kind = Kind::Rated;
    }
    let before = Duration::from_millis(rng.below(12_000));
    let round = if one_in(rng, 3) {
        Duration::from_millis(1 << (31 + rng.below(2))) // the clock of timestamps
    } else {
        Duration::from_micros(1 << pick(rng, &ROUNDS))
    };
    knobs.clock = (knobs.wrap.is_none() && one_in(rng, 2)).then(|| round - before);
    knobs.no_buffer_percent = pick(rng, &[0, 0, 0, 2, 20, 60]);
    knobs
}

fn app(rng: &mut Rng, heal_at: Instant, smallest: usize, aborts: bool) -> App {
    let most = (smallest * 100).min(200_000);
    let mut total = match rng.below(6) {
        0 => 0,
        1..=4 => size(rng, 1, most),
        _ => most,
    };
    let chunk = pick(rng, &[1, 17, 700, 1448, 5000, 65_536]);
    if chunk < 100 {
        total = total.min(chunk * 600);
    }
    let millis = Duration::from_millis;
    let span = u64::try_from((heal_at - START).as_millis()).unwrap();
    let slow = one_in(rng, 4);
    let stall = one_in(rng, 5).then(|| {
        let from = START + millis(rng.below(2000));
        // Longer than any limit of repeating, now and then.
        let long = pick(rng, &[1000, 10_000, 10_000, 200_000]);
        Span { from, until: from + millis(rng.below(long)) }
    });
    let end = match rng.below(8) {
        0 if aborts => End::AbortAt(START + millis(rng.below(span + 1000))),
        1..=3 if aborts => End::AbortAt(START + millis(rng.below(1000))),
        4 | 5 if aborts => End::Close,
        _ => End::Finish,
    };
    App {
        total,
        chunk,
        gap: millis(pick(rng, &[0, 0, 0, 1, 30, 250])),
        more_percent: pick(rng, &[0, 0, 0, 30, 100]),
        urgent_percent: pick(rng, &[0, 0, 0, 0, 0, 10]),
        read_size: if slow { size(rng, 1, 3000) } else { 1 << 20 },
        read_gap: if slow { millis(rng.below(50)) } else { Duration::ZERO },
        stall,
        end,
    }
}

fn link(rng: &mut Rng, heal_at: Instant, delay: Duration) -> Impairment {
    let mut link = Impairment { delay, ..Impairment::default() };
    link.loss = match rng.below(6) {
        0 => Loss::Random { per_million: pick(rng, &[1_000, 20_000, 100_000, 300_000]) },
        1 => Loss::Burst {
            enter_per_million: 20_000,
            leave_per_million: 200_000,
            good_per_million: 0,
            bad_per_million: 900_000,
        },
        _ => Loss::None,
    };
    if one_in(rng, 4) {
        let per_million = pick(rng, &[5_000, 100_000, 300_000]);
        let frames = u16::try_from(1 + rng.below(12)).unwrap();
        link.reorder = Reorder { per_million, frames, ..Reorder::default() };
    }
    if one_in(rng, 4) {
        link.jitter = Duration::from_millis(rng.below(40));
        link.reorder.by_jitter = one_in(rng, 2);
    }
    if one_in(rng, 4) {
        link.duplicate_per_million = pick(rng, &[10_000, 300_000, 1_000_000]);
    }
    if one_in(rng, 6) {
        let bits = 1; // more may leave the checksum as it was
        // The network header stays whole: IPv6 has no checksum, and a stack would not take what is not for it.
        let after = 40;
        link.corrupt = Corrupt { per_million: 50_000, bits, after, fix_checksum: false };
    }
    if one_in(rng, 6) {
        link.truncate_per_million = 50_000;
    }
    if one_in(rng, 4) {
        link.mark_per_million = pick(rng, &[10_000, 300_000, 1_000_000]);
    }
    if one_in(rng, 3) {
        link.rate = Some(pick(rng, &[200_000, 2_000_000, 50_000_000]));
        link.queue_bytes = size(rng, 3000, 200_000);
        link.management = match rng.below(3) {
            0 => Management::Codel(Codel { ecn: one_in(rng, 2), ..Codel::default() }),
            1 => Management::MarkAbove(Duration::from_millis(5)),
            _ => Management::None,
        };
    }
    if one_in(rng, 5) {
        let from = START + Duration::from_millis(rng.below(5000));
        let until = from + Duration::from_millis(rng.below(15_000));
        link.down.push(Span { from, until: until.min(heal_at.max(from)) });
    }
    link
}
