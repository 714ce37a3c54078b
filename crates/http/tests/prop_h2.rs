//! HTTP/2: how bytes are cut changes nothing, and no bytes break the machine.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_base::{Instant, Reason};
use mainstay_http::h2::{Client, Config, Event, Server, ServerEvent};
use mainstay_http::http::{HeaderMap, Method};
use mainstay_http::{Body, Request, Response};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOW: Instant = Instant::ZERO;

/// What each stream showed, in its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    heads: Vec<u16>,
    body: Vec<u8>,
    ends: Vec<Option<Reason>>,
    payload_after_end: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    streams: BTreeMap<u32, Seen>,
    failed: Vec<Reason>,
}

impl Outcome {
    fn drain(&mut self, client: &mut Client) {
        self.drain_events(client);
        while let Some(payload) = client.next_payload(&mut []) {
            let seen = self.streams.entry(payload.id).or_default();
            seen.payload_after_end |= !seen.ends.is_empty() || seen.heads.is_empty();
            seen.body.extend_from_slice(payload.bytes);
        }
        self.drain_events(client);
    }

    fn drain_events(&mut self, client: &mut Client) {
        while let Some(event) = client.poll_event() {
            match event {
                Event::Head(id, head) => {
                    self.streams.entry(id).or_default().heads.push(head.status().as_u16());
                }
                Event::Complete(id) => self.streams.entry(id).or_default().ends.push(None),
                Event::Reset(id, why) => self.streams.entry(id).or_default().ends.push(Some(why)),
                Event::Failed(why) => self.failed.push(why),
                Event::Writable(_) | Event::Pong | Event::GoAway => {}
            }
        }
    }
}

fn get() -> Request {
    Request {
        method: Method::GET,
        secure: false,
        authority: "a".into(),
        path: "/".into(),
        headers: HeaderMap::new(),
        body: Body::None,
    }
}

fn client_with_streams(config: Config) -> (Client, Vec<u8>) {
    let mut client = Client::new(NOW, config);
    let mut settings = Vec::new();
    Server::new(NOW, Config::default()).poll_transmit(NOW, &mut settings, usize::MAX);
    let mut rest = settings.as_mut_slice();
    while !rest.is_empty() {
        let taken = client.handle_input(NOW, rest);
        rest = &mut rest[taken..];
        // With a small buffer, what was taken must be parsed before more is.
        client.poll_transmit(NOW, &mut Vec::new(), 0);
    }
    for id in 0..STREAMS {
        client.open(NOW, id, &get()).unwrap();
    }
    let mut out = Vec::new();
    client.poll_transmit(NOW, &mut out, usize::MAX);
    (client, out)
}

const STREAMS: u32 = 4;

/// What a server says to `client_with_streams`: bodies of 5000 bytes at most, and one reset.
fn script(lens: &[usize]) -> Vec<u8> {
    let (_, mut asked) = client_with_streams(Config::default());
    let mut server = Server::new(NOW, Config::default());
    let mut bytes = Vec::new();
    server.poll_transmit(NOW, &mut bytes, usize::MAX);
    assert_eq!(server.handle_input(NOW, &mut asked), asked.len());
    let mut lens = lens.iter();
    while let Some(event) = server.poll_event() {
        let ServerEvent::Request(id, _) = event else { continue };
        let Some(len) = lens.next() else {
            server.reset(NOW, id, 2);
            continue;
        };
        server.respond(NOW, id, &Response::new(()), *len == 0).unwrap();
        if *len > 0 {
            assert_eq!(server.send(NOW, id, &vec![7; *len]), *len);
            server.finish(NOW, id).unwrap();
        }
        server.poll_transmit(NOW, &mut bytes, usize::MAX);
    }
    server.poll_transmit(NOW, &mut bytes, usize::MAX);
    bytes
}

fn replay(bytes: &[u8], cuts: &[usize], grain: usize, config: Config) -> Outcome {
    let (mut client, _) = client_with_streams(config);
    let mut outcome = Outcome::default();
    let mut rest = bytes.to_vec();
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let len = cuts.next().map_or(rest.len(), |cut| (*cut).clamp(1, rest.len()));
        let taken = client.handle_input(NOW, &mut rest[..len]);
        rest.drain(..taken);
        outcome.drain(&mut client);
        let mut out = Vec::new();
        client.poll_transmit(NOW, &mut out, grain);
        assert!(out.len() <= grain);
        outcome.drain(&mut client);
        if taken == 0 && client.room().up == 0 && !client.wants_transmit() {
            break;
        }
    }
    while client.wants_transmit() {
        client.poll_transmit(NOW, &mut Vec::new(), grain);
    }
    client.handle_eof(NOW);
    outcome.drain(&mut client);
    assert!(client.poll_event().is_none());
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_outcome(
        lens in proptest::collection::vec(0_usize..5000, 0..4),
        cuts in proptest::collection::vec(1_usize..2000, 1..20),
        grain in 1_usize..300,
        small in proptest::bool::ANY,
    ) {
        let bytes = script(&lens);
        let whole = replay(&bytes, &[], usize::MAX, Config::default());
        let input_max = if small { 1 } else { 64 * 1024 };
        let config = Config { input_max, ..Config::default() };
        let cut = replay(&bytes, &cuts, grain, config);
        prop_assert_eq!(&whole, &cut);
        for (id, seen) in &whole.streams {
            let len = lens.get(usize::try_from(*id).unwrap()).copied();
            prop_assert_eq!(seen.body.len(), len.unwrap_or(0));
            prop_assert_eq!(seen.ends.len(), 1);
            prop_assert_eq!(seen.ends[0].is_none(), len.is_some());
            prop_assert!(!seen.payload_after_end);
        }
    }

    #[test]
    fn no_bytes_break_the_machine_and_every_stream_ends_once(
        lens in proptest::collection::vec(0_usize..200, 0..4),
        changes in proptest::collection::vec((0_usize..600, 0_u8..=255), 1..6),
        cuts in proptest::collection::vec(1_usize..300, 1..5),
    ) {
        let mut bytes = script(&lens);
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let outcome = replay(&bytes, &cuts, 100, Config::default());
        prop_assert_eq!(outcome.failed.len(), 1);
        prop_assert_eq!(outcome.streams.len(), usize::try_from(STREAMS).unwrap());
        for seen in outcome.streams.values() {
            prop_assert_eq!(seen.ends.len(), 1);
            prop_assert!(!seen.payload_after_end);
        }
    }
}
