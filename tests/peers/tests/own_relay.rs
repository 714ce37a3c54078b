//! Our own TCP and the kernel's over a bad path: frames lost, late, twice and out of order, and packets too big for it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a run at full size says how long it took"
)]

use mainstay_peer_tests::own::{
    BEHIND, KERNEL, LINK, Lan, Shape, Stack, accepted, exchange, listener, narrow, taking, talk,
};
use mainstay_peer_tests::pressure::is_full;
use mainstay_tcp::congestion::any;
use mainstay_test_support::Site;
use mainstay_test_support::frame_relay::{LinkPort, Relay, Report, parse};
use std::time::Instant;

const KIB: u64 = 1 << 10;

/// Our stack, the kernel's in another namespace, and a relay between them.
struct Path {
    kernel: Site,
    stack: Stack,
    relay: Relay,
}

impl Path {
    fn new(test: &str, words: &str, congestion: any::Config) -> Self {
        let (ours, kernel) = (Site::namespace(test), Site::namespace(test));
        let mut shape = Shape::new(false);
        shape.settings.congestion = congestion;
        shape.settings.pacing = matches!(congestion, any::Config::Bbr3(_));
        let stack = Lan::over(&ours, |lan| {
            // Nothing of this kernel's own is to be on the link.
            lan.set("ipv6/conf/default/disable_ipv6", "1");
            lan.ip(&format!("tuntap add dev {LINK} mode tap"));
            lan.ip(&format!("link set {LINK} up"));
            Stack::open(lan, &shape)
        });
        let ports = [
            format!("if:{LINK}@{}", ours.network_name()),
            format!("tap:{LINK}@{}", kernel.network_name()),
        ];
        let ports = ports.map(|words| LinkPort::open(&words, false).unwrap());
        Lan::over(&kernel, |lan| {
            lan.give_addresses();
            lan.wait_up();
        });
        let links = [parse(words).unwrap(), parse(words).unwrap()];
        // The namespace of our link lives on in its descriptor.
        let relay = Relay::start(ports, links, 1, [None, None]).unwrap();
        Self { kernel, stack, relay }
    }

    /// So many bytes each way at once, with the kernel's end sending as it is told; who connects is another each time.
    fn check(mut self, congestion: &str, family: usize, count: u64) -> [Report; 2] {
        let (kernel, stack) = (self.kernel.clone(), &mut self.stack);
        Lan::over(&kernel, |lan| {
            lan.congestion(congestion);
            let (heard, _) = if family == 0 {
                exchange(lan.site(), stack, family, [count; 2])
            } else {
                accepted(lan.site(), stack, family, [count; 2])
            };
            assert!(heard.said.contains(congestion), "{}", heard.said);
        });
        let report = self.relay.report().unwrap();
        self.relay.stop().unwrap();
        report
    }
}

/// Everything this path does, with both of the kernel's; ours take turns.
fn lossy(test: &str, loss: &str, quick: u64) {
    let (count, delay) = if is_full() { (1 << 30, "1ms") } else { (quick, "5ms") };
    let words = format!("loss={loss},delay={delay},reorder=1%,by=3,duplicate=1%");
    let ours = [any::Config::Bbr3(Default::default()), any::Config::Cubic(Default::default())];
    for (family, kernels) in ["cubic", "bbr"].into_iter().enumerate() {
        // Against the kernel's cubic our BBR and the other way round, at 5 % NewReno once.
        let mine = if loss == "5%" && family == 1 {
            any::Config::NewReno(Default::default())
        } else {
            ours[family]
        };
        let start = Instant::now();
        let reports = Path::new(test, &words, mine).check(kernels, family, count);
        println!("{loss} lost, kernel's {kernels}, {count} bytes each way: {:?}", start.elapsed());
        for report in reports {
            let counters = report.counters;
            assert!(counters.held_back > 0 && counters.duplicated.frames > 0, "{report:?}");
            assert_eq!(counters.loss.frames > 0, loss != "0%", "{report:?}");
        }
    }
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn frames_out_of_order_and_twice() {
    lossy("own-relay-none", "0%", 8192 * KIB);
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn one_frame_lost_in_a_thousand() {
    lossy("own-relay-0", "0.1%", 6144 * KIB);
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn one_frame_lost_in_a_hundred() {
    lossy("own-relay-1", "1%", 2048 * KIB);
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn one_frame_lost_in_twenty() {
    lossy("own-relay-5", "5%", 512 * KIB);
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn what_is_damaged_on_the_way_is_not_taken_for_good() {
    let cubic = any::Config::Cubic(Default::default());
    // One bit each, beyond the header of Ethernet: the checksums see every single one, and not every three.
    let words = "corrupt=2%,after=14,truncate=1%,delay=1ms";
    for family in [0, 1] {
        let path = Path::new("own-relay-damage", words, cubic);
        for report in path.check("cubic", family, 512 * KIB) {
            assert!(report.counters.corrupted > 0 && report.counters.truncated > 0, "{report:?}");
        }
    }
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn marks_of_a_slow_link_spare_it_losses() {
    let cubic = any::Config::Cubic(Default::default());
    let words = "rate=40M,queue=256K,mark-above=5ms,delay=5ms";
    let mut path = Path::new("own-relay-marks", words, cubic);
    let kernel = path.kernel.clone();
    Lan::over(&kernel, |lan| {
        lan.set("ipv4/tcp_ecn", "1");
        lan.congestion("cubic");
        let _ = exchange(lan.site(), &mut path.stack, 0, [6144 * KIB, 0]);
        let _ = accepted(lan.site(), &mut path.stack, 1, [0, 6144 * KIB]);
    });
    for report in path.relay.report().unwrap() {
        assert!(report.counters.marked > 0, "{report:?}");
        assert!(report.counters.queue.frames < 100, "{report:?}");
    }
    path.relay.stop().unwrap();
}

// Covers TCP-178, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_router_that_says_too_big_is_believed() {
    for offload in [true, false] {
        let [router, kernel] = narrow("own-narrow");
        let mut shape = Shape::new(offload);
        shape.gateways = KERNEL.to_vec();
        let mut stack = Lan::over(&router, |lan| Stack::open(lan, &shape));
        for (address, largest) in BEHIND.into_iter().zip([1260, 1240]) {
            let (port, heard) = Lan::over(&kernel, |_| {
                let (listener, port) = listener(address);
                (port, taking(listener, |stream| talk(&stream, 2048 * KIB)))
            });
            let mut flow = stack.connect((address, port).into(), 2048 * KIB);
            flow.lasts = true;
            let mut flows = [flow];
            stack.run(&mut flows, |flows| flows[0].is_open());
            let before = flows[0].facts(stack.network()).mss;
            stack
                .run(&mut flows, |flows| flows[0].sent() == 2048 * KIB && flows[0].peer_finished());
            let after = flows[0].facts(stack.network()).mss;
            flows[0].lasts = false;
            stack.run(&mut flows, |flows| flows[0].is_over());
            assert_eq!((heard.join().unwrap(), flows[0].received()), (2048 * KIB, 2048 * KIB));
            assert_eq!((before, after), (largest + 200, largest));
            // The next connection knows it from the start.
            let port = Lan::over(&kernel, |_| listener(address)).1;
            let next = stack.connect((address, port).into(), 0);
            assert_eq!(next.facts(stack.network()).mss, largest);
        }
    }
}
