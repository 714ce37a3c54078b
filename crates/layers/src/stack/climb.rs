//! What is still to be negotiated, and by when. Dropped once the stack is up.

use core::time::Duration;
use std::collections::VecDeque;

use mainstay_base::{Instant, Phase, Policy, Reason};
use mainstay_tls::{ClientConfig, Session};

use crate::http_connect::HttpConnect;
use crate::registry::Registry;
use crate::socks5::Socks5;
use crate::spec::{LayerSpec, Resolve, StackSpec, TlsSpec, host_text};
use crate::target::Target;
use crate::tunnel::Tunnel;

/// One layer to come, with how long it may take.
#[derive(Debug)]
pub(super) enum Planned {
    /// A tunnel, its layer's name and its proxy.
    Tunnel(Box<Tunnel>, (&'static str, String), Duration),
    /// A TLS session to start, and the name to judge by.
    Tls(ClientConfig, String, Duration),
    /// A TLS session that waits for its client.
    Session(Box<Session>, Duration),
}

/// The way up.
#[derive(Debug)]
pub(super) struct Climb {
    planned: VecDeque<Planned>,
    /// The tunnel being negotiated.
    pub(super) tunnel: Option<Tunnel>,
    /// Its layer's name and its proxy.
    pub(super) proxy: (&'static str, String),
    running: Option<(Phase, Instant)>,
}

impl Climb {
    pub(super) fn new(planned: Vec<Planned>) -> Self {
        let proxy = ("", String::new());
        Self { planned: planned.into(), tunnel: None, proxy, running: None }
    }

    /// The next layer; its deadline runs from `now`.
    pub(super) fn next(&mut self, now: Instant) -> Option<Planned> {
        let mut next = self.planned.pop_front();
        self.running = next.as_mut().map(|planned| match planned {
            Planned::Tunnel(_, proxy, wait) => {
                self.proxy = core::mem::take(proxy);
                (Phase::Negotiate, now + *wait)
            }
            Planned::Tls(_, _, wait) | Planned::Session(_, wait) => (Phase::Handshake, now + *wait),
        });
        next
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        self.tunnel.as_mut().map(Tunnel::take_output).unwrap_or_default()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.running.map(|(_, at)| at)
    }

    /// The phase that ran out of time.
    pub(super) fn late(&self, now: Instant) -> Option<Phase> {
        self.running.filter(|&(_, at)| now >= at).map(|(phase, _)| phase)
    }

    pub(super) fn phase(&self) -> Phase {
        self.running.map_or(Phase::Connect, |(phase, _)| phase)
    }
}

/// Turns a checked specification into layers, bottom-up.
pub(super) fn plan(
    spec: &StackSpec,
    target: &Target,
    registry: &Registry,
) -> Result<Vec<Planned>, Reason> {
    let levels = spec.layers.iter().enumerate();
    levels.map(|(level, layer)| plan_layer(spec, level, layer, target, registry)).collect()
}

fn plan_layer(
    spec: &StackSpec,
    level: usize,
    layer: &LayerSpec,
    target: &Target,
    registry: &Registry,
) -> Result<Planned, Reason> {
    if let LayerSpec::Tls(tls) = layer {
        return plan_tls(spec, level, tls, target, registry);
    }
    let Some(proxy) = layer.proxy() else { return Err(Reason::Policy(Policy::Unsupported)) };
    let (host, port) = match spec.proxy_above(level + 1) {
        Some(next) => (next.host.clone(), next.port),
        None => (hop(target, proxy.resolve)?, target.port),
    };
    let host = ascii(&host)?;
    let credentials = registry.credentials(proxy)?;
    let credentials = credentials.as_ref();
    let tunnel = match layer {
        LayerSpec::HttpConnect(connect) => {
            Tunnel::HttpConnect(HttpConnect::new(connect, credentials, &host, port)?)
        }
        LayerSpec::Socks5(socks) => Tunnel::Socks5(Socks5::new(socks, credentials, &host, port)?),
        LayerSpec::Tls(_) => return Err(Reason::Policy(Policy::Unsupported)),
    };
    let proxy_name = (layer.name(), proxy.authority());
    Ok(Planned::Tunnel(Box::new(tunnel), proxy_name, proxy.negotiate))
}

fn plan_tls(
    spec: &StackSpec,
    level: usize,
    tls: &TlsSpec,
    target: &Target,
    registry: &Registry,
) -> Result<Planned, Reason> {
    let above = spec.layers.get(level + 1..).unwrap_or_default();
    let is_top = !above.iter().any(|layer| matches!(layer, LayerSpec::Tls(_)));
    let alpn = match above.iter().find(|layer| layer.proxy().is_some()) {
        // What is spoken to an HTTPS proxy, whatever is spoken through it (LAY-229).
        Some(LayerSpec::HttpConnect(_)) => vec![b"http/1.1".to_vec()],
        Some(_) => Vec::new(),
        None if is_top => target.alpn.clone(),
        None => Vec::new(),
    };
    let name = match (&tls.name, spec.proxy_above(level), &target.server_name) {
        (Some(name), ..) => name,
        (None, Some(proxy), _) => &proxy.host,
        (None, None, Some(name)) => name,
        (None, None, None) => &target.host,
    };
    Ok(Planned::Tls(registry.tls(tls, &alpn)?, ascii(name)?, tls.handshake))
}

fn hop(target: &Target, resolve: Resolve) -> Result<String, Reason> {
    host_text(&target.host, target.address, resolve).ok_or(Reason::Policy(Policy::Missing))
}

/// A name in A-label form (RFC 5890 §2.3.2.1), or an IP address as it is.
fn ascii(host: &str) -> Result<String, Reason> {
    if host.parse::<core::net::IpAddr>().is_ok() {
        return Ok(host.to_owned());
    }
    let name = idna::domain_to_ascii(host).map_err(|_| Reason::Policy(Policy::Invalid))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let fits = !name.is_empty() && name.len() <= 255 && name.bytes().all(plain);
    if fits { Ok(name) } else { Err(Reason::Policy(Policy::Invalid)) }
}
