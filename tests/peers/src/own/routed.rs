//! Our stack behind a router, and a bad link between the router and the kernel at the far end.

use super::{LINK, Lan};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use mainstay_host::own::WireKind;
use mainstay_test_support::Site;
use mainstay_test_support::frame_relay::{LinkPort, Relay, Report, parse};

/// The far kernel's addresses.
pub const BEHIND: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 18, 2, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x18, 2, 0, 0, 0, 0, 2)),
];

/// The router's interface to the bad link, and the far kernel's.
const WAY: &str = "way";

/// Three places in a row: our link is the router's other one, and what the router's own kernel sends to the far one takes
/// the same way as what we send.
#[derive(Debug)]
pub struct Routed {
    router: Site,
    far: Site,
    relay: Relay,
}

impl Routed {
    /// `words`: what the link does to frames, from the router on and back; what is drawn for it begins with `seed`.
    #[must_use]
    pub fn new(test: &str, kind: WireKind, words: [&str; 2], seed: u64) -> Self {
        let (router, far) = (Site::namespace(test), Site::namespace(test));
        let port = |site: &Site| {
            LinkPort::open(&format!("tap:{WAY}@{}", site.network_name()), false).unwrap()
        };
        for site in [&router, &far] {
            Lan::over(site, Lan::trust_addresses);
        }
        let ports = [port(&router), port(&far)];
        let links = words.map(|words| parse(words).unwrap());
        let relay = Relay::start(ports, links, seed, [None, None]).unwrap();
        let address = |lan: &Lan, host: u8| {
            lan.ip(&format!("addr add 198.18.2.{host}/24 dev {WAY}"));
            lan.ip(&format!("addr add fd00:18:2::{host}/64 dev {WAY} nodad"));
        };
        Lan::over(&router, |lan| {
            let mode = if kind == WireKind::Tun { "tun" } else { "tap" };
            lan.add_link(&format!("tuntap add dev {LINK} mode {mode}"));
            address(lan, 1);
            lan.set("ipv4/ip_forward", "1");
            lan.set("ipv6/conf/all/forwarding", "1");
        });
        Lan::over(&far, |lan| {
            address(lan, 2);
            lan.ip("route add 198.18.1.0/24 via 198.18.2.1");
            lan.ip("-6 route add fd00:18:1::/64 via fd00:18:2::1");
        });
        Self { router, far, relay }
    }

    /// Where our link is.
    #[must_use]
    pub const fn router(&self) -> &Site {
        &self.router
    }

    /// The far end.
    #[must_use]
    pub const fn far(&self) -> &Site {
        &self.far
    }

    /// How fast both kernels send over the bad link: cubic, bbr, reno. What they learned of the path before is forgotten.
    pub fn congestion(&self, name: &str) {
        for (site, on) in [(&self.router, "198.18.2.0/24"), (&self.far, "198.18.2.0/24")] {
            Lan::over(site, |lan| {
                lan.set("ipv4/tcp_no_metrics_save", "1");
                lan.ip(&format!("route replace {on} dev {WAY} congctl {name}"));
            });
        }
        Lan::over(&self.far, |lan| {
            lan.ip(&format!("route replace 198.18.1.0/24 via 198.18.2.1 congctl {name}"));
        });
    }

    /// What became of the frames.
    #[must_use]
    pub fn report(&self) -> [Report; 2] {
        self.relay.report().unwrap()
    }
}
