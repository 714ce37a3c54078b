//! HTTP/1.1 streams of ours against nginx, judged by nginx's log and files too.

use core::time::Duration;
use mainstay::{Blobs, Outcome, Peer, Reason, State};
use mainstay_peer_tests::{Document, Rig, Script};
use mainstay_test_support::peers::Nginx;
use mainstay_test_support::{Pki, Site, wait_until};

/// Bytes that differ at every place of any period.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..len).map(|_| next()).collect()
}

fn h1(port: u16, method: &str, url: &str, more: &str) -> String {
    format!(
        r#""endpoint":"localhost","port":{port},"protocol":"h1","http_method":"{method}","http_url":"{url}"{more}"#
    )
}

// Covers SS-109, SS-110, SS-500, SS-501, LAY-213
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_get_is_connected_delivered_and_acknowledged() {
    let site = Site::loopback("ours-get");
    let port = site.port();
    let nginx = Nginx::new().http(port).start(&site);
    let mut rig = Rig::new(&Document::new().stream("get", &h1(port, "GET", "/hello", "")));
    let get = rig.stream("get");
    rig.fetch(&get);
    let story = get.story();
    assert_eq!(
        story.states(),
        [
            State::Creating,
            State::Connecting,
            State::Connected,
            State::QosAckRemote,
            State::Disconnected
        ]
    );
    assert_eq!(story.payloads(), [b"hello\n"]);
    // The body, and the empty piece that ends it (SS-301).
    assert_eq!(story.messages[0].pieces, 2);
    nginx.wait_for(&format!("{port} \"GET /hello HTTP/1.1\" 200 sent=6"));
}

// Covers SS-510, LAY-246
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn over_tls_the_host_names_its_port() {
    let site = Site::loopback("ours-get-tls");
    let pki = Pki::new(&site);
    let port = site.port();
    let nginx = Nginx::new()
        .https(port, &pki.chained)
        .location("= /host", "return 200 $http_host;")
        .start(&site);
    let tls = r#","tls":true,"tls_trust_store":"site""#;
    let document = Document::new().trust(&pki.ca).stream("get", &h1(port, "GET", "host", tls));
    let mut rig = Rig::new(&document);
    let get = rig.stream("get");
    rig.fetch(&get);
    assert_eq!(get.story().received, format!("localhost:{port}").as_bytes());
    nginx.wait_for("tls=TLSv1.3 alpn=http/1.1");
}

// Covers SS-301, SS-505, SS-507
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn requests_without_a_body_are_not_asked_for_one_and_responses_without_one_give_no_payload() {
    let site = Site::loopback("ours-head");
    let port = site.port();
    let nginx = Nginx::new().http(port).start(&site);
    let document = Document::new()
        .stream("head", &h1(port, "HEAD", "hello", ""))
        .stream("empty", &h1(port, "GET", "status/204", ""));
    let mut rig = Rig::new(&document);
    for (streamtype, line) in
        [("head", "\"HEAD /hello HTTP/1.1\" 200 sent=0"), ("empty", "204 sent=0")]
    {
        let told = rig.stream(streamtype);
        rig.send_unannounced(&told, b"nobody wants this");
        rig.until(&told, State::Disconnected);
        let story = told.story();
        assert!(story.received.is_empty() && story.messages.is_empty(), "{story:?}");
        assert!(story.ordinals.is_empty(), "{story:?}");
        assert_eq!(story.count(State::QosAckRemote), 1);
        nginx.wait_for(line);
    }
}

// Covers SS-505, SS-506
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_announced_body_has_a_length_and_another_comes_in_chunks() {
    let site = Site::loopback("ours-post");
    let port = site.port();
    let framing = "return 200 \"length=$http_content_length coding=$http_transfer_encoding\";";
    let nginx = Nginx::new().http(port).location("= /framing", framing).start(&site);
    let document = Document::new()
        .stream("post", &h1(port, "POST", "post", ""))
        .stream("framing", &h1(port, "POST", "framing", ""))
        .stream("bare", &h1(port, "POST", "framing", r#","http_no_content_length":true"#));
    let mut rig = Rig::new(&document);
    let post = rig.stream("post");
    rig.post(&post, b"one=sized");
    assert_eq!(post.story().payloads(), [b"posted\n"]);
    assert_eq!(post.story().ends(), [Outcome::Acknowledged]);
    nginx.wait_for("body=\"one=sized\"");
    rig.send_unannounced(&post, b"two=chunked");
    rig.until(&post, State::Disconnected);
    assert_eq!(post.story().ends(), [Outcome::Acknowledged; 2]);
    nginx.wait_for("body=\"two=chunked\"");
    let framing = rig.stream("framing");
    rig.post(&framing, b"12345");
    rig.send_unannounced(&framing, b"12345");
    rig.until(&framing, State::Disconnected);
    assert_eq!(framing.story().payloads(), [&b"length=5 coding="[..], b"length= coding=chunked"]);
    let bare = rig.stream("bare");
    rig.post(&bare, b"12345");
    assert_eq!(bare.story().payloads(), [b"length= coding=chunked"]);
}

// Covers SS-009, SS-247, SS-505
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn uploads_of_many_pieces_arrive_whole_with_and_without_a_length() {
    let site = Site::loopback("ours-put");
    let port = site.port();
    let nginx = Nginx::new().http(port).start(&site);
    let document = Document::new()
        .stream("sized", &h1(port, "PUT", "put/sized", ""))
        .stream("chunked", &h1(port, "PUT", "put/chunked", ""));
    let mut rig = Rig::new(&document);
    let body = noise(3_000_000);
    for streamtype in ["sized", "chunked"] {
        let told = rig.scripted(streamtype, Script::default().pieces_of(5000));
        if streamtype == "sized" {
            rig.send(&told, &body);
        } else {
            rig.send_unannounced(&told, &body);
        }
        rig.until(&told, State::Disconnected);
        let story = told.story();
        assert_eq!(story.ends(), [Outcome::Acknowledged]);
        let expected: Vec<u32> = (0..u32::try_from(story.ordinals.len()).unwrap()).collect();
        assert_eq!(story.ordinals, expected);
        assert!(story.ordinals.len() >= 600, "{}", story.ordinals.len());
        let stored = std::fs::read(site.dir().join("www/put").join(streamtype)).unwrap();
        assert!(stored == body, "{streamtype}: {} bytes", stored.len());
        nginx.wait_for(&format!("PUT /put/{streamtype} HTTP/1.1\" 201"));
    }
}

// Covers SS-520, SS-521, SS-522
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn one_connection_serves_one_transaction_after_the_other() {
    let site = Site::loopback("ours-keep-alive");
    let port = site.port();
    let nginx = Nginx::new().http(port).start(&site);
    let file = noise(300_000);
    site.write("www/file", &file);
    let document = Document::new()
        .stream("hello", &h1(port, "GET", "hello", ""))
        .stream("chunked", &h1(port, "GET", "chunked/file", ""));
    let mut rig = Rig::new(&document);
    let (hello, chunked) = (rig.stream("hello"), rig.stream("chunked"));
    rig.fetch(&hello);
    rig.fetch(&chunked);
    rig.fetch(&hello);
    assert_eq!(hello.story().count(State::Connected), 2);
    assert_eq!(hello.story().count(State::Disconnected), 2);
    assert!(chunked.story().messages[0].bytes == file);
    assert!(chunked.story().messages[0].pieces > 10);
    nginx.wait_for("conn=1/3");
    assert_eq!(nginx.log().matches("conn=1/").count(), 3, "{}", nginx.log());
    assert_eq!(rig.node().connection_count(), 1);
}

// Covers SS-501, SS-502
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_status_decides_the_result_and_may_be_mapped_to_a_state() {
    let site = Site::loopback("ours-status");
    let port = site.port();
    let nginx = Nginx::new().http(port).start(&site);
    let map = r#","http_resp_map":[{"401":1401},{"404":1404}]"#;
    let document = Document::new()
        .stream("missing", &h1(port, "GET", "status/404", map))
        .stream("locked", &h1(port, "GET", "status/401", map))
        .stream("expected", &h1(port, "GET", "status/404", r#","http_expect":404"#))
        .stream("unexpected", &h1(port, "POST", "post", r#","http_expect":201"#))
        .stream("broken", &h1(port, "POST", "status/500", ""));
    let mut rig = Rig::new(&document);
    for (streamtype, states) in [
        ("missing", vec![State::User(404), State::Connected, State::QosNackRemote]),
        ("locked", vec![State::User(401), State::Connected, State::QosNackRemote]),
        ("expected", vec![State::Connected, State::QosAckRemote]),
    ] {
        let told = rig.stream(streamtype);
        rig.fetch(&told);
        let story = told.story();
        let heard = story.states();
        assert_eq!(heard[2..heard.len() - 1], states, "{streamtype}");
    }
    for (streamtype, status) in [("unexpected", 200), ("broken", 500)] {
        let told = rig.stream(streamtype);
        rig.post(&told, b"body");
        assert_eq!(told.story().ends(), [Outcome::Refused(Reason::Peer(Peer::Status(status)))]);
        assert_eq!(told.story().count(State::QosNackRemote), 1);
    }
    nginx.wait_for("\"GET /status/401 HTTP/1.1\" 401");
    nginx.wait_for("\"POST /status/500 HTTP/1.1\" 500");
}

// Covers SS-442, SS-503, SS-934
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let site = Site::loopback("ours-busy");
    let port = site.port();
    let nginx = Nginx::new().http(port).start(&site);
    let retry = r#","retry":"once""#;
    let document = Document::new()
        .retry("once", r#""backoff":[10],"conceal":1"#)
        .stream("429", &h1(port, "GET", "status/429", retry))
        .stream("503", &h1(port, "GET", "status/503", retry));
    let mut rig = Rig::new(&document);
    for (streamtype, status, least_ms) in [("429", 429, 1000), ("503", 503, 10)] {
        let told = rig.stream(streamtype);
        rig.connect(&told);
        rig.until(&told, State::Unreachable);
        let before = rig.device().now();
        rig.until(&told, State::Connecting);
        let waited = rig.device().now().since(before).as_millis();
        assert!((least_ms..least_ms + 900).contains(&waited), "{streamtype}: {waited} ms");
        rig.until(&told, State::AllRetriesFailed);
        let story = told.story();
        let attempt = [State::Connecting, State::Unreachable];
        let between = [State::Poll];
        let over = [State::AllRetriesFailed];
        let expected = [&[State::Creating][..], &attempt, &between, &attempt, &over].concat();
        assert_eq!(story.states(), expected);
        assert_eq!(story.reasons(), [Reason::Peer(Peer::Status(status)); 2]);
        let asked = || nginx.log().matches(&format!("GET /status/{status}")).count();
        // It may log after it has answered.
        let _logged = wait_until(Duration::from_secs(10), || asked() >= 2);
        assert_eq!(asked(), 2, "{}", nginx.log());
    }
}

// Covers SS-450, SS-453, SS-454, SS-455
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn metadata_travel_as_headers_both_ways_and_never_come_back_by_themselves() {
    let site = Site::loopback("ours-metadata");
    let port = site.port();
    let rules = "add_header X-Both \"from nginx\" always; return 200 \"$arg_q $http_x_both\";";
    let nginx = Nginx::new().http(port).location("= /meta", rules).start(&site);
    let more = r#","metadata":[{"both":"x-both:"},{"agent":"user-agent"},{"q":""}]"#;
    let document = Document::new().stream("get", &h1(port, "GET", "meta?q=${q|url}", more));
    let mut rig = Rig::new(&document);
    let get = rig.scripted("get", Script::default().watch("both"));
    rig.set(&get, "agent", "mainstay test");
    rig.set(&get, "q", "a&b c");
    rig.fetch(&get);
    rig.set(&get, "both", "from us");
    rig.fetch(&get);
    rig.fetch(&get);
    let story = get.story();
    let payloads = story.payloads();
    assert_eq!(payloads, [&b"a%26b%20c "[..], b"a%26b%20c from us", b"a%26b%20c from us"]);
    let first = story.seen.iter().find(|(state, ..)| *state == State::Connected).unwrap();
    assert_eq!(first.2, b"from nginx");
    nginx.wait_for("agent=\"mainstay test\"");
}

// Covers SS-435, SS-451, SS-508
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn device_blobs_travel_as_headers_and_what_is_missing_fails_the_attempt() {
    let site = Site::loopback("ours-blobs");
    let port = site.port();
    let rules = "return 200 \"$http_x_serial $http_x_kind\";";
    let nginx = Nginx::new().http(port).location("= /blobs", rules).start(&site);
    let auth = r#","http_auth_header":"authorization:","http_auth_preamble":"Bearer ","http_dsn_header":"x-serial:","http_devtype_header":"x-kind:""#;
    let document = Document::new()
        .stream("get", &h1(port, "GET", "blobs", auth))
        .stream("unset", &h1(port, "GET", "blobs", r#","http_fwv_header":"x-version:""#));
    let blobs = Blobs {
        auth: [Some("token-1".into()), None, None, None],
        serial: Some("s42".into()),
        device_type: Some("lamp".into()),
        ..Blobs::default()
    };
    let mut rig = Rig::with(&document, |builder| builder.blobs(blobs));
    let get = rig.stream("get");
    rig.fetch(&get);
    assert_eq!(get.story().payloads(), [b"s42 lamp"]);
    nginx.wait_for("auth=\"Bearer token-1\"");
    let unset = rig.stream("unset");
    rig.connect(&unset);
    rig.until(&unset, State::AllRetriesFailed);
    let reason = Reason::Policy(mainstay::PolicyReason::Missing);
    assert_eq!(unset.story().reasons(), [reason]);
    assert_eq!(nginx.log().lines().count(), 1, "{}", nginx.log());
}

// Covers SS-010, SS-521
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_large_download_arrives_byte_for_byte_also_when_its_reader_sleeps() {
    let site = Site::loopback("ours-large");
    let pki = Pki::new(&site);
    let (clear, tls) = (site.port(), site.port());
    let nginx = Nginx::new().http(clear).https(tls, &pki.server).start(&site);
    let file = noise(64 * 1024 * 1024);
    site.write("www/large", &file);
    let secure = r#","tls":true,"tls_trust_store":"site""#;
    let document = Document::new()
        .trust(&pki.ca)
        .stream("clear", &h1(clear, "GET", "large", ""))
        .stream("tls", &h1(tls, "GET", "large", secure));
    let mut rig = Rig::new(&document);
    for streamtype in ["clear", "tls"] {
        let told = rig.stream(streamtype);
        rig.connect(&told);
        rig.run("the first megabyte", |_node| told.story().received.len() > 1_000_000);
        rig.pause(&told, true);
        let deadline = mainstay_test_support::Deadline::after(Duration::from_millis(300));
        let mut asleep = 0;
        rig.run("a rest", |_node| {
            asleep = told.story().received.len();
            deadline.is_over()
        });
        assert!(asleep < file.len() / 2, "{asleep} bytes in spite of the pause");
        rig.pause(&told, false);
        rig.until(&told, State::Disconnected);
        let story = told.story();
        assert!(story.messages[0].bytes == file, "{} bytes", story.received.len());
        assert_eq!(story.count(State::QosAckRemote), 1);
    }
    nginx.wait_for("sent=67108864");
}
