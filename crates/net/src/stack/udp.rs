//! UDP: commands of sockets, and datagrams on their way to them (RFC 768, RFC 8085 where it tells stacks what to do).

use super::Stack;
use super::output::Outgoing;
use super::packet::Packet;
use super::refuse::Refusal;
use crate::error::{Ignored, Misuse};
use crate::interface::To;
use crate::udp::{Flow, Received, UdpError, UdpId, UdpOptions};
use core::net::SocketAddr;
use mainstay_base::Instant;
use mainstay_wire::ip::{Dscp, Protocol};
use mainstay_wire::udp;

impl Stack {
    /// Opens a socket.
    ///
    /// # Errors
    /// `Address` if it is to be bound to one that is not ours or no group, `Unknown` interface, `InUse`, `NoPort`,
    /// `Full`.
    pub fn bind_udp(&mut self, options: UdpOptions) -> Result<UdpId, Misuse> {
        if options.interface.is_some_and(|id| !self.interfaces.contains_key(&id)) {
            return Err(Misuse::Unknown);
        }
        if let Some(address) = options.address
            && !address.is_multicast()
            && self.owner(address).is_none()
        {
            return Err(Misuse::Address);
        }
        self.sockets.bind(&mut self.rng, options)
    }

    /// Says whom a socket talks to: only what they send is received, errors about others are ignored. `None` takes that
    /// back.
    ///
    /// # Errors
    /// `Unknown`; `Address` if nobody can be there; `NoRoute`.
    pub fn connect_udp(&mut self, id: UdpId, peer: Option<SocketAddr>) -> Result<(), Misuse> {
        let bound = self.sockets.get(id).ok_or(Misuse::Unknown)?.options.interface;
        if let Some(peer) = peer {
            if peer.ip().is_unspecified() || peer.port() == 0 {
                return Err(Misuse::Address);
            }
            self.hop(peer.ip(), bound).ok_or(Misuse::NoRoute)?;
        }
        self.sockets.get_mut(id).ok_or(Misuse::Unknown)?.peer = peer;
        Ok(())
    }

    /// Closes a socket; what waits at it is lost.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn close_udp(&mut self, id: UdpId) -> Result<(), Misuse> {
        self.sockets.close(id).map(|_| ()).ok_or(Misuse::Unknown)
    }

    /// Sends a datagram to `to`, or to whom the socket is connected; in fragments, if it must be and may be.
    ///
    /// # Errors
    /// `Unknown`, `NoDestination`, `Address`, `NoRoute`, `NoSource`, `Unreachable`, `TooLong`, `NoRoom`.
    pub fn send_udp(
        &mut self,
        now: Instant,
        id: UdpId,
        to: Option<SocketAddr>,
        payload: &[u8],
    ) -> Result<(), Misuse> {
        let socket = self.sockets.get(id).ok_or(Misuse::Unknown)?;
        let to = to.or(socket.peer).ok_or(Misuse::NoDestination)?;
        let options = &socket.options;
        if to.port() == 0 || to.ip().is_unspecified() {
            return Err(Misuse::Address);
        }
        let hop = self.hop(to.ip(), options.interface).ok_or(Misuse::NoRoute)?;
        let own = options.address.filter(|a| !a.is_multicast());
        if own.is_some_and(|own| own.is_ipv4() != to.is_ipv4() || self.owner(own).is_none()) {
            return Err(Misuse::Address);
        }
        let source = own.or_else(|| self.source_for(to.ip(), hop.interface));
        let source = source.ok_or(Misuse::NoSource)?;
        let hop_limit = match options.hop_limit {
            Some(hop_limit) => hop_limit,
            None if to.ip().is_multicast() => 1, // RFC 1112 §6.1
            None => self.config.hop_limit,
        };
        let mut out = Outgoing::plain(source, to.ip(), Protocol::UDP, hop_limit);
        out.dscp = Dscp::new(options.dscp);
        out.dont_fragment = options.dont_fragment;
        let mut datagram = alloc::vec![0; udp::HEADER_LEN + payload.len()];
        let (head, body) = datagram.split_at_mut(udp::HEADER_LEN);
        let port = options.port;
        let header = udp::Header { source: port, destination: to.port(), ..Default::default() };
        header.emit(head).ok_or(Misuse::TooLong)?;
        body.copy_from_slice(payload);
        udp::fill(source, to.ip(), &mut datagram).ok_or(Misuse::TooLong)?;
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.remember(to);
        }
        self.send(now, hop, &out, &datagram)
    }

    /// Takes the oldest datagram that waits at a socket.
    pub fn recv_udp(&mut self, id: UdpId) -> Option<Received> {
        self.sockets.receive(id)
    }

    /// Takes what the network said last about datagrams of a socket.
    pub fn udp_error(&mut self, id: UdpId) -> Option<UdpError> {
        self.sockets.take_error(id)
    }

    /// How a socket is bound; its port is the one drawn if none was asked for.
    #[must_use]
    pub fn udp_options(&self, id: UdpId) -> Option<&UdpOptions> {
        self.sockets.get(id).map(|socket| &socket.options)
    }

    /// How many datagrams wait at a socket.
    #[must_use]
    pub fn udp_waiting(&self, id: UdpId) -> usize {
        self.sockets.get(id).map_or(0, |socket| socket.waiting())
    }

    pub(super) fn receive_udp(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), Ignored> {
        let (header, payload) = udp::Header::parse(packet.payload).ok_or(Ignored::UdpMalformed)?;
        let (source, destination) = (packet.source, packet.destination);
        let sound = packet.checksum_ok() || udp::verify(source, destination, packet.payload);
        if !sound {
            return Err(Ignored::TransportChecksum);
        }
        if source.is_unspecified() || header.destination == 0 {
            return Err(Ignored::UdpMalformed);
        }
        let flow = Flow {
            interface: packet.interface,
            source: SocketAddr::new(source, header.source),
            destination: SocketAddr::new(destination, header.destination),
        };
        let receivers = match packet.to {
            To::Us => self.sockets.find(&flow).into_iter().collect(),
            To::Group | To::All => self.sockets.find_all(&flow),
        };
        if receivers.is_empty() {
            let told = self.refuse(now, packet, Refusal::PortUnreachable);
            return if told { Ok(()) } else { Err(Ignored::UdpNoSocket) };
        }
        let mut taken = false;
        for id in receivers {
            if !self.sockets.has_room(id, payload.len()) {
                continue;
            }
            let received = Received {
                source: flow.source,
                destination,
                interface: packet.interface,
                ecn: packet.ecn,
                hop_limit: packet.hop_limit,
                payload: payload.to_vec(),
            };
            taken |= self.sockets.deliver(id, received);
        }
        if taken { Ok(()) } else { Err(Ignored::UdpQueueFull) }
    }
}
