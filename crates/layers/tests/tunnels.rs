//! Tunnels against the project's own proxies.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::net::SocketAddr;

use mainstay_base::{Instant, Local, Peer, Phase, Policy, Reason, Rng};
use mainstay_layers::server::{ConnectRules, ConnectServer, Socks5Rules, Socks5Server, Wanted};
use mainstay_layers::{
    Event, HttpConnectSpec, OsTcpSpec, Proxy, Resolve, Socks5Spec, Stack, StackSpec, Target,
    Transport, ViaAnswer, is_retryable, stack,
};

#[path = "shared/wire.rs"]
mod wire;
use wire::{Authority, Side, run, tls};

fn connect_spec() -> StackSpec {
    let proxy = Proxy::new("proxy.test", 3128).with_credentials("user", "päss");
    stack(OsTcpSpec::default()).layer(HttpConnectSpec::new(proxy)).build().unwrap()
}

fn socks_spec(optimistic: bool) -> StackSpec {
    let spec = Socks5Spec { proxy: Proxy::new("proxy.test", 1080), optimistic };
    stack(OsTcpSpec::default()).layer(spec).build().unwrap()
}

fn client(spec: &StackSpec, host: &str) -> Side {
    Side::client(spec, &Target::new(host, 443), &Authority::new().registry())
}

/// The client's failure when the proxy answers `answer` and no more.
fn answered(answer: &[u8]) -> Option<Reason> {
    let mut client = client(&connect_spec(), "server.test");
    client.out();
    client.give(answer.to_vec(), 1);
    client.failure()
}

// Covers LAY-220, LAY-221, LAY-230
#[test]
fn connect_names_the_target_twice_and_sends_credentials_unasked() {
    let mut spec = HttpConnectSpec::new(Proxy::new("p.test", 8080).with_credentials("u", "p"));
    spec.headers.insert("X-Site".to_owned(), "7".to_owned());
    spec.user_agent = None;
    let spec = stack(OsTcpSpec::default()).layer(spec).build().unwrap();
    for (host, authority) in
        [("server.test", "server.test:443"), ("2001:db8::1", "[2001:db8::1]:443")]
    {
        let mut client = client(&spec, host);
        let mut nothing = Vec::new();
        assert_eq!(client.stack.seal(Instant::ZERO, b"early", &mut nothing), 0);
        assert!(nothing.is_empty(), "nothing before 2xx");
        let request = String::from_utf8(client.out()).unwrap();
        assert_eq!(
            request,
            format!(
                "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\
                 Proxy-Authorization: Basic dTpw\r\nX-Site: 7\r\n\r\n"
            )
        );
    }
    let mut client = client(&connect_spec(), "bücher.test");
    let request = String::from_utf8(client.out()).unwrap();
    assert!(request.starts_with("CONNECT xn--bcher-kva.test:443 HTTP/1.1\r\n"));
    assert!(request.contains("\r\nUser-Agent: mainstay/"));
}

// Covers LAY-220, LAY-221
#[test]
fn what_would_break_the_request_is_refused_before_connecting() {
    let with = |change: fn(&mut HttpConnectSpec)| {
        let mut spec = HttpConnectSpec::new(Proxy::new("p.test", 8080));
        change(&mut spec);
        stack(OsTcpSpec::default()).layer(spec).build().map(|_| ())
    };
    assert!(with(|_| {}).is_ok());
    assert!(
        with(|spec| drop(spec.headers.insert("A".to_owned(), "b\r\nC: d".to_owned()))).is_err()
    );
    assert!(with(|spec| drop(spec.headers.insert("A:".to_owned(), "b".to_owned()))).is_err());
    assert!(with(|spec| drop(spec.headers.insert("A".to_owned(), "\0".to_owned()))).is_err());
    assert!(with(|spec| spec.user_agent = Some("a\nb".to_owned())).is_err());
    assert!(with(|spec| spec.proxy = spec.proxy.clone().with_credentials("a:b", "c")).is_err());
    for host in ["a b", "a\r\nb", "a/b", "", "a@b"] {
        let registry = Authority::new().registry();
        let rng = &mut Rng::from_run(1);
        let target = Target::new(host, 1);
        let refused = Stack::new(Instant::ZERO, &connect_spec(), &target, &registry, rng);
        assert_eq!(refused.err(), Some(Reason::Policy(Policy::Invalid)), "{host:?}");
    }
}

// Covers LAY-223, LAY-224, LAY-225
#[test]
fn an_answer_opens_the_tunnel_however_it_is_split() {
    let answers = [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 204 \nVia: x\n\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 299 Fine\r\n\r\n",
    ];
    for answer in answers {
        for piece in [1, 2, 3, 7, usize::MAX] {
            let mut client = client(&connect_spec(), "server.test");
            client.out();
            client.give([answer.as_bytes(), b"tunnel data"].concat(), piece);
            assert!(matches!(client.info().via[0].answer, ViaAnswer::Status(200..=299)));
            assert_eq!(client.read, b"tunnel data", "{answer:?} by {piece}");
            assert!(client.stack.is_transparent());
            assert_eq!(client.seal(b"out"), b"out");
        }
    }
}

// Covers LAY-223, LAY-224
#[test]
fn an_answer_that_is_too_much_or_none_is_refused() {
    let malformed = Some(Reason::Peer(Peer::Malformed));
    let too_large = Some(Reason::Peer(Peer::TooLarge));
    assert_eq!(answered(b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n"), malformed);
    assert_eq!(answered(b"SSH-2.0-OpenSSH\r\n\r\n"), malformed);
    assert_eq!(answered(b"HTTP/2 200 OK\r\n\r\n"), malformed);
    assert_eq!(answered(b"HTTP/1.1 099 Odd\r\n\r\n"), malformed);
    assert_eq!(answered("HTTP/1.1 100 Continue\r\n\r\n".repeat(8).as_bytes()), None);
    assert_eq!(answered("HTTP/1.1 100 Continue\r\n\r\n".repeat(9).as_bytes()), malformed);
    let lines = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert_eq!(answered(lines(100).as_bytes()), None);
    assert_eq!(answered(lines(101).as_bytes()), too_large);
    let long = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(16 * 1024));
    assert_eq!(answered(long.as_bytes()), too_large);
}

// Covers LAY-222, LAY-226
#[test]
fn a_refusal_keeps_its_status_and_what_may_be_told() {
    let mut client = client(&connect_spec(), "server.test");
    client.out();
    let answer =
        "HTTP/1.1 503 Busy now\r\nRetry-After: 7\r\nX-Why: load\r\nSet-Cookie: secret\r\n\r\n";
    client.give(answer.as_bytes().to_vec(), 5);
    let reason = client.failure().unwrap();
    assert_eq!(reason, Reason::Peer(Peer::ProxyStatus(503)));
    assert!(is_retryable(reason));
    let refusal = client.stack.proxy_refusal().unwrap();
    assert_eq!((refusal.status, refusal.phrase.as_str()), (503, "Busy now"));
    assert_eq!(refusal.retry_after, Some(core::time::Duration::from_secs(7)));
    assert!(refusal.excerpt.contains("X-Why: load") && !refusal.excerpt.contains("secret"));
    assert_eq!(
        answered(b"HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n"),
        Some(Reason::Peer(Peer::ProxyStatus(302)))
    );
    assert_eq!(answered(b"HTTP/1.1 407 Who\r\n\r\n"), Some(Reason::Peer(Peer::ProxyAuth)));
}

// Covers LAY-182, LAY-227
#[test]
fn a_proxy_that_goes_away_or_sleeps_ends_the_negotiation() {
    let mut gone = client(&connect_spec(), "server.test");
    gone.give(b"HTTP/1.".to_vec(), 99);
    gone.stack.handle_eof(Instant::ZERO);
    assert_eq!(gone.failure(), Some(Reason::Peer(Peer::Closed)));
    assert!(is_retryable(Reason::Peer(Peer::Closed)));
    let mut asleep = client(&connect_spec(), "server.test");
    assert_eq!(asleep.stack.phase(), Phase::Negotiate);
    let deadline = asleep.stack.poll_timeout().unwrap();
    assert_eq!(deadline, Instant::from_millis(30_000));
    asleep.stack.handle_timeout(Instant::from_millis(29_999));
    assert_eq!(asleep.failure(), None);
    asleep.stack.handle_timeout(deadline);
    assert_eq!(asleep.failure(), Some(Reason::Local(Local::TimedOut(Phase::Negotiate))));
    assert_eq!(asleep.stack.poll_timeout(), None);
}

// Covers LAY-228
#[test]
fn credentials_show_in_no_description() {
    let spec = connect_spec();
    let client = client(&spec, "server.test");
    for text in [format!("{spec:?}"), format!("{spec}"), format!("{:?}", client.stack)] {
        assert!(!text.contains("päss") && !text.contains("dXNlcjpww"), "{text}");
    }
}

/// Drives `client` through a CONNECT proxy with `rules`; what the proxy was asked for.
fn through(client: &mut Side, rules: ConnectRules) -> Option<Wanted> {
    let mut proxy = ConnectServer::new(rules);
    let request = client.out();
    assert_eq!(proxy.handle_input(&request), request.len());
    let wanted = proxy.poll_wanted();
    proxy.open();
    client.give(proxy.take_output(), 3);
    wanted
}

// Covers LAY-222
#[test]
fn our_proxy_checks_credentials_hosts_and_ports() {
    let mut known = ConnectRules {
        credentials: Some(("user".to_owned(), "päss".to_owned())),
        hosts: vec!["server.test".to_owned()],
        ports: vec![443],
    };
    let ask = |rules: &ConnectRules| {
        let mut client = client(&connect_spec(), "server.test");
        (through(&mut client, rules.clone()), client.failure())
    };
    let wanted = Wanted { host: "server.test".to_owned(), port: 443 };
    assert_eq!(ask(&known), (Some(wanted), None));
    known.ports = vec![80];
    assert_eq!(ask(&known), (None, Some(Reason::Peer(Peer::ProxyStatus(403)))));
    known.hosts = vec!["other.test".to_owned()];
    known.ports.clear();
    assert_eq!(ask(&known), (None, Some(Reason::Peer(Peer::ProxyStatus(403)))));
    known.credentials = Some(("user".to_owned(), "other".to_owned()));
    assert_eq!(ask(&known), (None, Some(Reason::Peer(Peer::ProxyAuth))));
    let mut client = client(&connect_spec(), "server.test");
    let mut proxy = ConnectServer::new(ConnectRules::default());
    proxy.handle_input(&client.out());
    proxy.refuse(504);
    assert!(proxy.is_refused());
    client.give(proxy.take_output(), 99);
    assert_eq!(client.failure(), Some(Reason::Peer(Peer::ProxyStatus(504))));
}

/// Drives `client` through a SOCKS5 proxy; what the proxy was asked for.
fn through_socks(client: &mut Side, rules: Socks5Rules, bound: SocketAddr) -> Option<Wanted> {
    let mut proxy = Socks5Server::new(rules);
    let mut wanted = None;
    for _ in 0..4 {
        let mut up = client.out();
        let taken = proxy.handle_input(&up);
        up.drain(..taken);
        assert!(up.is_empty());
        wanted = proxy.poll_wanted().or(wanted);
        proxy.open(bound);
        client.give(proxy.take_output(), 1);
    }
    wanted
}

// Covers LAY-232, LAY-233, LAY-234, LAY-235, LAY-240
#[test]
fn socks_reaches_names_and_both_kinds_of_address() {
    let credentials = Some(("user".to_owned(), "word".to_owned()));
    for host in ["server.test", "192.0.2.7", "2001:db8::7"] {
        for (bound, login) in [("192.0.2.1:9", None), ("[2001:db8::1]:9", credentials.clone())] {
            let mut proxy = Proxy::new("proxy.test", 1080);
            if login.is_some() {
                proxy = proxy.with_credentials("user", "word");
            }
            let spec = stack(OsTcpSpec::default()).layer(Socks5Spec::new(proxy)).build().unwrap();
            let mut client = client(&spec, host);
            let rules = Socks5Rules { credentials: login };
            let wanted = through_socks(&mut client, rules, bound.parse().unwrap());
            assert_eq!(wanted, Some(Wanted { host: host.to_owned(), port: 443 }));
            assert_eq!(client.info().via[0].answer, ViaAnswer::Bound(bound.to_owned()));
            assert!(client.stack.is_transparent());
        }
    }
}

// Covers LAY-232
#[test]
fn socks_offers_passwords_only_when_there_is_one() {
    assert_eq!(client(&socks_spec(false), "a.test").out(), [5, 1, 0]);
    let proxy = Proxy::new("proxy.test", 1080).with_credentials("u", "p");
    let spec = stack(OsTcpSpec::default()).layer(Socks5Spec::new(proxy)).build().unwrap();
    assert_eq!(client(&spec, "a.test").out(), [5, 2, 0, 2]);
    let failure = |spec: &StackSpec, answer: &[u8]| {
        let mut client = client(spec, "a.test");
        client.give(answer.to_vec(), 1);
        client.failure()
    };
    assert_eq!(failure(&spec, &[5, 0xff]), Some(Reason::Peer(Peer::ProxyAuth)));
    assert_eq!(failure(&spec, &[5, 1]), Some(Reason::Peer(Peer::Malformed)));
    assert_eq!(failure(&socks_spec(false), &[5, 2]), Some(Reason::Peer(Peer::Malformed)));
    assert_eq!(failure(&spec, &[4]), Some(Reason::Peer(Peer::Malformed)));
    assert_eq!(failure(&spec, &[5, 2, 1, 1]), Some(Reason::Peer(Peer::ProxyAuth)));
}

// Covers LAY-235, LAY-237, LAY-240
#[test]
fn every_socks_reply_is_told_and_data_behind_it_passes() {
    for reply in 1..=9 {
        let mut client = client(&socks_spec(false), "a.test");
        let mut proxy = Socks5Server::new(Socks5Rules::default());
        proxy.handle_input(&client.out());
        client.give(proxy.take_output(), 1);
        proxy.handle_input(&client.out());
        proxy.refuse(reply);
        client.give(proxy.take_output(), 1);
        assert_eq!(client.failure(), Some(Reason::Peer(Peer::Socks(reply))));
    }
    let named = [&[5, 0, 5, 0, 0, 3, 3][..], b"abc", &[0, 80], b"banner"].concat();
    for piece in [1, 4, usize::MAX] {
        let mut client = client(&socks_spec(false), "a.test");
        client.give(named.clone(), piece);
        assert_eq!(client.info().via[0].answer, ViaAnswer::Bound("abc:80".to_owned()));
        assert_eq!(client.read, b"banner");
    }
}

// Covers LAY-236
#[test]
fn an_optimistic_client_saves_a_round_trip() {
    let mut client = client(&socks_spec(true), "a.test");
    assert_eq!(client.out(), b"\x05\x01\x00\x05\x01\x00\x03\x06a.test\x01\xbb");
    client.give(vec![5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0], 12);
    assert!(client.out().is_empty() && client.stack.is_up());
}

// Covers LAY-233, LAY-234
#[test]
fn fields_socks_cannot_carry_are_refused_before_connecting() {
    let long = "x".repeat(256);
    for (user, password) in [("", "p"), ("u", ""), (long.as_str(), "p"), ("u", long.as_str())] {
        let proxy = Proxy::new("p.test", 1).with_credentials(user, password);
        assert!(stack(OsTcpSpec::default()).layer(Socks5Spec::new(proxy)).build().is_err());
    }
    let registry = Authority::new().registry();
    let target = Target::new(&long, 1);
    let rng = &mut Rng::from_run(1);
    let refused = Stack::new(Instant::ZERO, &socks_spec(false), &target, &registry, rng);
    assert_eq!(refused.err(), Some(Reason::Policy(Policy::Invalid)));
}

// Covers LAY-170
#[test]
fn a_name_stays_a_name_unless_resolved_locally() {
    let mut proxy = Proxy::new("proxy.test", 1080);
    proxy.resolve = Resolve::Local;
    let spec = stack(OsTcpSpec::default()).layer(Socks5Spec::new(proxy)).build().unwrap();
    assert!(spec.needs_address() && !socks_spec(false).needs_address());
    let mut target = Target::new("server.test", 443);
    let registry = Authority::new().registry();
    let missing = Stack::new(Instant::ZERO, &spec, &target, &registry, &mut Rng::from_run(1));
    assert_eq!(missing.err(), Some(Reason::Policy(Policy::Missing)));
    target.address = Some("192.0.2.9".parse().unwrap());
    let mut client = Side::client(&spec, &target, &registry);
    let wanted = through_socks(&mut client, Socks5Rules::default(), "192.0.2.1:9".parse().unwrap());
    assert_eq!(wanted.unwrap().host, "192.0.2.9");
}

// Covers LAY-229, LAY-238, LAY-246, LAY-266
#[test]
fn tls_runs_through_socks_over_connect_over_an_https_proxy() {
    let authority = Authority::new();
    let registry = authority.registry();
    let mut inner = tls();
    inner.alpn = vec!["h2".to_owned()];
    let spec = stack(OsTcpSpec::default())
        .layer(tls())
        .layer(HttpConnectSpec::new(Proxy::new("https-proxy.test", 443)))
        .layer(Socks5Spec::new(Proxy::new("socks.test", 1080)))
        .layer(inner)
        .build()
        .unwrap();
    let target = Target::new("server.test", 8443);
    let transport = Transport::Tcp { host: "https-proxy.test".to_owned(), port: 443 };
    assert_eq!(spec.transport(&target), transport);
    for piece in [1, 17, usize::MAX] {
        let mut client = Side::client(&spec, &target, &registry);
        let mut outer = Side::server(Some(&authority.server("https-proxy.test", &["http/1.1"])));
        run(&mut client, &mut outer, piece);
        assert_eq!(outer.info().alpn(), Some(&b"http/1.1"[..]));
        let mut connect = ConnectServer::new(ConnectRules::default());
        connect.handle_input(&outer.read);
        assert_eq!(connect.poll_wanted().unwrap().host, "socks.test");
        connect.open();
        outer.read.clear();
        let sealed = outer.seal(&connect.take_output());
        client.give(sealed, piece);
        let mut socks = Socks5Server::new(Socks5Rules::default());
        let mut server = Side::server(Some(&authority.server("server.test", &["h2"])));
        for _ in 0..10 {
            outer.give(client.out(), piece);
            let read = core::mem::take(&mut outer.read);
            let mut down = Vec::new();
            if socks.is_open() {
                server.give(read, piece);
                down.extend(server.out());
            } else {
                socks.handle_input(&read);
                if let Some(wanted) = socks.poll_wanted() {
                    assert_eq!((wanted.host.as_str(), wanted.port), ("server.test", 8443));
                    socks.open("192.0.2.1:1".parse().unwrap());
                }
                down.extend(socks.take_output());
            }
            if !down.is_empty() {
                let sealed = outer.seal(&down);
                client.give(sealed, piece);
            }
        }
        let info = client.info();
        assert_eq!(info.alpn(), Some(&b"h2"[..]));
        assert_eq!(info.via.len(), 2);
        carry(&mut client, &mut outer, &mut server, piece);
    }
}

/// Payload and endings both ways through an HTTPS proxy's session.
fn carry(client: &mut Side, outer: &mut Side, server: &mut Side, piece: usize) {
    let text: Vec<u8> = (0..50_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let wire = client.seal(&text);
    outer.give(wire, piece);
    server.give(core::mem::take(&mut outer.read), piece);
    assert!(server.read == text);
    let answer = server.seal(&text);
    let wire = outer.seal(&answer);
    client.give(wire, piece);
    assert!(client.read == text);
    client.stack.finish(Instant::ZERO);
    outer.give(client.out(), piece);
    server.give(core::mem::take(&mut outer.read), piece);
    assert_eq!(server.events.last(), Some(&Event::PeerFinished));
    assert_eq!(outer.events.last(), Some(&Event::PeerFinished));
    outer.stack.finish(Instant::ZERO);
    client.give(outer.out(), piece);
    assert_eq!(client.failure(), Some(Reason::Peer(Peer::Truncated)), "the inner end is missing");
}
