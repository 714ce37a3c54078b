//! Our roles against those of `mqtt-protocol-core`, in memory, with bytes cut anywhere.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![expect(clippy::wildcard_enum_match_arm, reason = "most of their variants are MQTT 5's")]

use std::collections::BTreeMap;

use mainstay_base::{Instant, Outcome, Rng};
use mainstay_mqtt::{Client, Config, Connect, Counters, Event, Publish, Server, ServerEvent, Will};
use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::connection::Event as Theirs;
use mqtt_protocol_core::mqtt::packet::{
    GenericPacketTrait as _, Packet, Qos, SubEntry, SubOpts, v3_1_1,
};
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, SubackReturnCode};

/// Topic, payload, QoS.
type Message = (String, Vec<u8>, u8);

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(bound).unwrap())).unwrap()
}

fn message(rng: &mut Rng) -> Message {
    let topic = ["a", "a/b", "sensors/\u{e9}/1", "x/y/z"][below(rng, 4)].to_owned();
    let len = [0, 1, 100, 127, 128, 5_000][below(rng, 6)];
    let mut payload = vec![0; len];
    rng.fill(&mut payload);
    (topic, payload, u8::try_from(below(rng, 3)).unwrap())
}

/// A server of the other library that sends every message back, and what it got.
struct Echo {
    server: mqtt::Connection<mqtt::role::Server>,
    got: Vec<Message>,
    connect: Option<v3_1_1::Connect>,
    wire: Vec<u8>,
}

impl Echo {
    fn new() -> Self {
        let mut server = mqtt::Connection::new(mqtt::Version::V3_1_1);
        server.set_auto_pub_response(true);
        server.set_auto_ping_response(true);
        Self { server, got: Vec::new(), connect: None, wire: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut cursor = mqtt::common::Cursor::new(bytes);
        while cursor.position() < u64::try_from(bytes.len()).unwrap() {
            let events = self.server.recv(&mut cursor);
            self.follow(events);
        }
    }

    fn send(&mut self, packet: Packet) {
        let events = self.server.send(packet);
        self.follow(events);
    }

    fn follow(&mut self, events: Vec<Theirs>) {
        for event in events {
            match event {
                Theirs::RequestSendPacket { packet, .. } => {
                    self.wire.extend(packet.to_continuous_buffer());
                }
                Theirs::NotifyError(error) => panic!("{error:?}"),
                Theirs::NotifyPacketReceived(packet) => self.answer(packet),
                _ => {}
            }
        }
    }

    fn answer(&mut self, packet: Packet) {
        match packet {
            Packet::V3_1_1Connect(connect) => {
                self.connect = Some(connect);
                let code = ConnectReturnCode::Accepted;
                let connack = v3_1_1::Connack::builder().session_present(false).return_code(code);
                self.send(connack.build().unwrap().into());
            }
            Packet::V3_1_1Subscribe(subscribe) => {
                let codes = vec![SubackReturnCode::SuccessMaximumQos2];
                let suback = v3_1_1::Suback::builder().packet_id(subscribe.packet_id());
                self.send(suback.return_codes(codes).build().unwrap().into());
            }
            Packet::V3_1_1Unsubscribe(unsubscribe) => {
                let unsuback = v3_1_1::Unsuback::builder().packet_id(unsubscribe.packet_id());
                self.send(unsuback.build().unwrap().into());
            }
            Packet::V3_1_1Publish(publish) => {
                let (topic, qos) = (publish.topic_name().to_owned(), publish.qos());
                let payload = publish.payload().as_slice().to_vec();
                self.got.push((topic.clone(), payload.clone(), qos as u8));
                let mut echo =
                    v3_1_1::Publish::builder().topic_name(topic).unwrap().qos(qos).payload(payload);
                if qos != Qos::AtMostOnce {
                    echo = echo.packet_id(self.server.acquire_packet_id().unwrap());
                }
                self.send(echo.build().unwrap().into());
            }
            _ => {}
        }
    }
}

/// Feeds a client in pieces; what came up.
fn feed(
    client: &mut Client,
    rng: &mut Rng,
    wire: &mut [u8],
    back: &mut Vec<Message>,
) -> Vec<Event> {
    let (mut rest, mut facts) = (wire, Vec::new());
    while !rest.is_empty() {
        let piece = (1 + below(rng, 300)).min(rest.len());
        let taken = client.handle_input(Instant::ZERO, &mut rest[..piece]);
        assert!(taken > 0);
        let (unit, next) = rest.split_at_mut(taken);
        facts.extend(core::iter::from_fn(|| client.poll_event()));
        let (topic, qos) = (client.topic().to_owned(), client.qos());
        if let Some(payload) = client.next_payload(unit) {
            if payload.start {
                back.push((topic, Vec::new(), qos));
            }
            back.last_mut().unwrap().1.extend_from_slice(payload.bytes);
        }
        facts.extend(core::iter::from_fn(|| client.poll_event()));
        rest = next;
    }
    facts
}

/// Our client beside it, and what became of its messages.
struct Pair {
    client: Client,
    echo: Echo,
    rng: Rng,
    sent: Vec<Message>,
    back: Vec<Message>,
    ends: BTreeMap<u64, Outcome>,
    asked: Option<u16>,
    pongs: u32,
}

impl Pair {
    fn new(seed: u64, connect: &Connect<'_>) -> Self {
        let client = Client::new(Instant::ZERO, connect, Config::default()).unwrap();
        let (sent, back, ends) = (Vec::new(), Vec::new(), BTreeMap::new());
        let rng = Rng::from_run(seed);
        Self { client, echo: Echo::new(), rng, sent, back, ends, asked: None, pongs: 0 }
    }

    fn publish(&mut self) {
        let (topic, payload, qos) = message(&mut self.rng);
        let len = u32::try_from(payload.len()).unwrap();
        let tag = u64::try_from(self.sent.len()).unwrap();
        let publish = Publish { topic: &topic, qos, retain: false, len, tag };
        self.client.publish(Instant::ZERO, &publish).unwrap();
        let mut left = &payload[..];
        while !left.is_empty() {
            left = &left[self.client.send(Instant::ZERO, left)..];
            self.write();
        }
        self.sent.push((topic, payload, qos));
    }

    /// Some of our bytes to the server.
    fn write(&mut self) {
        let (mut out, limit) = (Vec::new(), 1 + below(&mut self.rng, 4_000));
        self.client.poll_transmit(Instant::ZERO, &mut out, limit);
        self.client.handle_written(Instant::ZERO);
        self.echo.take(&out);
    }

    /// All of the server's bytes to us.
    fn read(&mut self) {
        let mut wire = core::mem::take(&mut self.echo.wire);
        let mut facts = feed(&mut self.client, &mut self.rng, &mut wire, &mut self.back);
        facts.extend(core::iter::from_fn(|| self.client.poll_event()));
        for fact in facts {
            match fact {
                Event::Published { tag, outcome } => {
                    assert_eq!(self.ends.insert(tag, outcome), None);
                }
                Event::Subscribed { id, granted } => {
                    assert_eq!((self.asked.take(), granted), (Some(id), Some(2)));
                }
                Event::Connected { session_present } => assert!(!session_present),
                Event::Pong => self.pongs += 1,
                other => panic!("{other:?}"),
            }
        }
    }
}

// Covers SS-560, SS-564, SS-565, SS-567
#[test]
fn our_client_and_their_server_agree_on_every_message() {
    for seed in 0..40 {
        let will = Will { topic: "w", message: b"bye", qos: 2, retain: true };
        let (username, password) = (Some("u"), Some(&b"p"[..]));
        let connect = Connect {
            client_id: "me",
            keep_alive_s: 7,
            clean: true,
            will: Some(will),
            username,
            password,
        };
        let mut pair = Pair::new(seed, &connect);
        for _ in 0..400 {
            if pair.client.room().down > 0 && pair.sent.len() < 60 {
                pair.publish();
                if pair.sent.len() == 3 {
                    pair.asked = Some(pair.client.subscribe(Instant::ZERO, "#", 2).unwrap());
                    pair.client.ping(Instant::ZERO);
                }
            }
            pair.write();
            pair.read();
        }
        assert_eq!((pair.sent.len(), pair.asked, pair.pongs), (60, None, 1));
        assert_eq!((&pair.echo.got, &pair.back), (&pair.sent, &pair.sent));
        for (tag, (_, _, qos)) in pair.sent.iter().enumerate() {
            let expected = if *qos == 0 { Outcome::Sent } else { Outcome::Acknowledged };
            assert_eq!(pair.ends.get(&u64::try_from(tag).unwrap()), Some(&expected));
        }
        assert_eq!(pair.client.counters(), Counters::default());
        let connect = pair.echo.connect.unwrap();
        assert_eq!(
            (connect.client_id(), connect.keep_alive(), connect.clean_session()),
            ("me", 7, true)
        );
        assert_eq!((connect.will_topic(), connect.will_payload()), (Some("w"), Some(&b"bye"[..])));
        assert_eq!((connect.will_qos(), connect.will_retain()), (Qos::ExactlyOnce, true));
        assert_eq!((connect.user_name(), connect.password()), (Some("u"), Some(&b"p"[..])));
    }
}

/// A client of theirs with our server session.
struct Guest {
    theirs: mqtt::Connection<mqtt::role::Client>,
    ours: Server,
    events: Vec<Theirs>,
    got: Vec<Vec<u8>>,
    notes: Vec<&'static str>,
}

impl Guest {
    fn send(&mut self, packet: Packet) {
        self.events.extend(self.theirs.send(packet));
    }

    /// Carries everything both ways until nothing moves.
    fn settle(&mut self) {
        for _ in 0..6 {
            for event in core::mem::take(&mut self.events) {
                self.follow(event);
            }
            while let Some(event) = self.ours.poll_event() {
                self.answer(event);
            }
            let mut out = Vec::new();
            self.ours.poll_transmit(Instant::ZERO, &mut out, usize::MAX);
            self.ours.handle_written(Instant::ZERO);
            let mut cursor = mqtt::common::Cursor::new(&out[..]);
            while cursor.position() < u64::try_from(out.len()).unwrap() {
                self.events.extend(self.theirs.recv(&mut cursor));
            }
        }
    }

    fn follow(&mut self, event: Theirs) {
        match event {
            Theirs::RequestSendPacket { packet, .. } => {
                self.take(&mut packet.to_continuous_buffer());
            }
            Theirs::NotifyPacketReceived(Packet::V3_1_1Publish(publish)) => {
                assert_eq!((publish.topic_name(), publish.retain()), ("a/b", true));
                self.notes.push("delivered");
            }
            Theirs::NotifyPacketReceived(Packet::V3_1_1Pingresp(_)) => self.notes.push("pong"),
            Theirs::NotifyPacketReceived(Packet::V3_1_1Suback(suback)) => {
                assert_eq!(suback.return_codes(), [SubackReturnCode::SuccessMaximumQos1]);
            }
            Theirs::NotifyError(error) => panic!("{error:?}"),
            _ => {}
        }
    }

    fn take(&mut self, mut rest: &mut [u8]) {
        while !rest.is_empty() {
            let taken = self.ours.handle_input(Instant::ZERO, rest);
            let (unit, next) = rest.split_at_mut(taken);
            if let Some(payload) = self.ours.next_payload(unit) {
                self.got.push(payload.bytes.to_vec());
            }
            rest = next;
        }
    }

    fn answer(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Connect => {
                assert_eq!(self.ours.connect().unwrap().client_id, "them");
                self.ours.accept(Instant::ZERO, false).unwrap();
            }
            ServerEvent::Subscribe(request) => self.ours.grant_all(Instant::ZERO, &request),
            ServerEvent::Published { tag: 9, outcome: Outcome::Acknowledged } => {
                self.notes.push("acknowledged");
            }
            ServerEvent::Pinged => {}
            ServerEvent::Disconnected => self.notes.push("gone"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn their_client_and_our_server_agree_too() {
    let mut theirs = mqtt::Connection::<mqtt::role::Client>::new(mqtt::Version::V3_1_1);
    theirs.set_auto_pub_response(true);
    let ours = Server::new(Instant::ZERO, Config::default());
    let mut guest = Guest { theirs, ours, events: Vec::new(), got: Vec::new(), notes: Vec::new() };
    let connect = v3_1_1::Connect::builder().client_id("them").unwrap().clean_session(true);
    guest.send(connect.build().unwrap().into());
    guest.settle();
    let entry = SubEntry::new("a/+", SubOpts::new().set_qos(Qos::AtLeastOnce)).unwrap();
    let id = guest.theirs.acquire_packet_id().unwrap();
    let subscribe = v3_1_1::Subscribe::builder().packet_id(id).entries(vec![entry]);
    guest.send(subscribe.build().unwrap().into());
    guest.settle();
    assert_eq!((guest.ours.granted("a/b"), guest.ours.granted("b")), (Some(1), None));
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mut one =
            v3_1_1::Publish::builder().topic_name("t").unwrap().qos(qos).payload(b"up".to_vec());
        if qos != Qos::AtMostOnce {
            one = one.packet_id(guest.theirs.acquire_packet_id().unwrap());
        }
        guest.send(one.build().unwrap().into());
    }
    guest.settle();
    let publish = Publish { topic: "a/b", qos: 2, retain: true, len: 4, tag: 9 };
    guest.ours.publish(Instant::ZERO, &publish).unwrap();
    assert_eq!(guest.ours.send(Instant::ZERO, b"down"), 4);
    guest.settle();
    guest.send(v3_1_1::Pingreq::new().into());
    guest.settle();
    guest.send(v3_1_1::Disconnect::new().into());
    guest.settle();
    assert_eq!(guest.got, [b"up", b"up", b"up"]);
    assert_eq!(guest.notes, ["delivered", "acknowledged", "pong", "gone"]);
    assert!(guest.ours.is_over());
}
