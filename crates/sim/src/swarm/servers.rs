//! The servers of a drawn world: good ones, bad ones until they are healed.

use super::draw::{Draw, KINDS, Kind};
use crate::fixture;
use crate::peer::{
    Answer, Broker, BrokerRules, Echo, Ending, H1, H2, Judge, Peer, Script, Secured, SharedLog, Ws,
    WsRules,
};
use crate::server::{Place, Server};
use crate::story::{Book, pattern};
use crate::world::World;
use core::cell::{Cell, RefCell};
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use mainstay_base::Rng;
use mainstay_node::Resolved;
use mainstay_tls::ServerConfig;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the servers saw, by port.
pub(crate) type Shared = Rc<RefCell<BTreeMap<u16, SharedLog>>>;

/// Where all servers are.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The port of a kind. IANA's where there is one, TLS 1000 above.
pub(crate) const fn port(kind: Kind, tls: bool) -> u16 {
    let plain = match kind {
        Kind::Ws => 80,
        Kind::Get | Kind::Post => 8080,
        Kind::H2Get | Kind::H2Post => 8082,
        Kind::Mqtt | Kind::Mqtt0 => 1883,
        Kind::Raw => 7,
    };
    if tls { plain + 1000 } else { plain }
}

fn place(kind: Kind, tls: bool) -> Place {
    Place::Tcp(SocketAddr::new(HOST.into(), port(kind, tls)))
}

/// All places.
pub(crate) fn places() -> Vec<Place> {
    KINDS.into_iter().flat_map(|kind| [place(kind, false), place(kind, true)]).collect()
}

/// Whether who is connected there finds out that the peer is gone.
pub(crate) fn notices_silence(place: &Place) -> bool {
    ![self::place(Kind::Raw, false), self::place(Kind::Raw, true)].contains(place)
}

/// Lets all of them listen.
pub(crate) fn listen(
    world: &mut World<Book>,
    draw: &Draw,
    shared: &Shared,
    healed: &Rc<Cell<bool>>,
) {
    world.name("sim.example", Resolved::Addresses(vec![HOST.into()]), Duration::from_millis(3));
    let kinds = [Kind::Ws, Kind::Get, Kind::H2Get, Kind::Mqtt, Kind::Raw];
    for (kind, tls) in kinds.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let log = SharedLog::default();
        shared.borrow_mut().insert(port(kind, tls), Rc::clone(&log));
        let alpn: &[&str] = match kind {
            Kind::Ws | Kind::Get | Kind::Post => &["http/1.1"],
            Kind::H2Get | Kind::H2Post => &["h2"],
            Kind::Mqtt | Kind::Mqtt0 => &["x-amzn-mqtt-ca"],
            Kind::Raw => &[],
        };
        let config = if tls { fixture::server(alpn) } else { None };
        let (bad, body_max, healed) = (draw.bad_answers, draw.body_max, Rc::clone(healed));
        let make = move |rng: &mut Rng| {
            let rate = if healed.get() { 0 } else { bad };
            let judge = judge(rng.next_u64(), bad, body_max, Rc::clone(&healed));
            secure(peer(kind, rng, rate, judge, &log), config.as_ref())
        };
        let (draw, silence) = (draw.clone(), kind != Kind::Raw);
        let weather = move |rng: &mut Rng| draw.faults(rng, silence);
        world.listen(place(kind, tls), Server::new(make).with_weather(weather));
    }
}

fn secure(peer: Box<dyn Peer>, config: Option<&ServerConfig>) -> Box<dyn Peer> {
    let Some(config) = config else { return peer };
    match Secured::new(config, peer) {
        Some(secured) => Box::new(secured),
        None => Box::new(Script::new(SharedLog::default(), Vec::new(), Some(Ending::Abort))),
    }
}

fn peer(kind: Kind, rng: &mut Rng, rate: u64, judge: Judge, log: &SharedLog) -> Box<dyn Peer> {
    let log = Rc::clone(log);
    let mut hit = || rng.below(100) < rate / 2;
    match kind {
        Kind::Ws => {
            let rules = WsRules {
                refuse: hit().then_some(503),
                close_after: hit().then_some((1, 1012)),
                deaf: hit(),
                ..WsRules::default()
            };
            Box::new(Ws::new(rules, log))
        }
        Kind::Get | Kind::Post => Box::new(H1::new(judge, log)),
        Kind::H2Get | Kind::H2Post => {
            Box::new(H2::new(judge, log, mainstay_http::h2::Config::default()))
        }
        Kind::Mqtt | Kind::Mqtt0 => {
            let rules = BrokerRules {
                refuse: hit().then_some(3),
                refuse_filters: hit(),
                drop_acks: hit(),
                deaf: hit(),
                mute: false,
            };
            Box::new(Broker::new(rules, log))
        }
        Kind::Raw => Box::new(Echo::new(log)),
    }
}

/// Good answers, and at `rate` bad ones until all is healed.
fn judge(seed: u64, rate: u64, body_max: u64, healed: Rc<Cell<bool>>) -> Judge {
    let rng = RefCell::new(Rng::from_run(seed));
    Rc::new(move |_method, _path, _count| {
        let mut rng = rng.borrow_mut();
        let len = usize::try_from(rng.below(body_max)).unwrap_or(0);
        let sized = rng.below(2) == 0;
        let headers = Vec::new();
        let good = Answer::Respond { status: 200, headers, body: pattern(len), sized };
        if healed.get() || rng.below(100) >= rate {
            return good;
        }
        match rng.below(8) {
            0 => Answer::with_header(503, "retry-after", "2"),
            1 => Answer::status(500),
            2 => Answer::Drop,
            3 => Answer::Reset,
            4 => Answer::Never,
            5 => Answer::Later(Duration::from_millis(rng.below(40_000)), Box::new(good)),
            6 => Answer::status(204),
            _ => Answer::with_header(429, "retry-after", "1"),
        }
    })
}
