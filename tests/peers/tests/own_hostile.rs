//! Bad company for our own TCP on a link with the kernel: floods, windows closed for long, and paths that swallow what is big.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "the kernel's side and the attacker are threads")]

use core::net::{IpAddr, Ipv4Addr};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use mainstay_base::Rng;
use mainstay_host::link::{Link, Offload, Sent};
use mainstay_peer_tests::own::{
    BEHIND, KERNEL, LINK, Lan, OURS, Shape, Stack, listener, narrow, taking, talk,
};
use mainstay_peer_tests::pressure::is_full;
use mainstay_tcp::{Disconnected, FastOpenPolicy, Handle, Push, State};
use mainstay_test_support::{Site, program};
use mainstay_wire::ethernet::{EtherType, Header as Ethernet, Mac};
use mainstay_wire::ip::Protocol;
use mainstay_wire::ipv4;
use mainstay_wire::tcp::{Flags, HEADER_MAX, Header, Options, Timestamps, write_checksum};
use std::io::{IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

const KIB: u64 = 1 << 10;

/// A SYN from a place that is drawn, as a frame for us.
fn spoofed(rng: &mut Rng, to: Mac, port: u16) -> Vec<u8> {
    let drawn = rng.next_u32();
    let [a, b, c, d] = drawn.to_be_bytes();
    let source = Ipv4Addr::new(20 + a % 70, b, c, d.clamp(1, 254));
    let IpAddr::V4(destination) = OURS[0] else { return Vec::new() };
    let header = Header {
        source: 1024 + u16::from_be_bytes([a, d]) / 2,
        destination: port,
        sequence: rng.next_u32(),
        flags: Flags::SYN,
        window: 64_240,
        options: Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: (d % 2 == 0).then_some(Timestamps { value: drawn, echo: 0 }),
            ..Options::default()
        },
        ..Header::default()
    };
    let mut segment = vec![0; HEADER_MAX];
    let len = header.emit(&mut segment).unwrap();
    segment.truncate(len);
    write_checksum(source.into(), destination.into(), &mut segment).unwrap();
    let network =
        ipv4::Header::new(source, destination, Protocol::TCP, u16::try_from(len).unwrap());
    let from = Mac([2, 0, 0, 0, 0, 0x66]);
    let link = Ethernet { destination: to, source: from, tag: None, ethertype: EtherType::IPV4 };
    let mut frame = vec![0; 34];
    link.emit(&mut frame).unwrap();
    network.emit(&mut frame[14..]).unwrap();
    frame.extend_from_slice(&segment);
    frame
}

/// Where the kernel sends what is for us.
fn station(lan: &Lan) -> Mac {
    let said = lan.ip(&format!("neigh show {}", OURS[0]));
    let words: Vec<&str> = said.split_whitespace().collect();
    let place = words.iter().position(|word| *word == "lladdr").unwrap();
    let bytes: Vec<u8> =
        words[place + 1].split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    Mac(bytes.try_into().unwrap())
}

/// Kilobytes of this process that are in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What the honest clients saw.
#[derive(Debug, Default)]
struct Served {
    count: usize,
    /// How many of them had to ask a second time, which the kernel does after a second.
    again: usize,
    slowest: Duration,
    sum: Duration,
}

/// Connects again and again while `going`, asks, and is answered.
fn clients(port: u16, going: &AtomicBool) -> Served {
    let mut served = Served::default();
    while going.load(Ordering::Relaxed) {
        let start = Instant::now();
        let address = (OURS[0], port).into();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(15)).unwrap();
        let took = start.elapsed();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        stream.write_all(b"question").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        assert_eq!(said, b"answer");
        served.count += 1;
        served.again += usize::from(took > Duration::from_millis(900));
        served.slowest = served.slowest.max(took);
        served.sum += took;
        thread::sleep(Duration::from_millis(10));
    }
    served
}

/// Half-open connections of one listener before its handshakes are kept without memory: half of `Config::backlog`.
const HALF_OPEN: usize = 64;

/// Kilobytes of one connection: what waits to be sent, what is received, and the rest of it.
const CONNECTION: u64 = 1024 + 64 + 16;

/// Answers whoever asks.
fn serve(stack: &mut Stack, listener: mainstay_tcp::ListenerHandle, guests: &mut Vec<Handle>) {
    let (now, network) = stack.network_mut();
    guests.extend(core::iter::from_fn(|| network.accept(listener, 0)));
    guests.retain(|guest| {
        let mut bytes = [0; 512];
        let mut live = network.at(now, *guest).unwrap();
        if live.read(&mut bytes).is_ok_and(|count| count > 0) {
            live.write(b"answer", Push::Now).unwrap();
            live.finish().unwrap();
        }
        let over = live.endpoint().is_none_or(|endpoint| endpoint.state() == State::Closed);
        if over {
            network.release(now, *guest);
        }
        !over
    });
}

/// So many SYNs, as fast as they are taken: never more are under way than the interface's queue has room for.
fn attack(to: Mac, port: u16, count: u64, taken: &AtomicU64) {
    let mut link = Link::packet(LINK, false).unwrap();
    let mut rng = Rng::from_run(51);
    let before = taken.load(Ordering::Relaxed);
    for sent in 0..count {
        let frame = spoofed(&mut rng, to, port);
        while sent > taken.load(Ordering::Relaxed) - before + 200 {
            thread::sleep(Duration::from_micros(100));
        }
        while link.send(Offload::default(), &[IoSlice::new(&frame)]).unwrap() == Sent::Full {
            thread::sleep(Duration::from_micros(100));
        }
    }
}

/// A listener of ours under attack, with honest clients, and what became of both.
struct Siege {
    stack: Stack,
    listener: mainstay_tcp::ListenerHandle,
    port: u16,
    guests: Vec<Handle>,
    taken: AtomicU64,
    /// The most connections at once that nobody had answered.
    half_open: usize,
}

impl Siege {
    fn turn(&mut self) {
        self.stack.turn(&mut []);
        serve(&mut self.stack, self.listener, &mut self.guests);
        let network = self.stack.network();
        self.taken.store(network.engine().counters().received, Ordering::Relaxed);
        self.half_open = self.half_open.max(network.half_open());
    }

    /// So many SYNs; by how many kilobytes the process grew after the first tenth of them, and what else is to be said.
    fn flood(&mut self, lan: &Lan, total: u64) -> (u64, String) {
        let going = AtomicBool::new(true);
        let port = self.port;
        let dropped = || {
            let said = lan.ip(&format!("-s -j link show {LINK}"));
            let all: serde_json::Value = serde_json::from_str(&said).unwrap();
            all[0]["stats64"]["tx"]["dropped"].as_u64().unwrap()
        };
        thread::scope(|scope| {
            let honest = scope.spawn(|| clients(port, &going));
            // The kernel knows where we are once somebody was served.
            let quiet = Instant::now();
            while quiet.elapsed() < Duration::from_millis(500) {
                self.turn();
            }
            let (to, before) = (station(lan), dropped());
            let start = Instant::now();
            // The counter is shared with the attacker, who is not to borrow all of this.
            let taken = std::sync::Arc::new(AtomicU64::new(self.taken.load(Ordering::Relaxed)));
            let seen = std::sync::Arc::clone(&taken);
            let attacker = scope.spawn(move || attack(to, port, total, &seen));
            let begun = taken.load(Ordering::Relaxed);
            let (mut warm, mut most) = (None, 0);
            while !attacker.is_finished() {
                self.turn();
                taken.store(self.taken.load(Ordering::Relaxed), Ordering::Relaxed);
                if warm.is_none() && taken.load(Ordering::Relaxed) > begun + total / 10 {
                    warm = Some(resident());
                }
                most = most.max(if warm.is_some() { resident() } else { 0 });
            }
            let took = start.elapsed();
            going.store(false, Ordering::Relaxed);
            while !honest.is_finished() {
                self.turn();
            }
            let served = honest.join().unwrap();
            attacker.join().unwrap();
            let (grown, network) = (most.saturating_sub(warm.unwrap()), self.stack.network());
            let said = format!(
                "{total} SYNs across a TAP in {took:?} ({} a second), {} dropped before us; {} of the kernel's connections \
                 served meanwhile, open after {:?} on average and {:?} at most, {} had to ask again; {} half open at most, {} \
                 connections now; memory grew by {grown} KiB; {:?}",
                total * 1000 / u64::try_from(took.as_millis()).unwrap(),
                dropped() - before,
                served.count,
                served.sum / u32::try_from(served.count).unwrap(),
                served.slowest,
                served.again,
                self.half_open,
                network.connection_count(),
                network.engine().counters(),
            );
            assert!(served.count >= 20, "{served:?}");
            // On a machine that has nothing else to do nobody asks twice; where it has, some do.
            assert!(served.again * 2 <= served.count, "{served:?}");
            assert!(self.half_open <= HALF_OPEN, "{}", self.half_open);
            assert_eq!(network.engine().counters().unanswered, 0);
            (grown, said)
        })
    }

    /// Until those who never answered are given up: 75 seconds and more after they came.
    fn forget(&mut self) {
        let start = Instant::now();
        while self.stack.network().half_open() > 0 {
            assert!(start.elapsed() < Duration::from_secs(150), "{:?}", self.stack.network());
            self.turn();
        }
    }
}

// S-51
// Covers TCP-530, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_kernels_clients_are_served_in_a_flood_of_syns() {
    Lan::run("hostile-flood", |lan| {
        let mut shape = Shape::new(false);
        // What the SYN-ACKs to nobody are sent to.
        shape.gateways = vec![KERNEL[0]];
        shape.receive_bytes = 64 << 10;
        let mut stack = Stack::open(lan, &shape);
        let port = lan.site().port();
        let listener = stack.listen(OURS[0], port);
        let (guests, taken) = (Vec::new(), AtomicU64::new(0));
        let mut siege = Siege { stack, listener, port, guests, taken, half_open: 0 };
        let bound = CONNECTION * u64::try_from(HALF_OPEN).unwrap();
        if !is_full() {
            let (grown, said) = siege.flood(lan, 60_000);
            println!("{said}");
            assert!(grown < bound, "{grown} KiB");
            return;
        }
        // Buffers of half-open connections are untouched pages at first. Once the first ones are given up, the allocator may
        // give the same again to the next, which it clears and thereby touches: their number times their size, once.
        let rounds = [1_000_000, 60_000, 60_000].map(|total| {
            let before = resident();
            let (grown, said) = siege.flood(lan, total);
            assert!(grown < bound, "{grown} KiB");
            siege.forget();
            let all = resident().saturating_sub(before);
            println!(
                "{said}; once they were forgotten, {all} KiB more than before the first of them"
            );
            all
        });
        assert!(rounds[1] < bound + 4096 && rounds[2] < 4096, "{rounds:?}");
    });
}

/// How long a window stays closed.
fn long() -> Duration {
    Duration::from_secs(if is_full() { 60 } else { 5 })
}

// Covers TCP-160, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_window_of_the_kernels_stays_closed_for_long_and_everything_arrives() {
    Lan::run("hostile-zero-theirs", |lan| {
        lan.set("ipv4/tcp_rmem", "4096 16384 16384");
        let mut stack = Stack::open(lan, &Shape::new(true));
        let (listener, port) = listener(KERNEL[1]);
        let kernel = taking(listener, |stream| {
            thread::sleep(long());
            talk(&stream, 0)
        });
        let mut flow = stack.connect((KERNEL[1], port).into(), 256 * KIB);
        flow.lasts = true;
        let mut flows = [flow];
        let start = Instant::now();
        let mut closed = Duration::ZERO;
        let mut last = start;
        while !kernel.is_finished() && start.elapsed() < long() + Duration::from_secs(15) {
            stack.turn(&mut flows);
            let facts = flows[0].facts(stack.network());
            let shut = facts.state == State::Established && facts.window == 0;
            closed += if shut { last.elapsed() } else { Duration::ZERO };
            last = Instant::now();
            if flows[0].sent() == 256 * KIB && facts.backlog == 0 && facts.flight == 0 {
                flows[0].lasts = false;
            }
        }
        assert_eq!(kernel.join().unwrap(), 256 * KIB);
        println!("closed for {closed:?} of {:?}", long());
        assert!(closed > long() * 3 / 4, "{closed:?}");
    });
}

// Covers TCP-470, TCP-474, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_window_of_ours_stays_closed_for_long_and_everything_arrives() {
    Lan::run("hostile-zero-ours", |lan| {
        let shape = Shape { receive_bytes: 16 << 10, ..Shape::new(true) };
        let mut stack = Stack::open(lan, &shape);
        let (listener, port) = listener(KERNEL[0]);
        let kernel = taking(listener, |stream| talk(&stream, 256 * KIB));
        let mut flows = [stack.connect((KERNEL[0], port).into(), 0)];
        flows[0].holds = true;
        let start = Instant::now();
        while start.elapsed() < long() {
            stack.turn(&mut flows);
        }
        let facts = flows[0].facts(stack.network());
        assert!(facts.window_in < 1500 && facts.unread > (16 << 10) - 1500, "{facts:?}");
        flows[0].holds = false;
        stack.run(&mut flows, |flows| flows[0].is_over());
        assert_eq!((flows[0].received(), kernel.join().unwrap()), (256 * KIB, 0));
    });
}

/// A router in front of a narrow link that says nothing of what it drops.
fn black_hole(test: &str) -> [Site; 2] {
    let [router, kernel] = narrow(test);
    let nft = program("nft", "nftables");
    let rules = "table inet quiet {\n chain out {\n type filter hook output priority 0\n \
                 icmp type destination-unreachable counter drop\n \
                 icmpv6 type packet-too-big counter drop\n }\n}\n";
    let _empty = router.run(&nft, &[rules]).ok();
    [router, kernel]
}

// S-55
// Covers TCP-179, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_router_that_swallows_big_packets_and_says_nothing_is_found_out() {
    for offload in [true, false] {
        let [router, kernel] = black_hole("hostile-hole");
        let mut shape = Shape::new(offload);
        shape.gateways = KERNEL.to_vec();
        let mut stack = Lan::over(&router, |lan| Stack::open(lan, &shape));
        // What the link has room for: found by falling back far below it and probing upwards.
        for (address, fits) in BEHIND.into_iter().zip([1260, 1240]) {
            let (port, heard) = Lan::over(&kernel, |_| {
                let (listener, port) = listener(address);
                (port, taking(listener, |stream| talk(&stream, 0)))
            });
            let mut flow = stack.connect((address, port).into(), 512 * KIB);
            flow.lasts = true;
            let mut flows = [flow];
            let start = Instant::now();
            let mut facts = flows[0].facts(stack.network());
            while flows[0].sent() < 512 * KIB || facts.queued > 0 {
                assert!(start.elapsed() < Duration::from_secs(15), "{facts:?}");
                stack.turn(&mut flows);
                facts = flows[0].facts(stack.network());
            }
            flows[0].lasts = false;
            stack.run(&mut flows, |flows| flows[0].is_over());
            assert_eq!(heard.join().unwrap(), 512 * KIB);
            println!("offload {offload}: through the hole in {:?}", start.elapsed());
            assert!(facts.mss <= fits, "{facts:?}");
            assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        }
        Lan::over(&router, |lan| {
            let nft = program("nft", "nftables");
            let said = lan.site().run(&nft, &["list", "ruleset"]).ok();
            assert!(!said.contains("packets 0 "), "the router had something to say: {said}");
        });
    }
}

/// Answers whoever asks until `done`.
fn answer(
    stack: &mut Stack,
    listener: mainstay_tcp::ListenerHandle,
    mut done: impl FnMut() -> bool,
) {
    let mut guests = Vec::new();
    stack.run_with(|stack| {
        serve(stack, listener, &mut guests);
        done() && guests.is_empty()
    });
}

// S-56
// Covers TCP-360, TCP-364, TCP-365, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_kernel_gets_our_cookie_and_then_sends_its_request_in_the_syn() {
    Lan::run("hostile-tfo-in", |lan| {
        lan.set("ipv4/tcp_fastopen", "1");
        let mut shape = Shape::new(true);
        shape.fast_open = FastOpenPolicy::Cookie;
        let mut stack = Stack::open(lan, &shape);
        for family in [0, 1] {
            let port = lan.site().port();
            let entrance = stack.listen(OURS[family], port);
            let before = lan.counter("TcpExtTCPFastOpenActive");
            for visit in 0..3_u64 {
                let url = if family == 0 {
                    format!("http://{}:{port}/", OURS[0])
                } else {
                    format!("http://[{}]:{port}/", OURS[1])
                };
                thread::scope(|scope| {
                    let args = ["--globoff", "--tcp-fastopen", "--http0.9", "-o", "page"];
                    let site = lan.site();
                    let curl = scope.spawn(move || site.curl(&[&args[..], &[&url]].concat()));
                    answer(&mut stack, entrance, || curl.is_finished());
                    let _empty = curl.join().unwrap().ok();
                });
                // The first one asks for a cookie, the others bring it along with their request.
                let active = lan.counter("TcpExtTCPFastOpenActive") - before;
                assert_eq!(active, visit, "connections with data in the SYN");
            }
        }
        assert_eq!(lan.counter("TcpExtTCPFastOpenActiveFail"), 0);
    });
}

// S-56
// Covers TCP-360, TCP-362, TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn we_get_the_kernels_cookie_and_then_send_our_request_in_the_syn() {
    Lan::run("hostile-tfo-out", |lan| {
        // Every listener takes data in SYNs, whatever it asked for.
        lan.set("ipv4/tcp_fastopen", "1027");
        let mut shape = Shape::new(true);
        shape.fast_open = FastOpenPolicy::Cookie;
        let mut stack = Stack::open(lan, &shape);
        for family in [0, 1] {
            let listener = TcpListener::bind((KERNEL[family], 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let before = lan.counter("TcpExtTCPFastOpenPassive");
            for visit in 0..3_u64 {
                let listener = listener.try_clone().unwrap();
                let kernel = taking(listener, |stream| talk(&stream, 3000));
                let flow = stack.connect_deferred((KERNEL[family], port).into(), 5000);
                let flow = stack.finish(flow);
                assert_eq!((flow.received(), kernel.join().unwrap()), (3000, 5000));
                assert!(matches!(
                    flow.ended(),
                    Some(Disconnected::TimeWait | Disconnected::Normal)
                ));
                let passive = lan.counter("TcpExtTCPFastOpenPassive") - before;
                assert_eq!(passive, visit, "connections with data in the SYN");
            }
        }
        assert_eq!(lan.counter("TcpExtTCPFastOpenPassiveFail"), 0);
    });
}
