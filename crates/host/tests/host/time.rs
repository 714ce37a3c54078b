//! Deadlines and the wall clock.

use crate::puppet::{Puppet, driver};
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_host::{Config, Driver};

#[test]
fn a_deadline_is_kept_to_the_millisecond_never_early_and_told_once() {
    let mut driver = driver();
    driver.turn(Some(Duration::ZERO)).unwrap();
    for _ in 0..10 {
        let at = driver.now() + Duration::from_micros(10_300);
        driver.machine_mut().timeouts.clear();
        driver.machine_mut().deadline = Some(at);
        assert_eq!(driver.deadline(), Some(at));
        let before = driver.counters().turns;
        driver.turn(None).unwrap();
        let [told] = driver.machine().timeouts[..] else { unreachable!() };
        assert!(told >= at);
        // The kernel rounds up to one millisecond; the rest is what a loaded machine may add.
        assert!(told.since(at) < Duration::from_millis(50), "{:?} late", told.since(at));
        assert_eq!(driver.counters().turns - before, 1);
    }
}

#[test]
fn a_caller_who_was_busy_between_turns_does_not_oversleep() {
    let mut driver = driver();
    driver.turn(Some(Duration::ZERO)).unwrap();
    let at = driver.now() + Duration::from_millis(300);
    driver.machine_mut().deadline = Some(at);
    driver.turn(Some(Duration::ZERO)).unwrap();
    std::thread::sleep(Duration::from_millis(250));
    driver.turn(None).unwrap();
    let late = driver.machine().timeouts[0].since(at);
    assert!(late < Duration::from_millis(150), "{late:?} late");
}

#[test]
fn a_wait_shorter_than_the_deadline_ends_without_a_timeout() {
    let mut driver = driver();
    let at = driver.now() + Duration::from_secs(60);
    driver.machine_mut().deadline = Some(at);
    let start = driver.now();
    driver.turn(Some(Duration::from_millis(5))).unwrap();
    assert!(driver.now().since(start) >= Duration::from_millis(5));
    assert!(driver.machine().timeouts.is_empty());
}

#[test]
fn the_machine_is_told_the_wall_time_of_the_hook_at_the_start_and_each_second() {
    let wall = Duration::from_secs(1_700_000_000);
    let config = Config { wall: Some(Box::new(move || wall)), ..Config::default() };
    let mut driver = Driver::new(config, Puppet::default()).unwrap();
    assert_eq!(driver.wall(), wall);
    assert_eq!(driver.machine().walls, [wall]);
    driver.turn(Some(Duration::from_millis(1050))).unwrap();
    driver.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(driver.machine().walls, [wall, wall]);
}

#[test]
fn the_wall_clock_without_a_hook_is_the_systems() {
    // 2024-01-01, before which this was not written.
    assert!(driver().wall() > Duration::from_secs(1_704_067_200));
}

#[test]
fn time_starts_at_zero_and_never_goes_back() {
    let mut driver = driver();
    let mut last = Instant::ZERO;
    assert!(driver.now().since(last) < Duration::from_secs(5));
    for _ in 0..100 {
        driver.turn(Some(Duration::ZERO)).unwrap();
        assert!(driver.now() >= last);
        last = driver.now();
    }
}
