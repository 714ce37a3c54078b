//! The driver's side of a node's border, without sockets: what was asked for, what came, what was not taken yet.

use mainstay_base::SocketId;
use mainstay_node::{Request, ResolveId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A socket that is open.
#[derive(Debug, Default)]
pub(super) struct Sock {
    /// What came and was not read yet.
    pub(super) inbox: Vec<u8>,
    /// The peer ended its side.
    pub(super) eof: bool,
    pub(super) eof_told: bool,
    /// It takes nothing.
    pub(super) plugged: bool,
    pub(super) wants: bool,
    finished: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    pub(super) opening: VecDeque<SocketId>,
    pub(super) resolving: VecDeque<ResolveId>,
    pub(super) open: BTreeMap<SocketId, Sock>,
    /// Lost, or never opened, and not yet given back: an id is free only after `Close` or `Abort`.
    pub(super) lost: BTreeSet<SocketId>,
    /// Which of the open ones is meant.
    chosen: usize,
}

impl Kernel {
    /// Carries out what the node asks for, and panics when it asks for what cannot be.
    pub(super) fn obey(&mut self, request: &Request) {
        match *request {
            Request::OpenTcp { id, .. }
            | Request::OpenUnix { id, .. }
            | Request::OpenMem { id, .. } => {
                assert!(!self.knows(id) && !self.lost.contains(&id), "{id:?} is not free");
                self.opening.push_back(id);
            }
            Request::Finish(id) => {
                let sock = self.open.get_mut(&id);
                let finished = sock.map(|sock| core::mem::replace(&mut sock.finished, true));
                assert_ne!(finished, Some(true), "{id:?} is finished twice");
                assert!(finished.is_some() || self.lost.contains(&id), "{id:?} is not open");
            }
            Request::Abort(id) | Request::Close(id) => {
                let known = self.knows(id) || self.lost.remove(&id);
                assert!(known, "{id:?} is closed and not open");
                self.open.remove(&id);
                self.opening.retain(|&opening| opening != id);
            }
            Request::Resolve { id, .. } => {
                assert!(!self.resolving.contains(&id), "{id:?} is asked twice");
                self.resolving.push_back(id);
            }
        }
    }

    fn knows(&self, id: SocketId) -> bool {
        self.open.contains_key(&id) || self.opening.contains(&id)
    }

    /// How many ids are in use.
    pub(super) fn count(&self) -> usize {
        self.open.len() + self.opening.len() + self.lost.len()
    }

    /// The open socket that is meant.
    pub(super) fn chosen(&mut self) -> Option<(SocketId, &mut Sock)> {
        let count = self.open.len().max(1);
        self.open.iter_mut().nth(self.chosen % count).map(|(&id, sock)| (id, sock))
    }

    pub(super) const fn choose_next(&mut self) {
        self.chosen = self.chosen.wrapping_add(1);
    }

    /// The chosen one dies.
    pub(super) fn lose(&mut self) -> Option<SocketId> {
        let (id, _) = self.chosen()?;
        self.open.remove(&id);
        self.lost.insert(id);
        Some(id)
    }
}
