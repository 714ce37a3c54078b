//! Section 6.1: transactions, bodies, responses, redirects.

use crate::script::{RESET, Script, connected, created, http, scheme};
use mainstay_base::{Local, Outcome, Peer, Phase, Reason};
use mainstay_http::Body;
use mainstay_http::http::Method;
use mainstay_policy::{Protocol, State, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::limits::TX_MAX;
use mainstay_stream::{Flags, Misuse};

fn post() -> Script {
    created(http("POST"))
}

// Covers SS-501
#[test]
fn the_result_is_the_status_or_what_was_expected() {
    for (status, expect, state) in [
        (204, 0, "QOS_ACK_REMOTE"),
        (404, 0, "QOS_NACK_REMOTE"),
        (404, 404, "QOS_ACK_REMOTE"),
        (200, 404, "QOS_NACK_REMOTE"),
    ] {
        let mut streamtype = http("GET");
        streamtype.http.expect = expect;
        let mut script = created(streamtype);
        script.connect();
        assert_eq!(script.head(status, &[]), "CONNECTED");
        assert_eq!(script.event(pool::Event::Finished), format!("{state} DISCONNECTED"));
    }
}

// Covers SS-501
#[test]
fn a_response_cut_short_has_no_result() {
    let mut script = connected(http("GET"));
    script.payload(b"par", true, false);
    assert_eq!(script.closed(RESET), "DISCONNECTED");
}

// Covers SS-502, SS-454
#[test]
fn a_mapped_state_comes_before_connected_with_metadata_already_there() {
    let mut streamtype = http("GET");
    streamtype.http.resp_map = vec![(404, 1404), (410, 1410)];
    streamtype.metadata = vec![("kind".into(), "x-kind:".into())];
    let mut script = created(streamtype);
    script.connect();
    script.when(State::User(404), |stream, _| {
        assert_eq!(stream.metadata("kind"), Some(&b"cold"[..]));
        mainstay_stream::Answer::Ok
    });
    assert_eq!(script.head(404, &[("X-Kind", "cold")]), "USER404 CONNECTED");
    assert_eq!(script.event(pool::Event::Finished), "QOS_NACK_REMOTE DISCONNECTED");
}

// Covers SS-455
#[test]
fn what_a_response_said_is_not_sent_back() {
    let mut streamtype = http("GET");
    streamtype.metadata = vec![("kind".into(), "x-kind".into())];
    let mut script = created(streamtype);
    script.connect();
    assert!(!script.request().headers.contains_key("x-kind"));
    script.head(200, &[("x-kind", "theirs")]);
    script.event(pool::Event::Finished);
    script.connect();
    assert!(!script.request().headers.contains_key("x-kind"));
    assert_eq!(script.stream.metadata("kind"), Some(&b"theirs"[..]));
}

// Covers SS-503, SS-934, SS-442
#[test]
fn a_503_is_a_failed_attempt_with_the_servers_wait_at_least() {
    for (headers, seconds) in [
        (vec![], 1),
        (vec![("retry-after", "40")], 40),
        (vec![("retry-after", "0")], 1),
        (
            vec![
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("retry-after", "Sun, 06 Nov 1994 08:51:07 GMT"),
            ],
            90,
        ),
        (vec![("retry-after", "Sun, 06 Nov 1994 08:51:07 GMT")], 1),
        (vec![("retry-after", "99999999999")], 86_400),
    ] {
        let mut script = created(http("GET"));
        script.connect();
        assert_eq!(script.head(503, &headers), "abort UNREACHABLE");
        assert_eq!(script.deadline().unwrap() / 1000, seconds, "{headers:?}");
    }
}

// Covers SS-503, SS-934
#[test]
fn a_503_that_exhausts_the_series_is_told_in_order() {
    let mut script = created(Streamtype { retry: scheme(0), ..http("GET") });
    script.connect();
    assert_eq!(script.head(429, &[]), "abort UNREACHABLE ALL_RETRIES_FAILED");
    let reason = Some(Reason::Peer(Peer::Status(429)));
    assert_eq!(script.details, [(State::Unreachable, 0, reason)]);
}

// Covers SS-503
#[test]
fn a_short_body_of_a_503_is_read_away_so_that_the_connection_can_serve_again() {
    let mut script = created(http("GET"));
    script.connect();
    assert_eq!(script.head(503, &[("content-length", "4")]), "");
    assert_eq!(script.payload(b"busy", true, false), None);
    assert_eq!(script.event(pool::Event::Finished), "UNREACHABLE");
    let mut script = created(http("GET"));
    script.connect();
    script.head(503, &[("content-length", "4")]);
    assert_eq!(script.wait(30_000), "abort UNREACHABLE", "not for ever");
}

fn redirecting(method: &str, allow: bool) -> Script {
    let mut streamtype = http(method);
    streamtype.http.allow_redirects = allow;
    streamtype.http.auth_header = Some("authorization:".into());
    streamtype.tls = true;
    streamtype.metadata = vec![("jar".into(), "cookie:".into())];
    let blobs = mainstay_stream::Blobs {
        auth: [Some("token".into()), None, None, None],
        ..Default::default()
    };
    let mut script = Script::with(Default::default(), streamtype, blobs);
    script.run();
    script.stream.set_metadata("jar", b"c=1").unwrap();
    script.connect();
    script.opened();
    script
}

// Covers SS-504
#[test]
fn a_redirect_is_refused_unless_allowed() {
    let mut script = redirecting("GET", false);
    assert_eq!(script.head(302, &[("location", "/x")]), "abort UNREACHABLE");
    let reason = Some(Reason::Peer(Peer::Redirect(302)));
    assert_eq!(script.details, [(State::Unreachable, 0, reason)]);
    assert_eq!(script.wait(1010), "POLL CONNECTING open");
}

// Covers SS-504
#[test]
fn a_followed_redirect_changes_the_method_as_its_status_says() {
    for (status, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
    {
        let mut script = redirecting("POST", true);
        let location = "https://other.example/x?y";
        assert!(script.head(status, &[("location", location)]).ends_with("abort open"));
        let request = script.request();
        assert_eq!(request.method, Method::from_bytes(method.as_bytes()).unwrap(), "{status}");
        assert_eq!((request.authority.as_str(), request.path.as_str()), ("other.example", "/x?y"));
        assert_eq!(request.body != Body::None, method == "POST");
        for secret in ["authorization", "cookie"] {
            assert!(!request.headers.contains_key(secret), "not for strangers");
        }
        script.opened();
        assert_eq!(script.head(200, &[]), "CONNECTED");
    }
}

// Covers SS-504
#[test]
fn a_redirect_home_keeps_the_credentials() {
    let mut script = redirecting("GET", true);
    assert_eq!(script.head(302, &[("location", "/else")]), "abort open");
    let request = script.request();
    assert_eq!((request.authority.as_str(), request.path.as_str()), ("peer.example:4000", "/else"));
    assert!(["authorization", "cookie"].iter().all(|&own| request.headers.contains_key(own)));
}

// Covers SS-504
#[test]
fn from_tls_to_clear_text_and_round_in_circles_is_refused() {
    let mut script = redirecting("GET", true);
    let words = script.head(302, &[("location", "http://peer.example:4000/")]);
    assert_eq!(words, "abort UNREACHABLE");
    let mut script = redirecting("GET", true);
    for _ in 0..10 {
        assert_eq!(script.head(302, &[("location", "/round")]), "abort open");
    }
    assert_eq!(script.head(302, &[("location", "/round")]), "abort UNREACHABLE");
    assert_eq!(script.head(302, &[("location", "/round")]), "", "over");
}

// Covers SS-505, SS-215, SS-111
#[test]
fn an_announced_body_is_offered_before_connected_and_announced_once() {
    let mut script = post();
    script.stream.request_tx_len(script.now, 5);
    assert_eq!(script.run(), "POLL CONNECTING open");
    assert_eq!(script.request().body, Body::Sized(5));
    assert_eq!(script.opened(), "want");
    assert_eq!(script.event(pool::Event::Writable), "tx0");
    script.send(b"hello", Flags::SOM | Flags::EOM);
    assert_eq!(script.head(201, &[]), "CONNECTED");
    assert_eq!(script.event(pool::Event::Finished), "acked0 QOS_ACK_REMOTE DISCONNECTED");
    script.connect();
    assert_eq!(script.request().body, Body::Unsized, "cleared when the transaction completed");
}

// Covers SS-505
#[test]
fn without_an_announced_length_the_body_is_chunked() {
    let mut script = post();
    script.connect();
    assert_eq!(script.request().body, Body::Unsized);
    let mut streamtype = http("PUT");
    streamtype.http.no_content_length = true;
    let mut script = created(streamtype);
    script.stream.request_tx_len(script.now, 5);
    script.run();
    assert_eq!(script.request().body, Body::Unsized);
}

// Covers SS-506
#[test]
fn neither_more_nor_less_than_announced_is_taken() {
    let mut script = post();
    script.stream.request_tx_len(script.now, 4);
    script.run();
    script.opened();
    let now = script.now;
    let misuse =
        |script: &mut Script, bytes: &[u8], flags| script.stream.send(now, bytes, flags).err();
    assert_eq!(misuse(&mut script, b"12345", Flags::SOM), Some(Misuse::Framing));
    assert_eq!(misuse(&mut script, b"123", Flags::EOM), Some(Misuse::Framing));
    assert_eq!(misuse(&mut script, b"12", Flags::SOM), None);
    assert!(script.stream.message_open());
    assert_eq!(misuse(&mut script, b"34", Flags::EOM), None);
    assert_eq!(misuse(&mut script, b"", Flags::EOM), Some(Misuse::NotConnected), "complete");
}

// Covers SS-507, SS-933
#[test]
fn tx_is_never_called_for_a_method_without_body() {
    for method in ["GET", "HEAD", "DELETE"] {
        for protocol in [Protocol::H1, Protocol::H2] {
            let mut script = created(Streamtype { protocol, ..http(method) });
            if method == "DELETE" {
                script.stream.request_tx(script.now);
            } else {
                script.stream.request_tx_len(script.now, 3);
            }
            script.run();
            assert_eq!(script.request().body, Body::None);
            assert_eq!((script.opened(), script.request_tx()), (String::new(), String::new()));
            assert_eq!(script.head(200, &[]), "CONNECTED");
            assert_eq!(script.request_tx(), "");
            assert_eq!(
                script.stream.send(script.now, b"", Flags::EOM).err(),
                Some(Misuse::NotConnected)
            );
        }
    }
    let mut script = created(http("DELETE"));
    script.stream.request_tx_len(script.now, 3);
    script.run();
    assert_eq!((script.request().body, script.opened().as_str()), (Body::Sized(3), "want"));
}

// Covers SS-301, SS-521
#[test]
fn the_end_of_a_body_is_an_empty_rx_and_no_body_has_none() {
    let mut script = connected(http("GET"));
    assert_eq!(script.payload(b"a", true, false), Some(Flags::SOM));
    assert_eq!(script.payload(b"b", false, false), Some(Flags::NONE));
    assert_eq!(script.event(pool::Event::Finished), "eom QOS_ACK_REMOTE DISCONNECTED");
    let mut script = connected(http("GET"));
    assert_eq!(script.event(pool::Event::Finished), "QOS_ACK_REMOTE DISCONNECTED");
}

// Covers SS-247, SS-248, SS-009
#[test]
fn tx_ordinals_count_callbacks_for_the_streams_whole_life() {
    let mut script = post();
    for n in [0, 1] {
        script.connect();
        assert_eq!(script.opened(), "want");
        script.stream.request_tx(script.now);
        assert_eq!(script.event(pool::Event::Writable), format!("tx{}", 2 * n));
        assert_eq!(script.request_tx(), "want");
        assert_eq!(script.event(pool::Event::Writable), format!("tx{}", 2 * n + 1));
        script.send(b"x", Flags::EOM);
        script.head(200, &[]);
        script.event(pool::Event::Finished);
    }
    assert!(script.offers.iter().all(|&(_, room)| room == TX_MAX && room >= 1519));
}

// Covers SS-509
#[test]
fn a_response_that_stops_for_thirty_seconds_is_lost() {
    let mut script = connected(http("GET"));
    script.wait(20_000);
    script.payload(b"x", true, false);
    assert_eq!(script.wait(29_999), "");
    assert_eq!(script.wait(1), "abort DISCONNECTED");
    let reason = Some(Reason::Local(Local::TimedOut(Phase::Data)));
    assert_eq!(script.details, [(State::Disconnected, 0, reason)]);
}

// Covers SS-220, SS-221
#[test]
fn the_applications_timer_runs_once_spans_connections_and_ends_with_the_transaction() {
    let mut script = connected(Streamtype { timeout_ms: 700, ..http("GET") });
    script.stream.start_timeout(script.now, 0);
    assert_eq!(script.deadline(), Some(700));
    script.stream.start_timeout(script.now, 40);
    assert_eq!(script.wait(1000), "TIMEOUT");
    assert_eq!(script.stream.state(), State::Connected);
    script.stream.start_timeout(script.now, 60_000);
    assert_eq!(script.closed(RESET), "DISCONNECTED");
    script.wait(1010);
    script.head(200, &[]);
    assert!(script.wait(58_990).contains("TIMEOUT"), "it spans connections");

    let mut script = connected(http("GET"));
    script.stream.start_timeout(script.now, 0);
    assert_eq!(script.deadline(), Some(30_000), "only the one of the body");
    script.stream.start_timeout(script.now, 9);
    script.stream.cancel_timeout();
    script.stream.cancel_timeout();
    assert_eq!(script.deadline(), Some(30_000));
    script.stream.start_timeout(script.now, 9);
    script.event(pool::Event::Finished);
    assert_eq!(script.deadline(), None, "the transaction is complete");
}

#[test]
fn a_body_half_sent_has_one_outcome_whatever_ends_it() {
    let half = || {
        let mut script = post();
        script.connect();
        script.opened();
        script.event(pool::Event::Writable);
        script.send(b"half", Flags::SOM);
        script
    };
    let mut script = half();
    assert_eq!(script.closed(RESET), "unknown0 UNREACHABLE");
    assert_eq!(script.outcomes, [(0, Outcome::Unknown(RESET))]);
    let mut script = half();
    assert_eq!(script.head(503, &[("content-length", "0")]), "abort refused0 UNREACHABLE");
    let mut script = half();
    script.head(413, &[]);
    assert_eq!(script.event(pool::Event::Finished), "refused0 QOS_NACK_REMOTE DISCONNECTED");
    assert_eq!(script.outcomes, [(0, Outcome::Refused(Reason::Peer(Peer::Status(413))))]);
    let mut script = half();
    assert_eq!(script.destroy(), "abort unknown0 DESTROYING over");
}
