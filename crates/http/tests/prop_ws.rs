#![expect(clippy::unwrap_used, reason = "tests")]
//! Whatever frames come, however they are cut: the same is said both ways, and nothing panics.

#[path = "drive/codec.rs"]
mod codec;

use codec::{frame, frames};
use mainstay_base::{Instant, Reason, Rng};
use mainstay_http::ws::{Chunk, Client, Config, Event, Payload, Server};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: Instant = Instant::ZERO;

/// What a machine said; the payload of a message joined.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Message(bool, Vec<u8>),
    Pong,
    Closing(Option<u16>),
    Closed,
    Failed(Reason),
}

#[derive(Default)]
struct Log {
    said: Vec<Said>,
    open: Option<(bool, Vec<u8>)>,
    over: bool,
}

impl Log {
    fn event(&mut self, event: &Event) {
        match event {
            // Pongs that come together are told once.
            Event::Pong if self.said.last() == Some(&Said::Pong) => {}
            Event::Pong => self.said.push(Said::Pong),
            Event::PeerClosing { code } => self.said.push(Said::Closing(*code)),
            Event::Closed => self.said.push(Said::Closed),
            Event::Failed(reason) => self.said.push(Said::Failed(*reason)),
            Event::Accepted(_) | Event::Refused(_) | Event::SentThrough(_) => {
                unreachable!()
            }
        }
        self.over |= matches!(event, Event::Closed | Event::Failed(_));
    }

    fn payload(&mut self, payload: &Payload<'_>) {
        if payload.start {
            assert!(
                self.open.replace((payload.binary, Vec::new())).is_none(),
                "a start inside a message"
            );
        }
        let (binary, mut bytes) = self.open.take().unwrap();
        assert_eq!(binary, payload.binary);
        assert!(payload.end || !payload.bytes.is_empty(), "an empty slice says something");
        bytes.extend_from_slice(payload.bytes);
        if payload.end {
            self.said.push(Said::Message(binary, bytes));
        } else {
            self.open = Some((binary, bytes));
        }
    }
}

/// Feeds a client; returns what it said up and what it said down.
fn client_says(wire: &[u8], cuts: &[usize]) -> (Vec<Said>, Vec<u8>) {
    let mut rng = Rng::from_run(1);
    let mut client = Client::established(Config::default(), &mut rng);
    let (mut log, mut out, mut rest) = (Log::default(), Vec::new(), wire);
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() && !log.over {
        let (piece, later) =
            rest.split_at(cuts.next().map_or(rest.len(), |cut| *cut).min(rest.len()));
        rest = later;
        let mut piece = piece.to_vec();
        let mut at = 0;
        while at < piece.len() && !log.over {
            let taken = client.handle_input(NOW, &mut piece[at..]);
            assert!(taken > 0);
            core::iter::from_fn(|| client.poll_event()).for_each(|event| log.event(&event));
            if let Some(payload) = client.next_payload(&mut piece[at..at + taken]) {
                log.payload(&payload);
            }
            assert!(client.next_payload(&mut piece[at..at + taken]).is_none(), "lent once");
            client.poll_transmit(NOW, &mut out, usize::MAX);
            core::iter::from_fn(|| client.poll_event()).for_each(|event| log.event(&event));
            at += taken;
        }
    }
    (log.said, out)
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..140),
        1 => (990..5002_u16).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    (first, payload).prop_map(|(first, payload)| frame(first, &payload, None))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    // Covers SS-301, SS-544
    #[test]
    fn cuts_do_not_change_what_frames_say(wire in vec(any_frame(), 0..12), cuts in vec(1..30_usize, 1..10)) {
        let wire = wire.concat();
        let (said, out) = client_says(&wire, &[]);
        for cuts in [&cuts[..], &[1]] {
            let (other, also) = client_says(&wire, cuts);
            prop_assert_eq!(&other, &said);
            prop_assert_eq!(&also, &out);
        }
        frames(&out, true);
    }

    #[test]
    fn no_bytes_panic_a_client_or_a_server(wire in vec(any::<u8>(), 0..300), cuts in vec(1..30_usize, 1..10)) {
        prop_assert_eq!(client_says(&wire, &cuts).0, client_says(&wire, &[]).0);
        let mut server = Server::established(Config::default());
        let mut server_wire = wire.clone();
        let mut at = 0;
        while at < wire.len() {
            let taken = server.handle_input(NOW, &mut server_wire[at..]);
            let _ = server.next_payload(&mut server_wire[at..at + taken]);
            while server.poll_event().is_some() {}
            if taken == 0 {
                break;
            }
            at += taken;
        }
        let mut rng = Rng::from_run(1);
        let mut upgrading = Server::new(Config::default());
        prop_assert!(upgrading.handle_input(NOW, &mut wire.clone()) > 0 || wire.is_empty());
        upgrading.close(NOW, 1000, "");
        prop_assert!(upgrading.send(NOW, &mut rng, b"", Chunk::default()).is_err());
    }

    // Covers SS-545
    #[test]
    fn messages_arrive_as_they_were_sent(
        messages in vec((any::<bool>(), vec(vec(any::<u8>(), 0..200), 1..4)), 1..6),
        limit in 1..100_usize,
    ) {
        let config = Config { send_max: 256, ..Config::default() };
        let mut rng = Rng::from_run(2);
        let mut client = Client::established(config, &mut rng);
        let mut server = Server::established(config);
        let mut log = Log::default();
        let mut carry = |client: &mut Client, log: &mut Log| {
            while client.wants_transmit() {
                let mut wire = Vec::new();
                client.poll_transmit(NOW, &mut wire, limit);
                let mut at = 0;
                while at < wire.len() {
                    let taken = server.handle_input(NOW, &mut wire[at..]);
                    if let Some(payload) = server.next_payload(&mut wire[at..at + taken]) {
                        log.payload(&payload);
                    }
                    core::iter::from_fn(|| server.poll_event()).for_each(|event| log.event(&event));
                    at += taken;
                }
            }
        };
        let mut expected = Vec::new();
        for (tag, (binary, pieces)) in messages.iter().enumerate() {
            // Text must be text.
            let ascii = |piece: &Vec<u8>| piece.iter().map(|b| if *binary { *b } else { b & 0x7f }).collect::<Vec<u8>>();
            let pieces: Vec<Vec<u8>> = pieces.iter().map(ascii).collect();
            for (n, piece) in pieces.iter().enumerate() {
                let (start, end) = (n == 0, n + 1 == pieces.len());
                client.send(NOW, &mut rng, piece, Chunk { start, end, binary: *binary, tag: tag as u64 }).unwrap();
                carry(&mut client, &mut log);
            }
            client.handle_written(NOW);
            let sent = client.poll_event();
            prop_assert!(matches!(sent, Some(Event::SentThrough(done)) if done == tag as u64));
            expected.push(Said::Message(*binary, pieces.concat()));
        }
        prop_assert_eq!(log.said, expected);
    }
}
