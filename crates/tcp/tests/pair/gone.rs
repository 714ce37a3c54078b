//! An endpoint that is taken away at any event, and never heard of again.

use crate::vecs::Vecs;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::congestion::Cubic;
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::ArrayQueue;
use mainstay_tcp::{
    Config, Endpoint, Engine, Event, FastOpen, Handle, Host, Ingress, Listener, Meta, Path, Push,
    Settings, SettingsOf, Slot,
};
use mainstay_wire::ip::Ecn;
use std::collections::BTreeSet;

type Lending = Host<Vec<u8>, ArrayQueue<&'static [u8], 8>, (), Cubic>;

/// How a story goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plot {
    /// Both send, one of them something urgent, and finish.
    Orderly,
    /// The first aborts with buffers queued.
    Aborted,
    /// From some moment on nothing passes.
    Silence,
}

const PLOTS: [Plot; 3] = [Plot::Orderly, Plot::Aborted, Plot::Silence];
const ADDRESSES: [&str; 2] = ["198.18.0.1", "198.18.0.2"];

/// Which kind of event: its name.
fn kind(event: &Event<&[u8]>) -> String {
    let text = format!("{event:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()
}

struct Story {
    plot: Plot,
    now: Instant,
    engines: [Engine<Vecs<Lending>>; 2],
    handles: [Handle; 2],
    /// At the first event of this kind on this side the endpoint goes.
    goes: Option<(usize, String)>,
    gone: bool,
    seen: BTreeSet<(usize, String)>,
    steps: usize,
}

impl Story {
    fn new(plot: Plot, goes: Option<(usize, String)>) -> Self {
        let mut settings: SettingsOf<Lending> = Settings::host(Default::default());
        settings.data_limit = 20_000;
        let settings = &*Box::leak(Box::new(settings));
        let engine = |seed| {
            let (slots, listeners) = (vec![Slot::default()], vec![Listener::default()]);
            let rng = Rng::from_run(seed);
            Engine::<Vecs<Lending>>::new(Config::default(), rng, slots, listeners, Scan::default())
        };
        let mut engines = [engine(1), engine(2)];
        let handles = [0, 1].map(|which: usize| {
            let endpoint =
                Endpoint::new(vec![0; 9000], ArrayQueue::default(), settings, ()).unwrap();
            engines[which].attach(endpoint).unwrap()
        });
        let now = Instant::from_millis(1000);
        let server = SocketAddr::new(ADDRESSES[1].parse().unwrap(), 80);
        engines[1].listen(server).unwrap();
        let source = ADDRESSES[0].parse().unwrap();
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1500 });
        let mut live = engines[0].at(now, handles[0]).unwrap();
        live.connect(server, FastOpen::No, &mut paths).unwrap();
        let seen = BTreeSet::new();
        Self { plot, now, engines, handles, goes, gone: false, seen, steps: 0 }
    }

    /// What is told, and what the applications do about it.
    fn listen(&mut self) {
        for which in 0..2 {
            while let Some((handle, event)) = self.engines[which].poll_event() {
                let gone = self.gone && self.goes.as_ref().is_some_and(|goes| goes.0 == which);
                assert!(!gone, "{event:?} of an endpoint that is gone");
                let name = kind(&event);
                if self.goes.as_ref() == Some(&(which, name.clone())) {
                    let _endpoint = self.engines[which].detach(self.now, handle).unwrap();
                    self.gone = true;
                    assert!(self.engines[which].endpoint(handle).is_none());
                    assert!(self.engines[which].detach(self.now, handle).is_none());
                }
                self.seen.insert((which, name));
                self.act(which, &event);
            }
        }
    }

    fn act(&mut self, which: usize, event: &Event<&'static [u8]>) {
        let Some(mut live) = self.engines[which].at(self.now, self.handles[which]) else { return };
        if let Event::Established = event {
            let pushes = [Push::Now, Push::Urgent, Push::Now];
            for push in pushes {
                let _refused = live.send(&[5; 1500], push);
            }
            if self.plot == Plot::Aborted && which == 0 {
                live.abort();
            }
        } else if let Event::SendReady = event {
            let _over = live.finish();
        } else if let Event::ReceiveAvailable { available, .. } = event {
            let _less = live.commit(*available);
        }
    }

    fn run(mut self) -> BTreeSet<(usize, String)> {
        let end = self.now + Duration::from_secs(200);
        loop {
            let mut quiet = false;
            while !quiet {
                quiet = true;
                self.listen();
                for which in 0..2 {
                    while let Some(out) = self.engines[which].poll_transmit(self.now) {
                        quiet = false;
                        self.steps += 1;
                        assert!(self.steps < 10_000, "it never becomes quiet");
                        let packet = [out.header, &out.payload.as_slice().concat()].concat();
                        // The handshake passes.
                        if self.plot != Plot::Silence || out.payload.is_empty() && self.steps < 4 {
                            self.deliver(which, &packet);
                        }
                    }
                }
            }
            let next = self.engines.iter().filter_map(Engine::next_deadline).min();
            let Some(next) = next.filter(|at| *at < end) else { break };
            self.now = self.now.max(next);
            for engine in &mut self.engines {
                engine.handle_timeout(self.now);
            }
        }
        assert_eq!(self.gone, self.goes.is_some(), "{:?}", self.goes);
        self.seen
    }

    fn deliver(&mut self, from: usize, packet: &[u8]) {
        let ends = ADDRESSES.map(|text| text.parse().unwrap());
        let (source, destination) = (ends[from], ends[1 - from]);
        let ecn = Ecn::NotEct;
        let meta = Meta { source, destination, ecn, unit: None, verified: false, mtu: 1500 };
        let handle = self.handles[1 - from];
        if let Ingress::Incoming(incoming) =
            self.engines[1 - from].handle_segment(self.now, &meta, packet)
        {
            incoming.accept(handle).unwrap();
        }
    }
}

// S-33
// Covers TCP-014, TCP-085
#[test]
fn an_endpoint_taken_away_at_an_event_of_any_kind_is_heard_of_no_more() {
    let mut kinds = BTreeSet::new();
    for plot in PLOTS {
        for (which, name) in Story::new(plot, None).run() {
            kinds.insert(name.clone());
            Story::new(plot, Some((which, name))).run();
        }
    }
    let all = [
        "Accepted",
        "BytesAcked",
        "Disconnected",
        "Error",
        "Established",
        "Progress",
        "ReceiveAvailable",
        "Reclaimed",
        "SendDone",
        "SendReady",
        "Urgent",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
