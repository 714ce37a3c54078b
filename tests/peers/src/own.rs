//! Our own stack on a link in a namespace, with the kernel's at the other end.
#![expect(
    clippy::disallowed_methods,
    reason = "links live in real time, and a namespace is entered by a thread made for it"
)]

mod exchange;
mod flow;
mod kernel;
mod narrow;
mod pattern;
mod routed;

pub use exchange::{accepted, coming, exchange, taking};
pub use flow::Flow;
pub use kernel::{Heard, converse, listener, negotiated, talk};
pub use narrow::narrow;
pub use pattern::Pattern;
pub use routed::{BEHIND, Routed};

use crate::pressure::is_full;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_host::link::enter_namespace;
use mainstay_host::own::{Wire, WireKind, WireOptions, send_all};
use mainstay_net::network::{Config, Event};
use mainstay_net::{Network, Prefix};
use mainstay_tcp::congestion::any;
use mainstay_tcp::{FastOpenPolicy, ListenerHandle, Settings};
use mainstay_test_support::{Deadline, Site, program, wait_until};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;
use std::thread;

/// The kernel's addresses on the link.
pub const KERNEL: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 18, 1, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x18, 1, 0, 0, 0, 0, 2)),
];

/// Ours, of the same networks.
pub const OURS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 18, 1, 10)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x18, 1, 0, 0, 0, 0, 0x10)),
];

/// The interface on which our stack is.
pub const LINK: &str = "own";

/// How long anything here waits.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One wait for frames. It bounds how late what the kernel's side did is noticed.
const TURN: Duration = Duration::from_millis(5);

/// A namespace whose kernel has a link to us.
#[derive(Clone, Debug)]
pub struct Lan {
    site: Site,
}

impl Lan {
    /// Makes a namespace with a TAP that nobody serves yet, and runs the test in a thread that is in it, with all it opens.
    pub fn run(test: &str, act: impl FnOnce(&Self) + Send) {
        let lan = Self { site: Site::namespace(test) };
        lan.add_link(&format!("tuntap add dev {LINK} mode tap"));
        lan.within(act);
    }

    /// A counter of the kernel's in this namespace, by the name that `nstat` has for it.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        let said = self.site.run(&program("nstat", "iproute2"), &["-asz", name]).ok();
        let line = said.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// As `run`, in a namespace that is there.
    pub fn over<R: Send>(site: &Site, act: impl FnOnce(&Self) -> R + Send) -> R {
        Self { site: site.clone() }.within(act)
    }

    fn within<R: Send>(&self, act: impl FnOnce(&Self) -> R + Send) -> R {
        let network = self.site.network().unwrap();
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                enter_namespace(&network).unwrap();
                act(self)
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The kernel is not to ask whether others have its IPv6 addresses, on links that come from now on: that takes it 2 s.
    pub fn trust_addresses(&self) {
        self.set("ipv6/conf/all/accept_dad", "0");
        self.set("ipv6/conf/default/accept_dad", "0");
        self.set("ipv6/conf/default/router_solicitations", "0");
    }

    /// Adds a link as `ip` says it, gives it the kernel's addresses and brings it up.
    pub fn add_link(&self, how: &str) {
        self.trust_addresses();
        self.ip(how);
        self.give_addresses();
    }

    /// Gives the link that is there the kernel's addresses and brings it up.
    pub fn give_addresses(&self) {
        self.ip(&format!("addr add {}/24 dev {LINK}", KERNEL[0]));
        self.ip(&format!("link set {LINK} up"));
        self.ip(&format!("addr add {}/64 dev {LINK} nodad", KERNEL[1]));
    }

    /// The place.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// What `ip` says.
    pub fn ip(&self, command: &str) -> String {
        let args: Vec<&str> = command.split_whitespace().collect();
        self.site.run(&program("ip", "iproute2"), &args).ok()
    }

    /// Sets a switch of this namespace's kernel: `ipv4/tcp_sack`.
    pub fn set(&self, name: &str, value: &str) {
        std::fs::write(format!("/proc/sys/net/{name}"), value).unwrap();
    }

    /// How fast the kernel sends to us: cubic, bbr, reno.
    pub fn congestion(&self, name: &str) {
        self.ip(&format!("route replace 198.18.1.0/24 dev {LINK} congctl {name}"));
        self.ip(&format!("-6 route replace fd00:18:1::/64 dev {LINK} metric 256 congctl {name}"));
    }

    /// Waits until nobody holds the TAP any more: what another test starts holds what is open here, until it becomes its
    /// program.
    pub fn wait_free(&self) {
        let served = || self.ip(&format!("link show {LINK}")).contains("LOWER_UP");
        assert!(wait_until(PATIENCE, || !served()));
    }

    /// Waits until the kernel has noticed that the link is served; before, it drops what it sends.
    pub fn wait_up(&self) {
        let shown = || self.ip(&format!("link show {LINK}"));
        let up = || shown().contains("state UP") || shown().contains("state UNKNOWN");
        assert!(wait_until(PATIENCE, up), "{}", shown());
    }
}

/// How our stack is made.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What the link is.
    pub kind: WireKind,
    /// Its interface.
    pub name: String,
    /// Checksums and segmentation are left to the kernel.
    pub offload: bool,
    /// A thread of the kernel's takes what we send.
    pub threaded: bool,
    /// How connections behave.
    pub settings: Settings<any::Config>,
    /// Bytes of each connection's receive buffer.
    pub receive_bytes: usize,
    /// Bytes of each connection's send buffer.
    pub send_bytes: usize,
    /// Where packets to other networks go.
    pub gateways: Vec<IpAddr>,
    /// Whether data may come and go in SYNs.
    pub fast_open: FastOpenPolicy,
}

impl Default for Shape {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Shape {
    /// A TAP with or without offload, as the command line makes it.
    #[must_use]
    pub fn new(offload: bool) -> Self {
        let mut settings = Settings::host(any::Config::default());
        settings.gso_max = if offload { 65_535 - 120 } else { 0 };
        let (kind, name) = (WireKind::Tap, LINK.to_owned());
        let (receive_bytes, send_bytes, gateways) = (1 << 20, 1 << 20, Vec::new());
        let fast_open = FastOpenPolicy::Off;
        let threaded = false;
        Self {
            kind,
            name,
            offload,
            threaded,
            settings,
            receive_bytes,
            send_bytes,
            gateways,
            fast_open,
        }
    }

    /// The link, as a builder takes it.
    #[must_use]
    pub fn link(&self) -> WireOptions {
        let addresses = [(OURS[0], 24), (OURS[1], 64)];
        let addresses =
            addresses.into_iter().filter_map(|(address, len)| Prefix::new(address, len)).collect();
        WireOptions {
            name: self.name.clone(),
            kind: self.kind,
            offload: self.offload,
            threaded: self.threaded,
            addresses,
            gateways: self.gateways.clone(),
        }
    }

    /// The network, as a builder takes it.
    #[must_use]
    pub fn network(&self) -> Config {
        let mut config = Config {
            settings: Arc::new(self.settings),
            receive_bytes: self.receive_bytes,
            send_bytes: self.send_bytes,
            offload: self.offload,
            fast_open: self.fast_open,
            ..Config::default()
        };
        // Nobody else is on the link.
        (config.stack.probes_v4, config.stack.probes_v6) = (0, 0);
        config
    }
}

/// Our stack, on the test's thread.
#[derive(Debug)]
pub struct Stack {
    network: Network,
    wires: Vec<Wire>,
    buffer: Box<[u8]>,
    start: std::time::Instant,
    incoming: Vec<ListenerHandle>,
}

impl Stack {
    /// Opens the link; the kernel has noticed when this returns.
    #[must_use]
    pub fn open(lan: &Lan, shape: &Shape) -> Self {
        if shape.kind == WireKind::Tap {
            lan.wait_free();
        }
        let rng = Rng::new(mainstay_host::entropy().unwrap());
        let mut network = Network::new(shape.network(), rng);
        let wire = Wire::open(Instant::ZERO, &shape.link(), &mut network).unwrap();
        lan.wait_up();
        Self {
            network,
            wires: vec![wire],
            buffer: vec![0; Network::MAX_TRANSMIT].into_boxed_slice(),
            start: std::time::Instant::now(),
            incoming: Vec::new(),
        }
    }

    /// Whether a thread of the kernel's takes what it sends.
    #[must_use]
    pub fn is_threaded(&self) -> bool {
        self.wires.iter().all(|wire| wire.link().is_threaded())
    }

    /// Since it was opened.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    /// The network, to look at.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network and the moment.
    pub fn network_mut(&mut self) -> (Instant, &mut Network) {
        (self.now(), &mut self.network)
    }

    /// Connects; the flow sends `to_send` bytes and then finishes.
    #[must_use]
    pub fn connect(&mut self, peer: SocketAddr, to_send: u64) -> Flow {
        let now = self.now();
        Flow::new(self.network.connect(now, peer, None, 0).unwrap(), to_send, false)
    }

    /// Connects with the first bytes, which the SYN carries if the peer has given a cookie.
    #[must_use]
    pub fn connect_deferred(&mut self, peer: SocketAddr, to_send: u64) -> Flow {
        let now = self.now();
        Flow::deferred(self.network.connect_deferred(now, peer, None, 0).unwrap(), to_send)
    }

    /// Listens.
    #[must_use]
    pub fn listen(&mut self, address: IpAddr, port: u16) -> ListenerHandle {
        self.network.listen((address, port).into()).unwrap()
    }

    /// Waits for the next connection; the flow sends `to_send` bytes and then finishes.
    #[must_use]
    pub fn accept(&mut self, listener: ListenerHandle, to_send: u64) -> Flow {
        let deadline = Deadline::after(PATIENCE);
        loop {
            if let Some(handle) = self.network.accept(listener, 0) {
                return Flow::new(handle, to_send, true);
            }
            assert!(!deadline.is_over(), "nobody came; {:?}", self.network.engine().counters());
            self.turn(&mut []);
        }
    }

    /// Serves the flows until `done`.
    pub fn run(&mut self, flows: &mut [Flow], mut done: impl FnMut(&[Flow]) -> bool) {
        // The long form moves a GiB; the kernel's cubic takes half an hour for that where one frame in twenty is lost.
        let patience = if is_full() { 180 * PATIENCE } else { PATIENCE };
        let deadline = Deadline::after(patience);
        while !done(flows) {
            assert!(!deadline.is_over(), "{}", self.tell(flows));
            self.turn(flows);
        }
    }

    /// Moves frames until `done`, which serves connections of its own.
    pub fn run_with(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = Deadline::after(3 * PATIENCE);
        while !done(self) {
            assert!(!deadline.is_over(), "{}", self.tell(&[]));
            self.turn(&mut []);
        }
    }

    /// Serves one flow until both sides have finished.
    pub fn finish(&mut self, flow: Flow) -> Flow {
        let mut flows = [flow];
        self.run(&mut flows, |flows| flows.iter().all(Flow::is_over));
        let [flow] = flows;
        flow
    }

    /// What is known of the flows, for the words of a failure.
    #[must_use]
    pub fn tell(&self, flows: &[Flow]) -> String {
        let facts = |flow: &Flow| {
            let facts = self.network.engine().endpoint(flow.handle()).map(|e| e.facts());
            format!("{flow:?}\n{facts:#?}\n")
        };
        let all: String = flows.iter().map(facts).collect();
        format!("{all}{:?}", self.network.engine().counters())
    }

    /// Takes in frames, serves the flows, sends frames, and waits a little if there is nothing to do.
    pub fn turn(&mut self, flows: &mut [Flow]) {
        let now = self.now();
        let mut more = false;
        for wire in &mut self.wires {
            more |= wire.receive(now, &mut self.network, |_| {}).unwrap();
        }
        self.network.handle_timeout(now);
        while let Some(event) = self.network.poll_event(now) {
            match event {
                Event::Tcp(handle, event) => {
                    if let Some(flow) = flows.iter_mut().find(|flow| flow.handle() == handle) {
                        flow.note(&event);
                    }
                }
                Event::Incoming(listener) => self.incoming.push(listener),
                Event::Stack(_) => {}
            }
        }
        for flow in flows {
            more |= flow.serve(now, &mut self.network);
        }
        send_all(now, &mut self.network, &mut self.wires, &mut self.buffer, |_| {}).unwrap();
        if !more {
            self.wait();
        }
    }

    fn wait(&self) {
        let now = self.now();
        let due = self.network.poll_timeout();
        let wait =
            due.map_or(TURN, |at| if at > now { (at - now).min(TURN) } else { Duration::ZERO });
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        let blocked = self.wires.iter().any(Wire::is_blocked);
        let flags = if blocked { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut fds: Vec<PollFd<'_>> =
            self.wires.iter().map(|wire| PollFd::new(wire, flags)).collect();
        let _count = poll(&mut fds, Some(&wait)).unwrap();
    }
}
