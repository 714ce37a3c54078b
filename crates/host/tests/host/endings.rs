//! How connections end: refused, half closed, closed, aborted, lost.

use crate::puppet::{Puppet, block, connect, driver, listen, pattern, turn_for, until};
use core::time::Duration;
use mainstay_base::{Errno, SocketId};
use mainstay_host::{Config, Driver, LINGER};
use mainstay_node::Request;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;

const ID: SocketId = SocketId(1);

// Covers LAY-214
#[test]
fn a_port_nobody_listens_on_refuses() {
    let (listener, address) = listen();
    drop(listener);
    let mut driver = driver();
    driver.machine_mut().open(1, address);
    until(&mut driver, |puppet| puppet.lines[&1].opened.is_some());
    assert_eq!(driver.machine().lines[&1].opened, Some(Err(Errno::Refused)));
    assert_eq!(driver.socket_count(), 0);
}

#[test]
fn finishing_sends_what_is_queued_and_leaves_the_other_way_open() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().send(1, &pattern(3 << 20));
    driver.machine_mut().ask(Request::Finish(ID));
    let reader = thread::Builder::new()
        .spawn(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).unwrap();
            peer.write_all(b"answer").unwrap();
            got
        })
        .unwrap();
    until(&mut driver, |puppet| puppet.lines[&1].eofs == 1);
    assert!(reader.join().unwrap() == pattern(3 << 20));
    assert_eq!(driver.machine().lines[&1].received, b"answer");
}

#[test]
fn a_half_close_while_the_kernel_takes_nothing_comes_after_what_waits() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    // Less than one write each, so that the machine is dry when the kernel refuses a part.
    let mut sent = 0;
    while driver.counters().bytes_written == sent {
        driver.machine_mut().send(1, &[5; 60_000]);
        sent += 60_000;
        driver.pump();
        if driver.counters().bytes_written < sent {
            block(&mut driver);
        }
    }
    assert!(driver.machine().lines[&1].queued.is_empty());
    driver.machine_mut().ask(Request::Finish(ID));
    let reader = thread::Builder::new()
        .spawn(move || peer.read_to_end(&mut Vec::new()).map(|len| (peer, len)))
        .unwrap();
    until(&mut driver, |_| reader.is_finished());
    let (_peer, len) = reader.join().unwrap().unwrap();
    assert_eq!(len as u64, sent);
}

#[test]
fn a_peer_that_finished_still_gets_our_bytes() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    until(&mut driver, |puppet| puppet.lines[&1].eofs == 1);
    driver.machine_mut().send(1, b"still here");
    driver.machine_mut().ask(Request::Finish(ID));
    driver.pump();
    let mut got = String::new();
    peer.read_to_string(&mut got).unwrap();
    assert_eq!(got, "still here");
    assert_eq!(driver.machine().lines[&1].lost, None);
}

// Covers LAY-215
#[test]
fn an_abort_is_seen_as_a_reset_and_a_close_with_unread_input_too() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().ask(Request::Abort(ID));
    driver.pump();
    assert_eq!(peer.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionReset);

    connect(&mut driver, 1, address);
    driver.machine_mut().line(1).room = 0;
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"unread").unwrap();
    turn_for(&mut driver, Duration::from_millis(20));
    driver.machine_mut().ask(Request::Close(ID));
    driver.pump();
    assert_eq!(peer.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_plain_close_ends_in_order() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().ask(Request::Close(ID));
    driver.pump();
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_close_still_brings_five_megabytes_to_a_slow_reader() {
    const LEN: usize = 5 << 20;
    let (listener, address) = listen();
    // All of it is polled at once, so that the close comes with most of it unwritten.
    let config = Config { send_max: LEN, ..Config::default() };
    let mut driver = Driver::new(config, Puppet::default()).unwrap();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().line(1).close_when_dry = true;
    driver.machine_mut().send(1, &pattern(LEN));
    driver.pump();
    assert!(driver.machine().requests.is_empty() && driver.machine().lines[&1].queued.is_empty());
    assert!(driver.counters().bytes_written < LEN as u64);
    assert_eq!(driver.socket_count(), 1);
    let reader = thread::Builder::new()
        .spawn(move || {
            thread::sleep(Duration::from_millis(200));
            let mut got = Vec::new();
            let mut buf = [0; 100_000];
            loop {
                let len = peer.read(&mut buf).unwrap();
                if len == 0 {
                    return got;
                }
                got.extend_from_slice(&buf[..len]);
                thread::sleep(Duration::from_millis(1));
            }
        })
        .unwrap();
    until(&mut driver, |_| reader.is_finished());
    assert!(reader.join().unwrap() == pattern(LEN), "the bytes differ");
    assert_eq!(driver.socket_count(), 0);
    driver.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(driver.deadline(), None, "the linger time of a socket that is gone");
}

/// Lets a closed socket stand with bytes its peer does not take; gives the peer.
fn linger(driver: &mut Driver<Puppet>) -> std::net::TcpStream {
    let (listener, address) = listen();
    connect(driver, 1, address);
    let (peer, _) = listener.accept().unwrap();
    driver.machine_mut().send(1, &pattern(20 << 20));
    block(driver);
    driver.machine_mut().ask(Request::Close(ID));
    driver.pump();
    assert_eq!(driver.socket_count(), 1);
    peer
}

// Covers LAY-307
#[test]
fn a_closed_socket_whose_peer_takes_nothing_is_reset_after_the_linger_time() {
    assert_eq!(LINGER, Duration::from_secs(20));
    assert_eq!(Config::default().linger, LINGER);
    let config = Config { linger: Duration::from_millis(300), ..Config::default() };
    let mut driver = Driver::new(config, Puppet::default()).unwrap();
    let mut peer = linger(&mut driver);
    let at = driver.deadline().unwrap();
    turn_for(&mut driver, Duration::from_millis(200));
    assert_eq!(driver.socket_count(), 1);
    while driver.now() <= at {
        driver.turn(None).unwrap();
    }
    assert_eq!(driver.socket_count(), 0);
    assert_eq!(driver.deadline(), None);
    let end = peer.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn the_id_of_a_lingering_socket_serves_a_new_one() {
    let mut driver = driver();
    let mut old = linger(&mut driver);
    let (listener, address) = listen();
    connect(&mut driver, 1, address);
    let (mut new, _) = listener.accept().unwrap();
    old.write_all(b"for the dead").unwrap();
    new.write_all(b"for the living").unwrap();
    until(&mut driver, |puppet| !puppet.lines[&1].received.is_empty());
    turn_for(&mut driver, Duration::from_millis(20));
    assert_eq!(driver.machine().lines[&1].received, b"for the living");
    assert_eq!(driver.socket_count(), 2);
}

#[test]
fn the_input_of_a_lingering_socket_is_nobodys() {
    let (listener, address) = listen();
    let config = Config { receive_buffer: 100, turn_max: 100, ..Config::default() };
    let mut driver = Driver::new(config, Puppet::default()).unwrap();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().send(1, &pattern(20 << 20));
    block(&mut driver);
    peer.write_all(&[3; 1000]).unwrap();
    until(&mut driver, |puppet| !puppet.lines[&1].received.is_empty());
    // It stands among the readers now, with nine tenths unread.
    driver.machine_mut().ask(Request::Close(ID));
    turn_for(&mut driver, Duration::from_millis(50));
    assert_eq!(driver.socket_count(), 1);
    assert_eq!(driver.machine().lines[&1].received.len(), 100);
}

#[test]
fn what_was_readable_before_its_id_was_reused_is_never_read_as_the_new_ones() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut old, _) = listener.accept().unwrap();
    driver.machine_mut().line(1).room = 0;
    old.write_all(b"stale").unwrap();
    turn_for(&mut driver, Duration::from_millis(20));

    driver.machine_mut().ask(Request::Abort(ID));
    driver.machine_mut().open(1, address);
    until(&mut driver, |puppet| puppet.lines[&1].opened.is_some());
    let (mut new, _) = listener.accept().unwrap();
    new.write_all(b"fresh").unwrap();
    until(&mut driver, |puppet| !puppet.lines[&1].received.is_empty());
    assert_eq!(driver.machine().lines[&1].received, b"fresh");
    assert_eq!(driver.socket_count(), 1);
}

#[test]
fn an_id_that_one_event_of_a_batch_frees_is_not_served_by_the_next() {
    let (listener, address) = listen();
    let mut driver = driver();
    for id in [1, 2] {
        connect(&mut driver, id, address);
    }
    let (mut first, _) = listener.accept().unwrap();
    let (mut second, _) = listener.accept().unwrap();
    // Both are readable in one batch; the first one's bytes make the machine abort both.
    driver.machine_mut().line(1).abort_on_bytes = vec![1, 2];
    driver.machine_mut().line(2).abort_on_bytes = vec![1, 2];
    first.write_all(b"x").unwrap();
    second.write_all(b"y").unwrap();
    thread::sleep(Duration::from_millis(20));
    driver.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(driver.machine().order.len(), 1);
    assert_eq!(driver.counters().reads, 1);
    assert_eq!(driver.socket_count(), 0);
}

// Covers LAY-214
#[test]
fn a_reset_is_told_after_the_bytes_before_it() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (peer, _) = listener.accept().unwrap();
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    until(&mut driver, |puppet| puppet.lines[&1].lost.is_some());
    assert_eq!(driver.machine().lines[&1].lost, Some(Errno::Reset));
    assert_eq!(driver.machine().lines[&1].eofs, 0);
    assert_eq!((driver.socket_count(), driver.counters().lost), (0, 1));
    driver.machine_mut().ask(Request::Close(ID));
    driver.pump();
}

#[test]
fn an_early_answer_is_read_although_writing_failed() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    driver.machine_mut().line(1).room = 0;
    let (mut peer, _) = listener.accept().unwrap();
    // The peer answers and goes with our bytes unread: its kernel answers more of them by a reset.
    driver.machine_mut().send(1, b"request");
    driver.pump();
    peer.write_all(b"413 too large").unwrap();
    thread::sleep(Duration::from_millis(20));
    drop(peer);
    thread::sleep(Duration::from_millis(20));
    driver.machine_mut().send(1, b"more of it");
    turn_for(&mut driver, Duration::from_millis(20));
    assert_eq!(driver.machine().lines[&1].lost, None);
    driver.machine_mut().line(1).room = 100;
    until(&mut driver, |puppet| puppet.lines[&1].lost.is_some());
    assert_eq!(driver.machine().lines[&1].received, b"413 too large");
    assert_eq!(driver.machine().lines[&1].lost, Some(Errno::Reset));
    assert_eq!(driver.machine().lines[&1].eofs, 0);
}

#[test]
fn a_reset_after_the_peers_end_of_input_is_still_told() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (peer, _) = listener.accept().unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    until(&mut driver, |puppet| puppet.lines[&1].eofs == 1);
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    until(&mut driver, |puppet| puppet.lines[&1].lost.is_some());
    assert_eq!(driver.machine().lines[&1].lost, Some(Errno::Reset));
}

#[test]
fn a_driver_dropped_with_bytes_unwritten_resets() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().send(1, &pattern(20 << 20));
    block(&mut driver);
    drop(driver);
    let end = peer.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}
