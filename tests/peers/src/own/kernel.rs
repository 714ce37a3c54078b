//! The kernel's side of a connection: plain sockets that send and compare, and what the kernel tells of them.

use super::{PATIENCE, Pattern};
use core::net::{IpAddr, SocketAddr};
use mainstay_test_support::{Site, program};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// What the kernel's side saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Bytes that came before our end.
    pub received: u64,
    /// What `ss -ti` said of the connection when all of them had come.
    pub said: String,
}

/// A listener of the kernel's.
#[must_use]
pub fn listener(address: IpAddr) -> (TcpListener, u16) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Sends so many bytes and finishes; meanwhile reads to our end and compares. What `ss` says is asked for before the
/// last word, so that the connection is still there.
pub fn converse(site: &Site, stream: &TcpStream, to_send: u64) -> Heard {
    let mut said = String::new();
    let received = thread::scope(|scope| {
        let writer = scope.spawn(|| send(stream, to_send));
        let received = receive(stream);
        writer.join().unwrap();
        said = negotiated(site, stream);
        stream.shutdown(Shutdown::Write).unwrap();
        received
    });
    Heard { received, said }
}

/// The same, but it finishes as soon as it has sent: the connection is half closed while we still send.
pub fn talk(stream: &TcpStream, to_send: u64) -> u64 {
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            send(stream, to_send);
            stream.shutdown(Shutdown::Write).unwrap();
        });
        let received = receive(stream);
        writer.join().unwrap();
        received
    })
}

fn send(mut stream: &TcpStream, count: u64) {
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut pattern = Pattern::new();
    while pattern.at() < count {
        let next = pattern.next((count - pattern.at()).min(1 << 18));
        stream.write_all(next).unwrap();
        pattern.sent(next.len());
    }
}

fn receive(mut stream: &TcpStream) -> u64 {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut pattern = Pattern::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => pattern.received(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error} after {} bytes", pattern.at()),
        }
    }
    assert_eq!(pattern.wrong(), None, "the first wrong byte of {}", pattern.at());
    pattern.at()
}

/// What `ss -ti` says of a connection of the kernel's.
#[must_use]
pub fn negotiated(site: &Site, stream: &TcpStream) -> String {
    let port = |address: io::Result<SocketAddr>| address.unwrap().port();
    let filter =
        format!("sport = :{} and dport = :{}", port(stream.local_addr()), port(stream.peer_addr()));
    site.run(&program("ss", "iproute2"), &["-tinoHO", &filter]).ok()
}
