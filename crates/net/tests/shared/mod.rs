//! Stacks on a virtual Ethernet that loses, doubles and reorders as a seed says.

#![allow(dead_code, reason = "each test file uses its part of this")]

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_net::{
    Capabilities, Config, Event, Ignored, InterfaceId, InterfaceOptions, Medium, Prefix, Stack,
};
use mainstay_wire::ethernet::{EtherType, Header, Mac};
use mainstay_wire::ip::Protocol;
use mainstay_wire::ipv4;
use mainstay_wire::offload::Offload;

pub(crate) const BUF: usize = 65_600;

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn prefix(text: &str, len: u8) -> Prefix {
    Prefix::new(ip(text), len).unwrap()
}

pub(crate) const fn mac(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, last])
}

/// Addresses are used at once, so that most tests need not wait.
pub(crate) fn quick() -> Config {
    Config { probes_v4: 0, probes_v6: 0, ..Config::default() }
}

pub(crate) fn ethernet(last: u8) -> InterfaceOptions {
    let medium = Medium::Ethernet(mac(last));
    InterfaceOptions { medium, mtu: 1500, offload: Capabilities::default() }
}

pub(crate) fn tun() -> InterfaceOptions {
    InterfaceOptions { medium: Medium::Ip, ..ethernet(0) }
}

/// What a stack has to say at `now`.
pub(crate) fn frames(stack: &mut Stack, now: Instant) -> Vec<Vec<u8>> {
    let mut buf = vec![0; BUF];
    let mut all = Vec::new();
    while let Some(transmit) = stack.poll_transmit(now, &mut buf) {
        all.push(buf[..transmit.len].to_vec());
        assert!(all.len() < 10_000, "poll_transmit runs dry (L2)");
    }
    all
}

pub(crate) fn events(stack: &mut Stack) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) = stack.poll_event() {
        all.push(event);
        assert!(all.len() < 10_000, "poll_event runs dry (L2)");
    }
    all
}

pub(crate) fn give(
    stack: &mut Stack,
    now: Instant,
    id: InterfaceId,
    frame: &[u8],
) -> Verdict<Ignored> {
    stack.handle_input(now, id, frame, Offload::default())
}

/// One stack with one interface.
pub(crate) struct Node {
    pub(crate) stack: Stack,
    pub(crate) id: InterfaceId,
    pub(crate) events: Vec<Event>,
}

impl Node {
    pub(crate) fn new(config: Config, last: u8, options: InterfaceOptions) -> Self {
        let mut stack = Stack::new(config, Rng::from_run(last.into()));
        let id = stack.add_interface(options).unwrap();
        Self { stack, id, events: Vec::new() }
    }

    /// With addresses that end in `last`: 192.0.2.0/24, link-local, and `2001:db8::/64`.
    pub(crate) fn with_addresses(config: Config, last: u8, options: InterfaceOptions) -> Self {
        let mut node = Self::new(config, last, options);
        for (text, len) in [("192.0.2.", 24), ("fe80::", 64), ("2001:db8::", 64)] {
            let prefix = prefix(&format!("{text}{last}"), len);
            node.stack.add_address(Instant::ZERO, node.id, prefix).unwrap();
        }
        node
    }

    pub(crate) fn give(&mut self, now: Instant, frame: &[u8]) -> Verdict<Ignored> {
        give(&mut self.stack, now, self.id, frame)
    }
}

/// How bad the link is: so many of a hundred frames.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) delayed: u64,
}

/// Nodes on one link.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    pub(crate) faults: Faults,
    rng: Rng,
    /// Frames under way: when, to whom.
    flying: Vec<(Instant, usize, Vec<u8>)>,
    /// Everything that was sent.
    pub(crate) trace: Vec<Vec<u8>>,
}

impl World {
    pub(crate) fn new(nodes: Vec<Node>, seed: u64, faults: Faults) -> Self {
        let (now, rng) = (Instant::ZERO, Rng::from_run(seed));
        Self { now, nodes, faults, rng, flying: Vec::new(), trace: Vec::new() }
    }

    /// Two with addresses, on a good link.
    pub(crate) fn pair(config: Config) -> Self {
        let one = Node::with_addresses(config.clone(), 1, ethernet(1));
        let two = Node::with_addresses(config, 2, ethernet(2));
        Self::new(vec![one, two], 1, Faults::default())
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    /// Collects what everybody has to say, and checks the laws of outputs.
    fn collect(&mut self) {
        let now = self.now;
        for from in 0..self.nodes.len() {
            let node = &mut self.nodes[from];
            node.stack.handle_timeout(now);
            let said = frames(&mut node.stack, now);
            node.events.extend(events(&mut node.stack));
            assert!(node.stack.poll_timeout().is_none_or(|at| at > now), "ahead (L3)");
            for frame in said {
                self.trace.push(frame.clone());
                for to in (0..self.nodes.len()).filter(|to| *to != from) {
                    self.fly(to, &frame);
                }
            }
        }
    }

    fn fly(&mut self, to: usize, frame: &[u8]) {
        if self.chance(self.faults.lost) {
            return;
        }
        let copies = if self.chance(self.faults.doubled) { 2 } else { 1 };
        for _ in 0..copies {
            let late = self.chance(self.faults.delayed);
            let micros = if late { self.rng.below(20_000) } else { 100 };
            let at = self.now + Duration::from_micros(micros + 1);
            self.flying.push((at, to, frame.to_vec()));
        }
    }

    /// Runs until nothing is under way and no timer is due before `until`.
    pub(crate) fn run(&mut self, until: Instant) {
        loop {
            self.collect();
            let arrival = self.flying.iter().map(|(at, ..)| *at).min();
            let timers = self.nodes.iter().filter_map(|n| n.stack.poll_timeout()).min();
            let Some(next) = arrival.into_iter().chain(timers).min().filter(|at| *at <= until)
            else {
                self.now = until;
                return;
            };
            self.now = next;
            let (due, later) =
                core::mem::take(&mut self.flying).into_iter().partition(|f| f.0 <= next);
            self.flying = later;
            let due: Vec<_> = due;
            for (_, to, frame) in due {
                let _verdict = self.nodes[to].give(next, &frame);
            }
        }
    }

    pub(crate) fn run_for(&mut self, wait: Duration) {
        self.run(self.now + wait);
    }
}

/// A frame with an IPv4 packet, to whom its destination tells.
pub(crate) fn v4_frame(
    from: u8,
    source: &str,
    to: &str,
    (protocol, ttl): (Protocol, u8),
    payload: &[u8],
) -> Vec<u8> {
    let header = ipv4::Header {
        ttl,
        ..ipv4::Header::new(
            source.parse().unwrap(),
            to.parse().unwrap(),
            protocol,
            payload.len().try_into().unwrap(),
        )
    };
    let destination = if header.destination.is_multicast() {
        Mac::of_group_v4(header.destination)
    } else {
        mac(1)
    };
    let ethertype = EtherType::IPV4;
    let mut frame = vec![0; 34];
    Header { destination, source: mac(from), tag: None, ethertype }.emit(&mut frame).unwrap();
    header.emit(&mut frame[14..]).unwrap();
    frame.extend_from_slice(payload);
    frame
}

pub(crate) fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(address), port)
}
