//! Our own TCP and the kernel's over a bad path: frames lost, late, twice and out of order, and packets too big for it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_peer_tests::own::{LINK, Lan, Shape, Stack, accepted, exchange, listener, talk, taking};
use mainstay_tcp::congestion::any;
use mainstay_test_support::Site;
use mainstay_test_support::frame_relay::{LinkPort, Relay, Report, parse};

const KIB: u64 = 1 << 10;

/// Our stack, the kernel's in another namespace, and a relay between them.
struct Path {
    kernel: Site,
    stack: Stack,
    relay: Relay,
}

fn network(site: &Site) -> String {
    site.network().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
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
        let ports = [format!("if:{LINK}@{}", network(&ours)), format!("tap:{LINK}@{}", network(&kernel))];
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

    /// So many bytes each way at once, over each family; who connects is another each time.
    fn check(mut self, congestion: &str, count: u64) -> [Report; 2] {
        let (kernel, stack) = (self.kernel.clone(), &mut self.stack);
        Lan::over(&kernel, |lan| {
            lan.congestion(congestion);
            let _ = exchange(lan.site(), stack, 0, [count, count / 2]);
            let _ = accepted(lan.site(), stack, 1, [count / 2, count]);
        });
        let report = self.relay.report().unwrap();
        self.relay.stop().unwrap();
        report
    }
}

/// Some of everything happened.
fn assert_bad(reports: &[Report; 2]) {
    for report in reports {
        let counters = report.counters;
        assert!(counters.loss.frames > 0 && counters.held_back > 0, "{report:?}");
        assert!(counters.duplicated.frames > 0, "{report:?}");
    }
}

fn words(loss: &str) -> String {
    format!("loss={loss},delay=5ms,reorder=1%,by=3,duplicate=1%")
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn one_frame_lost_in_a_thousand() {
    let cubic = any::Config::Cubic(Default::default());
    assert_bad(&Path::new("own-relay-0", &words("0.1%"), cubic).check("cubic", 8192 * KIB));
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn one_frame_lost_in_a_hundred() {
    let bbr = any::Config::Bbr3(Default::default());
    assert_bad(&Path::new("own-relay-1", &words("1%"), bbr).check("bbr", 4096 * KIB));
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn one_frame_lost_in_twenty() {
    let reno = any::Config::NewReno(Default::default());
    assert_bad(&Path::new("own-relay-5", &words("5%"), reno).check("cubic", 512 * KIB));
}
