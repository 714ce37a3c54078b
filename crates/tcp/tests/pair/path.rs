//! Paths that take less than they say, windows that open all at once, and how long to hope.

use crate::peer::{Bench, Sent, header, syn};
use crate::world::{Room, World, delay, leak, pattern, settings};
use core::time::Duration;
use mainstay_impair::Impairment;
use mainstay_tcp::{Config, Timer};
use mainstay_wire::tcp::{Flags, Options, UserTimeout};

// S-55
// Covers TCP-179
#[test]
fn full_segments_that_vanish_in_silence_become_smaller() {
    // The link drops what is above 1280 bytes of IP, and says nothing.
    let hole = Impairment { mtu: Some(1280 - 20), ..delay(10) };
    let mut world = World::new(1, hole, delay(10));
    world.listen();
    world.a.to_send = pattern(200_000);
    world.connect();
    let start = world.now;
    assert!(world.run(Duration::from_secs(60), |w| w.b.received.len() == 200_000));
    assert!(world.b.received == world.a.to_send);
    // Two timeouts of 200 ms and 400 ms are what it takes.
    assert!(world.now.since(start) < Duration::from_secs(4), "{:?}", world.now.since(start));
    let facts = world.a.engine.endpoint(world.a.handle).unwrap().facts();
    assert!(facts.mss >= 730, "{facts:?}");
}

// Covers TCP-179
#[test]
fn after_segments_became_smaller_the_largest_that_arrive_are_found_by_probes() {
    let hole = Impairment { mtu: Some(1280 - 20), ..delay(10) };
    let mut world = World::new(1, hole, delay(10));
    world.listen();
    world.a.to_send = pattern(600_000);
    world.connect();
    let facts = |w: &World| w.a.engine.endpoint(w.a.handle).unwrap().facts();
    assert!(world.run(Duration::from_secs(60), |w| facts(w).mss < 1460));
    assert_eq!(facts(&world).mss, 730);
    assert!(world.run(Duration::from_secs(60), |w| facts(w).mss > 730));
    let before = facts(&world).cwnd;
    let mut least = before;
    assert!(world.run(Duration::from_secs(60), |w| {
        least = least.min(facts(w).cwnd);
        w.b.received.len() == 600_000
    }));
    // What the path takes beside headers and timestamps is 1240, and probes that were lost made no window smaller.
    let facts = facts(&world);
    assert!((1208..=1240).contains(&facts.mss), "{facts:?}");
    assert!(least >= before, "{least} of {before}");
}

/// A server with a connection to a peer whose window is `window`.
fn connected(window: u16) -> (Bench, u32) {
    let mut bench = Bench::new(Config::default(), 1, Room::default());
    bench.engine.listen(Bench::local(80)).unwrap();
    let out = bench.send(syn(100), &[]);
    let mut ack = header(Flags::ACK, 101, out[0].0.sequence.wrapping_add(1));
    ack.window = window;
    bench.send(ack, &[]);
    (bench, ack.acknowledgment)
}

fn bytes(out: &[Sent]) -> usize {
    out.iter().map(|(_, payload)| payload.len()).sum()
}

// Covers TCP-278
#[test]
fn a_window_that_opens_at_once_is_not_filled_at_once() {
    let (mut bench, una) = connected(0);
    bench.write(0, &[1; 30_000]).unwrap();
    assert_eq!(bytes(&bench.sent()), 0);
    let out = bench.send(header(Flags::ACK, 101, una), &[]);
    assert_eq!(bytes(&out), 3 * 1460);
    // Each acknowledgement lets out what it says is delivered, and three more.
    let out = bench.send(header(Flags::ACK, 101, una.wrapping_add(2 * 1460)), &[]);
    assert_eq!(bytes(&out), 5 * 1460);
}

// Covers TCP-374, TCP-424
#[test]
fn the_peer_may_ask_for_more_patience_where_that_is_wanted() {
    for (wanted, asked, limit) in
        [(true, 600, 600), (true, 5, 150), (true, 9000, 3600), (false, 600, 150)]
    {
        let mut own = settings();
        own.user_timeout = Some(150_000);
        own.user_timeout_option = wanted;
        let mut bench = Bench::with(Config::default(), 1, Room::default(), leak(own));
        bench.engine.listen(Bench::local(80)).unwrap();
        let mut first = syn(100);
        first.options.user_timeout = Some(UserTimeout { minutes: false, value: asked });
        let out = bench.send(first, &[]);
        let told = wanted.then_some(UserTimeout { minutes: false, value: 150 });
        assert_eq!(out[0].0.options.user_timeout, told);
        bench.send(header(Flags::ACK, 101, out[0].0.sequence.wrapping_add(1)), &[]);
        bench.write(0, b"data").unwrap();
        let out = bench.sent();
        assert_eq!(out[0].0.options, Options::default());
        let live = bench.engine.at(bench.now, bench.handles[0]).unwrap();
        let at = live.timeouts().find(|(timer, _)| *timer == Timer::UserTimeout).unwrap().1;
        assert_eq!(at.since(bench.now).as_secs(), limit);
    }
}

// Covers TCP-178
#[test]
fn ten_minutes_after_a_packet_was_too_big_larger_ones_are_tried_again() {
    let (mut bench, una) = connected(60_000);
    bench.write(0, &[1; 1460]).unwrap();
    assert_eq!(bytes(&bench.sent()), 1460);
    let tuple = mainstay_tcp::Tuple::new(
        Bench::local(80),
        (crate::peer::CLIENT.parse::<core::net::IpAddr>().unwrap(), 4000).into(),
    );
    let kind = mainstay_tcp::IcmpKind::TooBig { mtu: 1000 };
    let error = mainstay_tcp::IcmpError { tuple, sequence: una, kind };
    let _verdict = bench.engine.handle_icmp(bench.now, &error);
    assert!(bench.sent().iter().all(|(_, payload)| payload.len() <= 960));
    bench.send(header(Flags::ACK, 101, una.wrapping_add(1460)), &[]);
    for (wait, len) in [(300, 960), (400, 1460)] {
        bench.pass(Duration::from_secs(wait));
        let before = una.wrapping_add(if wait == 300 { 1460 } else { 2 * 1460 });
        bench.write(0, &[1; 1460]).unwrap();
        assert_eq!(bench.sent()[0].1.len(), len);
        let ack = header(Flags::ACK, 101, before.wrapping_add(1460));
        bench.send(ack, &[]);
        bench.send(ack, &[]);
    }
}
