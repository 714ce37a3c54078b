//! The proxy's side of CONNECT as a whole: our negotiation with a relay behind it, judged by curl.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; the relay and its peers run on threads of their own"
)]

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use mainstay_layers::server::{ConnectRules, ConnectServer};
use mainstay_test_support::peers::Nginx;
use mainstay_test_support::{Ran, Site};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A proxy of ours on loopback; its port.
fn relay(rules: ConnectRules, idle: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, rules) = (client.unwrap(), rules.clone());
            thread::spawn(move || {
                if let Some((upstream, early)) = negotiate(&client, rules) {
                    join(&client, &upstream, &early, idle);
                }
            });
        }
    });
    port
}

/// Until the tunnel is open: where it leads, and what the client sent into it already.
fn negotiate(mut client: &TcpStream, rules: ConnectRules) -> Option<(TcpStream, Vec<u8>)> {
    let mut proxy = ConnectServer::new(rules);
    let mut upstream = None;
    let mut buffer = [0; 4096];
    loop {
        let len = client.read(&mut buffer).ok().filter(|&len| len > 0)?;
        let taken = proxy.handle_input(&buffer[..len]);
        if let Some(wanted) = proxy.poll_wanted() {
            match TcpStream::connect((wanted.host.as_str(), wanted.port)) {
                Ok(socket) => {
                    upstream = Some(socket);
                    proxy.open();
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => proxy.refuse(504),
                Err(_) => proxy.refuse(502),
            }
        }
        client.write_all(&proxy.take_output()).ok()?;
        if proxy.is_open() {
            return upstream.map(|upstream| (upstream, buffer[taken..len].to_vec()));
        }
        if proxy.is_refused() {
            return None;
        }
    }
}

/// Bytes both ways, each end passed on by itself, until both have ended or neither way has moved
/// anything for `idle`.
fn join(client: &TcpStream, mut upstream: &TcpStream, early: &[u8], idle: Duration) {
    if upstream.write_all(early).is_err() {
        return;
    }
    let moved = Arc::new(AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| pump(client, upstream, idle, &moved));
        pump(upstream, client, idle, &moved);
    });
}

fn pump(mut from: &TcpStream, mut to: &TcpStream, idle: Duration, moved: &AtomicU64) {
    let mut buffer = [0; 16 * 1024];
    from.set_read_timeout(Some(idle)).unwrap();
    let mut seen = moved.load(Ordering::SeqCst);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break to.shutdown(Shutdown::Write).unwrap_or_default(),
            Ok(len) => {
                seen = moved.fetch_add(1, Ordering::SeqCst) + 1;
                if to.write_all(&buffer[..len]).is_err() {
                    break from.shutdown(Shutdown::Both).unwrap_or_default();
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let now = moved.load(Ordering::SeqCst);
                if now == seen {
                    from.shutdown(Shutdown::Both).unwrap_or_default();
                    break to.shutdown(Shutdown::Both).unwrap_or_default();
                }
                seen = now;
            }
            Err(_) => break to.shutdown(Shutdown::Both).unwrap_or_default(),
        }
    }
}

const LONG: Duration = Duration::from_secs(20);

/// Opens a tunnel by hand; the connection.
fn tunnel(proxy: u16, host: &str, port: u16) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(("127.0.0.1", proxy)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let authority = format!("{host}:{port}");
    write!(socket, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    (socket, String::from_utf8(head).unwrap())
}

// Covers LAY-231
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn curl_tunnels_through_our_proxy_where_its_rules_let_it() {
    let site = Site::loopback("relay");
    let (open, closed) = (site.port(), site.port());
    let _nginx = Nginx::new().http(open).start(&site);
    let rules = ConnectRules {
        credentials: Some(("dev".to_owned(), "secret".to_owned())),
        hosts: vec!["127.0.0.1".to_owned()],
        ports: vec![open, closed],
    };
    let proxy = format!("http://127.0.0.1:{}", relay(rules, LONG));
    let through = |user: &str, target: &str| -> Ran {
        let target = format!("http://{target}/hello");
        site.curl(&["--proxytunnel", "-x", &proxy, "-U", user, &target])
    };
    let target = format!("127.0.0.1:{open}");
    assert_eq!(through("dev:secret", &target).ok(), "hello\n");
    for (user, target, status) in [
        ("dev:wrong", target.as_str(), "407"),
        ("dev:secret", &format!("localhost:{open}"), "403"),
        ("dev:secret", "127.0.0.1:9", "403"),
        ("dev:secret", &format!("127.0.0.1:{closed}"), "502"),
    ] {
        let ran = through(user, target);
        assert!(!ran.is_ok() && ran.stderr.contains(status), "{status}: {ran:?}");
    }
}

// Covers LAY-231
#[test]
fn a_half_close_is_passed_on_and_silence_ends_the_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut all = String::new();
        socket.read_to_string(&mut all).unwrap();
        write!(socket, "{} bytes", all.len()).unwrap();
        drop(socket);
        listener.accept().unwrap()
    });
    let proxy = relay(ConnectRules::default(), LONG);
    let (mut socket, head) = tunnel(proxy, "127.0.0.1", port);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    socket.write_all(&[b'x'; 100_000]).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "100000 bytes");

    let hasty = relay(ConnectRules::default(), Duration::from_millis(100));
    let (mut socket, _) = tunnel(hasty, "127.0.0.1", port);
    let (mut silent, _) = peer.join().unwrap();
    assert_eq!(socket.read(&mut [0; 8]).unwrap(), 0, "the relay gave up on it");
    silent.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(silent.read(&mut [0; 8]).unwrap(), 0);
}
