//! An engine that keeps nothing beside its endpoints.

use core::net::IpAddr;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::{
    Config, Endpoint, Engine, FastOpen, FastOpenPolicy, Listener, Path, Push, Settings, SettingsOf,
    Slot, Tables, Tiny,
};
use mainstay_wire::tcp::{Cookie, Header};

type Parts = Tiny<[u8; 600], RingQueue<[u8; 600]>>;

#[derive(Debug)]
struct Bare;

impl Tables for Bare {
    type Profile = Parts;
    type Slots = [Slot<Parts>; 1];
    type Listeners = [Listener; 1];
    type Index = Scan;
    type Memory = ();
}

/// The SYN of a deferred connect, and the length of its data.
fn begin(policy: FastOpenPolicy) -> (Header, usize) {
    let mut config = Config::default();
    config.fast_open = policy;
    let settings: &'static SettingsOf<Parts> =
        Box::leak(Box::new(Settings::tiny(Default::default())));
    let parts = ([Slot::default()], [Listener::default()], Scan::default());
    let mut engine = Engine::<Bare>::new(config, Rng::from_run(1), parts.0, parts.1, parts.2);
    let endpoint = Endpoint::new([0; 600], RingQueue::new([0; 600]), settings, ()).unwrap();
    let handle = engine.attach(endpoint).unwrap();
    let source: IpAddr = "fd00::1".parse().unwrap();
    let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1280 });
    let now = Instant::from_millis(1000);
    let mut live = engine.at(now, handle).unwrap();
    live.connect("[fd00::2]:80".parse().unwrap(), FastOpen::Deferred, &mut paths).unwrap();
    assert_eq!(live.write(b"hello", Push::Now), Ok(5));
    let out = engine.poll_transmit(now).unwrap();
    (Header::parse(out.header).unwrap().0, out.payload.len())
}

// Covers TCP-361, TCP-026
#[test]
fn without_memory_there_are_no_cookies_and_where_all_are_trusted_none_is_needed() {
    let (plain, len) = begin(FastOpenPolicy::Cookie);
    assert_eq!((plain.options.fast_open, len), (None, 0));
    let (open, len) = begin(FastOpenPolicy::Open);
    assert_eq!((open.options.fast_open, len), (Some(Cookie::REQUEST), 5));
}
