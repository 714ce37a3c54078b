//! What a message costs.

use crate::puppet::{Puppet, connect, driver, listen, turn_for};
use core::time::Duration;
use mainstay_host::{Config, Driver};
use std::io::{Read, Write};
use std::thread;

#[test]
fn a_message_in_flight_costs_one_wait_one_read_and_one_write() {
    const COUNT: u64 = 500;
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    driver.machine_mut().line(1).echo = true;
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_nodelay(true).unwrap();
    turn_for(&mut driver, Duration::from_millis(10));
    let before = driver.counters();
    let sender = thread::Builder::new()
        .spawn(move || {
            let mut message = [7; 100];
            for _ in 0..COUNT {
                peer.write_all(&message).unwrap();
                peer.read_exact(&mut message).unwrap();
            }
            peer
        })
        .unwrap();
    while driver.counters().bytes_written - before.bytes_written < COUNT * 100 {
        driver.turn(None).unwrap();
    }
    let after = driver.counters();
    assert_eq!(after.turns - before.turns, COUNT);
    assert_eq!(after.reads - before.reads, COUNT);
    assert_eq!(after.writes - before.writes, COUNT);
    drop(sender.join().unwrap());
}

#[test]
fn many_reads_of_a_turn_are_answered_by_one_write() {
    let (listener, address) = listen();
    let config = Config { receive_buffer: 1000, ..Config::default() };
    let mut driver = Driver::new(config, Puppet::default()).unwrap();
    connect(&mut driver, 1, address);
    driver.machine_mut().line(1).echo = true;
    let (mut peer, _) = listener.accept().unwrap();
    turn_for(&mut driver, Duration::from_millis(10));
    peer.write_all(&[1; 4500]).unwrap();
    thread::sleep(Duration::from_millis(20));
    let before = driver.counters();
    driver.turn(None).unwrap();
    let after = driver.counters();
    assert_eq!(after.bytes_written, 4500);
    assert_eq!(after.reads - before.reads, 5);
    assert_eq!(after.writes - before.writes, 1);
}

#[test]
fn an_idle_driver_sleeps() {
    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    let _peer = listener.accept().unwrap();
    turn_for(&mut driver, Duration::from_millis(20));
    let before = driver.counters().turns;
    driver.turn(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(driver.counters().turns - before, 1);
    assert_eq!(driver.deadline(), None);
}

#[test]
fn events_that_did_not_fit_into_a_turn_make_the_next_one_due() {
    let (listener, address) = listen();
    let config = Config { event_max: 1, ..Config::default() };
    let mut driver = Driver::new(config, Puppet::default()).unwrap();
    let mut peers = Vec::new();
    for id in 0..3 {
        connect(&mut driver, id, address);
        peers.push(listener.accept().unwrap().0);
    }
    turn_for(&mut driver, Duration::from_millis(10));
    assert_eq!(driver.deadline(), None);
    for peer in &mut peers {
        peer.write_all(b"x").unwrap();
    }
    thread::sleep(Duration::from_millis(20));
    driver.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(driver.machine().order.len(), 1);
    assert!(driver.deadline().is_some_and(|at| at <= driver.now()));
    while driver.deadline().is_some() {
        driver.turn(Some(Duration::ZERO)).unwrap();
    }
    assert_eq!(driver.machine().order.len(), 3);
}
