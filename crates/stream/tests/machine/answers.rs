//! SS-120 to SS-133: what return codes do, row by row.

use crate::script::{RESET, Script, connected, created, http, scheme, streamtype, ws};
use Answer::{DestroyMe, DisconnectMe, Ok, TxDontSend};
use mainstay_policy::{Protocol, State, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::{Answer, Flags, Misuse};

const ALL: [Answer; 4] = [Ok, TxDontSend, DisconnectMe, DestroyMe];

/// Answers `state` in each of the four ways on a fresh script and tells what followed.
fn row(
    make: impl Fn() -> Script,
    state: State,
    act: impl Fn(&mut Script) -> String,
) -> [String; 4] {
    ALL.map(|answer| {
        let mut script = make();
        script.on(state, answer);
        act(&mut script)
    })
}

// Covers SS-121, SS-210
#[test]
fn creating_goes_on_unless_destroyed() {
    let found = row(|| Script::new(ws()), State::Creating, Script::run);
    assert_eq!(found, ["CREATING", "CREATING", "CREATING", "CREATING DESTROYING over"]);
}

// Covers SS-121, SS-123, SS-921
#[test]
fn poll_starts_abandons_or_destroys_and_an_abandoned_stream_accepts_tx() {
    let found = row(
        || created(ws()),
        State::Poll,
        |script| {
            let words = script.request_tx();
            if words == "POLL" {
                assert_eq!(script.request_tx(), "CONNECTING open");
            }
            words
        },
    );
    assert_eq!(found, ["POLL CONNECTING open", "POLL", "POLL", "POLL DESTROYING over"]);
}

// Covers SS-121
#[test]
fn connecting_proceeds_or_is_abandoned_counted_and_backed_off() {
    let found = row(
        || created(ws()),
        State::Connecting,
        |script| {
            let words = script.connect();
            if words == "CONNECTING" {
                assert_eq!(script.stream.attempts(), 1);
                assert!((1000..1010).contains(&script.deadline().unwrap()));
            }
            words
        },
    );
    assert_eq!(
        found,
        ["CONNECTING open", "CONNECTING", "CONNECTING", "CONNECTING DESTROYING over"]
    );
}

// Covers SS-121, SS-122
#[test]
fn unreachable_retries_or_stops_as_the_protocol_says() {
    let fails = |script: &mut Script| {
        script.connect();
        let words = script.closed(RESET);
        format!("{words} {}", if script.deadline().is_some() { "waits" } else { "idle" })
    };
    let found = row(|| created(http("GET")), State::Unreachable, fails);
    let idle = "UNREACHABLE idle";
    assert_eq!(found, ["UNREACHABLE waits", idle, idle, "UNREACHABLE DESTROYING over idle"]);
    for protocol in [Protocol::Ws, Protocol::Raw, Protocol::Mqtt] {
        let found = row(|| created(streamtype(protocol)), State::Unreachable, fails);
        let waits = "UNREACHABLE waits";
        assert_eq!(found, [waits, waits, idle, "UNREACHABLE DESTROYING over idle"]);
    }
}

// Covers SS-121
#[test]
fn connected_goes_on_closes_or_destroys() {
    let comes_up = |script: &mut Script| {
        script.connect();
        script.opened()
    };
    let found = row(|| created(ws()), State::Connected, comes_up);
    let closes = "CONNECTED finish";
    assert_eq!(
        found,
        ["CONNECTED", closes, closes, "CONNECTED finish DISCONNECTED DESTROYING over"]
    );
    let answers = |script: &mut Script| {
        script.connect();
        script.head(200, &[])
    };
    let found = row(|| created(http("GET")), State::Connected, answers);
    let closes = "CONNECTED abort DISCONNECTED";
    assert_eq!(
        found,
        ["CONNECTED", closes, closes, "CONNECTED abort DISCONNECTED DESTROYING over"]
    );
}

// Covers SS-121, SS-502
#[test]
fn a_mapped_state_can_close_before_connected_is_told() {
    let mapped = || {
        let mut streamtype = http("GET");
        streamtype.http.resp_map = vec![(200, 1005)];
        created(streamtype)
    };
    let found = row(mapped, State::User(5), |script| {
        script.connect();
        script.head(200, &[])
    });
    let closes = "USER5 abort UNREACHABLE";
    assert_eq!(found, ["USER5 CONNECTED", closes, closes, "USER5 abort DESTROYING over"]);
}

// Covers SS-121
#[test]
fn qos_can_destroy_and_is_otherwise_followed_by_the_end() {
    let finishes = |script: &mut Script| script.event(pool::Event::Finished);
    let found = row(|| connected(http("GET")), State::QosAckRemote, finishes);
    let ends = "QOS_ACK_REMOTE DISCONNECTED";
    assert_eq!(found, [ends, ends, ends, "QOS_ACK_REMOTE DISCONNECTED DESTROYING over"]);
}

// Covers SS-121
#[test]
fn disconnected_follows_the_matrix_or_destroys() {
    let found = row(
        || connected(ws()),
        State::Disconnected,
        |script| {
            let words = script.closed(RESET);
            format!("{words} {}", if script.deadline().is_some() { "waits" } else { "idle" })
        },
    );
    let waits = "DISCONNECTED waits";
    assert_eq!(found, [waits, waits, waits, "DISCONNECTED DESTROYING over idle"]);
}

// Covers SS-121
#[test]
fn all_retries_failed_leaves_the_stream_idle_or_destroys_it() {
    let poor = || created(Streamtype { retry: None, ..ws() });
    let found = row(poor, State::AllRetriesFailed, |script| {
        script.connect();
        script.closed(RESET)
    });
    let idle = "UNREACHABLE ALL_RETRIES_FAILED";
    assert_eq!(found, [idle, idle, idle, "UNREACHABLE ALL_RETRIES_FAILED DESTROYING over"]);
}

// Covers SS-121
#[test]
fn timeout_does_nothing_kills_the_connection_or_destroys() {
    let found = row(
        || connected(http("GET")),
        State::Timeout,
        |script| {
            script.stream.start_timeout(script.now, 10);
            script.wait(10)
        },
    );
    let dies = "TIMEOUT abort DISCONNECTED DESTROYING over";
    assert_eq!(found, ["TIMEOUT", "TIMEOUT", "TIMEOUT abort DISCONNECTED", dies]);
}

// Covers SS-121, SS-521
#[test]
fn rx_goes_on_closes_or_destroys() {
    let found = ALL.map(|answer| {
        let mut script = connected(ws());
        assert!(script.payload(b"x", true, true).is_some());
        script.stream.answer_payload(script.now, answer);
        script.run()
    });
    assert_eq!(found, ["", "finish", "finish", "finish DISCONNECTED DESTROYING over"]);
}

// Covers SS-121
#[test]
fn tx_sends_nothing_closes_or_destroys() {
    let found = ALL.map(|answer| {
        let mut script = connected(ws());
        assert_eq!(script.request_tx(), "want");
        assert_eq!(script.event(pool::Event::Writable), "tx0");
        script.stream.decline(script.now, answer);
        script.run()
    });
    assert_eq!(found, ["", "", "finish", "finish DISCONNECTED DESTROYING over"]);
}

// Covers SS-125
#[test]
fn after_a_handlers_close_ws_and_raw_reconnect_after_the_first_step() {
    for protocol in [Protocol::Ws, Protocol::Raw] {
        let mut script = connected(streamtype(protocol));
        for _ in 0..3 {
            script.payload(b"x", true, true);
            script.stream.answer_payload(script.now, DisconnectMe);
            assert_eq!(script.run(), "finish");
            assert_eq!(script.payload(b"late", true, true), None);
            assert_eq!(script.closed(RESET), "DISCONNECTED");
            assert!((1000..1010).contains(&script.deadline().unwrap()), "the first step");
            assert_eq!(script.wait(1010), "POLL CONNECTING open");
            assert_eq!(script.opened(), "CONNECTED");
        }
    }
}

// Covers SS-130, SS-131
#[test]
fn destroy_inside_any_handler_overrides_its_answer() {
    let destroys = |script: &mut Script, state: State| {
        script.when(state, |stream, now| {
            stream.destroy(now);
            assert_eq!(stream.connect(now), Err(Misuse::Destroyed));
            assert_eq!(stream.set_metadata("x", b""), Err(Misuse::Destroyed));
            assert_eq!(stream.send(now, b"", Flags::SOM).err(), Some(Misuse::Destroyed));
            Ok
        });
    };
    let mut script = Script::new(Streamtype { nailed_up: true, ..ws() });
    destroys(&mut script, State::Creating);
    assert_eq!(script.run(), "CREATING DESTROYING over");
    let mut script = created(ws());
    destroys(&mut script, State::Connecting);
    assert_eq!(script.connect(), "CONNECTING DESTROYING over");
    let mut script = connected(ws());
    destroys(&mut script, State::Disconnected);
    assert_eq!(script.closed(RESET), "DISCONNECTED DESTROYING over");
    let mut script = connected(ws());
    script.payload(b"x", true, true);
    script.stream.destroy(script.now);
    script.stream.answer_payload(script.now, Ok);
    assert_eq!(script.run(), "finish DISCONNECTED DESTROYING over");
}

// Covers SS-132
#[test]
fn destroying_a_dying_stream_is_nothing() {
    let mut script = connected(ws());
    for state in [State::Disconnected, State::Destroying] {
        script.when(state, |stream, now| {
            stream.destroy(now);
            DestroyMe
        });
    }
    assert_eq!(script.destroy(), "finish DISCONNECTED DESTROYING over");
    assert_eq!(script.destroy(), "");
}

// Covers SS-003
#[test]
fn neither_failure_nor_loss_nor_exhaustion_destroys() {
    let mut script = created(Streamtype { retry: scheme(1), ..ws() });
    script.connect();
    script.closed(RESET);
    script.wait(5000);
    assert_eq!(script.closed(RESET), "UNREACHABLE ALL_RETRIES_FAILED");
    script.connect();
    script.opened();
    script.closed(RESET);
    assert!(!script.stream.is_destroyed());
}
