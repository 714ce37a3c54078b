//! The WebSocket servers other tests rely on do what their builders promise, seen by bytes written by hand.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_test_support::peers::{Apache, Autobahn, Judged, Nginx, Websockets};
use mainstay_test_support::{Peer, Ready, Site};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A text frame "hello", masked with zeros.
const HELLO: &[u8] = b"\x81\x85\0\0\0\0hello";

/// Opens a WebSocket at `path`; returns the answer's head and the connection.
fn open(port: u16, path: &str) -> (String, TcpStream) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: talk\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (String::from_utf8(head).unwrap(), socket)
}

fn echoes(port: u16, path: &str, server: &Peer) {
    let (head, mut socket) = open(port, path);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    socket.write_all(HELLO).unwrap();
    let mut frame = [0; 7];
    socket.read_exact(&mut frame).unwrap();
    assert_eq!(&frame, b"\x81\x05hello");
    server.wait_for("message text 5");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_python_server_echoes_and_logs() {
    let site = Site::loopback("websockets");
    let port = site.port();
    let server = Websockets::clear(port).subprotocol("talk").start(&site);
    echoes(port, "/room", &server);
    server.wait_for("open /room talk");
    server.wait_for("close 1006");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_python_server_closes_with_the_code_asked_for() {
    let site = Site::loopback("websockets-close");
    let port = site.port();
    let _server = Websockets::clear(port).start(&site);
    let (_head, mut socket) = open(port, "/");
    socket.write_all(b"\x81\x8a\0\0\0\0close 4001").unwrap();
    let mut frame = [0; 4];
    socket.read_exact(&mut frame).unwrap();
    assert_eq!(frame, [0x88, 10, 0x0f, 0xa1]);
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn fragments_and_pings_come_when_asked_for() {
    let site = Site::loopback("websockets-fragments");
    let port = site.port();
    let _server = Websockets::clear(port).fragments(3).start(&site);
    let (_head, mut socket) = open(port, "/");
    socket.write_all(HELLO).unwrap();
    let mut first = [0; 5];
    socket.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"\x01\x03hel");
    let port = site.port();
    let _pinging = Websockets::clear(port).ping_every_ms(50).start(&site);
    let (_head, mut socket) = open(port, "/");
    let mut ping = [0; 1];
    socket.read_exact(&mut ping).unwrap();
    assert_eq!(ping, [0x89]);
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn nginx_and_apache_hand_websockets_on() {
    let site = Site::loopback("websockets-proxied");
    let (upstream, nginx_port, apache_port) = (site.port(), site.port(), site.port());
    let server = Websockets::clear(upstream).start(&site);
    let nginx = Nginx::new().http(nginx_port).websocket("/ws", upstream).start(&site);
    let apache = Apache::new().http(apache_port).websocket("/ws", upstream).start(&site);
    echoes(nginx_port, "/ws", &server);
    echoes(apache_port, "/ws", &server);
    nginx.wait_for("\"GET /ws HTTP/1.1\" 101");
    apache.wait_for("\"GET /ws HTTP/1.1\" 101");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn autobahn_judges_its_own_client_case_by_case() {
    if !Autobahn::is_there() {
        return; // The one optional peer; `cargo xtask peers` says so.
    }
    let site = Site::namespace("autobahn");
    let server = Autobahn::start(&site, 9001, &["1.1.*"]);
    assert_eq!(server.cases(), 8);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let wstest = root.join("target/peers/py27/bin/wstest");
    let _client = site.start(
        "testee",
        &wstest,
        &["-m", "testeeclient", "-w", "ws://127.0.0.1:9001"],
        &Ready::Started,
    );
    let verdicts = server.verdicts();
    assert!(verdicts.iter().all(Judged::is_good), "{verdicts:?}");
}
