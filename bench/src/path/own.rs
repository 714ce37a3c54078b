//! Our stack's end, as `mainstay tcp --link` has it: a network, a link, one wait.

use super::gauge::Gauge;
use super::{CHUNK, End, FAR, LOOK, NEAR, PORT};
use crate::Fallible;
use mainstay_host::own::{Pump, WireKind, WireOptions};
use mainstay_net::Prefix;
use mainstay_net::network::{Config, Event};
use mainstay_tcp::congestion::{any, bbr};
use mainstay_tcp::queue::CopyQueue as _;
use mainstay_tcp::{Disconnected, Handle, Push, Settings};
use std::sync::Arc;

/// Payload of a super-segment at most: what the command line's has.
const GSO_MAX: u16 = 65_535 - 120;

pub(super) fn run(end: &End) -> Fallible<Gauge> {
    let offload = end.who == "own-offload";
    let mut pump = Pump::open(config(end, offload)?, &[link(end, offload)?])?;
    let now = pump.now();
    let handle = pump.network_mut().connect(now, (FAR, PORT).into(), None, 0)?;
    let mut gauge = Gauge::new(end.window);
    let mut bytes = vec![0; CHUNK];
    loop {
        pump.turn(Some(LOOK), |_, _, _| {})?;
        let now = pump.now();
        while let Some(event) = pump.network_mut().poll_event(now) {
            match event {
                Event::Tcp(_, mainstay_tcp::Event::Established) => gauge.open(),
                Event::Tcp(_, mainstay_tcp::Event::Disconnected(why)) => {
                    return finished(why, gauge);
                }
                Event::Tcp(..) | Event::Incoming(_) | Event::Stack(_) => {}
            }
        }
        let more = if end.sends {
            write(&mut pump, handle, &bytes, &mut gauge)
        } else {
            read(&mut pump, handle, &mut bytes, &mut gauge)
        };
        if !more {
            let now = pump.now();
            if let Some(mut live) = pump.network_mut().at(now, handle) {
                live.abort();
            }
            pump.turn(Some(LOOK), |_, _, _| {})?;
            return Ok(gauge);
        }
    }
}

/// The far end may have seen enough first; nothing else may end it.
fn finished(why: Disconnected, gauge: Gauge) -> Fallible<Gauge> {
    if why == Disconnected::Reset { Ok(gauge) } else { Err(format!("it ended: {why:?}").into()) }
}

/// Hands over what there is room for; whether the window goes on.
fn write(pump: &mut Pump, handle: Handle, bytes: &[u8], gauge: &mut Gauge) -> bool {
    let now = pump.now();
    let mut count = 0;
    if let Some(mut live) = pump.network_mut().at(now, handle) {
        loop {
            let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room());
            let next = bytes.get(..room.min(bytes.len())).unwrap_or_default();
            if next.is_empty() {
                break;
            }
            match live.write(next, Push::Now) {
                Ok(len) if len > 0 => count += len,
                Ok(_) | Err(_) => break,
            }
        }
    }
    gauge.add(count)
}

/// Takes what has come; whether the window goes on.
fn read(pump: &mut Pump, handle: Handle, bytes: &mut [u8], gauge: &mut Gauge) -> bool {
    let now = pump.now();
    let mut more = gauge.add(0);
    if let Some(mut live) = pump.network_mut().at(now, handle) {
        loop {
            let len = live.read(bytes).unwrap_or(0);
            if len == 0 {
                break;
            }
            more = gauge.add(len);
        }
    }
    more
}

fn config(end: &End, offload: bool) -> Fallible<Config> {
    let (name, threshold) = end.congestion.split_once(':').unwrap_or((&end.congestion, "20"));
    let congestion = match name {
        "bbr" => any::Config::Bbr3(bbr::Config {
            loss_thresh_permille: threshold.parse()?,
            ..bbr::Config::default()
        }),
        _ => any::Config::Cubic(Default::default()),
    };
    let mut settings = Settings::host(congestion);
    settings.pacing = name == "bbr";
    settings.gso_max = if offload { GSO_MAX } else { 0 };
    let mut config = Config {
        settings: Arc::new(settings),
        receive_bytes: end.buffer,
        send_bytes: end.buffer,
        offload,
        ..Config::default()
    };
    config.stack.probes_v4 = 0;
    Ok(config)
}

fn link(end: &End, offload: bool) -> Fallible<WireOptions> {
    let (kind, name) = end.link.split_once(':').ok_or("tap:NAME or packet:NAME")?;
    let kind = if kind == "packet" { WireKind::Packet } else { WireKind::Tap };
    let address = Prefix::new(NEAR, 24).ok_or("no prefix")?;
    Ok(WireOptions {
        name: name.to_owned(),
        kind,
        offload,
        threaded: !offload && kind == WireKind::Tap,
        addresses: vec![address],
        gateways: Vec::new(),
    })
}
