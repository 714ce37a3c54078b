//! Super-segments are a matter between us and the device: on the wire it is all the same.

use crate::peer::{Bench, CLIENT, SERVER, header, segment, syn};
use crate::world::{Room, leak, settings};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use mainstay_base::Rng;
use mainstay_tcp::{Config, Ingress, Meta, State};
use mainstay_wire::ip::{Ecn, Protocol};
use mainstay_wire::ipv4;
use mainstay_wire::segment::Split;
use mainstay_wire::tcp::{Flags, Header};

/// The segments that leave, cut as a device would.
fn wire(bench: &mut Bench) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut packet = vec![0; 70_000];
    while let Some(out) = bench.engine.poll_transmit(bench.now) {
        let len = out.header.len() + out.payload.len();
        let network = ipv4::Header::new(
            SERVER.parse().unwrap(),
            CLIENT.parse().unwrap(),
            Protocol::TCP,
            u16::try_from(len).unwrap(),
        );
        let mut headers = vec![0; 20];
        network.emit(&mut headers).unwrap();
        headers.extend_from_slice(out.header);
        let Some(unit) = out.unit else {
            all.push([out.header, &out.payload.as_slice().concat()].concat());
            continue;
        };
        let parts = out.payload.as_slice();
        let mut split = Split::new(&headers, 0, parts, unit).unwrap();
        while let Some(len) = split.next_packet(&mut packet) {
            all.push(packet[20..len].to_vec());
        }
    }
    all
}

/// Writes of all sizes that the window has room for, acknowledged sooner or later, drawn from a seed; all that left.
fn story(gso_max: u16, seed: u64) -> Vec<Vec<u8>> {
    let mut chosen = settings();
    (chosen.gso_max, chosen.ecn) = (gso_max, false);
    chosen.pacing = false;
    let mut bench = Bench::with(Config::default(), 1, Room::default(), leak(chosen));
    bench.engine.listen(Bench::local(80)).unwrap();
    let mut first = syn(100);
    (first.options.sack_permitted, first.options.window_scale) = (true, Some(4));
    let out = bench.send(first, &[]);
    let iss = out[0].0.sequence;
    let ack = |at: u32| header(Flags::ACK, 101, iss.wrapping_add(1 + at));
    bench.send(ack(0), &[]);
    let mut rng = Rng::from_run(seed);
    let (mut all, mut una, mut queued) = (Vec::new(), 0_u32, 0_u32);
    for _ in 0..400 {
        if queued == una && rng.below(3) > 0 {
            let len = 1 + rng.below(14_000);
            let count = bench.write(0, &vec![7; usize::try_from(len).unwrap()]).unwrap();
            queued += u32::try_from(count).unwrap();
        }
        let sent = wire(&mut bench);
        all.extend(sent);
        let flight = bench.engine.endpoint(bench.handles[0]).unwrap().facts().flight;
        bench.pass(Duration::from_millis(10 + rng.below(20)));
        all.extend(wire(&mut bench));
        if rng.below(4) == 0 {
            continue; // the acknowledgement is lost
        }
        una += flight;
        let answer = ack(una);
        give(&mut bench, &answer, &[], None);
        all.extend(wire(&mut bench));
    }
    all
}

fn give(bench: &mut Bench, header: &Header, payload: &[u8], unit: Option<u16>) {
    let (source, destination): (IpAddr, IpAddr) =
        (CLIENT.parse::<Ipv4Addr>().unwrap().into(), SERVER.parse::<Ipv4Addr>().unwrap().into());
    let bytes = segment(source, destination, header, payload);
    let meta = Meta { source, destination, ecn: Ecn::NotEct, unit, verified: false, mtu: 1500 };
    assert!(matches!(bench.engine.handle_segment(bench.now, &meta, &bytes), Ingress::Accepted));
}

// S-60
// Covers TCP-603, TCP-600
#[test]
fn with_and_without_super_segments_the_same_bytes_are_on_the_wire() {
    for seed in 0..20 {
        let (single, joined) = (story(0, seed), story(60_000, seed));
        assert!(single.len() > 200, "{}", single.len());
        for (n, (one, other)) in single.iter().zip(&joined).enumerate() {
            let same = one == other;
            let told = |bytes: &[u8]| (Header::parse(bytes).unwrap(), bytes.len());
            assert!(same, "segment {n} of seed {seed}: {:?} {:?}", told(one).1, told(other).1);
        }
        assert_eq!(single.len(), joined.len(), "seed {seed}");
    }
}

// S-61
// Covers TCP-604, TCP-411
#[test]
fn joined_segments_are_acknowledged_as_often_as_they_are_joined_and_the_window_stays_open() {
    let mut bench = Bench::new(Config::default(), 1, Room::default());
    bench.engine.listen(Bench::local(80)).unwrap();
    let out = bench.send(syn(100), &[]);
    let ack = out[0].0.sequence.wrapping_add(1);
    bench.send(header(Flags::ACK, 101, ack), &[]);
    let mut next = 101_u32;
    for round in 0..50 {
        // 44 segments of 1460 bytes, joined by the device into one of 64 KiB.
        let payload = vec![round; 44 * 1460];
        let head = header(Flags::ACK, next, ack);
        give(&mut bench, &head, &payload, Some(1460));
        next = next.wrapping_add(44 * 1460);
        let out = bench.sent();
        assert_eq!(out.len(), 1, "it does not wait for a second one");
        assert_eq!(out[0].0.acknowledgment, next);
        assert_eq!(bench.read(0), payload);
        // What is read opens the window again, whether it is told now or with the next acknowledgement.
        let told = bench.sent();
        assert!(told.len() <= 1);
        let window = bench.engine.endpoint(bench.handles[0]).unwrap().facts().window_in;
        assert!(window >= 64 * 1000, "{window}");
    }
    assert_eq!(bench.state(bench.handles[0]), State::Established);
}
