//! Section 2: states and their order.

use crate::script::{RESET, Script, connected, created, http, streamtype, ws};
use mainstay_base::{Network, Peer, Reason};
use mainstay_policy::{Protocol, State, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::{Answer, Misuse};

// Covers SS-015, SS-210
#[test]
fn a_default_stream_is_created_and_waits() {
    let mut script = Script::new(ws());
    assert_eq!(script.run(), "CREATING");
    assert_eq!((script.stream.state(), script.deadline()), (State::Creating, None));
    assert_eq!(script.request_tx(), "POLL CONNECTING open");
}

// Covers SS-014, SS-104, SS-920
#[test]
fn a_nailed_up_stream_starts_inside_create_and_only_once() {
    let mut script = Script::new(Streamtype { nailed_up: true, ..ws() });
    script.when(State::Creating, |stream, now| {
        stream.request_tx(now);
        stream.connect(now).unwrap();
        Answer::Ok
    });
    assert_eq!(script.run(), "CREATING CONNECTING open");
    assert_eq!(script.opens.len(), 1);
}

// Covers SS-104, SS-214, SS-216
#[test]
fn a_tx_request_polls_and_a_connect_does_not() {
    assert_eq!(created(ws()).request_tx(), "POLL CONNECTING open");
    assert_eq!(created(ws()).connect(), "CONNECTING open");
}

// Covers SS-104
#[test]
fn poll_is_not_said_twice_in_a_row() {
    let mut script = created(ws());
    script.on(State::Poll, Answer::TxDontSend);
    assert_eq!(script.request_tx(), "POLL");
    assert_eq!(script.request_tx(), "CONNECTING open");
}

// Covers SS-109, SS-110, SS-500, SS-501, SS-522
#[test]
fn a_transaction_runs_from_poll_to_disconnected_and_can_be_repeated() {
    let mut script = created(http("GET"));
    for _ in 0..2 {
        assert_eq!(script.request_tx(), "POLL CONNECTING open");
        assert_eq!(script.opened(), "");
        assert_eq!(script.head(200, &[]), "CONNECTED");
        assert!(script.payload(b"x", true, false).is_some());
        assert_eq!(script.event(pool::Event::Finished), "eom QOS_ACK_REMOTE DISCONNECTED");
        assert_eq!(script.deadline(), None);
    }
}

// Covers SS-110, SS-540
#[test]
fn ws_and_raw_are_connected_when_the_pool_says_so() {
    for protocol in [Protocol::Ws, Protocol::Raw] {
        let mut script = created(streamtype(protocol));
        assert_eq!(script.connect(), "CONNECTING open");
        assert_eq!(script.opened(), "CONNECTED");
    }
}

// Covers SS-102, SS-124, SS-213
#[test]
fn destruction_tells_disconnected_if_due_then_destroying_and_nothing_more() {
    let mut script = connected(ws());
    assert_eq!(script.destroy(), "finish DISCONNECTED DESTROYING over");
    assert_eq!(script.closed(RESET), "");
    script.stream.request_tx(script.now);
    assert_eq!((script.run(), script.deadline()), (String::new(), None));

    let mut script = created(ws());
    script.connect();
    assert_eq!(script.destroy(), "abort DESTROYING over");
    let mut script = connected(http("GET"));
    assert_eq!(script.destroy(), "abort DISCONNECTED DESTROYING over");
    let mut script = connected(ws());
    script.closed(RESET);
    assert_eq!(script.destroy(), "DESTROYING over");
}

// Covers SS-102
#[test]
fn a_stream_nobody_heard_of_dies_without_a_word() {
    assert_eq!(Script::new(ws()).destroy(), "over");
}

// Covers SS-103
#[test]
fn a_request_inside_disconnected_starts_anew() {
    let mut script = connected(http("GET"));
    script.when(State::Disconnected, |stream, now| {
        assert!(!stream.is_connected() && !stream.is_open() && stream.pending() == 0);
        stream.request_tx(now);
        Answer::Ok
    });
    let words = script.event(pool::Event::Finished);
    assert_eq!(words, "QOS_ACK_REMOTE DISCONNECTED POLL CONNECTING open");
}

// Covers SS-012, SS-105
#[test]
fn a_cancelled_wait_is_told_and_changes_nothing() {
    let mut script = connected(ws());
    script.on(State::EventWaitCancelled, Answer::DestroyMe);
    script.stream.wait_cancelled();
    script.stream.wait_cancelled();
    assert_eq!(script.run(), "EVENT_WAIT_CANCELLED");
    assert_eq!(script.stream.state(), State::Connected);
    assert!(script.stream.is_connected());
}

// Covers SS-002, SS-013
#[test]
fn losing_a_connection_never_ends_the_stream_and_opportunistic_ones_stay_idle() {
    let mut script = connected(Streamtype { opportunistic: true, ..ws() });
    assert_eq!(script.closed(RESET), "DISCONNECTED");
    assert_eq!((script.deadline(), script.stream.is_destroyed()), (None, false));
    assert_eq!(script.request_tx(), "POLL CONNECTING open");
}

// Covers SS-100
#[test]
fn unreachable_resolvers_are_told_by_the_ordinal() {
    for (reason, ordinal) in [(Network::ResolverUnreachable, 1), (Network::NameNotFound, 0)] {
        let mut script = created(ws());
        script.connect();
        assert_eq!(script.closed(Reason::Network(reason)), "UNREACHABLE");
        let told = (State::Unreachable, ordinal, Some(Reason::Network(reason)));
        assert_eq!(script.details, [told]);
    }
}

// Covers SS-113, SS-503
#[test]
fn a_peer_that_drops_a_request_makes_the_retry_policy_apply_even_if_opportunistic() {
    let mut script = created(Streamtype { opportunistic: true, ..http("GET") });
    script.request_tx();
    script.opened();
    assert_eq!(script.closed(RESET), "UNREACHABLE");
    assert_eq!(script.wait(1020), "POLL CONNECTING open");
}

// Covers SS-145, SS-920
#[test]
fn connecting_twice_is_a_successful_nothing() {
    let mut script = created(ws());
    script.when(State::Connecting, |stream, now| {
        stream.connect(now).unwrap();
        Answer::Ok
    });
    assert_eq!(script.connect(), "CONNECTING open");
    assert_eq!(script.connect(), "");
    script.opened();
    assert_eq!(script.connect(), "");
    assert_eq!(script.opens.len(), 1);
}

// Covers SS-146, SS-920
#[test]
fn connecting_without_an_endpoint_is_an_error_and_no_state() {
    let mut script = created(Streamtype { endpoint: None, ..ws() });
    assert_eq!(script.stream.connect(script.now), Err(Misuse::NoEndpoint));
    assert_eq!(script.run(), "");
}

// Covers SS-112, SS-572
#[test]
fn connack_4_and_5_are_auth_failed_and_others_unreachable() {
    for (code, state) in [(3, "UNREACHABLE"), (4, "AUTH_FAILED"), (5, "AUTH_FAILED")] {
        let mut script = created(streamtype(Protocol::Mqtt));
        script.connect();
        assert_eq!(script.closed(Reason::Peer(Peer::Connack(code))), state);
        assert_eq!(script.wait(1020), "POLL CONNECTING open");
    }
}

// Covers SS-530
#[test]
fn what_comes_late_from_an_earlier_channel_is_ignored() {
    let mut script = connected(http("GET"));
    script.event(pool::Event::Finished);
    assert_eq!(script.closed(RESET), "");
    assert_eq!(script.opened(), "");
    assert_eq!(script.stream.counters().ignored, 2);
}
