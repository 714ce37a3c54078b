//! Sections 6.7 and 6.9: ws and raw.

use crate::script::{RESET, Script, connected, created, http, streamtype, ws};
use mainstay_base::{Local, Outcome, Peer, Reason};
use mainstay_policy::{Protocol, State};
use mainstay_pool as pool;
use mainstay_stream::{Flags, Misuse};

// Covers SS-301, SS-544
#[test]
fn received_ws_messages_carry_their_ends_and_their_kind() {
    let mut script = connected(ws());
    assert_eq!(script.payload(b"a", true, false), Some(Flags::SOM));
    assert_eq!(script.payload(b"b", false, true), Some(Flags::EOM));
    assert_eq!(script.payload(b"", true, true), Some(Flags::SOM | Flags::EOM), "an empty one");
    let binary = pool::Payload { bytes: b"c", start: true, end: true, binary: true, topic: None };
    script.stream.handle_payload(script.now, &binary);
    assert!(script.stream.rx_binary());
}

// Covers SS-310
#[test]
fn a_framing_error_closes_the_connection_with_its_reason() {
    for flags in [[Flags::SOM, Flags::SOM], [Flags::SOM | Flags::EOM, Flags::EOM]] {
        let mut script = connected(ws());
        script.send(b"a", flags[0]);
        assert_eq!(script.stream.message_open(), flags[0] == Flags::SOM);
        let misuse = script.stream.send(script.now, b"b", flags[1]).err();
        assert_eq!(misuse, Some(Misuse::Framing));
        assert_eq!(script.run(), "abort unknown0 DISCONNECTED");
        let reason = Some(Reason::Local(Local::Framing));
        assert_eq!(script.details, [(State::Disconnected, 0, reason)]);
    }
}

// Covers SS-545, SS-010
#[test]
fn a_message_goes_in_chunks_under_one_number() {
    let mut script = connected(ws());
    let (first, chunk) = script.stream.send(script.now, b"a", Flags::SOM).unwrap();
    assert_eq!((chunk.start, chunk.end, chunk.tag, chunk.bytes), (true, false, first.0, &b"a"[..]));
    assert!(chunk.publish.is_none() && chunk.total.is_none());
    let (second, chunk) = script.stream.send(script.now, b"b", Flags::EOM).unwrap();
    assert_eq!((chunk.start, chunk.end, second), (false, true, first));
    assert_eq!(script.send(b"c", Flags::SOM | Flags::EOM), first.0 + 1);
}

#[test]
fn every_ws_message_has_one_outcome() {
    let mut script = connected(ws());
    for _ in 0..5 {
        script.send(b"x", Flags::SOM | Flags::EOM);
    }
    assert_eq!(script.event(pool::Event::SentThrough(2)), "through2");
    assert_eq!(script.event(pool::Event::SentThrough(2)), "");
    assert_eq!(script.closed(RESET), "unknown3 unknown4 DISCONNECTED");
    let counters = script.stream.counters();
    assert_eq!((counters.sent, counters.unknown, script.stream.pending()), (3, 2, 0));
    script.wait(1010);
    script.opened();
    assert_eq!(script.send(b"x", Flags::SOM | Flags::EOM), 5, "numbers go on");
}

// Covers SS-542, SS-454
#[test]
fn headers_of_the_upgrade_are_metadata() {
    let mut streamtype = ws();
    streamtype.metadata = vec![("node".into(), "x-node".into())];
    let mut script = created(streamtype);
    script.connect();
    assert_eq!(script.head(101, &[("x-node", "7")]), "");
    assert_eq!(script.opened(), "CONNECTED");
    assert_eq!(script.stream.metadata("node"), Some(&b"7"[..]));
}

// Covers SS-543
#[test]
fn a_refused_upgrade_is_unreachable_after_its_mapped_state() {
    let mut streamtype = ws();
    streamtype.http.resp_map = vec![(401, 1401)];
    let mut script = created(streamtype);
    script.connect();
    let refused = Reason::Peer(Peer::Status(401));
    assert_eq!(script.head(401, &[("retry-after", "9")]), "USER401");
    assert_eq!(script.closed(refused), "UNREACHABLE");
    assert_eq!(script.deadline(), Some(9000));
}

// Covers SS-936
#[test]
fn the_peers_close_code_can_be_read_when_disconnected_is_told() {
    let mut script = connected(ws());
    script.when(State::Disconnected, |stream, _| {
        assert_eq!(stream.close_code(), Some(4001));
        mainstay_stream::Answer::Ok
    });
    assert_eq!(script.closed(Reason::Peer(Peer::WsClose(4001))), "DISCONNECTED");
}

// Covers SS-221
#[test]
fn closing_a_socket_ends_the_applications_timer() {
    for protocol in [Protocol::Ws, Protocol::Raw, Protocol::Mqtt] {
        let mut script = connected(streamtype(protocol));
        script.stream.start_timeout(script.now, 60_000);
        script.closed(RESET);
        assert!(script.deadline().unwrap() < 2000, "only the back-off");
    }
}

// Covers SS-580, SS-581, SS-021
#[test]
fn raw_has_neither_flags_nor_qos() {
    let mut script = connected(streamtype(Protocol::Raw));
    assert_eq!(script.payload(b"a", true, true), Some(Flags::NONE));
    assert_eq!(script.send(b"x", Flags::NONE), 0);
    let (id, chunk) = script.stream.send(script.now, b"y", Flags::SOM).unwrap();
    assert_eq!((id.0, chunk.start, chunk.end), (1, true, true), "each chunk is its own");
    assert_eq!(script.event(pool::Event::SentThrough(1)), "through1");
    assert_eq!(script.payload(b"rest", false, false), Some(Flags::NONE));
    assert_eq!(script.closed(Reason::Peer(Peer::Closed)), "DISCONNECTED");
}

// Covers SS-302
#[test]
fn a_poll_chunk_is_not_a_transmit() {
    let mut script = connected(ws());
    assert_eq!(script.stream.send(script.now, b"", Flags::POLL).err(), Some(Misuse::Unsupported));
    assert_eq!(script.stream.pending(), 0);
}

// Covers SS-242
#[test]
fn the_application_can_vouch_for_its_connection() {
    let mut script = connected(ws());
    script.stream.confirm_validity();
    assert_eq!(script.run(), "confirm");
    let mut script = created(ws());
    script.stream.confirm_validity();
    assert_eq!(script.run(), "");
}

#[test]
fn a_chunk_the_pool_did_not_take_refuses_its_message_and_drops_the_connection() {
    let mut script = connected(ws());
    let (id, _) = script.stream.send(script.now, b"x", Flags::SOM | Flags::EOM).unwrap();
    script.stream.handle_refusal(script.now, id, pool::Misuse::NoRoom);
    assert_eq!(script.run(), "abort refused0 DISCONNECTED");
    assert_eq!(script.outcomes, [(0, Outcome::Refused(Reason::Local(Local::Limit)))]);
}

// Covers SS-028
#[test]
fn the_tag_names_the_stream_and_shows_no_query() {
    assert_eq!(created(http("GET")).stream.tag().to_string(), "sscli|7|sensor|/v1/things");
    assert_eq!(created(streamtype(Protocol::Raw)).stream.tag().to_string(), "sscli|7|sensor");
}

// Covers SS-970
#[test]
fn what_happens_is_counted() {
    let mut script: Script = connected(ws());
    script.send(b"four", Flags::SOM | Flags::EOM);
    script.payload(b"sixsix", true, true);
    script.wait(1500);
    script.closed(RESET);
    let counters = *script.stream.counters();
    assert_eq!((counters.attempts, counters.connections), (1, 1));
    assert_eq!((counters.tx_bytes, counters.tx_messages), (4, 1));
    assert_eq!((counters.rx_bytes, counters.rx_messages), (6, 1));
    assert_eq!((counters.connected_ms, counters.illegal), (1500, 0));
}
