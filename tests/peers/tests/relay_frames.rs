//! The relay of frames between two kernels: what it says it does to them is what ping and iperf3 see.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_test_support::{Peer, Ready, Site, built, program};

/// chosen: as long as the overshoot of a first slow start at 100 Mbit/s and 50 ms.
const LONG_PATH: &str = "rate=100M,delay=25ms,queue=2M";

/// Two kernels with an address each, and a relay between them.
struct Path {
    a: Site,
    b: Site,
    relay: Peer,
    between: Option<Site>,
}

fn ip(site: &Site, command: &str) {
    let args: Vec<&str> = command.split_whitespace().collect();
    let _silent = site.run(&program("ip", "iproute2"), &args).ok();
}

fn start(site: &Site, ports: &[String; 2], args: &[&str]) -> Peer {
    let all = [&["--a", &ports[0], "--b", &ports[1]], args].concat();
    site.start("relay", &built("relay"), &all, &Ready::Line("ready".to_owned()))
}

fn give_addresses(a: &Site, b: &Site, interface: &str) {
    for (site, number) in [(a, 1), (b, 2)] {
        ip(site, &format!("addr add 10.78.0.{number}/24 dev {interface}"));
        ip(site, &format!("addr add fd78::{number}/64 dev {interface} nodad"));
        ip(site, &format!("link set {interface} up"));
    }
}

impl Path {
    /// Over a TAP in each namespace.
    fn taps(test: &str, args: &[&str]) -> Self {
        let (a, b) = (Site::namespace(test), Site::namespace(test));
        let ports = [&a, &b].map(|site| format!("tap:net@{}", site.network_name()));
        let relay = start(&a, &ports, args);
        give_addresses(&a, &b, "net");
        Self { a, b, relay, between: None }
    }

    /// Over a veth into each namespace, whose other ends are in a third.
    fn veths(test: &str, args: &[&str]) -> Self {
        let (a, b) = (Site::namespace(test), Site::namespace(test));
        let between = Site::namespace(test);
        for (site, end) in [(&a, "to-a"), (&b, "to-b")] {
            let there = site.network_name();
            ip(&between, &format!("link add {end} type veth peer name net netns {there}"));
            ip(&between, &format!("link set {end} up"));
        }
        give_addresses(&a, &b, "net");
        let ports = ["to-a", "to-b"].map(|end| format!("if:{end}@{}", between.network_name()));
        let relay = start(&between, &ports, args);
        Self { a, b, relay, between: Some(between) }
    }

    /// Pings b from a, ten times in half a second; what it says.
    fn ping(&self, target: &str) -> String {
        let args = ["-c", "10", "-i", "0.05", "-W", "1", target];
        self.a.run(&program("ping", "iputils-ping"), &args).stdout
    }

    fn order(&mut self, order: &str) {
        self.relay.type_in(&format!("{order}\n"));
        self.relay.wait_for(&format!("ok {order}"));
    }

    /// The relay's last word: the value of a counter, from a to b.
    fn counter(&mut self, name: &str) -> u64 {
        if self.relay.is_running() {
            self.relay.type_in("stop\n");
            assert_eq!(self.relay.wait_end(), Some(0));
        }
        let log = self.relay.log();
        let line = log.lines().rfind(|line| line.starts_with("ok ab: ")).unwrap();
        let found = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.unwrap().parse().unwrap()
    }

    /// Mbit/s that iperf3 got through from a to b.
    fn throughput(&self, target: &str) -> f64 {
        let iperf = program("iperf3", "iperf3");
        let _server = self.b.start("iperf3", &iperf, &["-s", "-1"], &Ready::Port(5201));
        let args = ["-c", target, "-t", "5", "-O", "1", "-C", "cubic", "-J"];
        let said: serde_json::Value =
            serde_json::from_str(&self.a.run(&iperf, &args).ok()).unwrap();
        said["end"]["sum_received"]["bits_per_second"].as_f64().unwrap() / 1e6
    }
}

/// The shortest, average and longest round trip of ping's last line, in milliseconds.
fn round_trips(said: &str) -> Vec<f64> {
    let line = said.lines().rfind(|line| line.starts_with("rtt ")).unwrap();
    let numbers = line.split(" = ").nth(1).unwrap().split('/');
    numbers.take(3).map(|number| number.parse().unwrap()).collect()
}

fn assert_is_50_ms(said: &str) {
    let shortest = round_trips(said)[0];
    assert!((50.0..55.0).contains(&shortest), "{said}");
    assert!(said.contains(" 0% packet loss"), "{said}");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn delay_is_what_ping_sees_and_loss_of_one_direction_takes_all() {
    let mut path = Path::taps("relay-ping", &["--both", "delay=25ms", "--offload", "off"]);
    let _learned = path.ping("10.78.0.2"); // Neighbours are asked for, too.
    assert_is_50_ms(&path.ping("10.78.0.2"));
    let _learned = path.ping("fd78::2");
    assert_is_50_ms(&path.ping("fd78::2"));
    path.order("ab loss=100%");
    let said = path.ping("10.78.0.2");
    assert!(said.contains("100% packet loss"), "{said}");
    path.order("ab nth=2");
    let said = path.ping("10.78.0.2");
    assert!(["40%", "50%", "60%"].iter().any(|share| said.contains(share)), "{said}");
    path.order("ab duplicate=100%");
    let said = path.ping("10.78.0.2");
    assert!(said.contains("+9 duplicates") || said.contains("+10 duplicates"), "{said}");
    assert!(path.counter("lost") >= 14);
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn damage_is_caught_by_the_kernel_unless_the_checksum_was_fixed() {
    let corrupt = "corrupt=100%,after=42"; // After ICMP's header.
    let mut path = Path::taps("relay-damage", &["--offload", "off"]);
    assert!(path.ping("10.78.0.2").contains(" 0% packet loss"));
    path.order(&format!("ab {corrupt}"));
    let said = path.ping("10.78.0.2");
    assert!(said.contains("100% packet loss"), "{said}");
    path.order(&format!("ab {corrupt},fix-checksum"));
    let said = path.ping("10.78.0.2");
    assert!(said.contains("wrong data byte") || said.contains("invalid tv_usec"), "{said}");
    assert!(said.contains(" 0% packet loss"), "{said}");
    assert!(path.counter("corrupted") >= 20);
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_long_path_of_ipv4_is_filled() {
    let mut path = Path::taps("relay-v4", &["--both", LONG_PATH]);
    let rate = path.throughput("10.78.0.2");
    assert!((85.0..100.0).contains(&rate), "{rate} Mbit/s; {}", path.relay.log());
    // The kernel left its segments whole, and they took their time all the same.
    assert!(path.counter("segments") > path.counter("out"));
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_long_path_of_ipv6_is_filled_by_single_segments() {
    let path = Path::taps("relay-v6", &["--both", LONG_PATH, "--offload", "off"]);
    let rate = path.throughput("fd78::2");
    assert!((85.0..100.0).contains(&rate), "{rate} Mbit/s; {}", path.relay.log());
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn packet_sockets_on_veths_do_as_well_and_what_passed_is_captured() {
    let mut path = Path::veths("relay-veth", &["--both", LONG_PATH, "--pcap", "seen"]);
    let _learned = path.ping("fd78::2");
    assert_is_50_ms(&path.ping("fd78::2"));
    let rate = path.throughput("fd78::2");
    assert!((85.0..100.0).contains(&rate), "{rate} Mbit/s; {}", path.relay.log());
    assert!(path.counter("out") > 100);
    let folder = path.between.as_ref().unwrap().dir();
    for end in ["seen-a.pcap", "seen-b.pcap"] {
        let bytes = std::fs::read(folder.join(end)).unwrap();
        assert_eq!(bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
        assert!(bytes.len() > 30_000_000, "{}", bytes.len());
    }
}
