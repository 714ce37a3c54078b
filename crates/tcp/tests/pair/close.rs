//! Ends that are not wanted by both.

use crate::peer::{Bench, header, syn};
use crate::world::{Room, leak, settings};
use core::time::Duration;
use mainstay_tcp::{Config, Disconnected, Event, State};
use mainstay_wire::tcp::Flags;

/// A server with a connection; what the peer acknowledges next.
fn connected() -> (Bench, u32) {
    let mut bench = Bench::new(Config::default(), 2, Room::default());
    bench.engine.listen(Bench::local(80)).unwrap();
    let out = bench.send(syn(100), &[]);
    let una = out[0].0.sequence.wrapping_add(1);
    bench.send(header(Flags::ACK, 101, una), &[]);
    (bench, una)
}

fn close(bench: &mut Bench) {
    bench.engine.at(bench.now, bench.handles[0]).unwrap().close().unwrap();
}

fn ended(bench: &mut Bench) -> Vec<Disconnected> {
    let reason =
        |(_, event)| if let Event::Disconnected(reason) = event { Some(reason) } else { None };
    bench.events().into_iter().filter_map(reason).collect()
}

// Covers TCP-065
#[test]
fn closing_with_unread_bytes_tells_the_peer_that_they_were_not_read() {
    let (mut bench, una) = connected();
    bench.send(header(Flags::ACK, 101, una), b"unread");
    close(&mut bench);
    let out = bench.sent();
    assert_eq!(out.len(), 1);
    assert_eq!((out[0].0.flags, out[0].0.sequence), (Flags::RST.with(Flags::ACK), una));
    assert_eq!(ended(&mut bench), [Disconnected::Reset]);
}

// Covers TCP-065
#[test]
fn bytes_that_come_after_the_close_are_answered_by_a_reset() {
    let (mut bench, una) = connected();
    close(&mut bench);
    assert!(bench.sent()[0].0.flags.contains(Flags::FIN));
    let out = bench.send(header(Flags::ACK, 101, una.wrapping_add(1)), b"late");
    assert_eq!(out.len(), 1);
    assert!(out[0].0.flags.contains(Flags::RST));
    assert_eq!(ended(&mut bench), [Disconnected::Reset]);
}

// Covers TCP-080
#[test]
fn whoever_aborts_on_being_told_of_a_connection_hears_no_more_of_its_beginning() {
    for detach in [false, true] {
        let (mut bench, una) = connected();
        let (handle, event) = bench.engine.poll_event().unwrap();
        assert_eq!(event, Event::Accepted);
        if detach {
            assert!(bench.engine.detach(bench.now, handle).is_some());
        } else {
            bench.engine.at(bench.now, handle).unwrap().abort();
        }
        let out = bench.sent();
        assert_eq!((out.len(), out[0].0.sequence), (1, una));
        assert!(out[0].0.flags.contains(Flags::RST));
        let told: Vec<_> = bench.events().into_iter().map(|(_, event)| event).collect();
        let reset = vec![Event::Disconnected(Disconnected::Reset)];
        assert_eq!(told, if detach { vec![] } else { reset });
    }
}

// Covers TCP-119
#[test]
fn a_handshake_that_is_not_finished_frees_its_endpoint_in_silence_if_that_is_wanted() {
    for silent in [false, true] {
        let mut own = settings();
        own.recycle_half_open = silent;
        let mut bench = Bench::with(Config::default(), 1, Room::default(), leak(own));
        bench.engine.listen(Bench::local(80)).unwrap();
        bench.send(syn(100), &[]);
        bench.pass(Duration::from_secs(74));
        assert_eq!(bench.state(bench.handles[0]), State::SynReceived);
        bench.sent();
        bench.pass(Duration::from_secs(2));
        assert_eq!(bench.state(bench.handles[0]), State::Closed);
        assert_eq!(ended(&mut bench), if silent { vec![] } else { vec![Disconnected::TimedOut] });
        assert_eq!(bench.sent(), []);
        assert_eq!(bench.send(syn(9000), &[]).len(), 1, "it can be used again");
    }
}
