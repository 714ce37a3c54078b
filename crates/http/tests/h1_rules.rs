#![expect(clippy::unwrap_used, reason = "tests")]
//! What an HTTP/1 client writes, what it believes, and when it keeps its connection.

#[path = "drive/feed.rs"]
mod feed;

use core::time::Duration;
use feed::{NOW, Said, events, feed};
use mainstay_base::{Instant, Network, Peer, Reason};
use mainstay_http::h1::{Client, Config};
use mainstay_http::http::{HeaderMap, HeaderValue, Method};
use mainstay_http::{Body, Misuse, Request};

const MALFORMED: Said = Said::Failed(Reason::Peer(Peer::Malformed));
const TOO_LARGE: Said = Said::Failed(Reason::Peer(Peer::TooLarge));
const CLOSED: Said = Said::Failed(Reason::Peer(Peer::Closed));

fn request(method: Method, body: Body) -> Request {
    let (authority, path) = ("example.com".into(), "/".into());
    Request { method, secure: false, authority, path, headers: HeaderMap::new(), body }
}

fn asked(request: &Request) -> Client {
    let mut client = Client::new(Config::default());
    client.request(NOW, request).unwrap();
    client
}

fn polled(client: &mut Client) -> String {
    let mut out = Vec::new();
    client.poll_transmit(NOW, &mut out, usize::MAX);
    String::from_utf8(out).unwrap()
}

/// What a client that asked with GET says to `wire`.
fn answered(wire: &str) -> (Client, Vec<Said>) {
    let mut client = asked(&request(Method::GET, Body::None));
    polled(&mut client);
    let said = feed(&mut client, wire.as_bytes(), &[]);
    (client, said)
}

fn body(text: &str) -> Said {
    Said::Body(text.as_bytes().to_vec())
}

// Covers SS-510, SS-930
#[test]
fn a_request_has_a_host_with_its_port_and_nothing_that_was_not_asked_for() {
    let plain = polled(&mut asked(&request(Method::GET, Body::None)));
    assert_eq!(plain, "GET / HTTP/1.1\r\nhost: example.com\r\n\r\n");
    for (secure, authority, host) in [
        (false, "a:80", "a"),
        (false, "a:443", "a:443"),
        (true, "a:443", "a"),
        (true, "a:80", "a:80"),
        (false, "a:8080", "a:8080"),
        (false, "[::80", "[::80"),
        (false, "[::1]:80", "[::1]"),
        (true, "[fe80::443]", "[fe80::443]"),
    ] {
        let mut request = request(Method::GET, Body::None);
        (request.secure, request.authority) = (secure, authority.into());
        let text = polled(&mut asked(&request));
        assert!(text.contains(&format!("\r\nhost: {host}\r\n")), "{text}");
    }
}

// Covers SS-505
#[test]
fn a_body_is_announced_by_its_length_or_chunked() {
    let mut client = asked(&request(Method::POST, Body::Sized(5)));
    assert_eq!((client.room().down, client.send(NOW, b"hello")), (5, 5));
    client.finish(NOW).unwrap();
    assert!(polled(&mut client).ends_with("content-length: 5\r\n\r\nhello"));
    let mut client = asked(&request(Method::PUT, Body::Unsized));
    assert_eq!((client.send(NOW, b"hello"), client.send(NOW, &[b'*'; 16])), (5, 16));
    client.finish(NOW).unwrap();
    let text = polled(&mut client);
    assert!(
        text.ends_with(
            "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n10\r\n****************\r\n0\r\n\r\n"
        ),
        "{text}"
    );
    assert!(
        polled(&mut asked(&request(Method::POST, Body::None))).contains("content-length: 0\r\n")
    );
    assert!(!polled(&mut asked(&request(Method::DELETE, Body::None))).contains("content-length"));
}

// Covers SS-506
#[test]
fn an_announced_length_must_be_kept() {
    let mut client = asked(&request(Method::POST, Body::Sized(5)));
    client.send(NOW, b"hell");
    assert_eq!(client.finish(NOW), Err(Misuse::TooShort));
    assert_eq!(client.send(NOW, b"oh"), 1);
    assert_eq!(client.finish(NOW), Err(Misuse::TooLong));
    assert!(polled(&mut client).ends_with("\r\n\r\nhello"), "what was announced and no more");
    let mut client = asked(&request(Method::GET, Body::None));
    assert_eq!((client.room().down, client.send(NOW, b"x")), (0, 0));
}

#[test]
fn what_could_end_a_line_early_is_refused_to_the_caller() {
    let ask = |change: fn(&mut Request)| {
        let mut request = request(Method::GET, Body::None);
        change(&mut request);
        Client::new(Config::default()).request(NOW, &request)
    };
    for path in ["", "x", "/ HTTP/1.1", "/\r\nx: y", "/\0", "/#f", "/\u{e9}", "*"] {
        let mut request = request(Method::GET, Body::None);
        request.path = path.into();
        assert_eq!(
            Client::new(Config::default()).request(NOW, &request),
            Err(Misuse::Path),
            "{path:?}"
        );
    }
    assert_eq!(ask(|r| (r.method, r.path) = (Method::OPTIONS, "*".into())), Ok(()));
    for authority in ["", "a b", "a\r\nx: y", "user@a", "a/b"] {
        let mut request = request(Method::GET, Body::None);
        request.authority = authority.into();
        assert_eq!(
            Client::new(Config::default()).request(NOW, &request),
            Err(Misuse::Authority),
            "{authority:?}"
        );
    }
    assert_eq!(ask(|r| r.method = Method::CONNECT), Err(Misuse::Method));
    for name in ["host", "content-length", "transfer-encoding"] {
        let mut request = request(Method::GET, Body::None);
        request.headers.insert(name, HeaderValue::from_static("1"));
        assert_eq!(
            Client::new(Config::default()).request(NOW, &request),
            Err(Misuse::Header),
            "{name}"
        );
    }
}

// Covers SS-521
#[test]
fn chunks_are_taken_apart_with_extensions_and_trailers() {
    let chunks = "5;a=\"b\"\r\nhello\r\n6 \t\r\n world\r\n000\r\nx-t: 1\r\ny: 2\r\n\r\n";
    let wire = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n{chunks}");
    let (client, said) = answered(&wire);
    assert_eq!(said, [Said::Head(200), body("hello world"), Said::Complete]);
    assert!(client.is_reusable() && client.is_idle());
}

// Covers SS-521
#[test]
fn a_trailer_without_a_name_is_malformed() {
    for trailer in ["x", ": 1", "x y: 1", " x: 1", "x\u{e9}: 1"] {
        let wire =
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n{trailer}\r\n\r\n");
        let (client, said) = answered(&wire);
        assert_eq!(
            said,
            [Said::Head(200), Said::Failed(Reason::Peer(Peer::Malformed))],
            "{trailer}"
        );
        assert!(!client.is_reusable());
    }
}

#[test]
fn a_response_ends_by_its_length_by_its_status_or_by_the_connection() {
    for (head, text) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\ncontent-length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", ""),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", ""),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", ""),
        ("\r\nHTTP/1.1 200 OK\ncontent-length: 0\n\n", ""),
    ] {
        let (client, said) = answered(head);
        let expected: Vec<Said> =
            said.iter().filter(|said| matches!(said, Said::Body(_))).cloned().collect();
        assert_eq!(expected, if text.is_empty() { vec![] } else { vec![body(text)] });
        assert_eq!(said.last(), Some(&Said::Complete), "{head}");
        assert!(client.is_reusable());
    }
    let mut client = asked(&request(Method::HEAD, Body::None));
    let said = feed(&mut client, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", &[]);
    assert_eq!(said, [Said::Head(200), Said::Complete]);
    let (mut client, mut said) = answered("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    client.handle_eof(NOW);
    events(&mut client, &mut said);
    assert_eq!(said, [Said::Head(200), body("until the end"), Said::Complete]);
    assert!(!client.is_reusable() && !client.is_idle());
}

// Covers SS-520
#[test]
fn the_connection_is_kept_as_both_sides_say() {
    for (head, kept) in [
        ("HTTP/1.1 200 OK\r\n", true),
        ("HTTP/1.1 200 OK\r\nconnection: x, Close\r\n", false),
        ("HTTP/1.0 200 OK\r\n", false),
        ("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\n", true),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive, close\r\n", false),
    ] {
        let (mut client, said) = answered(&format!("{head}content-length: 0\r\n\r\n"));
        assert_eq!(said, [Said::Head(200), Said::Complete]);
        assert_eq!(client.is_reusable(), kept, "{head}");
        let again = client.request(NOW, &request(Method::GET, Body::None));
        assert_eq!(again, if kept { Ok(()) } else { Err(Misuse::NotOpen) });
    }
    let mut close = request(Method::GET, Body::None);
    close.headers.insert("connection", HeaderValue::from_static("close"));
    let mut client = asked(&close);
    feed(&mut client, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", &[]);
    assert!(!client.is_reusable());
}

#[test]
fn framing_that_two_readers_could_read_in_two_ways_is_malformed() {
    for headers in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: +5\r\n",
        "content-length: -5\r\n",
        "content-length: 5 5\r\n",
        "content-length: 0x5\r\n",
        "content-length:\r\n",
        "content-length: 18446744073709551616\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "content-length : 5\r\n",
        " content-length: 5\r\n",
        "x: a\r\n content-length: 5\r\n",
        "x: a\rb\r\n",
        "x: a\0b\r\n",
        "x y: z\r\n",
        ": z\r\n",
    ] {
        let (client, said) = answered(&format!("HTTP/1.1 200 OK\r\n{headers}\r\nhello"));
        assert_eq!(said, [MALFORMED], "{headers}");
        assert!(!client.is_reusable());
    }
    for line in [
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked",
        "HTTP/2.0 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 099 X",
        "ICY 200 OK",
        "HTTP/1.1 101 Switching Protocols",
    ] {
        let (_, said) = answered(&format!("{line}\r\n\r\n"));
        assert_eq!(said, [MALFORMED], "{line}");
    }
    for chunks in [
        "x\r\n",
        "\r\n",
        ";a\r\n",
        "5\nhello\r\n",
        "5\r\nhelloX",
        "5\r\nhello\n0\r\n\r\n",
        "5;a\nb\r\n",
        "5;a\rb",
        "11111111111111111\r\n",
        "-1\r\n",
        "0\r\nx\ry\r\n",
        "0\r\n\rx",
        "5 5\r\n",
    ] {
        let (_, said) =
            answered(&format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"));
        assert_eq!(said.last(), Some(&MALFORMED), "{chunks:?}");
    }
}

#[test]
fn what_has_no_end_is_too_large() {
    let long = "a".repeat(16 * 1024);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for wire in [
        format!("HTTP/1.1 200 OK\r\nx: {long}"),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101)),
        format!("{chunked}5;{long}a\r\n"),
        format!("{chunked}{}", "1;aaaa\r\nx\r\n".repeat(5000)),
        format!("{chunked}0\r\nx: {long}"),
    ] {
        for cuts in [&[][..], &[1], &[1000]] {
            let mut client = asked(&request(Method::GET, Body::None));
            let said = feed(&mut client, wire.as_bytes(), cuts);
            assert_eq!(said.last(), Some(&TOO_LARGE));
        }
    }
    let hundred = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert_eq!(answered(&hundred).1, [Said::Head(200)]);
}

#[test]
fn interim_responses_are_skipped_and_bounded() {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(&(interim.repeat(8) + last)).1, [Said::Head(200), Said::Complete]);
    assert_eq!(answered(&(interim.repeat(9) + last)).1, [MALFORMED]);
}

#[test]
fn an_expected_100_lets_the_body_go_and_so_does_a_second() {
    let mut expecting = request(Method::POST, Body::Sized(2));
    expecting.headers.insert("expect", HeaderValue::from_static("100-continue"));
    let mut client = asked(&expecting);
    assert_eq!((client.room().down, client.send(NOW, b"ok")), (0, 0));
    assert_eq!(feed(&mut client, b"HTTP/1.1 100 Continue\r\n\r\n", &[]), [Said::Continue]);
    assert_eq!((client.send(NOW, b"ok"), client.poll_timeout()), (2, None));

    let mut client = asked(&expecting);
    let until = client.poll_timeout().unwrap();
    assert_eq!(until - NOW, Duration::from_secs(1));
    client.handle_timeout(Instant::from_millis(999));
    let mut said = Vec::new();
    events(&mut client, &mut said);
    assert!(said.is_empty());
    client.handle_timeout(until);
    events(&mut client, &mut said);
    assert_eq!(
        (said, client.poll_timeout(), client.send(NOW, b"ok")),
        (vec![Said::Continue], None, 2)
    );
}

#[test]
fn an_early_response_is_told_and_spoils_the_connection_only_if_the_body_was_cut_short() {
    let early = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno";
    for (sent, kept) in [(4, false), (5, true)] {
        let mut client = asked(&request(Method::POST, Body::Sized(5)));
        client.send(NOW, &b"hello"[..sent]);
        let said = feed(&mut client, early, &[]);
        assert_eq!(said, [Said::Head(413), body("no"), Said::Complete]);
        assert_eq!(client.is_reusable(), kept);
        assert_eq!(client.finish(NOW), Ok(()), "a late end of the body is no mistake");
    }
}

#[test]
fn an_end_in_the_middle_is_a_failure() {
    for wire in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let (mut client, mut said) = answered(wire);
        assert_eq!(client.is_unanswered(), wire.is_empty());
        client.handle_eof(NOW);
        events(&mut client, &mut said);
        assert_eq!(said.last(), Some(&CLOSED), "{wire}");
        client.handle_eof(NOW);
        assert_eq!(client.handle_input(NOW, &mut [b'x']), 0);
        assert!(client.poll_event().is_none() && !client.wants_transmit());
    }
    let (mut client, mut said) = answered("HTTP/1.1 200 OK\r\n\r\nuntil");
    client.handle_lost(NOW, Reason::Network(Network::Reset));
    events(&mut client, &mut said);
    assert_eq!(said.last(), Some(&Said::Failed(Reason::Network(Network::Reset))));
}

#[test]
fn bytes_nobody_asked_for_end_an_idle_connection() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (client, said) = answered(&ok.repeat(2));
    assert_eq!(said, [Said::Head(200), Said::Complete, MALFORMED]);
    assert!(!client.is_reusable());
    let mut client = Client::new(Config::default());
    client.handle_eof(NOW);
    let mut said = Vec::new();
    events(&mut client, &mut said);
    assert_eq!(said, [CLOSED]);
}

#[test]
fn one_transaction_at_a_time() {
    let mut client = asked(&request(Method::GET, Body::None));
    assert_eq!(client.request(NOW, &request(Method::GET, Body::None)), Err(Misuse::Busy));
    client.abort(NOW);
    assert!(!client.wants_transmit() && client.poll_event().is_none());
    assert_eq!(client.request(NOW, &request(Method::GET, Body::None)), Err(Misuse::NotOpen));
}

#[test]
fn a_client_is_small() {
    assert!(size_of::<Client>() <= 136, "{}", size_of::<Client>());
}
