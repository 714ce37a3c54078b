//! Node and application as the one machine the driver drives.

use core::time::Duration;
use mainstay_base::{Errno, Instant, SocketId};
use mainstay_host as host;
use mainstay_node::{Application, Commands, Node, Opened, Request, ResolveId, Resolved, drain};

/// A node with its application attached.
#[derive(Debug)]
pub(crate) struct Joined<A> {
    pub(crate) node: Node,
    pub(crate) application: A,
    commands: Commands,
}

impl<A: Application> Joined<A> {
    pub(crate) fn new(node: Node, application: A) -> Self {
        Self { node, application, commands: Commands::default() }
    }
}

impl<A: Application> host::Machine for Joined<A> {
    fn poll_request(&mut self) -> Option<Request> {
        self.node.poll_request()
    }

    fn handle_opened(&mut self, now: Instant, id: SocketId, outcome: Result<Opened, Errno>) {
        self.node.handle_opened(now, id, outcome.map(|_| ()));
    }

    fn handle_resolved(&mut self, now: Instant, id: ResolveId, answer: Resolved) {
        self.node.handle_resolved(now, id, &answer);
    }

    fn room(&self, id: SocketId) -> usize {
        self.node.room(id)
    }

    fn handle_bytes(&mut self, _now: Instant, id: SocketId, len: usize) {
        self.node.handle_bytes(id, len);
    }

    fn drain(&mut self, now: Instant, input: &mut [u8]) {
        drain(&mut self.node, &mut self.application, &mut self.commands, now, input);
    }

    fn handle_eof(&mut self, now: Instant, id: SocketId) {
        self.node.handle_eof(now, id);
    }

    fn handle_lost(&mut self, now: Instant, id: SocketId, errno: Errno) {
        self.node.handle_lost(now, id, errno);
    }

    fn handle_written(&mut self, now: Instant, id: SocketId) {
        self.node.handle_written(now, id);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.node.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout()
    }

    fn poll_wanting(&mut self) -> Option<SocketId> {
        self.node.poll_wanting()
    }

    fn poll_transmit(&mut self, now: Instant, id: SocketId, out: &mut Vec<u8>, limit: usize) {
        self.node.poll_transmit(now, id, out, limit);
    }

    fn woken(&mut self, now: Instant) {
        self.application.woken(now, &mut self.node);
    }

    fn set_wall(&mut self, now: Instant, unix: Duration) {
        self.node.set_wall(now, unix);
    }
}
