//! A device's turn over a network of its own: the loop that `host` has too, and this device's side of it.

use super::{Around, Device, Wish};
use crate::server::Place;
use core::net::SocketAddr;
use mainstay_base::{Instant, SocketId};
use mainstay_net::Connections;
use mainstay_net::connections::{Border, Fact, Limits, resume, serve};
use mainstay_node::{Application, SocketOptions};

/// How often facts and requests may cause each other before frames move. chosen: as in `host`
const SETTLE_MAX: usize = 16;

/// A device and what its turn may touch.
struct Serving<'t, 'w, A> {
    device: &'t mut Device<A>,
    around: &'t mut Around<'w>,
}

impl<A: Application> Device<A> {
    /// From now on its TCP is its own.
    pub(crate) fn set_own(&mut self, connections: Connections) {
        self.own = Some(Box::new(connections));
        self.limit_own();
    }

    /// The habits hold for connections of its own as well.
    pub(crate) fn limit_own(&mut self) {
        if let Some(own) = self.own.as_deref_mut() {
            let limits =
                Limits { read_max: self.read_max, send_max: self.write_max, ..Limits::default() };
            own.set_limits(limits);
        }
    }

    /// Opens a connection over its own network; the world is told that it was tried.
    pub(super) fn connect_own(
        &mut self,
        now: Instant,
        id: SocketId,
        target: SocketAddr,
        options: SocketOptions,
    ) {
        let Some(own) = self.own.as_deref_mut() else { return };
        self.wishes.push(Wish::Tried(Place::Tcp(target)));
        if let Err(errno) = own.connect(now, id, target, options.no_delay) {
            self.node.handle_opened(now, id, Err(errno));
            self.touched = true;
        }
    }

    /// Runs the network's timers; whether any was due.
    pub(super) fn expire_own(&mut self, now: Instant, restless: bool) -> bool {
        let Some(own) = self.own.as_deref_mut() else { return false };
        let due = own.network().poll_timeout().is_some_and(|at| at <= now);
        if due || restless {
            own.network_mut().handle_timeout(now);
        }
        if restless {
            own.network_mut().handle_timeout(now);
        }
        due
    }

    /// Tells facts and moves bytes; whether there was anything to do.
    pub(super) fn serve_own(&mut self, around: &mut Around<'_>) -> bool {
        if self.own.is_none() {
            return false;
        }
        let now = around.now;
        let mut worked = false;
        for _ in 0..SETTLE_MAX {
            if !serve(&mut Serving { device: self, around }, now) {
                break;
            }
            worked = true;
            self.deliver(now, &mut []);
            self.obey(around);
        }
        worked | resume(&mut Serving { device: self, around })
    }
}

impl<A: Application> Border for Serving<'_, '_, A> {
    fn connections(&mut self) -> Option<&mut Connections> {
        self.device.own.as_deref_mut()
    }

    fn handle_fact(&mut self, now: Instant, fact: Fact) {
        match fact {
            Fact::Opened(id, outcome) => {
                self.device.node.handle_opened(now, id, outcome.map(|_ends| ()));
            }
            Fact::Lost(id, errno) => self.device.node.handle_lost(now, id, errno),
        }
        self.device.obey(self.around);
    }

    fn handle_eof(&mut self, now: Instant, id: SocketId) {
        self.device.node.handle_eof(now, id);
        self.device.obey(self.around);
    }

    fn room(&self, id: SocketId) -> usize {
        self.device.node.room(id)
    }

    fn handle_bytes(&mut self, now: Instant, id: SocketId, bytes: &mut [u8]) {
        self.device.node.handle_bytes(id, bytes.len());
        self.device.deliver(now, bytes);
        self.device.obey(self.around);
    }

    fn collect_wanting(&mut self) {
        self.device.collect_wanting();
    }

    fn poll_transmit(&mut self, now: Instant, id: SocketId, out: &mut Vec<u8>, limit: usize) {
        self.device.node.poll_transmit(now, id, out, limit);
    }

    fn handle_written(&mut self, now: Instant, id: SocketId, _len: usize) {
        self.device.node.handle_written(now, id);
        self.device.obey(self.around);
    }
}
