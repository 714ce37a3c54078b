//! A world with one device, and servers by short words.
#![allow(dead_code, reason = "each test binary uses its part")]

use core::time::Duration;
use mainstay_base::Instant;
use mainstay_node::{Config, Node, StreamId};
use mainstay_policy::{Policy, State};
use mainstay_sim::peer::{
    Answer, Broker, BrokerRules, Echo, H1, H2, Judge, Peer, Secured, SharedLog, Ws, WsRules,
};
use mainstay_sim::story::{Book, Role, Story};
use mainstay_sim::{Place, Server, World, fixture};
use std::rc::Rc;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SEC: Duration = Duration::from_secs(1);

/// A world and its log.
pub(crate) struct Stage {
    pub(crate) world: World<Book>,
    pub(crate) log: SharedLog,
    /// The seed of the node, for its draws.
    pub(crate) seed: [u8; 32],
}

pub(crate) fn tcp(address: &str) -> Place {
    Place::Tcp(address.parse().unwrap())
}

impl Stage {
    /// A device with this policy body: the members of the document.
    pub(crate) fn new(policy: &str) -> Self {
        Self::with(policy, Config::default())
    }

    pub(crate) fn with(policy: &str, config: Config) -> Self {
        let text = format!("{{ {policy} }}");
        let policy =
            Policy::parse(&text, "test").map_err(|fault| panic!("{fault:?}")).unwrap().policy;
        let mut world = World::new(1);
        let seed = [7; 32];
        let mut node = Node::new(seed, config);
        node.set_policy(policy).unwrap();
        let book = Book::new(world.clock());
        world.add(node, book);
        Self { world, log: SharedLog::default(), seed }
    }

    pub(crate) fn role(&mut self, streamtype: &str, role: Role) {
        self.world.application(0).set_role(streamtype, role);
    }

    pub(crate) fn create(&mut self, streamtype: &str) -> StreamId {
        let now = self.world.now();
        self.world.node(0).create(now, streamtype).unwrap()
    }

    pub(crate) fn listen(&mut self, place: &str, server: Server) {
        self.world.listen(tcp(place), server);
    }

    pub(crate) fn ws(&mut self, place: &str, rules: WsRules) {
        let log = Rc::clone(&self.log);
        self.listen(place, Server::new(move |_| Box::new(Ws::new(rules.clone(), Rc::clone(&log)))));
    }

    pub(crate) fn h1(&mut self, place: &str, judge: impl Fn(&str, &str, u32) -> Answer + 'static) {
        let (log, judge): (_, Judge) = (Rc::clone(&self.log), Rc::new(judge));
        self.listen(
            place,
            Server::new(move |_| Box::new(H1::new(Rc::clone(&judge), Rc::clone(&log)))),
        );
    }

    pub(crate) fn h2(&mut self, place: &str, judge: impl Fn(&str, &str, u32) -> Answer + 'static) {
        let (log, judge): (_, Judge) = (Rc::clone(&self.log), Rc::new(judge));
        let config = mainstay_http::h2::Config::default();
        let server = Server::new(move |_| {
            Box::new(H2::new(Rc::clone(&judge), Rc::clone(&log), config.clone()))
        });
        self.listen(place, server);
    }

    pub(crate) fn broker(&mut self, place: &str, rules: BrokerRules) {
        let log = Rc::clone(&self.log);
        self.listen(
            place,
            Server::new(move |_| Box::new(Broker::new(rules.clone(), Rc::clone(&log)))),
        );
    }

    pub(crate) fn echo(&mut self, place: &str) {
        let log = Rc::clone(&self.log);
        self.listen(place, Server::new(move |_| Box::new(Echo::new(Rc::clone(&log)))));
    }

    pub(crate) fn peer(
        &mut self,
        place: &str,
        make: impl Fn(SharedLog) -> Box<dyn Peer> + 'static,
    ) {
        let log = Rc::clone(&self.log);
        self.listen(place, Server::new(move |_| make(Rc::clone(&log))));
    }

    pub(crate) fn story(&mut self, streamtype: &str) -> &Story {
        self.world.application(0).story(streamtype)
    }

    pub(crate) fn path(&mut self, streamtype: &str) -> Vec<State> {
        self.story(streamtype).path()
    }

    /// When the stream was told a state for the first time, in milliseconds.
    pub(crate) fn told(&mut self, streamtype: &str, state: State) -> Option<u64> {
        self.story(streamtype).times(state).first().map(|at| at.as_micros() / 1000)
    }

    pub(crate) fn is_connected(&mut self, streamtype: &str) -> bool {
        self.story(streamtype).last() == State::Connected
    }

    pub(crate) fn run(&mut self, wait: Duration) {
        self.world.run(wait);
        self.check();
    }

    /// Nothing that must not be has happened.
    pub(crate) fn check(&mut self) {
        let mut faults = self.world.faults().to_vec();
        faults.extend(self.world.application(0).faults.iter().cloned());
        let node = self.world.seen(0);
        for id in node.streams() {
            let illegal = node.stream(id).map_or(0, |stream| stream.counters().illegal);
            if illegal > 0 {
                faults.push(format!("{illegal} illegal states"));
            }
        }
        if node.refused_commands() > 0 {
            faults.push(format!("{} refused commands", node.refused_commands()));
        }
        if !faults.is_empty() {
            let book = self.world.application(0).trace().lines();
            panic!("{faults:#?}\n{book}\n{}", self.world.trace().lines());
        }
    }
}

pub(crate) fn millis(at: Instant) -> u64 {
    at.as_micros() / 1000
}

/// Behind TLS, speaking `alpn`.
pub(crate) fn secured(alpn: &[&str], peer: Box<dyn Peer>) -> Box<dyn Peer> {
    Box::new(Secured::new(&fixture::server(alpn).unwrap(), peer).unwrap())
}
