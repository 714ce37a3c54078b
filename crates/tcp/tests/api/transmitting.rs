//! What comes with a segment that leaves (TCP-007), and what may come with one that arrives (TCP-103).

use crate::bench::{Bench, Journal, OURS, Peer, THEIRS, Text, meta, segment, settings};
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::Rng;
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::{ArrayQueue, SLICES_MAX};
use mainstay_tcp::{
    Config, Endpoint, Engine, FastOpen, Ingress, Listener, Path, Push, Slot, State, Summed,
};
use mainstay_wire::checksum::{Checksum, verify};
use mainstay_wire::ip::{Ecn, Protocol};
use mainstay_wire::tcp::{
    CHECKSUM_OFFSET, Flags, HEADER_MAX, Header, Options, Timestamps, write_checksum,
};

/// One endpoint that has just asked for a connection, in an engine configured like this.
fn connecting(config: Config, v6: bool) -> Bench {
    let mut own = settings();
    (own.hop_limit, own.dscp, own.gso_max) = (33, 46, 20_000);
    let (slots, listeners) = (vec![Slot::default()], vec![Listener::default()]);
    let mut engine = Engine::new(config, Rng::from_run(3), slots, listeners, Scan::default());
    let own = &*Box::leak(Box::new(own));
    let queue = ArrayQueue::default();
    let endpoint = Endpoint::new(vec![0; 9000], queue, own, Journal::default()).unwrap();
    let handle = engine.attach(endpoint).unwrap();
    let now = mainstay_base::Instant::from_millis(1234);
    let (ours, theirs) = if v6 { ("fd00::1", "fd00::2") } else { (OURS, THEIRS) };
    let source: IpAddr = ours.parse().unwrap();
    let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1500 });
    let peer = crate::bench::at(theirs, 80);
    engine.at(now, handle).unwrap().connect(peer, FastOpen::No, &mut paths).unwrap();
    Bench { engine, now, handles: vec![handle] }
}

/// Answers the SYN with everything on; what the peer is then.
fn answer(bench: &mut Bench, ours: &str, theirs: &str) -> Peer {
    let (syn, _) = bench.sent().remove(0);
    let mut peer = Peer { port: 80, next: 500, expects: syn.sequence.wrapping_add(1) };
    let mut header = peer.header(Flags::SYN.with(Flags::ACK).with(Flags::ECE));
    header.destination = syn.source;
    header.options = Options { mss: Some(1400), window_scale: Some(2), ..Options::default() };
    let meta = meta(theirs, ours);
    let bytes = segment(&meta, &header, &[]);
    assert!(matches!(bench.engine.handle_segment(bench.now, &meta, &bytes), Ingress::Accepted));
    bench.sent();
    peer.next += 1;
    peer
}

// Covers TCP-007, TCP-610, TCP-612
#[test]
fn a_segment_comes_with_all_that_the_ip_layer_and_the_device_need() {
    for (v6, partial) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut config = Config::default();
        config.partial_checksums = partial;
        let mut bench = connecting(config, v6);
        let (ours, theirs) = if v6 { ("fd00::1", "fd00::2") } else { (OURS, THEIRS) };
        let peer = answer(&mut bench, ours, theirs);
        for n in 1..=6 {
            bench.live(0).send(Text::new(&[n; 900]), Push::Now).unwrap();
        }
        let mut labels = Vec::new();
        let mut stream = Vec::new();
        while let Some(out) = bench.engine.poll_transmit(bench.now) {
            let addresses = (out.source.to_string(), out.destination.to_string());
            assert_eq!(addresses, (ours.to_owned(), theirs.to_owned()));
            assert_eq!((out.hop_limit, out.dscp, out.ecn), (33, 46, Ecn::Ect0));
            assert!(out.flow_label != 0 && out.flow_label < 1 << 20, "{}", out.flow_label);
            labels.push(out.flow_label);
            let (header, len) = Header::parse(out.header).unwrap();
            assert!(len == out.header.len() && len <= HEADER_MAX);
            assert_eq!(
                header.sequence,
                peer.expects.wrapping_add(u32::try_from(stream.len()).unwrap())
            );
            let payload = out.payload.as_slice();
            assert!(!payload.is_empty() && payload.len() <= SLICES_MAX);
            assert_eq!(out.unit.is_some(), out.payload.len() > 1400);
            assert!(out.unit.is_none_or(|unit| unit <= 1400));
            let mut bytes = out.header.to_vec();
            payload.iter().for_each(|part| bytes.extend_from_slice(part));
            stream.extend(payload.concat());
            let mut copied = vec![0xee; out.len() + 1];
            assert_eq!(out.copy_to(&mut copied), Some(bytes.len()));
            assert_eq!((&copied[..bytes.len()], copied[bytes.len()]), (&bytes[..], 0xee));
            assert_eq!(out.copy_to(&mut copied[1..bytes.len()]), None);
            copied.fill(0xee);
            assert_eq!(out.copy_summed(&mut copied), Some(bytes.len()));
            let whole = &copied[..bytes.len()];
            assert!(verify(out.source, out.destination, Protocol::TCP.0, whole));
            let others = CHECKSUM_OFFSET + 2;
            assert_eq!((&whole[others..], copied[bytes.len()]), (&bytes[others..], 0xee));
            assert_eq!(out.copy_summed(&mut copied[1..bytes.len()]), None);
            let count = u32::try_from(bytes.len()).unwrap();
            let pseudo = Checksum::pseudo(out.source, out.destination, Protocol::TCP.0, count);
            if partial {
                assert_eq!(out.summed, Summed::Partial);
                let field = [bytes[CHECKSUM_OFFSET], bytes[CHECKSUM_OFFSET + 1]];
                assert_eq!(u16::from_be_bytes(field), pseudo.partial());
            } else {
                assert_eq!(out.summed, Summed::Full);
                assert!(verify(out.source, out.destination, Protocol::TCP.0, &bytes));
            }
        }
        assert_eq!(stream.len(), 5400);
        assert!(labels.len() > 1 && labels.iter().all(|label| *label == labels[0]));
    }
}

/// Every option that is known, and some that nobody knows.
fn loaded(mut header: Header, value: u32) -> Vec<u8> {
    header.options.timestamps = Some(Timestamps { value, echo: 0 });
    let meta = meta(THEIRS, OURS);
    let plain = segment(&meta, &header, b"");
    let words = usize::from(plain[12] >> 4) + 3;
    let mut bytes = plain;
    bytes[12] = u8::try_from(words << 4).unwrap() | (bytes[12] & 15);
    bytes.extend([77, 6, 1, 2, 3, 4, 1, 253, 4, 9, 9, 0]); // unknown, nothing, experimental, the end
    write_checksum(meta.source, meta.destination, &mut bytes).unwrap();
    bytes
}

// Covers TCP-103
#[test]
fn options_may_come_with_every_segment_in_every_state() {
    let mut bench = Bench::new(1);
    bench.engine.listen(crate::bench::at(OURS, 80)).unwrap();
    let mut peer = Peer { port: 4000, next: 1000, expects: 0 };
    let mut seen = Vec::new();
    let mut stamp = 0;
    let mut give = |bench: &mut Bench, peer: &Peer, flags: Flags| {
        stamp += 10;
        let bytes = loaded(peer.header(flags), stamp);
        match bench.engine.handle_segment(bench.now, &meta(THEIRS, OURS), &bytes) {
            Ingress::Accepted => {}
            Ingress::Incoming(incoming) => incoming.accept(bench.handles[0]).unwrap(),
            other @ (Ingress::Dropped(_) | Ingress::Pass) => panic!("{other:?}"),
        }
        seen.push(bench.state(0));
        bench.sent()
    };
    let out = give(&mut bench, &peer, Flags::SYN);
    (peer.next, peer.expects) = (1001, out[0].0.sequence.wrapping_add(1));
    assert!(out[0].0.options.timestamps.is_some(), "what is known was read");
    give(&mut bench, &peer, Flags::ACK);
    bench.live(0).finish().unwrap();
    bench.hears(&mut peer);
    let before = Peer { expects: peer.expects.wrapping_sub(1), ..peer };
    give(&mut bench, &before, Flags::ACK);
    give(&mut bench, &peer, Flags::ACK);
    give(&mut bench, &peer, Flags::ACK.with(Flags::FIN));
    peer.next += 1;
    give(&mut bench, &peer, Flags::ACK);
    assert_eq!(
        seen,
        [
            State::SynReceived,
            State::Established,
            State::FinWait1,
            State::FinWait2,
            State::TimeWait,
            State::TimeWait
        ]
    );
    assert_eq!(bench.engine.counters().malformed_options, 0);
    bench.pass(Duration::from_secs(100));
    // CLOSED: answered as any other stranger, and SYN-SENT.
    let bytes = loaded(Peer { port: 1, ..peer }.header(Flags::ACK), 1000);
    let none = bench.engine.handle_segment(bench.now, &meta(THEIRS, OURS), &bytes);
    assert!(matches!(none, Ingress::Dropped(_)));
    assert_eq!(bench.sent().len(), 1);
    bench.told();
    bench.connect(0, FastOpen::No).unwrap();
    let (syn, _) = bench.sent().remove(0);
    let mut header = Peer { port: 80, next: 1, expects: syn.sequence.wrapping_add(1) }
        .header(Flags::SYN.with(Flags::ACK));
    header.destination = syn.source;
    let bytes = loaded(header, 1);
    assert!(matches!(
        bench.engine.handle_segment(bench.now, &meta(THEIRS, OURS), &bytes),
        Ingress::Accepted
    ));
    assert_eq!(bench.state(0), State::Established);
    assert!(bench.endpoint(0).facts().timestamps);
}

// Deferred TCP-197: optional (MAY-9); marks are seen by whoever watches, but the IP layer hands no received DSCP to the engine yet
