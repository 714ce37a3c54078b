//! Urgent data on a connection that has gone on for long.

use crate::peer::{Bench, CLIENT, MTU, SERVER, header, syn};
use crate::world::Room;
use mainstay_tcp::{Config, Event, Ingress, Meta};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, HEADER_MAX};

const SIZE: usize = 60_000;

// Covers TCP-165
#[test]
fn urgent_data_of_two_gigabytes_ago_is_neither_ahead_nor_in_the_way_of_new() {
    let mut bench = Bench::new(Config::default(), 1, Room::default());
    bench.engine.listen(Bench::local(80)).unwrap();
    let answer = bench.send(syn(0), &[]).remove(0).0;
    let ack = answer.sequence.wrapping_add(1);
    let mut hello = header(Flags::ACK | Flags::URG, 1, ack);
    hello.urgent = 1;
    bench.send(hello, &[7]);
    bench.read(0);
    let told = |bench: &mut Bench| {
        let events = bench.events();
        events.into_iter().any(|(_, event)| matches!(event, Event::Urgent { .. }))
    };
    assert!(told(&mut bench));
    let meta = Meta {
        source: CLIENT.parse().unwrap(),
        destination: SERVER.parse().unwrap(),
        ecn: Ecn::NotEct,
        unit: None,
        verified: true,
        mtu: MTU,
    };
    let mut bytes = vec![7; HEADER_MAX];
    let len = header(Flags::ACK, 0, ack).emit(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes.resize(len + SIZE, 7);
    let mut sequence = 2;
    for _ in 0..(1 << 31) / SIZE + 1 {
        header(Flags::ACK, sequence, ack).emit(&mut bytes).unwrap();
        assert!(matches!(bench.engine.handle_segment(bench.now, &meta, &bytes), Ingress::Accepted));
        bench.engine.at(bench.now, bench.handles[0]).unwrap().commit(SIZE).unwrap();
        while bench.engine.poll_transmit(bench.now).is_some() {}
        sequence = sequence.wrapping_add(u32::try_from(SIZE).unwrap());
    }
    assert!(!told(&mut bench));
    let mut again = header(Flags::ACK | Flags::URG, sequence, ack);
    again.urgent = 5;
    bench.send(again, &[7; 5]);
    assert!(told(&mut bench));
}
