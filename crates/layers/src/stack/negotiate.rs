//! The steps of the climb: what a proxy or a TLS session below came to, and what begins above it.

use mainstay_base::{Policy, Reason};
use mainstay_tls::Session;

use super::climb::Planned;
use super::{Below, Stack, Stage};
use crate::tunnel::{Verdict, Via};

impl Stack {
    pub(super) fn is_negotiating(&self) -> bool {
        self.climb.as_ref().is_some_and(|climb| climb.tunnel.is_some())
    }

    pub(super) fn feed_tunnel(&mut self, bytes: &[u8]) -> usize {
        let tunnel = self.climb.as_mut().and_then(|climb| climb.tunnel.as_mut());
        tunnel.map_or(0, |tunnel| tunnel.handle_input(bytes))
    }

    /// Goes on when the proxy has answered.
    pub(super) fn judge_tunnel(&mut self) {
        let Some(climb) = &mut self.climb else { return };
        match climb.tunnel.as_mut().and_then(|tunnel| tunnel.verdict()) {
            None => {}
            Some(Verdict::Refused(reason, refusal)) => {
                self.refusal = refusal;
                self.fail(reason);
            }
            Some(Verdict::Open(answer)) => {
                climb.tunnel = None;
                let (layer, proxy) = core::mem::take(&mut climb.proxy);
                self.via.push(Via { layer, proxy, answer });
                self.ascend();
            }
        }
    }

    /// A proxy behind the topmost TLS session: its answer lies in the session's plaintext.
    pub(super) fn negotiate(&mut self, unit: &mut [u8]) {
        while self.is_negotiating()
            && let Some(mut top) = self.top.take()
        {
            let taken = self.feed_tunnel(top.plain(unit));
            top.consume(taken);
            self.top = Some(top);
            // Another TLS session may have come on top; the rest is for it.
            self.judge_tunnel();
            if taken == 0 {
                break;
            }
        }
        if let Some(below) = &mut self.below {
            below.draw(unit);
        }
    }

    pub(super) fn negotiate_between(&mut self) {
        if !self.is_negotiating() {
            return;
        }
        let Some(below) = &mut self.below else { return };
        let (mut between, unit) = (core::mem::take(&mut below.between), below.unit.clone());
        while self.is_negotiating()
            && let Some(mut top) = self.top.take()
        {
            let taken =
                self.feed_tunnel(top.plain(between.get_mut(unit.clone()).unwrap_or_default()));
            top.consume(taken);
            self.top = Some(top);
            self.judge_tunnel();
            if taken == 0 {
                break;
            }
        }
        if let Some(below) = &mut self.below {
            below.between = between;
        }
    }

    /// Begins the next layer, or is up.
    pub(super) fn ascend(&mut self) {
        let now = self.now;
        let Some(climb) = &mut self.climb else { return };
        match climb.next(now) {
            None => {
                self.stage = Stage::Up { finished: false };
                self.up = true;
                self.climb = None;
            }
            Some(Planned::Tunnel(tunnel, ..)) => climb.tunnel = Some(*tunnel),
            Some(Planned::Session(session, _)) => self.put_on_top(session),
            Some(Planned::Tls(config, name, _)) => match Session::client(&config, &name) {
                Ok(session) => self.put_on_top(Box::new(session)),
                Err(_) => self.fail(Reason::Policy(Policy::Invalid)),
            },
        }
    }

    fn put_on_top(&mut self, session: Box<Session>) {
        if let Some(below) = self.top.replace(session) {
            self.below = Some(Box::new(Below::new(*below)));
        }
    }
}
