//! What `explain` says is what then happens.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests; peers run on threads")]

use core::time::Duration;
use mainstay::{Blobs, Builder, Explanation, Handler, Policy, explain};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

struct Silent;
impl Handler for Silent {}

/// What the first connection brings, up to `len` bytes; answers `reply` after the first `ask`.
fn witness(len: usize, ask: usize, reply: &'static [u8]) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        let mut got = vec![0; ask];
        socket.read_exact(&mut got).unwrap();
        socket.write_all(reply).unwrap();
        let mut rest = vec![0; len - ask];
        socket.read_exact(&mut rest).unwrap();
        got.extend_from_slice(&rest);
        got
    });
    (port, thread)
}

fn explained(policy: &str, blobs: &Arc<Blobs>, metadata: &[(String, Vec<u8>)]) -> Explanation {
    let policy = Arc::new(Policy::parse(policy, "test").unwrap().policy);
    explain(&policy, "it", metadata, blobs).unwrap()
}

/// Runs the stream until its peer has seen enough.
fn happens(
    policy: &str,
    blobs: Blobs,
    metadata: &[(String, Vec<u8>)],
    seen: JoinHandle<Vec<u8>>,
) -> Vec<u8> {
    let policy = Policy::parse(policy, "test").unwrap().policy;
    let mut device = Builder::new(policy).blobs(blobs).build().unwrap();
    let id = device.create("it", Silent).unwrap();
    let (now, node) = device.node_mut();
    for (name, value) in metadata {
        node.set_metadata(id, name, value).unwrap();
    }
    node.connect(now, id).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while !seen.is_finished() && Instant::now() < until {
        device.turn(Some(Duration::from_millis(5))).unwrap();
    }
    seen.join().unwrap()
}

#[test]
fn the_first_bytes_of_http_are_those_explained() {
    let metadata = [("site".to_owned(), b"north side".to_vec())];
    let document = |port: u16| {
        format!(
            r#"{{"s":[{{"it":{{"endpoint":"127.0.0.1","port":{port},"protocol":"h1","http_method":"GET",
                "http_url":"at/${{site|url}}","metadata":[{{"site":"x-site"}}]}}}}]}}"#
        )
    };
    // The port is part of the request: measured with one of the same width.
    let len = explained(&document(12_345), &Arc::default(), &metadata).first_bytes().len();
    let (port, seen) = witness(len, len, b"");
    let said = explained(&document(port), &Arc::default(), &metadata);
    assert_eq!(said.transport(), format!("127.0.0.1:{port}"));
    assert_eq!(said.layers(), "os-tcp");
    let got = happens(&document(port), Blobs::default(), &metadata, seen);
    assert_eq!(got, said.first_bytes(), "{}", String::from_utf8_lossy(&got));
}

#[test]
fn the_first_bytes_of_mqtt_are_those_explained() {
    let blobs = || Blobs { mqtt_client_id: Some("device-7".into()), ..Blobs::default() };
    let document = |port: u16| {
        format!(
            r#"{{"s":[{{"it":{{"endpoint":"127.0.0.1","port":{port},"protocol":"mqtt","mqtt_topic":"t",
                "mqtt_keep_alive":30,"mqtt_will_topic":"w","mqtt_will_message":"gone"}}}}]}}"#
        )
    };
    let said = explained(&document(1), &Arc::new(blobs()), &[]);
    let (port, seen) = witness(said.first_bytes().len(), said.first_bytes().len(), b"");
    let got = happens(&document(port), blobs(), &[], seen);
    assert_eq!(got, said.first_bytes());
    assert!(said.to_string().contains("device-7"), "{said}");
}

#[test]
fn a_proxy_explained_is_where_the_connection_goes_first() {
    // Greeting (3), then the request for the name (5 + 9 + 2); the method is chosen between.
    let (port, seen) = witness(19, 3, b"\x05\x00");
    let document = format!(
        r#"{{"s":[{{"it":{{"endpoint":"inner.one","port":8080,"protocol":"raw",
            "via-socks5":"127.0.0.1:{port}"}}}}]}}"#
    );
    let said = explained(&document, &Arc::default(), &[]);
    assert_eq!(said.transport(), format!("127.0.0.1:{port}"));
    assert!(said.to_string().contains("layers     os-tcp > socks5 > raw"), "{said}");
    let got = happens(&document, Blobs::default(), &[], seen);
    assert_eq!(got.get(..3), Some(&b"\x05\x01\x00"[..]));
    assert_eq!(got.get(3..), Some(&b"\x05\x01\x00\x03\x09inner.one\x1f\x90"[..]));
}
