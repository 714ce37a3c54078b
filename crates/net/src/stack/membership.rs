//! IGMP and MLD: telling routers and switches of our groups, and hearing their questions.

use super::Stack;
use super::output::{Outgoing, compose};
use super::packet::Packet;
use crate::error::Ignored;
use crate::group::{Change, Query, Report};
use crate::interface::InterfaceId;
use crate::source;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use mainstay_base::Instant;
use mainstay_wire::ethernet::Mac;
use mainstay_wire::ip::Protocol;
use mainstay_wire::ipv6::ALL_ROUTERS;
use mainstay_wire::{icmpv6, igmp, mld};

/// What RFC 1112 routers give to answer in: they do not say. RFC 2236 §4
const UNSAID_WAIT: core::time::Duration = core::time::Duration::from_secs(10);
/// The longest message we write: a header, a record of IPv6. RFC 3810 §5.2
const MESSAGE_MAX: usize = icmpv6::HEADER_LEN + mld::RECORD_LEN;

impl Stack {
    pub(super) fn receive_igmp(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
    ) -> Result<(), Ignored> {
        if packet.hop_limit != 1 {
            return Err(Ignored::MembershipMalformed); // RFC 3376 §9.1
        }
        let message = igmp::Message::parse(packet.payload).ok_or(Ignored::MembershipMalformed)?;
        let igmp::Message::Query(query) = message else { return Err(Ignored::MembershipKind) };
        let unsaid = query.details.is_none() && query.max_response_code == 0;
        let group = (!query.group.is_unspecified()).then_some(IpAddr::V4(query.group));
        let longest_wait = if unsaid { UNSAID_WAIT } else { query.max_response() };
        let older = query.details.is_none();
        self.queried(now, packet.interface, Query { v4: true, group, longest_wait, older })
    }

    pub(super) fn receive_mld(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        message: mld::Message<'_>,
    ) -> Result<(), Ignored> {
        let from_link = matches!(packet.source, IpAddr::V6(a) if a.is_unicast_link_local());
        if packet.hop_limit != 1 || !packet.router_alert || !from_link {
            return Err(Ignored::MembershipMalformed); // RFC 3810 §6.2
        }
        let mld::Message::Query(query) = message else { return Err(Ignored::MembershipKind) };
        let group = (!query.group.is_unspecified()).then_some(IpAddr::V6(query.group));
        let (longest_wait, older) = (query.max_response(), query.details.is_none());
        self.queried(now, packet.interface, Query { v4: false, group, longest_wait, older })
    }

    fn queried(&mut self, now: Instant, id: InterfaceId, query: Query) -> Result<(), Ignored> {
        let interface = self.interfaces.get_mut(&id).ok_or(Ignored::InterfaceDown)?;
        let concerned = interface.groups.queried(now, &mut self.rng, query);
        if concerned { Ok(()) } else { Err(Ignored::MembershipKind) }
    }

    /// Sends the reports that are due.
    pub(super) fn report_groups(&mut self, now: Instant, id: InterfaceId) {
        let Some(interface) = self.interfaces.get_mut(&id).filter(|i| i.up) else { return };
        for report in interface.groups.handle_timeout(now, &mut self.rng) {
            let packet = match report.group {
                IpAddr::V4(group) => self.report_v4(id, group, report),
                IpAddr::V6(group) => self.report_v6(id, group, report),
            };
            if let Some((to, packet)) = packet {
                self.push(id, Mac::of_group(to), Self::ethertype(to), packet);
            }
        }
    }

    fn report_v4(
        &self,
        id: InterfaceId,
        group: Ipv4Addr,
        report: Report,
    ) -> Option<(IpAddr, alloc::vec::Vec<u8>)> {
        let (mut message, mut record) = ([0; MESSAGE_MAX], [0; igmp::RECORD_LEN]);
        let kind = kind(report.change);
        igmp::Record { kind, group }.emit(&mut record)?;
        let (to, said) = match (report.older, report.change) {
            (true, Change::Left) => (igmp::ALL_ROUTERS, igmp::Message::Leave(group)),
            (true, _) => (group, igmp::Message::ReportV2(group)),
            (false, _) => {
                let records = igmp::Records::parse(&record)?;
                (igmp::REPORTS_TO, igmp::Message::Report(records))
            }
        };
        let len = said.emit(&mut message)?;
        // RFC 3376 §4.2.13: a host without an address says so.
        let source = self.own(id, IpAddr::V4(to)).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let mut out = Outgoing::plain(source, IpAddr::V4(to), Protocol::IGMP, 1);
        out.router_alert = true;
        Some((IpAddr::V4(to), compose(&out, message.get(..len)?)?))
    }

    fn report_v6(
        &self,
        id: InterfaceId,
        group: Ipv6Addr,
        report: Report,
    ) -> Option<(IpAddr, alloc::vec::Vec<u8>)> {
        let (mut message, mut record) = ([0; MESSAGE_MAX], [0; mld::RECORD_LEN]);
        let kind = kind(report.change);
        mld::Record { kind, group }.emit(&mut record)?;
        let (to, said) = match (report.older, report.change) {
            (true, Change::Left) => (ALL_ROUTERS, mld::Message::DoneV1(group)),
            (true, _) => (group, mld::Message::ReportV1(group)),
            (false, _) => (mld::REPORTS_TO, mld::Message::Report(mld::Records::parse(&record)?)),
        };
        // RFC 3590 §4: a link-local address, or none while there is none.
        let link_local = |a: &IpAddr| matches!(a, IpAddr::V6(a) if a.is_unicast_link_local());
        let own = self.own(id, IpAddr::V6(mld::REPORTS_TO)).filter(link_local);
        let source = match own {
            Some(IpAddr::V6(source)) => source,
            Some(IpAddr::V4(_)) | None => Ipv6Addr::UNSPECIFIED,
        };
        let len = icmpv6::Message::Mld(said).emit(source, to, &mut message)?;
        let (source, to) = (IpAddr::V6(source), IpAddr::V6(to));
        let mut out = Outgoing::plain(source, to, Protocol::ICMPV6, 1);
        out.router_alert = true;
        Some((to, compose(&out, message.get(..len)?)?))
    }

    /// The address of this interface for what stays on its link.
    fn own(&self, id: InterfaceId, destination: IpAddr) -> Option<IpAddr> {
        source::select(self.interfaces.get(&id)?.candidates(id), destination, id)
    }
}

const fn kind(change: Change) -> mld::Kind {
    match change {
        Change::Joined => mld::Kind::ToExclude,
        Change::Left => mld::Kind::ToInclude,
        Change::Current => mld::Kind::IsExclude,
    }
}
