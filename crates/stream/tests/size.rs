//! What a stream costs in memory while it does nothing.
#![expect(unsafe_code, reason = "a global allocator that counts is unsafe by its trait")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use mainstay_base::{Instant, Rng};
use mainstay_policy::{Policy, Protocol, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::{Answer, Event, Flags, Info, Request, Stream};
use std::alloc::System;
use std::sync::Arc;

/// Counts what the thread that asks holds.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

fn held() -> usize {
    HELD.with(Cell::get)
}

// SAFETY: every call is passed on to the system's allocator unchanged; only a number is kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _gone = HELD.try_with(|held| held.set(held.get().wrapping_add(layout.size())));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let _gone = HELD.try_with(|held| held.set(held.get().wrapping_sub(layout.size())));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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

#[test]
fn a_connected_nailed_up_ws_stream_costs_less_than_five_hundred_bytes() {
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
    let cost = held().wrapping_sub(before);
    assert!(cost <= 480, "{cost} bytes");
    assert!(size_of::<Stream>() <= 480, "{} bytes", size_of::<Stream>());
}

#[test]
fn a_steady_exchange_allocates_nothing() {
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
    for tag in 0..10 {
        stream.send(Instant::ZERO, b"x", Flags::NONE).unwrap();
        stream.handle_event(Instant::ZERO, &mut rng, pool::Event::SentThrough(tag));
        assert_eq!(held(), before, "message {tag}");
        drain(&mut stream, &mut rng);
    }
    assert_eq!(held(), before);
}
