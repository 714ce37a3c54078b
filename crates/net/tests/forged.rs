//! Forgeries against a connection, from the wire up: each is counted under its reason, and the connection does not mind.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "not all of it is needed here")]
#[path = "flood/side.rs"]
mod side;

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::{Handle, Ignored, Push, State};
use mainstay_wire::ip::Protocol;
use mainstay_wire::tcp::{Flags, Header, Options, Timestamps};
use mainstay_wire::{icmpv4, ipv4};
use side::{CLIENT, PORT, SERVER, Side, packet};

const BYTES: usize = 8000;

/// A client with bytes in flight to a server that has not answered yet, and the first segment of them.
struct Scene {
    now: Instant,
    client: Side,
    server: Side,
    handle: Handle,
    flight: Header,
    held: Vec<Vec<u8>>,
}

impl Scene {
    fn new() -> Self {
        let (mut client, mut server) = (Side::client(CLIENT), Side::server(SERVER));
        let mut now = Instant::from_millis(1000);
        let peer = (SERVER[0], PORT).into();
        let handle = client.network.connect(now, peer, None, 0).unwrap();
        for _ in 0..3 {
            now += Duration::from_millis(1);
            carry(now, &mut client, &mut server);
            carry(now, &mut server, &mut client);
        }
        server.serve(now);
        let mut live = client.network.at(now, handle).unwrap();
        assert_eq!(live.endpoint().unwrap().state(), State::Established);
        assert_eq!(live.write(&[7; BYTES], Push::Now), Ok(BYTES));
        let mut held = Vec::new();
        while let Some(packet) = client.next(now) {
            held.push(packet.to_vec());
        }
        let (flight, _) = Header::parse(&held[0][20..]).unwrap();
        Self { now, client, server, handle, flight, held }
    }

    /// A segment as if from the server.
    fn forge(&mut self, header: &Header, payload: &[u8]) {
        let header = Header { source: PORT, destination: self.flight.source, ..*header };
        self.client.give(self.now, &packet(SERVER[0], CLIENT[0], &header, payload));
    }

    /// What a router says of a packet of ours with this sequence number and port.
    fn told(&mut self, message: (u8, u16), sequence: u32, port: u16) {
        let quoted = Header { sequence, source: port, ..self.flight };
        let quote = packet(CLIENT[0], SERVER[0], &quoted, &[]);
        let (code, mtu) = message;
        let said = icmpv4::Message::Unreachable { code, mtu, quote: &quote[..28] };
        let mut body = vec![0; 64];
        let len = said.emit(&mut body).unwrap();
        let IpAddr::V4(destination) = CLIENT[0] else { return };
        let header = ipv4::Header::new(
            Ipv4Addr::new(198, 18, 1, 77),
            destination,
            Protocol::ICMPV4,
            len.try_into().unwrap(),
        );
        let mut bytes = vec![0; 20];
        header.emit(&mut bytes).unwrap();
        bytes.extend_from_slice(&body[..len]);
        self.client.give(self.now, &bytes);
    }

    fn ignored(&self, why: Ignored) -> u64 {
        self.client.network.ignored(why)
    }

    /// Answers that leave now.
    fn answers(&mut self) -> usize {
        core::iter::from_fn(|| self.client.next(self.now).map(|_| ())).count()
    }

    /// All arrives, and is answered.
    fn ends_well(mut self) {
        for packet in core::mem::take(&mut self.held) {
            self.server.give(self.now, &packet);
        }
        for _ in 0..100 {
            self.now += Duration::from_millis(50);
            for side in [&mut self.client, &mut self.server] {
                side.network.handle_timeout(self.now);
            }
            carry(self.now, &mut self.server, &mut self.client);
            self.server.serve(self.now);
            carry(self.now, &mut self.client, &mut self.server);
            carry(self.now, &mut self.server, &mut self.client);
        }
        let facts = self.client.network.engine().endpoint(self.handle).unwrap().facts();
        assert!(facts.queued == 0 && facts.unread == b"answer".len(), "{facts:?}");
    }
}

fn carry(now: Instant, from: &mut Side, to: &mut Side) {
    while let Some(packet) = from.next(now).map(<[u8]>::to_vec) {
        to.give(now, &packet);
    }
}

// Covers TCP-175, TCP-178, TCP-544
#[test]
fn routers_that_were_not_on_the_way_are_counted_and_not_believed() {
    let mut scene = Scene::new();
    let mut rng = Rng::from_run(5927);
    let (first, port) = (scene.flight.sequence, scene.flight.source);
    let mss = scene.client.network.engine().endpoint(scene.handle).unwrap().facts().mss;
    for _ in 0..5000 {
        // Outside of what is in flight, as someone would guess it.
        let beyond = u32::try_from(BYTES).unwrap() + rng.next_u32() % 0x7fff_0000;
        let sequence = first.wrapping_add(beyond);
        for message in [(4, 68), (4, 600), (2, 0), (3, 0), (1, 0)] {
            scene.told(message, sequence, port);
        }
    }
    assert_eq!(scene.ignored(Ignored::Window), 25_000);
    // About connections that are not there.
    scene.told((3, 0), first, port.wrapping_add(1));
    assert_eq!(scene.ignored(Ignored::Stranger), 1);
    assert_eq!(scene.answers(), 0, "nobody is told anything");
    let facts = scene.client.network.engine().endpoint(scene.handle).unwrap().facts();
    assert_eq!((facts.mss, facts.state, facts.soft), (mss, State::Established, None));
    // Who guesses right does little: smaller segments, but not smaller than the floor.
    scene.told((4, 68), first, port);
    let facts = scene.client.network.engine().endpoint(scene.handle).unwrap().facts();
    assert_eq!((facts.mss, facts.state), (512, State::Established));
    scene.ends_well();
}

// Covers TCP-500, TCP-510, TCP-511
#[test]
fn blind_segments_are_counted_by_what_is_wrong_with_them_and_answered_rarely() {
    let mut scene = Scene::new();
    let (next, ack) = (scene.flight.acknowledgment, scene.flight.sequence);
    let options = Options {
        timestamps: scene
            .flight
            .options
            .timestamps
            .map(|t| Timestamps { value: t.echo, echo: t.value }),
        ..Options::default()
    };
    let base = Header {
        sequence: next,
        acknowledgment: ack,
        flags: Flags::ACK,
        window: 1000,
        options,
        ..Header::default()
    };
    for step in 1..2000_u32 {
        let sequence = next.wrapping_add(step * 7);
        scene.forge(&Header { sequence, flags: Flags::RST, ..base }, &[]);
        scene.forge(&Header { sequence, flags: Flags::SYN, ..base }, &[]);
        let acknowledgment = ack.wrapping_add(1 << 20).wrapping_add(step);
        scene.forge(&Header { acknowledgment, ..base }, b"forged");
        let acknowledgment = ack.wrapping_sub(1 << 24).wrapping_sub(step);
        scene.forge(&Header { acknowledgment, ..base }, b"forged");
        let sequence = next.wrapping_add(1 << 24).wrapping_add(step);
        scene.forge(&Header { sequence, ..base }, b"forged");
        scene.forge(&Header { flags: Flags::NONE, ..base }, b"forged");
    }
    let counts = Ignored::ALL.iter().map(|why| (*why, scene.ignored(*why)));
    let counts: Vec<_> = counts.filter(|count| count.1 > 0).collect();
    let expected = [
        (Ignored::Window, 1999),
        (Ignored::Acknowledgment, 2 * 1999),
        (Ignored::Flags, 1999),
        (Ignored::Reset, 1999),
        (Ignored::Syn, 1999),
    ];
    assert_eq!(counts, expected);
    assert!(scene.answers() <= 3);
    let facts = scene.client.network.engine().endpoint(scene.handle).unwrap().facts();
    assert_eq!((facts.state, facts.unread, facts.out_of_order), (State::Established, 0, 0));
    scene.ends_well();
}

// Covers TCP-372, TCP-100
#[test]
fn options_and_headers_without_sense_are_counted_and_harm_nothing() {
    let mut scene = Scene::new();
    let mut rng = Rng::from_run(2);
    let base = Header {
        source: PORT,
        destination: scene.flight.source,
        sequence: scene.flight.acknowledgment,
        acknowledgment: scene.flight.sequence,
        flags: Flags::ACK,
        window: 1000,
        ..Header::default()
    };
    for _ in 0..5000 {
        // Forty bytes of options, drawn, behind a header that is good; the checksum is right.
        let mut whole = packet(SERVER[0], CLIENT[0], &base, &[0; 40]);
        whole[20 + 12] = 15 << 4;
        rng.fill(&mut whole[40..80]);
        whole[36..38].fill(0);
        let mut sum = mainstay_wire::checksum::Checksum::pseudo(
            SERVER[0],
            CLIENT[0],
            Protocol::TCP.0,
            u32::try_from(whole.len() - 20).unwrap(),
        );
        sum.add(&whole[20..]);
        let field = sum.finish();
        whole[36..38].copy_from_slice(&field.to_be_bytes());
        scene.client.give(scene.now, &whole);
        // The same with a wrong checksum, and one that is longer than it says.
        whole[36] ^= 0x55;
        scene.client.give(scene.now, &whole);
        whole[20 + 12] = u8::try_from(rng.below(5)).unwrap() << 4;
        scene.client.give(scene.now, &whole);
    }
    let counters = scene.client.network.engine().counters();
    assert!(counters.malformed_options > 1000, "{counters:?}");
    assert_eq!(scene.ignored(Ignored::Checksum) + scene.ignored(Ignored::Malformed), 10_000);
    assert!(scene.ignored(Ignored::Malformed) >= 5000);
    let facts = scene.client.network.engine().endpoint(scene.handle).unwrap().facts();
    assert_eq!((facts.state, facts.unread), (State::Established, 0));
    scene.ends_well();
}
