//! A server and a client on a link without frames that takes its time, as the test of floods needs them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_net::network::{Config, Event, Network};
use mainstay_net::{Capabilities, InterfaceId, InterfaceOptions, Medium, Prefix};
use mainstay_tcp::{Handle, ListenerHandle, Push, State};
use mainstay_wire::ip::Protocol;
use mainstay_wire::offload::Offload;
use mainstay_wire::tcp::{HEADER_MAX, Header, write_checksum};
use mainstay_wire::{ipv4, ipv6};
use std::collections::VecDeque;

pub(crate) const SERVER: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 18, 1, 10)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x18, 1, 0, 0, 0, 0, 0x10)),
];
pub(crate) const CLIENT: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 18, 1, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x18, 1, 0, 0, 0, 0, 2)),
];
pub(crate) const PORT: u16 = 80;

/// Bytes of one buffer.
const BUFFER: usize = 16 << 10;
/// What a connection holds: both buffers and itself.
pub(crate) const CONNECTION: usize = 2 * BUFFER + 8192;

/// A segment in a packet, as it is on the wire.
pub(crate) fn packet(from: IpAddr, to: IpAddr, header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0; HEADER_MAX];
    let len = header.emit(&mut segment).unwrap();
    segment.truncate(len);
    segment.extend_from_slice(payload);
    write_checksum(from, to, &mut segment).unwrap();
    let mut packet = vec![0; 40];
    let len = match (from, to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ipv4::Header::new(source, destination, Protocol::TCP, segment.len().try_into().unwrap())
                .emit(&mut packet)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            ipv6::Header::new(source, destination, Protocol::TCP, segment.len().try_into().unwrap())
                .emit(&mut packet)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    };
    packet.truncate(len.unwrap());
    packet.extend_from_slice(&segment);
    packet
}

/// A network with one interface.
pub(crate) struct Side {
    pub(crate) network: Network,
    interface: InterfaceId,
    listeners: Vec<ListenerHandle>,
    guests: Vec<Handle>,
    buffer: Vec<u8>,
}

impl Side {
    fn new(addresses: [IpAddr; 2], gateways: [IpAddr; 2], seed: u64) -> Self {
        let mut config = Config {
            receive_bytes: BUFFER,
            send_bytes: BUFFER,
            connections_max: 1200,
            ..Config::default()
        };
        (config.stack.probes_v4, config.stack.probes_v6) = (0, 0);
        let mut network = Network::new(config, Rng::from_run(seed));
        let options =
            InterfaceOptions { medium: Medium::Ip, mtu: 1500, offload: Capabilities::default() };
        let prefixes =
            [Prefix::new(addresses[0], 24).unwrap(), Prefix::new(addresses[1], 64).unwrap()];
        let interface =
            network.add_interface(Instant::ZERO, options, &prefixes, &gateways).unwrap();
        let buffer = vec![0; Network::MAX_TRANSMIT];
        Self { network, interface, listeners: Vec::new(), guests: Vec::new(), buffer }
    }

    /// It answers each question with a few bytes.
    pub(crate) fn server(addresses: [IpAddr; 2]) -> Self {
        let mut side = Self::new(addresses, CLIENT, 1);
        for address in addresses {
            side.listeners.push(side.network.listen((address, PORT).into()).unwrap());
        }
        side
    }

    pub(crate) fn client(addresses: [IpAddr; 2]) -> Self {
        Self::new(addresses, SERVER, 2)
    }

    pub(crate) fn give(&mut self, now: Instant, packet: &[u8]) {
        let verdict = self.network.handle_input(now, self.interface, packet, Offload::default());
        assert_eq!(verdict, Verdict::Accepted);
    }

    /// Connections that are served.
    pub(crate) fn guests(&self) -> usize {
        self.guests.len()
    }

    pub(crate) fn next(&mut self, now: Instant) -> Option<&[u8]> {
        let out = self.network.poll_transmit(now, &mut self.buffer)?;
        self.buffer.get(..out.len)
    }

    /// Takes who came, answers who asked, and lets go who has finished.
    pub(crate) fn serve(&mut self, now: Instant) {
        while let Some(event) = self.network.poll_event(now) {
            if let Event::Incoming(listener) = event {
                self.guests.extend(self.network.accept(listener, 0));
            }
        }
        let network = &mut self.network;
        self.guests.retain(|guest| {
            let mut bytes = [0; 16 << 10];
            let mut live = network.at(now, *guest).unwrap();
            if live.read(&mut bytes).is_ok_and(|count| count > 0)
                && live.write(b"answer", Push::Now).is_ok()
            {
                live.finish().unwrap();
            }
            let over = live.endpoint().is_none_or(|endpoint| endpoint.state() == State::Closed);
            if over {
                network.release(now, *guest);
            }
            !over
        });
    }
}

/// Both, and what is under way between them.
pub(crate) struct Link {
    pub(crate) server: Side,
    pub(crate) client: Side,
    delay: Duration,
    flying: VecDeque<(Instant, bool, Vec<u8>)>,
    /// Packets of the server to nobody.
    pub(crate) lost: u64,
}

impl Link {
    pub(crate) fn new(server: Side, client: Side, delay: Duration) -> Self {
        Self { server, client, delay, flying: VecDeque::new(), lost: 0 }
    }

    /// All that can be done without time passing.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.server.network.handle_timeout(now);
        self.client.network.handle_timeout(now);
        let mut quiet = false;
        while !quiet {
            quiet = true;
            // A driver takes no more than can be answered.
            while self.flying.front().is_some_and(|(at, ..)| *at <= now)
                && self.server.network.can_answer()
            {
                let Some((_, to_client, packet)) = self.flying.pop_front() else { break };
                let side = if to_client { &mut self.client } else { &mut self.server };
                side.give(now, &packet);
                quiet = false;
            }
            self.server.serve(now);
            while self.client.network.poll_event(now).is_some() {}
            while let Some(packet) = self.server.next(now) {
                quiet = false;
                if to_client(packet) {
                    let packet = packet.to_vec();
                    self.flying.push_back((now + self.delay, true, packet));
                } else {
                    self.lost += 1;
                }
            }
            while let Some(packet) = self.client.next(now) {
                quiet = false;
                let packet = packet.to_vec();
                self.flying.push_back((now + self.delay, false, packet));
            }
        }
    }

    /// When something happens next.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        let timers = [self.server.network.poll_timeout(), self.client.network.poll_timeout()];
        let arrival = self.flying.front().map(|(at, ..)| *at);
        timers.into_iter().chain([arrival]).flatten().min().map(|at| at.max(now))
    }
}

fn to_client(packet: &[u8]) -> bool {
    let to: Option<IpAddr> = match packet.first().map(|first| first >> 4) {
        Some(4) => ipv4::Header::parse(packet).map(|(header, _)| header.destination.into()),
        _ => ipv6::Header::parse(packet).map(|(header, _)| header.destination.into()),
    };
    to.is_some_and(|to| CLIENT.contains(&to))
}
