//! Unix sockets, by path and by abstract name.

use crate::puppet::{Line, Puppet, block, driver, pattern, turn_for, until};
use core::time::Duration;
use mainstay_base::{Errno, SocketId};
use mainstay_host::Driver;
use mainstay_node::{Opened, Request, UnixAddress};
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::thread;

fn open(driver: &mut Driver<Puppet>, address: UnixAddress) -> Result<Opened, Errno> {
    let puppet = driver.machine_mut();
    puppet.ask(Request::OpenUnix { id: SocketId(1), address });
    puppet.lines.insert(1, Line { room: 1 << 16, ..Line::default() });
    driver.pump();
    driver.machine().lines[&1].opened.unwrap()
}

/// A fresh name in the folder for temporary files.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mainstay-{}-{name}", std::process::id()));
    let _absent = std::fs::remove_file(&path);
    path
}

fn exchange(driver: &mut Driver<Puppet>, listener: &UnixListener) {
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().send(1, b"ping");
    driver.pump();
    let mut got = [0; 4];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"ping");
    peer.write_all(b"pong").unwrap();
    drop(peer);
    until(driver, |puppet| puppet.lines[&1].eofs == 1);
    assert_eq!(driver.machine().lines[&1].received, b"pong");
}

// The client's part of LAY-218; credentials and listeners are not at this border.
// Covers LAY-218
#[test]
fn paths_and_abstract_names_connect_and_a_path_of_108_bytes_does_not() {
    let mut driver = driver();
    let path = path("stream");
    let listener = UnixListener::bind(&path).unwrap();
    let address = UnixAddress::Path(path.to_str().unwrap().into());
    assert_eq!(open(&mut driver, address), Ok(Opened { local: None, peer: None }));
    exchange(&mut driver, &listener);
    std::fs::remove_file(&path).unwrap();

    let name = format!("mainstay-{}", std::process::id());
    let listener =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let mut driver = crate::puppet::driver();
    assert!(open(&mut driver, UnixAddress::Abstract(name)).is_ok());
    exchange(&mut driver, &listener);

    // 107 bytes reach the kernel, which finds nobody there; 108 do not get that far.
    let mut driver = crate::puppet::driver();
    let fits = format!("/{}", "x".repeat(106));
    assert_eq!(open(&mut driver, UnixAddress::Path(fits)), Err(Errno::Refused));
    let long = format!("/{}", "x".repeat(107));
    assert_eq!(open(&mut driver, UnixAddress::Path(long)), Err(Errno::Other));
}

// Covers LAY-214
#[test]
fn a_path_nobody_made_and_one_nobody_listens_on_refuse() {
    let mut driver = driver();
    let path = path("dead");
    let address = UnixAddress::Path(path.to_str().unwrap().into());
    assert_eq!(open(&mut driver, address.clone()), Err(Errno::Refused));
    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(open(&mut driver, address), Err(Errno::Refused));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(driver.socket_count(), 0);
}

#[test]
fn a_slow_unix_peer_gets_all_and_its_reading_wakes_us_only_while_we_wait() {
    const LEN: usize = 4 << 20;
    let mut driver = driver();
    let path = path("slow");
    let listener = UnixListener::bind(&path).unwrap();
    assert!(open(&mut driver, UnixAddress::Path(path.to_str().unwrap().into())).is_ok());
    let (mut peer, _) = listener.accept().unwrap();
    driver.machine_mut().send(1, &pattern(LEN));
    block(&mut driver);
    assert!(!driver.machine().lines[&1].queued.is_empty());
    let reader = thread::Builder::new()
        .spawn(move || {
            let mut got = vec![0; LEN];
            peer.read_exact(&mut got).unwrap();
            assert!(got == pattern(LEN), "the bytes differ");
            peer
        })
        .unwrap();
    until(&mut driver, |_| reader.is_finished());
    let mut peer = reader.join().unwrap();
    std::fs::remove_file(&path).unwrap();

    turn_for(&mut driver, Duration::from_millis(20));
    driver.machine_mut().send(1, b"small");
    driver.pump();
    let before = driver.counters().turns;
    peer.read_exact(&mut [0; 5]).unwrap();
    turn_for(&mut driver, Duration::from_millis(100));
    assert!(driver.counters().turns - before <= 1);
}
