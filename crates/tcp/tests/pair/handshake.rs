//! Beginning and ending.

use crate::world::{World, pattern};
use core::time::Duration;
use mainstay_tcp::{Disconnected, Event, State};

const LONG: Duration = Duration::from_secs(300);

// S-01
#[test]
fn a_connect_takes_three_segments() {
    let mut world = World::ideal();
    world.listen();
    world.connect();
    assert!(
        world.run(LONG, |w| w.b.state() == State::Established && w.a.state() == State::Established)
    );
    assert_eq!(world.wire.len(), 3);
    assert_eq!(world.a.events, [Event::Established]);
    assert_eq!(world.b.events[..2], [Event::Accepted, Event::Established]);
}

// S-02
#[test]
fn nobody_listens_and_the_endpoint_can_be_used_again() {
    let mut world = World::ideal();
    world.connect();
    assert!(world.run(LONG, |w| !w.a.ended().is_empty()));
    assert_eq!(world.a.ended(), [Disconnected::Refused]);
    world.listen();
    world.connect();
    assert!(world.run(LONG, |w| w.a.state() == State::Established));
}

// S-27
#[test]
fn both_finish_at_once() {
    let mut world = World::ideal();
    world.listen();
    world.connect();
    assert!(world.run(LONG, |w| w.b.state() == State::Established));
    (world.a.finish, world.b.finish) = (true, true);
    assert!(world.run(LONG, |w| w.a.state() == State::Closed && w.b.state() == State::Closed));
    assert_eq!(world.a.ended(), [Disconnected::TimeWait, Disconnected::Normal]);
    assert_eq!(world.b.ended(), [Disconnected::TimeWait, Disconnected::Normal]);
}

// S-31
#[test]
fn after_a_half_close_the_other_direction_goes_on() {
    let mut world = World::ideal();
    world.listen();
    world.connect();
    world.a.finish = true;
    assert!(world.run(LONG, |w| w.b.state() == State::CloseWait));
    world.b.to_send = pattern(100 << 10);
    world.b.finish = true;
    assert!(world.run(LONG, |w| w.b.state() == State::Closed && w.a.state() == State::Closed));
    assert_eq!(world.a.received, world.b.to_send);
    assert_eq!(world.b.ended(), [Disconnected::Normal]);
}

// S-03
#[test]
fn silence_is_asked_less_and_less_often_and_then_given_up() {
    let mut lost = crate::world::delay(10);
    lost.loss = mainstay_impair::Loss::EveryNth(1);
    let mut world = World::new(1, lost.clone(), lost);
    world.connect();
    let start = world.now;
    assert!(world.run(LONG, |w| !w.a.ended().is_empty()));
    assert_eq!(world.a.ended(), [Disconnected::TimedOut]);
    let at: Vec<_> = world.wire.iter().map(|(at, ..)| (*at - start).as_millis()).collect();
    assert_eq!(at[..5], [0, 1000, 3000, 7000, 15000]);
    assert!((world.now - start).as_secs() >= 180, "{:?}", world.now - start);
}
