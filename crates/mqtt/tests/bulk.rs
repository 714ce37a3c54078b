//! Much at once: a message of 64 MiB, and thousands of small ones, in bounded memory.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_base::{Instant, Outcome};
use mainstay_mqtt::{Client, Config, Connect, Event, Publish, Server, ServerEvent};

/// What a driver would read at once.
const TURN: usize = 64 * 1024;

/// A client and a server session with a wire between them.
struct Wire {
    client: Client,
    server: Server,
    up: Vec<u8>,
    down: Vec<u8>,
    /// Payload bytes that arrived at the server, at the client, and their sums.
    arrived: [(u64, u64); 2],
    messages: [u32; 2],
    client_facts: Vec<Event>,
    server_facts: Vec<ServerEvent>,
}

impl Wire {
    fn new() -> Self {
        let connect = Connect { client_id: "me", clean: true, ..Connect::default() };
        let client = Client::new(Instant::ZERO, &connect, Config::default()).unwrap();
        let server = Server::new(Instant::ZERO, Config::default());
        let (up, down) = (Vec::new(), Vec::new());
        let (client_facts, server_facts) = (Vec::new(), Vec::new());
        let arrived = [(0, 0); 2];
        let mut wire = Self {
            client,
            server,
            up,
            down,
            arrived,
            messages: [0; 2],
            client_facts,
            server_facts,
        };
        wire.turn();
        assert_eq!(wire.server_facts.pop(), Some(ServerEvent::Connect));
        wire.server.accept(Instant::ZERO, false).unwrap();
        wire.turn();
        assert_eq!(wire.client_facts.pop(), Some(Event::Connected { session_present: false }));
        wire
    }

    /// One turn of both drivers.
    fn turn(&mut self) {
        let now = Instant::ZERO;
        self.up.clear();
        self.down.clear();
        self.client.poll_transmit(now, &mut self.up, TURN);
        self.client.handle_written(now);
        self.server.poll_transmit(now, &mut self.down, TURN);
        self.server.handle_written(now);
        let mut rest = &mut self.up[..];
        while !rest.is_empty() {
            let taken = self.server.handle_input(now, rest);
            let (unit, next) = rest.split_at_mut(taken);
            if let Some(payload) = self.server.next_payload(unit) {
                note(&mut self.arrived[0], payload.bytes);
                self.messages[0] += u32::from(payload.end);
            }
            rest = next;
        }
        self.server_facts.extend(core::iter::from_fn(|| self.server.poll_event()));
        let mut rest = &mut self.down[..];
        while !rest.is_empty() {
            let taken = self.client.handle_input(now, rest);
            let (unit, next) = rest.split_at_mut(taken);
            if let Some(payload) = self.client.next_payload(unit) {
                note(&mut self.arrived[1], payload.bytes);
                self.messages[1] += u32::from(payload.end);
            }
            rest = next;
        }
        self.client_facts.extend(core::iter::from_fn(|| self.client.poll_event()));
    }
}

fn note(sum: &mut (u64, u64), bytes: &[u8]) {
    sum.0 += u64::try_from(bytes.len()).unwrap();
    sum.1 =
        bytes.iter().fold(sum.1, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
}

// Covers SS-564
#[test]
fn a_message_of_64_mib_passes_both_ways_in_bounded_memory() {
    let mut wire = Wire::new();
    let len = 64 * 1024 * 1024;
    let publish = Publish { topic: "big", qos: 1, retain: false, len, tag: 7 };
    wire.client.publish(Instant::ZERO, &publish).unwrap();
    wire.server.publish(Instant::ZERO, &publish).unwrap();
    let chunk: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let (mut sent, mut expected) = ([0_usize; 2], (0, 0));
    let total = usize::try_from(len).unwrap();
    while wire.messages != [1, 1] {
        let one = wire.client.send(Instant::ZERO, &chunk[sent[0] % 256..]);
        note(&mut expected, &chunk[sent[0] % 256..][..one]);
        sent[0] += one;
        sent[1] += wire.server.send(Instant::ZERO, &chunk[sent[1] % 256..]);
        wire.turn();
        assert!(wire.up.len() <= 17_000 && wire.down.len() <= 17_000);
        assert!(wire.client.memory() < 64 * 1024, "{}", wire.client.memory());
    }
    wire.turn();
    assert_eq!(sent, [total, total]);
    assert_eq!(wire.arrived, [expected, expected]);
    assert_eq!(wire.client_facts, [Event::Published { tag: 7, outcome: Outcome::Acknowledged }]);
    assert_eq!(wire.client.counters().repeats, 0);
}

// Covers SS-567
#[test]
fn ten_thousand_messages_with_64_in_flight_need_no_more_memory_than_the_first_thousand() {
    let mut wire = Wire::new();
    let (mut tag, mut after_first) = (0, 0);
    while tag < 10_000 {
        while wire.client.room().down > 0 && tag < 10_000 {
            let publish = Publish { topic: "sensors/one", qos: 1, retain: false, len: 64, tag };
            wire.client.publish(Instant::ZERO, &publish).unwrap();
            assert_eq!(wire.client.send(Instant::ZERO, &[7; 64]), 64);
            tag += 1;
        }
        wire.turn();
        wire.turn();
        if after_first == 0 && tag > 1_000 {
            after_first = wire.client.memory();
        }
    }
    assert_eq!(wire.client.memory(), after_first);
    assert!(after_first < 32 * 1024, "{after_first}");
    assert_eq!((wire.messages[0], wire.client_facts.len()), (10_000, 10_000));
    assert_eq!(wire.client.counters(), mainstay_mqtt::Counters::default());
}
