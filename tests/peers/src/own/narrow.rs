//! A kernel that is not our neighbour, behind a router and a link with smaller packets than ours.

use super::{LINK, Lan};
use mainstay_test_support::Site;

/// A router that is our gateway, and a kernel [behind](super::BEHIND) it on a link with smaller packets, which offers large ones.
#[must_use]
pub fn narrow(test: &str) -> [Site; 2] {
    let (router, kernel) = (Site::namespace(test), Site::namespace(test));
    let name = kernel.network_name();
    Lan::over(&router, |lan| {
        lan.add_link(&format!("tuntap add dev {LINK} mode tap"));
        lan.ip(&format!("link add way mtu 1300 type veth peer name near netns {name}"));
        lan.ip("link set way up");
        lan.ip("addr add 198.18.2.1/24 dev way");
        lan.ip("addr add fd00:18:2::1/64 dev way nodad");
        lan.set("ipv4/ip_forward", "1");
        lan.set("ipv6/conf/all/forwarding", "1");
    });
    Lan::over(&kernel, |lan| {
        lan.trust_addresses();
        lan.ip("link set near mtu 1300 up");
        lan.ip("addr add 198.18.2.2/24 dev near");
        lan.ip("addr add fd00:18:2::2/64 dev near nodad");
        lan.ip("route add 198.18.1.0/24 via 198.18.2.1 advmss 1460");
        lan.ip("-6 route add fd00:18:1::/64 via fd00:18:2::1 advmss 1440");
    });
    [router, kernel]
}
