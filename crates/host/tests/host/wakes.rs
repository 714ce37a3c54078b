//! Other threads: wakes, the resolver, the driver's own thread, another event loop.

use crate::puppet::{Puppet, connect, driver, listen, until};
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use mainstay_host::{Config, Driver, spawn};
use mainstay_node::{Request, ResolveId, Resolved};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

#[test]
fn many_wakes_before_a_turn_are_one() {
    let mut driver = driver();
    driver.turn(Some(Duration::ZERO)).unwrap();
    let waker = driver.waker();
    let wakers: Vec<_> = (0..4)
        .map(|_| {
            let waker = waker.clone();
            let wakes = move || (0..1000).for_each(|_| waker.wake());
            thread::Builder::new().spawn(wakes).unwrap()
        })
        .collect();
    for waker in wakers {
        waker.join().unwrap();
    }
    driver.turn(None).unwrap();
    assert_eq!((driver.machine().wakes, driver.counters().wakes), (1, 1));
    let before = driver.counters().turns;
    driver.turn(Some(Duration::from_millis(30))).unwrap();
    assert_eq!((driver.machine().wakes, driver.counters().turns - before), (1, 1));
    waker.wake();
    driver.turn(None).unwrap();
    assert_eq!(driver.machine().wakes, 2);
}

#[test]
fn no_wake_is_lost_while_turns_run() {
    const COUNT: usize = 5000;
    let mut driver = driver();
    let waker = driver.waker();
    let [posted, taken] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let (post, took) = (Arc::clone(&posted), Arc::clone(&taken));
    let poster = move || {
        for count in 1..=COUNT {
            post.store(count, Ordering::Release);
            waker.wake();
            // A second wake at a random moment of the turn must not swallow the next first one.
            waker.wake();
            while took.load(Ordering::Acquire) < count {
                thread::yield_now();
            }
        }
    };
    let poster = thread::Builder::new().spawn(poster).unwrap();
    while taken.load(Ordering::Acquire) < COUNT {
        let (wakes, start) = (driver.machine().wakes, driver.now());
        driver.turn(Some(Duration::from_secs(5))).unwrap();
        assert!(driver.now().since(start) < Duration::from_secs(5), "a wake was lost");
        assert_eq!(driver.machine().wakes, wakes + 1);
        taken.store(posted.load(Ordering::Acquire), Ordering::Release);
    }
    poster.join().unwrap();
}

/// Asks for a name and waits for the answer.
fn resolve(driver: &mut Driver<Puppet>, name: &str) -> Resolved {
    let request = Request::Resolve { id: ResolveId(9), name: name.into() };
    driver.machine_mut().resolved.clear();
    driver.machine_mut().ask(request);
    until(driver, |puppet| !puppet.resolved.is_empty());
    let (id, answer) = driver.machine_mut().resolved.remove(0);
    assert_eq!(id, ResolveId(9));
    answer
}

// The part of DNS-001 that is the platform's resolver: on a thread, answers through the loop.
// Covers DNS-001
#[test]
fn the_platform_resolves_on_another_thread() {
    let mut driver = driver();
    driver.machine_mut().ask(Request::Resolve { id: ResolveId(9), name: "localhost".into() });
    driver.pump();
    assert!(driver.machine().resolved.is_empty(), "it was answered on the loop");
    until(&mut driver, |puppet| !puppet.resolved.is_empty());
    let (_, Resolved::Addresses(addresses)) = &driver.machine().resolved[0] else { unreachable!() };
    assert!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback));
    assert_eq!(driver.machine().wakes, 0);
}

#[test]
fn a_hook_answers_before_the_platform() {
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let hook = move |name: &str| match name {
        "known.test" => Some(Resolved::Addresses(vec![address])),
        "gone.test" => Some(Resolved::NoSuchName),
        _ => None,
    };
    let config = Config { resolver: Some(Box::new(hook)), ..Config::default() };
    let mut driver = Driver::new(config, Puppet::default()).unwrap();
    assert_eq!(resolve(&mut driver, "known.test"), Resolved::Addresses(vec![address]));
    assert_eq!(resolve(&mut driver, "gone.test"), Resolved::NoSuchName);
    assert!(matches!(resolve(&mut driver, "localhost"), Resolved::Addresses(_)));
}

#[test]
fn a_full_queue_of_names_is_answered_and_every_question_once() {
    let config = Config { resolve_max: 1, ..Config::default() };
    let mut driver = Driver::new(config, Puppet::default()).unwrap();
    for id in 0..50 {
        let request = Request::Resolve { id: ResolveId(id), name: "localhost".into() };
        driver.machine_mut().ask(request);
    }
    until(&mut driver, |puppet| puppet.resolved.len() == 50);
    let mut ids: Vec<_> = driver.machine().resolved.iter().map(|(id, _)| id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..50).collect::<Vec<_>>());
    let refused = driver.machine().resolved.iter();
    assert!(refused.filter(|(_, answer)| *answer == Resolved::Unanswered).count() > 0);
}

#[test]
fn a_thread_of_its_own_runs_the_driver_until_it_is_stopped() {
    let (listener, address) = listen();
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = SetOnDrop(Arc::clone(&dropped));
    let running = spawn("device", move || {
        let mut driver = Driver::new(
            Config {
                wall: Some(Box::new(move || {
                    let _kept = &flag;
                    Duration::ZERO
                })),
                ..Config::default()
            },
            Puppet::default(),
        )?;
        assert_eq!(thread::current().name(), Some("device"));
        driver.machine_mut().open(1, address);
        Ok(driver)
    })
    .unwrap();
    let (peer, _) = listener.accept().unwrap();
    running.waker().wake();
    assert!(!running.is_over());
    running.stop().unwrap();
    assert!(dropped.load(Ordering::Acquire), "the driver outlived its thread");
    drop(peer);
}

/// Tells when it is dropped.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_driver_that_cannot_be_made_is_an_error_of_spawn() {
    let failed = spawn::<Puppet, _>("device", || Err(io::Error::other("no")));
    assert_eq!(failed.unwrap_err().to_string(), "no");
}

#[test]
fn dropping_a_running_driver_joins_its_thread() {
    let (alive, ended) = mpsc::channel::<()>();
    let running = spawn("device", move || {
        let wall = Box::new(move || {
            let _kept = &alive;
            Duration::ZERO
        });
        Driver::new(Config { wall: Some(wall), ..Config::default() }, Puppet::default())
    })
    .unwrap();
    drop(running);
    assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[test]
#[expect(deprecated, reason = "its successor is unsafe; what is registered owns its descriptor")]
fn a_readable_descriptor_and_the_deadline_are_all_another_loop_needs() {
    use tokio::io::{Interest, unix::AsyncFd};

    let (listener, address) = listen();
    let mut driver = driver();
    connect(&mut driver, 1, address);
    driver.machine_mut().line(1).echo = true;
    driver.machine_mut().line(1).room = 5000;
    let at = driver.now() + Duration::from_millis(100);
    driver.machine_mut().deadline = Some(at);
    driver.pump();
    let (mut peer, _) = listener.accept().unwrap();
    let client = thread::Builder::new()
        .spawn(move || {
            use io::{Read, Write};
            let mut message = [9; 30_000];
            for _ in 0..100 {
                peer.write_all(&message).unwrap();
                peer.read_exact(&mut message).unwrap();
            }
        })
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let turns = runtime.block_on(async {
        let poll = driver.as_fd().try_clone_to_owned().unwrap();
        let poll = AsyncFd::with_interest(poll, Interest::READABLE).unwrap();
        let mut waits = 0;
        while driver.machine().lines[&1].eofs == 0 || driver.machine().timeouts.is_empty() {
            let wait = driver.deadline().map_or(Duration::from_secs(5), |at| at - driver.now());
            if let Ok(guard) = tokio::time::timeout(wait, poll.readable()).await {
                guard.unwrap().clear_ready();
            }
            driver.turn(Some(Duration::ZERO)).unwrap();
            waits += 1;
            assert!(waits < 100_000, "it spins");
        }
        waits
    });
    client.join().unwrap();
    assert!(turns >= 100);
    assert!(driver.machine().timeouts[0] >= at);
    assert_eq!(driver.counters().bytes_written, 3_000_000);
}
