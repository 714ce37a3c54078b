//! A frame comes in: whose it is, and what it carries.

use super::Stack;
use super::packet::Upper;
use crate::error::{Ignored, increase};
use crate::interface::InterfaceId;
use mainstay_base::{Instant, Verdict};
use mainstay_wire::ethernet::{EtherType, Header, Mac};
use mainstay_wire::offload::Offload;

/// What is known of a packet beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameFacts {
    /// Who sent the frame, on a link that says so.
    pub(super) from: Option<Mac>,
    /// The frame went to a group or to everybody on the link.
    pub(super) to_group: bool,
    /// The frame went to everybody on the link.
    pub(super) to_all: bool,
    /// It never left us.
    pub(super) local: bool,
    /// What the device did to it.
    pub(super) offload: Offload,
}

impl FrameFacts {
    /// A packet from us to us.
    pub(super) fn local() -> Self {
        Self { local: true, ..Self::default() }
    }
}

impl Stack {
    /// Takes a frame, or on a link without frames a packet. Until TCP is joined, its segments are dropped here; see
    /// [`Stack::receive`].
    pub fn handle_input(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        frame: &[u8],
        offload: Offload,
    ) -> Verdict<Ignored> {
        match self.receive(now, interface, frame, offload) {
            Ok(Upper::Taken | Upper::TcpError(_)) => Verdict::Accepted,
            Ok(Upper::Tcp { .. }) => {
                self.counters.ignore(Ignored::TcpAbsent);
                Verdict::Dropped(Ignored::TcpAbsent)
            }
            Err(why) => Verdict::Dropped(why),
        }
    }

    /// As `handle_input`, for who has a TCP: hands up what is TCP's.
    ///
    /// # Errors
    /// Why the frame was ignored; it is counted.
    pub fn receive<'f>(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        frame: &'f [u8],
        offload: Offload,
    ) -> Result<Upper<'f>, Ignored> {
        increase(&mut self.counters.frames_in);
        let upper = self.receive_frame(now, interface, frame, offload);
        if let Err(why) = upper {
            self.counters.ignore(why);
        }
        upper
    }

    fn receive_frame<'f>(
        &mut self,
        now: Instant,
        id: InterfaceId,
        frame: &'f [u8],
        offload: Offload,
    ) -> Result<Upper<'f>, Ignored> {
        let interface = self.interfaces.get(&id).filter(|i| i.up).ok_or(Ignored::InterfaceDown)?;
        let facts = FrameFacts { offload, ..FrameFacts::default() };
        let Some(mac) = interface.mac() else {
            return self.receive_packet(now, id, frame, facts);
        };
        let (header, payload) = Header::parse(frame).ok_or(Ignored::FrameMalformed)?;
        let to_group = header.destination.is_multicast();
        let tagged = header.tag.is_some_and(|tag| tag & 0x0fff != 0);
        if header.destination != mac && !to_group || tagged {
            return Err(Ignored::FrameForOther);
        }
        if !header.source.is_unicast() {
            return Err(Ignored::FrameMalformed);
        }
        let to_all = header.destination.is_broadcast();
        let facts = FrameFacts { from: Some(header.source), to_group, to_all, ..facts };
        match header.ethertype {
            EtherType::ARP => self.receive_arp(now, id, payload).map(|()| Upper::Taken),
            EtherType::IPV4 | EtherType::IPV6 => self.receive_packet(now, id, payload, facts),
            _ => Err(Ignored::FrameUnknown),
        }
    }
}
