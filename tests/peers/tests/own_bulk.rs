//! Transfers between our own TCP and the kernel's, byte for byte, with everything that can be negotiated on and off.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "the kernel's side of a connection is a thread")]

use core::time::Duration;
use mainstay_peer_tests::own::{
    KERNEL, LINK, Lan, OURS, Shape, Stack, accepted, coming, exchange, listener, taking, talk,
};
use mainstay_peer_tests::pressure::is_full;
use mainstay_tcp::Disconnected;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;

const MIB: u64 = 1 << 20;

/// Bytes of a long transfer.
fn long() -> u64 {
    if is_full() { 1024 * MIB } else { 64 * MIB }
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_long_transfer_each_way_over_ipv4_with_super_segments() {
    Lan::run("own-bulk-v4", |lan| {
        lan.congestion("cubic");
        let mut stack = Stack::open(lan, &Shape::new(true));
        let (heard, _) = exchange(lan.site(), &mut stack, 0, [long(), 0]);
        assert!(heard.said.contains("cubic"), "{}", heard.said);
        let _ = exchange(lan.site(), &mut stack, 0, [0, long()]);
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_long_transfer_each_way_over_ipv6_with_single_segments() {
    Lan::run("own-bulk-v6", |lan| {
        lan.congestion("bbr");
        let mut stack = Stack::open(lan, &Shape::new(false));
        let (heard, _) = accepted(lan.site(), &mut stack, 1, [long(), 0]);
        assert!(heard.said.contains("bbr"), "{}", heard.said);
        let _ = accepted(lan.site(), &mut stack, 1, [0, long()]);
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_long_transfer_each_way_through_a_thread_of_the_kernel_s() {
    Lan::run("own-bulk-thread", |lan| {
        lan.congestion("cubic");
        let shape = Shape { threaded: true, ..Shape::new(false) };
        let mut stack = Stack::open(lan, &shape);
        assert!(stack.is_threaded());
        let _ = exchange(lan.site(), &mut stack, 0, [long(), 0]);
        let _ = accepted(lan.site(), &mut stack, 1, [0, long()]);
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn both_ways_at_once_for_each_family_side_and_device() {
    for offload in [true, false] {
        Lan::run("own-bulk-matrix", |lan| {
            let mut stack = Stack::open(lan, &Shape::new(offload));
            for (family, congestion) in [(0, "bbr"), (1, "cubic"), (0, "reno")] {
                lan.congestion(congestion);
                let counts = [6 * MIB + 1, 5 * MIB + 3];
                let (heard, facts) = exchange(lan.site(), &mut stack, family, counts);
                assert!(heard.said.contains(congestion), "{}", heard.said);
                assert!(facts.sack && facts.timestamps && facts.scale.is_some(), "{facts:?}");
                let _ = accepted(lan.site(), &mut stack, family, counts);
            }
        });
    }
}

// S-64
// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn sack_timestamps_and_window_scaling_in_all_combinations() {
    Lan::run("own-bulk-options", |lan| {
        let mut stack = Stack::open(lan, &Shape::new(true));
        let counts = [3 * MIB, 3 * MIB];
        for bits in 0..8_u8 {
            let on = |bit: u8| bits & bit != 0;
            for (bit, name) in [(1, "sack"), (2, "timestamps"), (4, "window_scaling")] {
                lan.set(&format!("ipv4/tcp_{name}"), if on(bit) { "1" } else { "0" });
            }
            let connected = exchange(lan.site(), &mut stack, 0, counts);
            let accepted = accepted(lan.site(), &mut stack, 1, counts);
            for (heard, facts) in [connected, accepted] {
                let ours = (facts.sack, facts.timestamps, facts.scale.is_some());
                assert_eq!(ours, (on(1), on(2), on(4)), "{facts:?}");
                let words: Vec<&str> = heard.said.split_whitespace().collect();
                let scales = words.iter().any(|word| word.starts_with("wscale:"));
                let kernels = (words.contains(&"sack"), words.contains(&"ts"), scales);
                assert_eq!(kernels, ours, "{}", heard.said);
            }
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn what_we_do_not_offer_is_not_used() {
    for bits in 0..8_u8 {
        Lan::run("own-bulk-ours-off", |lan| {
            let mut shape = Shape::new(bits & 1 == 0);
            shape.settings.sack = bits & 1 != 0;
            shape.settings.timestamps = bits & 2 != 0;
            shape.settings.window_scale = bits & 4 != 0;
            // A larger one is of no use without scaling, and has it in any case.
            shape.receive_bytes = 65_535;
            let mut stack = Stack::open(lan, &shape);
            let (heard, facts) = exchange(lan.site(), &mut stack, 1, [2 * MIB, 2 * MIB]);
            let ours = (facts.sack, facts.timestamps, facts.scale.is_some());
            assert_eq!(ours, (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0), "{}", heard.said);
            let _ = accepted(lan.site(), &mut stack, 0, [2 * MIB, 2 * MIB]);
        });
    }
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn segments_are_as_small_as_the_kernel_wants_them() {
    Lan::run("own-bulk-mss", |lan| {
        lan.ip(&format!("route replace 198.18.1.0/24 dev {LINK} advmss 536"));
        lan.ip(&format!("-6 route replace fd00:18:1::/64 dev {LINK} metric 256 advmss 1220"));
        let mut stack = Stack::open(lan, &Shape::new(true));
        for (family, clamped) in [(0, 536), (1, 1220)] {
            let (_, facts) = exchange(lan.site(), &mut stack, family, [2 * MIB, 2 * MIB]);
            assert_eq!(facts.mss, clamped);
            let (_, facts) = accepted(lan.site(), &mut stack, family, [2 * MIB, 2 * MIB]);
            assert_eq!(facts.mss, clamped);
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn ecn_is_agreed_on_by_either_side() {
    for offload in [true, false] {
        Lan::run("own-bulk-ecn", |lan| {
            lan.set("ipv4/tcp_ecn", "1");
            let mut stack = Stack::open(lan, &Shape::new(offload));
            let connected = exchange(lan.site(), &mut stack, 0, [4 * MIB, 4 * MIB]);
            let accepted = accepted(lan.site(), &mut stack, 1, [4 * MIB, 4 * MIB]);
            for (heard, facts) in [connected, accepted] {
                assert!(facts.ecn, "{facts:?}");
                assert!(
                    heard.said.contains(" ecn ") && heard.said.contains("ecnseen"),
                    "{}",
                    heard.said
                );
            }
        });
    }
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn over_a_tun_and_over_a_packet_socket_it_is_the_same() {
    use mainstay_host::own::WireKind;
    use mainstay_test_support::Site;
    for kind in [WireKind::Tun, WireKind::Packet] {
        let site = Site::namespace("own-bulk-kinds");
        Lan::over(&site, |lan| {
            let mut shape = Shape::new(true);
            shape.kind = kind;
            if kind == WireKind::Tun {
                lan.add_link(&format!("tuntap add dev {LINK} mode tun"));
            } else {
                "far".clone_into(&mut shape.name);
                lan.add_link(&format!("link add {LINK} type veth peer name far"));
                lan.ip("link set far up");
            }
            let mut stack = Stack::open(lan, &shape);
            for family in [0, 1] {
                let _ = exchange(lan.site(), &mut stack, family, [4 * MIB, 4 * MIB]);
                let _ = accepted(lan.site(), &mut stack, family, [4 * MIB, 4 * MIB]);
            }
        });
    }
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn each_side_goes_on_sending_after_the_other_has_finished() {
    Lan::run("own-half-close", |lan| {
        let mut stack = Stack::open(lan, &Shape::new(true));
        for family in [0, 1] {
            // The kernel finishes at once, and we send on.
            let (listener, port) = listener(KERNEL[family]);
            let kernel = taking(listener, |stream| talk(&stream, 0));
            let mut flow = stack.connect((KERNEL[family], port).into(), 4 * MIB);
            flow.lasts = true;
            let mut flows = [flow];
            stack.run(&mut flows, |flows| flows[0].peer_finished() && flows[0].sent() == 4 * MIB);
            flows[0].lasts = false;
            stack.run(&mut flows, |flows| flows[0].is_over());
            assert_eq!((flows[0].received(), kernel.join().unwrap()), (0, 4 * MIB));
            assert_eq!(
                flows[0].ended(),
                Some(Disconnected::Normal),
                "no waiting for who ends last"
            );
            // We finish at once, and the kernel sends on.
            let (heard, _) = exchange(lan.site(), &mut stack, family, [0, 4 * MIB]);
            assert_eq!(heard.received, 0);
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_sleeping_reader_closes_the_window_and_loses_nothing() {
    Lan::run("own-zero-window", |lan| {
        lan.set("ipv4/tcp_rmem", "4096 16384 16384");
        let shape = Shape { receive_bytes: 16 << 10, ..Shape::new(true) };
        let mut stack = Stack::open(lan, &shape);
        let (listener, port) = listener(KERNEL[0]);
        let kernel = taking(listener, |mut stream| {
            stream.write_all(b"").unwrap();
            thread::sleep(Duration::from_millis(1500));
            stream.set_nodelay(true).unwrap();
            talk(&stream, MIB)
        });
        let mut flows = [stack.connect((KERNEL[0], port).into(), MIB)];
        // The kernel does not read: its window closes, and is probed.
        stack.run(&mut flows, |flows| flows[0].is_open());
        let mut closed = false;
        let mut holding = true;
        flows[0].holds = true;
        while !flows[0].is_over() {
            let network = stack.network();
            let window = network.engine().endpoint(flows[0].handle()).map(|e| e.facts());
            closed |= window.is_some_and(|facts| facts.window == 0 && facts.backlog > 0);
            let mut turns = 0;
            stack.run(&mut flows, |flows| {
                turns += 1;
                turns > 20 || flows[0].is_over()
            });
            // Then we do not read either, until our buffer is full.
            if holding && flows[0].facts(stack.network()).unread >= (16 << 10) - 1500 {
                (holding, flows[0].holds) = (false, false);
            }
        }
        assert!(closed && !holding);
        assert_eq!((flows[0].received(), kernel.join().unwrap()), (MIB, MIB));
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_reset_of_either_side_and_a_refusal_are_told() {
    Lan::run("own-reset", |lan| {
        let mut stack = Stack::open(lan, &Shape::new(true));
        for family in [0, 1] {
            // The kernel closes with bytes unread: it resets.
            let (listener, port) = listener(KERNEL[family]);
            let kernel = taking(listener, |mut stream| stream.read_exact(&mut [0; 100]).unwrap());
            let flow = stack.connect((KERNEL[family], port).into(), MIB);
            assert_eq!(stack.finish(flow).ended(), Some(Disconnected::Reset));
            kernel.join().unwrap();
            // Nobody listens there now.
            let flow = stack.connect((KERNEL[family], port).into(), 1);
            assert_eq!(stack.finish(flow).ended(), Some(Disconnected::Refused));
            // We abort.
            let port = lan.site().port();
            let entrance = stack.listen(OURS[family], port);
            let kernel = coming(OURS[family], port, |mut stream| {
                stream.read_exact(&mut [0; 10]).unwrap();
                stream.read(&mut [0; 10]).unwrap_err().kind()
            });
            let mut flows = [stack.accept(entrance, 10)];
            flows[0].lasts = true;
            stack.run(&mut flows, |flows| flows[0].sent() == 10);
            let (now, network) = stack.network_mut();
            network.at(now, flows[0].handle()).unwrap().abort();
            stack.run(&mut flows, |_| kernel.is_finished());
            assert_eq!(kernel.join().unwrap(), ErrorKind::ConnectionReset);
            assert_eq!(flows[0].ended(), Some(Disconnected::Reset));
            // We do not listen there.
            let kernel =
                thread::spawn(move || TcpStream::connect((OURS[family], 9)).unwrap_err().kind());
            stack.run(&mut [], |_| kernel.is_finished());
            assert_eq!(kernel.join().unwrap(), ErrorKind::ConnectionRefused);
        }
    });
}
