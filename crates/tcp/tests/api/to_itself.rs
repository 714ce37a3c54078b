//! A connection from an address and port to the same (TCP-029).

use crate::bench::{Bench, OURS, Text, at, meta};
use core::net::IpAddr;
use core::time::Duration;
use mainstay_tcp::{Disconnected, Event, FastOpen, Ingress, Path, Push, State};

/// Carries what leaves back to where it came from until nothing leaves; how many segments that were.
fn carry(bench: &mut Bench) -> usize {
    for count in 0.. {
        assert!(count < 100, "it goes round for ever");
        let Some(out) = bench.engine.poll_transmit(bench.now) else { return count };
        assert_eq!(out.source, out.destination);
        let bytes = [out.header.to_vec(), out.payload.as_slice().concat()].concat();
        let came = bench.engine.handle_segment(bench.now, &meta(OURS, OURS), &bytes);
        assert!(matches!(came, Ingress::Accepted), "{came:?}");
    }
    unreachable!()
}

// Covers TCP-029, TCP-122
#[test]
fn who_connects_to_himself_opens_from_both_ends_talks_to_himself_and_comes_to_an_end() {
    for listens in [false, true] {
        let mut bench = Bench::new(1);
        bench.live(0).bind(at(OURS, 7000)).unwrap();
        let source: IpAddr = OURS.parse().unwrap();
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1500 });
        bench.live(0).connect(at(OURS, 7000), FastOpen::No, &mut paths).unwrap();
        if listens {
            // A listener does not come in between: the connection is there already.
            bench.engine.listen(at("0.0.0.0", 7000)).unwrap();
        }
        let segments = carry(&mut bench);
        assert_eq!(bench.state(0), State::Established);
        assert!(segments <= 4, "{segments} segments to open");
        assert_eq!(bench.told(), [Event::Established]);
        bench.live(0).send(Text::new(b"is anybody there?"), Push::Now).unwrap();
        carry(&mut bench);
        bench.pass(Duration::from_secs(1));
        carry(&mut bench);
        assert_eq!(bench.endpoint(0).recv().concat(), b"is anybody there?");
        assert_eq!(bench.endpoint(0).facts().flight, 0, "it was acknowledged");
        bench.live(0).commit(17).unwrap();
        bench.told();
        bench.live(0).finish().unwrap();
        let segments = carry(&mut bench);
        assert!(segments <= 4, "{segments} segments to close");
        assert_eq!(bench.state(0), State::TimeWait);
        bench.pass(Duration::from_secs(61));
        assert_eq!((carry(&mut bench), bench.state(0)), (0, State::Closed));
        let end = |event| if let Event::Disconnected(why) = event { Some(why) } else { None };
        let ends: Vec<_> = bench.told().into_iter().filter_map(end).collect();
        assert_eq!(ends, [Disconnected::TimeWait, Disconnected::Normal]);
    }
}
