//! Bytes arrive whole, in order, in the room there is, and everyone gets a turn.

use crate::puppet::{block, connect, driver, listen, pattern, turn_for, until};
use core::time::Duration;
use mainstay_host::{Config, Driver};
use std::io::{Read, Write};
use std::thread;

#[test]
fn an_opened_connection_knows_both_ends() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (peer, _) = listener.accept().unwrap();
    let opened = driver.machine().lines[&1].opened.unwrap().unwrap();
    assert_eq!(opened.peer, Some(address));
    assert_eq!(opened.local, Some(peer.peer_addr().unwrap()));
    assert_eq!(driver.counters().opened, 1);
}

#[test]
fn ten_megabytes_are_echoed_through_a_room_of_three_thousand_bytes() {
    const LEN: usize = 10 << 20;
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    driver.machine_mut().line(1).echo = true;
    driver.machine_mut().line(1).room = 3000;
    let (mut peer, _) = listener.accept().unwrap();
    let mut source = peer.try_clone().unwrap();
    let writer = thread::Builder::new()
        .spawn(move || {
            source.write_all(&pattern(LEN)).unwrap();
            source.shutdown(std::net::Shutdown::Write).unwrap();
        })
        .unwrap();
    let reader = thread::Builder::new()
        .spawn(move || {
            let mut echoed = vec![0; LEN];
            peer.read_exact(&mut echoed).unwrap();
            assert!(echoed == pattern(LEN), "the echo differs");
        })
        .unwrap();
    until(&mut driver, |puppet| puppet.lines[&1].eofs == 1);
    until(&mut driver, |_| reader.is_finished());
    writer.join().unwrap();
    reader.join().unwrap();
    assert_eq!(driver.counters().bytes_read, LEN as u64);
    assert_eq!(driver.counters().bytes_written, LEN as u64);
}

#[test]
fn a_reader_without_room_loses_nothing_and_costs_no_turns() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    driver.machine_mut().line(1).room = 0;
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(&pattern(20_000)).unwrap();
    drop(peer);
    turn_for(&mut driver, Duration::from_millis(50));
    let before = driver.counters();
    turn_for(&mut driver, Duration::from_millis(300));
    let after = driver.counters();
    assert!(after.turns - before.turns <= 2, "{} turns", after.turns - before.turns);
    assert_eq!(after.reads, 0);
    assert_eq!(driver.deadline(), None);

    driver.machine_mut().line(1).room = 700;
    until(&mut driver, |puppet| puppet.lines[&1].eofs == 1);
    assert_eq!(driver.machine().lines[&1].received, pattern(20_000));
    assert!(driver.machine().lines[&1].reads >= 20_000 / 700);
}

#[test]
fn a_flood_on_one_socket_does_not_keep_another_from_its_turn() {
    let (listener, address) = listen();
    let config = Config { receive_buffer: 1024, turn_max: 2048, ..Config::default() };
    let mut driver = Driver::new(config, crate::puppet::Puppet::default()).unwrap();
    connect(&mut driver, 1, address);
    let (mut flood, _) = listener.accept().unwrap();
    connect(&mut driver, 2, address);
    let (mut quiet, _) = listener.accept().unwrap();
    flood.write_all(&pattern(60_000)).unwrap();
    quiet.write_all(b"hello").unwrap();
    turn_for(&mut driver, Duration::from_millis(20));
    until(&mut driver, |puppet| puppet.lines[&1].received.len() == 60_000);
    let order = &driver.machine().order;
    let quiet_at = order.iter().position(|id| *id == 2).unwrap();
    assert!(quiet_at <= 4, "the quiet one came after {quiet_at} reads of the flood");
}

#[test]
fn what_comes_with_the_end_of_input_is_read_to_the_end() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"last words").unwrap();
    drop(peer);
    thread::sleep(Duration::from_millis(20));
    driver.turn(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(driver.machine().lines[&1].received, b"last words");
    assert_eq!(driver.machine().lines[&1].eofs, 1);
    turn_for(&mut driver, Duration::from_millis(50));
    assert_eq!(driver.machine().lines[&1].eofs, 1);
}

#[test]
fn written_is_told_once_for_all_that_was_polled() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().send(1, b"one");
    driver.machine_mut().send(1, b"two");
    driver.pump();
    assert_eq!(driver.machine().lines[&1].written, 1);
    assert_eq!(driver.counters().writes, 1);
    let mut got = [0; 6];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"onetwo");
}

#[test]
fn written_waits_until_a_slow_peer_has_let_the_kernel_take_all() {
    const LEN: usize = 20 << 20;
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().send(1, &pattern(LEN));
    block(&mut driver);
    let line = &driver.machine().lines[&1];
    assert!(!line.queued.is_empty(), "more was taken than buffers hold");
    let blocked = driver.counters();
    turn_for(&mut driver, Duration::from_millis(200));
    assert!(driver.counters().turns - blocked.turns <= 2, "a blocked writer spins");
    assert_eq!(driver.counters().writes, blocked.writes);

    let reader = thread::Builder::new()
        .spawn(move || {
            let mut got = vec![0; LEN];
            peer.read_exact(&mut got).unwrap();
            assert!(got == pattern(LEN), "the bytes differ");
        })
        .unwrap();
    until(&mut driver, |_| reader.is_finished());
    reader.join().unwrap();
    let bytes = driver.counters().bytes_written;
    assert_eq!(bytes, LEN as u64);
    assert!(driver.machine().lines[&1].queued.is_empty());
}
