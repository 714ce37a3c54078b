//! Whatever the peer sends and however it is cut: same events, no panic, bounded memory, one outcome each.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/bench.rs"]
mod bench;

use std::collections::BTreeMap;

use bench::{Bench, Up};
use mainstay_base::{Instant, Network, Reason};
use mainstay_mqtt::message::{Header, Kind, Packet, PublishHead};
use mainstay_mqtt::{Config, Connect, Event, Publish, Server, Will};
use proptest::prelude::*;

/// Packets a server may send, as bytes.
fn server_packet() -> impl Strategy<Value = Vec<u8>> {
    let publish = (
        "[a-z/]{1,300}",
        0..3_u8,
        any::<(bool, u16)>(),
        prop::collection::vec(any::<u8>(), 0..600),
    );
    let publish = publish.prop_map(|(topic, qos, (retain, id), payload)| {
        let id = if qos == 0 { 0 } else { id.max(1) };
        let head = PublishHead { topic: &topic, id, qos, retain, dup: false };
        let mut out = Vec::new();
        head.emit(u32::try_from(payload.len()).unwrap(), &mut out).unwrap();
        out.extend(payload);
        out
    });
    let other = (0..7_u8, 1..=u16::MAX, 0..3_u8).prop_map(|(kind, id, code)| {
        let mut out = Vec::new();
        let codes = [code];
        let packet = match kind {
            0 => Packet::Puback(id),
            1 => Packet::Pubrec(id),
            2 => Packet::Pubrel(id),
            3 => Packet::Pubcomp(id),
            4 => Packet::Suback { id, codes: &codes },
            5 => Packet::Unsuback(id),
            _ => Packet::Pingresp,
        };
        packet.emit(&mut out).unwrap();
        out
    });
    prop_oneof![publish, other]
}

fn cut<'a>(mut wire: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for at in cuts.iter().cycle() {
        if wire.is_empty() {
            break;
        }
        let (piece, rest) = wire.split_at((*at).min(wire.len()));
        pieces.push(piece);
        wire = rest;
    }
    pieces
}

/// What a client makes of bytes cut like this.
fn run(pieces: &[&[u8]]) -> (Vec<Up>, Vec<u8>, bool) {
    let mut bench = Bench::plain();
    for tag in 0..20 {
        bench.publish("t", u8::try_from(tag % 2 + 1).unwrap(), b"x", tag);
    }
    for _ in 0..5 {
        bench.client.subscribe(bench.now(), "f", 1).unwrap();
    }
    bench.client.ping(bench.now());
    bench.out();
    let (mut up, mut out) = (Vec::new(), Vec::new());
    for piece in pieces {
        up.extend(bench.feed(piece));
        out.extend(bench.out());
        assert!(bench.client.memory() < 150_000);
    }
    (up, out, bench.client.is_over())
}

proptest! {
    #[test]
    fn any_cut_of_the_input_yields_the_same_events_messages_and_answers(
        packets in prop::collection::vec(server_packet(), 1..12),
        cuts in prop::collection::vec(1..400_usize, 1..40),
    ) {
        let wire = packets.concat();
        let whole = run(&packets.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert!(!whole.2);
        prop_assert_eq!(&whole, &run(&cut(&wire, &cuts)));
        prop_assert_eq!(&whole, &run(&cut(&wire, &[1])));
    }

    #[test]
    fn any_bytes_end_in_a_verdict_without_panic_and_in_bounded_memory(
        packets in prop::collection::vec(server_packet(), 0..6),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..200),
        cuts in prop::collection::vec(1..60_usize, 1..10),
    ) {
        let mut wire = packets.concat();
        wire.extend(tail);
        for (at, byte) in noise {
            if !wire.is_empty() {
                let at = at.index(wire.len());
                wire[at] = byte;
            }
        }
        let whole = run(&[&wire]);
        prop_assert_eq!(whole.0, run(&cut(&wire, &cuts)).0);
        let mut server = Server::new(Instant::ZERO, Config::default());
        let mut rest = &mut wire[..];
        loop {
            let taken = server.handle_input(Instant::ZERO, rest);
            let (unit, next) = rest.split_at_mut(taken);
            server.next_payload(unit);
            if server.poll_event().is_some() {
                let _ = server.accept(Instant::ZERO, false);
            }
            if taken == 0 || next.is_empty() {
                break;
            }
            rest = next;
        }
    }

    #[test]
    fn what_is_written_reads_as_it_was(
        (id, code) in (1..=u16::MAX, 0..3_u8),
        texts in ("[a-z]{1,40}", "[a-z/]{1,40}", "[^\\x00]{0,40}"),
        (keep_alive_s, clean, qos, retain) in any::<(u16, bool, u8, bool)>(),
        message in prop::collection::vec(any::<u8>(), 0..80),
        codes in prop::collection::vec(0..3_u8, 1..9),
        (with_will, with_user) in any::<(bool, bool)>(),
    ) {
        let (name, topic, user) = &texts;
        let will = Will { topic, message: &message, qos: qos % 3, retain };
        let connect = Connect {
            client_id: name,
            keep_alive_s,
            clean,
            will: with_will.then_some(will),
            username: with_user.then_some(user),
            password: with_user.then_some(&message),
        };
        for packet in [
            Packet::Connect(connect),
            Packet::Connack { session_present: clean && code == 0, code },
            Packet::Puback(id),
            Packet::Pubrec(id),
            Packet::Pubrel(id),
            Packet::Pubcomp(id),
            Packet::Suback { id, codes: &codes },
            Packet::Unsuback(id),
            Packet::Pingreq,
            Packet::Pingresp,
            Packet::Disconnect,
        ] {
            let mut out = Vec::new();
            packet.emit(&mut out).unwrap();
            let (header, used) = Header::parse(&out).unwrap().unwrap();
            prop_assert_eq!(Packet::parse(header, &out[used..]), Ok(packet));
        }
        let id = if qos % 3 == 0 { 0 } else { id };
        let head = PublishHead { topic, id, qos: qos % 3, retain, dup: clean && qos % 3 > 0 };
        let mut out = Vec::new();
        head.emit(7, &mut out).unwrap();
        let (header, used) = Header::parse(&out).unwrap().unwrap();
        prop_assert_eq!(usize::try_from(header.len).unwrap(), out.len() - used + 7);
        prop_assert_eq!(PublishHead::parse(header, &out[used..]), Ok(head));
    }
}

/// What a caller, the peer and time may do.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Publish { qos: u8, len: u32 },
    Send(usize),
    Transmit(usize),
    Written,
    Pass(u64),
    Answer { kind: u8, nth: prop::sample::Index },
    Arrive { qos: u8, id: u16 },
    Ping,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (0..3_u8, 0..40_u32).prop_map(|(qos, len)| Deed::Publish { qos, len }),
        4 => (1..40_usize).prop_map(Deed::Send),
        3 => (1..200_usize).prop_map(Deed::Transmit),
        2 => Just(Deed::Written),
        2 => (1..4_000_u64).prop_map(Deed::Pass),
        4 => (0..3_u8, any::<prop::sample::Index>()).prop_map(|(kind, nth)| Deed::Answer { kind, nth }),
        1 => (0..3_u8, 1..5_u16).prop_map(|(qos, id)| Deed::Arrive { qos, id }),
        1 => Just(Deed::Ping),
    ]
}

/// The packets of a stream of ours: kind and, of publishes with one, the packet id.
fn packets(mut wire: &[u8]) -> Vec<(Kind, u16)> {
    let mut found = Vec::new();
    while let Some((header, used)) = Header::parse(wire).unwrap() {
        let len = usize::try_from(header.len).unwrap();
        let Some(body) = wire.get(used..used + len) else { break };
        let id = if header.kind == Kind::Publish && header.flags & 6 != 0 {
            [body[3], body[4]]
        } else {
            [0, 0]
        };
        found.push((header.kind, u16::from_be_bytes(id)));
        wire = &wire[used + len..];
    }
    found
}

/// A client, and all that is known of it from outside.
struct Story {
    bench: Bench,
    wire: Vec<u8>,
    ends: BTreeMap<u64, u32>,
    tags: u64,
}

impl Story {
    fn act(&mut self, deed: Deed) {
        let (client, now) = (&mut self.bench.client, Instant::from_millis(self.bench.ms));
        match deed {
            Deed::Publish { qos, len } => {
                let publish = Publish { topic: "t", qos, retain: false, len, tag: self.tags };
                self.tags += u64::from(client.publish(now, &publish).is_ok());
            }
            Deed::Send(len) => {
                let room = client.room().down;
                assert!(client.send(now, &vec![0xff; len]) <= room);
            }
            Deed::Transmit(limit) => {
                let before = self.wire.len();
                client.poll_transmit(now, &mut self.wire, limit);
                assert!(self.wire.len() - before <= limit);
            }
            Deed::Written => client.handle_written(now),
            Deed::Pass(ms) => self.pass(ms),
            Deed::Answer { kind, nth } => {
                let mut published = packets(&self.wire);
                published.retain(|(_, id)| *id != 0);
                if !published.is_empty() {
                    let [high, low] = published[nth.index(published.len())].1.to_be_bytes();
                    self.take(&[[0x40, 0x50, 0x70][usize::from(kind)], 2, high, low]);
                }
            }
            Deed::Arrive { qos: 0, .. } => self.take(b"\x30\x04\0\x01uh"),
            Deed::Arrive { qos, id } => {
                let [high, low] = id.to_be_bytes();
                self.take(&[0x30 | qos << 1, 6, 0, 1, b'u', high, low, b'h']);
                self.take(&[0x62, 2, high, low]);
            }
            Deed::Ping => client.ping(now),
        }
        self.note();
    }

    fn pass(&mut self, ms: u64) {
        let until = self.bench.ms + ms;
        while let Some(at) =
            self.bench.client.poll_timeout().filter(|at| *at <= Instant::from_millis(until))
        {
            let now = at.max(Instant::from_millis(self.bench.ms));
            self.bench.client.handle_timeout(now);
            assert!(self.bench.client.poll_timeout().is_none_or(|next| next > now), "no busy loop");
        }
        self.bench.ms = until;
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.bench.client.room().up > 0 {
            self.bench.feed(bytes).iter().for_each(|up| self.count(up));
        }
    }

    fn note(&mut self) {
        self.bench.facts().iter().for_each(|up| self.count(up));
        assert!(self.bench.client.memory() < 20_000, "{}", self.bench.client.memory());
    }

    fn count(&mut self, up: &Up) {
        if let Up::Fact(Event::Published { tag, .. }) = up {
            *self.ends.entry(*tag).or_default() += 1;
        }
    }
}

proptest! {
    // Covers SS-567
    #[test]
    fn every_publish_ends_exactly_once_and_packets_never_interleave(
        deeds in prop::collection::vec(deed(), 1..120),
        small in any::<bool>(),
        keep_alive_s in 0..20_u16,
    ) {
        let one = Config { send_max: 1, inflight_bytes: 1, inflight_count: 1, received_max: 9, ..Config::default() };
        let few = Config { inflight_count: 5, ..Config::default() };
        let connect = Connect { client_id: "me", clean: true, keep_alive_s, ..Connect::default() };
        let bench = Bench::open(&connect, if small { one } else { few });
        let mut story = Story { bench, wire: Vec::new(), ends: BTreeMap::new(), tags: 0 };
        deeds.into_iter().for_each(|deed| story.act(deed));
        story.bench.client.handle_lost(story.bench.now(), Reason::Network(Network::Reset));
        story.note();
        prop_assert_eq!(story.ends.len(), usize::try_from(story.tags).unwrap());
        prop_assert!(story.ends.values().all(|count| *count == 1));
        packets(&story.wire);
    }
}

#[test]
fn a_client_that_is_over_is_inert() {
    let mut bench =
        Bench::opening(&Connect { client_id: "me", ..Connect::default() }, Config::default());
    let (now, reason) = (bench.now(), Reason::Network(Network::Reset));
    bench.client.handle_lost(now, reason);
    assert_eq!(bench.facts(), [Up::Fact(Event::Closed(reason))]);
    bench.client.handle_eof(now);
    bench.client.ping(now);
    bench.client.disconnect(now);
    assert_eq!(bench.client.handle_input(now, &mut [0x20, 2, 0, 0]), 0);
    assert_eq!((bench.until(100_000), bench.facts(), bench.out()), (vec![], vec![], vec![]));
    assert_eq!((bench.client.poll_timeout(), bench.client.memory()), (None, 0));
}
