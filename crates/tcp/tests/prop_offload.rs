//! One application on two engines, one of which leaves the cutting to its device: the wire must not know (S-60).
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "mesh/node.rs"]
mod node;

use core::time::Duration;
use mainstay_tcp::{Push, Settings};
use mainstay_wire::ip::{Dscp, Protocol};
use mainstay_wire::ipv6;
use mainstay_wire::segment::Split;
use node::{Node, PlainStd};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Push),
    /// So many milliseconds, fewer than anything waits for.
    Pass(u64),
    /// The peer acknowledges so many more segments of what is in flight.
    Acknowledge(u32),
    Finish,
}

fn step() -> impl Strategy<Value = Step> {
    let push = prop_oneof![8 => Just(Push::Now), 2 => Just(Push::More), 1 => Just(Push::Urgent)];
    prop_oneof![
        6 => (1..6000_usize, push).prop_map(|(count, push)| Step::Write(count, push)),
        3 => (1..20_u64).prop_map(Step::Pass),
        8 => (1..12_u32).prop_map(Step::Acknowledge),
        1 => Just(Step::Finish),
    ]
}

/// The packets that leave now, as they are on the wire.
fn packets(node: &mut Node<PlainStd>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(out) = node.engine.poll_transmit(node.now) {
        let parts = out.payload.as_slice();
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let (core::net::IpAddr::V6(source), core::net::IpAddr::V6(destination)) =
            (out.source, out.destination)
        else {
            unreachable!("addresses of version 6")
        };
        let header = ipv6::Header {
            dscp: Dscp::new(out.dscp),
            ecn: out.ecn,
            flow_label: out.flow_label,
            next: Protocol::TCP,
            hop_limit: out.hop_limit,
            source,
            destination,
            payload_len: u16::try_from(out.header.len() + len).unwrap(),
        };
        let mut headers = vec![0; ipv6::HEADER_LEN];
        header.emit(&mut headers).unwrap();
        headers.extend_from_slice(out.header);
        let mut split = Split::new(&headers, 0, parts, out.unit.unwrap_or(u16::MAX)).unwrap();
        while let Some(len) = split.next_len() {
            let mut packet = vec![0; len];
            split.next_packet(&mut packet).unwrap();
            all.push(packet);
        }
    }
    all
}

fn open(gso_max: u16, timestamps: bool, nagle: bool) -> Node<PlainStd> {
    let mut settings = Settings::host(Default::default());
    (settings.gso_max, settings.timestamps, settings.nagle) = (gso_max, timestamps, nagle);
    Node::open(settings, 4000)
}

fn apply(node: &mut Node<PlainStd>, step: &Step, acked: &mut u32) {
    match step {
        Step::Write(count, push) => {
            let _ = node.live().write(&vec![3; *count], *push);
        }
        Step::Pass(millis) => node.pass(*millis),
        Step::Acknowledge(count) => {
            *acked += (count * 500).min(node.facts().flight);
            node.ack(*acked);
        }
        Step::Finish => {
            let _ = node.live().finish();
        }
    }
}

proptest! {
    // Covers TCP-603, TCP-600
    #[test]
    fn what_is_cut_by_the_device_is_what_would_have_left_in_pieces(
        steps in prop::collection::vec(step(), 1..40), nagle: bool, most in 1000_u16..60_000,
    ) {
        let (mut long, mut short) = (open(most, false, nagle), open(0, false, nagle));
        let mut acked = [1, 1];
        for (at, step) in steps.iter().enumerate() {
            apply(&mut long, step, &mut acked[0]);
            apply(&mut short, step, &mut acked[1]);
            let (one, two) = (packets(&mut long), packets(&mut short));
            prop_assert_eq!(one.len(), two.len(), "after {:?}", step);
            for (one, two) in one.iter().zip(&two) {
                prop_assert_eq!(one, two, "after {:?}", step);
            }
            // Nothing is late here: what waits for an acknowledgement gets one.
            if at % 3 == 2 && long.facts().flight > 0 {
                let old = Duration::from_millis(30);
                (long.now, short.now) = (long.now + old, short.now + old);
                apply(&mut long, &Step::Acknowledge(40), &mut acked[0]);
                apply(&mut short, &Step::Acknowledge(40), &mut acked[1]);
                prop_assert_eq!(packets(&mut long), packets(&mut short));
            }
        }
    }
}
