//! An endpoint before, in and after its engine (TCP-010 to TCP-018, TCP-020).

use crate::bench::{Bench, OURS, PORT, Parts, Peer, THEIRS, Text, at, endpoint, settings};
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::{ArrayQueue, TxBuf as _, TxQueue as _};
use mainstay_tcp::{
    Config, Disconnected, Endpoint, Engine, Event, FastOpen, Listener, Path, Push, Settings, Slot,
    State, Std, Tables, TcpError,
};
use mainstay_wire::tcp::Flags;

// Covers TCP-010
#[test]
fn an_endpoint_begins_closed_with_nothing_armed_nothing_queued_and_nothing_to_tell() {
    let fresh = endpoint(7, settings());
    let facts = fresh.facts();
    assert_eq!((facts.state, facts.timers), (State::Closed, [None; 5]));
    assert_eq!((facts.queued, facts.unread, facts.out_of_order), (0, 0, 0));
    assert_eq!((facts.soft, facts.ended, facts.recovering_to), (None, None, None));
    let mut bench = Bench::new(0);
    *bench.engine.slots_mut() = vec![Slot::default()];
    let handle = bench.engine.attach(fresh).unwrap();
    assert_eq!(bench.engine.endpoint(handle).unwrap().context().name, 7);
    assert_eq!((bench.told(), bench.sent()), (vec![], vec![]));
    assert_eq!(bench.engine.next_deadline(), None);
}

// Covers TCP-010, TCP-082
#[test]
fn nobody_has_to_listen_to_what_is_told() {
    let mut bench = Bench::new(1);
    let mut peer = bench.accept(0, 4000);
    bench.send(0, b"question");
    bench.hears(&mut peer);
    bench.says(&mut peer, b"answer");
    let mut piece = [0; 10];
    assert_eq!(bench.live(0).read(&mut piece), Ok(6));
    bench.live(0).finish().unwrap();
    bench.hears(&mut peer);
    let fin = peer.header(Flags::ACK.with(Flags::FIN));
    assert!(bench.arrive(&fin, &[], None));
    assert_eq!(bench.state(0), State::TimeWait);
}

/// Memory that is borrowed.
struct Borrowing<'b>(core::marker::PhantomData<&'b ()>);

type BorrowingParts<'b> = Std<&'b mut [u8], ArrayQueue<&'b [u8], 2>, &'b str>;

impl<'b> Tables for Borrowing<'b> {
    type Profile = BorrowingParts<'b>;
    type Slots = [Slot<BorrowingParts<'b>>; 1];
    type Listeners = [Listener; 1];
    type Index = Scan;
    type Memory = ();
}

// Covers TCP-013, TCP-014, TCP-030
#[test]
fn what_an_endpoint_was_made_of_comes_back_in_whole_and_can_be_used_again() {
    let (mut storage, text) = ([0; 90], *b"text");
    let place = storage.as_ptr();
    let settings = &*Box::leak(Box::new(Settings::host(Default::default())));
    let endpoint = Endpoint::new(&mut storage[..], ArrayQueue::default(), settings, "mine");
    let slots = [Slot::default()];
    let mut engine = Engine::<Borrowing<'_>>::new(
        Config::default(),
        Rng::from_run(1),
        slots,
        [Listener::default()],
        Scan::default(),
    );
    let handle = engine.attach(endpoint.unwrap()).unwrap();
    let now = Instant::from_millis(50);
    let source: IpAddr = OURS.parse().unwrap();
    let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1500 });
    let mut live = engine.at(now, handle).unwrap();
    live.connect(at(THEIRS, PORT), FastOpen::No, &mut paths).unwrap();
    live.send(&text[..], Push::Now).unwrap();
    let (given, mut queue, context) = engine.detach(now, handle).unwrap().into_parts();
    assert_eq!((given.as_ptr(), given.len(), context), (place, 90, "mine"));
    assert_eq!(queue.reclaim().map(<[u8]>::as_ptr), Some(text.as_ptr()));
    assert_eq!(queue.reclaim(), None);
    storage.fill(1);
}

// Covers TCP-013
#[test]
fn storage_without_room_for_a_byte_is_refused() {
    let settings: &'static _ = Box::leak(Box::new(settings()));
    for (len, room) in [(0, None), (1, None), (2, Some(1)), (9, Some(8)), (10, Some(8))] {
        let made = Endpoint::<Parts>::new(
            vec![0; len],
            ArrayQueue::default(),
            settings,
            Default::default(),
        );
        assert_eq!(made.as_ref().map(Endpoint::capacity).ok(), room, "{len} bytes");
        if room.is_none() {
            assert_eq!(made.err(), Some(TcpError::BufferTooSmall));
        }
    }
}

// Covers TCP-011
#[test]
fn a_taken_place_refuses_a_second_endpoint_and_neither_is_changed() {
    let mut bench = Bench::new(1);
    let mut peer = bench.established(0);
    let place = bench.handles[0].slot();
    let refused = bench.engine.attach_at(place, endpoint(1, settings())).unwrap_err();
    assert_eq!((refused.context().name, refused.state()), (1, State::Closed));
    let refused = bench.engine.attach(refused).unwrap_err();
    assert!(bench.engine.attach_at(place + 1, refused).is_err(), "there is no such place");
    assert_eq!((bench.endpoint(0).context().name, bench.state(0)), (0, State::Established));
    bench.says(&mut peer, b"still here");
    assert_eq!(bench.endpoint(0).recv().concat(), b"still here");
}

// Covers TCP-014, TCP-064
#[test]
fn a_detached_endpoint_leaves_a_reset_its_buffers_and_no_word_behind() {
    let mut bench = Bench::new(1);
    let mut peer = bench.accept(0, 4000); // its beginning was not told yet either
    bench.says(&mut peer, b"unread");
    let (first, second) = (Text::new(b"first"), Text::new(b"second"));
    let places = [first.place(), second.place()];
    bench.live(0).send(first, Push::Now).unwrap();
    bench.hears(&mut peer);
    bench.live(0).send(second, Push::Now).unwrap();
    let handle = bench.handles[0];
    let mut gone = bench.engine.detach(bench.now, handle).unwrap();
    assert_eq!(gone.state(), State::Closed);
    let returned: Vec<_> = core::iter::from_fn(|| gone.reclaim()).collect();
    assert_eq!(returned.iter().map(Text::place).collect::<Vec<_>>(), places);
    drop(gone);
    // The reset does not need it any more (TCP-064).
    let out = bench.sent();
    assert_eq!(out.len(), 1);
    let (header, payload) = &out[0];
    assert_eq!((header.flags, header.sequence), (Flags::RST.with(Flags::ACK), peer.expects));
    assert_eq!((header.destination, payload.len()), (4000, 0));
    bench.pass(Duration::from_secs(1000));
    assert_eq!((bench.told(), bench.sent()), (vec![], vec![]));
    assert_eq!(bench.engine.next_deadline(), None);
    assert!(
        bench.engine.endpoint(handle).is_none() && bench.engine.at(bench.now, handle).is_none()
    );
}

// Covers TCP-064
#[test]
fn resets_that_find_no_room_are_dropped_and_counted() {
    let mut bench = Bench::new(40);
    for n in 0..40 {
        bench.accept(n, 5000 + u16::try_from(n).unwrap());
    }
    let handles = bench.handles.clone();
    for handle in handles {
        drop(bench.engine.detach(bench.now, handle).unwrap());
    }
    let left = bench.sent();
    assert!(left.iter().all(|(header, _)| header.flags.contains(Flags::RST)));
    assert!(!left.is_empty() && left.len() < 40, "{} resets", left.len());
    let dropped = bench.engine.counters().unanswered;
    assert_eq!(dropped + u64::try_from(left.len()).unwrap(), 40);
}

// Covers TCP-014, TCP-018
#[test]
fn a_detached_endpoint_can_be_attached_again_and_begins_anew() {
    for fetch in [true, false] {
        let mut bench = Bench::new(1);
        let mut peer = bench.accept(0, 4000);
        bench.send(0, b"of before");
        bench.says(&mut peer, b"unread of before");
        let mut own = bench.engine.detach(bench.now, bench.handles[0]).unwrap();
        let mut returned = 0;
        while fetch && own.reclaim().is_some() {
            returned += 1;
        }
        assert_eq!(returned, usize::from(fetch));
        bench.handles[0] = bench.engine.attach(own).unwrap();
        bench.sent();
        if !fetch {
            assert_eq!(bench.connect(0, FastOpen::No), Err(TcpError::InvalidState));
            let told = bench.told();
            assert!(matches!(&told[..], [Event::Reclaimed(text)] if text.bytes() == b"of before"));
        }
        assert_eq!(bench.told(), vec![]);
        let mut peer = bench.accept(0, 4001);
        assert_eq!(bench.told(), [Event::Accepted, Event::Established]);
        bench.send(0, b"of now");
        assert_eq!(bench.hears(&mut peer)[0].1, b"of now");
        assert_eq!(bench.endpoint(0).recv().concat(), b"");
    }
}

// Covers TCP-015
#[test]
fn detaching_what_is_gone_has_no_effect_on_what_took_its_place() {
    let mut bench = Bench::new(2);
    let old = bench.handles[0];
    assert!(bench.engine.detach(bench.now, old).is_some());
    assert!(bench.engine.detach(bench.now, old).is_none());
    bench.handles[0] = bench.engine.attach(endpoint(9, settings())).unwrap();
    assert_eq!(bench.handles[0].slot(), old.slot());
    let mut peer = bench.established(0);
    assert!(bench.engine.detach(bench.now, old).is_none());
    assert_eq!((bench.state(0), bench.sent()), (State::Established, vec![]));
    bench.says(&mut peer, b"unharmed");
    assert_eq!(bench.endpoint(0).recv().concat(), b"unharmed");
}

// Covers TCP-016
#[test]
fn the_context_is_what_was_given_in_every_state() {
    let mut bench = Bench::new(2);
    let is_own = |bench: &Bench| bench.endpoint(0).context().name == 0;
    let mut seen = vec![bench.state(0)];
    let note = |bench: &Bench, seen: &mut Vec<State>| {
        assert!(is_own(bench), "{:?}", bench.state(0));
        seen.push(bench.state(0));
    };
    bench.connect(0, FastOpen::Deferred).unwrap();
    note(&bench, &mut seen);
    bench.live(0).abort();
    bench.connect(0, FastOpen::No).unwrap();
    note(&bench, &mut seen);
    bench.live(0).abort();
    bench.told();
    let mut peer = bench.established(0);
    note(&bench, &mut seen);
    bench.live(0).finish().unwrap();
    note(&bench, &mut seen);
    bench.hears(&mut peer);
    bench.says(&mut peer, b"");
    note(&bench, &mut seen);
    bench.arrive(&peer.header(Flags::ACK.with(Flags::FIN)), &[], None);
    note(&bench, &mut seen);
    bench.live(0).context_mut().unwrap().name = 0;
    bench.pass(Duration::from_secs(100));
    note(&bench, &mut seen);
    assert_eq!(
        seen,
        [
            State::Closed,
            State::Armed,
            State::SynSent,
            State::Established,
            State::FinWait1,
            State::FinWait2,
            State::TimeWait,
            State::Closed
        ]
    );
    assert_eq!(bench.endpoint(1).context().name, 1);
}

// Covers TCP-017
#[test]
fn addresses_can_be_asked_for_always_and_stay_those_of_the_last_connection() {
    let mut bench = Bench::new(2);
    let none = bench.endpoint(0);
    assert!(none.local().ip().is_unspecified() && none.local().port() == 0);
    assert!(none.peer().ip().is_unspecified() && none.peer().port() == 0);
    bench.accept(0, 4000);
    bench.accept(1, 4001);
    let both = |bench: &Bench, n: usize| (bench.endpoint(n).local(), bench.endpoint(n).peer());
    assert_eq!(both(&bench, 0), (at(OURS, PORT), at(THEIRS, 4000)));
    assert_eq!(both(&bench, 1), (at(OURS, PORT), at(THEIRS, 4001)));
    bench.live(0).abort();
    assert_eq!(
        (bench.state(0), both(&bench, 0)),
        (State::Closed, (at(OURS, PORT), at(THEIRS, 4000)))
    );
    bench.told();
    bench.connect(0, FastOpen::No).unwrap();
    let (local, peer) = both(&bench, 0);
    assert_eq!((local.ip(), peer), (at(OURS, 0).ip(), at(THEIRS, PORT)));
    assert!(local.port() >= 49152, "the port that was chosen: {local}");
}

// Covers TCP-020
#[test]
fn an_address_and_port_that_were_bound_are_connected_from() {
    let mut bench = Bench::new(2);
    for (bound, from) in [
        (at(OURS, 7000), at(OURS, 7000)),
        (at("0.0.0.0", 7001), at(OURS, 7001)),
        (at(OURS, 0), at(OURS, 0)),
        (at("0.0.0.0", 0), at(OURS, 0)),
    ] {
        bench.live(0).bind(bound).unwrap();
        assert_eq!(bench.endpoint(0).local(), bound);
        bench.connect(0, FastOpen::No).unwrap();
        let local = bench.endpoint(0).local();
        assert_eq!(local.ip(), from.ip());
        if from.port() == 0 {
            assert!(local.port() >= 49152, "{local}");
        } else {
            assert_eq!(local, from);
        }
        assert_eq!(bench.sent()[0].0.source, local.port());
        let bound = bench.live(0).bind(at(OURS, 7002));
        assert_eq!((bound, bench.endpoint(0).local()), (Err(TcpError::InvalidState), local));
        bench.live(0).abort();
        bench.told();
        // The port that was chosen, or bound, was for that connection.
        bench.connect(0, FastOpen::No).unwrap();
        assert_ne!(bench.endpoint(0).local().port(), local.port());
        bench.live(0).abort();
        bench.told();
    }
}

// Covers TCP-020, TCP-021
#[test]
fn where_an_endpoint_is_bound_nobody_listens_until_it_is_connected() {
    let mut bench = Bench::new(1);
    bench.live(0).bind(at(OURS, 7000)).unwrap();
    for taken in [at(OURS, 7000), at("0.0.0.0", 7000)] {
        assert_eq!(bench.engine.listen(taken), Err(TcpError::AddrInUse), "{taken}");
    }
    let other = bench.engine.listen(at("198.18.0.99", 7000)).unwrap();
    bench.engine.stop(other);
    bench.connect(0, FastOpen::No).unwrap();
    assert!(bench.engine.listen(at(OURS, 7000)).is_ok());
}

// Covers TCP-020, TCP-025
#[test]
fn the_path_is_asked_for_from_the_address_that_was_bound() {
    let mut bench = Bench::new(1);
    bench.live(0).bind(at("198.18.0.77", 0)).unwrap();
    let mut asked = Vec::new();
    let mut paths = |peer: IpAddr, source: Option<IpAddr>| {
        asked.push((peer, source));
        None
    };
    let mut live = bench.engine.at(bench.now, bench.handles[0]).unwrap();
    assert_eq!(live.connect(at(THEIRS, PORT), FastOpen::No, &mut paths), Err(TcpError::NoRoute));
    assert_eq!(asked, [(at(THEIRS, 0).ip(), Some(at("198.18.0.77", 0).ip()))]);
    assert_eq!(bench.state(0), State::Closed);
}

// Covers TCP-198
#[test]
fn to_take_back_what_is_queued_abort_and_connect_again() {
    let mut bench = Bench::new(1);
    bench.connect(0, FastOpen::No).unwrap();
    bench.sent();
    bench.send(0, b"regretted");
    bench.live(0).abort();
    let told = bench.told();
    assert!(matches!(&told[0], Event::Reclaimed(text) if text.bytes() == b"regretted"));
    assert_eq!(told[1..], [Event::Disconnected(Disconnected::Reset)]);
    bench.connect(0, FastOpen::No).unwrap();
    let syn = bench.sent()[0].0;
    bench.send(0, b"meant");
    let mut answer = Peer { port: PORT, next: 500, expects: syn.sequence.wrapping_add(1) }
        .header(Flags::SYN.with(Flags::ACK));
    answer.destination = syn.source;
    assert!(bench.arrive(&answer, &[], None));
    let out: Vec<u8> = bench.sent().into_iter().flat_map(|(_, payload)| payload).collect();
    assert_eq!(out, b"meant");
}
