//! The way a packet takes, against a naive search.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shared;

use core::net::{IpAddr, Ipv4Addr};
use mainstay_base::{Instant, Rng};
use mainstay_net::{Config, Prefix, Stack};
use proptest::prelude::*;
use shared::{prefix, quick, tun};

/// Few bits, so that prefixes nest.
fn address() -> impl Strategy<Value = Ipv4Addr> {
    (0_u8..4, 0_u8..4, 0_u8..4, 0_u8..4)
        .prop_map(|(a, b, c, d)| Ipv4Addr::new(16 + a, b << 6, c << 6, d << 6))
}

fn covers(network: Ipv4Addr, len: u8, to: Ipv4Addr) -> bool {
    (0..len).all(|bit| {
        let mask = 1_u32 << (31 - u32::from(bit));
        network.to_bits() & mask == to.to_bits() & mask
    })
}

proptest! {
    #[test]
    fn the_longest_prefix_with_the_lowest_metric_carries(
        routes in prop::collection::vec((address(), 0_u8..=32, 0_u32..3), 1..20),
        targets in prop::collection::vec(address(), 1..20),
    ) {
        let config = Config { interfaces_max: 32, ..quick() };
        let mut stack = Stack::new(config, Rng::from_run(1));
        let mut model: Vec<(Ipv4Addr, u8, u32, _)> = Vec::new();
        for (number, (network, len, metric)) in routes.into_iter().enumerate() {
            let id = stack.add_interface(tun()).unwrap();
            let own = format!("10.0.{number}.1");
            stack.add_address(Instant::ZERO, id, prefix(&own, 32)).unwrap();
            let route = Prefix::new(IpAddr::V4(network), len).unwrap();
            stack.add_route(route, None, id, metric).unwrap();
            model.push((network, len, metric, id));
        }
        for to in targets {
            let mut best: Option<(u8, u32, _)> = None;
            for &(network, len, metric, id) in &model {
                let better = best.is_none_or(|(l, m, _)| len > l || len == l && metric < m);
                if covers(network, len, to) && better {
                    best = Some((len, metric, id));
                }
            }
            let path = stack.path(Instant::ZERO, IpAddr::V4(to), None, None);
            prop_assert_eq!(path.map(|p| p.interface), best.map(|(_, _, id)| id));
        }
    }
}
