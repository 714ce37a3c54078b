//! The link between a device's network and the far host: what becomes of each frame on its way.

use super::far::{Far, Servers};
use super::flow::{Flow, Seen};
use super::router::{Complaint, complain};
use super::seat::Course;
use super::{ENDS, Wiring, prefixes};
use crate::server::{Place, Reach};
use crate::trace::Trace;
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_impair::{Direction, Dropped, Impairment, Wire};
use mainstay_net::{Connections, InterfaceId, Network};
use mainstay_wire::ethernet;
use mainstay_wire::offload::Offload;
use mainstay_wire::segment::Split;
use std::collections::BTreeSet;

/// Exchanges without time passing before it counts as a busy loop (L3). chosen: far above a full window in small segments
const ROUNDS_MAX: u32 = 20_000;

/// How long a router takes to complain. chosen: less than most links
const COMPLAINT_WAIT: Duration = Duration::from_millis(2);

/// See the module.
#[derive(Debug)]
pub(crate) struct Cable {
    near: InterfaceId,
    far: Far,
    ways: [Direction<Offload>; 2],
    ethernet: bool,
    tells_mtu: bool,
    /// Nothing of them passes any more.
    gone: BTreeSet<Flow>,
    /// What routers have to say: when, to which end.
    complaints: Vec<(Instant, usize, Vec<u8>)>,
    frame: Vec<u8>,
    rounds: u32,
    /// Frames that left either end.
    pub(crate) frames: u64,
}

impl Cable {
    /// Both ends, joined; the device's connections are the other part.
    pub(crate) fn new(now: Instant, wiring: &Wiring, rng: &mut Rng) -> Option<(Self, Connections)> {
        let mut near = Network::new(wiring.near.clone(), rng.fork());
        let mut far = Network::new(wiring.far.clone(), rng.fork());
        let gateways = [IpAddr::V4(ENDS[1].0), IpAddr::V6(ENDS[1].1)];
        let ours = near.add_interface(now, wiring.interface(0), &prefixes(0), &gateways).ok()?;
        let theirs = far.add_interface(now, wiring.interface(1), &prefixes(1), &[]).ok()?;
        let link_header = if wiring.ethernet { ethernet::HEADER_LEN } else { 0 };
        let way = |way: usize, rng: &mut Rng| {
            Direction::new(Impairment { link_header, ..wiring.ways[way].clone() }, rng.fork())
        };
        let ways = [way(0, rng), way(1, rng)];
        let cable = Self {
            near: ours,
            far: Far::new(far, theirs),
            ways,
            ethernet: wiring.ethernet,
            tells_mtu: wiring.tells_mtu,
            gone: BTreeSet::new(),
            complaints: Vec::new(),
            frame: vec![0; Network::MAX_TRANSMIT],
            rounds: 0,
            frames: 0,
        };
        Some((cable, Connections::new(near)))
    }

    /// When something happens by itself.
    pub(crate) fn next(&self) -> Option<Instant> {
        let ways = self.ways.iter().filter_map(Direction::poll_timeout).min();
        let complaints = self.complaints.iter().map(|(at, ..)| *at).min();
        [ways, complaints, self.far.next()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub(crate) const fn tick(&mut self) {
        self.rounds = 0;
    }

    /// Everything that can be done now but for the device's part; whether that was anything.
    ///
    /// # Errors
    /// It never ends.
    pub(crate) fn exchange(
        &mut self,
        now: Instant,
        near: &mut Connections,
        around: (&mut Servers, &mut Rng, &mut Trace),
    ) -> Result<bool, &'static str> {
        let (servers, rng, trace) = around;
        self.far.listen(now, servers);
        let mut worked = false;
        loop {
            let mut moved = self.deliver(now, near);
            moved |= self.far.serve(now, servers, rng);
            self.silence();
            moved |= self.collect(now, near, servers, trace);
            if !moved {
                break;
            }
            worked = true;
            self.rounds += 1;
            if self.rounds > ROUNDS_MAX {
                return Err("frames go to and fro without end");
            }
        }
        let due = self.far.network.poll_timeout();
        if due.is_some_and(|at| at <= now) {
            return Err("L3: the far network is drained and due");
        }
        Ok(worked)
    }

    /// Hands over what has arrived; whether there was anything.
    fn deliver(&mut self, now: Instant, near: &mut Connections) -> bool {
        let mut some = false;
        let mut frame = Vec::new();
        for (at, to, said) in core::mem::take(&mut self.complaints) {
            if at > now {
                self.complaints.push((at, to, said));
                continue;
            }
            some = true;
            self.hand_over(now, near, to, &said, Offload::default());
        }
        for to in [1, 0] {
            while self.can_answer(near, to)
                && let Some(facts) = self.ways[1 - to].poll_transmit(now, &mut frame)
            {
                some = true;
                self.hand_over(now, near, to, &frame, facts);
            }
        }
        some
    }

    fn can_answer(&self, near: &Connections, to: usize) -> bool {
        let network = if to == 0 { near.network() } else { &self.far.network };
        network.can_answer()
    }

    fn hand_over(
        &mut self,
        now: Instant,
        near: &mut Connections,
        to: usize,
        frame: &[u8],
        facts: Offload,
    ) {
        let (network, interface) = if to == 0 {
            (near.network_mut(), self.near)
        } else {
            (&mut self.far.network, self.far.interface)
        };
        // Why is counted by the network.
        let (Verdict::Accepted | Verdict::Dropped(_)) =
            network.handle_input(now, interface, frame, facts);
    }

    /// Puts what both ends send onto the link; whether there was anything.
    fn collect(
        &mut self,
        now: Instant,
        near: &mut Connections,
        servers: &Servers,
        trace: &mut Trace,
    ) -> bool {
        let mut some = false;
        let mut frame = core::mem::take(&mut self.frame);
        while let Some(out) = near.network_mut().poll_transmit(now, &mut frame) {
            some = true;
            self.carry(now, 0, (frame.get(..out.len), out.offload), servers, trace);
        }
        while let Some(out) = self.far.network.poll_transmit(now, &mut frame) {
            some = true;
            self.carry(now, 1, (frame.get(..out.len), out.offload), servers, trace);
        }
        self.frame = frame;
        some
    }

    const fn link_header(&self) -> usize {
        if self.ethernet { ethernet::HEADER_LEN } else { 0 }
    }

    fn carry(
        &mut self,
        now: Instant,
        from: usize,
        (frame, facts): (Option<&[u8]>, Offload),
        servers: &Servers,
        trace: &mut Trace,
    ) {
        let Some(frame) = frame else { return };
        let packet = frame.get(self.link_header()..).unwrap_or_default();
        self.frames += 1;
        let seen = Seen::of(packet, from);
        note(now, from, frame.len(), seen.as_ref(), trace);
        if let Some(seen) = &seen
            && self.is_swallowed(now, from, seen, packet, servers)
        {
            return;
        }
        let way = &self.ways[from];
        if (facts.gso.is_none() && facts.partial.is_none())
            || !way.impairment().wants_single_segments()
        {
            let wire = facts.gso.map_or_else(
                || Wire::single(frame.len()),
                |gso| Wire::cut(frame.len(), gso.header_len.into(), gso.size.into()),
            );
            return self.put(now, from, frame, facts, wire);
        }
        for piece in finished(frame, self.link_header(), facts) {
            self.put(now, from, &piece, Offload::default(), Wire::single(piece.len()));
        }
    }

    fn put(&mut self, now: Instant, from: usize, frame: &[u8], facts: Offload, wire: Wire) {
        let verdict = self.ways[from].handle_input_as(now, frame, facts, wire);
        if verdict == Verdict::Dropped(Dropped::Mtu)
            && self.tells_mtu
            && let Some(mtu) = self.ways[from].impairment().mtu
        {
            let packet = frame.get(self.link_header()..).unwrap_or_default();
            self.complain(now, from, packet, Complaint::TooBig(mtu));
        }
    }

    fn complain(&mut self, now: Instant, to: usize, packet: &[u8], what: Complaint) {
        if let Some(said) = complain(to, self.ethernet, packet, what) {
            self.complaints.push((now + COMPLAINT_WAIT, to, said));
        }
    }

    /// Whether it does not get through, whatever the link is like.
    fn is_swallowed(
        &mut self,
        now: Instant,
        from: usize,
        seen: &Seen,
        packet: &[u8],
        servers: &Servers,
    ) -> bool {
        if from == 0 && seen.begins() {
            self.gone.remove(&seen.flow); // another connection of the same name
        }
        if self.gone.contains(&seen.flow) {
            return true;
        }
        let Some(server) = servers.get(&Place::Tcp(seen.flow.far)) else { return false };
        let cut = server.cuts.iter().any(|&(begin, end)| begin <= now && now < end);
        if server.reach == Reach::Unreachable && from == 0 {
            self.complain(now, 0, packet, Complaint::Unreachable);
        }
        cut || matches!(server.reach, Reach::BlackHole | Reach::Unreachable)
    }

    /// Connections that vanished are heard of no more.
    fn silence(&mut self) {
        for (near, far) in core::mem::take(&mut self.far.vanished) {
            let ip = super::first_address(far.ip());
            self.gone.insert(Flow { near, far: (ip, far.port()).into() });
        }
    }

    /// A server's process dies.
    pub(crate) fn restart(&mut self, now: Instant, place: &Place) {
        self.far.end(now, place, Course::Reset);
    }

    /// Its peers are gone without a word.
    pub(crate) fn vanish(&mut self, now: Instant, place: &Place) {
        self.far.end(now, place, Course::Vanish);
        self.silence();
    }

    /// Nothing is lost any more; how far it is stays, and what is too long where routers say so. A way that swallows long
    /// packets in silence is found out by each connection anew, which may take longer than a policy bears.
    pub(crate) fn heal(&mut self) {
        self.far.heal();
        for way in &mut self.ways {
            let Impairment { delay, mtu, link_header, .. } = *way.impairment();
            let mtu = mtu.filter(|_| self.tells_mtu);
            way.set(Impairment { delay, mtu, link_header, ..Impairment::default() });
        }
    }

    /// From now on longer packets do not pass.
    pub(crate) fn narrow(&mut self, mtu: u16) {
        for way in &mut self.ways {
            way.set(Impairment { mtu: Some(mtu), ..way.impairment().clone() });
        }
    }

    /// Connections of the far host, at one place or in all.
    pub(crate) fn count(&self, place: Option<&Place>) -> usize {
        self.far.count(place)
    }

    /// The far connections, in words.
    pub(crate) fn describe(&self) -> String {
        self.far.describe()
    }

    /// The far network, to look at.
    pub(crate) const fn far(&self) -> &Network {
        &self.far.network
    }
}

/// What is the same in every run of a seed: not what TLS makes of its keys, nor sums over that.
fn note(now: Instant, from: usize, len: usize, seen: Option<&Seen>, trace: &mut Trace) {
    trace.mix(&now.as_micros().to_le_bytes());
    trace.mix(&[u8::from(from == 1)]);
    trace.mix(&(len as u64).to_le_bytes());
    if let Some(Seen { header, .. }) = seen {
        trace.mix(&header.sequence.to_le_bytes());
        trace.mix(&header.acknowledgment.to_le_bytes());
        trace.mix(&header.window.to_le_bytes());
        trace.mix(&header.flags.to_bytes());
    }
}

/// What a device makes of a frame with work left undone.
fn finished(frame: &[u8], link_header: usize, facts: Offload) -> Vec<Vec<u8>> {
    let whole = || {
        let mut frame = frame.to_vec();
        if let Some(partial) = facts.partial {
            let _beyond = partial.complete(&mut frame);
        }
        vec![frame]
    };
    let Some(gso) = facts.gso else { return whole() };
    let Some((headers, payload)) = frame.split_at_checked(gso.header_len.into()) else {
        return whole();
    };
    let parts = [payload];
    let Some(mut split) = Split::new(headers, link_header, &parts, gso.size) else {
        return whole();
    };
    let mut pieces = Vec::new();
    while let Some(len) = split.next_len() {
        let mut piece = vec![0; len];
        if split.next_packet(&mut piece).is_none() {
            break;
        }
        pieces.push(piece);
    }
    pieces
}
