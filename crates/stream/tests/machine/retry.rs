//! SS-140 to SS-145, SS-440 to SS-444: what follows a close.

use crate::script::{RESET, Script, connected, created, http, scheme, streamtype, ws};
use mainstay_base::{RetryLimits, Rng};
use mainstay_policy::model::Retry;
use mainstay_policy::{Protocol, State, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::Answer;
use std::sync::Arc;

fn after(script: &mut Script, words: &str) -> String {
    format!("{words} {}", if script.deadline().is_some() { "waits" } else { "idle" })
}

// Covers SS-141
#[test]
fn what_follows_a_close_is_the_matrix() {
    for protocol in [Protocol::H1, Protocol::H2, Protocol::Ws, Protocol::Mqtt, Protocol::Raw] {
        for opportunistic in [true, false] {
            let is_http = matches!(protocol, Protocol::H1 | Protocol::H2);
            let make = || {
                let streamtype = if is_http { http("GET") } else { streamtype(protocol) };
                connected(Streamtype { protocol, opportunistic, nailed_up: false, ..streamtype })
            };
            let mut script = make();
            let words = script.closed(RESET);
            let wanted = if opportunistic { "DISCONNECTED idle" } else { "DISCONNECTED waits" };
            assert_eq!(after(&mut script, &words), wanted, "{protocol:?} lost");
            if !is_http {
                continue;
            }
            let mut script = make();
            let words = script.event(pool::Event::Finished);
            assert_eq!(after(&mut script, &words), "QOS_ACK_REMOTE DISCONNECTED idle");
            let streamtype = Streamtype { protocol, opportunistic, ..http("GET") };
            let mut script = created(streamtype);
            script.connect();
            let words = script.closed(RESET);
            assert_eq!(after(&mut script, &words), "UNREACHABLE waits", "before the head");
        }
    }
}

// Covers SS-141
#[test]
fn a_complete_transaction_leaves_even_a_nailed_up_stream_idle() {
    let mut script = created(Streamtype { nailed_up: true, ..http("GET") });
    script.head(200, &[]);
    script.event(pool::Event::Finished);
    assert_eq!(script.deadline(), None);
}

// Covers SS-142, SS-923
#[test]
fn nailed_up_repeat_runs_the_transaction_again_after_the_first_delay() {
    let streamtype = Streamtype { nailed_up: true, nailed_up_repeat: true, ..http("GET") };
    let mut script = created(streamtype);
    for _ in 0..3 {
        assert_eq!(script.head(200, &[]), "CONNECTED");
        assert_eq!(script.event(pool::Event::Finished), "QOS_ACK_REMOTE DISCONNECTED");
        assert!((1000..1010).contains(&script.deadline().unwrap()));
        assert_eq!(script.wait(1010), "POLL CONNECTING open");
    }
}

// Covers SS-440, SS-444, SS-448
#[test]
fn the_wait_is_the_formula_on_the_injected_randomness() {
    let retry =
        Retry { backoff_ms: vec![1000, 3000], conceal: 9, jitter_percent: 50, ..Retry::default() };
    let limits = RetryLimits { backoff_ms: &[1000, 3000], conceal: 9, jitter_percent: 50 };
    let mut script = created(Streamtype { retry: Some(Arc::new(retry)), ..ws() });
    let mut rng = Rng::from_run(1);
    script.connect();
    for n in 0..4 {
        assert_eq!(script.closed(RESET), "UNREACHABLE");
        let wait = limits.delay(n, rng.next_u16());
        assert_eq!(script.deadline(), Some(u64::try_from(wait.as_millis()).unwrap()));
        assert_eq!(script.wait(5000), "POLL CONNECTING open");
    }
}

// Covers SS-016, SS-441
#[test]
fn conceal_bounds_the_attempts_and_the_stream_then_waits_for_a_word() {
    let mut script = created(Streamtype { nailed_up: true, retry: scheme(2), ..ws() });
    let mut attempts = 1;
    let last = loop {
        let words = script.closed(RESET);
        if words != "UNREACHABLE" {
            break words;
        }
        assert_eq!(script.wait(3000), "POLL CONNECTING open");
        attempts += 1;
    };
    assert_eq!((last.as_str(), attempts), ("UNREACHABLE ALL_RETRIES_FAILED", 3));
    assert_eq!((script.wait(100_000), script.deadline()), (String::new(), None));
    assert_eq!(script.request_tx(), "POLL CONNECTING open");
}

// Covers SS-140
#[test]
fn tx_requests_leave_the_counter_and_an_explicit_connect_resets_it() {
    let mut script = created(Streamtype { retry: scheme(1), ..ws() });
    script.request_tx();
    script.closed(RESET);
    script.wait(2000);
    assert_eq!(script.closed(RESET), "UNREACHABLE ALL_RETRIES_FAILED");
    script.request_tx();
    assert_eq!(script.closed(RESET), "UNREACHABLE ALL_RETRIES_FAILED", "still exhausted");
    script.connect();
    assert_eq!(script.closed(RESET), "UNREACHABLE", "a new series");
}

// Covers SS-143, SS-443
#[test]
fn during_a_back_off_tx_waits_and_connect_does_not() {
    let mut script = created(ws());
    script.connect();
    script.closed(RESET);
    let due = script.deadline();
    assert_eq!(script.request_tx(), "");
    assert_eq!(script.closed(RESET), "", "a failure that is not ours");
    assert_eq!(script.deadline(), due);
    assert_eq!(script.connect(), "CONNECTING open");
    assert_eq!(script.deadline(), None);
}

// Covers SS-144, SS-945
#[test]
fn a_tx_request_stays_pending_across_failures_until_the_protocol_permits() {
    for protocol in [Protocol::Ws, Protocol::Raw] {
        let mut script = created(streamtype(protocol));
        script.request_tx();
        script.closed(RESET);
        assert_eq!(script.wait(2000), "POLL CONNECTING open");
        assert_eq!(script.opened(), "CONNECTED want");
        assert_eq!(script.event(pool::Event::Writable), "tx0");
    }
}

// Covers SS-140
#[test]
fn a_server_that_accepts_and_drops_is_backed_off_from_and_given_up() {
    let mut script = created(Streamtype { retry: scheme(3), ..ws() });
    script.connect();
    let mut waits = Vec::new();
    let last = loop {
        assert_eq!(script.opened(), "CONNECTED");
        let words = script.closed(RESET);
        let Some(wait) = script.deadline() else { break words };
        waits.push(wait / 1000);
        script.wait(wait);
    };
    assert_eq!(waits, [1, 2, 2]);
    assert_eq!(last, "DISCONNECTED ALL_RETRIES_FAILED");
    assert_eq!(script.stream.counters().illegal, 0);
}

// Covers SS-140
#[test]
fn payload_validity_and_time_each_make_a_connection_count() {
    let proofs: [fn(&mut Script); 3] = [
        |script| assert!(script.payload(b"x", true, true).is_some()),
        |script| assert_eq!(script.event(pool::Event::Valid), ""),
        |script| assert_eq!(script.wait(30_000), ""),
    ];
    for proof in proofs {
        let mut script = created(ws());
        script.connect();
        script.closed(RESET);
        script.wait(3000);
        script.opened();
        assert_eq!(script.stream.attempts(), 1, "CONNECTED alone proves nothing");
        proof(&mut script);
        assert_eq!((script.stream.attempts(), script.deadline()), (0, None));
        script.closed(RESET);
        assert!((1000..1010).contains(&script.deadline().unwrap()));
    }
}

// Covers SS-140
#[test]
fn the_validity_interval_of_the_policy_decides_when_a_connection_is_settled() {
    let retry = Retry { backoff_ms: vec![1000], conceal: 9, valid_hangup_s: 5, ..Retry::default() };
    let mut script = created(Streamtype { retry: Some(Arc::new(retry)), ..ws() });
    script.connect();
    script.closed(RESET);
    script.wait(3000);
    script.opened();
    script.wait(4999);
    assert_eq!(script.stream.attempts(), 1);
    script.wait(1);
    assert_eq!(script.stream.attempts(), 0);
}

// Covers SS-143
#[test]
fn an_explicit_connect_inside_the_handler_of_a_failure_starts_at_once() {
    let mut script = created(ws());
    script.connect();
    script.closed(RESET);
    script.wait(2000);
    assert_eq!(script.stream.attempts(), 1);
    script.when(State::Unreachable, |stream, now| {
        stream.connect(now).unwrap();
        Answer::Ok
    });
    assert_eq!(script.closed(RESET), "UNREACHABLE CONNECTING open");
    assert_eq!(script.stream.attempts(), 0);
}
