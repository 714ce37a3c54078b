//! The session's own steps: records held and driven through the engine, and what comes of them.

use super::{Info, Lent, Session, Stage};
use crate::engine::{Outbound, Plain, Step};
use crate::error::reason;
use crate::limits::{DATA_HELD_MAX, HANDSHAKE_HELD_MAX};
use crate::record::{Extent, HEADER, extent};
use mainstay_base::{Instant, Peer, Reason};

impl Session {
    /// Input no longer means anything.
    pub(super) const fn is_deaf(&self) -> bool {
        matches!(self.stage, Stage::Over | Stage::Up { peer_finished: true, .. })
    }

    /// Adds to what is held, up to the end of the record begun there.
    pub(super) fn hold(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        loop {
            let begun = self.held.get(self.seen..).unwrap_or_default();
            let want = match extent(begun) {
                Extent::Unknown => HEADER,
                Extent::Whole(len) => len,
                Extent::Nonsense => 0,
            };
            if want <= begun.len() {
                self.advance_held();
                if want == 0 {
                    self.refuse(Reason::Peer(Peer::Tls));
                }
                return taken;
            }
            let missing = want - begun.len();
            let rest = input.get(taken..).unwrap_or_default();
            let piece = rest.get(..missing).unwrap_or(rest);
            if piece.is_empty() {
                return taken;
            }
            if self.held.len() + piece.len() > self.held_max() {
                self.refuse(Reason::Peer(Peer::TooLarge));
                return input.len();
            }
            // Room grows with what came, not with what was announced.
            self.held.reserve_exact(missing.min(piece.len() + self.held.len()));
            self.held.extend_from_slice(piece);
            taken += piece.len();
        }
    }

    pub(super) const fn held_max(&self) -> usize {
        match self.stage {
            Stage::Handshaking => HANDSHAKE_HELD_MAX,
            Stage::Up { .. } | Stage::Over => DATA_HELD_MAX,
        }
    }

    /// Shows the library what is held, now that a record of it is whole (or cannot be one).
    pub(super) fn advance_held(&mut self) {
        let mut held = core::mem::take(&mut self.held);
        self.seen = 0;
        let used = self.advance(&mut held);
        if let Some(lent) = &mut self.plain {
            lent.held = true;
            self.held = held;
        } else if used < held.len() && !self.is_deaf() {
            held.drain(..used);
            self.seen = held.len();
            self.held = held;
        }
    }

    /// Lets the library work through `input`; how much of it is done with.
    pub(super) fn advance(&mut self, input: &mut [u8]) -> usize {
        let mut used = 0;
        while let Some(engine) = &mut self.engine {
            let (discard, step) =
                engine.step(input.get_mut(used..).unwrap_or_default(), &mut self.queue);
            match step {
                Step::Again => {}
                Step::Plain(plain) => self.lend(&plain, used, input),
                Step::PeerFinished => self.peer_finished(),
                Step::Rest => {
                    used += discard;
                    break;
                }
                Step::Failed(error) => {
                    self.refuse(reason(&error));
                    break;
                }
            }
            used += discard;
        }
        self.rise();
        used
    }

    /// The payload lies right behind the record's header: every cipher of the provider decrypts
    /// to there.
    pub(super) fn lend(&mut self, plain: &Plain, record: usize, input: &[u8]) {
        let start = record + HEADER;
        let range = start..start.saturating_add(plain.len);
        if input.get(range.clone()).is_some_and(|bytes| plain.is(bytes)) {
            self.plain = Some(Lent { range, held: false });
        } else {
            // Not reached with this library; better an end than wrong bytes.
            self.refuse(Reason::Peer(Peer::Tls));
        }
    }

    pub(super) fn peer_finished(&mut self) {
        self.events.peer_finished = true;
        if let Stage::Up { finished, .. } = self.stage {
            self.stage = Stage::Up { finished, peer_finished: true };
            self.rest();
        }
    }

    /// Both directions ended in order: the library is not needed any more.
    pub(super) fn rest(&mut self) {
        if matches!(self.stage, Stage::Up { finished: true, peer_finished: true }) {
            self.engine = None;
        }
    }

    /// Notices the end of the handshake.
    pub(super) fn rise(&mut self) {
        let Some(engine) = &self.engine else { return };
        if self.stage != Stage::Handshaking || engine.common().is_handshaking() {
            return;
        }
        let info = Info::of(engine);
        self.stage = Stage::Up { finished: false, peer_finished: self.events.peer_finished };
        if self.rules.require_alpn && info.alpn.is_none() {
            self.finish(Instant::ZERO);
            self.fail(Reason::Peer(Peer::Alpn));
            return;
        }
        self.events.up = Some(Box::new(info));
    }

    pub(super) fn write(&mut self, what: Outbound<'_>, out: &mut Vec<u8>) -> bool {
        let Some(engine) = &mut self.engine else { return false };
        // Bytes decrypted here must not be shown to the library again.
        let decrypted = self.plain.as_ref().is_some_and(|lent| lent.held);
        let input = if decrypted { &mut [] } else { self.held.as_mut_slice() };
        engine.write(what, input, out).is_some()
    }

    /// Fails, and first lets the library queue the alert that says so.
    pub(super) fn refuse(&mut self, why: Reason) {
        while let Some(engine) = &mut self.engine
            && engine.common().wants_write()
        {
            engine.step(&mut [], &mut self.queue);
        }
        self.fail(why);
    }

    pub(super) fn fail(&mut self, why: Reason) {
        if self.stage != Stage::Over {
            self.events.failed = Some(why);
            self.end();
        }
    }

    /// Over: only plaintext, queue and events remain.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Over;
        self.engine = None;
        if !self.plain.as_ref().is_some_and(|lent| lent.held) {
            self.held = Vec::new();
        }
    }
}
