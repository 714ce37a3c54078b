//! What flows between the sessions of a stack: each notices what the one below it came to.

use mainstay_base::{Instant, Peer, Reason};
use mainstay_tls::Session;

use super::{Below, Stack, Stage};

impl Stack {
    pub(super) fn has_plain(&self) -> bool {
        match &self.top {
            None => !self.plain.is_empty(),
            Some(top) => top.has_plain(),
        }
    }

    /// Lets every layer notice what the one below it came to.
    pub(super) fn absorb(&mut self) {
        if self.top.is_none() && self.climb.is_none() {
            return;
        }
        self.drain_below();
        self.drain_top();
        self.collect();
    }

    pub(super) fn drain_below(&mut self) {
        while let Some(below) = &mut self.below
            && let Some(event) = below.session.poll_event()
        {
            match event {
                mainstay_tls::Event::Up(_) => {}
                mainstay_tls::Event::PeerFinished => below.ended = true,
                mainstay_tls::Event::Failed(reason) => self.fail(reason),
            }
        }
        self.draw_up();
    }

    /// Gives the upper session what the lower one decrypted, record by record.
    pub(super) fn draw_up(&mut self) {
        while let (Some(below), Some(top)) = (&mut self.below, &mut self.top)
            && !top.has_plain()
            && below.at < below.between.len()
        {
            let rest = below.between.get_mut(below.at..).unwrap_or_default();
            let taken = top.handle_input(self.now, rest);
            below.unit = below.at..below.at + taken;
            below.at += taken;
            self.drain_top();
            self.negotiate_between();
            if taken == 0 {
                break;
            }
        }
        let (Some(below), Some(top)) = (&mut self.below, &mut self.top) else { return };
        if below.at == below.between.len() && !top.has_plain() {
            (below.between, below.at) = (Vec::new(), 0);
            if below.ended {
                top.handle_eof(self.now);
            }
        }
    }

    pub(super) fn drain_top(&mut self) {
        while let Some(top) = &mut self.top
            && let Some(event) = top.poll_event()
        {
            match event {
                mainstay_tls::Event::Up(_) => self.ascend(),
                mainstay_tls::Event::PeerFinished if self.stage == Stage::Climbing => {
                    self.fail(Reason::Peer(Peer::Closed));
                }
                mainstay_tls::Event::PeerFinished => {
                    (self.peer_finished, self.ended) = (true, true);
                }
                mainstay_tls::Event::Failed(reason) => self.fail(reason),
            }
        }
    }

    /// Gathers what the layers want to send, sealed by those below them.
    pub(super) fn collect(&mut self) {
        let mut queue = core::mem::take(&mut self.queue);
        if let Some(below) = &mut self.below {
            below.session.poll_transmit(self.now, &mut queue, usize::MAX);
        }
        if let Some(top) = self.top.as_mut().filter(|top| top.wants_transmit()) {
            let mut upper = Vec::new();
            top.poll_transmit(self.now, &mut upper, usize::MAX);
            match &mut self.below {
                Some(below) => {
                    below.session.seal(self.now, &upper, &mut queue);
                }
                None => queue.append(&mut upper),
            }
        }
        let request = self.climb.as_mut().map(|climb| climb.take_output()).unwrap_or_default();
        if !request.is_empty() {
            self.seal_through(self.now, &request, &mut queue);
        }
        self.queue = queue;
    }

    pub(super) fn seal_through(&mut self, now: Instant, plain: &[u8], out: &mut Vec<u8>) -> usize {
        match (&mut self.top, &mut self.below) {
            (None, _) => out.extend_from_slice(plain),
            (Some(top), None) => return top.seal(now, plain, out),
            (Some(top), Some(below)) => {
                let mut upper = Vec::new();
                let taken = top.seal(now, plain, &mut upper);
                below.session.seal(now, &upper, out);
                return taken;
            }
        }
        plain.len()
    }

    pub(super) fn fail(&mut self, reason: Reason) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            self.climb = None;
            self.failed = Some(reason);
        }
    }
}

impl Below {
    pub(super) fn new(session: Session) -> Self {
        Self { session, between: Vec::new(), at: 0, unit: 0..0, ended: false }
    }

    /// Copies what the session decrypted in `unit`.
    pub(super) fn draw(&mut self, unit: &mut [u8]) {
        let plain = self.session.plain(unit);
        let len = plain.len();
        self.between.extend_from_slice(plain);
        self.session.consume(len);
    }
}
