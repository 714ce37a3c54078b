//! Listeners (TCP-071, TCP-078).

use crate::bench::{Bench, OURS, PORT, Peer, at};
use mainstay_tcp::{Event, State, TcpError};
use mainstay_wire::tcp::Flags;

fn syn(port: u16) -> mainstay_wire::tcp::Header {
    Peer { port, next: 300, expects: 0 }.header(Flags::SYN)
}

// Covers TCP-071
#[test]
fn a_listener_is_a_place_that_is_taken_and_given_back() {
    let mut bench = Bench::new(2);
    assert!(!bench.arrive(&syn(4000), &[], Some(bench.handles[0])), "nobody listens yet");
    assert!(bench.sent()[0].0.flags.contains(Flags::RST));
    let first = bench.engine.listen(at(OURS, PORT)).unwrap();
    assert_eq!(bench.engine.listen(at(OURS, PORT)), Err(TcpError::AddrInUse));
    let second = bench.engine.listen(at(OURS, 81)).unwrap();
    assert_eq!(bench.engine.listen(at(OURS, 82)), Err(TcpError::QueueFull), "two places");
    assert!(bench.arrive(&syn(4000), &[], Some(bench.handles[0])));
    bench.engine.stop(first);
    assert_eq!(bench.state(0), State::SynReceived, "what was accepted stays");
    bench.sent();
    assert!(!bench.arrive(&syn(4001), &[], Some(bench.handles[1])));
    assert!(bench.sent()[0].0.flags.contains(Flags::RST));
    let third = bench.engine.listen(at(OURS, 82)).unwrap();
    assert!(first != third && second != third);
    bench.engine.stop(first); // gone already: the one in its place goes on
    let mut other = syn(4002);
    other.destination = 82;
    assert!(bench.arrive(&other, &[], Some(bench.handles[1])));
    bench.engine.stop(second);
    assert_eq!(bench.engine.listen(at(OURS, PORT)).map(|_| ()), Ok(()));
}

// Covers TCP-078
#[test]
fn one_listener_gives_as_many_connections_as_there_are_endpoints() {
    let mut bench = Bench::new(300);
    bench.engine.listen(at(OURS, PORT)).unwrap();
    for n in 0..300_u16 {
        // All at once: none of them is finished before the next begins.
        let handle = bench.handles[usize::from(n)];
        assert!(bench.arrive(&syn(4000 + n), &[], Some(handle)), "number {n}");
    }
    let answers = bench.sent();
    assert_eq!(answers.len(), 300);
    for (header, _) in &answers {
        let expects = header.sequence.wrapping_add(1);
        let peer = Peer { port: header.destination, next: 301, expects };
        assert!(bench.arrive(&peer.header(Flags::ACK), b"hello", None));
    }
    assert!((0..300).all(|n| bench.state(n) == State::Established));
    assert_eq!(bench.told().iter().filter(|event| **event == Event::Accepted).count(), 300);
    // One more waits until there is an endpoint: it is told neither yes nor no.
    bench.sent();
    assert!(!bench.arrive(&syn(9000), &[], None));
    assert_eq!(bench.sent(), []);
}
