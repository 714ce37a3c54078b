//! Connections that share one bottleneck.

use crate::vecs::Vecs;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_impair::{Direction, Impairment};
use mainstay_tcp::congestion::{AnyCc, any};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::{
    Config, Endpoint, Engine, FastOpen, Handle, Host, Ingress, Listener, Meta, Path, Push,
    Settings, SettingsOf, Slot,
};
use mainstay_wire::ip::Ecn;

type Chosen = Host<Vec<u8>, RingQueue<Vec<u8>>, (), AnyCc>;

/// A sender and a receiver of its own.
struct Flow {
    ends: [(Engine<Vecs<Chosen>>, Handle); 2],
    received: u64,
}

const ADDRESSES: [&str; 2] = ["198.18.0.1", "198.18.0.2"];

impl Flow {
    fn new(config: any::Config, seed: u64) -> Self {
        let ends = [0, 1].map(|which| {
            let mut settings: SettingsOf<Chosen> = Settings::host(config);
            settings.pacing = false;
            let settings = &*Box::leak(Box::new(settings));
            let mut engine = Engine::<Vecs<Chosen>>::new(
                Config::default(),
                Rng::from_run(seed + which),
                vec![Slot::default()],
                vec![Listener::default()],
                Scan::default(),
            );
            let room = vec![0; 1 << 19];
            let queue = RingQueue::new(vec![0; 1 << 19]);
            let handle = engine.attach(Endpoint::new(room, queue, settings, ()).unwrap()).unwrap();
            (engine, handle)
        });
        let mut flow = Self { ends, received: 0 };
        let server = SocketAddr::new(ADDRESSES[1].parse().unwrap(), 80);
        flow.ends[1].0.listen(server).unwrap();
        flow
    }

    fn connect(&mut self, now: Instant) {
        let source = ADDRESSES[0].parse().unwrap();
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1500 });
        let server = SocketAddr::new(ADDRESSES[1].parse().unwrap(), 80);
        let (engine, handle) = &mut self.ends[0];
        engine.at(now, *handle).unwrap().connect(server, FastOpen::No, &mut paths).unwrap();
    }

    /// The sender always has more, and the receiver takes all.
    fn application(&mut self, now: Instant, bytes: &mut [u8]) {
        let (engine, handle) = &mut self.ends[0];
        while engine.poll_event().is_some() {}
        let _full = engine.at(now, *handle).unwrap().write(bytes, Push::Now);
        let (engine, handle) = &mut self.ends[1];
        while engine.poll_event().is_some() {}
        while let Ok(count @ 1..) = engine.at(now, *handle).unwrap().read(bytes) {
            self.received += u64::try_from(count).unwrap();
        }
    }
}

/// Flows over one link; what each got between `from` and the end, in bytes.
fn share(configs: &[any::Config], link: &Impairment, from: Duration, end: Duration) -> Vec<u64> {
    let mut rng = Rng::from_run(65);
    let mut links = [0, 1].map(|_| Direction::<(Ecn, usize)>::new(link.clone(), rng.fork()));
    let start = Instant::from_millis(1000);
    let mut now = start;
    let mut flows: Vec<Flow> =
        configs.iter().zip(0..).map(|(config, n)| Flow::new(*config, 10 * n)).collect();
    // The second comes when the first has what it wants.
    let mut coming = flows.len();
    let mut before = vec![0; flows.len()];
    let mut bytes = vec![1; 1 << 16];
    loop {
        let due = |n: usize| start + Duration::from_millis(1500) * u32::try_from(n).unwrap();
        let count = flows.len();
        if coming > 0 && now >= due(count - coming) {
            flows[count - coming].connect(now);
            coming -= 1;
        }
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for (n, flow) in flows.iter_mut().enumerate() {
                flow.application(now, &mut bytes);
                for (which, (engine, _)) in flow.ends.iter_mut().enumerate() {
                    while let Some(out) = engine.poll_transmit(now) {
                        let packet = [out.header, &out.payload.as_slice().concat()].concat();
                        let _verdict = links[which].handle_input(now, &packet, (out.ecn, n));
                        quiet = false;
                    }
                }
            }
            let mut packet = Vec::new();
            for (which, link) in links.iter_mut().enumerate() {
                while let Some((ecn, n)) = link.poll_transmit(now, &mut packet) {
                    quiet = false;
                    let ends = ADDRESSES.map(|text| text.parse().unwrap());
                    let (source, destination) = (ends[which], ends[1 - which]);
                    let meta =
                        Meta { source, destination, ecn, unit: None, verified: true, mtu: 1500 };
                    let (engine, handle) = &mut flows[n].ends[1 - which];
                    if let Ingress::Incoming(incoming) = engine.handle_segment(now, &meta, &packet)
                    {
                        incoming.accept(*handle).unwrap();
                    }
                }
            }
        }
        let timers =
            flows.iter().flat_map(|flow| flow.ends.iter().map(|end| end.0.next_deadline()));
        let arrivals = links.iter().map(Direction::poll_timeout);
        let next = timers.chain(arrivals).flatten().min();
        let next = next.into_iter().chain((coming > 0).then(|| due(count - coming))).min();
        let next = next.unwrap().max(now);
        if now < start + from && next >= start + from {
            before = flows.iter().map(|flow| flow.received).collect();
        }
        if next >= start + end {
            return flows.iter().zip(before).map(|(flow, before)| flow.received - before).collect();
        }
        now = next;
        for (engine, _) in flows.iter_mut().flat_map(|flow| &mut flow.ends) {
            engine.handle_timeout(now);
        }
    }
}

/// Jain's index in thousandths: 1000 is the same for all.
fn jain(shares: &[u64]) -> u64 {
    let sum: u128 = shares.iter().map(|share| u128::from(*share)).sum();
    let squares: u128 = shares.iter().map(|share| u128::from(*share).pow(2)).sum();
    u64::try_from(sum * sum * 1000 / (squares * shares.len() as u128)).unwrap()
}

/// 10 Mbit/s, 40 ms, and a queue of their product.
fn bottleneck() -> Impairment {
    let delay = Duration::from_millis(20);
    Impairment { rate: Some(10_000_000), queue_bytes: 50_000, delay, ..Impairment::default() }
}

fn fair(configs: [any::Config; 2]) {
    let seconds = Duration::from_secs;
    let shares = share(&configs, &bottleneck(), seconds(20), seconds(80));
    let used = shares.iter().sum::<u64>() * 8 * 100 / (10_000_000 * 60);
    println!("{configs:?}: {shares:?} bytes in a minute, Jain's index {} of 1000", jain(&shares));
    assert!(jain(&shares) >= 900, "{shares:?}");
    assert!(used >= 85, "{used} % of the link");
}

// S-65, with our own on both sides
// Covers TCP-252
#[test]
fn two_of_cubic_share_a_bottleneck_evenly() {
    fair([any::Config::Cubic(Default::default()); 2]);
}

// S-65, with our own on both sides
// Covers TCP-252
#[test]
fn where_the_product_is_small_cubic_leaves_newreno_its_share() {
    fair([any::Config::NewReno(Default::default()), any::Config::Cubic(Default::default())]);
}
