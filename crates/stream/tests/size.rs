//! What a stream costs in memory while it does nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

use cap::Cap;
use mainstay_base::{Instant, Rng};
use mainstay_policy::{Policy, Protocol, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::{Answer, Event, Flags, Info, Request, Stream};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes in use by everybody. The thread that runs the tests is somebody too, so what is counted once
/// may be off: the middle of several counts is not.
fn held() -> i64 {
    i64::try_from(ALLOCATOR.allocated()).unwrap_or(i64::MAX)
}

fn median(measure: impl Fn() -> i64) -> i64 {
    let mut counts = [0; 9].map(|_| measure());
    counts.sort_unstable();
    counts[counts.len() / 2]
}

/// Answers everything with OK until nothing is left.
fn drain(stream: &mut Stream, rng: &mut Rng) {
    loop {
        match (stream.poll_request(), stream.poll_event()) {
            (None, None) => return,
            (_, Some(Event::State { .. })) => stream.answer(Instant::ZERO, rng, Answer::Ok),
            (Some(Request::Open(open)), _) => drop(open),
            (_, _) => {}
        }
    }
}

/// One test, because the count is everybody's.
#[test]
fn a_connected_stream_costs_less_than_five_hundred_bytes_and_a_steady_exchange_nothing() {
    let cost = median(connected);
    assert!((200..=480).contains(&cost), "{cost} bytes");
    assert!(size_of::<Stream>() <= 480, "{} bytes", size_of::<Stream>());
    assert_eq!(median(steady), 0);
}

/// What a connected nailed-up ws stream holds.
fn connected() -> i64 {
    let streamtype = Streamtype {
        endpoint: Some("peer.example".into()),
        protocol: Protocol::Ws,
        nailed_up: true,
        port: 80,
        ..Streamtype::default()
    };
    let (policy, streamtype) = (Arc::new(Policy::default()), Arc::new(streamtype));
    let (info, mut rng) = (Info::default(), Rng::from_run(1));
    let before = held();
    let mut stream = Box::new(Stream::new(Instant::ZERO, &policy, &streamtype, &info).unwrap());
    drain(&mut stream, &mut rng);
    stream.handle_event(Instant::ZERO, &mut rng, pool::Event::Opened);
    drain(&mut stream, &mut rng);
    assert!(stream.is_connected());
    for tag in 0..100 {
        stream.request_tx(Instant::ZERO);
        drain(&mut stream, &mut rng);
        stream.handle_event(Instant::ZERO, &mut rng, pool::Event::Writable);
        drain(&mut stream, &mut rng);
        let both = Flags::SOM | Flags::EOM;
        stream.send(Instant::ZERO, b"x", both).unwrap();
        let payload =
            pool::Payload { bytes: b"y", start: true, end: true, binary: true, topic: None };
        assert_eq!(stream.handle_payload(Instant::ZERO, &payload), Some(both));
        stream.handle_event(Instant::ZERO, &mut rng, pool::Event::SentThrough(tag));
        drain(&mut stream, &mut rng);
    }
    held() - before
}

/// What ten messages leave behind, the most of them.
fn steady() -> i64 {
    let streamtype = Streamtype {
        endpoint: Some("peer.example".into()),
        protocol: Protocol::Raw,
        port: 80,
        ..Streamtype::default()
    };
    let (policy, streamtype) = (Arc::new(Policy::default()), Arc::new(streamtype));
    let (info, mut rng) = (Info::default(), Rng::from_run(1));
    let mut stream = Stream::new(Instant::ZERO, &policy, &streamtype, &info).unwrap();
    drain(&mut stream, &mut rng);
    stream.connect(Instant::ZERO).unwrap();
    drain(&mut stream, &mut rng);
    stream.handle_event(Instant::ZERO, &mut rng, pool::Event::Opened);
    drain(&mut stream, &mut rng);
    let before = held();
    let mut most = 0;
    for tag in 0..10 {
        stream.send(Instant::ZERO, b"x", Flags::NONE).unwrap();
        stream.handle_event(Instant::ZERO, &mut rng, pool::Event::SentThrough(tag));
        most = most.max(held() - before);
        drain(&mut stream, &mut rng);
    }
    most.max(held() - before)
}
