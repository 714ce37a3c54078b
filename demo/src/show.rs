//! The show: peers up, streams up, a few seconds of traffic, and both sides' figures compared.

use crate::peers::{Counters, Endpoint, Peers, Service};
use crate::site;
use core::fmt::Write as _;
use core::time::Duration;
use mainstay::command::session::{Feed, Plan, Row, Session};
use std::io::{self, Write};

/// How long traffic runs. chosen: longer than the download and the back-off of the busy peer.
pub const PLAY: Duration = Duration::from_secs(6);
/// How long what is under way may take to be through. chosen: what a download begun at once still needs.
const SETTLE: Duration = Duration::from_secs(3);
/// Between two looks at the counters. chosen: only bounds how late agreement is seen.
const LOOK: Duration = Duration::from_millis(50);

/// Which stream talks to which endpoint, and what it says by itself.
const STREAMS: [(&str, Endpoint, Option<Feed>); 11] = [
    ("status", Endpoint::Status, None),
    ("telemetry", Endpoint::Telemetry, feed(200, 2048)),
    ("firmware", Endpoint::Firmware, None),
    ("busy", Endpoint::Busy, None),
    ("feed-a", Endpoint::Feed, None),
    ("feed-b", Endpoint::Feed, None),
    ("readings", Endpoint::Readings, feed(150, 4096)),
    ("echo", Endpoint::Echo, feed(10, 512)),
    ("ticker", Endpoint::Ticker, None),
    ("sensor", Endpoint::Published, feed(40, 256)),
    ("commands", Endpoint::Delivered, None),
];

const fn feed(every_ms: u32, len: usize) -> Option<Feed> {
    Some(Feed { every_ms, len })
}

/// How it went.
#[derive(Debug)]
pub struct Shown {
    /// The figures of both sides, as text.
    pub report: String,
    /// Every payload has an outcome, none bad, and the counters agree.
    pub agreed: bool,
}

/// Plays for `time`; `plain` shows lines even on a terminal.
///
/// # Errors
/// When the system gives no port, thread or descriptor, or standard output is gone.
pub fn play(time: Duration, plain: bool) -> io::Result<Shown> {
    let peers = Peers::start()?;
    let policy = site::policy(peers.ports(), peers.certificates()).map_err(io::Error::other)?;
    let device = mainstay::Builder::new(policy).build().map_err(io::Error::other)?;
    let streams = STREAMS.iter().map(|(name, _, feed)| ((*name).to_owned(), *feed)).collect();
    let plan = Plan { streams, plain, quiet: true, ..Plan::default() };
    let mut session = Session::start(device, plan);
    while session.now().since(mainstay::Instant::ZERO) < time {
        session.turn(LOOK)?;
    }
    session.hush();
    peers.hush();
    session.rest();
    let until = session.now() + SETTLE;
    while !agree(&session.rows(), peers.counters()) && session.now() < until {
        session.turn(LOOK)?;
    }
    let (rows, agreed) = (session.rows(), agree(&session.rows(), peers.counters()));
    session.finish(|| false)?;
    Ok(Shown { report: report(&rows, peers.counters()), agreed })
}

/// Writes the figures side by side.
///
/// # Errors
/// When standard output is gone.
pub fn tell(shown: &Shown) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(shown.report.as_bytes())?;
    let verdict = if shown.agreed {
        "Every payload has an outcome, and both sides counted the same.\n"
    } else {
        "NOT AGREED: see the rows marked with !\n"
    };
    out.write_all(verdict.as_bytes())?;
    out.flush()
}

/// Our figures of the streams at one endpoint.
#[derive(Default)]
struct Ours {
    tx_messages: u64,
    tx_bytes: u64,
    rx_messages: u64,
    rx_bytes: u64,
    /// Every message has its outcome, and no bad one.
    settled: bool,
}

fn ours(rows: &[Row], endpoint: Endpoint) -> Ours {
    let names = STREAMS.iter().filter(|(_, at, _)| *at == endpoint).map(|(name, ..)| *name);
    let mut sum = Ours { settled: true, ..Ours::default() };
    for name in names {
        let Some(row) = rows.iter().find(|row| row.name == name) else { continue };
        let c = &row.counters;
        sum.tx_messages += c.tx_messages;
        sum.tx_bytes += c.tx_bytes;
        sum.rx_messages += c.rx_messages;
        sum.rx_bytes += c.rx_bytes;
        let good = u64::from(c.acknowledged) + u64::from(c.sent);
        sum.settled &= row.pending == 0 && c.refused == 0 && c.unknown == 0;
        sum.settled &= !row.is_under_way() && row.refused.is_none() && good >= c.tx_messages;
    }
    sum
}

fn endpoints() -> Vec<Endpoint> {
    let mut list: Vec<Endpoint> = STREAMS.iter().map(|(_, at, ..)| *at).collect();
    list.dedup();
    list
}

fn agrees(rows: &[Row], counters: &Counters, endpoint: Endpoint) -> bool {
    let (ours, theirs) = (ours(rows, endpoint), counters.of(endpoint));
    ours.settled
        && ours.tx_bytes == theirs.bytes_in
        && ours.rx_bytes == theirs.bytes_out
        && ours.rx_messages == theirs.messages_out
        && (ours.tx_messages == 0 || ours.tx_messages == theirs.messages_in)
}

fn agree(rows: &[Row], counters: &Counters) -> bool {
    endpoints().into_iter().all(|endpoint| agrees(rows, counters, endpoint))
}

fn report(rows: &[Row], counters: &Counters) -> String {
    let mut text = format!(
        "\n{:14} {:-^39} | {:-^39}\n{:14} {:>8} {:>10} {:>8} {:>10} | {:>8} {:>10} {:>8} {:>10}\n",
        "",
        " we counted ",
        " the peers counted ",
        "",
        "sent",
        "bytes",
        "got",
        "bytes",
        "got",
        "bytes",
        "sent",
        "bytes"
    );
    for endpoint in endpoints() {
        let us = ours(rows, endpoint);
        let them = counters.of(endpoint);
        let mark = if agrees(rows, counters, endpoint) { ' ' } else { '!' };
        let name = format!("{endpoint:?}").to_lowercase();
        // A string takes everything.
        let _infallible = writeln!(
            text,
            "{mark} {name:12} {:>8} {:>10} {:>8} {:>10} | {:>8} {:>10} {:>8} {:>10}",
            us.tx_messages,
            us.tx_bytes,
            us.rx_messages,
            us.rx_bytes,
            them.messages_in,
            them.bytes_in,
            them.messages_out,
            them.bytes_out
        );
    }
    let attempts: u32 = rows.iter().map(|row| row.counters.attempts).sum();
    let sum = |count: fn(&Row) -> u64| rows.iter().map(count).sum::<u64>();
    let _infallible = writeln!(
        text,
        "\nmessages {}: acknowledged {}, sent {}, refused {}, unknown {}, without outcome {}\n\
         attempts {attempts} on {} connections (h1 {}, h2 {}, ws {}, mqtt {})",
        sum(|row| row.counters.tx_messages),
        sum(|row| row.counters.acknowledged.into()),
        sum(|row| row.counters.sent.into()),
        sum(|row| row.counters.refused.into()),
        sum(|row| row.counters.unknown.into()),
        sum(|row| row.pending),
        Service::ALL.iter().map(|&service| counters.connections(service)).sum::<u64>(),
        counters.connections(Service::H1),
        counters.connections(Service::H2),
        counters.connections(Service::Ws),
        counters.connections(Service::Mqtt),
    );
    text
}
