//! A path in integers: one bottleneck with a buffer and seeded random loss, and a sender that does for a controller
//! what the engine does: samples, recovery episodes, timeouts, pacing. Lost bytes are made up by new ones.

use std::collections::VecDeque;

use mainstay_base::Instant;
use mainstay_tcp::congestion::{AckSample, CongestionControl, RateSample, Signal};

/// Bytes of a segment; takes whole microseconds at the rates used here.
pub(crate) const MSS: u32 = 1250;
/// What waits longer for an answer is lost, microseconds.
const RTO: u64 = 1_000_000;

/// The bottleneck. Rates in bytes per second, times in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) rate: u64,
    pub(crate) rtt: u64,
    pub(crate) buffer: u64,
    pub(crate) loss_permille: u64,
}

impl Path {
    /// 100 Mbit/s and 50 ms with a buffer of so many hundredths of the product of both.
    pub(crate) fn broadband(buffer_percent: u64, loss_permille: u64) -> Self {
        Self { rate: 12_500_000, rtt: 50_000, buffer: 6_250 * buffer_percent, loss_permille }
    }
}

/// A segment under way, with what the sender knew when it left.
#[derive(Clone, Copy, Debug)]
struct Segment {
    index: u64,
    sent_at: u64,
    /// When its acknowledgement comes; never if it was lost.
    acked_at: Option<u64>,
    first_sent_at: u64,
    delivered: u32,
    delivered_at: u64,
    lost: u32,
    flight: u32,
}

/// One bulk transfer.
pub(crate) struct Transfer<C> {
    pub(crate) cc: C,
    pub(crate) path: Path,
    pub(crate) now: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    /// Summed over acknowledgements, for the mean: microseconds of queue and how many.
    pub(crate) queue: (u64, u64),
    under_way: VecDeque<Segment>,
    next_index: u64,
    first_sent_at: u64,
    delivered_at: u64,
    link_free_at: u64,
    next_send_at: u64,
    srtt: u64,
    min_rtt: u32,
    round_end: u64,
    recovery_end: Option<(u64, bool)>,
    random: u64,
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap()
}

impl<C: CongestionControl> Transfer<C> {
    pub(crate) fn new(config: C::Config, path: Path, seed: u64) -> Self {
        Self {
            cc: C::new(config, MSS, 10 * MSS),
            path,
            now: 0,
            delivered: 0,
            lost: 0,
            queue: (0, 0),
            under_way: VecDeque::new(),
            next_index: 0,
            first_sent_at: 0,
            delivered_at: 0,
            link_free_at: 0,
            next_send_at: 0,
            srtt: path.rtt,
            min_rtt: u32::MAX,
            round_end: 0,
            recovery_end: None,
            random: seed | 1,
        }
    }

    /// Runs for so long; the part of the link that was used, in thousandths.
    pub(crate) fn run(&mut self, millis: u64) -> u64 {
        let (until, before) = (self.now + millis * 1000, self.delivered);
        self.queue = (0, 0);
        while self.now < until {
            self.step();
        }
        (self.delivered - before) * 1_000_000 / (self.path.rate * millis)
    }

    /// The mean queue in hundredths of the bandwidth-delay product.
    pub(crate) fn queue_percent(&self) -> u64 {
        self.queue.0 * 100 / self.queue.1.max(1) / self.path.rtt
    }

    fn flight(&self) -> u32 {
        low(self.under_way.len() as u64) * MSS
    }

    fn step(&mut self) {
        let ack_at = self.under_way.iter().find_map(|segment| segment.acked_at);
        let rto_at = self.under_way.back().map(|last| last.sent_at.max(self.delivered_at) + RTO);
        let may_send = self.flight() + MSS <= self.cc.cwnd().max(MSS);
        let send_at = may_send.then(|| self.next_send_at.max(self.now));
        let next = [ack_at, rto_at, send_at].into_iter().flatten().min().unwrap();
        self.now = self.now.max(next);
        if ack_at == Some(next) {
            self.acknowledge();
        } else if send_at == Some(next) {
            self.send();
        } else {
            self.time_out();
        }
    }

    fn send(&mut self) {
        if self.under_way.is_empty() {
            self.first_sent_at = self.now;
            self.delivered_at = self.now;
        }
        let size = u64::from(MSS);
        let waiting = self.link_free_at.saturating_sub(self.now) * self.path.rate / 1_000_000;
        let acked_at = (waiting + size <= self.path.buffer.max(size)).then(|| {
            self.link_free_at = self.link_free_at.max(self.now) + size * 1_000_000 / self.path.rate;
            self.link_free_at + self.path.rtt
        });
        let survives = self.draw() % 1000 >= self.path.loss_permille;
        self.under_way.push_back(Segment {
            index: self.next_index,
            sent_at: self.now,
            acked_at: acked_at.filter(|_| survives),
            first_sent_at: self.first_sent_at,
            delivered: low(self.delivered),
            delivered_at: self.delivered_at,
            lost: low(self.lost),
            flight: self.flight() + MSS,
        });
        self.next_index += 1;
        let gain = if self.cc.cwnd() < self.cc.ssthresh() { 20 } else { 12 };
        let engines = u64::from(self.cc.cwnd()) * 100_000 * gain / self.srtt;
        let rate = self.cc.pacing_rate().unwrap_or(engines).max(1);
        self.next_send_at = self.next_send_at.max(self.now) + size * 1_000_000 / rate;
    }

    /// The oldest segment that arrived is acknowledged; what is three or more older is lost.
    fn acknowledge(&mut self) {
        let place = self.under_way.iter().position(|segment| segment.acked_at.is_some()).unwrap();
        let cwnd_limited = self.flight() + 3 * MSS >= self.cc.cwnd();
        let before = self.flight();
        let segment = self.under_way.remove(place).unwrap();
        self.delivered += u64::from(MSS);
        self.delivered_at = self.now;
        self.first_sent_at = segment.sent_at;
        let (mut lost, mut newest_lost) = (0, 0);
        while self.under_way.front().is_some_and(|first| first.index + 3 <= segment.index) {
            newest_lost = self.under_way.pop_front().unwrap().index;
            lost += MSS;
        }
        self.lost += u64::from(lost);
        let rtt = self.now - segment.sent_at;
        self.srtt = (7 * self.srtt + rtt) / 8;
        self.min_rtt = self.min_rtt.min(low(rtt));
        self.queue = (self.queue.0 + rtt.saturating_sub(self.path.rtt), self.queue.1 + 1);
        self.episodes(segment.index, (lost > 0).then_some(newest_lost), before);
        let round_start = segment.index >= self.round_end;
        if round_start {
            self.round_end = self.next_index;
        }
        let interval =
            (segment.sent_at - segment.first_sent_at).max(self.now - segment.delivered_at);
        let rate = RateSample {
            delivered: low(self.delivered).wrapping_sub(segment.delivered),
            interval_micros: low(interval),
            app_limited: false,
            flight_at_send: segment.flight,
            lost: low(self.lost).wrapping_sub(segment.lost),
            delivered_total: low(self.delivered),
        };
        self.cc.on_ack(&AckSample {
            now: Instant::from_micros(self.now),
            acked: MSS,
            sacked: 0,
            lost,
            flight_before: before,
            flight: self.flight(),
            rtt: Some(low(rtt)),
            min_rtt: self.min_rtt,
            rate: Some(rate),
            cwnd_limited,
            in_recovery: self.recovery_end.is_some(),
            after_rto: self.recovery_end.is_some_and(|(_, after_rto)| after_rto),
            round_start,
            ce_bytes: 0,
        });
    }

    /// An episode is over when nothing sent before it began is outstanding; only later losses begin another.
    fn episodes(&mut self, acked: u64, lost: Option<u64>, flight: u32) {
        let now = Instant::from_micros(self.now);
        let begun = self.recovery_end.map_or(0, |(end, _)| end);
        let oldest = self.under_way.front().map_or(acked, |first| first.index);
        if self.recovery_end.is_some() && acked >= begun && oldest >= begun {
            self.recovery_end = None;
            self.cc.on_recovery_end(now);
        }
        if self.recovery_end.is_none() && lost.is_some_and(|lost| lost >= begun) {
            self.recovery_end = Some((self.next_index, false));
            self.cc.on_congestion(now, Signal::Loss, flight);
        }
    }

    fn time_out(&mut self) {
        let flight = self.flight();
        self.lost += u64::from(flight);
        self.under_way.clear();
        self.recovery_end = Some((self.next_index, true));
        self.cc.on_congestion(Instant::from_micros(self.now), Signal::Rto, flight);
    }

    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 20
    }
}
