//! What comes in: packets to the stack, segments to TCP, and connections that nobody fetched yet.

use super::Network;
use crate::error::Ignored;
use crate::icmp::ErrorKind;
use crate::interface::InterfaceId;
use crate::stack::{self, Upper};
use mainstay_base::{Instant, Verdict};
use mainstay_tcp::{Handle, IcmpError, IcmpKind, Ingress, ListenerHandle, Meta, Soft, Tuple};
use mainstay_wire::offload::Offload;

impl Network {
    /// Takes a frame, or on a link without frames a packet.
    pub fn handle_input(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        frame: &[u8],
        offload: Offload,
    ) -> Verdict<Ignored> {
        match self.stack.receive(now, interface, frame, offload) {
            Ok(Upper::Taken) => Verdict::Accepted,
            Ok(Upper::Tcp { meta, segment }) => {
                self.handle_segment(now, &meta, &segment);
                Verdict::Accepted
            }
            Ok(Upper::TcpError(error)) => {
                self.handle_error(now, &error);
                Verdict::Accepted
            }
            Err(why) => {
                self.stack.count_ignored(why);
                Verdict::Dropped(why)
            }
        }
    }

    pub(super) fn handle_segment(&mut self, now: Instant, meta: &stack::Meta, segment: &[u8]) {
        let mtu = self.stack.mtu(meta.interface);
        let meta = Meta {
            source: meta.source,
            destination: meta.destination,
            ecn: meta.ecn,
            unit: (meta.gso_size > 0).then_some(meta.gso_size),
            verified: meta.checksum_ok,
            mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
        };
        let listener = match self.engine.handle_segment(now, &meta, segment) {
            Ingress::Incoming(incoming) => {
                let listener = incoming.listener();
                let half =
                    |(of, _, ready): &&(ListenerHandle, Handle, bool)| *of == listener && !ready;
                let half_open = self.incoming.iter().filter(half).count();
                // Perhaps a flood: from here on only those that answer get memory (TCP-530).
                if !incoming.is_completed() && half_open >= self.config.backlog / 2 {
                    incoming.answer();
                    return;
                }
                listener
            }
            Ingress::Dropped(why) => {
                self.ignore(why);
                return;
            }
            Ingress::Accepted | Ingress::Pass => return,
        };
        // The place for it may need memory that the engine has to be told of, so it is asked twice.
        let Some(handle) = self.reserve(listener) else {
            self.ignore(mainstay_tcp::Ignored::Overload);
            return;
        };
        let accepted = match self.engine.handle_segment(now, &meta, segment) {
            Ingress::Incoming(incoming) => incoming.accept(handle).is_ok(),
            Ingress::Accepted | Ingress::Dropped(_) | Ingress::Pass => false,
        };
        if accepted {
            self.incoming.push((listener, handle, false));
        } else {
            self.release(now, handle);
        }
    }

    /// An endpoint for one more connection of a listener; `None` defers the peer, who asks again.
    fn reserve(&mut self, listener: ListenerHandle) -> Option<Handle> {
        let waiting = self.incoming.iter().filter(|(of, ..)| *of == listener).count();
        if waiting >= self.config.backlog {
            return None;
        }
        self.attach(None, 0).ok()
    }

    /// What the network says about a segment of ours (TCP-175 to TCP-178).
    fn handle_error(&mut self, now: Instant, error: &stack::TcpError) {
        let kind = match error.kind {
            ErrorKind::TooBig { mtu } => {
                IcmpKind::TooBig { mtu: u16::try_from(mtu).unwrap_or(u16::MAX) }
            }
            ErrorKind::ProtocolUnreachable | ErrorKind::PortUnreachable => IcmpKind::Hard,
            ErrorKind::HopLimitExceeded | ErrorKind::ReassemblyExceeded => {
                IcmpKind::Soft(Soft::TimeExceeded)
            }
            ErrorKind::ParameterProblem => IcmpKind::Soft(Soft::ParameterProblem),
            ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::Prohibited
            | ErrorKind::SourceRouteFailed
            | ErrorKind::BeyondScope => IcmpKind::Soft(Soft::Unreachable),
        };
        let tuple = Tuple::new(error.local, error.remote);
        let told = IcmpError { tuple, sequence: error.sequence, kind };
        let believed = match self.engine.handle_icmp(now, &told) {
            Verdict::Accepted => true,
            Verdict::Dropped(why) => {
                self.ignore(why);
                false
            }
        };
        if let (ErrorKind::TooBig { mtu }, true) = (error.kind, believed) {
            self.stack.learn_mtu(now, error.remote.ip(), mtu);
        }
    }
}
