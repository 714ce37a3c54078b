//! WebSocket streams of ours against the Python library `websockets`, directly and behind Apache and nginx.

use mainstay::{Answer, Flags, Outcome, Peer, Reason, State};
use mainstay_peer_tests::{Document, Rig, Script};
use mainstay_test_support::peers::{Apache, Nginx, Websockets};
use mainstay_test_support::{Pki, Site, wait_until};

const TLS: &str = r#","tls":true,"tls_trust_store":"site""#;

fn ws(port: u16, url: &str, more: &str) -> String {
    format!(r#""endpoint":"localhost","port":{port},"protocol":"ws","http_url":"{url}"{more}"#)
}

// Covers SS-110, SS-540, SS-544, SS-545
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn text_and_binary_messages_come_back_as_what_they_were() {
    let site = Site::loopback("ours-ws-kinds");
    let pki = Pki::new(&site);
    for more in ["", TLS] {
        let port = site.port();
        let server = if more.is_empty() {
            Websockets::clear(port)
        } else {
            Websockets::tls(port, &pki.server)
        };
        let server = server.start(&site);
        let binary = format!(r#"{more},"ws_binary":true"#);
        let document = Document::new()
            .trust(&pki.ca)
            .stream("text", &ws(port, "/text", more))
            .stream("binary", &ws(port, "binary", &binary));
        let mut rig = Rig::new(&document);
        for (streamtype, message) in
            [("text", "gr\u{fc}\u{df}e".as_bytes()), ("binary", &[0, 255, 10, 13, 128])]
        {
            let told = rig.stream(streamtype);
            rig.send(&told, message);
            rig.until_messages(&told, 1);
            rig.until_outcomes(&told, 1);
            rig.send(&told, b"");
            rig.until_messages(&told, 2);
            let story = told.story();
            assert_eq!(story.payloads(), [message, b""]);
            assert!(story.messages.iter().all(|m| m.binary == (streamtype == "binary")));
            assert_eq!(story.ends()[0], Outcome::Sent);
            let expected = [State::Creating, State::Poll, State::Connecting, State::Connected];
            assert_eq!(story.states(), expected, "no QoS states on ws");
            server.wait_for(&format!("open /{streamtype} -"));
            server.wait_for(&format!("message {streamtype} {}", message.len()));
            server.wait_for(&format!("message {streamtype} 0"));
        }
    }
}

// Covers SS-301, SS-544, SS-545
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn fragments_are_pieces_between_som_and_eom_both_ways() {
    let site = Site::loopback("ours-ws-fragments");
    let port = site.port();
    let server = Websockets::clear(port).fragments(100).start(&site);
    let mut rig = Rig::new(&Document::new().stream("ws", &ws(port, "", "")));
    let told = rig.scripted("ws", Script::default().pieces_of(7));
    let message: Vec<u8> = (0..950_u32).map(|i| b'a' + u8::try_from(i % 26).unwrap_or(0)).collect();
    rig.send(&told, &message);
    rig.until_messages(&told, 1);
    let story = told.story();
    assert_eq!(story.payloads(), [&message[..]]);
    assert!(story.messages[0].pieces >= 10, "{}", story.messages[0].pieces);
    assert!(story.ordinals.len() >= 136, "{}", story.ordinals.len());
    server.wait_for("message text 950");
}

// Covers SS-010, SS-301
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_message_of_16_mib_passes_in_pieces_both_ways() {
    let site = Site::loopback("ours-ws-large");
    let pki = Pki::new(&site);
    let port = site.port();
    let server = Websockets::tls(port, &pki.server).start(&site);
    let more = format!(r#"{TLS},"ws_binary":true"#);
    let mut rig = Rig::new(&Document::new().trust(&pki.ca).stream("ws", &ws(port, "", &more)));
    let told = rig.stream("ws");
    let message: Vec<u8> =
        (0..16 * 1024 * 1024_u32).map(|i| i.to_le_bytes()[1] ^ i.to_le_bytes()[2]).collect();
    rig.send(&told, &message);
    rig.until_messages(&told, 1);
    let story = told.story();
    assert!(story.messages[0].bytes == message, "{} bytes", story.received.len());
    assert!(story.messages[0].pieces > 1000);
    server.wait_for("message binary 16777216");
}

// Covers SS-436, SS-541, SS-542
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn subprotocol_url_and_metadata_are_in_the_upgrade_and_its_answer() {
    let site = Site::loopback("ours-ws-subprotocol");
    let (port, front) = (site.port(), site.port());
    let server = Websockets::clear(port).subprotocol("talk").start(&site);
    let rules = format!(
        "proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; add_header X-Said \"$http_x_asked\" always;"
    );
    let nginx = Nginx::new().http(front).location("/room/", &rules).start(&site);
    let more = r#","ws_subprotocol":"talk","metadata":[{"asked":"x-asked:"},{"said":"x-said:"},{"room":""},{"agent":"user-agent:"}]"#;
    let mut rig = Rig::new(&Document::new().stream("ws", &ws(front, "room/${room|url}", more)));
    let told = rig.scripted("ws", Script::default().watch("said"));
    rig.set(&told, "asked", "a question");
    rig.set(&told, "room", "4 2");
    rig.set(&told, "agent", "ours");
    rig.send(&told, b"hello");
    rig.until_messages(&told, 1);
    server.wait_for("open /room/4%202 talk");
    let said = (State::Connected, "said".to_owned(), b"a question".to_vec());
    assert_eq!(told.story().seen, [said]);
    rig.destroy(&told);
    rig.run("the line of the log", |_node| nginx.log().contains("agent=\"ours\""));
    assert!(nginx.log().contains("\"GET /room/4%202 HTTP/1.1\" 101"), "{}", nginx.log());
}

// Covers SS-540, SS-544
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn apache_in_front_is_no_hindrance() {
    let site = Site::loopback("ours-ws-apache");
    let pki = Pki::new(&site);
    let (port, clear, tls) = (site.port(), site.port(), site.port());
    let server = Websockets::clear(port).start(&site);
    let apache =
        Apache::new().http(clear).https(tls, &pki.server).websocket("/ws", port).start(&site);
    let document = Document::new()
        .trust(&pki.ca)
        .stream("clear", &ws(clear, "ws", ""))
        .stream("tls", &ws(tls, "ws", TLS));
    let mut rig = Rig::new(&document);
    for (streamtype, front) in [("clear", clear), ("tls", tls)] {
        let told = rig.stream(streamtype);
        rig.send(&told, streamtype.as_bytes());
        rig.until_messages(&told, 1);
        assert_eq!(told.story().payloads(), [streamtype.as_bytes()]);
        rig.destroy(&told);
        let line = format!("{front} \"GET /ws HTTP/1.1\" 101");
        rig.run("apache's log", |_node| apache.log().contains(&line));
    }
    server.wait_for("message text 5");
    server.wait_for("message text 3");
}

// Covers SS-113, SS-122, SS-543
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_refused_upgrade_is_a_mapped_state_and_a_failed_attempt() {
    let site = Site::loopback("ours-ws-refused");
    let port = site.port();
    let nginx = Nginx::new().http(port).start(&site);
    let map = r#","http_resp_map":[{"404":1404}],"retry":"once""#;
    let document = Document::new()
        .retry("once", r#""backoff":[10],"conceal":1"#)
        .stream("missing", &ws(port, "status/404", map))
        .stream("page", &ws(port, "hello", ""));
    let mut rig = Rig::new(&document);
    let missing = rig.stream("missing");
    rig.connect(&missing);
    rig.until(&missing, State::AllRetriesFailed);
    let attempt = [State::Connecting, State::User(404), State::Unreachable];
    let expected =
        [&[State::Creating][..], &attempt, &[State::Poll], &attempt, &[State::AllRetriesFailed]]
            .concat();
    assert_eq!(missing.story().states(), expected);
    assert_eq!(missing.story().reasons(), [Reason::Peer(Peer::Status(404)); 2]);
    let page = rig.stream("page");
    rig.connect(&page);
    rig.until(&page, State::AllRetriesFailed);
    assert_eq!(page.story().reasons(), [Reason::Peer(Peer::Status(200))]);
    assert!(page.story().received.is_empty());
    nginx.wait_for("\"GET /hello HTTP/1.1\" 200");
}

// Covers SS-125, SS-141, SS-145, SS-936
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_close_by_the_peer_is_told_with_its_code_and_followed_by_a_new_connection() {
    let site = Site::loopback("ours-ws-close");
    let port = site.port();
    let server = Websockets::clear(port).start(&site);
    let more = r#","retry":"quick","nailed_up":true"#;
    let document = Document::new()
        .retry("quick", r#""backoff":[10],"conceal":65535"#)
        .stream("ws", &ws(port, "", more))
        .stream("shy", &ws(port, "", r#","opportunistic":true"#));
    let mut rig = Rig::new(&document);
    let told = rig.stream("ws");
    for code in [1000, 1001, 4001] {
        rig.send(&told, format!("close {code}").as_bytes());
        rig.until(&told, State::Disconnected);
        assert_eq!(told.story().reason(), Some(Reason::Peer(Peer::WsClose(code))));
        rig.until(&told, State::Connected);
        server.wait_for(&format!("close {code} -"));
    }
    assert_eq!(told.story().count(State::Connecting), 4, "{:?}", told.story().heard);
    assert_eq!(told.story().count(State::Unreachable), 0);
    let shy = rig.stream("shy");
    rig.send(&shy, b"close 1000");
    rig.until(&shy, State::Disconnected);
    let states = shy.story().heard.len();
    rig.send(&told, b"meanwhile");
    rig.until_messages(&told, 1);
    assert_eq!(shy.story().heard.len(), states, "opportunistic streams stay idle");
}

// Covers SS-121, SS-124, SS-445, SS-546
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn pings_of_the_peer_are_answered_and_closes_of_ours_are_in_order() {
    let site = Site::loopback("ours-ws-ping");
    let port = site.port();
    // It closes with 1011 when a pong does not come in time.
    let server = Websockets::clear(port).ping_every_ms(50).start(&site);
    let mut rig = Rig::new(&Document::new().stream("ws", &ws(port, "", "")));
    let told = rig.stream("ws");
    rig.send(&told, b"first");
    rig.until_messages(&told, 1);
    let deadline = mainstay_test_support::Deadline::after(core::time::Duration::from_millis(600));
    rig.run("a dozen pings", |_node| deadline.is_over());
    rig.send(&told, b"second");
    rig.until_messages(&told, 2);
    assert_eq!(told.story().count(State::Connected), 1);
    rig.destroy(&told);
    assert_eq!(told.story().count(State::Disconnected), 1);
    rig.run("the close handshake", |_node| server.log().contains("close 1000"));
    assert!(!server.log().contains("close 1011"), "{}", server.log());
}

// Covers SS-121, SS-310
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_framing_error_of_the_application_costs_the_connection_and_nothing_else() {
    let site = Site::loopback("ours-ws-framing");
    let port = site.port();
    let server = Websockets::clear(port).start(&site);
    let mut rig =
        Rig::new(&Document::new().stream("ws", &ws(port, "", r#","opportunistic":true"#)));
    let mut refused = false;
    let told = rig.scripted(
        "ws",
        Script::default().react(move |cx, state| {
            if state == State::Connected && !refused {
                refused = true;
                assert!(cx.send(b"no beginning", Flags::EOM).is_err());
                return Answer::DisconnectMe;
            }
            Answer::Ok
        }),
    );
    rig.connect(&told);
    rig.until(&told, State::Disconnected);
    rig.send(&told, b"again");
    rig.until_messages(&told, 1);
    assert!(wait_until(core::time::Duration::from_secs(5), || {
        server.log().matches("open /").count() == 2
    }));
}

// Covers SS-445
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_peer_that_stalls_is_left_after_an_unanswered_ping() {
    let site = Site::loopback("ours-ws-silent");
    let port = site.port();
    let server = Websockets::clear(port).start(&site);
    let more = r#","retry":"valid","nailed_up":true"#;
    let document = Document::new()
        .retry("valid", r#""backoff":[10],"conceal":65535,"svalidping":1,"svalidhup":2"#)
        .stream("ws", &ws(port, "", more));
    let mut rig = Rig::new(&document);
    let told = rig.stream("ws");
    rig.until(&told, State::Connected);
    // As long as it answers, it is left in peace.
    let deadline = mainstay_test_support::Deadline::after(core::time::Duration::from_millis(3500));
    rig.run("three pings", |_node| deadline.is_over());
    assert_eq!(told.story().count(State::Disconnected), 0);
    server.signal("STOP");
    let before = rig.device().now();
    rig.until(&told, State::Disconnected);
    let waited = rig.device().now().since(before).as_millis();
    assert!((1000..3500).contains(&waited), "{waited} ms");
    assert_eq!(told.story().reason(), Some(Reason::Peer(Peer::Silent)));
    server.signal("CONT");
    rig.until(&told, State::Connected);
    server.wait_for("close 1006");
}
