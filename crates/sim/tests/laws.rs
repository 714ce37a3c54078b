//! The laws of the contract: every machine, of bytes or of packets, keeps them under random schedules, and for
//! each law a machine that breaks it is caught.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "laws/adapters.rs"]
mod adapters;
#[path = "laws/beacon.rs"]
mod beacon;
#[path = "laws/crypto.rs"]
mod crypto;
#[path = "laws/device.rs"]
mod device;
#[path = "laws/mqtt.rs"]
mod mqtt;
#[path = "laws/pool.rs"]
mod pool;
#[path = "laws/stations.rs"]
mod stations;
#[path = "laws/toy.rs"]
mod toy;
#[path = "laws/web.rs"]
mod web;

use mainstay_sim::laws::{Law, Pair, Stations, check, check_packets};

/// Schedules per law and machine.
const SCHEDULES: u64 = 12;

/// Both sides of a pair keep every law.
fn keeps(name: &str, make: &mut dyn FnMut() -> Pair) {
    for law in Law::BYTES {
        for seed in 0..SCHEDULES {
            if let Err(why) = check(law, seed, make) {
                panic!("{name} breaks {law:?} under schedule {seed}: {why}");
            }
            let mut turned = || {
                let (one, other) = make();
                (other, one)
            };
            if let Err(why) = check(law, seed, &mut turned) {
                panic!("{name}'s peer breaks {law:?} under schedule {seed}: {why}");
            }
        }
    }
}

/// The same for machines of packets.
fn keep(name: &str, make: fn() -> Stations) {
    for law in Law::PACKETS {
        for seed in 0..SCHEDULES {
            if let Err(why) = check_packets(law, seed, &mut || make()) {
                panic!("{name} breaks {law:?} under schedule {seed}: {why}");
            }
            let mut turned = || {
                let (one, other) = make();
                (other, one)
            };
            if let Err(why) = check_packets(law, seed, &mut turned) {
                panic!("{name}'s peer breaks {law:?} under schedule {seed}: {why}");
            }
        }
    }
}

// Covers TCP-087, TCP-004
#[test]
fn tcp_engines_keep_the_laws() {
    keep("tcp", stations::engines);
}

#[test]
fn ip_stacks_keep_the_laws() {
    keep("ip", stations::stacks);
}

#[test]
fn networks_keep_the_laws() {
    keep("tcp over ip", stations::networks);
}

#[test]
fn tls_sessions_keep_the_laws() {
    keeps("tls", &mut crypto::sessions);
}

#[test]
fn stacks_keep_the_laws() {
    keeps("layers with tls", &mut crypto::stacks);
    keeps("layers without", &mut crypto::bare_stacks);
}

#[test]
fn h1_keeps_the_laws() {
    keeps("h1", &mut web::h1);
}

#[test]
fn h2_keeps_the_laws() {
    keeps("h2", &mut web::h2);
}

#[test]
fn websockets_keep_the_laws() {
    keeps("ws", &mut web::ws);
}

#[test]
fn mqtt_keeps_the_laws() {
    keeps("mqtt", &mut mqtt::pair);
}

#[test]
fn the_pool_keeps_the_laws() {
    keeps("pool", &mut pool::pair);
}
