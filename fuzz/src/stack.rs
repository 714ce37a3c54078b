//! A stack of layers and its proxies' answers.
//!
//! `a` sends text, `b` finishes, `c` aborts. As first letter: `A` SOCKS5, `B` SOCKS5 with a password, `C` HTTP CONNECT,
//! `D` HTTP CONNECT with a password, `E` SOCKS5 below TLS, `F` TLS to an HTTP proxy, `G` one proxy behind the other.

use crate::adapter::{TEXT, forward};
use crate::{Lent, Machine};
use mainstay_base::{Instant, Rng};
use mainstay_layers::{
    Event, HttpConnectSpec, OsTcpSpec, Proxy, Registry, Socks5Spec, Stack, StackSpec, Target,
    TlsSpec, TrustSpec, stack,
};
use mainstay_sim::fixture;
use mainstay_tls::WallClock;

/// The machine, and what it sealed.
#[derive(Debug)]
pub struct Client {
    stack: Layers,
    over: bool,
}

/// A stack with the queue its driver would have.
#[derive(Debug)]
struct Layers {
    stack: Stack,
    sealed: Vec<u8>,
}

impl Layers {
    fn handle_input(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.stack.handle_input(now, bytes)
    }
    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize) {
        if self.sealed.is_empty() {
            return self.stack.poll_transmit(now, out, limit);
        }
        let len = limit.min(self.sealed.len());
        out.extend(self.sealed.drain(..len));
    }
    fn handle_eof(&mut self, now: Instant) {
        self.stack.handle_eof(now);
    }
    fn handle_lost(&mut self, now: Instant, reason: mainstay_base::Reason) {
        self.stack.handle_lost(now, reason);
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.stack.handle_timeout(now);
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.stack.poll_timeout()
    }
}

fn spec(kind: u8) -> Option<StackSpec> {
    let (base, proxy) = (stack(OsTcpSpec::default()), Proxy::new("p.sim.example", 1080));
    let tls =
        TlsSpec { trust: TrustSpec::Store("sim".into()), resume: false, ..TlsSpec::default() };
    let known = proxy.clone().with_credentials("user", "secret");
    let built = match kind {
        0 => base.layer(Socks5Spec::new(proxy)),
        1 => base.layer(Socks5Spec::new(known)),
        2 => base.layer(HttpConnectSpec::new(proxy)),
        3 => base.layer(HttpConnectSpec::new(known)),
        4 => base.layer(Socks5Spec::new(proxy)).layer(tls),
        5 => base.layer(tls).layer(HttpConnectSpec::new(proxy)),
        _ => base.layer(Socks5Spec::new(proxy)).layer(HttpConnectSpec::new(known)),
    };
    built.build().ok()
}

impl Machine for Client {
    /// A head of 16 KiB and a handshake of 64 KiB, grown to twice that, what the library makes of it, and what was sealed.
    const HELD_MAX: usize = 640 * 1024;

    forward!(stack);

    fn open(now: Instant, kind: u8) -> Self {
        let mut registry = Registry::new(WallClock::new(Some(fixture::WALL)));
        if matches!(kind, 4 | 5) {
            registry.set_trust("sim", crate::tls::trust());
        }
        let target = Target::new("a.sim.example", 443);
        let mut rng = Rng::from_run(1);
        let stack = spec(kind).map(|spec| Stack::new(now, &spec, &target, &registry, &mut rng));
        let Some(Ok(mut stack)) = stack else { panic!("stack {kind} is refused") };
        stack.handle_opened(now);
        Self { stack: Layers { stack, sealed: Vec::new() }, over: false }
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let bytes = self.stack.stack.plain(unit).to_vec();
        self.stack.stack.consume(bytes.len());
        (!bytes.is_empty()).then_some(Lent { channel: 0, bytes, end: false })
    }
    fn event(&mut self, _now: Instant) -> Option<(String, bool)> {
        let event = self.stack.stack.poll_event()?;
        self.over |= matches!(event, Event::Failed(_));
        Some((format!("{event:?}"), self.over))
    }
    fn written(&mut self, _now: Instant) {}
    fn act(&mut self, now: Instant, what: u8) {
        match what {
            1 => self.stack.stack.finish(now),
            2 => self.stack.stack.abort(now),
            _ if self.stack.stack.is_up() => {
                self.stack.stack.seal(now, TEXT, &mut self.stack.sealed);
            }
            _ => {}
        }
    }
    fn is_deaf(&self) -> bool {
        false
    }
}
